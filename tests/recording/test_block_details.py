"""Blocks and functions of a kind, by hand: each has what its convention asks of it, and loses nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

import spancast
from spancast import destinations
from spancast.recording import block_details


def spans(kind: Any, asked: Any, answered: Any) -> list[Any]:
    """Return the attributes of a block by hand in both conventions."""
    memories = [destinations.memory(convention=name) for name in ("gen_ai", "openinference")]
    with spancast.Pipeline(*memories) as pipeline, pipeline.trace(kind=kind, span_name="by hand", input=asked) as trace:
        trace.set_output(answered)
    return [memory.spans[0].attributes for memory in memories]


@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        ("LLM", "chat"),
        ("AGENT", "invoke_agent"),
        ("TOOL", "execute_tool"),
        ("RETRIEVER", "retrieval"),
        ("EMBEDDING", "embeddings"),
        ("RERANKER", "rerank"),
        ("DECISION", "generate_content"),
    ],
)
@pytest.mark.parametrize(("asked", "answered"), [("q", "a"), ({"a": [1]}, {"b": [2]}), (None, None), (["q"], [[0.5]])])
def test_each_kind_has_its_operation_whatever_it_was_given(
    kind: str, operation: str, asked: Any, answered: Any
) -> None:
    """The name that the GenAI conventions require; and what was given and answered is not lost."""
    gen_ai, openinference = spans(kind, asked, answered)
    assert (operation, kind) == (gen_ai["gen_ai.operation.name"], openinference["openinference.span.kind"])
    for side in (asked, answered) if asked is not None else ():
        text = side if isinstance(side, str) else json.dumps(side, separators=(",", ":"))
        inner = text.strip("[]").strip('"')
        for attributes in (gen_ai, openinference):
            assert inner in " ".join(map(str, attributes.values())).replace("\\", "")


MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    "asked", [MESSAGES, {"messages": MESSAGES}, {"messages": MESSAGES, "model": "gpt-4o", "temperature": 0.2}]
)
def test_a_model_call_has_its_messages(asked: Any) -> None:
    """As a list, or among the arguments, where the model and the parameters stand too."""
    gen_ai, openinference = spans("LLM", asked, {"role": "assistant", "content": "yes"})
    assert '[{"role":"user","parts":[{"type":"text","content":"hi"}]}]' == gen_ai["gen_ai.input.messages"]
    assert "Be brief." in gen_ai["gen_ai.system_instructions"]
    assert "yes" == openinference["llm.output_messages.0.message.content"]
    if isinstance(asked, dict) and "model" in asked:
        assert ("gpt-4o", 0.2) == (gen_ai["gen_ai.request.model"], gen_ai["gen_ai.request.temperature"])
        assert "gpt-4o" == openinference["llm.model_name"]


def test_a_retrieval_and_a_reranking_have_their_documents() -> None:
    """With text, id and score, whatever the keys are called."""
    found = [{"text": "Oslo", "id": "1", "score": 0.5}, "Bergen"]
    gen_ai, openinference = spans("RETRIEVER", {"query": "where?", "k": 2}, found)
    assert ("where?", 2) == (gen_ai["gen_ai.retrieval.query.text"], gen_ai["gen_ai.retrieval.top_k"])
    assert "Oslo" == openinference["retrieval.documents.0.document.content"]
    _, openinference = spans("RERANKER", {"query": "where?", "documents": found, "model": "m"}, found[1:])
    assert ("Oslo", "Bergen", "m", "where?") == tuple(
        openinference[f"reranker.{name}"]
        for name in (
            "input_documents.0.document.content",
            "output_documents.0.document.content",
            "model_name",
            "query",
        )
    )


def test_a_score_in_the_metadata_counts() -> None:
    """LangChain's documents have no score of their own: its rerankers put it into the metadata."""
    found: Any = [{"page_content": "b", "metadata": {"relevance_score": 0.9}}]
    _, openinference = spans("RERANKER", {"query": "where?", "documents": found}, found)
    assert 0.9 == openinference["reranker.output_documents.0.document.score"]


def test_an_embedding_has_its_texts_and_the_length_of_its_vectors() -> None:
    """One text and one vector, or several."""
    gen_ai, openinference = spans("EMBEDDING", {"texts": ["a", "b"], "model": "small"}, [[0.1, 0.2, 0.3]] * 2)
    assert (3, "small") == (gen_ai["gen_ai.embeddings.dimension.count"], gen_ai["gen_ai.request.model"])
    assert "b" == openinference["embedding.embeddings.1.embedding.text"]
    assert 3 == getattr(block_details.embedding("a", [0.1, 0.2, 0.3]), "dimensions", None)
    assert None is block_details.embedding("a", ["x"])


def test_privacy_mode_hides_what_they_say() -> None:
    """The content of each kind, as of those that adapters record."""
    for kind in ("LLM", "RETRIEVER", "RERANKER", "EMBEDDING"):
        memory = destinations.memory(privacy_mode=True)
        with (
            spancast.Pipeline(memory) as pipeline,
            pipeline.trace(kind=kind, input={"query": "secret", "messages": MESSAGES, "texts": ["secret"]}) as trace,
        ):
            trace.set_output(["secret"])
        assert "secret" not in repr(memory.spans)
        assert "Be brief" not in repr(memory.spans)
