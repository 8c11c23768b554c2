"""Packed: a waiting span as one piece of bytes, which Python's garbage collector does not walk.

The collector visits every object that can hold others, in whichever thread allocates next, the application's too: 50,000
operations that waited for a silent receiver stopped it for 330 ms (benchmarks/dead_collector.py). Bytes hold nothing.
"""

from __future__ import annotations

import marshal
from typing import Any

from ..conventions.span import Span, SpanEvent, SpanLink
from ..record.operation import Kind

_OVERHEAD = 48  # bytes that a piece of bytes takes besides its content, with its place in the queue
_SPAN_BYTES = 700  # and a span
_ATOMS = frozenset({str, int, float, bool, bytes, type(None)})  # of exactly these types: they come back as they were
_DEPTH = 24  # levels of lists and mappings, as the encoders have
_KINDS = {kind.value: kind for kind in Kind}


def pack(span: Span) -> bytes | Span:
    """Return *span* as bytes; as it is, where a value in it is none that surely comes back the same."""
    plain: Any = (
        span.name,
        span.trace_id,
        span.span_id,
        span.parent_span_id,
        span.parent_is_remote,
        span.kind,
        span.operation_kind.value,
        span.start_ns,
        span.end_ns,
        span.attributes,
        tuple([(event.name, event.time_ns, event.attributes) for event in span.events]) if span.events else (),
        tuple([(link.trace_id, link.span_id, link.attributes) for link in span.links]) if span.links else (),
        span.status_code,
        span.status_message,
    )
    return marshal.dumps(plain) if _is_plain(plain, _DEPTH) else span


def unpack(packed: bytes | Span) -> Span:
    """Return what was packed."""
    if not isinstance(packed, bytes):
        return packed
    # S302: what is read was written by this process and never left its memory
    name, trace, own, parent, remote, kind, operation, start, end, attributes, events, links, code, message = (
        marshal.loads(packed)  # noqa: S302
    )
    return Span(
        name=name,
        trace_id=trace,
        span_id=own,
        parent_span_id=parent,
        parent_is_remote=remote,
        kind=kind,
        operation_kind=_KINDS[operation],
        start_ns=start,
        end_ns=end,
        attributes=attributes,
        events=tuple([SpanEvent(name=said, time_ns=at, attributes=of) for said, at, of in events]),
        links=tuple([SpanLink(trace_id=its, span_id=span, attributes=of) for its, span, of in links]),
        status_code=code,
        status_message=message,
    )


def packed_weight(packed: bytes | Span) -> int:
    """Return about how many bytes of memory *packed* takes."""
    if isinstance(packed, bytes):
        return len(packed) + _OVERHEAD
    return _SPAN_BYTES + sum([len(value) for value in packed.attributes.values() if isinstance(value, (str, bytes))])


def _is_plain(value: Any, depth: int) -> bool:
    """Return whether *value* comes back the same: subclasses do not, such as numpy's numbers."""
    kind = type(value)
    if kind in _ATOMS:
        return True
    if not depth:
        return False
    if kind is dict:
        if not _ATOMS.issuperset(map(type, value)):
            return False
        value = value.values()
    elif kind is not tuple and kind is not list:
        return False
    return _ATOMS.issuperset(map(type, value)) or all([_is_plain(each, depth - 1) for each in value])
