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
from .repeated import Repeated, first, remember, repeated_texts

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
    parent = span.parent_span_id
    pieces = [
        b'{"traceId":"%b","spanId":"%b",%b"name":%b,"kind":%d,"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":['
        % (
            span.trace_id.to_bytes(16, "big").hex().encode(),
            span.span_id.to_bytes(8, "big").hex().encode(),
            b'"parentSpanId":"%b",' % parent.to_bytes(8, "big").hex().encode() if parent else b"",
            _written(span.name),
            span.kind,
            span.start_ns if span.start_ns > 0 else 0,  # a clock before 1970: no receiver reads a sign
            span.end_ns if span.end_ns > 0 else 0,
        )
    ]
    _append_attributes(pieces, span.attributes)
    if span.attributes:
        pieces[-1] = pieces[-1][:-1]  # the comma
    pieces.append(b"]")
    if span.events:
        pieces.append(b',"events":' + _written([_event(event) for event in span.events]))
    if span.links:
        pieces.append(b',"links":' + _written([_link(link) for link in span.links]))
    flags = _HAS_REMOTE | (_IS_REMOTE if span.parent_is_remote else 0) | 1
    pieces.append(b',"status":%b,"flags":%d}' % (_status(span), flags))
    return b"".join(pieces)


def _append_attributes(pieces: list[bytes], attributes: Attributes) -> None:
    """Append the encoded attributes to *pieces*, a comma behind each. Who joins them copies each long text once only."""
    append, heads, repeated, dumps = pieces.append, _HEADS, _REPEATED, orjson.dumps
    for key, value in attributes.items():
        head = heads.get(key)
        if head is None:
            head = _head(key)
        kind = type(value)
        if kind is not str:
            if kind is int and -INT64 <= value < INT64:  # type: ignore[operator]
                append(b'%b{"intValue":"%d"}},' % (head, value))  # type: ignore[str-format]
            else:
                append(b"%b%b}," % (head, _written(_value(value))))
            continue
        same = repeated.get(key)
        if same is not None:
            piece = same.get(value)  # type: ignore[arg-type]
            if piece is not None:
                append(piece)
                continue
        try:
            text = dumps(value)
        except (TypeError, ValueError):  # a lone surrogate
            text = _written(value)
        if len(text) > _SHORT:
            append(head + b'{"stringValue":')
            append(text)
            append(b"}},")
            if same is not None:  # looking for a long text means to hash it: 400 thousand instructions for 100 kB
                repeated[key] = None
            continue
        piece = b'%b{"stringValue":%b}},' % (head, text)
        append(piece)
        if same is not None:
            remember(repeated, key, value, piece)  # type: ignore[arg-type]
        elif key not in repeated:
            first(repeated, key, value, piece)  # type: ignore[arg-type]


_SHORT = 128  # bytes; shorter texts are copied into the piece before them
_MOST_HEADS = 4096
_HEADS: dict[str, bytes] = {}
_REPEATED: Repeated = repeated_texts()


def _head(key: str) -> bytes:
    """Return what stands before an attribute's value; names repeat from span to span, so it is kept."""
    head = b'{"key":%b,"value":' % _written(str(key))
    if len(_HEADS) < _MOST_HEADS and type(key) is str:
        _HEADS[key] = head
    return head


def _written(data: Any) -> bytes:
    try:
        return orjson.dumps(data)
    except (TypeError, ValueError):  # a lone surrogate somewhere
        return orjson.dumps(_clean(data))


def _status(span: Span) -> bytes:
    status: dict[str, Any] = {"code": span.status_code} if span.status_code else {}
    if span.status_message:
        status["message"] = span.status_message
    return _written(status) if status else b"{}"


def _event(event: SpanEvent) -> dict[str, Any]:
    return {"timeUnixNano": str(max(0, event.time_ns)), "name": event.name, "attributes": _attributes(event.attributes)}


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
    return b"".join(request_pieces(resource, scope_name, scope_version, spans))


def request_pieces(resource: Attributes, scope_name: str, scope_version: str, spans: Sequence[bytes]) -> list[bytes]:
    """Return the pieces of a whole request, the spans among them."""
    about = _written({"attributes": _attributes(resource)})
    scope = orjson.dumps({"name": scope_name, "version": scope_version})
    pieces = [b'{"resourceSpans":[{"resource":%b,"scopeSpans":[{"scope":%b,"spans":[' % (about, scope)]
    for span in spans:
        pieces += (span, b",")
    if spans:
        pieces.pop()
    pieces.append(b"]}]}]}")
    return pieces
