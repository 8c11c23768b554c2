"""Every class of numbers is read as a number, and nothing else is."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from spancast.capture.numbers import count_of, number_of, score_of


class Odd(float):
    def __float__(self) -> float:
        raise RuntimeError("asked")


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0.5, 0.5),
        (1, 1.0),
        (np.float32(0.5), 0.5),
        (np.float64(0.5), 0.5),
        (np.int64(7), 7.0),
        (Decimal("0.5"), 0.5),
        (Fraction(1, 2), 0.5),
        (10**400, None),
        (True, None),
        (np.bool_(True), None),
        (float("nan"), None),
        (np.float32("inf"), None),
        (Decimal("nan"), None),
        ("0.5", None),
        (None, None),
        ([1], None),
        (Odd(0.5), None),
        (object(), None),
    ],
)
def test_numbers(value: Any, number: float | None) -> None:
    """Finite ones, by their class."""
    assert number == number_of(value)


@pytest.mark.parametrize(
    ("value", "count"),
    [(3, 3), (3.0, 3), (np.int64(3), 3), (-1, None), (2**63, None), (None, None), (True, None), ("3", None)],
)
def test_counts(value: Any, count: int | None) -> None:
    """From 0 to what 64 bits hold."""
    assert count == count_of(value)


@pytest.mark.parametrize(
    ("value", "score"), [("0.5", 0.5), (0.5, 0.5), ("high", None), ("nan", None), ("9" * 65, None), (None, None)]
)
def test_scores(value: Any, score: float | None) -> None:
    """A number, or its digits."""
    assert score == score_of(value)
