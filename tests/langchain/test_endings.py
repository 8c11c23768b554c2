"""Operations that neither finish nor fail: cancelled, abandoned, cut off; they end, and the attribute says how."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import uuid4

import pytest
from langchain.agents import create_agent
from langchain_core.messages import ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tools import StructuredTool, tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolRuntime
from langgraph.types import Command

import spancast
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler
from spancast.recording import guard
from spancast.recording import recorder as recorder_module

from ..fakes.langchain import ScriptedChat, call
from .trees import one, tree

called: list[str] = []


class Slow(ScriptedChat):
    """A model that never answers."""

    async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
        called.append("model")
        await asyncio.sleep(60)


@pytest.fixture
def config(pipeline: spancast.Pipeline) -> dict[str, Any]:
    """Return a config with one handler."""
    return {"callbacks": [SpancastCallbackHandler()]}


def endings(memory: MemoryDestination) -> dict[str, tuple[str, str | None]]:
    return {span.name: (str(span.status), span.attributes.get("spancast.ending")) for span in memory.spans}


async def cancelled(work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    called.clear()
    task = asyncio.ensure_future(work())
    while not called:
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_call_cancelled_inside_a_chain(config: Any, memory: MemoryDestination, pipeline: spancast.Pipeline) -> None:
    """LangChain tells only the chain; the model's span ends with it."""
    chain = RunnableLambda(lambda text: text, name="first") | Slow()
    asyncio.run(cancelled(lambda: chain.ainvoke("q", config)))
    assert {
        "first": ("OK", None),
        "Slow": ("UNSET", "cancelled"),
        "RunnableSequence": ("UNSET", "cancelled"),
    } == endings(memory)
    assert 0 == pipeline.recorder.open_operations


def test_a_task_that_outlives_its_step(config: Any, memory: MemoryDestination, pipeline: spancast.Pipeline) -> None:
    """A step that returns leaves the model of its background task open; what that says and costs is on its span."""

    async def go() -> None:
        tasks = []

        async def step(text: str) -> str:
            tasks.append(asyncio.create_task((RunnableLambda(str, name="later") | ScriptedChat()).ainvoke(text)))
            await asyncio.sleep(0)
            return text

        await RunnableLambda(step, name="step").ainvoke("q", config)
        assert "step" in endings(memory)  # it is sent when it returns
        await asyncio.gather(*tasks)

    asyncio.run(go())
    assert {("OK", None)} == set(endings(memory).values())
    model = one(memory.spans, "ScriptedChat")
    assert "llm.output_messages.0.message.content" in model.attributes
    assert one(memory.spans, "step").span_id == one(memory.spans, "RunnableSequence").parent_span_id
    assert 0 == pipeline.recorder.open_operations


def test_a_branch_that_outlives_the_other_ones_failure(
    config: Any, memory: MemoryDestination, pipeline: spancast.Pipeline
) -> None:
    """Of branches that are gathered one fails and another goes on: it stays in the tree, with what its model says."""

    async def go() -> None:
        failed, done = asyncio.Event(), asyncio.Event()

        async def slow(text: str) -> str:
            await failed.wait()
            answer = await ScriptedChat().ainvoke(text)
            done.set()
            return str(answer.content)

        async def bad(text: str) -> str:
            raise ValueError(text)

        both = RunnableParallel(slow=RunnableLambda(slow, name="slow"), bad=RunnableLambda(bad, name="bad"))
        with pytest.raises(ValueError, match="q"):
            await both.ainvoke("q", config)
        failed.set()
        await done.wait()

    asyncio.run(go())
    slow_branch = one(memory.spans, "slow")
    assert one(memory.spans, "RunnableParallel<slow,bad>").span_id == slow_branch.parent_span_id
    assert slow_branch.span_id == one(memory.spans, "ScriptedChat").parent_span_id
    assert ("OK", None) == endings(memory)["slow"] == endings(memory)["ScriptedChat"]
    assert 0 == pipeline.recorder.open_operations


def test_a_model_that_outlives_the_failure_of_what_it_is_gathered_with(
    config: Any, memory: MemoryDestination, pipeline: spancast.Pipeline
) -> None:
    """A step gathers a model and something that fails: nobody stops the model, and its answer and tokens count."""

    async def go() -> None:
        failed = asyncio.Event()

        class Waiting(ScriptedChat):
            async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
                called.append("model")
                await failed.wait()
                return self._generate(messages, stop, run_manager, **kwargs)

        async def bad() -> None:
            while not called:
                await asyncio.sleep(0)
            raise ValueError("bad")

        async def step(text: str) -> None:
            called.clear()
            tasks.append(asyncio.ensure_future(Waiting().ainvoke(text)))
            await asyncio.gather(*tasks, bad())

        tasks: list[Any] = []
        with pytest.raises(ValueError, match="bad"):
            await RunnableLambda(step, name="step").ainvoke("q", config)
        failed.set()
        await asyncio.gather(*tasks)

    asyncio.run(go())
    assert {"step": ("ERROR", None), "Waiting": ("OK", None)} == endings(memory)
    assert one(memory.spans, "step").span_id == one(memory.spans, "Waiting").parent_span_id
    assert "llm.output_messages.0.message.content" in one(memory.spans, "Waiting").attributes
    assert 0 == pipeline.recorder.open_operations


