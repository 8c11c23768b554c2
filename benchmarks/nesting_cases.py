"""The cases of the nesting scoreboard, for one tracer: `python nesting_cases.py PEER` prints its marks as JSON.

The application opens spans of its own, as an HTTP client's instrumentation does, inside a tool, a model call and a graph's
node; a mark says whether they lie where they were opened. Each case runs in a thread of its own, so that what one leaves
behind in the context does not reach the next.
"""

from __future__ import annotations

import asyncio
import json
import logging
import operator
import re
import sys
import threading
import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from importlib.metadata import version
from typing import Annotated, Any

from environments import ENVIRONMENTS
from langchain.agents import create_agent
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, AnyMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tools import StructuredTool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from nesting_peers import PEERS
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from typing_extensions import TypedDict

RIGHT, NONE = "✓", "–"
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
tracer = provider.get_tracer("application")
callbacks: list[Any] = []
own_callbacks: list[Any] = []
flush: Callable[[], object] = provider.force_flush


# ---------------------------------------------------------------- the application
def work(place: str) -> None:
    """Open and close a span of the application's own."""
    with tracer.start_as_current_span(f"in {place}"):
        pass


class ScriptedChat(BaseChatModel):
    """Asks for the tool first and answers once it has the tool's result; works inside each call."""

    model_name: str = "scripted-1"

    @property
    def _llm_type(self) -> str:
        return "scripted"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, "model": self.model_name}

    def _get_ls_params(self, stop: Any = None, **kwargs: Any) -> Any:
        return {"ls_provider": "openai", "ls_model_name": self.model_name, "ls_model_type": "chat"}

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self.bind(**kwargs)

    def _answer(self, messages: Sequence[Any]) -> AIMessage:
        work("model")
        if len(messages) and (messages[-1].content == "no tool" or isinstance(messages[-1], ToolMessage)):
            return AIMessage("It is sunny.")
        return AIMessage("", tool_calls=[{"name": "lookup", "args": {"city": "Oslo"}, "id": "call_1"}])

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._answer(messages))])

    async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        await asyncio.sleep(0)
        return ChatResult(generations=[ChatGeneration(message=self._answer(messages))])

    def _pieces(self, messages: Any) -> Iterator[ChatGenerationChunk]:
        message = self._answer(messages)
        for word in str(message.content).split():
            yield ChatGenerationChunk(message=AIMessageChunk(f"{word} "))
        calls = [{**call, "args": json.dumps(call["args"]), "index": 0} for call in message.tool_calls]
        yield ChatGenerationChunk(message=AIMessageChunk("", tool_call_chunks=calls, chunk_position="last"))

    def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Iterator[Any]:
        for piece in self._pieces(messages):
            if run_manager:
                run_manager.on_llm_new_token(piece.text, chunk=piece)
            yield piece

    async def _astream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        for piece in self._pieces(messages):
            await asyncio.sleep(0)
            if run_manager:
                await run_manager.on_llm_new_token(piece.text, chunk=piece)
            yield piece


class State(TypedDict):
    messages: Annotated[list[AnyMessage], operator.add]


def lookup(city: str) -> str:
    """Look up the weather."""
    work("tool")
    return "sunny"


async def alookup(city: str) -> str:
    """Look up the weather."""
    await asyncio.sleep(0)
    work("tool")
    return "sunny"


