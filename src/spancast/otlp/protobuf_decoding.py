"""Reads OTLP protobuf by the official library: one span that `protobuf.encode_span` made, or anybody's whole request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..conventions.span import Attributes, AttributeValue, Span, SpanEvent, SpanLink
from ..record.operation import Kind

_IS_REMOTE = 0x200
_DEPTH = 64  # levels of lists and mappings, as of JSON; the library stops at 100 of its own


def decode_span(encoded: bytes) -> Span:
    """Return the span. Its operation's kind is not in the bytes: CHAIN.

    Raises:
        ValueError: When it is no span.
    """
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans

    try:
        (span,) = ScopeSpans.FromString(encoded).spans
    except DecodeError as error:
        raise ValueError(f"no OTLP span: {error}") from None
    return _span(span)


def decode_request(body: bytes) -> Iterator[tuple[Attributes, Span]]:
    """Yield the spans of an `ExportTraceServiceRequest`, each with the attributes of its resource.

    Raises:
        ValueError: When it cannot be parsed.
    """
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise ValueError(str(error)) from None
    for resource_spans in request.resource_spans:
        resource = _attributes(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield resource, _span(span)


def _span(span: Any) -> Span:
    return Span(
        name=span.name,
        trace_id=int.from_bytes(span.trace_id, "big"),
        span_id=int.from_bytes(span.span_id, "big"),
        parent_span_id=int.from_bytes(span.parent_span_id, "big") or None,
        parent_is_remote=bool(span.flags & _IS_REMOTE),
        kind=span.kind,
        operation_kind=Kind.CHAIN,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        events=tuple(
            [
                SpanEvent(name=e.name, time_ns=e.time_unix_nano, attributes=_attributes(e.attributes))
                for e in span.events
            ]
        ),
        links=tuple(
            [
                SpanLink(
                    trace_id=int.from_bytes(link.trace_id, "big"),
                    span_id=int.from_bytes(link.span_id, "big"),
                    attributes=_attributes(link.attributes),
                )
                for link in span.links
            ]
        ),
        status_code=span.status.code,
        status_message=span.status.message,
    )


def _attributes(pairs: Iterable[Any], depth: int = _DEPTH) -> dict[str, AttributeValue]:
    return {pair.key: _value(pair.value, depth) for pair in pairs}


def _value(value: Any, depth: int) -> AttributeValue:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(item, depth - 1) for item in value.array_value.values] if depth else "<list>"
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values, depth - 1) if depth else "<dict>"
    found: AttributeValue = getattr(value, kind)
    return found
