"""Reads spans back from OTLP JSON lines, in either convention, into what a person wants to see of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

_KINDS = {
    "chat": "LLM",
    "text_completion": "LLM",
    "generate_content": "LLM",
    "execute_tool": "TOOL",
    "retrieval": "RETRIEVER",
    "embeddings": "EMBEDDING",
    "rerank": "RERANKER",
    "invoke_agent": "AGENT",
    "create_agent": "AGENT",
}
_MOST = 1e15  # dollars, tokens or seconds: more is no figure but a mistake, and would need a column of its own width


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewSpan:
    """One span as it is shown. Times are Unix nanoseconds, *first_token* seconds, *cost* US dollars."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    kind: str
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Any]
    error: str | None = None
    ending: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    first_token: float | None = None
    model: str | None = None
    user: str | None = None
    session_id: str | None = None


def read_lines(path: Path) -> list[ViewSpan]:
    """Return all spans of a file of OTLP JSON lines; a torn line is passed over."""
    with path.open("rb") as lines:
        return spans_in(lines)


def spans_in(lines: Iterable[bytes]) -> list[ViewSpan]:
    """Return all spans of OTLP JSON lines; a torn line is passed over."""
    spans: list[ViewSpan] = []
    for line in lines:
        try:
            spans.extend(read_request(orjson.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
            continue
    return spans


def read_request(request: Mapping[str, Any]) -> Iterator[ViewSpan]:
    """Yield the spans of one OTLP `TracesData` object."""
    for resource in request.get("resourceSpans", ()):
        for scope in resource.get("scopeSpans", ()):
            for span in scope.get("spans", ()):
                yield _span(span)


def traces_of(spans: Iterable[ViewSpan]) -> dict[str, list[ViewSpan]]:
    """Return the spans by trace, the oldest trace first; a span that was written twice counts once."""
    traces: dict[str, list[ViewSpan]] = {}
    once = {(span.trace_id, span.span_id): span for span in spans}
    for span in sorted(once.values(), key=lambda span: span.start_ns):
        traces.setdefault(span.trace_id, []).append(span)
    return traces


def _span(span: Mapping[str, Any]) -> ViewSpan:
    attributes = {item["key"]: _value(item.get("value") or {}) for item in span.get("attributes", ())}
    return ViewSpan(
        trace_id=_id(span["traceId"]),
        span_id=_id(span["spanId"]),
        parent_span_id=_text(span.get("parentSpanId")) or None,
        name=_text(span.get("name")) or "",
        kind=_kind(attributes),
        start_ns=_time(span.get("startTimeUnixNano")),
        end_ns=_time(span.get("endTimeUnixNano")),
        attributes=attributes,
        error=_error(span, attributes),
        ending=_text(attributes.get("spancast.ending")),
        input_tokens=_count(attributes, "llm.token_count.prompt", "gen_ai.usage.input_tokens"),
        output_tokens=_count(attributes, "llm.token_count.completion", "gen_ai.usage.output_tokens"),
        cost=_number(attributes, "llm.cost.total", "gen_ai.usage.total_cost"),
        first_token=_number(attributes, "gen_ai.response.time_to_first_chunk"),
        model=_text(_either(attributes, "llm.model_name", "gen_ai.request.model")),
        user=_text(attributes.get("user.id")),
        session_id=_text(attributes.get("session.id")),
    )


def _either(attributes: Mapping[str, Any], *names: str) -> Any:
    return next((attributes[name] for name in names if name in attributes), None)


def _number(attributes: Mapping[str, Any], *names: str) -> Any:
    """Return a figure; None for what is no number, or none that anybody measured."""
    value = _either(attributes, *names)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    return value if -_MOST < value < _MOST else None  # neither infinite nor NaN


def _count(attributes: Mapping[str, Any], *names: str) -> int | None:
    value = _number(attributes, *names)
    return None if value is None else int(value)


def _time(value: object) -> int:
    """Return a time in nanoseconds, which may stand as text or as a number; 0 where it is none that OTLP can say."""
    nanoseconds = int(value) if isinstance(value, (str, int, float)) else 0
    return nanoseconds if 0 <= nanoseconds < 2**64 else 0


def _id(value: object) -> str:
    """Return an identifier; raises ValueError for what is none."""
    if not isinstance(value, str) or not value:
        raise ValueError("a span without ids")
    return _text(value) or ""


def _text(value: object) -> str | None:
    """Return *value* on one line, without what a terminal would obey."""
    if value is None:
        return None
    return " ".join("".join(char if char.isprintable() else " " for char in str(value)).split())


def _kind(attributes: Mapping[str, Any]) -> str:
    kind = _text(attributes.get("openinference.span.kind"))
    return kind or _KINDS.get(str(attributes.get("gen_ai.operation.name")), "CHAIN")


def _error(span: Mapping[str, Any], attributes: Mapping[str, Any]) -> str | None:
    status = span.get("status") or {}
    if status.get("code") not in (2, "STATUS_CODE_ERROR"):
        return None
    kind = _text(attributes.get("error.type"))
    message = _text(status.get("message"))
    return ": ".join(part for part in (kind, message) if part) or "error"


def _value(value: Mapping[str, Any]) -> Any:
    """Return an AnyValue as Python data; integers may stand as text or as numbers."""
    for key, item in value.items():
        if key == "intValue":
            return int(item)
        if key == "doubleValue":
            return float(item)
        if key == "arrayValue":
            return [_value(each) for each in item.get("values", ())]
        if key == "kvlistValue":
            return {each["key"]: _value(each.get("value") or {}) for each in item.get("values", ())}
        return item
    return None
