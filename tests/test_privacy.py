"""What a destination may see: nothing of the content in privacy mode, and nothing unredacted with a redact hook."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from spancast import destinations, privacy
from spancast.conventions.span import Span, SpanEvent, SpanLink
from spancast.delivery.lane import preparation
from spancast.otlp.encoding import ENCODINGS
from spancast.record.cost import Cost
from spancast.record.message import Media, Message, Other, Reasoning, Refusal, Text, ToolCall, ToolResult
from spancast.record.operation import (
    Agent,
    Document,
    Event,
    Failure,
    Generation,
    Kind,
    Link,
    Operation,
    Retrieval,
    ToolDefinition,
    ToolUse,
)
from spancast.record.usage import Usage

CANARY = "canary-7f3a"
CONVENTIONS = ("openinference", "gen_ai")

PARTS = (
    Text(CANARY),
    Reasoning(CANARY, signature=CANARY),
    Refusal(CANARY),
    Media(modality="image", mime_type=f"image/{CANARY}", url=f"https://example.com/{CANARY}"),
    Media(modality="audio", mime_type="audio/wav", data=CANARY),
    Media(modality="document", file_id=CANARY),
    ToolCall(name="f", arguments={"a": CANARY, "b": [{"c": CANARY}]}, id="c1"),
    ToolCall(name="g", arguments=CANARY, id="c2", error=CANARY),
    ToolCall(name="s", arguments={"q": CANARY}, id="c3", server=True),
    ToolResult(result={"r": CANARY}, id="c3", server=True),
    Other({"type": "new", "x": CANARY}),
)
MESSAGES = (
    Message(role="system", parts=(Text(CANARY),)),
    Message(role="user", parts=PARTS),
    Message(role="tool", parts=(Text(CANARY),), tool_call_id="c1"),
    Message(role="assistant", parts=(Text(CANARY),), finish_reason="stop"),
)


def operation(kind: Kind, **changes: Any) -> Operation:
    """Return an operation of *kind* with the canary in every text that can hold content, and none in what stays."""
    held: dict[str, Any] = {
        "kind": kind,
        "name": "framework-name",
        "trace_id": 0xA1,
        "span_id": 0xB2,
        "parent_span_id": 0xC3,
        "start_ns": 1_000,
        "end_ns": 2_000,
        "user": "user-kept",
        "session_id": "session-kept",
        "metadata": {"dataset": "metadata-kept", "nested": {"deep": ["metadata-deep"]}},
        "tags": (CANARY,),
        "input": {"question": CANARY, "list": [CANARY]},
        "output": CANARY,
        "failure": Failure(type="error-kept", message=CANARY, stacktrace=f"Traceback {CANARY}"),
        "events": (Event(name=CANARY, time_ns=1_500, attributes={CANARY: CANARY, "list": [CANARY]}),),
        "links": (Link(trace_id=7, span_id=8, attributes={"why": CANARY, CANARY: 1}),),
        "attributes": {
            "app.key": CANARY,
            CANARY: 1,
            "input.value": CANARY,
            "gen_ai.input.messages": CANARY,
            "metadata.sneaked": CANARY,
            "llm.model_name": CANARY,
            "gen_ai.usage.note": CANARY,
        },
    }
    return Operation(**{**held, **changes})


def generation(name: str = "chat") -> Operation:
    """Return a generation with the canary in all of its content."""
    detail = Generation(
        operation=name,
        provider="openai",
        request_model="model-asked",
        response_model="model-kept",
        response_id="response-kept",
        parameters={
            "temperature": 0.25,
            "max_tokens": 64,
            "stream": True,
            "stop": [CANARY],
            "stop_sequences": CANARY,
            "response_format": {"type": "json_schema", "json_schema": {"description": CANARY}},
            "tools": [{"name": CANARY}],
            "tool_choice": CANARY,
            "user": CANARY,
            "seed": CANARY,
            "top_p": [CANARY],
            "model_name": {"prompt": CANARY},
            "unknown": CANARY,
            CANARY: 1,
        },
        input_messages=MESSAGES,
        output_messages=MESSAGES,
        tools=(
            ToolDefinition(name=CANARY, description=CANARY, parameters={"d": CANARY}, schema={"name": CANARY}),
            ToolDefinition(name="g", parameters={"d": CANARY}),
        ),
        finish_reasons=("stop",),
        usage=Usage(input_tokens=101, output_tokens=102, total_tokens=203, cache_read_tokens=11, reasoning_tokens=12),
        cost=Cost(total=0.375, input=0.125, output=0.25),
        time_to_first_token_ns=500_000_000,
        stream=True,
    )
    return operation(Kind.LLM, detail=detail)


def operations() -> list[Operation]:
    """Return an operation of every kind and form."""
    documents = (
        Document(content=CANARY, id="document-kept", score=0.75, metadata={"source": CANARY}),
        Document(content=CANARY, metadata={CANARY: 1}),
    )
    return [
        *(operation(kind) for kind in Kind),
        operation(Kind.AGENT, detail=Agent(name="agent-kept", input_messages=MESSAGES, output_messages=MESSAGES)),
        generation("chat"),
        generation("text_completion"),
        operation(Kind.TOOL, detail=ToolUse(name="tool-kept", description=CANARY, call_id="call-kept")),
        operation(
            Kind.RETRIEVER, detail=Retrieval(query=CANARY, documents=documents, data_source="source-kept"), input=CANARY
        ),
        operation(Kind.CHAIN, failure=None, ending="interrupted", given_name="given-kept"),
        operation(Kind.CHAIN, agent="owner-kept", node="node-kept"),
    ]


def prepared(convention: str, **settings: Any) -> Callable[[Operation], Span]:
    """Return what a destination with these settings makes of operations."""
    return preparation(destinations.memory(convention=convention, **settings))


def encoded(span: Span) -> bytes:
    """Return a span in both encodings."""
    return b"\n".join(encoding.span(span) for encoding in ENCODINGS.values())


# ---------------------------------------------------------------- privacy mode
@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("each", operations())
def test_no_content_leaves_in_privacy_mode(each: Operation, convention: str) -> None:
    """Of an operation of any kind, no content is in any byte that leaves in privacy mode, in either encoding."""
    hidden = encoded(prepared(convention, privacy_mode=True)(each))

    assert 0 == hidden.count(CANARY.encode())
    assert encoded(prepared(convention)(each)).count(CANARY.encode()) > 10  # without it, all of it leaves


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("each", operations())
def test_the_record_alone_is_already_without_content(each: Operation, convention: str) -> None:
    """The first of the two layers suffices by itself: nothing of the content is left in the record."""
    assert CANARY not in repr(privacy.without_content(each))


def test_the_list_of_names_alone_lets_no_unknown_name_leave() -> None:
    """The second layer lets no attribute leave whose name it does not know, nor event, status text or link attribute."""
    span = Span(
        name="n",
        trace_id=1,
        span_id=2,
        parent_span_id=None,
        parent_is_remote=False,
        kind=1,
        operation_kind=Kind.CHAIN,
        start_ns=1,
        end_ns=2,
        attributes={"user.id": "u", "new.key": CANARY, "llm.prompt_template.template": CANARY, "input.value": CANARY},
        events=(SpanEvent(name=CANARY, time_ns=1, attributes={}),),
        links=(SpanLink(trace_id=1, span_id=2, attributes={"k": CANARY}),),
        status_message=CANARY,
    )

    safe = privacy.only_safe(span)

    assert ({"user.id": "u"}, (), "") == (safe.attributes, safe.events, safe.status_message)
    assert (SpanLink(trace_id=1, span_id=2, attributes={}),) == safe.links


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("each", operations())
def test_who_when_and_how_it_ended_stay(each: Operation, convention: str) -> None:
    """Ids, parent, times, status, ending, error type, user, session and metadata stay in privacy mode."""
    span, whole = prepared(convention, privacy_mode=True)(each), prepared(convention)(each)

    for name in ("name", "trace_id", "span_id", "parent_span_id", "kind", "start_ns", "end_ns", "status_code"):
        assert getattr(whole, name) == getattr(span, name)
    assert ("user-kept", "session-kept") == (span.attributes["user.id"], span.attributes["session.id"])
    kept = {name: value for name, value in whole.attributes.items() if "metadata" in name and value != CANARY}
    kept = {name: value for name, value in kept.items() if not name.startswith("retrieval.")}
    assert kept
    assert kept.items() <= span.attributes.items()
    assert whole.attributes.get("error.type") == span.attributes.get("error.type")
    assert whole.attributes.get("spancast.ending") == span.attributes.get("spancast.ending")
    assert [(7, 8)] == [(link.trace_id, link.span_id) for link in span.links]


def test_tokens_cost_timing_and_model_stay_in_openinference() -> None:
    """A generation in privacy mode still says what it used, cost, took and which model answered."""
    attributes = prepared("openinference", privacy_mode=True)(generation()).attributes

    expected = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "model-kept",
        "llm.request.model_name": "model-asked",
        "llm.response.model_name": "model-kept",
        "llm.provider": "openai",
        "llm.system": "openai",
        "llm.finish_reason": "stop",
        "llm.invocation_parameters": '{"temperature":0.25,"max_tokens":64,"stream":true}',
        "llm.token_count.prompt": 101,
        "llm.token_count.completion": 102,
        "llm.token_count.total": 203,
        "llm.token_count.prompt_details.cache_read": 11,
        "llm.token_count.completion_details.reasoning": 12,
        "llm.cost.prompt": 0.125,
        "llm.cost.completion": 0.25,
        "llm.cost.total": 0.375,
        "gen_ai.response.time_to_first_chunk": 0.5,
    }
    assert expected.items() <= attributes.items()


def test_tokens_cost_timing_and_model_stay_in_gen_ai() -> None:
    """The same in gen_ai."""
    attributes = prepared("gen_ai", privacy_mode=True)(generation()).attributes

    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "model-asked",
        "gen_ai.response.model": "model-kept",
        "gen_ai.response.id": "response-kept",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.request.temperature": 0.25,
        "gen_ai.request.max_tokens": 64,
        "gen_ai.request.stream": True,
        "gen_ai.response.time_to_first_chunk": 0.5,
        "gen_ai.usage.input_tokens": 101,
        "gen_ai.usage.output_tokens": 102,
        "gen_ai.usage.total_tokens": 203,
        "gen_ai.usage.cache_read.input_tokens": 11,
        "gen_ai.usage.reasoning.output_tokens": 12,
        "gen_ai.usage.input_cost": 0.125,
        "gen_ai.usage.output_cost": 0.25,
        "gen_ai.usage.total_cost": 0.375,
        "gen_ai.conversation.id": "session-kept",
    }
    assert expected.items() <= attributes.items()


@pytest.mark.parametrize(
    ("convention", "kept"),
    [
        (
            "openinference",
            {"tool-kept", "call-kept", "agent-kept", "document-kept", "given-kept", "error-kept", "node-kept"},
        ),
        ("gen_ai", {"tool-kept", "call-kept", "agent-kept", "source-kept", "given-kept", "error-kept", "owner-kept"}),
    ],
)
def test_names_and_ids_stay(convention: str, kept: set[str]) -> None:
    """Names of tools and agents, ids of calls and documents, sources, given names and error types stay."""
    prepare = prepared(convention, privacy_mode=True)
    said = b"".join(encoded(prepare(each)) for each in operations()).decode("utf-8", "replace")

    assert set() == {word for word in kept if word not in said}


# What the conventions write that holds content, or could: none of these may ever be on the list.
CONTENT = re.compile(
    r"""(input|output)\.(value|mime_type)
    | tag\.tags | trace\.tags | span\.(input|output)
    | llm\.(input|output)_messages\.\d+\..*
    | llm\.(prompts|choices|tools)\.\d+\..*
    | tool\.(description|parameters)
    | retrieval\.documents\.\d+\.document\.(content|metadata)
    | gen_ai\.(input|output)\.messages | gen_ai\.system_instructions
    | gen_ai\.tool\.(definitions|description|call\.arguments|call\.result)
    | gen_ai\.retrieval\.(query\.text|documents)
    | gen_ai\.request\.stop_sequences""",
    re.VERBOSE,
)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_every_name_is_either_allowed_or_content(convention: str) -> None:
    """Each name that a convention writes is on the list or known as content, never both: a new name must be judged."""
    bare = [replace(each, attributes={}) for each in operations()]
    names = {name for each in bare for name in prepared(convention)(each).attributes}

    content = {name for name in names if CONTENT.fullmatch(name)}
    allowed = {name for name in names if privacy.is_safe(name)}
    assert set() == names - content - allowed
    assert set() == content & allowed
    assert len(content) > 5
    assert len(allowed) > 15


@pytest.mark.parametrize(
    "name",
    [
        "",
        "input.value",
        "llm.prompt_template.variables",
        "llm.token_counts",
        "metadatax",
        "gen_ai.prompt",
        "retrieval.documents.0.document.content",
        "retrieval.documents.0.document.url",
        "reranker.query",
        "http.url",
        "db.statement",
        "llm.invocation_parameters.truncated",
        "Metadata.x",
    ],
)
def test_unknown_names_are_not_safe(name: str) -> None:
    """A name that is not on the list stays at home, however near it comes."""
    assert not privacy.is_safe(name)


def test_a_destinations_own_attributes_pass_the_list_too() -> None:
    """Attributes that a destination wants on every span leave in privacy mode only when their names are on the list."""
    made = destinations.memory(privacy_mode=True)
    wants = {"arize.project.name": "shop", "custom.note": CANARY}
    span = preparation(replace(made, span_attributes=wants))(operation(Kind.CHAIN))

    assert "shop" == span.attributes["arize.project.name"]
    assert "custom.note" not in span.attributes


# ---------------------------------------------------------------- redact
def redact(text: str) -> str:
    """Take the canary out of a text."""
    return text.replace(CANARY, "***")


def without_canary_in_names(each: Operation) -> Operation:
    """Take out what redact is not asked about: names that the application gave to keys, and to tools."""
    plain = replace(
        each,
        events=(Event(name=CANARY, time_ns=1, attributes={"key": CANARY, "list": [CANARY, {"deep": CANARY}]}),),
        links=(Link(trace_id=7, span_id=8, attributes={"why": CANARY}),),
        attributes={"app.key": CANARY, "app.list": [CANARY]},
        metadata={"dataset": CANARY, "nested": {"deep": [CANARY]}},
    )
    detail = plain.detail
    if isinstance(detail, Generation):
        parameters = {key: value for key, value in detail.parameters.items() if key != CANARY}
        tools = tuple(replace(tool, name="f") for tool in detail.tools)
        return replace(plain, detail=replace(detail, parameters=parameters, tools=tools))
    if isinstance(detail, Retrieval):
        documents = tuple(replace(document, metadata={"source": CANARY}) for document in detail.documents)
        return replace(plain, detail=replace(detail, documents=documents))
    return plain


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("each", [without_canary_in_names(each) for each in operations()])
def test_redact_sees_every_text(each: Operation, convention: str) -> None:
    """A redact hook is applied to every text of content, metadata, tags, events, links and errors; the rest stays."""
    span = prepared(convention, redact=redact)(each)

    said = encoded(span)
    assert 0 == said.count(CANARY.encode())
    assert said.count(b"***") > 10
    assert ("user-kept", each.trace_id) == (span.attributes["user.id"], span.trace_id)


def test_redact_is_not_asked_about_names_and_numbers() -> None:
    """Models, ids, roles, names, counts and times are as they were, also under a redact hook that replaces everything."""
    whole = prepared("gen_ai")(generation()).attributes
    span = prepared("gen_ai", redact=lambda text: "X")(generation())

    names = (
        "gen_ai.request.model",
        "gen_ai.response.model",
        "gen_ai.response.id",
        "gen_ai.provider.name",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.total_cost",
        "gen_ai.request.temperature",
        "gen_ai.response.finish_reasons",
        "user.id",
        "session.id",
    )
    assert {name: whole[name] for name in names} == {name: span.attributes[name] for name in names}
    assert '"role":"user"' in str(span.attributes["gen_ai.input.messages"])
    assert "X" == span.attributes["trace.metadata.dataset"]


def _raises(text: str) -> str:
    raise RuntimeError(CANARY)


@pytest.mark.parametrize("broken", [_raises, lambda text: None, lambda text: text.encode(), lambda text: [text]])
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_broken_redact_lets_nothing_leave(convention: str, broken: Any, caplog: pytest.LogCaptureFixture) -> None:
    """When redact raises or returns no text, the span goes without any content or metadata, and that is said once."""
    with caplog.at_level(logging.WARNING, logger="spancast"):
        spans = [prepared(convention, redact=broken)(without_canary_in_names(each)) for each in operations()]

    assert [0] * len(spans) == [encoded(span).count(CANARY.encode()) for span in spans]
    assert {"user-kept"} == {span.attributes["user.id"] for span in spans}
    assert 1 == len(caplog.records)
    assert CANARY not in caplog.text


def test_redact_changes_a_copy() -> None:
    """Redaction leaves the record as it is: another destination may see it whole."""
    each = generation()
    before = repr(each)

    prepared("openinference", redact=redact)(each)
    prepared("openinference", privacy_mode=True)(each)

    assert before == repr(each)
