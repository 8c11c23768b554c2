"""Embeddings, rerankers and prompt templates, in both conventions and under privacy mode."""

from __future__ import annotations

from typing import Any

import pytest

from spancast.conventions import gen_ai, openinference
from spancast.conventions.span import CLIENT, INTERNAL
from spancast.privacy.allow_list import only_safe, without_content
from spancast.privacy.redaction import Redaction
from spancast.record.operation import Detail, Document, Embedding, Generation, Kind, Operation, Reranking

EMBEDDING = Embedding(
    provider="openai",
    request_model="text-embedding-3-small",
    parameters={"embed_batch_size": 10},
    texts=("one", "two"),
    vectors=((0.5, 1.0), (0.25, 0.0)),
    count=2,
    dimensions=2,
)
RERANKING = Reranking(
    query="which?",
    request_model="rerank-3",
    top_k=1,
    input_documents=(Document(content="a", id="1", score=0.1), Document(content="b", id="2", score=0.2)),
    output_documents=(Document(content="b", id="2", score=0.9, metadata={"page": 3}),),
)


def operation(kind: Kind, detail: Detail) -> Operation:
    """Return an operation with this detail."""
    return Operation(kind=kind, name="it", trace_id=1, span_id=2, start_ns=1, end_ns=2, detail=detail)


def test_an_embedding_in_openinference() -> None:
    """Model, parameters, and one text and vector a position; no provider and no system."""
    held = openinference.render(operation(Kind.EMBEDDING, EMBEDDING)).attributes
    assert {
        "openinference.span.kind": "EMBEDDING",
        "embedding.model_name": "text-embedding-3-small",
        "embedding.invocation_parameters": '{"embed_batch_size":10}',
        "embedding.embeddings.0.embedding.text": "one",
        "embedding.embeddings.1.embedding.text": "two",
        "embedding.embeddings.0.embedding.vector": [0.5, 1.0],
        "embedding.embeddings.1.embedding.vector": [0.25, 0.0],
        "gen_ai.embeddings.dimension.count": 2,
        "spancast.embedding.count": 2,
    } == held


def test_an_embedding_in_gen_ai() -> None:
    """The span is named after the model, and is a call to somewhere else."""
    span = gen_ai.render(operation(Kind.EMBEDDING, EMBEDDING))
    assert ("embeddings text-embedding-3-small", CLIENT) == (span.name, span.kind)
    assert {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "text-embedding-3-small",
        "gen_ai.embeddings.dimension.count": 2,
        "spancast.embedding.count": 2,
        "span.input": '["one","two"]',
        "span.output": "[[0.5,1.0],[0.25,0.0]]",
    } == span.attributes


def test_a_reranking_in_openinference() -> None:
    """Query, model, how many, and the documents before and after."""
    held = openinference.render(operation(Kind.RERANKER, RERANKING)).attributes
    assert ("which?", "rerank-3", 1) == tuple(held[f"reranker.{key}"] for key in ("query", "model_name", "top_k"))
    assert ["1", "2"] == [held[f"reranker.input_documents.{index}.document.id"] for index in (0, 1)]
    prefix = "reranker.output_documents.0.document."
    assert ("b", "2", 0.9, '{"page":3}') == tuple(held[prefix + key] for key in ("content", "id", "score", "metadata"))


def test_a_reranking_in_gen_ai() -> None:
    """The conventions have no such operation: an operation and names of the same sort."""
    span = gen_ai.render(operation(Kind.RERANKER, RERANKING))
    assert ("rerank rerank-3", INTERNAL, "rerank") == (span.name, span.kind, span.attributes["gen_ai.operation.name"])
    assert (
        '[{"id":"2","score":0.9,"content":"b","metadata":{"page":3}}]' == span.attributes["gen_ai.retrieval.documents"]
    )


def test_a_template_in_openinference() -> None:
    """The template as it was written, and its variables as JSON."""
    detail = Generation(prompt_template="Say {it}", prompt_variables={"it": "x"})
    held = openinference.render(operation(Kind.LLM, detail)).attributes
    assert ("Say {it}", '{"it":"x"}') == tuple(held[f"llm.prompt_template.{key}"] for key in ("template", "variables"))


@pytest.mark.parametrize("convention", [openinference, gen_ai])
def test_privacy_mode_keeps_counts_and_places(convention: Any) -> None:
    """Models, counts, ids and scores leave; texts, vectors, queries, contents, templates and variables do not."""
    template = Generation(prompt_template="secret {it}", prompt_variables={"it": "secret"})
    embedding = convention.render(without_content(operation(Kind.EMBEDDING, EMBEDDING)))
    reranking = convention.render(without_content(operation(Kind.RERANKER, RERANKING)))
    generation = convention.render(without_content(operation(Kind.LLM, template)))
    for span in (embedding, reranking, generation):
        text = repr(span.attributes)
        assert not [word for word in ("one", "0.25", "which?", "page", "secret", "'b'") if word in text]
    assert 2 == only_safe(embedding).attributes["spancast.embedding.count"]
    assert "text-embedding-3-small" in only_safe(embedding).attributes.values()
    assert "rerank-3" in only_safe(reranking).attributes.values()
    if convention is openinference:
        assert 0.9 == only_safe(reranking).attributes["reranker.output_documents.0.document.score"]


def test_redaction_reaches_texts_and_names_and_leaves_vectors() -> None:
    """Every text passes the user's function, names and ids among them; small numbers do not."""
    redact = Redaction(lambda text: "*" * len(text))
    embedding = redact(operation(Kind.EMBEDDING, EMBEDDING)).detail
    reranking = redact(operation(Kind.RERANKER, RERANKING)).detail
    assert isinstance(embedding, Embedding)
    assert isinstance(reranking, Reranking)
    assert (("***", "***"), "*" * len("text-embedding-3-small"), 2) == (
        embedding.texts,
        embedding.request_model,
        embedding.count,
    )
    assert [[0.5, 1.0], [0.25, 0.0]] == [list(vector) for vector in embedding.vectors]
    assert ("******", "*", "*") == (
        reranking.query,
        reranking.output_documents[0].content,
        reranking.output_documents[0].id,
    )
