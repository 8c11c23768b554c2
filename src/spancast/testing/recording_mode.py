"""Whether this process records model calls: what pytest's `--spancast-record` says."""

from __future__ import annotations

_levels: list[bool] = []  # of nested pytest runs, the innermost last; only pytest's own thread writes


def is_on() -> bool:
    """Return whether real models are called and their answers recorded."""
    return bool(_levels) and _levels[-1]


def begin(record: bool) -> None:
    """Begin a run of pytest."""
    _levels.append(record)


def end() -> None:
    """End the run that was begun last."""
    _levels.pop()
