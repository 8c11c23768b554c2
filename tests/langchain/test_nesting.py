"""Spans that the application opens inside our operations become their children, in every calling style."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tools import tool
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import spancast
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler

from ..fakes.langchain import ScriptedChat, call
from .trees import traces, tree

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
_exporter = InMemorySpanExporter()
_provider = TracerProvider()
_provider.add_span_processor(SimpleSpanProcessor(_exporter))
_tracer = _provider.get_tracer("application")


def application_span(name: str) -> None:
    """Open and close a span of the application's own, as an HTTP client's instrumentation does."""
    with _tracer.start_as_current_span(name):
        pass


@pytest.fixture(autouse=True)
def silence(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No test here may log anything: no detach errors, no warnings."""
    caplog.set_level(logging.WARNING)
    _exporter.clear()
    yield
    assert caplog.messages == []


@pytest.fixture
def config(pipeline: spancast.Pipeline) -> dict[str, Any]:
    """Return a config with one handler."""
    return {"callbacks": [SpancastCallbackHandler()]}


def agent() -> Any:
    """Return an agent whose model and tool open spans of their own."""

    @tool
    def search(query: str) -> str:
        """Search."""
        application_span("in tool")
        return "sunny"

    model = ScriptedChat(script=[call("search", {"query": "x"}), "done"], inside=lambda: application_span("in model"))
    return create_agent(model, [search], name="planner")


QUESTION: dict[str, Any] = {"messages": [("user", "hi")]}


def by_invoke(config: Any) -> None:
    agent().invoke(QUESTION, config)


def by_ainvoke(config: Any) -> None:
    asyncio.run(agent().ainvoke(QUESTION, config))


def by_stream(config: Any) -> None:
    for _ in agent().stream(QUESTION, config, stream_mode="messages"):
        pass


def by_astream(config: Any) -> None:
    async def go() -> None:
        async for _ in agent().astream(QUESTION, config, stream_mode="messages"):
            pass

    asyncio.run(go())


def by_astream_events(config: Any) -> None:
    async def go() -> None:
        async for _ in agent().astream_events(QUESTION, config, version="v2"):
            pass

    asyncio.run(go())


def by_stream_events_v3(config: Any) -> None:
    for _ in agent().stream_events(QUESTION, config=config, version="v3"):
        pass


def by_astream_events_v3(config: Any) -> None:
    async def go() -> None:
        async for _ in await agent().astream_events(QUESTION, config=config, version="v3"):
            pass

    asyncio.run(go())


def by_batch(config: Any) -> None:
    agent().batch([QUESTION], config)


def by_abatch(config: Any) -> None:
    asyncio.run(agent().abatch([QUESTION], config))


STYLES: list[Callable[[Any], None]] = [
    by_invoke,
    by_ainvoke,
    by_stream,
    by_astream,
    by_astream_events,
    by_stream_events_v3,
    by_astream_events_v3,
    by_batch,
    by_abatch,
]
TREE = [
    "AGENT planner",
    "  CHAIN model",
    "    LLM ScriptedChat",
    "  CHAIN tools",
    "    TOOL search",
    "  CHAIN model",
    "    LLM ScriptedChat",
]


def parents(memory: MemoryDestination) -> list[tuple[str, str]]:
    """Return each span of the application with the name of our span that it lies under."""
    names = {span.span_id: span.name for span in memory.spans}
    return [(span.name, names[f"{parent(span):016x}"]) for span in _exporter.get_finished_spans()]


def parent(span: ReadableSpan) -> int:
    assert span.parent is not None, f"{span.name} is a root"
    return span.parent.span_id


@pytest.mark.parametrize("style", STYLES)
def test_spans_inside_tools_and_models_are_their_children(
    style: Callable[[Any], None], config: Any, memory: MemoryDestination
) -> None:
    """A span opened inside a tool lies under the tool, one inside a model call under the model call."""
    style(config)

    assert TREE == tree(memory.spans)
    assert [("in model", "ScriptedChat"), ("in tool", "search"), ("in model", "ScriptedChat")] == parents(memory)
    assert {span.context.trace_id for span in _exporter.get_finished_spans()} == {int(memory.spans[0].trace_id, 16)}


@pytest.mark.parametrize("style", STYLES)
def test_consecutive_runs_are_traces_of_their_own(
    style: Callable[[Any], None], config: Any, memory: MemoryDestination
) -> None:
    """Two runs one after the other are two traces, and a span after them lies in neither."""
    style(config)
    style(config)
    application_span("afterwards")

    assert TREE * 2 == tree(memory.spans)
    assert 2 == traces(memory.spans)
    assert _exporter.get_finished_spans()[-1].parent is None


def test_consecutive_async_runs_in_one_task_never_nest(config: Any, memory: MemoryDestination) -> None:
    """Runs awaited one after the other in one task are traces of their own, however many."""

    async def go() -> None:
        for _ in range(20):
            await RunnableLambda(lambda text: text).ainvoke("x", config)
        application_span("afterwards")

    asyncio.run(go())

    assert ["CHAIN RunnableLambda"] * 20 == tree(memory.spans)
    assert 20 == traces(memory.spans)
    assert _exporter.get_finished_spans()[-1].parent is None


