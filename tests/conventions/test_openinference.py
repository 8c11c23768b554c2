"""OpenInference: every kind, every name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openinference.semconv.trace import (
    DocumentAttributes,
    ImageAttributes,
    MessageAttributes,
    MessageContentAttributes,
    OpenInferenceSpanKindValues,
    SpanAttributes,
    ToolAttributes,
    ToolCallAttributes,
)

from spancast.conventions.openinference import render
from spancast.conventions.span import ERROR, INTERNAL, OK, UNSET, Span
from spancast.record.cost import Cost
from spancast.record.message import (
    Media,
    Message,
    Other,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
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

from .operations import USAGE, full_operations, operation


def generation(**changes: Any) -> Span:
    """Return the span of a generation."""
    return render(operation(Kind.LLM, name="ChatOpenAI", detail=Generation(**changes)))


@pytest.mark.parametrize("kind", list(Kind))
def test_the_span_kind_is_openinferences(kind: Kind) -> None:
    """Every kind has OpenInference's name for it, and the OTLP kind is INTERNAL."""
    span = render(operation(kind))

    assert OpenInferenceSpanKindValues[kind.name].value == span.attributes[SpanAttributes.OPENINFERENCE_SPAN_KIND]
    assert INTERNAL == span.kind


def test_a_chain_has_input_and_output_with_their_types() -> None:
    """A chain's data is JSON with its type, and a text stays a plain text."""
    span = render(operation(input={"question": "é?"}, output="yes"))

    assert {
        SpanAttributes.OPENINFERENCE_SPAN_KIND: "CHAIN",
        SpanAttributes.INPUT_VALUE: '{"question":"é?"}',
        SpanAttributes.INPUT_MIME_TYPE: "application/json",
        SpanAttributes.OUTPUT_VALUE: "yes",
        SpanAttributes.OUTPUT_MIME_TYPE: "text/plain",
    } == span.attributes


def test_user_and_session_stand_on_every_kind() -> None:
    """User and session are on spans of every kind."""
    spans = [render(operation(kind, user="u", session_id="s")) for kind in Kind]

    assert {("u", "s")} == {
        (span.attributes[SpanAttributes.USER_ID], span.attributes[SpanAttributes.SESSION_ID]) for span in spans
    }


def test_metadata_has_two_forms() -> None:
    """Metadata is one JSON text, and for Arize also one attribute a key, scalars and plain lists as they are."""
    metadata = {"n": 1, "list": ["a", "b"], "map": {"x": [1]}, "none": None, "mixed": [1, "a"]}

    attributes = render(operation(metadata=metadata)).attributes

    assert metadata == json.loads(attributes[SpanAttributes.METADATA])  # type: ignore[arg-type]
    flat = {name: value for name, value in attributes.items() if name.startswith("metadata.")}
    assert {
        "metadata.n": 1,
        "metadata.list": ["a", "b"],
        "metadata.map": '{"x":[1]}',
        "metadata.mixed": '[1,"a"]',
    } == flat


def test_metadata_can_stay_one_text() -> None:
    """A backend that wants the JSON text alone gets it alone."""
    span = render(operation(metadata={"n": 1}), flat_metadata=False)

    assert {"openinference.span.kind", "metadata"} == set(span.attributes)


def test_tags_are_a_list() -> None:
    """Tags are a list of texts."""
    assert ["a", "b"] == render(operation(tags=("a", "b"))).attributes[SpanAttributes.TAG_TAGS]


def test_an_agent_is_named() -> None:
    """An agent has its name."""
    span = render(operation(Kind.AGENT, detail=Agent(name="planner"), input={"q": 1}))

    assert ("planner", '{"q":1}') == (
        span.attributes[SpanAttributes.AGENT_NAME],
        span.attributes[SpanAttributes.INPUT_VALUE],
    )


def test_a_tool_has_name_description_arguments_and_call() -> None:
    """A tool has its name, description, arguments and the id of the call."""
    detail = ToolUse(name="search", description="finds", call_id="c1")

    attributes = render(operation(Kind.TOOL, detail=detail, input={"q": "é"}, output="found")).attributes

    assert {
        SpanAttributes.OPENINFERENCE_SPAN_KIND: "TOOL",
        SpanAttributes.TOOL_NAME: "search",
        SpanAttributes.TOOL_DESCRIPTION: "finds",
        SpanAttributes.TOOL_ID: "c1",
        SpanAttributes.TOOL_PARAMETERS: '{"q":"é"}',
        SpanAttributes.INPUT_VALUE: '{"q":"é"}',
        SpanAttributes.INPUT_MIME_TYPE: "application/json",
        SpanAttributes.OUTPUT_VALUE: "found",
        SpanAttributes.OUTPUT_MIME_TYPE: "text/plain",
    } == attributes


