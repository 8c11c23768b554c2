"""What a destination may see: nothing of the content in privacy mode, and nothing unredacted with a redact hook."""

from __future__ import annotations

import ast
import logging
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import spancast
from spancast import destinations
from spancast import redact as redactors
from spancast.conventions.span import Span, SpanEvent, SpanLink
from spancast.destinations.rendering import rendering_of
from spancast.otlp.encoding import ENCODINGS
from spancast.privacy import allow_list, keys
from spancast.record.cost import Cost
from spancast.record.message import Media, Message, Other, Reasoning, Refusal, Text, ToolCall, ToolResult
from spancast.record.operation import (
    Agent,
    Document,
    Embedding,
    Event,
    Failure,
    Generation,
    Kind,
    Link,
    Operation,
    Reranking,
    Retrieval,
    Score,
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
        prompt_template=CANARY,
        prompt_variables={CANARY: CANARY},
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
        operation(
            Kind.EMBEDDING,
            detail=Embedding(
                request_model="model-kept",
                parameters={"dimensions": 3, "note": CANARY},
                texts=(CANARY,),
                vectors=((0.1, 0.2),),
                count=1,
                dimensions=2,
            ),
        ),
        operation(
            Kind.RERANKER,
            detail=Reranking(
                query=CANARY, request_model="model-kept", top_k=2, input_documents=documents, output_documents=documents
            ),
        ),
        operation(Kind.CHAIN, agent="owner-kept", node="node-kept"),
        *(
            operation(
                Kind.EVALUATOR,
                detail=Score(
                    name="score-kept",
                    value=0.25,
                    label=f"a sentence with {CANARY}",
                    explanation=CANARY,
                    annotator="llm",
                    scope=scope,
                    identifier=f"who: {CANARY}",
                    metadata={CANARY: CANARY},
                ),
            )
            for scope in ("span", "trace", "session")
        ),
    ]


def prepared(convention: str, **settings: Any) -> Callable[[Operation], Span]:
    """Return what a destination with these settings makes of operations."""
    return rendering_of(destinations.memory(convention=convention, **settings))


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
    assert CANARY not in repr(allow_list.without_content(each))


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

    safe = allow_list.only_safe(span)

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
    kept = {name: value for name, value in kept.items() if not name.startswith(("retrieval.", "reranker."))}
    kept = {name: value for name, value in kept.items() if "evaluation" not in name}
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


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_every_name_that_a_convention_writes_is_judged(convention: str) -> None:
    """Each name of a rendered span and of its exception event is in the table, as safe or as content."""
    bare = [replace(each, attributes={}, events=()) for each in operations()]
    spans = [prepared(convention)(each) for each in bare]
    names = {name for span in spans for holder in (span, *span.events) for name in holder.attributes}

    assert [] == sorted(name for name in names if keys.classification(name) is None)
    content = {name for name in names if keys.classification(name) is keys.CONTENT}
    assert (True, True) == (len(content) > 10, len(names - content) > 15)
    assert names - content == {name for name in names if keys.is_safe(name)} | (names & {"exception.type"})


