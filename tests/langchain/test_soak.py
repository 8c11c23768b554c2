"""Thousands of mixed runs leave nothing behind: no open operation, no watched task, no memory, a ledger that adds up."""

from __future__ import annotations

import asyncio
import gc
import logging
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing, suppress
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableLambda, RunnableParallel
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, interrupt
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

import spancast
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler, trace_lookup
from spancast.recording import paused, recorder, tasks
from spancast.recording.captured import CapturedOperation
from spancast.recording.open_operation import OpenOperation

from ..fakes.langchain import ScriptedChat, call

QUESTION: dict[str, Any] = {"messages": [("user", "hi")]}


class Slow(ScriptedChat):
    """A model that never answers."""

    async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
        await asyncio.sleep(3600)


class Silent(SpanExporter):
    """An exporter that takes everything and keeps nothing."""

    def export(self, spans: Sequence[Any]) -> SpanExportResult:
        return SpanExportResult.SUCCESS


class Refusing(SpanExporter):
    """An exporter that refuses everything."""

    def export(self, spans: Sequence[Any]) -> SpanExportResult:
        return SpanExportResult.FAILURE


# ---------------------------------------------------------------- the mixed runs; each is one of 5,000
def chain(*script: Any) -> Runnable[Any, str]:
    prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("user", "{q}")])
    return prompt | ScriptedChat(script=list(script) or ["a b c d"]) | StrOutputParser()


@tool
def search(query: str) -> str:
    """Search."""
    if query == "broken":
        raise ValueError("the index is gone")
    return "sunny"


@tool
def ask() -> str:
    """Ask a person."""
    return str(interrupt("sure?"))


def agent(query: str = "x") -> Any:
    return create_agent(ScriptedChat(script=[call("search", {"query": query}), "done"]), [search], name="planner")


def pausing() -> Any:
    model = ScriptedChat(script=[call("ask", {}), "done"])
    return create_agent(model, [ask], name="asker", checkpointer=InMemorySaver())


def fanning_out() -> Any:
    graph = StateGraph(MessagesState)
    for name in ("a", "b"):
        graph.add_node(name, lambda state: {"messages": [("assistant", "x")]})
        graph.add_edge(START, name)
        graph.add_edge(name, END)
    return graph.compile()


def invoked(config: Any) -> None:
    chain().invoke({"q": "x"}, config)


def streamed(config: Any) -> None:
    for _ in chain().stream({"q": "x"}, config):
        pass


def abandoned(config: Any) -> None:
    stream = chain().stream({"q": "x"}, config)
    next(stream)
    stream.close()


def dropped(config: Any) -> None:
    next(ScriptedChat(script=["a b c"]).stream("x", config))


def never_read(config: Any) -> None:
    chain().stream({"q": "x"}, config)


def batched(config: Any) -> None:
    chain().batch([{"q": "x"}, {"q": "y"}], config)


def failed(config: Any) -> None:
    with suppress(RuntimeError):
        chain(RuntimeError("the provider is down")).invoke({"q": "x"}, config)


def with_agent(config: Any) -> None:
    agent().invoke(QUESTION, config)


def broken_tool(config: Any) -> None:
    with suppress(ValueError):
        agent("broken").invoke(QUESTION, config)


def paused_and_resumed(config: Any) -> None:
    asker, thread = pausing(), {**config, "configurable": {"thread_id": f"thread {id(config)}"}}
    asker.invoke(QUESTION, thread)
    asker.invoke(Command(resume="yes"), thread)


def paused_for_ever(config: Any) -> None:
    pausing().invoke(QUESTION, {**config, "configurable": {"thread_id": f"thread {id(config)}"}})


def parallel(config: Any) -> None:
    RunnableParallel(a=RunnableLambda(str), b=chain()).invoke({"q": "x"}, config)


def fanned_out(config: Any) -> None:
    fanning_out().invoke(QUESTION, config)


async def ainvoked(config: Any) -> None:
    await chain().ainvoke({"q": "x"}, config)


