"""OTLP JSON: the mapping of the OTLP specification.

What it does differently from protobuf's own JSON: ids are hex, not base64; enums are numbers only; names are
lowerCamelCase; 64 bit integers are decimal strings; NaN and the infinities are strings; other bytes are base64.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import orjson

from ..conventions.span import Attributes, AttributeValue, Span, SpanEvent, SpanLink
from ..record.json import INT64, digits, text

CONTENT_TYPE = "application/json"
_DEPTH = 24  # levels of lists and mappings, each four of JSON's; some parsers stop at 128
_HAS_REMOTE, _IS_REMOTE = 0x100, 0x200


def _value(value: AttributeValue, depth: int = _DEPTH) -> dict[str, Any]:
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        fits = -INT64 <= value < INT64
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
