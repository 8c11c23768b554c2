"""The redactors of what leaves beside spans: those of the destinations of the recorders of this process."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Protocol

from .open_operation import OpenOperation


class Recording(Protocol):
    """What is asked of a recorder."""

    redactors: tuple[Callable[[str], str], ...]

    @property
    def find(self) -> Callable[[object], OpenOperation | None]:
        """Return the open operation of a key."""


_recorders: weakref.WeakSet[Recording] = weakref.WeakSet()


def register(recorder: Recording) -> None:
    """Let the redactors of *recorder* count, as long as it lives."""
    _recorders.add(recorder)


def redactors_at(operation: OpenOperation) -> tuple[Callable[[str], str], ...]:
    """Return the redactors of the destinations that *operation* goes to; of all where it is not known whose it is."""
    recorders = list(_recorders)
    own = [recorder for recorder in recorders if recorder.find(operation.key) is operation] or recorders
    return tuple(dict.fromkeys(redactor for recorder in own for redactor in recorder.redactors))
