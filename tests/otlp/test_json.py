"""The JSON encoder against the OTLP specification and against the protobuf encoder."""

from __future__ import annotations

import base64
import json
import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from spancast.conventions.span import Attributes, Span, SpanEvent, SpanLink
from spancast.otlp import protobuf
from spancast.otlp.json import CONTENT_TYPE, encode_request, encode_span
from spancast.otlp.json_decoding import decode_request

from .strategies import ATTRIBUTES, SPANS, one_span


def request_of(*spans: Span, resource: Attributes | None = None) -> dict[str, Any]:
    """Return a request of these spans, read strictly: no NaN, no name twice in an object."""

    def once(found: list[tuple[str, Any]]) -> dict[str, Any]:
        assert sorted({name for name, _ in found}) == sorted(name for name, _ in found)
        return dict(found)

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    body = encode_request(resource or {}, "spancast", "1.0", [encode_span(span) for span in spans])
    return json.loads(body.decode("utf-8"), object_pairs_hook=once, parse_constant=refuse)


def span_of(span: Span) -> dict[str, Any]:
    """Return a span as JSON."""
    return request_of(span)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]


def test_a_clock_before_1970_is_1970() -> None:
    """OTLP's times have no sign: one span with one would cost its whole request."""
    span = one_span(start_ns=-1_000_000_000, end_ns=-1, events=(SpanEvent(name="early", time_ns=-5, attributes={}),))
    found = span_of(span)
    assert ("0", "0", "0") == (found["startTimeUnixNano"], found["endTimeUnixNano"], found["events"][0]["timeUnixNano"])
    body = b"".join(protobuf.request_pieces({}, "spancast", "1.0", [protobuf.encode_span(span)]))
    (scope,) = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans
    assert (0, 0, 0) == (
        scope.spans[0].start_time_unix_nano,
        scope.spans[0].end_time_unix_nano,
        scope.spans[0].events[0].time_unix_nano,
    )


# ---------------------------------------------------------------- our JSON -> the protobuf message
def read_value(said: dict[str, Any], value: AnyValue) -> None:
    """Fill *value* from the JSON form, as the OTLP specification maps it."""
    if not said:
        return
    ((field, held),) = said.items()
    if field == "stringValue":
        value.string_value = held
    elif field == "boolValue":
        assert type(held) is bool
        value.bool_value = held
    elif field == "intValue":
        assert re.fullmatch(r"-?\d+", held)
        value.int_value = int(held)
    elif field == "doubleValue":
        assert type(held) in (float, int) or held in ("NaN", "Infinity", "-Infinity")
        value.double_value = float(held)
    elif field == "bytesValue":
        value.bytes_value = base64.b64decode(held, validate=True)
    elif field == "arrayValue":
        value.array_value.SetInParent()
        for item in held["values"]:
            read_value(item, value.array_value.values.add())
    elif field == "kvlistValue":
        value.kvlist_value.SetInParent()
        read_pairs(held["values"], value.kvlist_value.values)
    else:
        raise AssertionError(f"{field} is no field of AnyValue")


def read_pairs(said: list[dict[str, Any]], pairs: Any) -> None:
    """Fill a list of KeyValue messages."""
    for pair in said:
        assert {"key", "value"} == set(pair)
        message = pairs.add()
        message.key = pair["key"]
        message.value.SetInParent()
        read_value(pair["value"], message.value)


def an_id(said: str, digits: int) -> bytes:
    """Return the bytes of a hex id."""
    assert re.fullmatch(rf"[0-9a-f]{{{digits}}}", said)
    return bytes.fromhex(said)


def a_moment(said: str) -> int:
    """Return a time that is a decimal string."""
    assert re.fullmatch(r"\d+", said)
    return int(said)


def read_request(said: dict[str, Any]) -> ExportTraceServiceRequest:
    """Return the protobuf message that our JSON stands for."""
    request = ExportTraceServiceRequest()
    for resource in said["resourceSpans"]:
        resource_spans = request.resource_spans.add()
        resource_spans.resource.SetInParent()
        read_pairs(resource["resource"]["attributes"], resource_spans.resource.attributes)
        for scope in resource["scopeSpans"]:
            scope_spans = resource_spans.scope_spans.add()
            scope_spans.scope.name = scope["scope"]["name"]
            scope_spans.scope.version = scope["scope"]["version"]
            for span in scope["spans"]:
                read_span(span, scope_spans.spans.add())
    return request