def threaded(city: str) -> str:
    """Look up the weather in a thread that is given a copy of the context."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(copy_context().run, work, "tool").result()
    return "sunny"


def prepare(state: State) -> dict[str, Any]:
    work("node")
    return {"messages": []}


async def aprepare(state: State) -> dict[str, Any]:
    await asyncio.sleep(0)
    work("node")
    return {"messages": []}


def application(*, asynchronous: bool, function: Any = lookup) -> Any:
    """Return a graph: a node of plain code, then an agent (a subgraph) with one tool."""
    tool = StructuredTool.from_function(function, alookup if function is lookup else None, name="lookup")
    graph = StateGraph(State)
    graph.add_node("prepare", aprepare if asynchronous else prepare)
    graph.add_node("planner", create_agent(ScriptedChat(), [tool], name="planner"))
    graph.add_edge(START, "prepare")
    graph.add_edge("prepare", "planner")
    graph.add_edge("planner", END)
    return graph.compile(name="assistant")


def question() -> Any:
    return {"messages": [{"role": "user", "content": "How is the weather in Oslo?"}]}


def config(**more: Any) -> Any:
    return {**({"callbacks": list(callbacks)} if callbacks else {}), **more}


# ---------------------------------------------------------------- the spans
def finished() -> list[ReadableSpan]:
    """Return all spans of the case."""
    flush()
    return list(exporter.get_finished_spans())


def is_own(span: ReadableSpan) -> bool:
    """Return whether the application opened it."""
    return span.instrumentation_scope is not None and span.instrumentation_scope.name == "application"


def traced(spans: Sequence[ReadableSpan]) -> list[ReadableSpan]:
    """Return the tracer's spans."""
    return [span for span in spans if not is_own(span)]


_TOOLS, _MODELS = {"tool", "execute_tool"}, {"llm", "chat", "generation", "text_completion"}
_KIND_KEYS = (
    "openinference.span.kind",
    "gen_ai.operation.name",
    "traceloop.span.kind",
    "langfuse.observation.type",
    "langsmith.span.kind",
)


def stands_for(span: ReadableSpan, place: str) -> bool:
    """Return whether a tracer's span is the one of that tool, model call, node or branch."""
    kinds = {str((span.attributes or {}).get(key, "")).lower() for key in _KIND_KEYS}
    if place == "tool":
        return bool(kinds & _TOOLS) and "lookup" in span.name
    if place == "model":
        return bool(kinds & _MODELS) and not kinds & {"tool", "agent", "invoke_agent"}
    name = {"node": "prepare"}.get(place, place)
    return "<" not in span.name and name in re.split(r"\W+", span.name)  # not RunnableParallel<left,right>


def place_mark(spans: Sequence[ReadableSpan], place: str, expected: int) -> str:
    """Return the mark for the spans that the application opened in *place*."""
    by_id = {span.context.span_id: span for span in spans}
    inside = [span for span in spans if is_own(span) and span.name == f"in {place}"]
    if len(inside) < expected:
        return f"✗ {len(inside)} of {expected}"
    exists = any(stands_for(span, place) for span in traced(spans))
    for span in inside:
        parent = by_id.get(span.parent.span_id) if span.parent else None
        if parent is None or is_own(parent):
            return "✗"
        if not stands_for(parent, place) and exists:
            return "✗"
    return RIGHT if exists else NONE


def traces(spans: Sequence[ReadableSpan]) -> int:
    return len({span.context.trace_id for span in spans})


def yes(right: bool) -> str:
    return RIGHT if right else "✗"


def style_marks(runs: int) -> str:
    """Return the marks for tool, model, node, and for a trace of its own for each run."""
    spans = finished()
    places = (("tool", runs), ("model", 2 * runs), ("node", runs))
    marks = [place_mark(spans, place, count) for place, count in places]
    return " ".join([*marks, yes(traces(traced(spans)) == runs)])


# ---------------------------------------------------------------- the cases
def invoke() -> str:
    application(asynchronous=False).invoke(question(), config())
    return style_marks(1)


def ainvoke() -> str:
    asyncio.run(application(asynchronous=True).ainvoke(question(), config()))
    return style_marks(1)


def stream() -> str:
    for _ in application(asynchronous=False).stream(question(), config(), stream_mode="messages", subgraphs=True):
        pass
    return style_marks(1)


def astream() -> str:
    async def go() -> None:
        stream = application(asynchronous=True).astream(question(), config(), stream_mode="messages", subgraphs=True)
        async for _ in stream:
            pass

    asyncio.run(go())
    return style_marks(1)


def astream_events() -> str:
    async def go() -> None:
        async for _ in application(asynchronous=True).astream_events(question(), config(), version="v2"):
            pass

    asyncio.run(go())
    return style_marks(1)


def batch() -> str:
    application(asynchronous=False).batch([question() for _ in range(3)], config())
    return style_marks(3)


def abatch() -> str:
    asyncio.run(application(asynchronous=True).abatch([question() for _ in range(3)], config()))
    return style_marks(3)


