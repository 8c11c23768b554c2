"""Which model's stream is being read here: a framework may run its body in the context of whoever reads it.

There the current span is the reader's. An adapter that finds the stream's operation in another way adds a function here.
"""

from __future__ import annotations

from collections.abc import Callable

from .open_operation import OpenOperation

_finders: list[Callable[[], OpenOperation | None]] = []  # one an adapter, added when it is imported


def find_by(finder: Callable[[], OpenOperation | None]) -> None:
    """Ask *finder*, which must not raise, for the open model call whose stream the running code belongs to."""
    _finders.append(finder)


def read_here() -> OpenOperation | None:
    """Return the open model call whose stream the running code belongs to."""
    for finder in _finders:
        if (found := finder()) is not None:
            return found
    return None
