"""Every number class is a number: numpy's, Decimal and Fraction as well as int and float."""

from __future__ import annotations

import math
from decimal import Decimal
from numbers import Real

from ..record.json import INT64

_LONGEST_SCORE = 64  # characters


def number_of(value: object) -> float | None:
    """Return *value* as a finite float where its class is one of numbers, else None. A truth value is no number.

    Judged by the class (numpy registers its own with `numbers.Real`), so no object is asked for anything else.
    """
    kind = type(value)
    if kind is float:
        return value if math.isfinite(value) else None  # type: ignore[return-value, arg-type]
    if kind is bool or not issubclass(kind, (Real, Decimal)):
        return None
    try:
        found = float(value)  # type: ignore[arg-type]
    except Exception:  # a number class of others
        return None
    return found if math.isfinite(found) else None


def score_of(value: object) -> float | None:
    """Return *value* as a finite float where it is a number, or the text of one: a Decimal is captured as its digits."""
    if type(value) is str and len(value) <= _LONGEST_SCORE:
        try:
            return number_of(float(value))
        except ValueError:
            return None
    return number_of(value)


def count_of(value: object) -> int | None:
    """Return *value* as a count from 0 to 2**63 - 1, else None."""
    if type(value) is int:
        return value if 0 <= value < INT64 else None
    if value is None:
        return None
    found = number_of(value)
    return int(found) if found is not None and 0 <= found < INT64 else None
