"""OpenTelemetry's GenAI conventions: every kind, every name."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from spancast.conventions.gen_ai import render
from spancast.conventions.span import CLIENT, ERROR, INTERNAL, OK, UNSET, Span
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

from .operations import USAGE, full_operations, operation


def generation(**changes: Any) -> Span:
    """Return the span of a generation."""
    return render(operation(Kind.LLM, name="ChatOpenAI", detail=Generation(**changes)))


def content(span: Span, name: str) -> Any:
    """Return an attribute of JSON text, read."""
    return json.loads(span.attributes[name])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "detail", "name", "span_kind", "operation_name"),
    [
        (Kind.CHAIN, None, "step", INTERNAL, None),
        (Kind.AGENT, Agent(name="planner"), "invoke_agent planner", INTERNAL, "invoke_agent"),
        (Kind.LLM, Generation(request_model="gpt"), "chat gpt", CLIENT, "chat"),
        (Kind.LLM, Generation(response_model="gpt-1"), "chat gpt-1", CLIENT, "chat"),
        (Kind.LLM, Generation(), "chat", CLIENT, "chat"),
        (
            Kind.LLM,
            Generation(operation="text_completion", request_model="d"),
            "text_completion d",
            CLIENT,
            "text_completion",
        ),
        (Kind.TOOL, ToolUse(name="search"), "execute_tool search", INTERNAL, "execute_tool"),
        (Kind.RETRIEVER, Retrieval(data_source="db"), "retrieval db", CLIENT, "retrieval"),
        (Kind.RETRIEVER, Retrieval(), "retrieval", CLIENT, "retrieval"),
        (Kind.EMBEDDING, None, "step", CLIENT, "embeddings"),
    ],
)
def test_names_and_kinds(kind: Kind, detail: Any, name: str, span_kind: int, operation_name: str | None) -> None:
    """Each kind has the conventions' span name, span kind and operation name; a chain keeps its own name."""
    span = render(operation(kind, detail=detail))

    assert (name, span_kind, operation_name) == (span.name, span.kind, span.attributes.get("gen_ai.operation.name"))


@pytest.mark.parametrize("each", full_operations())
def test_a_given_name_wins(each: Operation) -> None:
    """The name that the user gave wins over the conventions'."""
    assert "mine" == render(replace(each, given_name="mine")).name


def test_a_chain_has_openrouters_input_and_output() -> None:
    """A chain's input and output are `span.input` and `span.output`, data as JSON and text as it is."""
    span = render(operation(input={"q": "é"}, output="yes"))

    assert {"span.input": '{"q":"é"}', "span.output": "yes"} == span.attributes


def test_user_session_metadata_and_tags() -> None:
    """Session stands under both names, metadata under `trace.metadata`, tags in a list."""
    span = render(
        operation(user="u", session_id="s", metadata={"n": 1, "map": {"x": 1}, "none": None}, tags=("a", "b"))
    )

    assert {
        "user.id": "u",
        "session.id": "s",
        "gen_ai.conversation.id": "s",
        "trace.metadata.n": 1,
        "trace.metadata.map": '{"x":1}',
        "trace.tags": ["a", "b"],
    } == span.attributes


def test_an_agent_has_its_conversation() -> None:
    """An agent's conversation is its messages, and without one its input and output."""
    agent = Agent(name="planner", input_messages=(Message(role="user", parts=(Text("hi"),)),))
    span = render(operation(Kind.AGENT, detail=agent, input={"messages": []}, output="done"))

    assert [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}] == content(span, "gen_ai.input.messages")
    assert {
        "gen_ai.operation.name",
        "gen_ai.agent.name",
        "gen_ai.input.messages",
        "span.output",
    } == set(span.attributes)


def test_a_tool_has_arguments_and_result() -> None:
    """A tool has its arguments and result, its description, type and call."""
    detail = ToolUse(name="search", description="finds", call_id="c1")

    assert {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "search",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.description": "finds",
        "gen_ai.tool.call.id": "c1",
        "gen_ai.tool.call.arguments": '{"q":1}',
        "gen_ai.tool.call.result": "found",
    } == render(operation(Kind.TOOL, detail=detail, input={"q": 1}, output="found")).attributes


def test_a_retrieval_has_query_and_documents() -> None:
    """A retrieval has its query and source, and each document with what is known of it; a score of 0 too."""
    documents = (Document(content="one", id="d1", score=0.0, metadata={"page": 1}), Document(content="two"))

    span = render(operation(Kind.RETRIEVER, detail=Retrieval(query="q", documents=documents, data_source="db")))

    assert ("q", "db") == (span.attributes["gen_ai.retrieval.query.text"], span.attributes["gen_ai.data_source.id"])
    assert [{"id": "d1", "score": 0.0, "content": "one", "metadata": {"page": 1}}, {"content": "two"}] == content(
        span, "gen_ai.retrieval.documents"
    )