def test_a_retriever_has_its_documents() -> None:
    """A retriever has the query as its input and each document with id, score, content and metadata; a score of 0 too."""
    documents = (
        Document(content="one", id="d1", score=0.0, metadata={"page": 1}),
        Document(content="two"),
    )

    attributes = render(
        operation(Kind.RETRIEVER, detail=Retrieval(query="q", documents=documents), input="q")
    ).attributes

    prefix = f"{SpanAttributes.RETRIEVAL_DOCUMENTS}."
    assert {
        f"{prefix}0.{DocumentAttributes.DOCUMENT_ID}": "d1",
        f"{prefix}0.{DocumentAttributes.DOCUMENT_SCORE}": 0.0,
        f"{prefix}0.{DocumentAttributes.DOCUMENT_CONTENT}": "one",
        f"{prefix}0.{DocumentAttributes.DOCUMENT_METADATA}": '{"page":1}',
        f"{prefix}1.{DocumentAttributes.DOCUMENT_CONTENT}": "two",
    } == {name: value for name, value in attributes.items() if name.startswith(prefix)}
    assert "q" == attributes[SpanAttributes.INPUT_VALUE]


def test_a_generation_has_model_provider_and_parameters() -> None:
    """A generation's model is the one that answered, and both names are there."""
    attributes = generation(
        provider="azure_openai",
        request_model="gpt",
        response_model="gpt-2024",
        parameters={"temperature": 0.5, "stop": ["x"]},
        finish_reasons=("stop", "length"),
        cached=True,
    ).attributes

    assert {
        SpanAttributes.OPENINFERENCE_SPAN_KIND: "LLM",
        SpanAttributes.LLM_MODEL_NAME: "gpt-2024",
        SpanAttributes.LLM_REQUEST_MODEL_NAME: "gpt",
        SpanAttributes.LLM_RESPONSE_MODEL_NAME: "gpt-2024",
        SpanAttributes.LLM_PROVIDER: "azure",
        SpanAttributes.LLM_SYSTEM: "openai",
        SpanAttributes.LLM_INVOCATION_PARAMETERS: '{"temperature":0.5,"stop":["x"]}',
        SpanAttributes.LLM_FINISH_REASON: "stop",
        "llm.cache_hit": True,
    } == attributes


def test_a_provider_that_resells_has_no_system() -> None:
    """A provider that sells models of many makers is no maker."""
    attributes = generation(provider="openrouter", request_model="m").attributes

    assert ("openrouter", "m") == (attributes[SpanAttributes.LLM_PROVIDER], attributes[SpanAttributes.LLM_MODEL_NAME])
    assert SpanAttributes.LLM_SYSTEM not in attributes


def test_tokens_and_cost() -> None:
    """Every count and every sum has its name; a count of 0 is a count."""
    attributes = generation(usage=USAGE, cost=Cost(total=0.3, input=0.1, output=0.2)).attributes

    assert {
        SpanAttributes.OPENINFERENCE_SPAN_KIND: "LLM",
        SpanAttributes.LLM_TOKEN_COUNT_PROMPT: 10,
        SpanAttributes.LLM_TOKEN_COUNT_COMPLETION: 5,
        SpanAttributes.LLM_TOKEN_COUNT_TOTAL: 15,
        SpanAttributes.LLM_TOKEN_COUNT_PROMPT_DETAILS_CACHE_READ: 4,
        SpanAttributes.LLM_TOKEN_COUNT_PROMPT_DETAILS_CACHE_WRITE: 2,
        SpanAttributes.LLM_TOKEN_COUNT_PROMPT_DETAILS_AUDIO: 1,
        SpanAttributes.LLM_TOKEN_COUNT_COMPLETION_DETAILS_REASONING: 3,
        SpanAttributes.LLM_TOKEN_COUNT_COMPLETION_DETAILS_AUDIO: 0,
        SpanAttributes.LLM_COST_PROMPT: 0.1,
        SpanAttributes.LLM_COST_COMPLETION: 0.2,
        SpanAttributes.LLM_COST_TOTAL: 0.3,
    } == attributes


