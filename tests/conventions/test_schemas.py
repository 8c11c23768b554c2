"""What stands as JSON in a gen_ai attribute satisfies the makers' own JSON schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spancast.conventions import CONVENTIONS
from spancast.conventions.gen_ai import render
from spancast.conventions.versions import at_version, versions_of
from spancast.record.message import Media, Message, Other, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from spancast.record.operation import Agent, Document, Generation, Kind, Operation, Retrieval, ToolDefinition

from .operations import full_operations, operation
from .schemas import SCHEMAS, problems

TESTS = Path(__file__).parents[1]
GOLDENS = sorted(TESTS.rglob("goldens/**/*gen_ai*.json"))

texts = st.text(max_size=8)
maybe = st.none() | texts
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | st.just("type"), inner, max_size=3),
    max_leaves=6,
)
modalities = st.sampled_from(["image", "audio", "video", "document"])
media = st.one_of(
    st.builds(Media, modality=modalities, mime_type=maybe, data=texts, transcript=maybe),
    st.builds(Media, modality=modalities, mime_type=maybe, url=texts.map("https://".__add__), transcript=maybe),
    st.builds(Media, modality=modalities, mime_type=maybe, file_id=texts, transcript=maybe),
)
parts: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, texts),
    st.builds(Reasoning, texts, signature=maybe, id=maybe, data=maybe, encrypted=maybe),
    st.builds(Refusal, texts),
    media,
    st.builds(ToolCall, name=texts, arguments=plain, id=maybe, server=st.booleans(), signature=maybe),
    st.builds(ToolResult, result=plain, id=maybe, server=st.booleans()),
    st.builds(Other, plain),
)
messages = st.builds(
    Message,
    role=st.sampled_from(["system", "user", "assistant", "tool", "developer"]),
    parts=st.lists(parts, max_size=4).map(tuple),
    name=maybe,
    tool_call_id=maybe,
    finish_reason=maybe,
)
conversations = st.lists(messages, max_size=4).map(tuple)
tools = st.builds(
    ToolDefinition,
    name=texts,
    description=maybe,
    parameters=st.none() | st.just({"type": "object", "properties": {"a": {"type": "string"}}}),
)
documents = st.builds(
    Document,
    content=texts,
    id=maybe,
    score=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    metadata=st.dictionaries(texts, plain, max_size=2),
)
operations: st.SearchStrategy[Operation] = st.one_of(
    st.builds(
        Generation,
        input_messages=conversations,
        output_messages=conversations,
        tools=st.lists(tools, max_size=2).map(tuple),
    ).map(lambda detail: operation(Kind.LLM, detail=detail)),
    st.builds(Agent, name=texts, input_messages=conversations, output_messages=conversations).map(
        lambda detail: operation(Kind.AGENT, detail=detail)
    ),
    st.builds(Retrieval, query=texts, documents=st.lists(documents, max_size=3).map(tuple)).map(
        lambda detail: operation(Kind.RETRIEVER, detail=detail)
    ),
)


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    for node in tree:
        yield node
        yield from _nodes(node.get("children", ()))


def test_there_are_goldens_of_both_frameworks() -> None:
    """Otherwise the next test would look at nothing."""
    assert {"langchain", "llama_index", "demo"} <= {path.relative_to(TESTS).parts[0] for path in GOLDENS}


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda path: str(path.relative_to(TESTS)).replace("/goldens", ""))
def test_every_golden_satisfies_the_schemas(golden: Path) -> None:
    """Spans of real frameworks: messages, instructions, tool definitions, documents; what a golden shortens is left out."""
    found = [problem for node in _nodes(json.loads(golden.read_text())) for problem in problems(_whole(node))]
    assert [] == found


def _whole(node: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in node["attributes"].items() if not str(value).endswith("…")}


@pytest.mark.parametrize("version", [None, *versions_of("gen_ai")])
def test_everything_that_can_be_named_satisfies_the_schemas(version: str | None) -> None:
    """Each kind of part, document and definition; in a pinned version too."""
    write = at_version(CONVENTIONS["gen_ai"], f"gen_ai@{version}" if version else "gen_ai")
    assert [] == [problem for each in full_operations() for problem in problems(write(each).attributes)]


@given(operations)
def test_any_content_satisfies_the_schemas(made: Operation) -> None:
    """Whatever a provider puts into a message: parts without a type, ids that are missing, results of any form."""
    assert [] == problems(render(made).attributes)


def test_the_schemas_say_where_they_come_from() -> None:
    """Source and day."""
    assert SCHEMAS["source"].startswith("https://github.com/open-telemetry/")
    assert SCHEMAS["read"] >= "2026-11-28"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gen_ai.input.messages", [{"role": "user", "parts": [{"type": "text"}]}]),
        ("gen_ai.input.messages", [{"role": "user", "parts": [{"type": "server_tool_call", "name": "x"}]}]),
        ("gen_ai.input.messages", [{"role": "user", "parts": [{"content": "no type"}]}]),
        ("gen_ai.output.messages", [{"role": "assistant"}]),
        ("gen_ai.output.messages", [{"role": "a", "parts": [{"type": "uri", "modality": "image", "uri": "data:x"}]}]),
        ("gen_ai.output.messages", [{"role": "a", "parts": [{"type": "blob", "modality": "scent", "content": ""}]}]),
        ("gen_ai.system_instructions", ["text"]),
        ("gen_ai.tool.definitions", [{"type": "function"}]),
        ("gen_ai.retrieval.documents", [{"id": 7}]),
    ],
)
def test_the_schemas_find_what_is_wrong(name: str, value: Any) -> None:
    """A check that finds nothing is none."""
    assert [] != problems({name: json.dumps(value)})
