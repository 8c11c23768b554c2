"""What stands in a copy where values were left out."""

from __future__ import annotations

MARK_KEY = "[truncated]"
"""The key under which a mapping says how many entries were left out."""


def mark(count: int) -> str:
    """Return the text that stands where *count* values were left out."""
    return f"[truncated: {count:,} more]"


def is_mark(value: object) -> bool:
    """Return whether *value* is a text that `mark` made."""
    return type(value) is str and value.startswith("[truncated: ") and value.endswith(" more]")