def test_unknown_counts_and_sums_are_absent() -> None:
    """What nobody counted has no attribute, rather than a 0."""
    attributes = generation(usage=Usage(total_tokens=7), cost=Cost(total=0.5)).attributes

    assert {"openinference.span.kind", "llm.token_count.total", "llm.cost.total"} == set(attributes)


def test_time_to_first_token_is_in_seconds() -> None:
    """The time to the first piece is in seconds."""
    assert 0.25 == generation(time_to_first_token_ns=250_000_000).attributes["gen_ai.response.time_to_first_chunk"]


def test_messages_are_flattened() -> None:
    """Plain messages are flat attributes, and stand once more in the input and the output."""
    span = generation(
        input_messages=(
            Message(role="system", parts=(Text("Be brief."),)),
            Message(role="user", parts=(Text("Hi"),), name="ann"),
        ),
        output_messages=(Message(role="assistant", parts=(Text("Hello"),)),),
    )

    given, said = SpanAttributes.LLM_INPUT_MESSAGES, SpanAttributes.LLM_OUTPUT_MESSAGES
    role, content = MessageAttributes.MESSAGE_ROLE, MessageAttributes.MESSAGE_CONTENT
    assert {
        SpanAttributes.OPENINFERENCE_SPAN_KIND: "LLM",
        f"{given}.0.{role}": "system",
        f"{given}.0.{content}": "Be brief.",
        f"{given}.1.{role}": "user",
        f"{given}.1.{MessageAttributes.MESSAGE_NAME}": "ann",
        f"{given}.1.{content}": "Hi",
        f"{said}.0.{role}": "assistant",
        f"{said}.0.{content}": "Hello",
        SpanAttributes.INPUT_VALUE: '{"messages":[{"role":"system","content":"Be brief."},'
        '{"role":"user","name":"ann","content":"Hi"}]}',
        SpanAttributes.INPUT_MIME_TYPE: "application/json",
        SpanAttributes.OUTPUT_VALUE: "Hello",
        SpanAttributes.OUTPUT_MIME_TYPE: "text/plain",
    } == span.attributes


def test_tool_calls_and_results_are_flattened() -> None:
    """A call has id, name and arguments as JSON text; the answer to it names the call."""
    attributes = generation(
        input_messages=(
            Message(role="tool", parts=(ToolResult(result={"n": 0}, id="c0"),), tool_call_id="c0"),
            Message(role="tool", parts=(Text("42"),), tool_call_id="c1"),
        ),
        output_messages=(
            Message(
                role="assistant",
                parts=(
                    Text("Looking."),
                    ToolCall(name="f", arguments={"a": 1}, id="c2"),
                    ToolCall(name="g", arguments="{"),
                ),
            ),
        ),
    ).attributes

    given, said = f"{SpanAttributes.LLM_INPUT_MESSAGES}.", f"{SpanAttributes.LLM_OUTPUT_MESSAGES}.0."
    calls = f"{said}{MessageAttributes.MESSAGE_TOOL_CALLS}."
    expected = {
        f"{given}0.{MessageAttributes.MESSAGE_ROLE}": "tool",
        f"{given}0.{MessageAttributes.MESSAGE_TOOL_CALL_ID}": "c0",
        f"{given}0.{MessageAttributes.MESSAGE_CONTENT}": '{"n":0}',
        f"{given}1.{MessageAttributes.MESSAGE_ROLE}": "tool",
        f"{given}1.{MessageAttributes.MESSAGE_TOOL_CALL_ID}": "c1",
        f"{given}1.{MessageAttributes.MESSAGE_CONTENT}": "42",
        f"{said}{MessageAttributes.MESSAGE_ROLE}": "assistant",
        f"{said}{MessageAttributes.MESSAGE_CONTENT}": "Looking.",
        f"{calls}0.{ToolCallAttributes.TOOL_CALL_ID}": "c2",
        f"{calls}0.{ToolCallAttributes.TOOL_CALL_FUNCTION_NAME}": "f",
        f"{calls}0.{ToolCallAttributes.TOOL_CALL_FUNCTION_ARGUMENTS_JSON}": '{"a":1}',
        f"{calls}1.{ToolCallAttributes.TOOL_CALL_FUNCTION_NAME}": "g",
        f"{calls}1.{ToolCallAttributes.TOOL_CALL_FUNCTION_ARGUMENTS_JSON}": "{",
    }
    assert expected == {name: value for name, value in attributes.items() if name.startswith("llm.")}


