"""Whether the running code is in a thread of spancast's own, and what a function of the application's may raise there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final, ParamSpec, TypeVar

IN_OWN_THREAD: Final[ContextVar[bool]] = ContextVar("spancast_own_thread", default=False)
"""Set by each thread for itself. No thread id: with gevent many greenlets share one."""
_UNTRACED: Final[ContextVar[bool]] = ContextVar("spancast_untraced", default=False)
_P = ParamSpec("_P")
_R = TypeVar("_R")


def is_patched_by_gevent() -> bool:
    """Return whether gevent has replaced the interpreter's sockets: then all that waits has to wait its way."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("socket"))


def untraced(function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
    """Call *function*, of the application's, so that what it calls is not recorded: its spans would come back to it."""
    token = _UNTRACED.set(True)
    try:
        return function(*args, **kwargs)
    finally:
        _UNTRACED.reset(token)


def suppresses_tracing(suppressed: object) -> bool:
    """Return whether nothing that begins here is recorded. *suppressed*: what OpenTelemetry's context says.

    In spancast's own threads that is always set, for the sake of instrumented HTTP clients; the finalizers of the
    application's that a garbage collection runs there are recorded all the same.
    """
    return _UNTRACED.get() if IN_OWN_THREAD.get() else bool(suppressed)


def is_for_this_thread(error: BaseException) -> bool:
    """Return whether *error* may have to go through: Ctrl-C, `sys.exit`, a time limit or a cancellation of the application.

    None of them is meant for a thread of spancast's own: there such an error comes from a function of the application's, as
    `redact` or an exporter, and must not end the thread. The exception is gevent's end of a greenlet.
    """
    if isinstance(error, Exception):
        return False
    return not IN_OWN_THREAD.get() or type(error).__name__ == "GreenletExit"
