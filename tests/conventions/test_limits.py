"""Spans are kept within limits, and a mark says what was cut."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spancast.conventions.limits import original_lengths, shorten, trim
from spancast.conventions.span import Span, SpanEvent, SpanLink
from spancast.otlp.json import encode_span
from spancast.record.json import dumps
from spancast.record.operation import Kind

TEXT = st.one_of(
    st.text(max_size=30), st.sampled_from(["x" * 300, '"' * 50, "\x00" * 50, "é😀" * 30, '{"a":' * 10, "[" * 40])
)


def span(attributes: dict[str, Any], **changes: Any) -> Span:
    """Return a span with these attributes."""
    held: dict[str, Any] = {
        "name": "s",
        "trace_id": 1,
        "span_id": 2,
        "parent_span_id": None,
        "parent_is_remote": False,
        "kind": 1,
        "operation_kind": Kind.CHAIN,
        "start_ns": 1,
        "end_ns": 2,
        "attributes": attributes,
    }
    return Span(**{**held, **changes})


def test_a_mark_says_what_was_cut() -> None:
    """A cut attribute has a mark beside it, every other attribute is as it was."""
    attributes = {"long": "x" * 200, "short": "y", "n": 5, "json": dumps({"a": "z" * 200}), "tags": ["a"]}

    short = shorten(span(attributes), 100).attributes

    assert {"long", "short", "n", "json", "tags", "long.truncated", "json.truncated", "spancast.cut"} == set(short)
    assert (True, True, "y", 5, ["a"]) == (
        short["long.truncated"],
        short["json.truncated"],
        short["short"],
        short["n"],
        short["tags"],
    )
    assert {"a"} == set(json.loads(short["json"]))  # type: ignore[arg-type]


def test_how_long_a_value_was_is_written() -> None:
    """One attribute says it of all that were cut, in characters; also where a value is cut a second time."""
    attributes = {"long": "x" * 2000, "tags": ["a" * 600, "b"], "short": "y"}
    once = shorten(span(attributes), 500)
    assert {"long": 2000, "tags": 601} == original_lengths(once.attributes)
    assert {"long": 2000, "tags": 601} == original_lengths(shorten(once, 200).attributes)


def test_what_is_written_of_lengths_is_bounded() -> None:
    """At most 16 names, and never longer than a value may be."""
    many = {f"k{index}": "x" * 5000 for index in range(100)}
    assert 16 == len(original_lengths(shorten(span(many), 4000).attributes))
    few = shorten(span(many), 40).attributes
    assert 40 >= len(str(few["spancast.cut"]))
    assert {"k0": 5000} == {name: count for name, count in original_lengths(few).items() if name == "k0"}


@pytest.mark.parametrize("value", ["", "[", "[1]", 7, True, None, '{"a": "b"}'])
def test_lengths_that_are_none_are_no_lengths(value: Any) -> None:
    """A trace that is read back may come from anybody."""
    assert {} == original_lengths({"spancast.cut": value})


def test_lists_events_and_links_are_cut_too() -> None:
    """Long texts in lists, and in the attributes of events and links, are cut like the span's own."""
    long = span(
        {"tags": ["a", "x" * 200]},
        events=(SpanEvent(name="e", time_ns=1, attributes={"t": "y" * 200}),),
        links=(SpanLink(trace_id=1, span_id=2, attributes={"l": "z" * 200}),),
    )

    short = shorten(long, 100)

    tags: Any = short.attributes["tags"]
    assert ["a", 100, True] == [tags[0], len(tags[1]), short.attributes["tags.truncated"]]
    assert [100, True] == [len(short.events[0].attributes["t"]), short.events[0].attributes["t.truncated"]]  # type: ignore[arg-type]
    assert [100, True] == [len(short.links[0].attributes["l"]), short.links[0].attributes["l.truncated"]]  # type: ignore[arg-type]


@pytest.mark.parametrize("attributes", [{}, {"a": "x" * 100}, {"n": 10**200}, {"tags": ["x"] * 500}])
def test_what_fits_is_the_same_span(attributes: dict[str, Any]) -> None:
    """A span in which nothing is too long is handed on as it is, without a copy."""
    whole = span(attributes)

    assert whole is shorten(whole, 100)


# ---------------------------------------------------------------- trimmed to a size
def size(span: Span) -> int:
    """Return a span's size as JSON."""
    return len(encode_span(span))


def test_the_longest_values_are_trimmed_first() -> None:
    """Short ones stay whole; JSON stays JSON; each that was cut has its mark."""
    held = {"long": "x" * 9000, "json": dumps({"messages": ["y" * 5000, "z" * 10]}), "short": "s" * 500, "n": 7}
    trimmed = trim(span(held), 6000, size)
    assert trimmed is not None
    assert True is (4000 < size(trimmed) <= 6000)
    assert (held["short"], 7) == (trimmed.attributes["short"], trimmed.attributes["n"])
    assert "z" * 10 == json.loads(str(trimmed.attributes["json"]))["messages"][1]
    assert {"long.truncated", "json.truncated"} == {key for key in trimmed.attributes if key.endswith(".truncated")}


def test_what_fits_is_not_touched() -> None:
    """The same span."""
    one = span({"a": "x" * 100})
    assert one is trim(one, 10_000, size)


def test_what_cannot_be_trimmed_enough_is_given_back_as_none() -> None:
    """Ids, numbers and names are not cut away."""
    assert None is trim(span({f"k{index}": index for index in range(100)}), 500, size)
    assert None is trim(span({"a": "x" * 1000}), 10, size)


def test_status_events_and_links_are_trimmed_too() -> None:
    """An exception's stack trace is often the longest text of all."""
    event = SpanEvent(name="exception", time_ns=1, attributes={"exception.stacktrace": "x" * 9000})
    trimmed = trim(span({"a": "b"}, events=(event,), status_message="m" * 5000), 3000, size)
    assert trimmed is not None
    assert True is (size(trimmed) <= 3000)
    assert True is trimmed.events[0].attributes["exception.stacktrace.truncated"]


@given(
    held=st.dictionaries(st.text(min_size=1, max_size=8), st.one_of(TEXT, st.lists(TEXT, max_size=4)), max_size=8),
    limit=st.integers(100, 3000),
)
def test_trimmed_is_within_the_limit_or_none(held: dict[str, Any], limit: int) -> None:
    """Whatever a span holds."""
    trimmed = trim(span(held), limit, size)
    assert trimmed is None or size(trimmed) <= limit
