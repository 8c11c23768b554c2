"""Who shuts down is one, and the others wait for its end."""

from __future__ import annotations

import threading
import time

from spancast.delivery.ending import Ending


def test_only_the_first_call_begins() -> None:
    """Of many threads that shut down at one moment, one does it."""
    ending = Ending()
    barrier = threading.Barrier(16)
    first: list[bool] = []

    def begin() -> None:
        barrier.wait()
        first.append(ending.begin())

    threads = [threading.Thread(target=begin) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (1, True) == (sum(first), ending.has_begun)


def test_others_wait_until_it_is_over() -> None:
    """What it has returned is there then."""
    ending = Ending()
    begun = threading.Event()
    go_on = threading.Event()

    def shut_down() -> None:
        ending.begin()
        begun.set()
        go_on.wait(10)
        ending.complete = True

    thread = threading.Thread(target=shut_down)
    thread.start()
    begun.wait(10)
    ending.wait(time.monotonic())  # its time is over: it returns
    before = ending.complete
    go_on.set()
    ending.wait(time.monotonic() + 10)
    thread.join()
    assert (None, True) == (before, ending.complete)


def test_the_thread_that_is_at_it_does_not_wait_for_itself() -> None:
    """A signal handler that shuts down once more, in the middle of a shutdown."""
    ending = Ending()
    ending.begin()
    began = time.monotonic()
    ending.wait(began + 60)
    assert True is (time.monotonic() - began < 30)
