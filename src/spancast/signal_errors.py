"""What a signal handler of the application raises, told apart from what spancast's own code raises."""

from __future__ import annotations

import functools
import signal
import threading
from collections.abc import Iterator
from types import CodeType


def is_from_signal_handler(error: BaseException) -> bool:
    """Return whether a signal handler of the application raised *error*: a time limit that ran out while spancast worked.

    Python runs such handlers between any two instructions of the main thread, so what one raises comes out of whatever was
    being done. It is recognised by its traceback, which passes through a handler that is installed. What is raised into a
    thread from outside (`PyThreadState_SetAsyncExc`) has no such mark, and is counted as a fault of spancast.
    """
    if threading.get_ident() != threading.main_thread().ident:
        return False
    handlers = set(_handlers())
    place = error.__traceback__
    while place is not None and handlers:
        if place.tb_frame.f_code in handlers:
            return True
        place = place.tb_next
    return False


def _handlers() -> Iterator[CodeType]:
    """Yield the code of each signal handler that is installed."""
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        if not callable(handler):
            continue
        while isinstance(handler, functools.partial):
            handler = handler.func
        for each in (handler, getattr(handler, "__func__", None), vars(type(handler)).get("__call__")):
            code = getattr(each, "__code__", None)
            if isinstance(code, CodeType):
                yield code
