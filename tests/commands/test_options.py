"""A preset's arguments as options of the command line."""

from __future__ import annotations

import pytest

from spancast.commands.options import own_arguments
from spancast.destinations import PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_every_option_says_what_it_is(name: str) -> None:
    """Each argument has its line under `Args:`, and so its help."""
    assert [] == [argument for argument, _, help in own_arguments(PRESETS[name]) if not help]
