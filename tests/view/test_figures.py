"""Figures read the same in the terminal and on the page (page/tests has the same values)."""

from __future__ import annotations

import pytest

from spancast.view.figures import duration, money


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0123, "12 ms"), (2.345, "2.35 s"), (59.4, "59.40 s"), (75, "1m 15s"), (119.7, "2m 0s")]
)
def test_durations(seconds: float, text: str) -> None:
    """An agent's ten minutes are minutes, and none has sixty seconds."""
    assert text == duration(seconds)


@pytest.mark.parametrize(
    ("dollars", "text"),
    [(0.00003, "$0.00003"), (0.0000275, "$0.000028"), (0.0123, "$0.0123"), (2, "$2.00"), (0, "$0")],
)
def test_amounts(dollars: float, text: str) -> None:
    """A small amount has two digits, rounded."""
    assert text == money(dollars)
