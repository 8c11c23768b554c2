"""Traces in OTLP JSON for the tests of the reading side, in the conventions and by the senders that people have."""

from __future__ import annotations

from typing import Any

import orjson

SECOND = 10**9
START = 1_790_000_000 * SECOND


def value(data: Any) -> dict[str, Any]:
    """Return an OTLP AnyValue."""
    if isinstance(data, bool):
        return {"boolValue": data}
    if isinstance(data, int):
        return {"intValue": str(data)}
    if isinstance(data, float):
        return {"doubleValue": data}
    if isinstance(data, list):
        return {"arrayValue": {"values": [value(each) for each in data]}}
    return {"stringValue": data}


def span(
    trace: int, number: int, name: str = "call", *, parent: int = 0, at: float = 0, lasts: float = 1, **more: Any
) -> dict[str, Any]:
    """Return a span; *at* and *lasts* are seconds. `attributes`, `status`, `events` and `links` are OTLP's."""
    attributes = more.pop("attributes", {})
    return {
        "traceId": f"{trace:032x}",
        "spanId": f"{number:016x}",
        **({"parentSpanId": f"{parent:016x}"} if parent else {}),
        "name": name,
        "startTimeUnixNano": str(START + int(at * SECOND)),
        "endTimeUnixNano": str(START + int((at + lasts) * SECOND)),
        "attributes": [{"key": key, "value": value(item)} for key, item in attributes.items()],
        **more,
    }


def request(*spans: dict[str, Any], service: str = "shop") -> dict[str, Any]:
    """Return an OTLP trace request."""
    resource = {"attributes": [{"key": "service.name", "value": value(service)}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "t"}, "spans": list(spans)}]}]}


def chat_attributes(question: str, answer: str, **more: Any) -> dict[str, Any]:
    """Return the attributes of a model call in the GenAI conventions."""
    asked = [{"role": "user", "parts": [{"type": "text", "content": question}]}]
    answered = [{"role": "assistant", "parts": [{"type": "text", "content": answer}], "finish_reason": "stop"}]
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "openai/gpt-4o",
        "gen_ai.input.messages": orjson.dumps(asked).decode(),
        "gen_ai.output.messages": orjson.dumps(answered).decode(),
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.total_cost": 0.002,
        **more,
    }


def conversation(
    trace: int, question: str, answer: str, *, at: float = 0, session: str = "s1", user: str = "u1", lasts: float = 2
) -> dict[str, Any]:
    """Return a request with a chain, a model call and a tool call in it."""
    who = {"session.id": session, "user.id": user}
    first = trace * 100
    return request(
        span(
            trace,
            first + 1,
            "Ask",
            at=at,
            lasts=lasts,
            attributes={**who, "span.input": question, "span.output": answer},
        ),
        span(
            trace,
            first + 2,
            "chat",
            parent=first + 1,
            at=at + 0.1,
            attributes={**who, **chat_attributes(question, answer)},
        ),
        span(
            trace,
            first + 3,
            "execute_tool lookup",
            parent=first + 1,
            at=at + 1.2,
            lasts=0.1,
            attributes={
                **who,
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "lookup",
                "gen_ai.tool.call.arguments": '{"order": 17}',
                "gen_ai.tool.call.result": "shipped",
            },
        ),
    )


def lines(*requests: dict[str, Any]) -> bytes:
    """Return OTLP JSON lines."""
    return b"".join(orjson.dumps(each) + b"\n" for each in requests)