def read_span(said: dict[str, Any], span: Any) -> None:
    """Fill a span message; a field that OTLP does not have is an error."""
    known = {"traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano"}
    assert set() == set(said) - known - {"attributes", "events", "links", "status", "flags"}
    span.trace_id, span.span_id = an_id(said["traceId"], 32), an_id(said["spanId"], 16)
    if "parentSpanId" in said:
        span.parent_span_id = an_id(said["parentSpanId"], 16)
    span.name, span.kind, span.flags = said["name"], said["kind"], said["flags"]
    span.start_time_unix_nano = a_moment(said["startTimeUnixNano"])
    span.end_time_unix_nano = a_moment(said["endTimeUnixNano"])
    read_pairs(said["attributes"], span.attributes)
    for event in said.get("events", ()):
        message = span.events.add(name=event["name"], time_unix_nano=a_moment(event["timeUnixNano"]))
        read_pairs(event["attributes"], message.attributes)
    for link in said.get("links", ()):
        message = span.links.add(trace_id=an_id(link["traceId"], 32), span_id=an_id(link["spanId"], 16))
        read_pairs(link["attributes"], message.attributes)
    span.status.SetInParent()
    span.status.code = said["status"].get("code", 0)
    span.status.message = said["status"].get("message", "")


@given(st.lists(SPANS, max_size=3), ATTRIBUTES)
def test_both_encodings_carry_the_same_request(spans: list[Span], resource: Attributes) -> None:
    """Any request in JSON, read by the OTLP specification's mapping, is the request in protobuf, field by field."""
    in_protobuf = protobuf.encode_request(resource, "spancast", "1.0", [protobuf.encode_span(span) for span in spans])

    in_json = read_request(request_of(*spans, resource=resource))

    assert in_protobuf == in_json.SerializeToString(deterministic=True)


@given(st.lists(SPANS, max_size=2), ATTRIBUTES)
def test_a_request_is_one_line(spans: list[Span], resource: Attributes) -> None:
    """A request never holds a line break, whatever is in it, so that it can be a line of a file."""
    body = encode_request(resource, "spancast", "1.0", [encode_span(span) for span in spans])

    assert [0, 0] == [body.count(b"\n"), body.count(b"\r")]


def test_ids_are_hex_of_full_length() -> None:
    """Ids are lower-case hex with leading zeros, and a root has no parent field."""
    child = span_of(one_span(trace_id=0xAB, span_id=0xCD, parent_span_id=0xEF))

    assert ("0" * 30 + "ab", "0" * 14 + "cd", "0" * 14 + "ef") == (
        child["traceId"],
        child["spanId"],
        child["parentSpanId"],
    )
    assert "parentSpanId" not in span_of(one_span())


