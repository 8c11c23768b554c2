"""Counts in words, for people."""

from __future__ import annotations


def spans(count: int) -> str:
    """Return "1 span" or "2,000 spans"."""
    return f"{count:,} span" if count == 1 else f"{count:,} spans"
