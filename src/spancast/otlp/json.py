"""OTLP JSON: the mapping of the OTLP specification.

What it does differently from protobuf's own JSON: ids are hex, not base64; enums are numbers only; names are
lowerCamelCase; 64 bit integers are decimal strings; NaN and the infinities are strings; other bytes are base64.
"""

from __future__ import annotations

import math
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import orjson

from ..conventions.span import Attributes, AttributeValue, Span, SpanEvent, SpanLink
from ..record.json import digits, text
from ..record.operation import Kind

CONTENT_TYPE = "application/json"
_INT64_MAX = 2**63 - 1
_DEPTH = 24  # levels of lists and mappings, each four of JSON's; some parsers stop at 128
_HAS_REMOTE, _IS_REMOTE = 0x100, 0x200


def _value(value: AttributeValue, depth: int = _DEPTH) -> dict[str, Any]:
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        fits = -_INT64_MAX - 1 <= value <= _INT64_MAX
        return {"intValue" if fits else "stringValue": digits(value)}
    if isinstance(value, float):
        return {"doubleValue": float(value) if math.isfinite(value) else _not_finite(value)}
    if isinstance(value, (bytes, bytearray)):
        return {"bytesValue": b64encode(value).decode()}
    if value is None:
        return {}
    if depth and isinstance(value, Mapping):
        return {"kvlistValue": {"values": _attributes(value, depth - 1)}}
    if depth and isinstance(value, (Sequence, AbstractSet)):
        return {"arrayValue": {"values": [_value(item, depth - 1) for item in value]}}
    return {
        "stringValue": f"<{type(value).__name__}>"
    }  # too deep, or an object in a resource: it must not cost the request


def _not_finite(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _attributes(attributes: Attributes, depth: int = _DEPTH) -> list[dict[str, Any]]:
    return [
        {"key": str(key), "value": {"stringValue": value} if type(value) is str else _value(value, depth)}
        for key, value in attributes.items()
    ]


def encode_span(span: Span) -> bytes:
    """Return one span as a JSON object."""
    data = _span(span)
    try:
        return orjson.dumps(data)
    except (TypeError, ValueError):  # a lone surrogate somewhere
        return orjson.dumps(_clean(data))


def _span(span: Span) -> dict[str, Any]:
    data: dict[str, Any] = {"traceId": f"{span.trace_id:032x}", "spanId": f"{span.span_id:016x}"}
    if span.parent_span_id:
        data["parentSpanId"] = f"{span.parent_span_id:016x}"
    data["name"] = span.name
    data["kind"] = span.kind
    data["startTimeUnixNano"] = str(span.start_ns)
    data["endTimeUnixNano"] = str(span.end_ns)
    data["attributes"] = _attributes(span.attributes)
    if span.events:
        data["events"] = [_event(event) for event in span.events]
    if span.links:
        data["links"] = [_link(link) for link in span.links]
    status: dict[str, Any] = {"code": span.status_code} if span.status_code else {}
    if span.status_message:
        status["message"] = span.status_message
    data["status"] = status
    data["flags"] = _HAS_REMOTE | (_IS_REMOTE if span.parent_is_remote else 0) | 1
    return data


def _event(event: SpanEvent) -> dict[str, Any]:
    return {"timeUnixNano": str(event.time_ns), "name": event.name, "attributes": _attributes(event.attributes)}


def _link(link: SpanLink) -> dict[str, Any]:
    return {
        "traceId": f"{link.trace_id:032x}",
        "spanId": f"{link.span_id:016x}",
        "attributes": _attributes(link.attributes),
    }


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return value


def encode_request(resource: Attributes, scope_name: str, scope_version: str, spans: Sequence[bytes]) -> bytes:
    """Return a whole request from spans that `encode_span` made; on one line, so that it can be a line of a file."""
    about = orjson.dumps(_clean({"attributes": _attributes(resource)}))
    scope = orjson.dumps({"name": scope_name, "version": scope_version})
    return b'{"resourceSpans":[{"resource":%b,"scopeSpans":[{"scope":%b,"spans":[%b]}]}]}' % (
        about,
        scope,
        b",".join(spans),
    )


# ---------------------------------------------------------------- reading back what was written here
def decode_request(line: bytes) -> list[tuple[dict[str, Any], list[Span]]]:
    """Return resources and their spans from what `encode_request` made; what a span was to us is not in it: CHAIN.

    Raises:
        ValueError: When it is no whole request.
    """
    try:
        return [
            (
                _read_attributes((resource.get("resource") or {}).get("attributes")),
                [_read_span(span) for scope in resource.get("scopeSpans", ()) for span in scope.get("spans", ())],
            )
            for resource in orjson.loads(line)["resourceSpans"]
        ]
    except (KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise ValueError(f"no OTLP request: {type(error).__name__}") from None


def _read_span(data: Mapping[str, Any]) -> Span:
    status = data.get("status") or {}
    parent = data.get("parentSpanId")
    return Span(
        name=str(data["name"]),
        trace_id=int(data["traceId"], 16),
        span_id=int(data["spanId"], 16),
        parent_span_id=int(parent, 16) if parent else None,
        parent_is_remote=bool(int(data.get("flags") or 0) & _IS_REMOTE),
        kind=int(data.get("kind") or 0),
        operation_kind=Kind.CHAIN,
        start_ns=int(data["startTimeUnixNano"]),
        end_ns=int(data["endTimeUnixNano"]),
        attributes=_read_attributes(data.get("attributes")),
        events=tuple(
            SpanEvent(
                name=str(event.get("name") or ""),
                time_ns=int(event.get("timeUnixNano") or 0),
                attributes=_read_attributes(event.get("attributes")),
            )
            for event in data.get("events", ())
        ),
        links=tuple(
            SpanLink(
                trace_id=int(link["traceId"], 16),
                span_id=int(link["spanId"], 16),
                attributes=_read_attributes(link.get("attributes")),
            )
            for link in data.get("links", ())
        ),
        status_code=int(status.get("code") or 0),
        status_message=str(status.get("message") or ""),
    )


def _read_attributes(data: Any) -> dict[str, AttributeValue]:
    return {item["key"]: _read_value(item.get("value") or {}) for item in data or ()}


def _read_value(value: Mapping[str, Any]) -> AttributeValue:
    for name, item in value.items():
        if name == "intValue":
            return int(item)
        if name == "doubleValue":
            return float(item)
        if name == "bytesValue":
            return b64decode(item)
        if name == "arrayValue":
            return [_read_value(each) for each in item.get("values", ())]
        if name == "kvlistValue":
            return _read_attributes(item.get("values"))
        return item  # type: ignore[no-any-return]
    return None