def test_parts_are_numbered_without_gaps() -> None:
    """Parts of several kinds are numbered contents, in order, and the calls of the application stand apart."""
    parts = (
        Reasoning("hm", signature="sig"),
        Text("see"),
        Media(modality="image", url="https://example.com/a.png"),
        Media(modality="image", mime_type="image/png", data="aGk="),
        Media(modality="audio", mime_type="audio/wav", data="aGk="),
        Media(modality="video", url="https://example.com/a.mp4"),
        Media(modality="document", file_id="file-1"),
        ToolCall(name="search", arguments={"q": 1}, id="s1", server=True),
        ToolResult(result=[1], id="s1", server=True),
        Refusal("no"),
        Other({"x": 1}),
        ToolCall(name="mine", arguments={}, id="c1"),
    )

    attributes = generation(output_messages=(Message(role="assistant", parts=parts),)).attributes

    prefix = f"{SpanAttributes.LLM_OUTPUT_MESSAGES}.0.{MessageAttributes.MESSAGE_CONTENTS}."
    kind, words = MessageContentAttributes.MESSAGE_CONTENT_TYPE, MessageContentAttributes.MESSAGE_CONTENT_TEXT
    image = f"{MessageContentAttributes.MESSAGE_CONTENT_IMAGE}.{ImageAttributes.IMAGE_URL}"
    assert {
        f"{prefix}0.{kind}": "reasoning",
        f"{prefix}0.{words}": "hm",
        f"{prefix}0.{MessageContentAttributes.MESSAGE_CONTENT_SIGNATURE}": "sig",
        f"{prefix}1.{kind}": "text",
        f"{prefix}1.{words}": "see",
        f"{prefix}2.{kind}": "image",
        f"{prefix}2.{image}": "https://example.com/a.png",
        f"{prefix}3.{kind}": "image",
        f"{prefix}3.{image}": "data:image/png;base64,aGk=",
        f"{prefix}4.{kind}": "audio",
        f"{prefix}4.message_content.audio.audio.url": "data:audio/wav;base64,aGk=",
        f"{prefix}4.message_content.audio.audio.mime_type": "audio/wav",
        f"{prefix}5.{kind}": "video",
        f"{prefix}5.message_content.video.video.url": "https://example.com/a.mp4",
        f"{prefix}6.{kind}": "document",
        f"{prefix}6.message_content.document.document.url": "file-1",
        f"{prefix}7.{kind}": "tool_use",
        f"{prefix}7.tool_call.id": "s1",
        f"{prefix}7.tool_call.function.name": "search",
        f"{prefix}7.tool_call.function.arguments": '{"q":1}',
        f"{prefix}8.{kind}": "text",
        f"{prefix}8.{words}": "[1]",
        f"{prefix}9.{kind}": "text",
        f"{prefix}9.{words}": "no",
        f"{prefix}10.{kind}": "text",
        f"{prefix}10.{words}": '{"x":1}',
    } == {name: value for name, value in attributes.items() if name.startswith(prefix)}
    assert "mine" == attributes["llm.output_messages.0.message.tool_calls.0.tool_call.function.name"]


def test_a_completion_has_prompts_and_choices() -> None:
    """A completion of text has prompts and choices instead of messages."""
    attributes = generation(
        operation="text_completion",
        input_messages=(Message(role="user", parts=(Text("once"),)),),
        output_messages=(Message(role="assistant", parts=(Text("a"),)), Message(role="assistant", parts=(Text("b"),))),
    ).attributes

    assert {
        SpanAttributes.OPENINFERENCE_SPAN_KIND: "LLM",
        f"{SpanAttributes.LLM_PROMPTS}.0.prompt.text": "once",
        f"{SpanAttributes.LLM_CHOICES}.0.completion.text": "a",
        f"{SpanAttributes.LLM_CHOICES}.1.completion.text": "b",
        SpanAttributes.INPUT_VALUE: "once",
        SpanAttributes.INPUT_MIME_TYPE: "text/plain",
        SpanAttributes.OUTPUT_VALUE: '["a","b"]',
        SpanAttributes.OUTPUT_MIME_TYPE: "application/json",
    } == attributes


