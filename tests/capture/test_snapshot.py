"""Snapshots: bounded plain copies of anything, without running the application's code."""

from __future__ import annotations

import datetime
import enum
import gc
import threading
import weakref
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import attrs
import numpy
import orjson
import pydantic.dataclasses
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, SecretBytes, SecretStr

from spancast.capture.marks import is_mark
from spancast.capture.snapshot import BUDGET, ShapeTable, Snapshot, plain_data, sized_data, weight_of
from spancast.record.json import dumps


class Colour(enum.Enum):
    RED = "red"


class Answer(BaseModel):
    text: str
    score: float = 0.5
    hidden: None = None


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow")


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


def leaves(value: Any) -> int:
    """Return how many values a copy holds."""
    if isinstance(value, dict):
        return 1 + sum(map(leaves, value.values()))
    return 1 + sum(map(leaves, value)) if isinstance(value, list) else 1


LARGE: dict[str, Callable[[int], Any]] = {
    "floats": lambda n: [0.5] * n,
    "integers": lambda n: list(range(n)),
    "texts": lambda n: ["x"] * n,
    "a tuple": lambda n: (1,) * n,
    "a set": lambda n: set(range(n)),
    "a deque": lambda n: deque(range(n)),
    "a mapping": lambda n: {str(number): "x" for number in range(n)},
    "a mapping by numbers": lambda n: dict.fromkeys(range(n), 0.5),
    "an ordered mapping": lambda n: OrderedDict((str(number), [1]) for number in range(n)),
    "records": lambda n: [{"a": 1.5, "b": "x"} for _ in range(n)],
    "vectors": lambda n: [[0.25] * 100 for _ in range(n // 100)],
    "columns": lambda n: {column: {row: row * 0.5 for row in range(n // 5)} for column in "abcde"},
    "lists of empty lists": lambda n: [[] for _ in range(n)],
    "models": lambda n: [Answer(text="x") for _ in range(n // 10)],
    "mixed": lambda n: [None, "x", 1, [1, [2]], {"a": {}}] * (n // 5),
    "a list subclass": lambda n: type("Own", (list,), {})(range(n)),
    "a model with many fields": lambda n: Loose(**{f"f{number}": 1 for number in range(n // 10)}),
}


@pytest.mark.parametrize("make", LARGE.values(), ids=LARGE)
def test_the_work_depends_on_the_budget_and_not_on_the_size(make: Callable[[int], Any]) -> None:
    """Ten times as much is copied to the same extent, and a text says that something was left out."""
    copies = []
    for size in (50_000, 500_000):
        snapshot = Snapshot(ShapeTable())
        copies.append(snapshot.capture({"value": make(size)}))
        assert snapshot.left_out > 0
        assert leaves(copies[-1]) <= BUDGET
        assert "[truncated" in dumps(copies[-1])  # type: ignore[arg-type]
    assert leaves(copies[1]) <= 1.2 * leaves(copies[0])


@pytest.mark.parametrize("make", LARGE.values(), ids=LARGE)
@pytest.mark.parametrize("order", ["before", "after"])
def test_what_a_reader_needs_first_is_there_beside_anything_large(make: Callable[[int], Any], order: str) -> None:
    """Messages, question and answer are captured before the rest of a state, whatever the order of its keys."""
    wanted = {"messages": [{"role": "user", "content": "why?"}], "answer": {"text": "because"}, "small": [1]}
    big = {"big": make(100_000)}
    copy: Any = plain_data({**wanted, **big} if order == "before" else {**big, **wanted})
    assert wanted == {name: copy[name] for name in wanted}


def test_the_newest_of_a_long_conversation_are_there() -> None:
    """Of a list that is too long the first and the last are kept, with a mark between them."""
    copy: Any = plain_data([{"role": "user", "content": f"turn {number}"} for number in range(50_000)])
    assert ("turn 0", "turn 49999") == (copy[0]["content"], copy[-1]["content"])
    (mark,) = [item for item in copy if is_mark(item)]
    assert f"[truncated: {50_000 - len(copy) + 1:,} more]" == mark


def test_a_large_value_leaves_room_for_those_after_it() -> None:
    """In a list, too, no value uses up the whole budget."""
    copy: Any = plain_data([[0.5] * 100_000, {"content": "the answer"}, [[1]] * 100_000, {"content": "the end"}])
    assert {"content": "the end"} == copy[-1]
    copy = plain_data([[0.5] * 100_000, {"content": "the answer"}])
    assert {"content": "the answer"} == copy[1]


def test_a_mapping_that_is_too_large_keeps_what_a_reader_needs() -> None:
    """Of a million keys the important ones are found without looking at all others."""
    copy: Any = plain_data({**{f"k{number}": number for number in range(100_000)}, "messages": ["the question"]})
    assert ["the question"] == copy["messages"]
    assert is_mark(copy["[truncated]"])


def test_small_values_are_copied_whole() -> None:
    """Nothing is left out of a state of usual size."""
    state = {
        "messages": [{"role": "user", "content": "x" * 1000, "n": number} for number in range(200)],
        "vector": [0.5] * 1536,
        "nested": {"a": {"b": {"c": {"d": {"e": [1, [2, [3]]]}}}}},
    }
    snapshot = Snapshot(ShapeTable())
    assert state == snapshot.capture(state)
    assert 0 == snapshot.left_out


@pytest.mark.parametrize(
    ("value", "least"),
    [
        ({"a": "x" * 1000, "b": ["y" * 500]}, 1500),
        ([[float(number) for number in range(1000)] for _ in range(5)], 5 * 1000 * 32),
        ({"k" * 10_000: 1}, 10_000),
        ([{"args": {"text": "x" * 100_000}}], 100_000),
        ("\u4e2d" * 1000, 2000),
        (["x" * 100] * 400, 400 * 140),
    ],
    ids=["texts", "numbers", "keys", "arguments", "wide characters", "many texts"],
)
def test_the_size_counts_the_memory_that_is_kept(value: Any, least: int) -> None:
    """Texts, keys, numbers and containers: at least what they hold, and no more than twice as much."""
    _, size = sized_data(value)
    assert least <= size <= 2 * least + 1000
    assert least * 0.6 <= weight_of([value]) <= 2 * least + 1000


def test_weighing_is_bounded_too() -> None:
    """What is kept by reference is counted without walking all of it."""
    assert 0 < weight_of([[[1.0] * 1000] * 1000] * 1000) < 100_000_000
    cycle: list[Any] = []
    cycle.append(cycle)
    assert weight_of(cycle) < 100_000


def test_a_class_that_is_made_for_one_request_goes_with_it() -> None:
    """The table of classes keeps none of them alive."""
    table = ShapeTable()

    def request() -> weakref.ref[type]:
        kind = type("PerRequest", (), {"__slots__": ("__weakref__",)})
        Snapshot(table).capture([kind()])
        return weakref.ref(kind)

    gone = [request() for _ in range(3)]
    gc.collect()
    assert [None, None, None] == [reference() for reference in gone]


def test_a_mapping_changed_by_another_thread_breaks_nothing() -> None:
    """A copy is made in one step, however the application goes on."""
    shared: dict[Any, Any] = {number: [number] for number in range(1000)}
    stop = threading.Event()

    def change() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            shared[number % 5000] = [number]
            shared.pop((number * 7) % 5000, None)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(200):
            assert isinstance(plain_data(shared), dict)
    finally:
        stop.set()
        thread.join()


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
def test_anything_becomes_valid_json(value: Any) -> None:
    """Whatever is held, it can be written as JSON that parses."""
    orjson.loads(dumps(plain_data([value])))
    orjson.loads(dumps(plain_data(value)))


# ---------------------------------------------------------------- what is hidden
CANARY = "sk-live-canary-4711"


@dataclass
class Account:
    name: str
    api_key: str = field(repr=False)


class Derived(Account):
    """A dataclass by inheritance, without the decorator."""


@dataclass(slots=True)
class SlottedAccount:
    name: str
    api_key: str = field(repr=False)


class Customer(BaseModel):
    name: str
    token: str = Field(default=CANARY, exclude=True)
    key: str = Field(default=CANARY, repr=False)
    secret: SecretStr = SecretStr(CANARY)
    raw: SecretBytes = SecretBytes(CANARY.encode())


class Subscriber(Customer):
    """The same by inheritance."""

    plan: str = "basic"


@attrs.define
class Session:
    name: str
    token: str = attrs.field(repr=False)
    masked: str = attrs.field(repr=lambda value: "***")


class OwnSecret(str):
    __slots__ = ()


OwnSecret.__name__ = "SecretStr"


@pytest.mark.parametrize(
    "value",
    [
        Account("Ada", CANARY),
        Derived("Ada", CANARY),
        SlottedAccount("Ada", CANARY),
        Customer(name="Ada"),
        Subscriber(name="Ada"),
        Session("Ada", CANARY, CANARY),
        {"name": "Ada", "key": SecretStr(CANARY), "other": OwnSecret(CANARY)},
        pydantic.dataclasses.dataclass(Account)("Ada", CANARY),
    ],
)
def test_what_a_type_marks_as_hidden_is_not_captured(value: Any) -> None:
    """`repr=False`, `exclude=True` and secret types stay behind, by inheritance too; the rest is there."""
    for holder in (value, {"inner": [value]}):
        text = dumps(plain_data(holder))
        assert CANARY not in text
        assert '"name":"Ada"' in text


def test_further_fields_of_a_model_are_there() -> None:
    """What a model holds beyond its declared fields is its content."""
    assert {"colour": "red", "size": 3} == plain_data(Loose(colour="red", size=3, _private=1, nothing=None))


def test_numbers_of_every_class_are_numbers() -> None:
    """Numpy's scalars become numbers, its arrays their shape; fractions are divided."""
    value = [numpy.float32(0.5), numpy.int64(3), numpy.float64(1.5), numpy.bool_(True), Fraction(1, 4), numpy.str_("x")]
    assert [0.5, 3, 1.5, True, 0.25, "x"] == plain_data(value)
    assert "<ndarray (400, 1536)>" == plain_data(numpy.zeros((400, 1536)))
    assert "<longdouble>" == plain_data(numpy.longdouble(1))


# ---------------------------------------------------------------- values that break a copy
class RaisingDecimal(Decimal):
    def __str__(self) -> str:
        raise RuntimeError("str")


class RaisingTime(datetime.datetime):
    def isoformat(self, *arguments: Any, **options: Any) -> str:
        raise RuntimeError("iso")


class RaisingZone(datetime.tzinfo):
    def utcoffset(self, moment: Any) -> Any:
        raise RuntimeError("offset")


class RaisingBytes(bytes):
    def __len__(self) -> int:
        raise RuntimeError("len")


class RaisingText(str):
    def __len__(self) -> int:
        raise RuntimeError("len")

    def __str__(self) -> str:
        raise RuntimeError("str")

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")


class RaisingList(list):  # type: ignore[type-arg]
    def __iter__(self) -> Any:
        raise RuntimeError("iter")

    def __len__(self) -> int:
        raise RuntimeError("len")


class Endless(list):  # type: ignore[type-arg]
    def __iter__(self) -> Any:
        while True:
            yield 1


class RaisingMapping(Mapping[str, str]):
    def __getitem__(self, key: str) -> str:
        raise RuntimeError

    def __iter__(self) -> Any:
        raise RuntimeError("iter")

    def __len__(self) -> int:
        return 1


class Proxy:
    @property
    def __class__(self) -> Any:
        raise RuntimeError("class")

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __hash__(self) -> int:
        return 1


class Meta(type):
    def __hash__(cls) -> int:
        raise RuntimeError("hash of a class")

    def __getattribute__(cls, name: str) -> Any:
        raise RuntimeError(name)


class OfMeta(metaclass=Meta):
    pass


@dataclass
class Node:
    next: object = None
    broken: int = 0

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


class Holder(enum.Enum):
    A: Any = [1]


Holder.A._value_.append(Holder.A)  # type: ignore[attr-defined]


def _self_holding(value: Any) -> Any:
    if isinstance(value, list):
        value.append(value)
    else:
        value["self"] = value
    return value


def _deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def _deep_key(levels: int) -> Any:
    key: Any = ()
    for _ in range(levels):
        key = (key,)
    return key


def _loop() -> Node:
    node = Node()
    object.__setattr__(node, "next", node)
    return node


HOSTILE: dict[str, Any] = {
    "Decimal subclass": RaisingDecimal(1),
    "datetime subclass": RaisingTime(2026, 1, 1),
    "time zone": datetime.datetime(2026, 1, 1, tzinfo=RaisingZone()),  # type: ignore[abstract]
    "bytes subclass": RaisingBytes(b"x"),
    "str subclass": RaisingText("x"),
    "list subclass": RaisingList([1]),
    "endless list": Endless([1]),
    "defaultdict that holds itself": _self_holding(defaultdict(dict)),
    "OrderedDict that holds itself": _self_holding(OrderedDict()),
    "list that holds itself": _self_holding([]),
    "subclass that holds itself": _self_holding(RaisingList()),
    "enum that holds itself": Holder.A,
    "dataclass that holds itself": _loop(),
    "deep list": _deep(10_000),
    "key: huge integer": {10**5000: 1},
    "key: proxy": {Proxy(): 1},
    "key: raising text": {RaisingText("key"): 1},
    "key: deep tuple": {_deep_key(3000): 1},
    "key: instance of a raising class": {OfMeta(): 1},
    "value: proxy": Proxy(),
    "Mapping": RaisingMapping(),
    "metaclass": OfMeta(),
    "class": OfMeta,
    "many of a metaclass": [OfMeta()] * 20,
    "generator": (number for number in range(3)),
    "huge integer": 10**100_000,
    "huge Decimal": Decimal("1" * 100_000),
    "lone surrogate": "\ud800",
    "long class name": type("x" * 100_000, (), {})(),
    "not a number": [float("nan"), float("inf")] * 10,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_value_breaks_a_copy(name: str) -> None:
    """Whatever cannot be looked at becomes a short text, beside its neighbours."""
    value = HOSTILE[name]
    for holder in (value, [1, value], {"before": 1, "value": value, "after": {"x": 1}}):
        copy = plain_data(holder)
        assert len(dumps(copy)) < 50_000
    assert (1, {"x": 1}) == (copy["before"], copy["after"])  # type: ignore[index,call-overload]


def test_what_cannot_be_looked_at_is_its_class_name() -> None:
    """The text that stands for it says what it was."""
    value = [Proxy(), RaisingMapping(), datetime.datetime(2026, 1, 1, tzinfo=RaisingZone()), OfMeta()]  # type: ignore[abstract]
    assert ["<Proxy>", "<RaisingMapping>", "2026-01-01T00:00:00", "<OfMeta>"] == plain_data(value)
    assert ["1", "2026-01-01T00:00:00", "x"] == plain_data(
        [RaisingDecimal(1), RaisingTime(2026, 1, 1), RaisingText("x")]
    )


def test_keys_without_a_text_of_their_own_do_not_hide_each_other() -> None:
    """Two objects of a class as keys are two entries; ids and dates are readable keys."""
    assert {"<Proxy>": 1, "<Proxy> (2)": 2} == plain_data({_Distinct(): 1, _Distinct(): 2})
    assert {"00000000-0000-0000-0000-000000000001": 1, "2026-01-02": 2} == plain_data(
        {UUID(int=1): 1, datetime.date(2026, 1, 2): 2}
    )


_Distinct = type("Proxy", (), {})