async def astreamed(config: Any) -> None:
    async for _ in chain().astream({"q": "x"}, config):
        pass


async def aabandoned(config: Any) -> None:
    async with aclosing(chain().astream({"q": "x"}, config)) as stream:  # type: ignore[type-var]
        async for _ in stream:
            break


async def abatched(config: Any) -> None:
    await chain().abatch([{"q": "x"}, {"q": "y"}], config)


async def with_async_agent(config: Any) -> None:
    await agent().ainvoke(QUESTION, config)


async def events(config: Any) -> None:
    async for _ in agent().astream_events(QUESTION, config, version="v2"):
        pass


async def _cancelled(work: Any) -> None:
    task = asyncio.ensure_future(work)
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def cancelled_chain(config: Any) -> None:
    await _cancelled((RunnableLambda(str) | Slow()).ainvoke("x", config))


async def cancelled_model(config: Any) -> None:
    await _cancelled(Slow().ainvoke("x", config))


async def timed_out(config: Any) -> None:
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(Slow().ainvoke("x", config), 0.001)


async def gathered(config: Any) -> None:
    runs = [chain(ValueError("no") if index == 1 else "x").ainvoke({"q": "x"}, config) for index in range(3)]
    await asyncio.gather(*runs, return_exceptions=True)


RUNS: list[Callable[[Any], Any]] = [
    invoked,
    ainvoked,
    streamed,
    astreamed,
    abandoned,
    aabandoned,
    dropped,
    never_read,
    batched,
    abatched,
    failed,
    with_agent,
    with_async_agent,
    broken_tool,
    paused_and_resumed,
    paused_for_ever,
    parallel,
    fanned_out,
    events,
    cancelled_chain,
    cancelled_model,
    timed_out,
    gathered,
]


def run_mixed(first: int, last: int, shared: SpancastCallbackHandler) -> None:
    """Make the runs of these numbers: every second with a handler of its own, asynchronous ones eight at a time."""
    waiting: list[Any] = []

    async def together(works: list[Any]) -> None:
        await asyncio.gather(*works)

    for number in range(first, last):
        run = RUNS[number % len(RUNS)]
        config = {
            "callbacks": [shared if number % 2 else SpancastCallbackHandler(session_id="s")],
            "metadata": {"user": f"user {number % 7}", "trace": {"trace_name": f"run {number % 5}"}},
        }
        made = run(config)
        if made is not None:
            waiting.append(made)
        if len(waiting) == 8 or number == last - 1:
            asyncio.run(together(waiting))
            waiting = []


