"""Locks and threads that work in any thread of the application, in a greenlet, in a signal handler and in a finalizer.

All of them come from `_thread`, taken at one moment: where gevent or eventlet has patched the interpreter before spancast
was imported, all are the patched ones; else all are the operating system's. One of each kind would wait for the other.
"""

from __future__ import annotations

import sys
from _thread import allocate_lock, get_ident
from _thread import start_new_thread as _start
from collections.abc import Callable
from contextlib import suppress
from time import sleep as thread_sleep
from types import BuiltinFunctionType
from typing import Any, Final

__all__ = ["ARE_GREENLETS", "Tally", "WakeUp", "allocate_lock", "get_ident", "start_new_thread", "thread_sleep"]

ARE_GREENLETS: Final = not isinstance(_start, BuiltinFunctionType)
"""Whether what we start are greenlets: there a pause of zero seconds is a switch, which not everybody may make."""


def _hub_here() -> Any:
    """Return gevent's hub of this thread; None where what we start are no greenlets of gevent's."""
    gevent = sys.modules.get("gevent") if ARE_GREENLETS else None
    return gevent.get_hub() if gevent is not None else None


_hub: Final = _hub_here()  # of the thread that imports spancast, which is the one that waits for the others


def _start_in_hub(function: Callable[..., object], args: tuple[Any, ...]) -> object:
    """Start a greenlet in the hub of the application: one that a thread of gevent's pool starts for itself never runs.

    Raises:
        RuntimeError: When that hub has ended.
    """
    if _hub.loop is None:
        raise RuntimeError("gevent's hub has ended")
    if _hub_here() is _hub:
        return _start(function, args)
    return _hub.loop.run_callback_threadsafe(_start, function, args)


start_new_thread: Final[Callable[[Callable[..., object], tuple[Any, ...]], object]] = (
    _start if _hub is None else _start_in_hub
)
"""Starts what the interpreter calls a thread, as `_thread` does; RuntimeError where none can be started any more."""


class WakeUp:
    """Wakes one thread that waits. `set` is one step in C and takes no lock that a thread may already have.

    The token is a raw lock: acquired means "nothing new", and releasing it wakes who waits. `threading.Event` will not do:
    its `set` takes an inner lock, and a finalizer that runs inside of it and calls `set` again waits for itself.
    """

    __slots__ = ("_token",)

    def __init__(self) -> None:
        self._token = allocate_lock()
        self._token.acquire()

    def set(self) -> None:
        """Wake the thread, or let its next `wait` return immediately."""
        with suppress(RuntimeError):  # it was set already
            self._token.release()

    def wait(self, timeout: float) -> bool:
        """Wait up to *timeout* seconds; return whether it was set."""
        return self._token.acquire(True, max(0.0, timeout))

    def clear(self) -> None:
        """Forget that it was set."""
        self._token.acquire(False)


class Tally:
    """Counts from any thread without a lock: each step is one call in C. `itertools.count` does it; its text has the sum."""

    __slots__ = ("_count",)

    def __init__(self) -> None:
        from itertools import count

        self._count = count()

    def add(self) -> None:
        """Count one more."""
        next(self._count)

    @property
    def value(self) -> int:
        """How many were counted."""
        return int(repr(self._count)[6:-1])  # "count(7)"; reading it by pickling is gone in Python 3.14
