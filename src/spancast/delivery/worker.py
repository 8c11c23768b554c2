"""A spancast thread: started at its first work, started again when it has died, and nothing it raises ends anything else."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, detach, set_value

from ..own_threads import IN_OWN_THREAD, is_for_this_thread
from ..recording.guard import report_fault
from .threads import WakeUp, allocate_lock, get_ident, start_new_thread

LONGEST_SLEEP: Final = 5.0  # seconds: should a wake-up be lost, nothing waits for longer than that
_AFTER_FAULT: Final = 0.05  # seconds; a bug in spancast that comes again and again must not take the processor


class Worker:
    """Runs a step again and again in a thread, sleeping in between. It works only in the process that made it.

    `start` may be called at any line of the application: it waits for nothing. `threading.Thread.start` will not do: it
    takes a lock that the interrupted code may have, and waits for the new thread.

    Attributes:
        wake: Ends its sleep.
        ident: The thread that runs, or ran last.
    """

    def __init__(self, name: str, step: Callable[[], float | None], last: Callable[[], object] = lambda: None) -> None:
        """*step* returns after how many seconds it wants to be called again, or None: never; *last* is called then."""
        self.wake = WakeUp()
        self.ident: int | None = None
        self._name = name
        self._step = step
        self._last = last
        self._pid = os.getpid()
        self._alone = allocate_lock()  # whoever gets it starts the thread; the thread lets go of it at its end
        self.is_running: Callable[[], bool] = self._alone.locked
        """Returns whether the thread is there. The lock's own method: it is asked with each span."""

    @property
    def is_at_home(self) -> bool:
        """Whether this is the process that made it."""
        return os.getpid() == self._pid

    @property
    def is_own_thread(self) -> bool:
        """Whether it is this thread that asks."""
        return self.ident == get_ident()

    def start(self) -> bool:
        """Start the thread, unless it runs; return whether it runs now. It cannot be started while the interpreter exits."""
        if not self._alone.acquire(False):
            return True
        try:
            start_new_thread(self._run, ())
        except RuntimeError:
            self._alone.release()
            return False
        return True

    def _run(self) -> None:
        self.ident = get_ident()
        token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))  # what runs here is no part of any trace
        IN_OWN_THREAD.set(True)
        try:
            while (wait := self._guarded_step()) is not None:
                if wait > 0:
                    self.wake.wait(min(wait, LONGEST_SLEEP))
        finally:
            detach(token)
            self.ident = None  # the system gives the same number to a later thread
            if self.is_at_home:
                self._alone.release()

    def _guarded_step(self) -> float | None:
        if not self.is_at_home:  # gevent's greenlets go on in a forked child: what they work on is the parent's
            return None
        try:
            wait = self._step()
            if wait is None:
                self._last()
            return wait
        except BaseException as error:  # the thread outlives any bug in spancast
            if is_for_this_thread(error):
                raise
            report_fault(self._name, error)
            return _AFTER_FAULT
