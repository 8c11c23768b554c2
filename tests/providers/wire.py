"""One answer, a thought, a text and a tool call, in the words of each provider's API: whole and streamed.

The shapes are those of the providers' API references; counts differ from each other so that none can stand for another.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from .double import Body, aws_events, lines, sse, whole

THOUGHT = "9.9 is 9.90, so it is larger."
TEXT = "9.9 is larger."
ARGUMENTS = {"order": 17}
CALL = "look_up"


@dataclass(frozen=True)
class Expected:
    """What a span has to say. Counts: input, output, total, cache read, cache write, reasoning."""

    counts: tuple[int | None, ...]
    finish: str
    model: str | None
    id: str | None
    parts: tuple[tuple[Any, ...], ...] = (
        ("reasoning", THOUGHT),
        ("text", TEXT),
        ("tool_call", CALL, ARGUMENTS),
    )
    service_tier: str | None = None


@dataclass(frozen=True)
class Wire:
    """An API's answer, whole and streamed, and what it says; *streamed* where the stream says something else."""

    whole: Body
    stream: Body
    expected: Expected
    streamed: Expected | None = None
    notes: dict[str, str] = field(default_factory=dict)


# ---------------------------------------------------------------- OpenAI's chat completions, and all who speak it
OPENAI_USAGE = {
    "prompt_tokens": 120,
    "completion_tokens": 45,
    "total_tokens": 165,
    "prompt_tokens_details": {"cached_tokens": 100, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 30, "audio_tokens": 0},
}
OPENAI_COUNTS = (120, 45, 165, 100, None, 30)


