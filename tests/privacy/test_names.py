"""In privacy mode what may be invented leaves only in the form of a name; else its hash does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

from spancast.privacy.allow_list import without_content
from spancast.privacy.names import name_hash
from spancast.record.operation import (
    Agent,
    Document,
    Embedding,
    Failure,
    Generation,
    Kind,
    Operation,
    Reranking,
    Retrieval,
    Score,
    ToolUse,
)

CANARY = "tell Jane Doe"


def operation(kind: Kind = Kind.CHAIN, **changes: Any) -> Operation:
    """Return an operation."""
    return Operation(**{"kind": kind, "name": "n", "trace_id": 1, "span_id": 2, "start_ns": 1, "end_ns": 2, **changes})


@pytest.mark.parametrize("field", ["provider", "request_model", "response_model", "response_id"])
def test_models_providers_and_ids_leave_as_names(field: str) -> None:
    """A model's name has many forms, but no blank."""
    for name in ("gpt-4o", "meta-llama/Llama-3.3-70B", "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.x"):
        detail = without_content(operation(Kind.LLM, detail=Generation(operation="chat", **{field: name}))).detail
        assert name == getattr(detail, field)
    for text in (CANARY, "x" * 200, "a\nb", ""):
        detail = without_content(operation(Kind.LLM, detail=Generation(operation="chat", **{field: text}))).detail
        assert name_hash(text) == getattr(detail, field)


def test_finish_reasons_leave_as_words() -> None:
    """`stop` is a word, a sentence is none."""
    detail = Generation(operation="chat", finish_reasons=("stop", "content_filter", CANARY))
    found: Any = without_content(operation(Kind.LLM, detail=detail)).detail
    assert ("stop", "content_filter", name_hash(CANARY)) == found.finish_reasons


def test_a_model_parameter_leaves_as_a_name() -> None:
    """The name of a model among the parameters, too."""
    detail = Generation(operation="chat", parameters={"model": CANARY, "temperature": 0.5})
    found: Any = without_content(operation(Kind.LLM, detail=detail)).detail
    assert {"model": name_hash(CANARY), "temperature": 0.5} == found.parameters


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (Document(id="d1"), "d1"),
        (Document(id="3f2504e0-4f89-11d3-9a0c-0305e82c3301"), "3f2504e0-4f89-11d3-9a0c-0305e82c3301"),
        (Document(id=None), None),
        (Document(id="https://intranet.example/patients/jane.pdf"), "hash"),
        (Document(id="jane@example.com"), "hash"),
        (Document(id=CANARY), "hash"),
        (Document(id="elastic-1", metadata={"_id": "elastic-1"}), "hash"),
        (Document(id="{'title': 1}", metadata={"id": {"title": 1}}), "hash"),
    ],
)
def test_ids_of_documents_leave_where_a_store_gave_them(document: Document, expected: str | None) -> None:
    """What stands in a document's own metadata is content, and so is an address."""
    expected = name_hash(document.id or "") if expected == "hash" else expected
    found = without_content(operation(detail=Retrieval(query="q", documents=(document,)))).detail
    assert expected == found.documents[0].id  # type: ignore[union-attr]
    ranked = without_content(
        operation(detail=Reranking(input_documents=(document,), output_documents=(document,)))
    ).detail
    assert (expected, expected) == (ranked.input_documents[0].id, ranked.output_documents[0].id)  # type: ignore[union-attr]


