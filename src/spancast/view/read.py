"""Reads spans back from OTLP (JSON lines, JSON and protobuf requests), whatever the convention."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    "completion": "LLM",
    "agent": "AGENT",
    "tool": "TOOL",
}
_MOST = 1e15  # dollars, tokens or seconds: more is no figure but a mistake, and would need a column of its own width
_INPUT_TOKENS = ("llm.token_count.prompt", "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
_OUTPUT_TOKENS = ("llm.token_count.completion", "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")


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
    service: str | None = None
    events: tuple[Mapping[str, Any], ...] = ()
    links: tuple[Mapping[str, Any], ...] = ()


class NotOtlpError(ValueError):
    """What was read is no OTLP trace request; the text says what it is instead."""


def read_lines(path: Path) -> list[ViewSpan]:
    """Return all spans of a file of OTLP JSON lines; a torn line, or a span that is none, is passed over."""
    with path.open("rb") as lines:
        return spans_in(lines)


def spans_in(lines: Iterable[bytes]) -> list[ViewSpan]:
    """Return all spans of OTLP JSON lines; a torn line, or a span that is none, is passed over."""
    spans: list[ViewSpan] = []
    for line in lines:
        spans.extend(read_line(line))
    return spans


def read_line(line: bytes) -> list[ViewSpan]:
    """Return the spans of one line; none where it is torn or something else."""
    try:
        return list(read_request(orjson.loads(line)))
    except (ValueError, RecursionError):
        return []


def read_request(request: object) -> Iterator[ViewSpan]:
    """Yield the spans of one OTLP `TracesData` object; what is no span is passed over.

    Raises:
        NotOtlpError: When *request* is not of that shape at all.
    """
    resources = request.get("resourceSpans", request.get("resource_spans")) if isinstance(request, dict) else None
    if not isinstance(resources, list):
        raise NotOtlpError("no `resourceSpans` in it: this is no OTLP trace request")
    for resource in resources:
        service = _service(resource)
        for scope in _lists(resource, "scopeSpans", "instrumentationLibrarySpans"):
            for span in _lists(scope, "spans"):
                if isinstance(span, dict) and (read := _read(span, service)) is not None:
                    yield read


def read_protobuf(body: bytes) -> Iterator[ViewSpan]:
    """Yield the spans of an OTLP `ExportTraceServiceRequest` in protobuf.

    Raises:
        NotOtlpError: When it cannot be parsed.
    """
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped,unused-ignore]
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise NotOtlpError(f"it cannot be parsed as OTLP protobuf: {error}") from None
    for resource in request.resource_spans:
        service = _text(_proto_attributes(resource.resource.attributes).get("service.name"))
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield view_span(_proto_span(span), _proto_attributes(span.attributes), service)


def _lists(holder: object, *names: str) -> list[Any]:
    if isinstance(holder, dict):
        for name in names:
            if isinstance(found := holder.get(name), list):
                return found
    return []


def _service(resource: object) -> str | None:
    inner = resource.get("resource") if isinstance(resource, dict) else None
    return _text(_attributes(_lists(inner, "attributes")).get("service.name"))


def _attributes(listed: Iterable[Any]) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for item in listed:
        try:
            read[str(item["key"])] = _value(item.get("value") or {})
        except (TypeError, KeyError, ValueError, AttributeError, RecursionError):
            continue  # one attribute that is none costs itself
    return read


def _read(span: dict[str, Any], service: str | None) -> ViewSpan | None:
    try:
        return view_span(span, _attributes(_lists(span, "attributes")), service)
    except (TypeError, KeyError, ValueError, AttributeError, OverflowError):
        return None


def _hex(value: object, digits: int) -> str:
    """Return an id as lower-case hex digits; senders that follow protobuf's own JSON mapping write base64."""
    if not isinstance(value, str) or not value:
        raise ValueError("a span without ids")
    text = value
    if len(text) == digits and all(character in "0123456789abcdefABCDEF" for character in text):
        return text.lower()
    try:
        raw = b64decode(text, validate=True)
    except ValueError:
        raw = b""
    if len(raw) * 2 == digits:
        return raw.hex()
    return (_text(text) or "")[:64]  # no id of OTLP's, but what a sender calls the span


def _event(event: Any) -> dict[str, Any]:
    return {
        "name": _text(event.get("name")) or "",
        "time_ns": int(event.get("timeUnixNano") or 0),
        "attributes": _attributes(_lists(event, "attributes")),
    }


