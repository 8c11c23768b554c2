"""Reads spans back from OTLP (JSON lines, JSON and protobuf requests), whatever the convention."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from ..conventions.span import Attributes, AttributeValue, Span
from ..otlp.protobuf_decoding import decode_request

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
_HEX = re.compile("[0-9a-fA-F]+")
_MAX_DEPTH = 64  # levels of a value; what lies deeper is left out: nothing could write it as JSON again
_MAX_TEXT = 10_000  # characters of a name, an error, an id: what is shown on one line
_MODELS = frozenset({"LLM", "DECISION"})  # a call of a model, whose tokens and cost count
_MOST = 1e15  # dollars, tokens or seconds: more is no figure but a mistake, and would need a column of its own width
_INPUT_TOKENS = ("llm.token_count.prompt", "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
_USER = ("user.id", "langfuse.user.id", "traceloop.association.properties.user_id")
_SESSION = (
    *("session.id", "gen_ai.conversation.id", "langfuse.session.id"),
    *("traceloop.association.properties.session_id", "traceloop.association.properties.thread_id"),
)
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
    except ValueError:
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
    try:
        for resource, span in decode_request(body):
            if span.trace_id and span.span_id:
                yield _of_span(span, _text(resource.get("service.name")))
    except ValueError as error:
        raise NotOtlpError(f"it cannot be parsed as OTLP protobuf: {error}") from None


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
        except (TypeError, KeyError, ValueError, AttributeError):
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
    if len(text) == digits and _HEX.fullmatch(text):
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
        "time_ns": _time(event.get("timeUnixNano") or 0),
        "attributes": _attributes(_lists(event, "attributes")),
    }


def _link(link: Any) -> dict[str, Any]:
    return {
        "trace_id": _hex(link.get("traceId"), 32),
        "span_id": _hex(link.get("spanId"), 16),
        "attributes": _attributes(_lists(link, "attributes")),
    }


def _readable(read: Callable[[Any], dict[str, Any]], listed: Sequence[Any]) -> tuple[dict[str, Any], ...]:
    """Return what can be read of *listed*: an event or a link that is none costs itself."""
    found = []
    for each in listed:
        with suppress(TypeError, KeyError, ValueError, AttributeError, OverflowError):
            found.append(read(each))
    return tuple(found)


def _of_span(span: Span, service: str | None) -> ViewSpan:
    """Return a span that was decoded as it is shown."""
    parent = span.parent_span_id
    named = {
        "traceId": f"{span.trace_id:032x}",
        "spanId": f"{span.span_id:016x}",
        "parentSpanId": f"{parent:016x}" if parent else None,
        "name": span.name,
        "startTimeUnixNano": span.start_ns,
        "endTimeUnixNano": span.end_ns,
        "status": {"code": span.status_code, "message": span.status_message},
        "read_events": tuple(
            {"name": each.name, "time_ns": each.time_ns, "attributes": _plain(each.attributes)} for each in span.events
        ),
        "read_links": tuple(
            {
                "trace_id": f"{each.trace_id:032x}",
                "span_id": f"{each.span_id:016x}",
                "attributes": _plain(each.attributes),
            }
            for each in span.links
        ),
    }
    return view_span(named, _plain(span.attributes), service)


def _plain(attributes: Attributes) -> dict[str, Any]:
    """Return attributes as JSON can have them: bytes as base64, as OTLP's JSON writes them."""
    return {key: value if isinstance(value, str) else _json_value(value) for key, value in attributes.items()}


def _json_value(value: AttributeValue) -> Any:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, Mapping):
        return _plain(value)
    return [_json_value(each) for each in value] if isinstance(value, list) else value


def traces_of(spans: Iterable[ViewSpan]) -> dict[str, list[ViewSpan]]:
    """Return the spans by trace, the oldest trace first; a span that was written twice counts once."""
    traces: dict[str, list[ViewSpan]] = {}
    once = {(span.trace_id, span.span_id): span for span in spans}
    for span in sorted(once.values(), key=lambda span: span.start_ns):
        traces.setdefault(span.trace_id, []).append(span)
    return traces


def is_score(span: ViewSpan) -> bool:
    """Return whether a span is there for its score only, and no part of what happened: it has no parent and no length."""
    return span.kind == "EVALUATOR" and span.parent_span_id is None and span.start_ns == span.end_ns