def test_a_run_lies_under_the_applications_span(config: Any, memory: MemoryDestination) -> None:
    """Inside a request's span the run is its child, and what follows in the request lies beside it, not inside."""

    async def request() -> None:
        with _tracer.start_as_current_span("request"):
            await agent().ainvoke(QUESTION, config)
            application_span("database")

    asyncio.run(request())

    spans = {span.name: span for span in _exporter.get_finished_spans()}
    root = next(span for span in memory.spans if span.name == "planner")
    request_id = spans["request"].context.span_id
    assert f"{request_id:016x}" == root.parent_span_id
    assert request_id == parent(spans["database"])
    assert 1 == traces(memory.spans)


def test_an_applications_span_between_two_of_ours_keeps_its_place(config: Any, memory: MemoryDestination) -> None:
    """A chain called inside an application's span inside a tool lies under that span."""

    @tool
    def search(query: str) -> str:
        """Search."""
        with _tracer.start_as_current_span("between"):
            return str(RunnableLambda(lambda text: text, name="inner").invoke(query))

    model = ScriptedChat(script=[call("search", {"query": "x"}), "done"])
    create_agent(model, [search], name="planner").invoke(QUESTION, config)

    between = next(span for span in _exporter.get_finished_spans() if span.name == "between")
    inner = next(span for span in memory.spans if span.name == "inner")
    assert f"{between.context.span_id:016x}" == inner.parent_span_id
    assert "search" == {span.span_id: span.name for span in memory.spans}[f"{parent(between):016x}"]


def test_batch_starts_traces_side_by_side(config: Any, memory: MemoryDestination) -> None:
    """Each input of a batch is a trace of its own, sync and async."""
    chain = ChatPromptTemplate.from_messages([("user", "{q}")]) | ScriptedChat(script=["a"]) | StrOutputParser()
    chain.batch([{"q": str(index)} for index in range(8)], config)
    asyncio.run(chain.abatch([{"q": str(index)} for index in range(8)], config))

    one = [
        "CHAIN RunnableSequence",
        "  PROMPT ChatPromptTemplate",
        "  LLM ScriptedChat",
        "  CHAIN StrOutputParser",
    ]
    assert one * 16 == tree(memory.spans)
    assert 16 == traces(memory.spans)


def test_batch_inside_a_block_lies_under_it(config: Any, memory: MemoryDestination) -> None:
    """A batch inside `with spancast.trace(...)` gives siblings under the block's span."""
    chain = RunnableLambda(lambda text: text, name="first") | RunnableLambda(lambda text: text, name="second")
    with spancast.trace(trace_name="Nightly"):
        chain.batch(["a", "b"], config)

    one = ["  CHAIN RunnableSequence", "    CHAIN first", "    CHAIN second"]
    assert ["CHAIN Nightly", *one, *one] == tree(memory.spans)


def test_a_node_that_passes_callbacks_of_its_own_stays_in_the_tree(config: Any, memory: MemoryDestination) -> None:
    """LangChain calls such a run a root; it lies under the run that surrounds it."""

    def node(text: str) -> str:
        return str(ScriptedChat(script=["x"]).invoke(text, {"callbacks": [SpancastCallbackHandler()]}).content)

    async def anode(text: str) -> str:
        model = ScriptedChat(script=["x"])
        return str((await model.ainvoke(text, {"callbacks": [SpancastCallbackHandler()]})).content)

    RunnableLambda(node, name="outer").invoke("q", config)
    asyncio.run(RunnableLambda(anode, name="outer").ainvoke("q", config))

    assert ["CHAIN outer", "  LLM ScriptedChat"] * 2 == tree(memory.spans)
    assert 2 == traces(memory.spans)


def test_parallel_branches_hold_their_own_spans(config: Any, memory: MemoryDestination) -> None:
    """Spans opened in parallel branches lie under their branch, in threads and in tasks."""

    def branch(name: str) -> Any:
        return RunnableLambda(lambda _: application_span(name), name=name)

    fan = RunnableParallel(a=branch("a"), b=branch("b"))
    fan.invoke("x", config)
    asyncio.run(fan.ainvoke("x", config))

    assert [("a", "a"), ("a", "a"), ("b", "b"), ("b", "b")] == sorted(parents(memory))


def test_many_runs_on_one_shared_handler_do_not_mix(config: Any, memory: MemoryDestination) -> None:
    """Fifty concurrent agents on one handler are fifty equal trees."""

    async def go() -> None:
        await asyncio.gather(*(agent().ainvoke(QUESTION, config) for _ in range(50)))

    asyncio.run(go())

    assert 50 == traces(memory.spans)
    assert TREE * 50 == tree(sorted(memory.spans, key=lambda span: span.trace_id)) or all(
        TREE == tree([span for span in memory.spans if span.trace_id == trace_id])
        for trace_id in {span.trace_id for span in memory.spans}
    )
    assert 150 == len(parents(memory))
    assert {"in model": "ScriptedChat", "in tool": "search"} == dict(parents(memory))