def test_tool_definitions_are_their_schemas() -> None:
    """A definition is the schema as it was sent; where only its pieces are known, those."""
    attributes = generation(
        tools=(
            ToolDefinition(name="f", schema={"type": "function", "function": {"name": "f"}}),
            ToolDefinition(name="g", description="d", parameters={"type": "object"}),
        )
    ).attributes

    assert [
        '{"type":"function","function":{"name":"f"}}',
        '{"name":"g","description":"d","parameters":{"type":"object"}}',
    ] == [attributes[f"{SpanAttributes.LLM_TOOLS}.{index}.{ToolAttributes.TOOL_JSON_SCHEMA}"] for index in (0, 1)]


def test_a_failure_is_status_event_and_type() -> None:
    """A failed operation has status ERROR with the message, an exception event, and its type as an attribute."""
    span = render(operation(failure=Failure(type="builtins.ValueError", message="bad", stacktrace="Traceback")))

    assert (ERROR, "bad", "builtins.ValueError") == (
        span.status_code,
        span.status_message,
        span.attributes["error.type"],
    )
    (event,) = span.events
    assert ("exception", 20) == (event.name, event.time_ns)
    assert {
        "exception.type": "builtins.ValueError",
        "exception.message": "bad",
        "exception.stacktrace": "Traceback",
    } == event.attributes


@pytest.mark.parametrize("ending", ["cancelled", "abandoned", "interrupted", "incomplete"])
def test_an_ending_is_no_error(ending: str) -> None:
    """An operation that was interrupted, cancelled or abandoned has that as its ending, and no error."""
    span = render(operation(ending=ending))

    assert (UNSET, "", ending, ()) == (
        span.status_code,
        span.status_message,
        span.attributes["spancast.ending"],
        span.events,
    )
    assert "error.type" not in span.attributes


def test_what_went_well_is_ok() -> None:
    """An operation that finished has status OK."""
    assert OK == render(operation()).status_code


@pytest.mark.parametrize("each", full_operations())
def test_a_given_name_wins(each: Operation) -> None:
    """The name that the user gave wins over the framework's, which is the name otherwise."""
    from dataclasses import replace

    assert ["step", "mine"] == [render(each).name, render(replace(each, given_name="mine")).name]


def test_an_operation_without_a_name_is_called_by_its_kind() -> None:
    """No span is without a name."""
    assert "chain" == render(operation(name="")).name


def test_identity_events_links_and_own_attributes_are_kept() -> None:
    """Ids, parent, times, events and links stay, and the application's own attributes never displace ours."""
    span = render(
        operation(
            parent_span_id=9,
            parent_is_remote=True,
            events=(Event(name="e", time_ns=15, attributes={"a": {"b": 1}, "none": None}),),
            links=(Link(trace_id=3, span_id=4, attributes={"why": "x"}),),
            attributes={"openinference.span.kind": "TOOL", "app.key": ["x"], "app.none": None},
        )
    )

    assert (1, 2, 9, True, 10, 20) == (
        span.trace_id,
        span.span_id,
        span.parent_span_id,
        span.parent_is_remote,
        span.start_ns,
        span.end_ns,
    )
    assert [("e", 15, {"a": '{"b":1}'})] == [(event.name, event.time_ns, event.attributes) for event in span.events]
    assert [(3, 4, {"why": "x"})] == [(link.trace_id, link.span_id, link.attributes) for link in span.links]
    assert {"openinference.span.kind": "CHAIN", "app.key": ["x"]} == span.attributes


def test_the_application_fills_what_is_unknown() -> None:
    """An attribute of the application is used where the record knows nothing of that name."""
    span = render(
        operation(
            Kind.LLM,
            detail=Generation(usage=Usage(input_tokens=1, total_tokens=1)),
            attributes={"llm.token_count.completion": 7, "llm.token_count.prompt": 99},
        )
    )

    assert (1, 7) == (span.attributes["llm.token_count.prompt"], span.attributes["llm.token_count.completion"])


@pytest.mark.parametrize("kind", [Kind.CHAIN, Kind.AGENT])
def test_a_node_of_a_graph_is_named(kind: Kind) -> None:
    """An operation that is a node of a graph has the node's name as id and name, and no other has either."""
    names = (SpanAttributes.GRAPH_NODE_ID, SpanAttributes.GRAPH_NODE_NAME)

    assert ["planner", "planner"] == [render(operation(kind, node="planner")).attributes[name] for name in names]
    assert set() == set(names) & set(render(operation(kind)).attributes)
