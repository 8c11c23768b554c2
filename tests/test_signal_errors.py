"""A time limit that a signal brings reaches the application, wherever in spancast the signal comes."""

from __future__ import annotations

import functools
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda

import spancast
from spancast import destinations
from spancast.langchain import SpancastCallbackHandler
from spancast.recording import guard
from spancast.signal_errors import is_from_signal_handler

pytestmark = [
    pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="there is no such signal here"),
    pytest.mark.alone,
]


class TimeLimitError(Exception):
    """What a task queue raises into a task that takes too long."""


def limit(number: int, frame: FrameType | None) -> None:
    raise TimeLimitError


class Limit:
    """A handler that is an object."""

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Raise."""
        raise TimeLimitError

    def method(self, number: int, frame: FrameType | None) -> None:
        raise TimeLimitError


def is_installed(handler: Any) -> Iterator[None]:
    former = signal.signal(signal.SIGUSR1, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, former)


@pytest.fixture
def time_limit() -> Iterator[None]:
    """The handler is installed."""
    yield from is_installed(limit)


@pytest.fixture
def not_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an application: faults are counted."""
    monkeypatch.setattr(guard, "strict", False)


@pytest.mark.parametrize("handler", [limit, Limit(), Limit().method, functools.partial(limit)])
def test_it_is_recognised_by_its_traceback(handler: Any) -> None:
    """A function, an object, a method, a partial; what anybody else raises is none."""
    for _ in is_installed(handler):
        with pytest.raises(TimeLimitError) as caught:
            signal.raise_signal(signal.SIGUSR1)
        assert is_from_signal_handler(caught.value)
        with pytest.raises(TimeLimitError) as caught:
            raise TimeLimitError
        assert not is_from_signal_handler(caught.value)


def test_in_another_thread_there_is_none(time_limit: None) -> None:
    """Signal handlers run in the main thread alone."""
    found: list[bool] = []

    def work() -> None:
        try:
            limit(0, None)
        except TimeLimitError as error:
            found.append(is_from_signal_handler(error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert [False] == found


class Interrupting:
    """Sends the signal when the function number *at* of spancast is called; counts the calls."""

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.calls = 0

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        """Called by the interpreter at each call."""
        if event != "call" or not frame.f_globals.get("__name__", "").startswith("spancast."):
            return
        self.calls += 1
        if self.calls == self.at:
            sys.setprofile(None)
            signal.raise_signal(signal.SIGUSR1)

    def around(self, work: Callable[[], object]) -> bool:
        """Return whether the time limit came out of *work*, or had no occasion to come."""
        sys.setprofile(self)
        try:
            work()
        except TimeLimitError:
            return True
        finally:
            sys.setprofile(None)
        return self.at is None or self.calls < self.at


def in_langchain(pipeline: spancast.Pipeline) -> object:
    handler = SpancastCallbackHandler(pipeline=pipeline)
    return RunnableLambda(lambda value: value).invoke({"q": [1, "a"]}, {"callbacks": [handler]})


def in_a_block(pipeline: spancast.Pipeline) -> None:
    with pipeline.trace(trace_name="a", input={"q": [1, "a"]}) as trace:
        trace.set_output("b")


@pytest.mark.parametrize("work", [in_langchain, in_a_block])
@pytest.mark.usefixtures("time_limit", "not_strict")
def test_it_comes_out_of_every_line(work: Callable[[spancast.Pipeline], object]) -> None:
    """Whichever function of spancast is under way; and what is recorded afterwards is whole."""
    memory = destinations.memory()
    with spancast.Pipeline(memory) as pipeline:
        work(pipeline)
        counting = Interrupting()
        counting.around(lambda: work(pipeline))
        swallowed = [
            at
            for at in range(1, counting.calls + 1, 1 + counting.calls // 60)
            if not Interrupting(at).around(lambda: work(pipeline))
        ]
        before = len(memory.spans)
        work(pipeline)
        assert (True, [], before + 1) == (counting.calls > 10, swallowed, len(memory.spans))