def literal_names(source: str) -> set[str]:
    """Return the attribute names that stand in a module's text, `N` for what is put in."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "N" for part in node.values]
            text = "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        if re.fullmatch(r"(gen_ai|llm|openinference|session|user|metadata|trace|span|tag|tool|retrieval|reranker|embedding"
                        r"|agent|graph|input|output|error|exception|spancast|langfuse\.\w+)(\.\w+)+", text):  # fmt: skip
            found.add(text)
    return found


@pytest.mark.parametrize(
    "module",
    [
        "conventions/openinference.py",
        "conventions/gen_ai.py",
        "conventions/outline.py",
        "destinations/backends/langfuse.py",
    ],
)
def test_every_name_in_the_conventions_text_is_judged(module: str) -> None:
    """A name that somebody adds to a convention fails here until the table says whether it may leave."""
    names = literal_names((Path(spancast.__file__).parent / module).read_text())
    stems = {
        "llm.input_messages",
        "llm.output_messages",
        "openinference.project.name",
        "gen_ai.evaluation.result",
    }  # put together elsewhere; a resource; an event
    assert [] == sorted(name for name in names - stems if keys.classification(name) is None)
    assert 0 < len(names)


def test_a_name_that_nobody_judged_is_found() -> None:
    """The test above can fail."""
    assert {"gen_ai.new.thing", "llm.new.N.thing"} == literal_names('x["gen_ai.new.thing"] = f"llm.new.{i}.thing"')
    assert None is keys.classification("gen_ai.new.thing")


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
    assert not keys.is_safe(name)


def test_a_destinations_own_attributes_pass_the_list_too() -> None:
    """Attributes that a destination wants on every span leave in privacy mode only when their names are on the list."""
    made = destinations.memory(privacy_mode=True)
    wants = {"arize.project.name": "shop", "custom.note": CANARY}
    span = rendering_of(replace(made, span_attributes=wants))(operation(Kind.CHAIN))

    assert "shop" == span.attributes["arize.project.name"]
    assert "custom.note" not in span.attributes


# ---------------------------------------------------------------- redact
def redact(text: str) -> str:
    """Take the canary out of a text."""
    return text.replace(CANARY, "***")


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("each", operations())
def test_redact_sees_every_text(each: Operation, convention: str) -> None:
    """A redact hook is applied to every text of content, metadata, tags, events, links and errors; the rest stays."""
    span = prepared(convention, redact=redact)(each)

    said = encoded(span)
    assert 0 == said.count(CANARY.encode())
    assert said.count(b"***") > 10
    assert ("user-kept", each.trace_id) == (span.attributes["user.id"], span.trace_id)


@pytest.mark.parametrize(
    "settings", [{"redact": redact}, {"redact": redact, "privacy_mode": True}, {"redact": redact, "media": False}]
)
def test_what_another_destination_has_written_of_a_message_reaches_no_other(settings: dict[str, Any]) -> None:
    """Messages keep the JSON that was made of them; a destination that hides or redacts makes its own."""
    each = replace(generation(), metadata={"dataset": CANARY})
    for convention in CONVENTIONS:
        prepared(convention)(each)
    for convention in CONVENTIONS:
        said = encoded(prepared(convention, **settings)(each))
        assert (0, True) == (said.count(CANARY.encode()), b"***" in said)


def test_what_decides_how_a_span_is_rendered_stays() -> None:
    """Counts, times, roles and kinds are as they were, also under a redact hook that replaces everything."""
    whole = prepared("gen_ai")(generation()).attributes
    span = prepared("gen_ai", redact=lambda text: "X")(generation())

    names = (
        "gen_ai.operation.name",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.total_cost",
        "gen_ai.request.temperature",
        "gen_ai.response.finish_reasons",
    )
    assert {name: whole[name] for name in names if name in span.attributes} == {
        name: span.attributes[name] for name in names if name in span.attributes
    }
    assert '"role":"user"' in str(span.attributes["gen_ai.input.messages"])
    assert ("X", "X") == (span.attributes["gen_ai.request.model"], span.attributes["user.id"])


def _raises(text: str) -> str:
    raise RuntimeError(CANARY)


@pytest.mark.parametrize("broken", [_raises, lambda text: None, lambda text: text.encode(), lambda text: [text]])
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_broken_redact_lets_nothing_leave(convention: str, broken: Any, caplog: pytest.LogCaptureFixture) -> None:
    """When redact raises or returns no text, the span goes without any content or metadata, and that is said once."""
    with caplog.at_level(logging.WARNING, logger="spancast"):
        spans = [prepared(convention, redact=broken)(each) for each in operations()]

    assert [0] * len(spans) == [encoded(span).count(CANARY.encode()) for span in spans]
    assert [] == [span for span in spans if "user.id" in span.attributes or "session.id" in span.attributes]
    assert 1 == len(caplog.records)
    assert CANARY not in caplog.text


def test_redact_changes_a_copy() -> None:
    """Redaction leaves the record as it is: another destination may see it whole."""
    each = generation()
    before = repr(each)

    prepared("openinference", redact=redact)(each)
    prepared("openinference", privacy_mode=True)(each)

    assert before == repr(each)


def test_keys_inside_content_are_content() -> None:
    """`{"jane@example.com": 3}` holds an address in a key; names of attributes, metadata and parameters stay."""
    each = operation(Kind.CHAIN, input={CANARY: 1, "list": [{CANARY: {CANARY: 2}}]}, metadata={"dataset": {CANARY: 1}})
    span = prepared("gen_ai", redact=redact)(replace(each, attributes={}, events=(), links=()))
    assert '{"***":1,"list":[{"***":{"***":2}}]}' == span.attributes["span.input"]
    assert '{"***":1}' == span.attributes["trace.metadata.dataset"]


def test_keys_that_become_the_same_are_numbered() -> None:
    """Nothing is lost when two keys are redacted to the same text."""
    each = operation(Kind.CHAIN, input={"a": 1, "b": 2}, attributes={})
    assert '{"X":1,"X (2)":2}' == prepared("gen_ai", redact=lambda text: "X")(each).attributes["span.input"]


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_in_privacy_mode_redact_sees_the_metadata_that_still_leaves(convention: str) -> None:
    """Privacy mode keeps metadata, and the hook is applied to it."""
    each = operation(Kind.CHAIN, metadata={"mail": CANARY, "dataset": "kept"})
    said = encoded(prepared(convention, privacy_mode=True, redact=redact)(each))
    assert (0, True, True) == (said.count(CANARY.encode()), b"***" in said, b"kept" in said)


def test_in_privacy_mode_a_broken_redact_takes_the_metadata_with_it() -> None:
    """What could not be redacted does not leave."""
    span = prepared("gen_ai", privacy_mode=True, redact=_raises)(operation(Kind.CHAIN))
    assert [] == [name for name in span.attributes if name.startswith("trace.metadata.")]


# ---------------------------------------------------------------- media and length
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_without_media_neither_bytes_nor_addresses_leave(convention: str) -> None:
    """A note stands in the place of each image, sound and file, in messages and in plain data; text stays."""
    data = "data:image/png;base64,QUJDRA=="
    blocks = [
        {"type": "image_url", "image_url": {"url": "https://example.com/secret.png"}},
        {"type": "text", "text": f"look at {data}!"},
        {"type": "media", "modality": "audio", "data": "QUJDRA=="},
    ]
    message = Message(role="user", parts=(Text("look"), Media(modality="image", url=data), Other(blocks[0])))
    each = operation(
        Kind.LLM,
        input={"messages": blocks},
        output=data,
        detail=Generation(input_messages=(message,), output_messages=()),
    )
    quiet = replace(each, attributes={}, events=(), links=(), failure=None)
    said = encoded(prepared(convention, media=False)(quiet))
    chain = encoded(prepared(convention, media=False)(replace(quiet, kind=Kind.CHAIN, detail=None)))
    for text in (said, chain):
        assert (0, 0, 0) == (text.count(b"QUJDRA"), text.count(b"secret.png"), text.count(b"base64"))
        assert True is (b"left out]" in text and b"look" in text)
    assert True is (b"QUJDRA" in encoded(prepared(convention)(quiet)))


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_content_is_cut_to_a_length_and_the_rest_stays_whole(convention: str) -> None:
    """`max_content_chars` holds for every text of content, status text and stack trace; names and metadata are not cut."""
    long = "y" * 500
    each = replace(
        operation(Kind.CHAIN, input={"text": long}, output=long, metadata={"note": long}, attributes={}),
        failure=Failure(type="E", message=long, stacktrace=long),
    )
    span = prepared(convention, max_content_chars=60)(each)
    content = {
        name: value for name, value in span.attributes.items() if not keys.is_safe(name) and isinstance(value, str)
    }
    events = [str(value) for event in span.events for value in event.attributes.values()]
    assert [] == [name for name, value in content.items() if len(value) > 60]
    assert [] == [value for value in [*events, span.status_message] if len(value) > 60]
    assert True is any(long in str(value) for name, value in span.attributes.items() if "metadata" in name)


# ---------------------------------------------------------------- built-in redactors
@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefghijklmnop1234",
        "sk-ant-api03-abcdefghijklmnop",
        "sk-or-v1-0123456789abcdef0123",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_" + "a1" * 18,
        "glpat-abcdefghij0123456789",
        "xoxb-123456789012-abcdef",
        "hf_" + "aB" * 17,
        "lsv2_pt_" + "0a" * 16 + "_0123456789",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_keys_and_tokens_are_recognised_by_their_form(secret: str) -> None:
    """Published forms of keys go, what stands around them stays."""
    assert f"use {redactors.MASK} please" == redactors.secrets(f"use {secret} please")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer abcdefgh12345678", "Authorization: Bearer [redacted]"),
        ('{"api_key": "abcd1234"}', '{"api_key": "[redacted]"}'),
        ("password=hunter22, user=me", "password=[redacted], user=me"),
        ("postgres://me:hunter22@db/x", "postgres://me:[redacted]@db/x"),
        ("the bearer certificates are old", "the bearer certificates are old"),
        ("a basic explanation of tokens: 12 tokens", "a basic explanation of tokens: 12 tokens"),
        ("risk-based pricing", "risk-based pricing"),
        ("", ""),
    ],
)
def test_values_named_like_secrets_go_and_plain_language_stays(text: str, expected: str) -> None:
    """Names are kept, their values are not; words are not mistaken for keys."""
    assert expected == redactors.secrets(text)


def test_the_other_built_in_redactors() -> None:
    """Mail addresses, payment cards, patterns of one's own, and several in a row."""
    assert "write to [redacted]." == redactors.emails("write to jane.doe@mail.example.com.")
    assert "card [redacted], order 1234567890123" == redactors.cards("card 4111 1111 1111 1111, order 1234567890123")
    both = redactors.chain(redactors.patterns(r"EMP-\d+", replacement="EMP-?"), redactors.emails)
    assert "EMP-? [redacted]" == both("EMP-17 a@b.example")
    assert {"secrets", "emails", "cards", "all"} == set(redactors.BUILT_IN)


def test_redact_runs_off_the_applications_thread(tmp_path: Path) -> None:
    """However slow the hook is, the application does not wait for it."""
    threads = set()

    def slow(text: str) -> str:
        threads.add(threading.current_thread())
        return text

    destination = destinations.file(tmp_path / "t.jsonl", redact=slow)
    with spancast.Pipeline(destination), spancast.trace(trace_name="a", dataset="d"):
        pass
    assert (1, False) == (len(threads), threading.current_thread() in threads)
