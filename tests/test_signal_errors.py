"""A time limit that a signal brings reaches the application, wherever in spancast the signal comes."""

from __future__ import annotations

import contextvars
import functools
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from llama_index.core.llms import MockLLM
from opentelemetry.trace import INVALID_SPAN, get_current_span

import spancast
from spancast import destinations
from spancast.langchain import SpancastCallbackHandler
from spancast.llama_index import set_global_handler, uninstrument
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
    """Sends the signal when the function number *at* of spancast is called; counts the calls, and says in which it was."""

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.calls = 0
        self.function = ""

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        """Called by the interpreter at each call."""
        if event != "call" or not frame.f_globals.get("__name__", "").startswith("spancast."):
            return
        self.calls += 1
        if self.calls == self.at:
            sys.setprofile(None)
            self.function = frame.f_code.co_name
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


def in_llama_index(pipeline: spancast.Pipeline) -> object:
    return MockLLM().complete("a")


@contextmanager
def seen_by_llama_index(pipeline: spancast.Pipeline) -> Iterator[None]:
    """What LlamaIndex does is recorded."""
    set_global_handler(pipeline=pipeline)
    try:
        yield
    finally:
        uninstrument()


# What is interrupted on its first line has no chance to put anything back: events that end a run.
_ENDS = {"__exit__", "end", "on_chain_end", "close", "span_exit", "exit"}


@pytest.mark.parametrize("work", [in_langchain, in_a_block, in_llama_index])
@pytest.mark.usefixtures("time_limit", "not_strict")
def test_it_comes_out_of_every_line(work: Callable[[spancast.Pipeline], object]) -> None:
    """Whichever function of spancast is under way. Nothing stays open or current: what is recorded afterwards is whole."""
    memory = destinations.memory()
    with spancast.Pipeline(memory) as pipeline, seen_by_llama_index(pipeline):
        work(pipeline)
        counting = Interrupting()
        counting.around(lambda: work(pipeline))
        swallowed, left = [], []
        for at in range(1, counting.calls + 1, 1 + counting.calls // 100):
            each = Interrupting(at)
            context = contextvars.Context()  # an empty one, whatever other tests have left
            if not context.run(each.around, lambda: work(pipeline)):
                swallowed.append(each.function)
            if pipeline.recorder.open_operations or context.run(get_current_span) is not INVALID_SPAN:
                left.append(each.function)
            pipeline.recorder.close_all()
        before = len(memory.spans)
        work(pipeline)
        assert (True, before + 1) == (counting.calls > 10, len(memory.spans))
        assert set() == set(left) - _ENDS
        # LlamaIndex's dispatcher keeps to itself whatever a handler raises
        assert [] == swallowed or work is in_llama_index
