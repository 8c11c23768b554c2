"""Snapshots: bounded plain copies of anything, without running the application's code."""

from __future__ import annotations

import datetime
import enum
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from spancast.record.json import dumps
from spancast.recording.snapshot import MAX_ITEMS, ShapeTable, Snapshot, plain_data


class Colour(enum.Enum):
    RED = "red"


class Answer(BaseModel):
    text: str
    score: float = 0.5
    hidden: None = None


@dataclass
class Point:
    x: int
    inner: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Slotted:
    __slots__ = ("x",)
    x: int


class Hostile:
    """Every way to look at it raises."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(f"touched: {name}")

    def __repr__(self) -> str:
        raise RuntimeError("repr")

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")

    __hash__ = None  # type: ignore[assignment]


def test_plain_data_is_copied() -> None:
    """What the application appends later is not seen."""
    inner = [1]
    held = plain_data({"a": inner})
    inner.append(2)
    assert {"a": [1]} == held


def test_known_classes_become_readable() -> None:
    """Enums, models, dataclasses, dates, ids, decimals and paths keep what they say."""
    value = {
        "enum": Colour.RED,
        Colour.RED: "key",
        "model": Answer(text="hi"),
        "point": Point(1, [2]),
        "slotted": Slotted(3),
        "date": datetime.date(2026, 1, 2),
        "uuid": UUID(int=1),
        "decimal": Decimal("1.5"),
        "path": PurePosixPath("a/b"),
        "bytes": b"abc",
        "set": {1},
        "tuple": (1, (2,)),
    }
    expected = {
        "enum": "red",
        "red": "key",
        "model": {"text": "hi", "score": 0.5},
        "point": {"x": 1, "inner": [2]},
        "slotted": {"x": 3},
        "date": "2026-01-02",
        "uuid": "00000000-0000-0000-0000-000000000001",
        "decimal": "1.5",
        "path": "a/b",
        "bytes": "<bytes of 3 bytes>",
        "set": [1],
        "tuple": [1, [2]],
    }
    assert expected == plain_data(value)


def test_foreign_objects_become_their_class_name() -> None:
    """An object is never asked anything: no repr, no attribute, no comparison."""
    assert {"client": "<Hostile>", "type": "<type>", "function": "<builtin_function_or_method>"} == plain_data(
        {"client": Hostile(), "type": int, "function": len}
    )


def test_keys_of_any_kind_become_text() -> None:
    """JSON knows only text keys."""
    assert {"1": "a", "None": "b", "1.x": "c", "<Hostile2>": "d"} == plain_data(
        {1: "a", None: "b", (1, "x"): "c", Hostile2(): "d"}
    )


class Hostile2:
    def __repr__(self) -> str:
        raise RuntimeError


def test_cycles_and_depth_are_bounded() -> None:
    """A structure that contains itself ends in its class name."""
    cycle: dict[str, Any] = {}
    cycle["self"] = cycle
    assert '"<dict>"' in dumps(plain_data(cycle))


def test_the_number_of_items_is_bounded() -> None:
    """A million values are not copied inside the application's call."""
    taken = Snapshot(ShapeTable())
    held = taken.take([[index] for index in range(100_000)])
    assert len(held) <= MAX_ITEMS + 1  # type: ignore[arg-type]


def test_the_size_counts_all_text() -> None:
    """The size that bounds the lanes is the text that is held."""
    taken = Snapshot(ShapeTable())
    taken.take({"a": "x" * 1000, "b": ["y" * 500]})
    assert 1500 <= taken.size < 1600


def test_subclasses_of_plain_types_lose_their_code() -> None:
    """A str or dict subclass is taken by its plain value, not by its methods."""

    class Text(str):
        def __str__(self) -> str:
            raise RuntimeError

    class Map(dict):  # type: ignore[type-arg]
        def items(self) -> Any:
            raise RuntimeError

    held = plain_data({"t": Text("hi"), "m": Map(a=1)})
    assert {"t": "hi", "m": {"a": 1}} == held
    assert str is type(held["t"])  # type: ignore[index,call-overload]


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary() | st.uuids()
    | st.datetimes() | st.decimals() | st.sampled_from([Colour.RED, int, len]) | st.integers().map(lambda _: Hostile()),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner)
    | st.dictionaries(st.text(max_size=5) | st.integers() | st.none(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(_anything)
@settings(max_examples=200)
def test_anything_becomes_valid_json(value: Any) -> None:
    """Whatever is held, it can be written as JSON that parses."""
    orjson.loads(dumps(plain_data([value])))
    orjson.loads(dumps(plain_data(value)))