def chat(
    thought: str | None = None,
    usage: dict[str, Any] | None = None,
    counts: tuple[int | None, ...] = OPENAI_COUNTS,
    model: str = "gpt-5-2025-08-07",
    content: Any = TEXT,
    identity: str | None = "chatcmpl-1",
    parts: tuple[tuple[Any, ...], ...] | None = None,
    extra: dict[str, Any] | None = None,
    stream_extra: dict[str, Any] | None = None,
    service_tier: str | None = None,
    counted_in: str = "own chunk",
    whole_calls: bool = False,
) -> Wire:
    """Return an answer of chat completions.

    *thought*: the field in which this provider puts it; *counted_in*: whether a stream's usage comes in a chunk of its
    own, in the last one, or in the last one's field of this name; *whole_calls*: a stream's tool call comes in one chunk.
    """
    usage = OPENAI_USAGE if usage is None else usage
    call = {"id": "call_1", "type": "function", "function": {"name": CALL, "arguments": json.dumps(ARGUMENTS)}}
    message: dict[str, Any] = {"role": "assistant", "content": content, "tool_calls": [call], **(extra or {})}
    if thought:
        message[thought] = THOUGHT
    frame = {
        "id": "chatcmpl-1",
        "created": 1,
        "model": model,
        "system_fingerprint": None,
        **({"service_tier": service_tier} if service_tier else {}),
    }

    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
        choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
        return {**frame, "object": "chat.completion.chunk", "choices": choices, **more}

    half = len(THOUGHT) // 2
    thoughts = (
        []
        if not thought
        else [chunk({"role": "assistant", "content": "", thought: t}) for t in (THOUGHT[:half], THOUGHT[half:])]
    )
    if stream_extra:
        thoughts = [chunk({"role": "assistant", **stream_extra})]
    pieces = [chunk({"role": "assistant", "content": piece}) for piece in ("9.9 is ", "larger.")]
    function = {"name": CALL, "arguments": ""}
    calls = [
        chunk({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"order": '}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": "17}"}}]}),
    ]
    if whole_calls:
        calls = [chunk({"tool_calls": [{"index": 0, **call}]})]
    end = [chunk({}, "tool_calls"), {**frame, "object": "chat.completion.chunk", "choices": [], "usage": usage}]
    if counted_in != "own chunk":
        counted = {"usage": usage} if counted_in == "last chunk" else {counted_in: {"id": "req_1", "usage": usage}}
        end = [chunk({}, "tool_calls", **counted)]
    says = parts or (Expected.parts if thought or stream_extra else Expected.parts[1:])
    return Wire(
        whole(
            {
                **frame,
                "object": "chat.completion",
                "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
                "usage": usage,
            }
        ),
        sse(*thoughts, *pieces, *calls, *end, done=True),
        Expected(counts, "tool_calls", model, identity, says, service_tier),
    )


# ---------------------------------------------------------------- OpenAI's Responses
def responses(status: str = "completed", reason: str | None = None) -> Wire:
    """Return an answer of the Responses API, which a provider's tool has helped with."""
    usage = {
        "input_tokens": 20,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "output_tokens": 17,
        "output_tokens_details": {"reasoning_tokens": 13},
        "total_tokens": 37,
    }
    thought = {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": THOUGHT}]}
    search = {
        "id": "ws_1",
        "type": "web_search_call",
        "status": "completed",
        "action": {"type": "search", "query": "9.9"},
    }
    text = {"type": "output_text", "text": TEXT, "annotations": []}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "status": status, "content": [text]}
    call = {
        "id": "fc_1",
        "type": "function_call",
        "call_id": "call_1",
        "name": CALL,
        "arguments": json.dumps(ARGUMENTS),
        "status": "completed",
    }

    def response(status: str, output: list[Any]) -> dict[str, Any]:
        return {
            "id": "resp_1",
            "object": "response",
            "created_at": 1,
            "status": status,
            "model": "gpt-5-2025-08-07",
            "output": output,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": usage if output else None,
            "metadata": {},
            "temperature": 1.0,
            "top_p": 1.0,
            "error": None,
            "instructions": None,
            "service_tier": "default",
            "incomplete_details": {"reason": reason} if reason and output else None,
        }

    items = [thought, search, message, call]
    numbers = iter(range(100))

    def event(kind: str, **fields: Any) -> dict[str, Any]:
        return {"type": kind, "sequence_number": next(numbers), **fields}

    half = len(THOUGHT) // 2
    summary = {"item_id": "rs_1", "output_index": 0, "summary_index": 0}
    content = {"item_id": "msg_1", "output_index": 2, "content_index": 0}
    events = [
        event("response.created", response=response("in_progress", [])),
        event("response.output_item.added", output_index=0, item={**thought, "summary": []}),
        event("response.reasoning_summary_part.added", part={"type": "summary_text", "text": ""}, **summary),
        event("response.reasoning_summary_text.delta", delta=THOUGHT[:half], **summary),
        event("response.reasoning_summary_text.delta", delta=THOUGHT[half:], **summary),
        event("response.reasoning_summary_text.done", text=THOUGHT, **summary),
        event("response.reasoning_summary_part.done", part={"type": "summary_text", "text": THOUGHT}, **summary),
        event("response.output_item.done", output_index=0, item=thought),
        event("response.output_item.added", output_index=1, item={**search, "status": "in_progress"}),
        event("response.output_item.done", output_index=1, item=search),
        event("response.output_item.added", output_index=2, item={**message, "content": [], "status": "in_progress"}),
        event("response.content_part.added", part={**text, "text": ""}, **content),
        event("response.output_text.delta", delta="9.9 is ", logprobs=[], **content),
        event("response.output_text.delta", delta="larger.", logprobs=[], **content),
        event("response.output_text.done", text=TEXT, logprobs=[], **content),
        event("response.content_part.done", part=text, **content),
        event("response.output_item.done", output_index=2, item=message),
        event("response.output_item.added", output_index=3, item={**call, "arguments": ""}),
        event("response.function_call_arguments.delta", item_id="fc_1", output_index=3, delta=json.dumps(ARGUMENTS)),
        event(
            "response.function_call_arguments.done",
            item_id="fc_1",
            output_index=3,
            arguments=json.dumps(ARGUMENTS),
            name=CALL,
        ),
        event("response.output_item.done", output_index=3, item=call),
        event(f"response.{status}", response=response(status, items)),
    ]
    parts = (
        ("reasoning", THOUGHT),
        ("server_tool_call", "web_search", {"type": "search", "query": "9.9"}),
        ("text", TEXT),
        ("tool_call", CALL, ARGUMENTS),
    )
    return Wire(
        whole(response(status, items)),
        sse(*events, named=True),
        Expected((20, 17, 37, 4, 0, 13), reason or status, "gpt-5-2025-08-07", "resp_1", parts, "default"),
    )


# ---------------------------------------------------------------- Anthropic
def anthropic() -> Wire:
    """Return an answer of the Messages API: cache reads and writes stand beside the input."""
    usage = {
        "input_tokens": 100,
        "cache_creation_input_tokens": 50,
        "cache_read_input_tokens": 2000,
        "output_tokens": 15,
    }
    content = [
        {"type": "thinking", "thinking": THOUGHT, "signature": "c2ln"},
        {"type": "text", "text": TEXT},
        {"type": "tool_use", "id": "toolu_1", "name": CALL, "input": ARGUMENTS},
    ]
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5",
        "content": content,
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": usage,
    }

    def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {"type": "content_block_start", "index": index, "content_block": start},
            *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
            {"type": "content_block_stop", "index": index},
        ]

    half = len(THOUGHT) // 2
    begin = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    events = [
        {"type": "message_start", "message": begin},
        *block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": THOUGHT[:half]},
            {"type": "thinking_delta", "thinking": THOUGHT[half:]},
            {"type": "signature_delta", "signature": "c2ln"},
        ),
        *block(
            1,
            {"type": "text", "text": ""},
            {"type": "text_delta", "text": "9.9 is "},
            {"type": "text_delta", "text": "larger."},
        ),
        *block(
            2,
            {"type": "tool_use", "id": "toolu_1", "name": CALL, "input": {}},
            {"type": "input_json_delta", "partial_json": '{"order"'},
            {"type": "input_json_delta", "partial_json": ": 17}"},
        ),
        {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    ]
    expected = Expected((2150, 15, 2165, 2000, 50, None), "tool_use", "claude-sonnet-5", "msg_1")
    return Wire(whole(message), sse(*events, named=True), expected)


