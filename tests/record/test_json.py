"""Plain data becomes JSON text that is always valid."""

from __future__ import annotations

import json
import math
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spancast.record.json import as_text, digits, dumps, plain, text

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=8)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64 - 1, 2**64, 10**40]),
    st.floats(),
    ANY_TEXT,
)
DATA = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(ANY_TEXT, inner, max_size=4)),
    max_leaves=12,
)


class Float(float):
    """A float of a class of its own, as numpy's are."""


class Pair(NamedTuple):
    left: int
    right: int


def expected_of(value: Any) -> Any:
    """Return what *value* is after a way through JSON; None stands for what JSON has no number for."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [expected_of(item) for item in value]
    if isinstance(value, dict):
        return {text(key): expected_of(item) for key, item in value.items()}
    return value


@given(DATA)
def test_any_plain_data_becomes_the_same_json(value: Any) -> None:
    """Whatever the plain data holds, the text is valid JSON and means the same, huge integers as decimal strings."""
    read = json.loads(dumps(value))

    def same(wanted: Any, got: Any) -> bool:
        if isinstance(wanted, dict):
            return isinstance(got, dict) and all(same(item, got[key]) for key, item in wanted.items())
        if isinstance(wanted, list):
            return len(wanted) == len(got) and all(map(same, wanted, got))
        if type(wanted) is int and got != wanted:
            return str(wanted) == got
        return type(wanted) is type(got) and wanted == got

    assert same(expected_of(value), read)


@given(DATA)
def test_a_plain_copy_is_the_same_json(value: Any) -> None:
    """What `plain` copies, orjson takes: `dumps` of the copy is valid JSON too."""
    assert dumps(plain(plain(value))) == dumps(plain(value))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Float(0.5), "0.5"),
        ({"score": Float(1.5)}, '{"score":1.5}'),
        (Pair(1, 2), "[1,2]"),
        (MappingProxyType({"a": 1}), '{"a":1}'),
        ({"a": MappingProxyType({"b": None})}, '{"a":{"b":null}}'),
        ({"a": object()}, '{"a":"<object>"}'),
        ({1: "a", (2, 3): "b"}, '{"1":"a","(2, 3)":"b"}'),
        ([2**63, "\ud800"], '["9223372036854775808","?"]'),
        ([-(2**63), "\ud800"], '[-9223372036854775808,"?"]'),
        ([math.nan, math.inf, -math.inf], "[null,null,null]"),
        ("é☃😀", '"é☃😀"'),
    ],
)
def test_unusual_values_have_a_defined_form(value: Any, expected: str) -> None:
    """Subclasses of float, named tuples, read-only mappings, foreign objects, odd keys and surrogates never raise."""
    assert expected == dumps(value)


def test_an_integer_of_any_length_is_written() -> None:
    """An integer with more digits than Python converts is written in hexadecimal instead of raising."""
    huge = 10**5000

    assert f'"{hex(huge)}"' == dumps(huge)
    assert hex(huge) == digits(huge)
    assert str(2**70) == digits(2**70)


def test_endless_nesting_ends() -> None:
    """Data that contains itself is cut off at a depth instead of going on for ever."""
    loop: list[Any] = []
    loop.append(loop)

    assert "[" * 32 + '"<list>"' + "]" * 32 == dumps(loop)


def test_text_stays_text_and_the_rest_becomes_json() -> None:
    """`as_text` leaves a text alone, so that a prompt is not quoted, and writes everything else as JSON."""
    assert ["hi", "{}", "1", "null", "[true]"] == [
        as_text("hi"),
        as_text({}),
        as_text(1),
        as_text(None),
        as_text([True]),
    ]


@given(ANY_TEXT)
def test_text_can_be_encoded_and_changes_only_surrogates(value: str) -> None:
    """Text for the wire is valid UTF-8 and differs from the original only where a lone surrogate stood."""
    carried = text(value)

    assert [char if not 0xD800 <= ord(char) < 0xE000 else "?" for char in value] == list(carried)
    assert carried == carried.encode().decode()
