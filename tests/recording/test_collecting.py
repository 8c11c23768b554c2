"""Which thread is inside of a garbage collection."""

from __future__ import annotations

import _thread
import gc
import sys
import threading

import pytest

from spancast.recording import collecting
from spancast.recording.collecting import collects_here, native_local


class Cycle:
    """Asks when the collector finds it: in this thread, and in another one that runs meanwhile."""

    def __init__(self, found: list[bool]) -> None:
        self.itself = self
        self.found = found

    def __del__(self) -> None:
        self.found.append(collects_here())
        other = threading.Thread(target=lambda: self.found.append(collects_here()))
        other.start()
        other.join()


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="collections begin between two instructions there")
def test_a_finalizer_that_the_collector_runs_knows_it() -> None:
    """Other threads are not meant, nor is what comes afterwards."""
    found: list[bool] = []
    gc.collect()
    Cycle(found)
    gc.collect()
    assert ([True, False], False) == (found, collects_here())


def test_threads_are_told_apart_where_their_class_was_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under gevent a class of greenlets is in its place, which fails at the end of the process."""

    class Greenlets:
        """Stands for gevent's."""

    monkeypatch.setattr(collecting, "_local", Greenlets)
    assert _thread._local is native_local()
