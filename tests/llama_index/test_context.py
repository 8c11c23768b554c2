"""Who is whose parent: current spans, tasks and threads that outlive their caller, other contexts and processes."""

from __future__ import annotations

import asyncio
import contextvars
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.instrumentation.events import BaseEvent
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import NodeWithScore, QueryBundle
from llama_index.core.tools import FunctionTool
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.dispatcher import instrument_tags
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import TracerProvider
from workflows import Workflow, step
from workflows.events import Event, StartEvent, StopEvent

import spancast
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler
from spancast.llama_index import install

from ..fakes.llama_index import PlainEmbedding, PlainReranker, PlainRetriever, ScriptedLLM, calls
from ..langchain.trees import one, traces, tree
from .conftest import settled
from .framework import TOOLS_ELSEWHERE

pytestmark = pytest.mark.usefixtures("instrumented")
ASKED = [ChatMessage(role="user", content="hi")]
dispatcher = get_dispatcher(__name__)


def here() -> str:
    """Return the id of the current span."""
    return f"{otel.get_current_span().get_span_context().span_id:016x}"


def test_inside_each_component_its_own_span_is_current(memory: MemoryDestination) -> None:
    """An HTTP client's span opened in a model, a retriever or a reranker lies under it; afterwards nothing is current."""
    inside: dict[str, str] = {}

    class Retriever(PlainRetriever):
        def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
            inside["RETRIEVER"] = here()
            return super()._retrieve(query_bundle)

    class Reranker(PlainReranker):
        def _postprocess_nodes(self, nodes: Any, query_bundle: Any = None) -> list[NodeWithScore]:
            inside["RERANKER"] = here()
            return super()._postprocess_nodes(nodes, query_bundle)

    class Embedder(PlainEmbedding):
        def _get_query_embedding(self, query: str) -> list[float]:
            inside["EMBEDDING"] = here()
            return [1.0]

    llm = ScriptedLLM("hi", inside=lambda: inside.update(LLM=here()))
    RetrieverQueryEngine.from_args(Retriever(), llm=llm, node_postprocessors=[Reranker()]).query("q")
    Embedder().get_query_embedding("q")
    assert inside == {span.kind.value: span.span_id for span in memory.spans if span.kind.value in inside}
    assert "0" * 16 == here()


@pytest.mark.parametrize("streaming", [True, False])
def test_inside_an_agents_model_and_tools_their_spans_are_current(streaming: bool, memory: MemoryDestination) -> None:
    """In agents too, where the model streams into LlamaIndex's own step."""
    inside: list[str] = []
    look = lambda: inside.append(here())  # noqa: E731

    def tool(x: int) -> int:
        """Look around."""
        look()
        return x

    async def go() -> None:
        llm = ScriptedLLM(calls(("tool", {"x": 1})), "done", inside=look)
        await FunctionAgent(name="a", tools=[tool], llm=llm, streaming=streaming).run("hi")

    asyncio.run(go())
    called = sorted((span for span in memory.spans if span.kind.value in ("LLM", "TOOL")), key=lambda s: s.start_ns)
    expected = [span.span_id for span in called]
    if TOOLS_ELSEWHERE:
        expected[1] = "0" * 16  # there LlamaIndex's own parent is lost as well
    assert expected == inside


def test_inside_a_member_of_several_agents_its_span_is_current(memory: MemoryDestination) -> None:
    """What an agent's own code opens lies under that agent, not under the whole workflow."""
    inside: list[str] = []

    class Looking(FunctionAgent):
        async def take_step(self, *arguments: Any, **keywords: Any) -> Any:
            inside.append(here())
            return await super().take_step(*arguments, **keywords)

    async def go() -> None:
        first = Looking(name="one", description="1", tools=[FunctionTool.from_defaults(abs)], llm=ScriptedLLM("done"))
        await AgentWorkflow(agents=[first], root_agent="one").run("hi")

    asyncio.run(go())
    assert [one(memory.spans, "one").span_id] == inside


