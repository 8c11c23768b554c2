"""SIGTERM: what was recorded is secured first; then whoever would have handled the signal does.

Signal handlers run in the main thread, between any two of its instructions: also while it holds a lock that sending needs.
So the handler only starts a thread and returns, and the main thread goes on. When the thread is done it sends the signal
again, and this time the handler passes it on. What is recorded after that, while a server ends its last requests, is
secured when the server puts back the handler that was there before ours.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

from ..recording.notice import warn_once


class Handler:
    """Secures, then passes on to *previous*: a function, the default (the process ends), or nothing."""

    def __init__(self, secure: Callable[[bool], None], previous: Any) -> None:
        """*secure* is told whether the process ends for certain."""
        self._secure = secure
        self._previous = previous
        self._passed_on = False
        self.state = "idle"

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Take the signal: the first time to secure, then to pass it on."""
        if self.state == "idle":
            self.state = "securing"
            _thread.start_new_thread(self._run, ())  # not threading's: it takes locks that may be held right here
        elif self.state == "secured":
            self.state = "idle"
            self._pass_on(number, frame)

    def _run(self) -> None:
        try:
            self._secure(self._previous is signal.SIG_DFL)
        finally:
            self.state = "secured"
            _send_again()

    def __del__(self) -> None:
        """Secure what came since the signal was passed on: somebody has taken this handler away, and ends the process.

        Servers such as uvicorn end their requests first, put back the handlers that they found, and raise the signal again.
        """
        if self._passed_on and not sys.is_finalizing():
            with suppress(Exception):
                self._secure(False)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        if callable(self._previous):
            self._passed_on = True
            self._previous(number, frame)
        elif self._previous is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
            if os.getpid() == 1:  # of a container: the kernel lets no signal's default action end it
                os._exit(128 + signal.SIGTERM)


def _send_again() -> None:
    """Send the signal to the main thread, and wake it from whatever it waits for."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    else:  # pragma: no cover  (Windows)
        signal.raise_signal(signal.SIGTERM)


def install(secure: Callable[[bool], None]) -> None:
    """Take over SIGTERM, in front of the handler that is there. A second call changes nothing."""
    previous = signal.getsignal(signal.SIGTERM)
    if isinstance(previous, Handler):
        return
    if threading.current_thread() is not threading.main_thread():
        warn_once(
            "sigterm",
            "spancast: handle_sigterm=True has no effect: Python takes signal handlers from the main thread only. Call "
            "configure() there.",
        )
        return
    signal.signal(signal.SIGTERM, Handler(secure, previous))


def end() -> None:
    """At the exit: end the process by the signal after all, when its main thread came to its end while that was secured."""
    handler = signal.getsignal(signal.SIGTERM)
    main = threading.current_thread() is threading.main_thread()
    if main and isinstance(handler, Handler) and handler.state != "idle" and handler._previous is signal.SIG_DFL:
        handler._pass_on(signal.SIGTERM, None)


def after_fork_in_child() -> None:
    """Begin anew: a thread that was securing belongs to the parent."""
    handler = signal.getsignal(signal.SIGTERM)
    if isinstance(handler, Handler):
        handler.state = "idle"