def test_a_call_cancelled_alone(config: Any, memory: MemoryDestination, pipeline: spancast.Pipeline) -> None:
    """Of a model cancelled outside of any chain LangChain tells nothing; its task's end ends it."""

    async def go() -> None:
        for _ in range(20):
            await cancelled(lambda: Slow().ainvoke("q", config))

    asyncio.run(go())
    assert [("UNSET", "cancelled")] * 20 == [
        (str(span.status), span.attributes["spancast.ending"]) for span in memory.spans
    ]
    assert 0 == pipeline.recorder.open_operations


def test_a_call_stopped_by_a_timeout(config: Any, memory: MemoryDestination, pipeline: spancast.Pipeline) -> None:
    """A timeout is a cancellation from the model's side."""

    async def go() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(Slow().ainvoke("q", config), 0.02)

    asyncio.run(go())
    assert {"Slow": ("UNSET", "cancelled")} == endings(memory)
    assert 0 == pipeline.recorder.open_operations


def test_many_calls_in_one_task_leave_one_callback(config: Any, pipeline: spancast.Pipeline) -> None:
    """A long-lived task is watched once, and what ended by itself is forgotten."""
    from spancast.recording import tasks

    async def go() -> int:
        for _ in range(50):
            await ScriptedChat(script=["x"]).ainvoke("q", config)
        (drafts,) = [drafts for task, drafts in tasks._watched.items() if task is asyncio.current_task()]
        return len(drafts)

    assert 0 == asyncio.run(go())


def test_an_abandoned_sync_stream(config: Any, memory: MemoryDestination, pipeline: spancast.Pipeline) -> None:
    """A generator that nobody reads any more ends when it is dropped."""
    stream = ScriptedChat(script=["a b c"]).stream("q", config)
    next(stream)
    del stream
    gc.collect()
    assert {"ScriptedChat": ("UNSET", "abandoned")} == endings(memory)
    assert 0 == pipeline.recorder.open_operations


def test_a_stream_that_is_never_read(config: Any, memory: MemoryDestination, pipeline: spancast.Pipeline) -> None:
    """Nothing ran, so nothing is recorded and nothing stays open."""
    stream = ScriptedChat(script=["a b c"]).stream("q", config)
    del stream

    async def go() -> None:
        ScriptedChat(script=["a"]).astream("q", config)

    asyncio.run(go())
    assert {} == endings(memory)
    assert 0 == pipeline.recorder.open_operations


def test_an_abandoned_chain_stream(config: Any, memory: MemoryDestination, pipeline: spancast.Pipeline) -> None:
    """Breaking out of a chain's async stream ends chain and model, neither as an error."""
    chain = RunnableLambda(lambda text: text, name="first") | ScriptedChat(script=["a b c d"])

    async def go() -> None:
        stream = chain.astream("q", config)
        async for _ in stream:
            break
        await stream.aclose()

    asyncio.run(go())
    assert "ERROR" not in {status for status, _ in endings(memory).values()}
    assert "abandoned" == endings(memory)["RunnableSequence"][1]
    assert 0 == pipeline.recorder.open_operations


@pytest.mark.parametrize("is_async", [False, True])
def test_what_a_model_said_until_its_chain_was_left(
    config: Any, memory: MemoryDestination, pipeline: spancast.Pipeline, is_async: bool
) -> None:
    """The outermost generator is closed first: the model's own event comes after its chain's, and brings the words."""
    chain: Any = ChatPromptTemplate.from_template("{q}") | ScriptedChat(script=["a b c d"])

    async def go() -> None:
        async for _ in (chain | StrOutputParser()).astream({"q": "?"}, config):
            break
        gc.collect()
        await asyncio.sleep(0)

    if is_async:
        asyncio.run(go())
    else:
        for _ in chain.stream({"q": "?"}, config):
            break
        gc.collect()
    ended = endings(memory)
    ended.pop("ChatPromptTemplate")
    assert {("UNSET", "abandoned")} == set(ended.values())
    assert "a" == one(memory.spans, "ScriptedChat").attributes["output.value"].strip()
    assert 0 == pipeline.recorder.open_operations