def test_inside_steps_the_steps_span_is_current(memory: MemoryDestination) -> None:
    """Async steps, and sync ones, which run in a thread."""
    inside: dict[str, str] = {}

    class Looking(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Half:
            inside["Looking.begin"] = here()
            return Half()

        @step
        def finish(self, ev: Half) -> StopEvent:
            inside["Looking.finish"] = here()
            return StopEvent()

    async def go() -> None:
        await Looking().run()

    asyncio.run(go())
    assert inside == {span.name: span.span_id for span in memory.spans if span.name in inside}
    assert 2 == len(inside)


class Half(Event):
    """Between two steps."""


def test_an_applications_own_span_keeps_its_place(memory: MemoryDestination) -> None:
    """A span of the application around a query is its parent; one in between two calls of ours stays in between."""
    tracer = TracerProvider().get_tracer("app")
    with tracer.start_as_current_span("request") as request:
        RetrieverQueryEngine.from_args(PlainRetriever(), llm=ScriptedLLM()).query("q")
    root = one(memory.spans, "RetrieverQueryEngine.query")
    assert f"{request.get_span_context().span_id:016x}" == root.parent_span_id
    assert f"{request.get_span_context().trace_id:032x}" == root.trace_id


def test_llama_index_inside_langchain_is_one_trace(memory: MemoryDestination) -> None:
    """A query inside a LangChain run, and a LangChain run inside a tool of LlamaIndex, nest."""
    engine = RetrieverQueryEngine.from_args(PlainRetriever(), llm=ScriptedLLM())
    config: Any = {"callbacks": [SpancastCallbackHandler()]}
    RunnableLambda(lambda q: str(engine.query(q)), name="outer").invoke("q", config)
    assert ["CHAIN outer", "  CHAIN RetrieverQueryEngine.query"] == tree(memory.spans)[:2]
    memory.clear()
    inner = RunnableLambda(lambda q: q, name="inner")
    FunctionTool.from_defaults(lambda q: inner.invoke(q, config), name="ask", description="d").call(q="x")
    assert ["TOOL ask", "  CHAIN inner"] == tree(memory.spans)


def test_what_lies_between_two_calls_is_the_parent(memory: MemoryDestination) -> None:
    """A `trace` block or a LangChain run inside a tool stands between the tool and the model that it calls."""
    config: Any = {"callbacks": [SpancastCallbackHandler()]}

    def ask(q: str) -> str:
        with spancast.trace(span_name="look it up"):
            ScriptedLLM().chat(ASKED)
        RunnableLambda(lambda q: str(ScriptedLLM().complete(q)), name="chain").invoke(q, config)
        return str(ScriptedLLM().complete(q))

    FunctionTool.from_defaults(ask, name="ask", description="d").call(q="x")
    assert [
        "TOOL ask",
        "  CHAIN look it up",
        "    LLM ScriptedLLM.chat",
        "  CHAIN chain",
        "    LLM ScriptedLLM.complete",
        "  LLM ScriptedLLM.complete",
    ] == tree(memory.spans)


def test_consecutive_calls_are_traces_of_their_own(memory: MemoryDestination) -> None:
    """Nothing of a finished query is left in the context."""
    for _ in range(3):
        ScriptedLLM().chat(ASKED)
    assert 3 == traces(memory.spans)


@dispatcher.span
def parent_of(start: Any) -> Any:
    """A call that starts something which outlives it."""
    return start()


def test_a_thread_that_outlives_its_caller_keeps_its_parent(memory: MemoryDestination) -> None:
    """The caller has ended and was delivered; what a copied context starts later still lies under it."""
    go_on = threading.Event()

    def late() -> None:
        go_on.wait(5)
        ScriptedLLM().chat(ASKED)

    def start() -> threading.Thread:
        thread = threading.Thread(target=contextvars.copy_context().run, args=(late,))
        thread.start()
        return thread

    thread = parent_of(start)
    assert ["CHAIN parent_of"] == tree(memory.spans)
    go_on.set()
    thread.join()
    assert ["CHAIN parent_of", "  LLM ScriptedLLM.chat"] == tree(memory.spans)


def test_a_child_that_is_still_open_goes_on(memory: MemoryDestination) -> None:
    """A task begun in a call, and ended after it, is not cut off by the call's end."""

    @dispatcher.span
    async def work() -> None:
        await asyncio.sleep(0.01)
        await ScriptedLLM().achat(ASKED)

    async def go() -> None:
        task = parent_of(lambda: asyncio.get_running_loop().create_task(work()))
        await task

    asyncio.run(go())
    names = [line.split()[-1].rpartition(".")[2] for line in tree(memory.spans)]
    assert ["parent_of", "work", "achat"] == names
    assert {"OK"} == {str(span.status) for span in memory.spans}


def test_a_workflow_that_outlives_the_call_around_it(memory: MemoryDestination) -> None:
    """`run()` returns at once; its run, begun in a call that has ended, lies under that."""

    class Short(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            await asyncio.sleep(0.01)
            return StopEvent(result="x")

    async def go() -> None:
        handler = parent_of(lambda: Short().run())
        assert "x" == await handler

    asyncio.run(go())
    assert ["CHAIN parent_of", "  CHAIN Short.run", "    CHAIN Short.only"] == [
        line.replace("test_a_workflow_that_outlives_the_call_around_it.", "") for line in tree(memory.spans)
    ]


# ---------------------------------------------------------------- propagation
def captured() -> dict[str, Any]:
    """Return what a call captures, as plain JSON."""
    held: dict[str, Any] = {}

    @dispatcher.span
    def sender() -> None:
        held.update(json.loads(json.dumps(dispatcher.capture_propagation_context())))

    with instrument_tags({"session_id": "s1", "user": "u1", "tenant": "t1"}):
        sender()
    return held


def test_an_empty_context_finds_its_parent_again(memory: MemoryDestination) -> None:
    """In another thread with nothing in its context, a restored call lies under the one that was captured."""
    held = captured()

    def work() -> None:
        dispatcher.restore_propagation_context(held)
        ScriptedLLM().chat(ASKED)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(contextvars.Context().run, work).result()
    sender, model = memory.spans
    assert (sender.span_id, sender.trace_id) == (model.parent_span_id, model.trace_id)
    assert ("s1", "u1") == (model.attributes["session.id"], model.attributes["user.id"])


@pytest.mark.slow
def test_another_process_finds_the_parent(memory: MemoryDestination) -> None:
    """What was captured is plain JSON; a process that restores it goes on in the trace, with its session and user."""
    held = captured()
    program = """
import json, sys
import spancast
from spancast import destinations, llama_index
from llama_index.core.llms import MockLLM
from llama_index_instrumentation import get_dispatcher
memory = destinations.memory(convention="openinference")
spancast.configure(memory)
llama_index.instrument()
get_dispatcher().restore_propagation_context(json.loads(sys.argv[1]))
MockLLM(max_tokens=1).complete("hi")
span, = memory.spans
print(json.dumps([span.trace_id, span.parent_span_id, span.attributes["session.id"], span.attributes["metadata.tenant"]]))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, json.dumps(held)], capture_output=True, text=True, timeout=120
    )
    assert 0 == done.returncode, done.stderr
    sender = memory.spans[0]
    assert [sender.trace_id, sender.span_id, "s1", "t1"] == json.loads(done.stdout)


def test_restoring_nothing_begins_anew(memory: MemoryDestination) -> None:
    """A worker that restores an empty context does not go on in the trace of the message before."""
    held = captured()

    def work() -> None:
        dispatcher.restore_propagation_context(held)
        dispatcher.restore_propagation_context({})
        ScriptedLLM().chat(ASKED)

    contextvars.Context().run(work)
    assert 2 == traces(memory.spans)


PARENT = f"00-{'a' * 32}-{'b' * 16}-01"


@pytest.mark.parametrize(
    ("held", "joined"),
    [
        ({"a": 1}, False),
        ("text", False),
        ({"traceparent": "zz"}, False),
        ({"traceparent": 5}, False),
        ({"traceparent": f"00-{'f' * 40}-{'f' * 20}-01"}, False),
        ({"traceparent": f"00-{'0' * 32}-{'0' * 16}-01"}, False),
        ({"traceparent": PARENT, "fields": {"evil": 1}, "metadata": "text"}, True),
        ({"traceparent": PARENT, "fields": [1], "metadata": {"team": {"a": 1}}, "call": [1]}, True),
        ({"traceparent": PARENT, "fields": {"user": [1], "session_id": None}}, True),
        ({"traceparent": PARENT}, True),
    ],
)
def test_a_malformed_context_loses_nothing(memory: MemoryDestination, held: Any, joined: bool) -> None:
    """It comes from a queue or a store: the call is recorded, and joins the trace only where that can be read."""

    def work() -> None:
        dispatcher.restore_propagation_context({"spancast": held})
        ScriptedLLM().chat(ASKED)

    contextvars.Context().run(work)
    (span,) = memory.spans
    assert joined == (("a" * 32, "b" * 16) == (span.trace_id, span.parent_span_id))


def test_nothing_is_captured_outside(pipeline: spancast.Pipeline) -> None:
    """Where nothing is open there is nothing to hand on."""
    assert "spancast" not in dispatcher.capture_propagation_context()


class Unheard(BaseEvent):
    """An event of the application's own."""


def test_unknown_events_pass(memory: MemoryDestination) -> None:
    """Whatever LlamaIndex or the application sends, now or in a later release, is no fault."""

    @dispatcher.span
    def sender() -> None:
        dispatcher.event(Unheard())
        dispatcher.event(Unheard(span_id="of nobody"))

    sender()
    assert 1 == len(memory.spans)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_begins_anew(memory: MemoryDestination, pipeline: spancast.Pipeline) -> None:
    """What was open belongs to the parent; the child traces its own calls, and its streams end."""
    stream = ScriptedLLM("a b").stream_chat(ASKED)
    next(stream)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            left = ScriptedLLM("a b").stream_chat(ASKED)
            del left
            ScriptedLLM().chat(ASKED)
            settled(lambda: install.unfinished_calls() == 0)
            code = 0 if (2, 0) == (len(memory.spans), install.unfinished_calls()) else 2
        finally:
            os._exit(code)
    assert 0 == os.waitpid(child, 0)[1]
    list(stream)
    assert ["ScriptedLLM.stream_chat"] == [span.name for span in memory.spans]
