"""Operations that together have everything in them that the conventions can name."""

from __future__ import annotations

from typing import Any

from spancast.record.cost import Cost
from spancast.record.message import Media, Message, Other, Reasoning, Refusal, Text, ToolCall, ToolResult
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
    ToolDefinition,
    ToolUse,
)
from spancast.record.usage import Usage

USAGE = Usage(
    input_tokens=10,
    output_tokens=5,
    total_tokens=15,
    cache_read_tokens=4,
    cache_write_tokens=2,
    reasoning_tokens=3,
    input_audio_tokens=1,
    output_audio_tokens=0,
)
EVERY_COUNT = dict.fromkeys(Usage.__slots__, 1)


def operation(kind: Kind = Kind.CHAIN, **changes: Any) -> Operation:
    """Return an operation of *kind*."""
    held: dict[str, Any] = {"name": "step", "trace_id": 1, "span_id": 2, "start_ns": 10, "end_ns": 20, "kind": kind}
    return Operation(**{**held, **changes})


def full_operations() -> list[Operation]:
    """Return operations that together have everything in them that the convention can name."""
    parts = (
        Text("t"),
        Reasoning("r", signature="sig", id="rs_1", encrypted="sealed"),
        Reasoning("", data="hidden"),
        Refusal("no"),
        Media(modality="image", url="https://example.com/a.png"),
        Media(modality="audio", mime_type="audio/wav", data="aGk="),
        Media(modality="video", url="https://example.com/a.mp4"),
        Media(modality="document", file_id="file-1"),
        ToolCall(name="server", arguments={"q": 1}, id="s1", server=True),
        ToolResult(result={"a": 1}, id="s1", server=True),
        Other({"x": 1}),
        ToolCall(name="f", arguments={"a": 1}, id="c1", signature="seal"),
    )
    detail = Generation(
        provider="openai",
        request_model="gpt",
        response_model="gpt-1",
        response_id="r1",
        parameters={
            "temperature": 0.5,
            "top_p": 0.5,
            "top_k": 2,
            "max_tokens": 3,
            "frequency_penalty": 0.1,
            "n": 2,
            "presence_penalty": 0.1,
            "seed": 1,
            "stop": ["x"],
            "reasoning_effort": "high",
            "response_format": {"type": "json_object"},
        },
        input_messages=(
            Message(role="user", parts=parts, name="ann"),
            Message(role="tool", parts=(Text("42"),), tool_call_id="c1"),
        ),
        output_messages=(Message(role="assistant", parts=parts),),
        tools=(ToolDefinition(name="f", description="d", parameters={}, schema={"name": "f"}),),
        finish_reasons=("stop",),
        usage=Usage(**EVERY_COUNT),
        cost=Cost(total=3.0, input=1.0, output=2.0, cache_read=0.1, cache_write=0.2, reasoning=0.5),
        endpoint="api.example.com:8443",
        service_tier="flex",
        stream=True,
        cached=True,
        prompt_template="{q}",
        prompt_variables={"q": 1},
        time_to_first_token_ns=1,
    )
    shared: dict[str, Any] = {
        "user": "u",
        "session_id": "s",
        "metadata": {"dataset": "feedback"},
        "tags": ("t",),
        "input": {"a": 1},
        "output": "done",
    }
    document = Document(content="c", id="d1", score=0.5, metadata={"page": 1})
    return [
        operation(Kind.CHAIN, node="writer", node_parent="router", agent="planner", **shared),
        operation(Kind.CHAIN, workflow=True, ending="cancelled", failure=Failure(type="ValueError"), **shared),
        operation(Kind.AGENT, detail=Agent(name="planner"), **shared),
        operation(Kind.LLM, detail=detail, **shared),
        operation(Kind.DECISION, detail=detail, **shared),
        operation(
            Kind.LLM,
            detail=Generation(
                operation="text_completion",
                input_messages=(Message(role="user", parts=(Text("p"),)),),
                output_messages=(Message(role="assistant", parts=(Text("c"),)),),
            ),
        ),
        operation(Kind.TOOL, detail=ToolUse(name="f", description="d", call_id="c1"), **shared),
        operation(
            Kind.TOOL,
            detail=ToolUse(name="f", is_mcp=True, transport="pipe"),
            failure=Failure(type="langchain_core.tools.base.ToolException"),
        ),
        operation(
            Kind.RETRIEVER, detail=Retrieval(query="q", documents=(document,), data_source="db", top_k=3), **shared
        ),
        operation(
            Kind.RERANKER,
            detail=Reranking(
                query="q", request_model="m", top_k=1, input_documents=(document,), output_documents=(document,)
            ),
        ),
        operation(
            Kind.EMBEDDING,
            detail=Embedding(
                provider="openai",
                request_model="e",
                parameters={"dimensions": 2},
                texts=("t",),
                vectors=((1.0, 2.0),),
                count=1,
                dimensions=2,
                usage=USAGE,
            ),
        ),
        *(
            operation(
                Kind.EVALUATOR,
                detail=Score(
                    name="ok",
                    value=1.0,
                    label="yes",
                    explanation="e",
                    scope=scope,
                    identifier="i",
                    metadata={"a": 1},
                ),
            )
            for scope in ("span", "trace", "session")
        ),
    ]