def test_tokens_of_a_model_that_is_read_to_its_end(config: Any, memory: MemoryDestination) -> None:
    """LangChain reads the model before a parser on after a sync stream was left: what was spent is counted."""
    chain: Any = ChatPromptTemplate.from_template("{q}") | ScriptedChat(script=["a b c d"]) | StrOutputParser()
    for _ in chain.stream({"q": "?"}, config):
        break
    gc.collect()
    model = one(memory.spans, "ScriptedChat")
    assert ("OK", "a b c d", 150) == (
        str(model.status),
        model.attributes["output.value"],
        model.attributes["llm.token_count.total"],
    )


def test_a_sync_chain_stream_that_is_closed_early(config: Any, memory: MemoryDestination) -> None:
    """LangChain calls it finished; it was abandoned, like its async twin."""
    chain = RunnableLambda(lambda text: text, name="first") | ScriptedChat(script=["a b c d"])
    stream = chain.stream("q", config)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert ("UNSET", "abandoned") == endings(memory)["RunnableSequence"]
    assert "ERROR" not in {status for status, _ in endings(memory).values()}


def test_a_handoff_to_the_parent_graph_is_no_error(config: Any, memory: MemoryDestination) -> None:
    """`Command(graph=PARENT)` comes as an exception through every level; nothing of it is red."""

    def leave(state: MessagesState) -> Command[str]:
        return Command(goto="other", graph=Command.PARENT)

    inner = StateGraph(MessagesState)
    inner.add_node("leave", leave)
    inner.add_edge(START, "leave")
    outer = StateGraph(MessagesState)
    outer.add_node("agent", inner.compile(name="inner"))
    outer.add_node("other", lambda state: {"messages": []})
    outer.add_edge(START, "agent")
    outer.add_edge("other", END)
    outer.compile().invoke({"messages": []}, config)
    assert "ERROR" not in {status for status, _ in endings(memory).values()}
    assert {"handed over"} == {endings(memory)[name][1] for name in ("agent", "inner", "leave")}


def test_what_is_handed_over_is_the_output(config: Any, memory: MemoryDestination) -> None:
    """A node that returns `Command(graph=PARENT)` made that command, and so did what passes it on; an agent its update."""

    @tool
    def ask_bob(runtime: ToolRuntime) -> Command[str]:
        """Hand over to Bob."""
        message = ToolMessage("Over to Bob.", tool_call_id=runtime.tool_call_id)
        return Command(goto="bob", graph=Command.PARENT, update={"messages": [*runtime.state["messages"], message]})

    outer = StateGraph(MessagesState)
    outer.add_node("alice", create_agent(ScriptedChat(script=[call("ask_bob", {})]), [ask_bob], name="alice's agent"))
    outer.add_node("bob", lambda state: {"messages": []})
    outer.add_edge(START, "alice")
    outer.compile().invoke({"messages": [("user", "Where is Bob?")]}, config)
    found = {span.name: json.loads(span.attributes["output.value"]) for span in memory.spans if span.name != "bob"}
    assert "bob" == found["tools"]["goto"] == found["alice"]["goto"]
    said = found["alice's agent"]["messages"]
    assert ["user", "assistant", "tool"] == [message["role"] for message in said]
    assert "Over to Bob." == said[-1]["content"]


def test_what_is_open_ends_with_the_pipeline(memory: MemoryDestination) -> None:
    """Shutdown ends what is open, and says that it is incomplete."""
    with spancast.Pipeline(memory) as pipeline:
        handler = SpancastCallbackHandler()
        root, child = uuid4(), uuid4()
        handler.on_chain_start(None, {"a": 1}, run_id=root, name="root")
        handler.on_chain_start(None, {"a": 1}, run_id=child, parent_run_id=root, name="child")
        assert 2 == pipeline.recorder.open_operations
    assert {"root": ("UNSET", "incomplete"), "child": ("UNSET", "incomplete")} == endings(memory)
    assert ["CHAIN root", "  CHAIN child"] == tree(memory.spans)


