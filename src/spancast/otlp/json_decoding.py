"""Reads back the OTLP JSON that `json.encode_span` and `json.encode_request` made.

It comes from the disk, where bits flip and others may write: what is no possible span is a ValueError, never a span that
cannot be encoded.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

import orjson

from ..conventions.span import AttributeValue, Span, SpanEvent, SpanLink
from ..record.operation import Kind

_IS_REMOTE = 0x200
_KINDS, _STATUS_CODES = 6, 3  # OTLP's SpanKind and StatusCode: how many there are
_WRONG = (KeyError, TypeError, AttributeError, IndexError, OverflowError)
_DEPTH = 64  # levels of lists and mappings; what lies deeper in a file of others is marked as left out


def decode_span(encoded: bytes) -> Span:
    """Return the span that `encode_span` made *encoded* of; what it was to us (its operation's kind) is not in it: CHAIN.

    Raises:
        ValueError: When it is no possible span.
    """
    try:
        return _span(orjson.loads(encoded))
    except _WRONG as error:
        raise ValueError(f"no OTLP span: {type(error).__name__}") from None


def decode_request(line: bytes) -> list[tuple[dict[str, Any], list[Span]]]:
    """Return resources and their spans from what `encode_request` made.

    Raises:
        ValueError: When it is no whole request, or a span in it is none.
    """
    try:
        return [
            (
                _attributes((resource.get("resource") or {}).get("attributes")),
                [_span(span) for scope in resource.get("scopeSpans", ()) for span in scope.get("spans", ())],
            )
            for resource in orjson.loads(line)["resourceSpans"]
        ]
    except _WRONG as error:
        raise ValueError(f"no OTLP request: {type(error).__name__}") from None


def _span(data: Mapping[str, Any]) -> Span:
    status = data.get("status") or {}
    parent = data.get("parentSpanId")
    return Span(
        name=_text(data["name"]),
        trace_id=_id(data["traceId"], 32),
        span_id=_id(data["spanId"], 16),
        parent_span_id=_id(parent, 16) if parent else None,
        parent_is_remote=bool(_number(data.get("flags") or 0) & _IS_REMOTE),
        kind=_number(data.get("kind") or 0, _KINDS),
        operation_kind=Kind.CHAIN,
        start_ns=_number(data["startTimeUnixNano"]),
        end_ns=_number(data["endTimeUnixNano"]),
        attributes=_attributes(data.get("attributes")),
        events=tuple([_event(event) for event in data.get("events", ())]),
        links=tuple([_link(link) for link in data.get("links", ())]),
        status_code=_number(status.get("code") or 0, _STATUS_CODES),
        status_message=_text(status.get("message") or ""),
    )


def _event(data: Mapping[str, Any]) -> SpanEvent:
    return SpanEvent(
        name=_text(data.get("name") or ""),
        time_ns=_number(data.get("timeUnixNano") or 0),
        attributes=_attributes(data.get("attributes")),
    )


def _link(data: Mapping[str, Any]) -> SpanLink:
    return SpanLink(
        trace_id=_id(data["traceId"], 32),
        span_id=_id(data["spanId"], 16),
        attributes=_attributes(data.get("attributes")),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _id(value: Any, digits: int) -> int:
    if len(_text(value)) != digits or not value.isalnum():  # int() would take signs, blanks and underscores
        raise ValueError("not an id")
    return int(value, 16)


def _number(value: Any, below: int = 1 << 64) -> int:
    if isinstance(value, str) and len(value) > 20:
        raise ValueError("not a number of 64 bits")
    number = int(value)
    if not 0 <= number < below:
        raise ValueError("a number that means nothing here")
    return number


def _attributes(data: Any, depth: int = _DEPTH) -> dict[str, AttributeValue]:
    return {_text(item["key"]): _value(item.get("value") or {}, depth) for item in data or ()}


def _value(value: Mapping[str, Any], depth: int) -> AttributeValue:
    for name, item in value.items():
        if name == "stringValue":
            return _text(item)
        if name == "intValue":
            return int(item)
        if name == "doubleValue":
            return float(item)
        if name == "boolValue":
            return bool(item)
        if name == "bytesValue":
            return b64decode(item)
        if name == "arrayValue":
            return [_value(each, depth - 1) for each in item.get("values", ())] if depth else "<list>"
        if name == "kvlistValue":
            return _attributes(item.get("values"), depth - 1) if depth else "<dict>"
        raise ValueError("not a value of OTLP")
    return None
