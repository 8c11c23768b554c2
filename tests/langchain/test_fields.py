"""Trace fields in LangChain's metadata: what acts on the root, on one chain, on generations, on every span."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import orjson
import pytest
from langchain.agents import create_agent
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda

import spancast
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler

from ..fakes.langchain import ScriptedChat
from .trees import one, traces, tree

OPENROUTER = {
    "trace": {
        "trace_id": "classification_pipeline_001",
        "trace_name": "Text Classification",
        "generation_name": "Classify Sentiment",
        "dataset": "customer_feedback",
    },
    "user": "user_12345",
    "session_id": "session_abc",
}


@pytest.fixture
def handler(pipeline: spancast.Pipeline) -> SpancastCallbackHandler:
    """Return a handler that records into `memory`."""
    return SpancastCallbackHandler()


def chain() -> Any:
    return ChatPromptTemplate.from_messages([("user", "{q}")]) | ScriptedChat(script=["a"]) | StrOutputParser()


def run(handler: SpancastCallbackHandler, metadata: dict[str, Any]) -> None:
    chain().invoke({"q": "x"}, {"callbacks": [handler], "metadata": metadata})


def test_openrouters_example_on_a_chain(handler: SpancastCallbackHandler, memory: MemoryDestination) -> None:
    """The example of OpenRouter's documentation names root and generation, and its id is the sha256 of the text."""
    run(handler, OPENROUTER)
    assert [
        "CHAIN Text Classification",
        "  PROMPT ChatPromptTemplate",
        "  LLM Classify Sentiment",
        "  CHAIN StrOutputParser",
    ] == tree(memory.spans)
    expected = sha256(b"classification_pipeline_001").hexdigest()[:32]
    assert {expected} == {span.trace_id for span in memory.spans}
    for span in memory.spans:
        assert ("user_12345", "session_abc") == (span.attributes["user.id"], span.attributes["session.id"])
        metadata = {"dataset": "customer_feedback", "trace_id": "classification_pipeline_001"}
        assert metadata == orjson.loads(span.attributes["metadata"])
        assert "customer_feedback" == span.attributes["metadata.dataset"]


def test_the_flat_form_means_the_same(handler: SpancastCallbackHandler, memory: MemoryDestination) -> None:
    """The keys of the `trace` object may stand beside `user` and `session_id`."""
    run(handler, {**OPENROUTER["trace"], "user": "u", "session_id": "s"})  # type: ignore[dict-item]
    assert ["Text Classification", "Classify Sentiment"] == [
        span.name for span in sorted(memory.spans, key=lambda span: span.start_ns) if span.name in str(OPENROUTER)
    ]
    assert {"customer_feedback"} == {span.attributes["metadata.dataset"] for span in memory.spans}


def test_span_name_alone_names_the_runs_own_span(handler: SpancastCallbackHandler, memory: MemoryDestination) -> None:
    """With one of the two names no span is added."""
    run(handler, {"span_name": "S"})
    assert ["CHAIN S", "  PROMPT ChatPromptTemplate", "  LLM ScriptedChat", "  CHAIN StrOutputParser"] == tree(
        memory.spans
    )


def test_both_names_put_a_root_around_the_chain(handler: SpancastCallbackHandler, memory: MemoryDestination) -> None:
    """With both, the root is `trace_name` and the chain beneath it, `span_name`, holds the generations."""
    run(handler, {"trace_name": "T", "span_name": "S", "generation_name": "G"})
    assert ["CHAIN T", "  CHAIN S", "    PROMPT ChatPromptTemplate", "    LLM G", "    CHAIN StrOutputParser"] == tree(
        memory.spans
    )
    root, inner = one(memory.spans, "T"), one(memory.spans, "S")
    assert (root.start_ns, root.end_ns) == (inner.start_ns, inner.end_ns)
    assert root.attributes["input.value"] == inner.attributes["input.value"]


def test_openrouters_example_on_a_bare_model(handler: SpancastCallbackHandler, memory: MemoryDestination) -> None:
    """A model called alone with both names is a generation under a root, as one request to OpenRouter is."""
    ScriptedChat(script=["a"]).invoke("x", {"callbacks": [handler], "metadata": OPENROUTER})
    assert ["CHAIN Text Classification", "  LLM Classify Sentiment"] == tree(memory.spans)
    assert '[{"role":"user","content":"x"}]' == one(memory.spans, "Text Classification").attributes["input.value"]


def test_all_three_names_on_a_bare_model(handler: SpancastCallbackHandler, memory: MemoryDestination) -> None:
    """Root, chain and generation each take their name."""
    metadata = {"trace_name": "T", "span_name": "S", "generation_name": "G"}
    ScriptedChat(script=["a"]).invoke("x", {"callbacks": [handler], "metadata": metadata})
    assert ["CHAIN T", "  CHAIN S", "    LLM G"] == tree(memory.spans)


