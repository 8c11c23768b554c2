"""Trace fields: said by tags, by `spancast.trace`, by the handler; per request, also with hundreds at once."""

from __future__ import annotations

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index_instrumentation.dispatcher import instrument_tags

import spancast
from spancast import destinations, llama_index
from spancast.destinations import MemoryDestination

from ..fakes.llama_index import PlainReranker, PlainRetriever, ScriptedLLM, calls
from ..langchain.trees import one, tree
from .applications import two_tool_agent
from .conftest import settled

pytestmark = pytest.mark.usefixtures("instrumented")
ASKED = [ChatMessage(role="user", content="hi")]


def engine(**options: Any) -> RetrieverQueryEngine:
    """Return a query engine without embeddings."""
    return RetrieverQueryEngine.from_args(
        PlainRetriever(), llm=ScriptedLLM("hello there"), node_postprocessors=[PlainReranker()], **options
    )


FIELDS = {
    "trace": {"trace_name": "Support", "span_name": "Answer", "generation_name": "Think", "dataset": "d1"},
    "user": "u1",
    "session_id": "s1",
    "tenant": "t1",
}


def test_tags_say_the_fields(memory: MemoryDestination) -> None:
    """The same object as in an OpenRouter request names root, chain and generations, and goes onto every span."""
    with instrument_tags(FIELDS):
        engine().query("q")
    assert ["CHAIN Support", "  CHAIN Answer"] == tree(memory.spans)[:2]
    assert "Think" == one([span for span in memory.spans if span.kind.value == "LLM"], "Think").name
    for span in memory.spans:
        held = span.attributes
        expected = ("u1", "s1", "d1", "t1")
        assert expected == tuple(held[key] for key in ("user.id", "session.id", "metadata.dataset", "metadata.tenant"))
        assert "metadata.trace" not in held


def test_tags_reach_an_agents_whole_tree(memory: MemoryDestination) -> None:
    """Agents run in tasks of their own: run, models and tools still have user and session."""

    async def go() -> None:
        with instrument_tags({"session_id": "s1", "user_id": "u1", "trace_id": "abc"}):
            await two_tool_agent().run("hi")

    asyncio.run(go())
    assert 5 == len(memory.spans)
    assert {("s1", "u1")} == {(span.attributes["session.id"], span.attributes["user.id"]) for span in memory.spans}
    assert 1 == len({span.trace_id for span in memory.spans})


def test_a_trace_block_says_the_fields(memory: MemoryDestination) -> None:
    """`spancast.trace` holds for LlamaIndex as for LangChain, sync and async, and around streams."""
    with spancast.trace(trace_name="Nightly", session_id="s1", environment="staging"):
        for _ in engine(streaming=True).query("q").response_gen:
            pass
    assert ["CHAIN Nightly", "  CHAIN RetrieverQueryEngine.query"] == tree(memory.spans)[:2]
    assert {("s1", "staging")} == {
        (span.attributes["session.id"], span.attributes["metadata.environment"]) for span in memory.spans
    }


def test_nearer_fields_win(memory: MemoryDestination) -> None:
    """Handler, block, tags: from far to near; metadata merges."""
    llama_index.instrument(session_id="far", user="u-far", a="1")
    with spancast.trace(session_id="middle", b="2"):
        ScriptedLLM().chat(ASKED)
        with instrument_tags({"session_id": "near", "c": "3"}):
            ScriptedLLM().chat(ASKED)
    first, second = (span.attributes for span in memory.spans)
    assert ("middle", "u-far", "1", "2") == tuple(
        first[key] for key in ("session.id", "user.id", "metadata.a", "metadata.b")
    )
    assert ("near", "u-far", "2", "3") == tuple(
        second[key] for key in ("session.id", "user.id", "metadata.b", "metadata.c")
    )


def test_a_trace_id_with_a_parent_continues_a_trace(memory: MemoryDestination) -> None:
    """`trace_id` and `parent_span_id` put the root where they say, and no child."""
    with instrument_tags({"trace": {"trace_id": "a" * 32, "parent_span_id": "b" * 16}}):
        engine().query("q")
    root = one(memory.spans, "RetrieverQueryEngine.query")
    assert ("a" * 32, "b" * 16) == (root.trace_id, root.parent_span_id)
    assert 1 == [span.parent_span_id for span in memory.spans].count("b" * 16)


