"""What waits is packed into bytes, and comes back as it was."""

from __future__ import annotations

import enum
import gc
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spancast.conventions.span import ERROR, Span, SpanEvent, SpanLink
from spancast.delivery.packed import pack, packed_weight, unpack
from spancast.otlp import json, protobuf
from spancast.record.operation import Kind

texts = st.text(st.characters(exclude_categories=()), max_size=20)  # lone surrogates too
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), texts, st.binary(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.lists(inner, max_size=3).map(tuple), st.dictionaries(texts, inner, max_size=3)
    ),
    max_leaves=8,
)
attributes = st.dictionaries(texts, values, max_size=6)
ids = st.integers(1, 2**64 - 1)


def span(held: Mapping[str, Any], **settings: Any) -> Span:
    """Return a span with these attributes."""
    common: dict[str, Any] = {
        "name": "n",
        "trace_id": 2**127 + 1,
        "span_id": 5,
        "parent_span_id": None,
        "parent_is_remote": False,
        "kind": 1,
        "operation_kind": Kind.TOOL,
        "start_ns": 1,
        "end_ns": 2,
    }
    return Span(attributes=held, **{**common, **settings})


@given(held=attributes, more=attributes, kind=st.sampled_from(Kind), name=texts, parent=st.none() | ids, said=texts)
def test_a_span_comes_back_as_it_was(held: Any, more: Any, kind: Kind, name: str, parent: Any, said: str) -> None:
    """Every field, with the types of all values, and so the same bytes on the wire."""
    one = span(
        held,
        name=name,
        operation_kind=kind,
        parent_span_id=parent,
        parent_is_remote=True,
        events=(SpanEvent(name=name, time_ns=7, attributes=more),),
        links=(SpanLink(trace_id=2**100, span_id=9, attributes=more),),
        status_code=ERROR,
        status_message=said,
    )
    packed = pack(one)
    assert bytes is type(packed)
    assert one == unpack(packed)
    assert repr(one) == repr(unpack(packed))
    assert json.encode_span(one) == json.encode_span(unpack(packed))
    assert protobuf.encode_span(one) == protobuf.encode_span(unpack(packed))


class Text(str):
    """A text with something more, as frameworks have them."""


class Number(float):
    """A number with something more, as numpy has them: marshal would take its memory for bytes."""


class Level(enum.IntEnum):
    """A number with a name."""

    HIGH = 3


def deep(levels: int) -> Any:
    """Return a list in a list in a list."""
    return [deep(levels - 1)] if levels else 1


@pytest.mark.parametrize(
    "held",
    [
        {"a": Text("x")},
        {Text("a"): "x"},
        {"a": Number(1.5)},
        {"a": Level.HIGH},
        {"a": [Text("x")]},
        {"a": {"b": {Text("c"): 1}}},
        {"a": bytearray(b"x")},
        {"a": {1, 2}},
        {"a": object},
        {"a": deep(60)},
        {"a": deep(900)},
        MappingProxyType({"a": "x"}),
    ],
)
def test_what_might_come_back_as_something_else_stays_as_it_is(held: Any) -> None:
    """A value of any other type keeps its span in one piece, and the span its weight."""
    one = span(held)
    assert one is pack(one)
    assert one is unpack(pack(one))
    assert True is (packed_weight(pack(one)) >= 700)


def test_the_garbage_collector_has_nothing_to_walk() -> None:
    """What was packed is one object that it does not track; its weight is its size."""
    packed = pack(span({"a": "x" * 1000, "b": ["c"] * 5}))
    assert False is gc.is_tracked(packed)
    assert True is (1000 < packed_weight(packed) < 1400)