# ---------------------------------------------------------------- what must be left
@pytest.fixture
def soaked(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[Soak]:
    """Return a pipeline with four destinations; the look-up tables that are bounded by design are bounded lower."""
    monkeypatch.setattr(trace_lookup, "_MAX_RUNS", 100)
    monkeypatch.setattr(paused, "MAX_HELD", 100)
    monkeypatch.setattr(paused, "MAX_QUESTION_BYTES", 20_000)
    monkeypatch.setattr(recorder, "MAX_ENDED", 200)
    trace_lookup._by_run.clear()
    caplog.set_level(logging.WARNING)
    soak = Soak()
    with soak.pipeline:
        yield soak
    # a destination that refuses is worth one warning, by design; nothing else may be said
    assert [] == [record.getMessage() for record in caplog.records if "refusing" not in record.getMessage()]


class Soak:
    """The pipeline, and what has arrived at its first destination so far."""

    def __init__(self) -> None:
        self.memory: MemoryDestination = spancast.destinations.memory(convention="openinference", name="memory")
        self.pipeline = spancast.Pipeline(
            self.memory,
            spancast.destinations.memory(convention="gen_ai", name="private", privacy_mode=True),
            spancast.destinations.sdk(Silent(), name="sampled", sampling_rate=0.3),
            spancast.destinations.sdk(Refusing(), name="refusing"),
        )
        self.arrived = 0
        self.endings: Counter[str] = Counter()

    def clear(self) -> None:
        """Count what has arrived and let go of it."""
        self.pipeline.flush(60)  # False: one destination refuses everything
        assert 0 == sum(destination.queued for destination in self.pipeline.report())
        spans = self.memory.spans
        self.arrived += len(spans)
        assert len(spans) == len({span.span_id for span in spans})
        self.endings.update(str(span.attributes.get("spancast.ending", span.status)) for span in spans)
        for destination in self.pipeline.destinations:
            if isinstance(destination, MemoryDestination):
                destination.clear()

    def check(self) -> None:
        """Nothing is open, nothing is watched, and every span is in one column of each destination's ledger."""
        gc.collect()
        assert 0 == self.pipeline.recorder.open_operations
        assert [] == list(tasks._watched.keys())
        report = self.pipeline.report()
        assert dict.fromkeys(("memory", "private", "sampled", "refusing"), self.arrived) == {
            one.name: one.recorded for one in report
        }
        assert (self.arrived, self.arrived) == (report["memory"].delivered, report["private"].delivered)
        assert self.arrived == report["sampled"].delivered + report["sampled"].sampled_out
        assert self.arrived == report["refusing"].rejected + report["refusing"].dropped
        assert {"OK", "ERROR", "abandoned", "cancelled", "interrupted"} <= set(self.endings)


def objects() -> Counter[str]:
    """Return how many objects of each class the garbage collector knows."""
    gc.collect()
    return Counter(f"{type(thing).__module__}.{type(thing).__qualname__}" for thing in gc.get_objects())


def alive() -> list[OpenOperation | CapturedOperation]:
    """Return every operation, open or captured, that something still refers to."""
    return [thing for thing in gc.get_objects() if isinstance(thing, (OpenOperation, CapturedOperation))]


def waits_for_an_answer(operation: OpenOperation | CapturedOperation) -> bool:
    """Return whether it is the first run of a trace whose pause nobody has answered: its root is still to be written."""
    return isinstance(operation, CapturedOperation) and "interrupt" in {event.name for event in operation.events}


def test_two_hundred_mixed_runs_leave_nothing(soaked: Soak) -> None:
    """Runs of every kind, also failed, cancelled, abandoned and paused ones, all end and are all counted."""
    gc.collect()
    before = alive()  # of other tests; held here, so that none of ours can take one's place
    run_mixed(0, 230, SpancastCallbackHandler())
    soaked.clear()
    soaked.check()  # the pipeline is idle, not shut down: its workers must hold nothing either
    known = set(map(id, before))
    left = [one for one in alive() if id(one) not in known]
    assert [] == [one for one in left if not waits_for_an_answer(one)]


@pytest.mark.slow
def test_five_thousand_mixed_runs_leave_nothing(soaked: Soak, capsys: pytest.CaptureFixture[str]) -> None:
    """From the thousandth run to the five thousandth, neither the memory in use nor the number of objects grows."""
    shared = SpancastCallbackHandler()
    tracemalloc.start()
    try:
        run_mixed(0, 1000, shared)  # every kind forty times: small look-up tables are full
        settle(soaked, shared)
        before, bytes_before = objects(), _traced()
        for start in range(1000, 5000, 400):
            run_mixed(start, start + 400, shared)
            soaked.clear()
        settle(soaked, shared)
        after, bytes_after = objects(), _traced()
    finally:
        tracemalloc.stop()
    with capsys.disabled():
        print(
            f"\n{soaked.arrived} spans; objects {before.total()} -> {after.total()}, bytes {bytes_before} -> ", end=""
        )
        print(f"{bytes_after}; endings {dict(soaked.endings)}\n{soaked.pipeline.report()}")
    soaked.check()
    # a tenth of an object and 50 bytes a run: far below one forgotten operation, above what a cache may still learn
    assert {} == {name: count - before[name] for name, count in after.items() if count - before[name] > 400}
    assert after.total() - before.total() < 400
    assert bytes_after - bytes_before < 200_000


def settle(soaked: Soak, shared: SpancastCallbackHandler) -> None:
    """Let an idle worker, which may hold its last batch, hold a small one."""
    run_mixed(0, 1, shared)
    soaked.clear()


def _traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
