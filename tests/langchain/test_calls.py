"""The current span belongs to the code inside a call: not to its caller after a timeout, nor between two chunks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypedDict

import pytest
from langchain_core.language_models.llms import LLM
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk, GenerationChunk
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.graph import END, START, StateGraph
from opentelemetry import trace

import spancast
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler

from ..fakes.langchain import ScriptedChat
from .trees import one, traces

seen: list[str] = []


def current() -> str | None:
    """Return the id of OpenTelemetry's current span, as it is propagated to other services."""
    context = trace.get_current_span().get_span_context()
    return f"{context.span_id:016x}" if context.is_valid else None


def look() -> None:
    """Note the current span."""
    seen.append(current() or "none")


@pytest.fixture
def config(pipeline: spancast.Pipeline) -> dict[str, Any]:
    """Return a config with one handler."""
    seen.clear()
    return {"callbacks": [SpancastCallbackHandler()]}


class Chat(ScriptedChat):
    """Never answers where it is awaited; streams three pieces."""

    def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Iterator[Any]:
        for piece in "abc":
            look()
            yield ChatGenerationChunk(message=AIMessageChunk(content=piece))

    async def _astream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        for piece in "abc":
            look()
            yield ChatGenerationChunk(message=AIMessageChunk(content=piece))

    async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
        look()
        await asyncio.sleep(60)


class Text(LLM):
    """A text model that never answers where it is awaited."""

    @property
    def _llm_type(self) -> str:
        return "text"

    def _call(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> str:
        return "answer"

    async def _acall(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> str:
        await asyncio.sleep(60)
        return "never"

    def _stream(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Iterator[Any]:
        for piece in "abc":
            look()
            yield GenerationChunk(text=piece)


class Finder(BaseRetriever):
    """Never finds anything where it is awaited."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Any]:
        look()
        return []

    async def _aget_relevant_documents(self, query: str, *, run_manager: Any) -> list[Any]:
        look()
        await asyncio.sleep(60)
        return []


@tool
async def slow_tool(x: str) -> str:
    """Take long."""
    await asyncio.sleep(60)
    return x


class State(TypedDict):
    """The state of the graph."""

    text: str


def graph(inside: Callable[[State], Any]) -> Any:
    """Return a graph of two nodes."""
    built = StateGraph(State)
    built.add_node("first", inside)
    built.add_node("second", inside)
    built.add_edge(START, "first")
    built.add_edge("first", "second")
    built.add_edge("second", END)
    return built.compile()


async def sleeping(state: State) -> State:
    """Take long."""
    await asyncio.sleep(60)
    return state


def looking(state: State) -> State:
    """Note the current span."""
    look()
    return state


CALLS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "Chat": lambda config: Chat().ainvoke("hi", config),
    "Text": lambda config: Text().ainvoke("hi", config),
    "Finder": lambda config: Finder().ainvoke("hi", config),
    "slow_tool": lambda config: slow_tool.ainvoke({"x": "1"}, config),
    "LangGraph": lambda config: graph(sleeping).ainvoke({"text": ""}, config),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_times_out_ends_and_leaves_nothing_current(
    name: str, config: Any, pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """`asyncio.timeout` around a call: what the task does next is a trace of its own, and the call is `cancelled`."""

    async def work() -> str | None:
        try:
            async with asyncio.timeout(0.02):
                await CALLS[name](config)
        except TimeoutError:
            pass
        left = current()
        await RunnableLambda(lambda text: text).ainvoke("x", {**config, "run_name": "next"})
        return left

    assert None is asyncio.run(work())
    pipeline.flush()
    assert None is one(memory.spans, "next").parent_span_id
    assert 2 == traces(memory.spans)
    assert "cancelled" == one(memory.spans, name).attributes["spancast.ending"]


@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_times_out_inside_a_chain_ends_there(name: str, config: Any, memory: MemoryDestination) -> None:
    """The chain that handles the timeout goes on: what it runs next lies under it, not under the call."""

    async def handled(text: str) -> str:
        try:
            await asyncio.wait_for(asyncio.ensure_future(CALLS[name]({})), 0.02)
        except TimeoutError:
            pass
        return await RunnableLambda(lambda text: text).ainvoke(text, {"run_name": "next"})

    asyncio.run(RunnableLambda(handled).ainvoke("x", {**config, "run_name": "outer"}))
    outer = one(memory.spans, "outer")
    assert outer.span_id == one(memory.spans, "next").parent_span_id
    call = one(memory.spans, name)
    assert (outer.span_id, "cancelled") == (call.parent_span_id, call.attributes["spancast.ending"])


STREAMS: dict[str, Callable[[Any], Iterator[Any]]] = {
    "Chat": lambda config: Chat().stream("hi", config),
    "Text": lambda config: Text().stream("hi", config),
    "LangGraph": lambda config: graph(looking).stream({"text": ""}, config),
}


@pytest.mark.parametrize("read", [1, 99])
@pytest.mark.parametrize("name", STREAMS)
def test_between_two_chunks_the_consumer_is_outside_of_the_stream(
    name: str, read: int, config: Any, memory: MemoryDestination
) -> None:
    """What makes the chunks sees the stream's span as the current one, who reads them does not, also after a `break`."""
    between = []
    for index, _ in enumerate(STREAMS[name](config), 1):
        between.append(current())
        RunnableLambda(lambda text: text).invoke("x", {**config, "run_name": "reader"})
        if index == read:
            break
    between.append(current())
    RunnableLambda(lambda text: text).invoke("x", {**config, "run_name": "next"})
    assert {None} == set(between)
    assert {None} == {span.parent_span_id for span in memory.spans if span.name in ("reader", "next")}
    assert set(seen) <= {span.span_id for span in memory.spans if span.name not in ("reader", "next")}


@pytest.mark.parametrize("read", [1, 99])
@pytest.mark.parametrize("name", ["Chat", "Text", "LangGraph"])
def test_between_two_awaited_chunks_the_consumer_is_outside_of_the_stream(
    name: str, read: int, config: Any, memory: MemoryDestination
) -> None:
    """The same for async streams, where nothing ends the stream at a `break` before the loop turns."""
    streams: dict[str, Callable[[], AsyncIterator[Any]]] = {
        "Chat": lambda: Chat().astream("hi", config),
        "Text": lambda: Text().astream("hi", config),
        "LangGraph": lambda: graph(looking).astream({"text": ""}, config),
    }
    between = []

    async def work() -> None:
        index = 0
        async for _ in streams[name]():
            index += 1
            between.append(current())
            await RunnableLambda(lambda text: text).ainvoke("x", {**config, "run_name": "reader"})
            if index == read:
                break
        between.append(current())
        await RunnableLambda(lambda text: text).ainvoke("x", {**config, "run_name": "next"})

    asyncio.run(work())
    assert {None} == set(between)
    assert {None} == {span.parent_span_id for span in memory.spans if span.name in ("reader", "next")}


def test_inside_a_call_its_span_is_the_current_one(config: Any, memory: MemoryDestination) -> None:
    """What a model or a retriever sends to other services continues its own span, sync and async, batched or not."""
    chat = ScriptedChat(inside=look)
    chat.invoke("hi", config)
    asyncio.run(chat.ainvoke("hi", config))
    asyncio.run(chat.abatch(["a", "b"], config))
    Finder().invoke("hi", config)
    assert [span.span_id for span in sorted(memory.spans, key=lambda span: span.start_ns)] == seen
