"""Span: what a convention makes of an operation on its way out, in OpenTelemetry's shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..record.fast_frozen import frozen
from ..record.operation import Kind

AttributeValue = str | bool | int | float | bytes | Sequence["AttributeValue"] | Mapping[str, "AttributeValue"] | None
Attributes = Mapping[str, AttributeValue]

INTERNAL, CLIENT = 1, 3  # OTLP SpanKind
UNSET, OK, ERROR = 0, 1, 2  # OTLP StatusCode
EVALUATION_EVENT = "gen_ai.evaluation.result"  # of the gen_ai conventions: one result, on the span that it judges


@frozen(kw_only=True)
class SpanEvent:
    """An event of a span; *time_ns* in Unix nanoseconds."""

    name: str
    time_ns: int
    attributes: Attributes


@frozen(kw_only=True)
class SpanLink:
    """A link from a span to another."""

    trace_id: int
    span_id: int
    attributes: Attributes


@frozen(kw_only=True)
class Span:
    """One span, ready to be encoded. Ids are integers; *kind* and *status_code* are OTLP's numbers."""

    name: str
    trace_id: int
    span_id: int
    parent_span_id: int | None
    parent_is_remote: bool
    kind: int
    operation_kind: Kind
    start_ns: int
    end_ns: int
    attributes: Attributes
    events: tuple[SpanEvent, ...] = ()
    links: tuple[SpanLink, ...] = ()
    status_code: int = UNSET
    status_message: str = ""
