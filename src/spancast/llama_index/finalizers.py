"""Runs what has to be done once an object was thrown away, in a thread of its own."""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Callable

from ..recording.guard import report_fault


class FinalizerThread:
    """Calls a function, in one thread, after a watched object was collected.

    Not in the garbage collector's own callback: that may run at any line, also while the same thread holds a lock. The
    callback only puts into a `SimpleQueue`, which is re-entrant. No lock is taken here: should two threads begin together,
    both read the queue.
    """

    def __init__(self) -> None:
        self._collected: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def watch(self, watched: object, on_collected: Callable[[], None]) -> None:
        """Call *on_collected*, which must not refer to *watched*, when *watched* is gone."""
        weakref.finalize(watched, self._collected.put, on_collected).atexit = False
        if self._thread is None:
            self._start()

    def after_collection(self, on_collected: Callable[[], None]) -> Callable[[object], None]:
        """Return the callback of a `weakref.ref` that the caller keeps: a tenth of the work of `watch`."""
        if self._thread is None:
            self._start()
        put = self._collected.put
        return lambda _: put(on_collected)

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name="spancast-streams", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # at interpreter exit
            return
        self._thread = thread

    def _work(self) -> None:
        try:
            while True:
                on_collected = self._collected.get()
                try:
                    on_collected()
                except Exception as error:
                    report_fault("stream collected", error)
                del on_collected
        finally:
            self._thread = None  # asked at each stream: `is_alive` takes 2,000 instructions

    def after_fork_in_child(self) -> None:
        """Start clean: the parent's thread did not come along, and what it had to do is the parent's."""
        self._collected = queue.SimpleQueue()
        self._thread = None
