"""SECURITY.md says what the code does: its figures, its files, and the tests that it names."""

from __future__ import annotations

import re

import pytest

import spancast
from spancast.delivery import spool
from spancast.otlp import http
from spancast.recording import paused

from .environments import ROOT

PAGE = (ROOT / "SECURITY.md").read_text()


def test_the_tests_that_it_names_exist() -> None:
    """A claim that is said to be held by a test is held by one."""
    named = re.findall(r"`(tests/[^`]+)`", PAGE)
    assert ([], True) == ([name for name in named if not (ROOT / name).is_file()], len(named) >= 4)


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("{:.0f} days, 256 MiB a destination", spool.MAX_AGE / 86400),
        ("7 days, {:.0f} MiB a destination", spool.MAX_BYTES / 1024**2),
        ("`paused` | the owner (0600 in 0700) | {:.0f} days", paused.MAX_AGE / 86400),
        ("read up to\n{:.0f} MiB", http.MAX_ANSWER / 1024**2),
    ],
)
def test_its_figures_are_those_of_the_code(said: str, value: float) -> None:
    """Whoever changes a bound finds this page."""
    assert said.format(value) in PAGE


def test_the_supported_version_is_this_one() -> None:
    """The table is not left behind by a release."""
    assert f"the newest release ({spancast.__version__.rpartition('.')[0]})" in PAGE