def _link(link: Any) -> dict[str, Any]:
    return {
        "trace_id": _hex(link.get("traceId"), 32),
        "span_id": _hex(link.get("spanId"), 16),
        "attributes": _attributes(_lists(link, "attributes")),
    }


def _proto_attributes(listed: Any) -> dict[str, Any]:
    return {item.key: _proto_value(item.value) for item in listed}


def _proto_value(value: Any) -> Any:
    name = value.WhichOneof("value")
    if name == "array_value":
        return [_proto_value(each) for each in value.array_value.values]
    if name == "kvlist_value":
        return {each.key: _proto_value(each.value) for each in value.kvlist_value.values}
    if name == "bytes_value":
        return b64encode(value.bytes_value).decode()
    return getattr(value, name) if name else None


def _proto_span(span: Any) -> dict[str, Any]:
    """Return what is read of a span besides its attributes, in the names of OTLP's JSON."""
    return {
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        "parentSpanId": span.parent_span_id.hex(),
        "name": span.name,
        "startTimeUnixNano": span.start_time_unix_nano,
        "endTimeUnixNano": span.end_time_unix_nano,
        "status": {"code": span.status.code, "message": span.status.message},
        "read_events": tuple(
            {"name": each.name, "time_ns": each.time_unix_nano, "attributes": _proto_attributes(each.attributes)}
            for each in span.events
        ),
        "read_links": tuple(
            {
                "trace_id": each.trace_id.hex(),
                "span_id": each.span_id.hex(),
                "attributes": _proto_attributes(each.attributes),
            }
            for each in span.links
        ),
    }


def traces_of(spans: Iterable[ViewSpan]) -> dict[str, list[ViewSpan]]:
    """Return the spans by trace, the oldest trace first; a span that was written twice counts once."""
    traces: dict[str, list[ViewSpan]] = {}
    once = {(span.trace_id, span.span_id): span for span in spans}
    for span in sorted(once.values(), key=lambda span: span.start_ns):
        traces.setdefault(span.trace_id, []).append(span)
    return traces


def counted_once(spans: Sequence[ViewSpan]) -> list[ViewSpan]:
    """Return *spans* without model calls directly inside a model call: the same one, told again by its gateway."""
    counting = {span.span_id for span in spans if span.kind == "LLM" and span.input_tokens is not None}
    return [span for span in spans if span.kind != "LLM" or span.parent_span_id not in counting]


def view_span(span: Mapping[str, Any], attributes: dict[str, Any], service: str | None = None) -> ViewSpan:
    """Return a span as it is shown: *span* in the names of OTLP's JSON, its attributes as Python data.

    Raises:
        ValueError, TypeError, KeyError: When it is no span.
    """
    return ViewSpan(
        trace_id=_hex(span["traceId"], 32),
        span_id=_hex(span["spanId"], 16),
        parent_span_id=_hex(span["parentSpanId"], 16) if span.get("parentSpanId") else None,
        name=_text(span.get("name")) or "",
        kind=_kind(attributes),
        start_ns=_time(span.get("startTimeUnixNano")),
        end_ns=_time(span.get("endTimeUnixNano")),
        attributes=attributes,
        error=_error(span, attributes),
        ending=_text(attributes.get("spancast.ending")),
        input_tokens=_count(attributes, *_INPUT_TOKENS),
        output_tokens=_count(attributes, *_OUTPUT_TOKENS),
        cost=_number(attributes, "llm.cost.total", "gen_ai.usage.total_cost"),
        first_token=_number(attributes, "gen_ai.response.time_to_first_chunk"),
        model=_text(_either(attributes, "llm.model_name", "gen_ai.request.model")),
        user=_text(_either(attributes, "user.id", "langfuse.user.id")),
        session_id=_text(_either(attributes, "session.id", "gen_ai.conversation.id", "langfuse.session.id")),
        service=service,
        events=span.get("read_events") or tuple(_event(each) for each in _lists(span, "events") if each),
        links=span.get("read_links") or tuple(_link(each) for each in _lists(span, "links") if each),
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


def _text(value: object) -> str | None:
    """Return *value* on one line, without what a terminal would obey."""
    if value is None:
        return None
    return " ".join("".join(char if char.isprintable() else " " for char in str(value)).split())


def _kind(attributes: Mapping[str, Any]) -> str:
    kind = _text(attributes.get("openinference.span.kind"))
    if kind:
        return kind.upper()[:20]
    operation = _text(_either(attributes, "gen_ai.operation.name", "llm.request.type", "traceloop.span.kind")) or ""
    return _KINDS.get(operation, "EVALUATOR" if "gen_ai.evaluation.name" in attributes else "CHAIN")


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