def parent_of(span: ViewSpan) -> str | None:
    """Return the id of the span under which *span* is shown: a score under what it judges."""
    if span.links and is_score(span) and span.links[0].get("trace_id") == span.trace_id:
        return str(span.links[0]["span_id"])
    return span.parent_span_id


def counted_once(spans: Sequence[ViewSpan]) -> list[ViewSpan]:
    """Return *spans* without model calls directly inside a model call: the same one, told again by its gateway."""
    counting = {span.span_id for span in spans if span.kind in _MODELS and span.input_tokens is not None}
    return [span for span in spans if span.kind not in _MODELS or span.parent_span_id not in counting]


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
        first_token=_first_token(attributes),
        model=_text(_either(attributes, "llm.model_name", "gen_ai.request.model")),
        user=_text(_either(attributes, *_USER)),
        session_id=_text(_either(attributes, *_SESSION)),
        service=service,
        events=span.get("read_events") or _readable(_event, _lists(span, "events")),
        links=span.get("read_links") or _readable(_link, _lists(span, "links")),
    )


def _either(attributes: Mapping[str, Any], *names: str) -> Any:
    for name in names:
        if name in attributes:
            return attributes[name]
    return None


def _number(attributes: Mapping[str, Any], *names: str) -> Any:
    """Return a figure; None for what is no number, or none that anybody measured."""
    value = _either(attributes, *names)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    return value if -_MOST < value < _MOST else None  # neither infinite nor NaN


# OpenRouter's Broadcast, in milliseconds: dotted to OTLP destinations, with underscores where metadata is one bag
_GATEWAYS_FIRST = tuple(
    f"{prefix}openrouter{between}provider_time_to_first_token_ms"
    for prefix in ("trace.metadata.", "span.metadata.", "metadata.", "")
    for between in "._"
)


def _first_token(attributes: Mapping[str, Any]) -> Any:
    """Return the seconds to the first token, as the application or the gateway measured them."""
    seconds = _number(attributes, "gen_ai.response.time_to_first_chunk")
    milliseconds = _number(attributes, *_GATEWAYS_FIRST)
    return milliseconds / 1000 if seconds is None and milliseconds is not None else seconds


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
    text = str(value)[:_MAX_TEXT]
    if not text.isprintable():
        text = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(text.split())


def _kind(attributes: Mapping[str, Any]) -> str:
    kind = _text(attributes.get("openinference.span.kind"))
    if kind:
        return kind.upper()[:20]
    operation = _text(_either(attributes, "gen_ai.operation.name", "llm.request.type", "traceloop.span.kind")) or ""
    if operation in _KINDS:
        return _KINDS[operation]
    if "gen_ai.evaluation.name" in attributes:
        return "EVALUATOR"
    # OpenRouter's Broadcast: the type of the observation; its documented example says neither that nor an operation
    is_model = attributes.get("span.type") == "GENERATION" or (
        not operation and "gen_ai.request.model" in attributes and _either(attributes, *_INPUT_TOKENS) is not None
    )
    return "LLM" if is_model else "CHAIN"


def _error(span: Mapping[str, Any], attributes: Mapping[str, Any]) -> str | None:
    status = span.get("status") or {}
    if status.get("code") not in (2, "STATUS_CODE_ERROR"):
        return None
    kind = _text(attributes.get("error.type"))
    message = _text(status.get("message"))
    return ": ".join(part for part in (kind, message) if part) or "error"


def _value(value: Mapping[str, Any], depth: int = _MAX_DEPTH) -> Any:
    """Return an AnyValue as Python data; integers may stand as text or as numbers."""
    for key, item in value.items():
        if key == "intValue":
            return _integer(item)
        if key == "doubleValue":
            return float(item)
        if key in ("arrayValue", "kvlistValue"):
            return _values(item.get("values", ()), key == "kvlistValue", depth - 1)
        return item if isinstance(item, (str, bool)) else _text(item)
    return None


def _values(listed: Iterable[Any], are_named: bool, depth: int) -> Any:
    if depth <= 0:
        return "..."
    if are_named:
        return {str(each["key"]): _value(each.get("value") or {}, depth) for each in listed}
    return [_value(each, depth) for each in listed]


def _integer(item: Any) -> int | str:
    """Return a number; one beyond 64 bits, which neither OTLP nor our JSON can say, as text."""
    number = int(item)
    return number if -(2**63) <= number < 2**63 else str(number)
