"""The protobuf encoder against OpenTelemetry's own parser and encoder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from opentelemetry.sdk.resources import Resource

from spancast import _version
from spancast.conventions.span import ERROR, Attributes, Span, SpanEvent, SpanLink
from spancast.destinations.targets.sdk import readable_span
from spancast.otlp.protobuf import CONTENT_TYPE, encode_request, encode_span
from spancast.record.json import text

from .strategies import ATTRIBUTES, SPANS, TEXT, one_span


def parsed(*spans: Span, resource: Attributes | None = None) -> ExportTraceServiceRequest:
    """Return a request of these spans as the official parser reads it."""
    body = encode_request(resource or {}, "spancast", "1.0", [encode_span(span) for span in spans])
    return ExportTraceServiceRequest.FromString(body)


def first(request: ExportTraceServiceRequest) -> SpanMessage:
    """Return the request's first span."""
    return request.resource_spans[0].scope_spans[0].spans[0]


def in_python(value: AnyValue) -> Any:
    """Return an AnyValue as Python data: lists as lists, mappings as a list of pairs."""
    field = value.WhichOneof("value")
    if field is None:
        return None
    if field == "array_value":
        return [in_python(item) for item in value.array_value.values]
    if field == "kvlist_value":
        return {"pairs": [(pair.key, in_python(pair.value)) for pair in value.kvlist_value.values]}
    return getattr(value, field)


def on_the_wire(value: Any) -> Any:
    """Return what an attribute value is to be on the wire, in the form of `in_python`."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, (list, tuple)):
        return [on_the_wire(item) for item in value]
    if isinstance(value, Mapping):
        return {"pairs": [(text(key), on_the_wire(item)) for key, item in value.items()]}
    return value


def same(expected: Any, actual: Any) -> bool:
    """Compare with NaN equal to NaN, and 1, 1.0 and True different."""
    if isinstance(expected, float) and math.isnan(expected):
        return isinstance(actual, float) and math.isnan(actual)
    if isinstance(expected, (list, tuple)):
        return isinstance(actual, (list, tuple)) and len(expected) == len(actual) and all(map(same, expected, actual))
    if isinstance(expected, dict):
        return isinstance(actual, dict) and same(list(expected.items()), list(actual.items()))
    return type(expected) is type(actual) and expected == actual


def pairs(attributes: Any) -> list[tuple[str, Any]]:
    """Return the attributes of a message."""
    return [(pair.key, in_python(pair.value)) for pair in attributes]


def wire_pairs(attributes: Attributes) -> list[tuple[str, Any]]:
    """Return the attributes as they are to be on the wire."""
    return [(text(key), on_the_wire(value)) for key, value in attributes.items()]


@given(st.lists(SPANS, max_size=3), ATTRIBUTES, TEXT)
def test_the_bytes_are_the_canonical_ones(spans: list[Span], resource: Attributes, scope: str) -> None:
    """Any request parses with OpenTelemetry's own parser, which serialises it to the very same bytes."""
    body = encode_request(resource, scope, "1.0", [encode_span(span) for span in spans])

    request = ExportTraceServiceRequest.FromString(body)

    assert body == request.SerializeToString(deterministic=True)
    assert [text(scope), "1.0"] == [
        request.resource_spans[0].scope_spans[0].scope.name,
        request.resource_spans[0].scope_spans[0].scope.version,
    ]
    assert same(wire_pairs(resource), pairs(request.resource_spans[0].resource.attributes))
    assert [f"{span.span_id:016x}" for span in spans] == [
        span.span_id.hex() for span in request.resource_spans[0].scope_spans[0].spans
    ]


@given(SPANS)
def test_every_field_arrives(span: Span) -> None:
    """Any span's ids, times, kind, status, flags, attributes, events and links are what the parser reads."""
    read = first(parsed(span))

    assert [
        f"{span.trace_id:032x}",
        f"{span.span_id:016x}",
        f"{span.parent_span_id:016x}" if span.parent_span_id else "",
        text(span.name),
        span.kind,
        span.start_ns,
        span.end_ns,
        span.status_code,
        text(span.status_message),
        0x301 if span.parent_is_remote else 0x101,
    ] == [
        read.trace_id.hex(),
        read.span_id.hex(),
        read.parent_span_id.hex(),
        read.name,
        read.kind,
        read.start_time_unix_nano,
        read.end_time_unix_nano,
        read.status.code,
        read.status.message,
        read.flags,
    ]
    assert same(wire_pairs(span.attributes), pairs(read.attributes))
    assert same(
        [(event.time_ns, text(event.name), wire_pairs(event.attributes)) for event in span.events],
        [(event.time_unix_nano, event.name, pairs(event.attributes)) for event in read.events],
    )
    assert same(
        [(f"{link.trace_id:032x}", f"{link.span_id:016x}", wire_pairs(link.attributes)) for link in span.links],
        [(link.trace_id.hex(), link.span_id.hex(), pairs(link.attributes)) for link in read.links],
    )


