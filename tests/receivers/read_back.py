"""Spans in one comparable form, whether sent by spancast or read back from a receiver, and what differs between two."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans

from spancast.destinations.targets.memory import MemorySpan

KINDS = {"SPAN_KIND_UNSPECIFIED": 0, "SPAN_KIND_INTERNAL": 1, "SPAN_KIND_SERVER": 2, "SPAN_KIND_CLIENT": 3}
STATUSES = {"STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}
Spans = dict[str, "ReadSpan"]  # by span id


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSpan:
    """One span. Ids are hex; times are Unix nanoseconds; *kind* and *status* are OTLP's numbers."""

    name: str
    trace_id: str
    parent: str | None
    kind: int
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Any]
    events: tuple[tuple[str, int, Mapping[str, Any]], ...]
    links: tuple[tuple[str, str, Mapping[str, Any]], ...]
    status: int
    message: str


def sent(spans: Iterable[MemorySpan]) -> Spans:
    """Return what a memory destination kept."""
    return {
        span.span_id: ReadSpan(
            name=span.name,
            trace_id=span.trace_id,
            parent=span.parent_span_id,
            kind=span.span_kind,
            start_ns=span.start_ns,
            end_ns=span.end_ns,
            attributes=plain(span.attributes),
            events=tuple((event.name, event.time_ns, plain(event.attributes)) for event in span.events),
            links=tuple((link.trace_id, link.span_id, plain(link.attributes)) for link in span.links),
            status=span.status.code,
            message=span.status.message,
        )
        for span in spans
    }


def plain(value: Any) -> Any:
    """Return a value with lists for tuples."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


# ---------------------------------------------------------------- OTLP
def of_protobuf(body: bytes) -> Spans:
    """Return the spans of an OTLP request in protobuf."""
    return of_otlp(MessageToDict(ExportTraceServiceRequest.FromString(body)))


def of_protobufs_json(spans: Sequence[Mapping[str, Any]]) -> Spans:
    """Return spans that are written as protobuf's own JSON: any spelling of names, ids in base64, numbers as numbers."""
    message = ParseDict({"spans": list(spans)}, ScopeSpans(), ignore_unknown_fields=True)
    return of_otlp({"resourceSpans": [{"scopeSpans": [MessageToDict(message)]}]})


def of_snake_case(spans: Sequence[Mapping[str, Any]]) -> Spans:
    """Return spans of OTLP JSON whose names are written with underscores."""
    return of_otlp({"resourceSpans": [{"scopeSpans": [{"spans": [_camel_case(span) for span in spans]}]}]})


def _camel_case(value: Any) -> Any:
    if isinstance(value, list):
        return [_camel_case(item) for item in value]
    if isinstance(value, dict):
        return {
            re.sub(r"_(\w)", lambda found: found[1].upper(), key): _camel_case(item)
            for key, item in value.items()
            if item is not None
        }
    return value


def of_otlp(request: Mapping[str, Any]) -> Spans:
    """Return the spans of an OTLP request in JSON; ids may be hex, or base64 as protobuf's own JSON has them."""
    return {_id(span["spanId"], 8): _of_otlp(span) for span in otlp_spans(request)}


def otlp_spans(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the spans of a request as they are."""
    for resource in request.get("resourceSpans", ()):
        for scope in resource.get("scopeSpans", ()):
            yield from scope.get("spans", ())


def _of_otlp(span: Mapping[str, Any]) -> ReadSpan:
    status = span.get("status") or {}
    return ReadSpan(
        name=span.get("name", ""),
        trace_id=_id(span["traceId"], 16),
        parent=_id(span.get("parentSpanId") or "", 8) or None,
        kind=_number(span.get("kind", 0), KINDS),
        start_ns=int(span["startTimeUnixNano"]),
        end_ns=int(span["endTimeUnixNano"]),
        attributes=_attributes(span),
        events=tuple((each["name"], int(each["timeUnixNano"]), _attributes(each)) for each in span.get("events", ())),
        links=tuple(
            (_id(each["traceId"], 16), _id(each["spanId"], 8), _attributes(each)) for each in span.get("links", ())
        ),
        status=_number(status.get("code", 0), STATUSES),
        message=status.get("message", ""),
    )


def _id(text: str, size: int) -> str:
    return text.lower() if len(text) in (0, 2 * size) else base64.b64decode(text).hex()


def _number(value: int | str, names: Mapping[str, int]) -> int:
    return value if isinstance(value, int) else names[value]


def _attributes(owner: Mapping[str, Any]) -> dict[str, Any]:
    return {pair["key"]: _value(pair.get("value") or {}) for pair in owner.get("attributes", ())}


def _value(value: Mapping[str, Any]) -> Any:
    for name, held in value.items():
        if name == "intValue":
            return int(held)
        if name == "doubleValue":
            return float(held)
        if name == "arrayValue":
            return [_value(item) for item in held.get("values", ())]
        if name == "kvlistValue":
            return {pair["key"]: _value(pair.get("value") or {}) for pair in held.get("values", ())}
        return held
    return None


# ---------------------------------------------------------------- comparison
def differences(expected: Spans, found: Spans) -> dict[str, list[str]]:
    """Return, by field, what is not as it was sent: an empty dictionary when nothing is."""
    told: dict[str, list[str]] = {}
    if missing := sorted(set(expected) - set(found)):
        told["spans missing"] = missing
    if more := sorted(set(found) - set(expected)):
        told["spans more"] = more
    for span_id in expected.keys() & found.keys():
        before, after = expected[span_id], found[span_id]
        for field in fields(ReadSpan):
            if field.name != "attributes" and getattr(before, field.name) != getattr(after, field.name):
                told.setdefault(field.name, []).append(
                    f"{before.name}: {getattr(before, field.name)!r} is {getattr(after, field.name)!r}"
                )
        for name in sorted(before.attributes.keys() | after.attributes.keys()):
            old, new = before.attributes.get(name), after.attributes.get(name)
            if (type(old), old) != (type(new), new):
                told.setdefault("attributes", []).append(f"{before.name}: {name}: {old!r} is {new!r}")
    return told
