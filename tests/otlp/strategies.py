"""Hypothesis strategies for spans with anything in them."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from spancast.conventions.span import Attributes, AttributeValue, Span, SpanEvent, SpanLink
from spancast.record.operation import Kind

# every character, lone surrogates included
TEXT = st.one_of(
    st.text(st.characters(codec=None, exclude_categories=()), max_size=12),
    st.sampled_from(["", "é", "☃", "😀", "\ud800", "a\udfffb", "\x00", "\r\n", '"\\', "\u2028", "x" * 127, "y" * 200]),
)
INTEGERS = st.one_of(
    st.integers(),
    st.sampled_from(
        [0, 1, -1, 127, 128, 16383, 16384, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**40]
    ),
)
FLOATS = st.one_of(st.floats(allow_nan=False), st.just(math.nan))  # JSON knows one NaN only
SCALARS: st.SearchStrategy[AttributeValue] = st.one_of(
    TEXT, INTEGERS, st.booleans(), FLOATS, st.binary(max_size=12), st.none()
)
VALUES: st.SearchStrategy[AttributeValue] = st.one_of(
    SCALARS,
    st.recursive(
        SCALARS,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.lists(inner, max_size=3).map(tuple),
            st.dictionaries(TEXT, inner, max_size=4),
        ),
        max_leaves=10,
    ),
)
KEYS = st.one_of(TEXT, st.sampled_from(["input.value", "llm.token_count.prompt", "gen_ai.input.messages", "k" * 130]))
ATTRIBUTES: st.SearchStrategy[Attributes] = st.dictionaries(KEYS, VALUES, max_size=8)
TRACE_IDS = st.integers(1, 2**128 - 1)
SPAN_IDS = st.integers(1, 2**64 - 1)
MOMENTS = st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 2**63, 2**64 - 1, 1_760_000_000_123_456_789]))
EVENTS = st.builds(SpanEvent, name=TEXT, time_ns=MOMENTS, attributes=ATTRIBUTES)
LINKS = st.builds(SpanLink, trace_id=TRACE_IDS, span_id=SPAN_IDS, attributes=ATTRIBUTES)
SPANS = st.builds(
    Span,
    name=TEXT,
    trace_id=TRACE_IDS,
    span_id=SPAN_IDS,
    parent_span_id=st.one_of(st.none(), SPAN_IDS),
    parent_is_remote=st.booleans(),
    kind=st.integers(0, 5),
    operation_kind=st.sampled_from(Kind),
    start_ns=MOMENTS,
    end_ns=MOMENTS,
    attributes=ATTRIBUTES,
    events=st.lists(EVENTS, max_size=3).map(tuple),
    links=st.lists(LINKS, max_size=3).map(tuple),
    status_code=st.integers(0, 2),
    status_message=TEXT,
)


def one_span(attributes: Attributes | None = None, **changes: object) -> Span:
    """Return a span with the usual in it and these *attributes*."""
    held: dict[str, object] = {
        "name": "chat",
        "trace_id": 0x0123456789ABCDEF0123456789ABCDEF,
        "span_id": 0xFEDCBA9876543210,
        "parent_span_id": None,
        "parent_is_remote": False,
        "kind": 1,
        "operation_kind": Kind.CHAIN,
        "start_ns": 1_760_000_000_000_000_001,
        "end_ns": 1_760_000_001_000_000_002,
        "attributes": attributes or {},
        "status_code": 1,
        **changes,
    }
    return Span(**held)  # type: ignore[arg-type]
