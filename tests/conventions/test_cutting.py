"""Long values are cut so that JSON stays JSON, in time that is linear in the value."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spancast.conventions import cutting
from spancast.conventions.cutting import MARK, beginning, cut
from spancast.record.json import dumps

from ..linear import MOST, growth

TEXT = st.one_of(
    st.text(max_size=30), st.sampled_from(["x" * 300, '"' * 50, "\x00" * 50, "é😀" * 30, '{"a":' * 10, "[" * 40])
)
DATA = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=12), st.dictionaries(TEXT, inner, max_size=6)),
    max_leaves=30,
)
CONTAINERS = st.one_of(st.lists(DATA, max_size=20), st.dictionaries(TEXT, DATA, max_size=10))


@settings(deadline=None, max_examples=150)
@given(CONTAINERS, st.integers(2, 400))
def test_cut_json_is_json_within_the_limit(data: Any, limit: int) -> None:
    """JSON of any content, cut at any limit, is JSON of the same kind and within the limit."""
    short = cut(dumps(data), limit)

    assert len(short) <= limit
    assert type(data) is type(json.loads(short))


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=400), st.integers(0, 300))
def test_cut_text_is_within_the_limit(text: str, limit: int) -> None:
    """Text is never longer than the limit, and text that fits is untouched."""
    short = cut(text, limit)

    assert len(short) <= limit
    assert text == short or len(text) > limit


def test_the_middle_of_a_text_goes() -> None:
    """Of a long text the beginning and the end stay, and a mark stands between them."""
    short = cut("a" * 500 + "b" * 500, 71)

    assert "a" * 40 + MARK + "b" * 20 == short


def test_the_longest_texts_of_json_go_first() -> None:
    """In JSON the long texts are cut, and short ones, numbers and names stay."""
    data = {"role": "user", "n": 7, "content": "x" * 5000, "tags": ["a", "b"]}

    short = json.loads(cut(dumps(data), 1000))

    assert ("user", 7, ["a", "b"]) == (short["role"], short["n"], short["tags"])
    assert MARK in short["content"]
    assert len(short["content"]) > 300


def test_of_many_items_the_first_and_the_newest_stay() -> None:
    """Of a conversation too long for the limit the first and the last turns stay."""
    data = [{"role": "user", "content": f"turn {number}"} for number in range(1000)]

    short = json.loads(cut(dumps(data), 2000))

    assert ("turn 0", "turn 999") == (short[0]["content"], short[-1]["content"])
    assert len(short) > 10


def test_very_deep_json_is_cut_too() -> None:
    """JSON nested deeper than Python can walk is cut without an error."""
    deep = "[" * 1000 + '"' + "x" * 5000 + '"' + "]" * 1000

    short = cut(deep, 3000)

    assert len(short) <= 3000
    assert isinstance(json.loads(short), list)


def test_what_only_looks_like_json_is_cut_as_text() -> None:
    """A text that begins like JSON and is none is cut as text."""
    assert 50 == len(cut("[note] " + "x" * 500, 50))
    assert MARK in cut("{" + "x" * 500, 50)


def test_a_long_text_in_a_small_object_goes_and_the_rest_stays() -> None:
    """Every part that is short is there in full, however long another is."""
    data = {
        "system": "s" * 50,
        "parts": [{"n": number, "text": "t" * 20} for number in range(20)],
        "tail": "x" * 100_000,
    }

    short = json.loads(cut(dumps(data), 2000))

    assert (data["system"], data["parts"]) == (short["system"], short["parts"])
    assert 500 < len(short["tail"]) < 2000


def test_json_inside_json_is_cut_as_json() -> None:
    """A tool's result that is JSON text stays JSON text, level by level."""
    data = {"content": dumps({"rows": ["r" * 5000, "short"], "next": dumps({"deep": "d" * 5000, "n": 1})})}

    short = json.loads(cut(dumps(data), 3000))

    inner = json.loads(short["content"])
    assert "short" == inner["rows"][1]
    assert {"deep", "n"} == set(json.loads(inner["next"]))


def nested(depth: int, pad: int = 300) -> str:
    """Return JSON text inside JSON text, *depth* levels deep."""
    text = json.dumps({"a": "x" * 3000, "pad": [0] * pad})
    for _ in range(depth):
        text = json.dumps({"b": text, "pad": [0] * pad})
    return text


