"""Figures as people read them: durations, amounts of money, numbers of things."""

from __future__ import annotations

import math


def duration(seconds: float) -> str:
    """Return seconds with two places, or milliseconds; from a minute on minutes and whole seconds."""
    whole = round(seconds)
    if whole >= 60:
        return f"{whole // 60}m {whole % 60}s"
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def money(dollars: float) -> str:
    """Return an amount with four places; from a dollar on with two, a smaller one with its first two digits."""
    if dollars == 0:
        return "$0"
    if dollars >= 1:
        return f"${dollars:.2f}"
    if not 1e-9 <= dollars < 0.0001:
        return f"${dollars:.4f}"
    places = 1 - math.floor(math.log10(dollars))
    return "$" + f"{dollars:.{places}f}".rstrip("0")


def counted(number: int, word: str) -> str:
    """Return a number with what it counts: `1 span`, `2 spans`."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"