def gather() -> str:
    async def go() -> None:
        app, shared = application(asynchronous=True), config()
        await asyncio.gather(*(app.ainvoke(question(), shared) for _ in range(20)))

    asyncio.run(go())
    return style_marks(20)


def threads() -> str:
    application(asynchronous=False, function=threaded).invoke(question(), config())
    return place_mark(finished(), "tool", 1)


def parallel() -> str:
    def side(name: str) -> Any:
        async def aside(_: Any) -> None:
            await asyncio.sleep(0)
            work(name)

        return RunnableLambda(lambda _: work(name), aside, name=name)

    def marks() -> str:
        spans = finished()
        found = [place_mark(spans, name, 1) for name in ("left", "right")]
        return found[0] if found[0] == found[1] else "✗"

    fan = RunnableParallel(left=side("left"), right=side("right"))
    fan.invoke("x", config())
    sync = marks()
    exporter.clear()
    asyncio.run(fan.ainvoke("x", config()))
    return f"{sync} {marks()}"


def subgraph() -> str:
    application(asynchronous=False).invoke(question(), config())
    spans = traced(finished())
    known = {span.context.span_id for span in spans}
    roots = [span for span in spans if span.parent is None or span.parent.span_id not in known]
    return yes(len(roots) == 1 and traces(spans) == 1)


def own_callbacks_node() -> str:
    """A node that passes callbacks of its own: LangChain calls such a run a root."""

    def node(state: State) -> dict[str, Any]:
        return {"messages": [ScriptedChat().invoke("no tool", {"callbacks": list(own_callbacks)})]}

    async def anode(state: State) -> dict[str, Any]:
        return {"messages": [await ScriptedChat().ainvoke("no tool", {"callbacks": list(own_callbacks)})]}

    def graph(function: Any) -> Any:
        built = StateGraph(State)
        built.add_node("prepare", function)
        built.add_edge(START, "prepare")
        return built.compile(name="assistant")

    def mark() -> str:
        spans = traced(finished())
        by_id = {span.context.span_id: span for span in spans}
        (model,) = (span for span in spans if stands_for(span, "model"))
        parent = by_id.get(model.parent.span_id) if model.parent else None
        nodes = any(stands_for(span, "node") for span in spans)
        return yes(parent is not None and (stands_for(parent, "node") or not nodes))

    graph(node).invoke(question(), config())
    sync = mark()
    exporter.clear()
    asyncio.run(graph(anode).ainvoke(question(), config()))
    return f"{sync} {mark()}"


def consecutive() -> str:
    async def go() -> None:
        for _ in range(3):
            await application(asynchronous=True).ainvoke(question(), config())
        work("nothing")

    asyncio.run(go())
    spans = finished()
    after = next(span for span in spans if span.name == "in nothing")
    return yes(traces(traced(spans)) == 3 and after.parent is None)


def request() -> str:
    async def go() -> None:
        with tracer.start_as_current_span("request"):
            await application(asynchronous=True).ainvoke(question(), config())
            work("database")

    asyncio.run(go())
    spans = finished()
    by_name = {span.name: span for span in spans if is_own(span)}
    request_id = by_name["request"].context.span_id
    database = by_name["in database"]
    known = {span.context.span_id for span in traced(spans)}
    tops = [span for span in traced(spans) if span.parent is None or span.parent.span_id not in known]
    beneath = [top.parent is not None and top.parent.span_id == request_id for top in tops]
    return yes(traces(spans) == 1 and beneath == [True] and database.parent.span_id == request_id)


def _asking(state: State) -> dict[str, Any]:
    return {"messages": [AIMessage(interrupt("sure?"))]}


def _paused() -> tuple[Any, Any]:
    graph = StateGraph(State)
    graph.add_node("ask", _asking)
    graph.add_edge(START, "ask")
    compiled = graph.compile(checkpointer=InMemorySaver(), name="assistant")
    thread = config(configurable={"thread_id": "thread-1"})
    compiled.invoke(question(), thread)
    return compiled, thread


def interrupt_status() -> str:
    _paused()
    return yes(not any(span.status.status_code is trace.StatusCode.ERROR for span in traced(finished())))