@pytest.mark.parametrize("limit", [50, 256, 2048, 20_000])
def test_the_work_for_json_inside_json_is_bounded(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However deep, no more is read than four times the value, and no more parts are looked at than the budget has."""
    read = []
    loads = orjson.loads
    monkeypatch.setattr(cutting.orjson, "loads", lambda text: read.append(len(text)) or loads(text))  # type: ignore[func-returns-value]
    for depth in range(9):
        read.clear()
        text = nested(depth)
        short = cut(text, limit)
        assert len(short) <= limit
        assert isinstance(json.loads(short), dict)
        assert sum(read) <= 4 * len(text) + 20 * limit


LARGE: dict[str, Callable[[int], str]] = {
    "empty lists": lambda n: "[" + "[]," * (n // 3) + "[]]",
    "floats": lambda n: json.dumps([0.123456789] * (n // 13)),
    "one text": lambda n: json.dumps({"a": "x" * n}),
    "escapes": lambda n: json.dumps({"a": '"\\\n' * (n // 6)}),
    "text that only begins like JSON": lambda n: "{" + "x" * n,
    "an open quote": lambda n: '{"a": "' + "x" * n,
    "quotes": lambda n: '["' * (n // 2),
    "backslashes": lambda n: '["' + "\\" * n,
    "open brackets": lambda n: "[" * n,
    "commas": lambda n: "[" + "," * n,
    "deep": lambda n: "[" * (n // 2) + "]" * (n // 2),
    "records": lambda n: json.dumps([{"a": 1, "b": "c" * 20}] * (n // 40)),
    "JSON in JSON": lambda n: json.dumps([json.dumps([json.dumps(["x" * (n // 40)])] * 5)] * 5),
    "keys": lambda n: json.dumps({f"key {number}": number for number in range(n // 20)}),
    "surrogates": lambda n: '["' + "\\ud800" * (n // 6) + '"]',
    "plain text": lambda n: "x" * n,
    "wide characters": lambda n: json.dumps(["\u4e2d" * n], ensure_ascii=False),
}


@pytest.mark.parametrize("limit", [200, 65_535])
@pytest.mark.parametrize("make", LARGE.values(), ids=LARGE)
def test_cutting_takes_time_as_the_value_is_long(make: Callable[[int], str], limit: int) -> None:
    """Linear, for anything that looks like JSON."""
    assert growth(lambda text: cut(text, limit), make, 30_000) < MOST


@pytest.mark.parametrize("make", LARGE.values(), ids=LARGE)
def test_what_is_too_large_to_read_is_cut_at_its_end(make: Callable[[int], str]) -> None:
    """Of JSON with very many parts the beginning stays, closed: still JSON, within the limit."""
    text = make(1_200_000)
    short = cut(text, 50_000)
    assert len(short) <= 50_000
    if _is_json(text):
        assert type(json.loads(text)) is type(json.loads(short))
        assert len(short) > 1000 or text.startswith("[[[[")


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


@settings(deadline=None, max_examples=150)
@given(CONTAINERS, st.integers(2, 400))
def test_a_beginning_is_json_within_the_limit(data: Any, limit: int) -> None:
    """Whatever stands at the cut: a text, an escape, a key, a number."""
    short = beginning(dumps(data), limit)

    assert short is not None
    assert len(short) <= limit
    assert type(data) is type(json.loads(short))


def test_a_text_at_the_end_of_a_beginning_is_cut_inside() -> None:
    """Of an object with one long text, the text's beginning stays, with the mark."""
    assert f'{{"a":1,"b":"{"x" * 20}{MARK}"}}' == beginning(dumps({"a": 1, "b": "x" * 5000}), 45)


@pytest.mark.parametrize(
    ("inside", "kept"),
    [
        ("ab\\n", "ab"),
        ("ab\\\\", "ab"),
        ("ab\\u00e9", "ab"),
        ("ab\\\\u00e9", "ab\\\\u00"),
        ("abcdefg", "abcde"),
    ],
)
def test_no_escape_is_cut_in_two(inside: str, kept: str) -> None:
    """A text is cut before an escape that lies on the limit; a backslash that is itself escaped begins none."""
    begin, closing = '["', f'{MARK}"]'
    limit = len(begin) + (len(kept) if kept != "ab" else 3) + len(closing)
    assert begin + kept + closing == beginning(f'["{inside}{"x" * 50}"]', limit)
