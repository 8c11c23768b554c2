"""The page about the benchmarks names every script and every option that it shows."""

from __future__ import annotations

import re

from .conftest import BENCHMARKS

PAGE = (BENCHMARKS / "README.md").read_text()


def test_every_script_is_on_the_page() -> None:
    """A script that nobody can find is not there; one that is gone is not named."""
    there = {path.name for path in BENCHMARKS.glob("*.py")}
    described = set(re.findall(r"`(?:python benchmarks/)?([a-z_]+\.py)", PAGE))
    assert set() == described - there
    assert {"measuring.py", "plot.py", "nesting_peers.py"} >= there - described