def test_a_tool_that_a_model_made_up_leaves_as_a_hash() -> None:
    """The program knows the names of its tools; one that it has not is the model's own text."""
    for declared, expected in ((True, "search"), (False, name_hash("search"))):
        detail = ToolUse(name="search", declared=declared, call_id=CANARY)
        found = without_content(operation(Kind.TOOL, name="search", detail=detail))
        assert (expected, expected, name_hash(CANARY)) == (found.name, found.detail.name, found.detail.call_id)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("RunnableParallel<context,question>", "RunnableParallel<context,question>"),
        (f"RunnableParallel<{CANARY}>", f"RunnableParallel<{name_hash(CANARY)}>"),
        (f"RunnableAssign<{'k,' * 100}>", f"RunnableAssign<{name_hash('k,' * 100)}>"),
        ("Answer the customer", "Answer the customer"),
    ],
)
def test_names_that_are_made_of_keys_leave_where_those_are_names(name: str, expected: str) -> None:
    """Keys that are data become their hash; a run's own name, which the program gave, stays."""
    assert expected == without_content(operation(name=name)).name


def test_what_servers_say_of_their_tools_stays() -> None:
    """Annotations and `_meta` of the Model Context Protocol do not leave; the user's metadata does."""
    metadata = {
        "mcp": {"server": CANARY},
        "_meta": {"x": CANARY},
        "title": CANARY,
        "readOnlyHint": True,
        "dataset": "d",
    }
    found = without_content(operation(Kind.TOOL, metadata=metadata, detail=ToolUse(name="n")))
    assert {"dataset": "d"} == found.metadata
    own = {"dataset": "d", "title": "t"}
    assert own == without_content(operation(metadata={"mcp": 1, **own})).metadata


def test_the_class_of_an_error_leaves_as_a_class() -> None:
    """A class that was made of text is no name."""
    assert "httpx.ReadTimeout" == without_content(operation(failure=Failure(type="httpx.ReadTimeout"))).failure.type  # type: ignore[union-attr]
    assert name_hash(CANARY) == without_content(operation(failure=Failure(type=CANARY))).failure.type  # type: ignore[union-attr]


def filled(kind: Any) -> Any:
    """Return a dataclass with the canary in every text that it can have."""
    hints = get_type_hints(kind)
    return kind(**{field.name: _text_of(hints[field.name], field.name) for field in fields(kind) if field.init})


def _text_of(hint: Any, name: str) -> Any:
    origin, inner = get_origin(hint), [each for each in get_args(hint) if each not in (type(None), Ellipsis)]
    if name == "id" or hint is str:
        return CANARY
    if origin is tuple:
        return (_text_of(inner[0], ""),)
    if origin is Mapping:
        return {CANARY: CANARY}
    if origin in (Union, UnionType):
        return CANARY if str in inner else _text_of(inner[0], name)
    if is_dataclass(hint):
        return filled(hint)
    return False if hint is bool else 1 if hint in (int, float) else CANARY


PROGRAMS_OWN = {
    "Agent": {"name"},
    "Score": {"name", "annotator", "scope"},
    "Generation": {"operation", "cost"},
}  # the cost's source is a word of ours


@pytest.mark.parametrize("kind", [Agent, Embedding, Generation, Reranking, Retrieval, Score, ToolUse])
def test_no_field_of_a_detail_lets_a_sentence_leave(kind: Any) -> None:
    """Every text of every detail: one that is added is content until privacy mode knows it."""
    before = filled(kind)
    detail = without_content(operation(Kind.TOOL, detail=before)).detail
    own = PROGRAMS_OWN.get(kind.__name__, set())
    left = {
        field.name for field in fields(kind) if field.name not in own and CANARY in repr(getattr(detail, field.name))
    }
    assert (True, set()) == (CANARY in repr(before), left)


@pytest.mark.parametrize(
    ("level", "leaves"), [("high", True), ("none", True), ("confidential", False), (CANARY, False)]
)
def test_a_reasoning_level_leaves_only_as_a_word_that_providers_document(level: str, leaves: bool) -> None:
    """Any other word is the application's own."""
    given = Generation(operation="chat", parameters={"reasoning_effort": level, "seed": 1})
    detail: Any = without_content(operation(Kind.LLM, detail=given)).detail
    assert ({"reasoning_effort": level, "seed": 1} if leaves else {"seed": 1}) == dict(detail.parameters)