def resume() -> str:
    compiled, thread = _paused()
    first = {span.context.trace_id for span in traced(finished())}
    exporter.clear()
    compiled.invoke(Command(resume="yes"), thread)
    again = traced(finished())
    linked = {link.context.trace_id for span in again for link in span.links}
    return yes(bool(again) and ({span.context.trace_id for span in again} <= first or bool(first & linked)))


class Unnamed(ScriptedChat):
    """A model class of the application's own, which says nothing about its name."""

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {}

    def _get_ls_params(self, stop: Any = None, **kwargs: Any) -> Any:
        return {"ls_model_type": "chat"}


def unnamed_model() -> str:
    (RunnableLambda(lambda text: text) | Unnamed(model_name="")).invoke("no tool", config())
    return yes(any(stands_for(span, "model") for span in traced(finished())))


class Slow(ScriptedChat):
    """A model that never answers."""

    async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        work("model")
        await asyncio.sleep(3600)
        raise AssertionError("unreachable")


def cancelled_model() -> str:
    """The span of a model call that was cancelled inside a chain; of a lost one, children have no parent."""

    async def go() -> None:
        chain = RunnableLambda(lambda text: text) | Slow()
        task = asyncio.ensure_future(chain.ainvoke("no tool", config()))
        while not any(span.name == "in model" for span in exporter.get_finished_spans()):
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(go())
    spans = traced(finished())
    return yes(any(stands_for(span, "model") for span in spans))


STYLES = "tool, model, node, one trace a run"
CASES: list[tuple[str, str, Callable[[], str]]] = [
    ("`invoke`", STYLES, invoke),
    ("`ainvoke`", STYLES, ainvoke),
    ("`stream`", STYLES, stream),
    ("`astream`", STYLES, astream),
    ("`astream_events` v2", STYLES, astream_events),
    ("`batch` of 3", STYLES, batch),
    ("`abatch` of 3", STYLES, abatch),
    ("`gather` of 20, one handler", STYLES, gather),
    ("thread with a copied context, inside a tool", "", threads),
    ("`RunnableParallel`: each branch holds its spans", "sync, async", parallel),
    ("a subgraph stays in its graph's tree", "", subgraph),
    ("a node that passes its own `callbacks`", "sync, async", own_callbacks_node),
    ("three runs in a row are three traces", "", consecutive),
    ("a run lies under the request's span, what follows beside it", "", request),
    ("a model call that was cancelled in a chain keeps its span", "", cancelled_model),
    ("your own model class, without a model name, has a span", "", unnamed_model),
    ("an interrupt is no error", "", interrupt_status),
    ("a resumed graph joins its trace, or links to it", "", resume),
]


class Count(logging.Handler):
    """Counts what the tracer logs as a warning or worse."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(f"{record.name}: {record.getMessage()[:200]}")


def in_thread(case: Callable[[], str]) -> str:
    """Run a case in a thread of its own: with an empty context."""
    marks: list[str] = []

    def run() -> None:
        try:
            marks.append(case())
        except Exception as error:  # a tracer that breaks the application has its mark too
            marks.append(f"✗ {type(error).__name__}")
            logging.getLogger("benchmark").debug("case failed", exc_info=error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return marks[0]


def main(name: str) -> None:
    global callbacks, flush, own_callbacks
    warnings.simplefilter("ignore")
    peer = PEERS[name]
    trace.set_tracer_provider(provider)
    callbacks, flush = peer.start(provider, exporter)
    own_callbacks = list(callbacks)
    if name == "spancast":
        from spancast.langchain import SpancastCallbackHandler

        own_callbacks = [SpancastCallbackHandler()]
    logged = Count()
    logging.getLogger().addHandler(logged)
    marks = {}
    for index, (title, _, case) in enumerate(CASES):
        print(f"\r{name}: {index + 1} of {len(CASES)}", end="", file=sys.stderr, flush=True)
        exporter.clear()
        marks[title] = in_thread(case)
    print(file=sys.stderr)
    result = {
        "version": version(ENVIRONMENTS[name].distribution),
        "application": {package: version(package) for package in ("langchain", "langchain-core", "langgraph")},
        "marks": marks,
        "orders": {title: order for title, order, _ in CASES},
        "logged": logged.records,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1])