def test_a_flush_leaves_running_operations_alone(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """A flush in the middle of a run, as another request's may be, does not cut the run off."""

    def work(text: str) -> str:
        assert spancast.flush()
        return text

    RunnableLambda(work, name="run").invoke("x", {"callbacks": [SpancastCallbackHandler()]})
    assert {"run": ("OK", None)} == endings(memory)


def test_the_table_of_open_operations_is_bounded(
    pipeline: spancast.Pipeline, memory: MemoryDestination, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs that never end push out the oldest, which ends as incomplete."""
    monkeypatch.setattr(recorder_module, "MAX_OPEN", 10)
    handler = SpancastCallbackHandler()
    for index in range(30):
        handler.on_chain_start(None, {}, run_id=uuid4(), name=f"run {index}")
    assert pipeline.recorder.open_operations <= 10
    assert ("UNSET", "incomplete") == endings(memory)["run 0"]


def test_old_operations_are_ended(
    pipeline: spancast.Pipeline, memory: MemoryDestination, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is open for longer than the age limit ends as incomplete when others open."""
    monkeypatch.setattr(recorder_module, "MAX_AGE_NS", 0)
    monkeypatch.setattr(recorder_module, "_SWEEP_EVERY", 2)
    handler = SpancastCallbackHandler()
    handler.on_chain_start(None, {}, run_id=uuid4(), name="old")
    for index in range(4):
        handler.on_chain_start(None, {}, run_id=uuid4(), name=f"run {index}")
    assert ("UNSET", "incomplete") == endings(memory)["old"]


def test_an_end_without_a_start_is_ignored(config: Any, pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """Events of runs that are unknown, or known no more, change nothing."""
    handler = config["callbacks"][0]
    handler.on_chain_end({"a": 1}, run_id=uuid4())
    handler.on_llm_error(ValueError("x"), run_id=uuid4())
    handler.on_llm_new_token("x", run_id=uuid4())
    handler.on_tool_end("x", run_id=uuid4())
    assert [] == memory.spans


def test_trace_ids_for_feedback(config: Any, memory: MemoryDestination) -> None:
    """The handler knows the trace of a run id, and each task the trace that its own call made."""
    handler = config["callbacks"][0]
    seen: dict[int, str] = {}

    async def request(index: int) -> None:
        await RunnableLambda(lambda text: text, name=f"run {index}").ainvoke("x", config)
        seen[index] = handler.last_trace.trace_id

    async def go() -> None:
        await asyncio.gather(*map(request, range(20)))

    asyncio.run(go())
    assert {index: one(memory.spans, f"run {index}").trace_id for index in range(20)} == seen

    run_id = uuid4()
    RunnableLambda(lambda text: text, name="known").invoke("x", {**config, "run_id": run_id})
    assert one(memory.spans, "known").trace_id == handler.trace_id_for(run_id)
    assert None is handler.trace_id_for(uuid4())


def test_the_current_trace_inside_a_tool(config: Any, memory: MemoryDestination) -> None:
    """A tool can ask where it is, for links and logs."""
    handles = []
    RunnableLambda(lambda text: handles.append(spancast.current_trace()), name="run").invoke("x", config)
    span = one(memory.spans, "run")
    assert [(span.trace_id, span.span_id)] == [(handle.trace_id, handle.span_id) for handle in handles]


# ---------------------------------------------------------------- ends that cannot be read
class Odd(BaseRetriever):
    """Finds what no retriever should."""

    found: Any = None

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> Any:
        return self.found


@pytest.mark.parametrize("found", [None, 7, "text", {"a": 1}, [None], [object()], (1, 2)])
def test_a_retriever_that_finds_no_documents_ends(
    found: Any, pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """LangChain passes on whatever a retriever gives: its span ends, and the chain's around it too."""
    config: Any = {"callbacks": [SpancastCallbackHandler()]}
    RunnableLambda(lambda query: Odd(found=found).invoke(query)).invoke("q", config)
    assert {"Odd": None, "RunnableLambda": None} == {
        span.name: span.attributes.get("spancast.ending") for span in memory.spans
    }


ENDS: dict[str, tuple[str, Any]] = {
    "chain": ("spancast.langchain.chains.capture", RunnableLambda(lambda text: text)),
    "model": ("spancast.langchain.models.hold_answer", ScriptedChat()),
    "retriever": ("spancast.langchain.retrievers.capture", Odd(found=[])),
    "tool": (
        "spancast.langchain.tools.capture",
        StructuredTool.from_function(lambda text: text, name="t", description=""),
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_fault_of_ours_at_the_end_costs_content_not_the_span(
    name: str, pipeline: spancast.Pipeline, memory: MemoryDestination, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operation closes, in its place, and the fault is counted."""
    place, run = ENDS[name]
    monkeypatch.setattr(guard, "strict", False)
    monkeypatch.setattr(guard, "_faults", {})
    monkeypatch.setattr(place, lambda *args, **kwargs: 1 / 0)
    run.invoke({"text": "x"} if name == "tool" else "x", {"callbacks": [SpancastCallbackHandler()]})
    assert 1 == len(memory.spans)
    assert 0 == pipeline.recorder.open_operations
    assert sum(guard.faults().values())
