"""A preset's arguments as options of the command line."""

from __future__ import annotations

import re

import pytest

from spancast.commands.options import own_arguments
from spancast.destinations import PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_every_option_says_what_it_is(name: str) -> None:
    """Each argument has its line under `Args:`, and so its help."""
    assert [] == [argument for argument, _, help in own_arguments(PRESETS[name]) if not help]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_names_sources_that_readers_have(name: str) -> None:
    """What a backend does differently is followed by whose words that are, not by a section of somebody's notes."""
    said = PRESETS[name].make.__doc__ or ""
    assert None is re.search(r"contracts \d|contracts section", said)
    assert name in ("otlp", "file") or "differently:" not in said