def _without_our_choices(request: ExportTraceServiceRequest) -> ExportTraceServiceRequest:
    """Take out what differs on purpose: the W3C sampled flag of spans, and the flags of links."""
    for span in request.resource_spans[0].scope_spans[0].spans:
        span.flags &= ~1
        for link in span.links:
            link.flags = 0
    return request


@pytest.mark.parametrize(
    "span",
    [
        one_span(),
        one_span(
            {
                "text": "é☃😀",
                "empty": "",
                "int": 2**53 + 1,
                "least": -(2**63),
                "yes": True,
                "no": False,
                "double": 0.1,
                "zero": 0.0,
                "inf": math.inf,
                "texts": ["a", "", "b"],
                "ints": [1, -1],
                "doubles": [0.5],
                "flags": [True, False],
                "long": "x" * 20_000,
            },
            parent_span_id=0x1122334455667788,
            parent_is_remote=True,
            kind=3,
        ),
        one_span(
            {"k": 1},
            status_code=ERROR,
            status_message="it broke",
            events=(
                SpanEvent(name="exception", time_ns=1_760_000_000_500_000_000, attributes={"exception.type": "E"}),
                SpanEvent(name="later", time_ns=1_760_000_000_600_000_000, attributes={}),
            ),
            links=(SpanLink(trace_id=2**127, span_id=5, attributes={"why": "follows"}),),
        ),
    ],
)
def test_the_official_encoder_makes_the_same_of_it(span: Span) -> None:
    """OpenTelemetry's own encoder makes the same request of the same span, but for the sampled flag and link flags."""
    resource = {"service.name": "shop", "replicas": 3}

    official = encode_spans([readable_span(span, Resource(resource))])
    body = encode_request(resource, "spancast", _version.VERSION, [encode_span(span)])
    ours = ExportTraceServiceRequest.FromString(body)

    assert _without_our_choices(official) == _without_our_choices(ours)


@pytest.mark.parametrize("make", [lambda inner: {"k": inner}, lambda inner: [inner]])
def test_deep_nesting_is_cut_before_parsers_refuse_it(make: Any) -> None:
    """A value nested too deep for parsers loses its depths, and the request stays readable."""
    value: Any = "deep"
    for _ in range(200):
        value = make(value)
    span = one_span({"a": value}, events=(SpanEvent(name="e", time_ns=1, attributes={"a": value}),))

    read = first(parsed(span, resource={"a": value}))

    assert ["a", "a"] == [read.attributes[0].key, read.events[0].attributes[0].key]
    assert "deep" not in str(read)


class Level(IntEnum):
    LOW = 1


class Float(float):
    pass


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Level.LOW, 1),
        (Float(0.5), 0.5),
        (bytearray(b"ab"), b"ab"),
        (Decimal("1.5"), "<Decimal>"),
        (object(), "<object>"),
        ([object(), "a"], ["<object>", "a"]),
        ({1: "a", "1.5": None}, {"pairs": [("1", "a"), ("1.5", None)]}),
        ({"only"}, ["only"]),
        ([10**5000], [hex(10**5000)]),
    ],
)
def test_what_is_no_attribute_value_never_raises(value: Any, expected: Any) -> None:
    """A foreign object, as it may stand in a user's resource, becomes its class name instead of costing the request."""
    assert same([("k", expected)], pairs(first(parsed(one_span({"k": value}))).attributes))
    assert same(
        [("k", expected)], pairs(parsed(one_span(), resource={"k": value}).resource_spans[0].resource.attributes)
    )


def test_more_names_than_are_kept_are_still_right() -> None:
    """Names beyond those that the encoder keeps are written as correctly as the first."""
    names = [f"name.{number}" for number in range(5000)]

    read = first(parsed(one_span(dict.fromkeys(names, 1))))

    assert names == [pair.key for pair in read.attributes]


def test_the_content_type_is_exact() -> None:
    """The content type is the one that strict receivers compare with."""
    assert "application/x-protobuf" == CONTENT_TYPE