def test_a_generation_has_request_and_response() -> None:
    """A generation has what was asked, under the conventions' names whatever the framework's, and what came back."""
    attributes = generation(
        provider="azure_openai",
        request_model="gpt",
        response_model="gpt-1",
        response_id="r1",
        parameters={
            "temperature": 0,
            "top_p": 0.5,
            "top_k": 3,
            "max_completion_tokens": 9,
            "frequency_penalty": 0.1,
            "presence_penalty": 0.2,
            "seed": 7,
            "stop": "END",
            "n": 2,
            "response_format": {"type": "json_schema"},
            "unknown": "x",
        },
        stream=True,
        finish_reasons=("stop", "length"),
        time_to_first_token_ns=250_000_000,
        cached=True,
    ).attributes

    assert {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "azure.ai.openai",
        "gen_ai.request.model": "gpt",
        "gen_ai.response.model": "gpt-1",
        "gen_ai.response.id": "r1",
        "gen_ai.request.temperature": 0,
        "gen_ai.request.top_p": 0.5,
        "gen_ai.request.top_k": 3,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.frequency_penalty": 0.1,
        "gen_ai.request.presence_penalty": 0.2,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ["END"],
        "gen_ai.request.choice.count": 2,
        "gen_ai.output.type": "json",
        "gen_ai.request.stream": True,
        "gen_ai.response.finish_reasons": ["stop", "length"],
        "gen_ai.response.time_to_first_chunk": 0.25,
        "gen_ai.response.cache_hit": True,
    } == attributes


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        ("openai", "openai"),
        ("anthropic", "anthropic"),
        ("bedrock_converse", "aws.bedrock"),
        ("google_genai", "gcp.gemini"),
        ("google_vertexai", "gcp.vertex_ai"),
        ("mistralai", "mistral_ai"),
        ("xai", "x_ai"),
        ("openrouter", "openrouter"),
    ],
)
def test_providers_have_the_conventions_names(provider: str, expected: str) -> None:
    """A provider is named as the conventions do; one that they do not know keeps its name."""
    assert expected == generation(provider=provider).attributes["gen_ai.provider.name"]


def test_tokens_and_cost() -> None:
    """Every count has its name, cache writes both names, and cost OpenRouter's."""
    attributes = generation(usage=USAGE, cost=Cost(total=0.3, input=0.1, output=0.2)).attributes

    assert {
        "gen_ai.operation.name": "chat",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.total_tokens": 15,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.cache_creation.input_tokens": 2,
        "gen_ai.usage.cache_write.input_tokens": 2,
        "gen_ai.usage.reasoning.output_tokens": 3,
        "gen_ai.usage.audio.input_tokens": 1,
        "gen_ai.usage.audio.output_tokens": 0,
        "gen_ai.usage.input_cost": 0.1,
        "gen_ai.usage.output_cost": 0.2,
        "gen_ai.usage.total_cost": 0.3,
    } == attributes


def test_cost_can_be_left_out() -> None:
    """For a backend that would count cost as tokens it is left out, and nothing else."""
    each = operation(Kind.LLM, detail=Generation(usage=USAGE, cost=Cost(total=0.3)))

    assert {"gen_ai.usage.total_cost"} == set(render(each).attributes) - set(render(each, cost=False).attributes)


def test_leading_system_messages_are_instructions() -> None:
    """Leading system messages are the instructions, a list of parts; a later one stays where it stood."""
    span = generation(
        input_messages=(
            Message(role="system", parts=(Text("a"),)),
            Message(role="system", parts=(Text("b"),)),
            Message(role="user", parts=(Text("hi"),), name="ann"),
            Message(role="system", parts=(Text("c"),)),
        )
    )

    assert [{"type": "text", "content": "a"}, {"type": "text", "content": "b"}] == content(
        span, "gen_ai.system_instructions"
    )
    assert [
        {"role": "user", "name": "ann", "parts": [{"type": "text", "content": "hi"}]},
        {"role": "system", "parts": [{"type": "text", "content": "c"}]},
    ] == content(span, "gen_ai.input.messages")


def test_a_part_that_nobody_knows_has_a_type() -> None:
    """The conventions' schema demands one: a block without one stands inside a part that has it."""
    parts = (Other({"type": "new", "x": 1}), Other({"x": 1}), Other({"type": None, "x": 1}), Other("words"))
    span = generation(output_messages=(Message(role="assistant", parts=parts),))
    assert [
        {"type": "new", "x": 1},
        {"type": "other", "content": {"x": 1}},
        {"type": "other", "content": {"type": None, "x": 1}},
        {"type": "other", "content": "words"},
    ] == content(span, "gen_ai.output.messages")[0]["parts"]