def test_generate_of_two_prompts_gives_siblings(config: Any, memory: MemoryDestination) -> None:
    """`generate` with two conversations calls the model twice: two traces, none inside the other."""
    from langchain_core.messages import HumanMessage

    ScriptedChat(script=["x"]).generate([[HumanMessage("a")], [HumanMessage("b")]], **config)

    assert ["LLM ScriptedChat"] * 2 == tree(memory.spans)
    assert 2 == traces(memory.spans)


def test_a_model_that_calls_a_model_holds_it(config: Any, memory: MemoryDestination) -> None:
    """A model called inside another model's call lies under it, although LangChain gives it no parent."""
    inner = ScriptedChat(script=["x"], model_name="inner")
    outer = ScriptedChat(script=["y"], inside=lambda: inner.invoke("q", config))
    outer.invoke("q", config)

    assert ["LLM ScriptedChat", "  LLM ScriptedChat"] == tree(memory.spans)


def test_an_abandoned_stream_ends_without_error(config: Any, memory: MemoryDestination) -> None:
    """A consumer that stops reading has not made the run fail."""

    async def go() -> None:
        stream = ScriptedChat(script=["a b c d"]).astream("q", config)
        async for _ in stream:
            break
        await stream.aclose()
        application_span("afterwards")

    asyncio.run(go())

    assert ["LLM ScriptedChat UNSET"] == tree(memory.spans, status=True)
    assert "abandoned" == memory.spans[0].attributes["spancast.ending"]
    assert _exporter.get_finished_spans()[-1].parent is None


@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("outer", [False, True])
def test_what_falls_back_lies_under_its_fallbacks(
    outer: bool, awaited: bool, config: Any, memory: MemoryDestination
) -> None:
    """LangChain names the run around the fallbacks as the parent of what they call; their own run is the one."""
    safe: Any = ScriptedChat(script=[ValueError("down")]).with_fallbacks([ScriptedChat(script=["fine"])])
    application = RunnableLambda(lambda text: text) | safe if outer else safe
    answer = asyncio.run(application.ainvoke("x", config)) if awaited else application.invoke("x", config)
    assert "fine" == answer.content
    lines = ["CHAIN RunnableWithFallbacks", "  LLM ScriptedChat", "  LLM ScriptedChat"]
    if outer:
        lines = ["CHAIN RunnableSequence", "  CHAIN RunnableLambda", *(f"  {line}" for line in lines)]
    assert lines == tree(memory.spans)


@pytest.mark.parametrize("kind", ["task", "thread"])
def test_what_begins_after_its_parent_has_ended_lies_under_it(
    kind: str, config: Any, memory: MemoryDestination
) -> None:
    """A task that a chain leaves behind, to save a memory or to judge an answer, stays in the chain's trace."""
    later = RunnableLambda(lambda text: text).with_config(run_name="late")
    ended, done = asyncio.Event(), threading.Event()

    async def save() -> None:
        await ended.wait()
        await later.ainvoke("x")

    def judge() -> None:
        done.wait(10)
        later.invoke("x")

    left: list[Any] = []

    async def leave(text: str) -> str:
        left.append(asyncio.create_task(save()))
        return text

    def start(text: str) -> str:
        left.append(threading.Thread(target=contextvars.copy_context().run, args=(judge,)))
        left[0].start()
        return text

    async def work() -> None:
        await RunnableLambda(leave).ainvoke("x", {**config, "metadata": {"session_id": "s1"}})
        ended.set()
        await left[0]

    if kind == "task":
        asyncio.run(work())
    else:
        RunnableLambda(start).invoke("x", {**config, "metadata": {"session_id": "s1"}})
        done.set()
        left[0].join()
    first, late = sorted(memory.spans, key=lambda span: span.start_ns)
    assert ("late", first.span_id, first.trace_id) == (late.name, late.parent_span_id, late.trace_id)
    assert first.end_ns <= late.start_ns
    assert "s1" == late.attributes["session.id"]


def test_a_block_inside_a_run_holds_what_runs_in_it(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """LangChain names the run whose code it is, and knows nothing of blocks: those of the application are in between."""

    def work(text: str) -> str:
        with spancast.trace(span_name="outer block", kind="TOOL"):
            with spancast.trace(span_name="inner block"):
                RunnableLambda(lambda value: value, name="inside").invoke(text)
            RunnableLambda(lambda value: value, name="behind").invoke(text)
        return str(RunnableLambda(lambda value: value, name="beside").invoke(text))

    config: Any = {"callbacks": [SpancastCallbackHandler()]}
    for run in (
        lambda chain: chain.invoke("x", config),
        lambda chain: asyncio.run(chain.ainvoke("x", config)),
    ):
        run(RunnableLambda(work, name="work"))
        assert [
            "CHAIN work",
            *(
                "  TOOL outer block",
                "    CHAIN inner block",
                "      CHAIN inside",
                "    CHAIN behind",
                "  CHAIN beside",
            ),
        ] == tree(memory.spans)
        memory.clear()