# ---------------------------------------------------------------- Gemini
def gemini() -> Wire:
    """Return an answer of generateContent: thoughts stand beside the candidates, which come in pieces."""
    usage = {
        "promptTokenCount": 40,
        "candidatesTokenCount": 12,
        "thoughtsTokenCount": 25,
        "cachedContentTokenCount": 8,
        "totalTokenCount": 77,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 40}],
    }
    call = {"functionCall": {"name": CALL, "args": ARGUMENTS}}

    def answer(parts: list[Any], finish: str | None = None) -> dict[str, Any]:
        candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": parts}}
        if finish:
            candidate["finishReason"] = finish
        return {
            "candidates": [candidate],
            "usageMetadata": usage,
            "modelVersion": "gemini-2.5-flash",
            "responseId": "gem-1",
        }

    thought, text = {"text": THOUGHT, "thought": True}, {"text": TEXT}
    stream = sse(
        answer([{"text": THOUGHT[:10], "thought": True}]),
        answer([{"text": THOUGHT[10:], "thought": True}]),
        answer([{"text": "9.9 is "}]),
        answer([{"text": "larger."}]),
        answer([call], "STOP"),
    )
    expected = Expected((40, 37, 77, 8, None, 25), "STOP", "gemini-2.5-flash", None)
    return Wire(whole(answer([thought, text, call], "STOP")), stream, expected)


# ---------------------------------------------------------------- Bedrock Converse
def converse() -> Wire:
    """Return an answer of Converse: cached tokens stand beside the input."""
    usage = {
        "inputTokens": 30,
        "outputTokens": 20,
        "totalTokens": 85,
        "cacheReadInputTokens": 28,
        "cacheWriteInputTokens": 7,
    }
    content = [
        {"reasoningContent": {"reasoningText": {"text": THOUGHT, "signature": "c2ln"}}},
        {"text": TEXT},
        {"toolUse": {"toolUseId": "tooluse_1", "name": CALL, "input": ARGUMENTS}},
    ]
    answer = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": "tool_use",
        "usage": usage,
        "metrics": {"latencyMs": 5},
    }

    def delta(index: int, value: Any) -> tuple[str, Any]:
        return "contentBlockDelta", {"contentBlockIndex": index, "delta": value}

    def stop(index: int) -> tuple[str, Any]:
        return "contentBlockStop", {"contentBlockIndex": index}

    half = len(THOUGHT) // 2
    tool = {"toolUse": {"toolUseId": "tooluse_1", "name": CALL}}
    stream = aws_events(
        ("messageStart", {"role": "assistant"}),
        delta(0, {"reasoningContent": {"text": THOUGHT[:half]}}),
        delta(0, {"reasoningContent": {"text": THOUGHT[half:]}}),
        delta(0, {"reasoningContent": {"signature": "c2ln"}}),
        stop(0),
        delta(1, {"text": "9.9 is "}),
        delta(1, {"text": "larger."}),
        stop(1),
        ("contentBlockStart", {"contentBlockIndex": 2, "start": tool}),
        delta(2, {"toolUse": {"input": '{"order": '}}),
        delta(2, {"toolUse": {"input": "17}"}}),
        stop(2),
        ("messageStop", {"stopReason": "tool_use"}),
        ("metadata", {"usage": usage, "metrics": {"latencyMs": 5}}),
    )
    return Wire(whole(answer), stream, Expected((65, 20, 85, 28, 7, None), "tool_use", None, None))


# ---------------------------------------------------------------- Ollama
def ollama() -> Wire:
    """Return an answer of Ollama's chat."""
    counts = {"prompt_eval_count": 26, "eval_count": 29, "total_duration": 5, "eval_duration": 4}
    frame = {"model": "qwen3:8b", "created_at": "2026-11-01T00:00:00Z"}
    call = {"function": {"name": CALL, "arguments": ARGUMENTS}}
    end = {"done": True, "done_reason": "stop", **counts}

    def piece(**message: Any) -> dict[str, Any]:
        return {**frame, "message": {"role": "assistant", "content": "", **message}, "done": False}

    half = len(THOUGHT) // 2
    message = {"role": "assistant", "content": TEXT, "thinking": THOUGHT, "tool_calls": [call]}
    stream = lines(
        piece(thinking=THOUGHT[:half]),
        piece(thinking=THOUGHT[half:]),
        piece(content="9.9 is "),
        piece(content="larger."),
        piece(tool_calls=[call]),
        {**frame, "message": {"role": "assistant", "content": ""}, **end},
    )
    return Wire(
        whole({**frame, "message": message, **end}),
        stream,
        Expected((26, 29, 55, None, None, None), "stop", "qwen3:8b", None),
    )