def test_span_name_on_an_inner_run_names_that_run_only(
    handler: SpancastCallbackHandler, memory: MemoryDestination
) -> None:
    """It acts where it first appears, although LangChain hands it down to every descendant."""
    inner = (RunnableLambda(lambda t: t, name="a") | RunnableLambda(lambda t: t, name="b")).with_config(
        metadata={"span_name": "Inner"}
    )
    (RunnableLambda(lambda t: t, name="first") | RunnableLambda(lambda t: inner.invoke(t), name="second")).invoke(
        "x", {"callbacks": [handler], "metadata": {"trace_name": "T"}}
    )
    assert ["CHAIN T", "  CHAIN first", "  CHAIN second", "    CHAIN Inner", "      CHAIN a", "      CHAIN b"] == tree(
        memory.spans
    )


def test_names_act_on_an_agent_too(handler: SpancastCallbackHandler, memory: MemoryDestination) -> None:
    """An agent keeps its kind and its name as an attribute when the user names its span."""
    agent = create_agent(ScriptedChat(script=["a"]), [], name="planner")
    metadata = {"trace_name": "T", "span_name": "S", "generation_name": "G"}
    agent.invoke({"messages": [("user", "hi")]}, {"callbacks": [handler], "metadata": metadata})
    assert ["CHAIN T", "  AGENT S", "    CHAIN model", "      LLM G"] == tree(memory.spans)
    assert "planner" == one(memory.spans, "S").attributes["agent.name"]


def test_langgraphs_thread_is_the_session(handler: SpancastCallbackHandler, memory: MemoryDestination) -> None:
    """`thread_id` is the session of every span when nothing else says so, and stays readable as metadata."""
    agent = create_agent(ScriptedChat(script=["a"]), [])
    question = {"messages": [("user", "hi")]}
    agent.invoke(question, {"callbacks": [handler], "configurable": {"thread_id": "t1"}})
    assert {"t1"} == {span.attributes["session.id"] for span in memory.spans}
    assert {"t1"} == {span.attributes["metadata.thread_id"] for span in memory.spans}
    memory.clear()
    with spancast.trace(session_id="s1"):
        agent.invoke(question, {"callbacks": [handler], "configurable": {"thread_id": "t1"}})
    assert {"s1"} == {span.attributes["session.id"] for span in memory.spans}


def test_a_remote_parent_by_metadata(handler: SpancastCallbackHandler, memory: MemoryDestination) -> None:
    """`trace_id` and `parent_span_id` put the root, and only the root, under a span of another process."""
    metadata = {"trace_id": "0AF7651916CD43DD8448EB211C80319C", "parent_span_id": "b7ad6b7169203331"}
    run(handler, {"trace": metadata})
    root = one(memory.spans, "RunnableSequence")
    assert ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331") == (root.trace_id, root.parent_span_id)
    assert ["b7ad6b7169203331"] == [
        span.parent_span_id for span in memory.spans if span.parent_span_id not in {root.span_id}
    ]
    assert not [key for span in memory.spans for key in span.attributes if "parent_span_id" in key]


def test_a_parent_span_id_alone_starts_a_fresh_trace(
    handler: SpancastCallbackHandler, memory: MemoryDestination
) -> None:
    """Without a trace id and outside of any span, the parent stands in a fresh trace."""
    run(handler, {"parent_span_id": "b7ad6b7169203331"})
    run(handler, {"parent_span_id": "b7ad6b7169203331"})
    assert 2 == traces(memory.spans)
    assert 2 == sum(span.parent_span_id == "b7ad6b7169203331" for span in memory.spans)


def test_the_handlers_fields_are_defaults(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """What the handler was given holds until something nearer says otherwise; further keywords are metadata."""
    handler = SpancastCallbackHandler(user="default", session_id="s0", trace_name="Default", team="search")
    run(handler, {"user": "near"})
    root = one(memory.spans, "Default")
    assert ("near", "s0", "search") == tuple(root.attributes[key] for key in ("user.id", "session.id", "metadata.team"))


@pytest.mark.parametrize(
    "metadata", [{"trace": "text"}, {"trace_id": 17}, {"user": []}, {"session_id": ""}, {"trace": []}]
)
def test_malformed_fields_change_nothing_for_the_run(
    metadata: dict[str, Any], handler: SpancastCallbackHandler, memory: MemoryDestination
) -> None:
    """The run works and is traced."""
    run(handler, metadata)
    assert 4 == len(memory.spans)


def test_none_of_the_fields_is_repeated_as_metadata(
    handler: SpancastCallbackHandler, memory: MemoryDestination
) -> None:
    """Known keys are consumed; LangChain's own plumbing is left out."""
    run(handler, {"trace_name": "T", "user_id": "u", "session_id": "s", "own": 1})
    keys = {key for span in memory.spans for key in span.attributes if key.startswith("metadata.")}
    assert {"metadata.own"} == keys