def test_every_part_has_its_form() -> None:
    """Text, reasoning, calls, results and media have the forms of the conventions' message schema, in order."""
    parts = (
        Reasoning("hm", signature="sig"),
        Text("see"),
        Refusal("no"),
        Media(modality="image", mime_type="image/png", data="aGk="),
        Media(modality="image", url="https://example.com/a.png"),
        Media(modality="document", file_id="file-1"),
        ToolCall(name="search", arguments={"q": 1}, id="s1", server=True),
        ToolResult(result=[1], id="s1", server=True),
        ToolCall(name="f", arguments={}, id="c1"),
        Other({"type": "new", "x": 1}),
    )

    span = generation(output_messages=(Message(role="assistant", parts=parts, finish_reason="stop"),))

    assert [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "hm"},
                {"type": "text", "content": "see"},
                {"type": "refusal", "content": "no"},
                {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "aGk="},
                {"type": "uri", "modality": "image", "uri": "https://example.com/a.png"},
                {"type": "file", "modality": "document", "file_id": "file-1"},
                {
                    "type": "server_tool_call",
                    "id": "s1",
                    "name": "search",
                    "server_tool_call": {"type": "search", "q": 1},
                },
                {
                    "type": "server_tool_call_response",
                    "id": "s1",
                    "server_tool_call_response": {"result": [1], "type": "tool_result"},
                },
                {"type": "tool_call", "id": "c1", "name": "f", "arguments": {}},
                {"type": "new", "x": 1},
            ],
            "finish_reason": "stop",
        }
    ] == content(span, "gen_ai.output.messages")


def test_an_answer_of_a_tool_is_a_response() -> None:
    """A message of role tool is one response that names its call, plain text as text and parts as parts."""
    span = generation(
        input_messages=(
            Message(role="tool", parts=(Text("42"),), tool_call_id="c1"),
            Message(role="tool", parts=(Text("a"), Text("b")), tool_call_id="c2"),
            Message(role="tool", parts=(ToolResult(result={"n": 0}, id="c3"),), tool_call_id="c3"),
        )
    )

    responses = [message["parts"] for message in content(span, "gen_ai.input.messages")]
    assert [
        [{"type": "tool_call_response", "id": "c1", "response": "42"}],
        [
            {
                "type": "tool_call_response",
                "id": "c2",
                "response": [{"type": "text", "content": "a"}, {"type": "text", "content": "b"}],
            }
        ],
        [{"type": "tool_call_response", "id": "c3", "response": {"n": 0}}],
    ] == responses


def test_tool_definitions_are_one_list() -> None:
    """The definitions are one list of functions, with what is known of each."""
    span = generation(
        tools=(ToolDefinition(name="f", description="d", parameters={"type": "object"}), ToolDefinition(name="g"))
    )

    assert [
        {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}},
        {"type": "function", "name": "g"},
    ] == content(span, "gen_ai.tool.definitions")


def test_a_failure_is_status_event_and_type() -> None:
    """A failed operation has status ERROR with the message, an exception event, and `error.type`."""
    span = render(operation(failure=Failure(type="ValueError", message="bad", stacktrace="Traceback")))

    assert (ERROR, "bad", "ValueError") == (span.status_code, span.status_message, span.attributes["error.type"])
    assert [
        (
            "exception",
            20,
            {"exception.type": "ValueError", "exception.message": "bad", "exception.stacktrace": "Traceback"},
        )
    ] == [(event.name, event.time_ns, event.attributes) for event in span.events]


@pytest.mark.parametrize(("ending", "status"), [(None, OK), ("cancelled", UNSET), ("interrupted", UNSET)])
def test_an_ending_is_no_error(ending: str | None, status: int) -> None:
    """What finished is OK, and what was interrupted or cancelled is neither OK nor an error."""
    span = render(operation(ending=ending))

    assert (status, ending) == (span.status_code, span.attributes.get("spancast.ending"))
    assert "error.type" not in span.attributes


def test_events_links_and_own_attributes_are_kept() -> None:
    """Events, links and the application's own attributes stay, and never displace the conventions'."""
    span = render(
        operation(
            Kind.LLM,
            detail=Generation(request_model="gpt"),
            events=(Event(name="e", time_ns=15, attributes={"a": [1, 2]}),),
            links=(Link(trace_id=3, span_id=4, attributes={"why": "x"}),),
            attributes={"gen_ai.request.model": "other", "gen_ai.response.id": "mine", "app": {"a": 1}},
        )
    )

    assert ("gpt", "mine", '{"a":1}') == (
        span.attributes["gen_ai.request.model"],
        span.attributes["gen_ai.response.id"],
        span.attributes["app"],
    )
    assert [("e", 15, {"a": [1, 2]})] == [(event.name, event.time_ns, event.attributes) for event in span.events]
    assert [(3, 4, {"why": "x"})] == [(link.trace_id, link.span_id, link.attributes) for link in span.links]


def test_what_belongs_to_an_agent_names_it() -> None:
    """A generation or tool of an agent names the agent, and one of no agent does not."""
    detail = ToolUse(name="search")

    assert ["planner", None] == [
        render(operation(Kind.TOOL, detail=detail, agent=agent)).attributes.get("gen_ai.agent.name")
        for agent in ("planner", None)
    ]