def test_numbers_have_their_forms() -> None:
    """64 bit integers are decimal strings, enums and flags numbers."""
    span = span_of(one_span({"n": 2**53 + 1}, kind=3, status_code=2, status_message="no"))

    assert {"key": "n", "value": {"intValue": "9007199254740993"}} == span["attributes"][0]
    assert (3, {"code": 2, "message": "no"}, 0x101) == (span["kind"], span["status"], span["flags"])
    assert ("1760000000000000001", "1760000001000000002") == (span["startTimeUnixNano"], span["endTimeUnixNano"])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, {"doubleValue": "NaN"}),
        (math.inf, {"doubleValue": "Infinity"}),
        (-math.inf, {"doubleValue": "-Infinity"}),
        (1.0, {"doubleValue": 1.0}),
        (True, {"boolValue": True}),
        (1, {"intValue": "1"}),
        (-(2**63), {"intValue": "-9223372036854775808"}),
        (2**63, {"stringValue": "9223372036854775808"}),
        ("", {"stringValue": ""}),
        ("a\ud800", {"stringValue": "a?"}),
        (None, {}),
        (b"\x00\xff", {"bytesValue": "AP8="}),
        ([], {"arrayValue": {"values": []}}),
        ({}, {"kvlistValue": {"values": []}}),
        ([1, None, "a"], {"arrayValue": {"values": [{"intValue": "1"}, {}, {"stringValue": "a"}]}}),
        ({"\ud800": True}, {"kvlistValue": {"values": [{"key": "?", "value": {"boolValue": True}}]}}),
        (type("Score", (float,), {})(0.5), {"doubleValue": 0.5}),
        ({1: object()}, {"kvlistValue": {"values": [{"key": "1", "value": {"stringValue": "<object>"}}]}}),
        ([10**5000], {"arrayValue": {"values": [{"stringValue": hex(10**5000)}]}}),
    ],
)
def test_values_have_their_forms(value: Any, expected: dict[str, Any]) -> None:
    """Every kind of value has the form that the OTLP specification gives it, in a span as in a resource."""
    assert [{"key": "k", "value": expected}] == span_of(one_span({"k": value}))["attributes"]
    assert {"attributes": [{"key": "k", "value": expected}]} == request_of(resource={"k": value})["resourceSpans"][0][
        "resource"
    ]


def test_surrogates_anywhere_cost_only_themselves() -> None:
    """A lone surrogate in a name, a key, an event, a link or the status becomes `?`, and the rest stays."""
    span = span_of(
        one_span(
            {"k\ud800": "é"},
            name="n\ud800",
            status_message="s\udc00",
            events=(SpanEvent(name="e\ud800", time_ns=1, attributes={"x": ["\ud800"]}),),
            links=(SpanLink(trace_id=1, span_id=2, attributes={"y": "\ud800"}),),
        )
    )

    assert ("n?", "s?", "e?") == (span["name"], span["status"]["message"], span["events"][0]["name"])
    assert [{"key": "k?", "value": {"stringValue": "é"}}] == span["attributes"]


def test_deep_nesting_stays_below_what_parsers_take() -> None:
    """A value nested very deep is cut off, so that the JSON stays below 128 levels, where common parsers stop."""
    value: Any = "deep"
    for _ in range(200):
        value = {"k": value}

    body = encode_request(
        {}, "s", "1", [encode_span(one_span({}, events=(SpanEvent(name="e", time_ns=1, attributes={"a": value}),)))]
    )

    depth = deepest = 0
    for char in body.decode():
        depth += (char in "{[") - (char in "}]")
        deepest = max(deepest, depth)
    assert deepest < 128
    assert b"deep" not in body


def test_the_content_type_has_no_charset() -> None:
    """The content type is the bare one: strict receivers refuse a charset behind it."""
    assert "application/json" == CONTENT_TYPE


# ---------------------------------------------------------------- reading back
@given(spans=st.lists(SPANS, max_size=3), resource=ATTRIBUTES)
def test_what_was_written_is_read_back_to_the_same_bytes(spans: list[Span], resource: Attributes) -> None:
    """A span that lay on disk leaves as it would have left at once, in either encoding."""
    written = [encode_span(span) for span in spans]
    line = encode_request(resource, "spancast", "1.0", written)
    ((read_resource, read),) = decode_request(line)
    assert line == encode_request(read_resource, "spancast", "1.0", [encode_span(span) for span in read])
    for span, again in zip(spans, read, strict=True):
        assert canonical(protobuf.encode_span(span)) == canonical(protobuf.encode_span(again))


def canonical(encoded: bytes) -> Any:
    """Return a span in protobuf as what receivers see: a number that fits nowhere is text on either way."""
    from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans

    return ScopeSpans.FromString(encoded)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b"{}",
        b'{"resourceSpans":3}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"zz","spanId":"1"}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":["' + b"[" * 2000,
        b"\x00\xff",
    ],
)
def test_what_is_no_request_is_refused_in_one_way(line: bytes) -> None:
    """A torn or foreign line is a ValueError, nothing else."""
    with pytest.raises(ValueError):
        decode_request(line)