def test_workflow_tags_are_no_metadata(memory: MemoryDestination) -> None:
    """LlamaIndex puts prompts into tags that every child inherits: they go nowhere."""

    async def go() -> None:
        await two_tool_agent().run("the secret prompt")

    asyncio.run(go())
    for span in memory.spans:
        assert not [key for key in span.attributes if "llamaindex" in key]
        assert not [key for key in span.attributes if key.startswith("metadata")]


def test_malformed_tags_never_raise(memory: MemoryDestination, caplog: pytest.LogCaptureFixture) -> None:
    """What can be read is used."""
    with instrument_tags({"trace": "text", "session_id": "", "user": 42, "x": object(), 7: "seven"}):  # type: ignore[dict-item]
        ScriptedLLM().chat(ASKED)
    held = memory.spans[0].attributes
    assert ("42", "<object>", "seven") == (held["user.id"], held["metadata.x"], held["metadata.7"])


def test_hundreds_of_queries_at_once_are_never_mixed(memory: MemoryDestination, pipeline: spancast.Pipeline) -> None:
    """300 sessions in tasks and 100 in threads, streaming and not, over one shared engine: each trace has one session."""
    shared = {streaming: engine(streaming=streaming) for streaming in (True, False)}
    agent = FunctionAgent(name="a", tools=[add], llm=ScriptedLLM(calls(("add", {"a": 1, "b": 2}))))

    async def ask(number: int) -> None:
        await asyncio.sleep(random.random() / 50)
        with instrument_tags({"session_id": f"s{number}", "user": f"u{number}"}):
            if number % 3 == 0:
                llm = ScriptedLLM(calls(("add", {"a": 1, "b": 2})), "done")
                await agent.model_copy(update={"llm": llm}).run(f"q{number}")
            elif number % 3 == 1:
                response = await shared[True].aquery(f"q{number}")
                async for _ in response.response_gen:
                    await asyncio.sleep(0)
            else:
                await shared[False].aquery(f"q{number}")

    async def go() -> None:
        await asyncio.gather(*(ask(number) for number in range(300)))

    def in_thread(number: int) -> None:
        with instrument_tags({"session_id": f"s{number}", "user": f"u{number}"}):
            for _ in shared[True].query(f"q{number}").response_gen:
                pass

    asyncio.run(go())
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(in_thread, range(300, 400)))
    settled(lambda: pipeline.recorder.open_operations == 0)
    sessions: dict[str, set[Any]] = {}
    asked: dict[str, str] = {}
    for span in memory.spans:
        who = (span.attributes["session.id"], span.attributes["user.id"])
        sessions.setdefault(span.trace_id, set()).add(who)
        if span.parent_span_id is None:
            asked[span.trace_id] = str(span.attributes["input.value"])
    assert 400 == len(sessions) == len(asked)
    for trace_id, ((session, user),) in ((key, tuple(value)) for key, value in sessions.items()):
        assert (f"s{asked[trace_id][1:]}", f"u{asked[trace_id][1:]}") == (session, user)


async def add(a: int, b: int) -> int:
    """Add."""
    return a + b


def test_privacy_mode_lets_no_content_leave() -> None:
    """Whatever the applications say, ask, find, embed or raise: none of it leaves, in either convention."""
    from inspect import iscoroutinefunction

    from .applications import APPLICATIONS

    words = ("Berlin", "Paris", "Germany", "Where", "no answer", "What is", "It is 3", "own answer", "gone", "written")
    kept = [destinations.memory(name=name, convention=name, privacy_mode=True) for name in ("openinference", "gen_ai")]
    with spancast.Pipeline(*kept):
        llama_index.instrument(user="u1")
        with instrument_tags({"session_id": "s1"}):
            for run in APPLICATIONS.values():
                asyncio.run(run()) if iscoroutinefunction(run) else run()
    for destination in kept:
        assert 200 < len(destination.spans)
        for span in destination.spans:
            text = repr((span.attributes, span.events, span.status.message))
            assert not [word for word in words if word in text], text
    names = {key for destination in kept for span in destination.spans for key in span.attributes}
    assert {"embedding.model_name", "spancast.embedding.count", "reranker.top_k", "llm.token_count.total"} <= names
