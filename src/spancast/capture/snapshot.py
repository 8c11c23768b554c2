"""A bounded copy of a framework's objects, made in the callback: what the application changes later is not seen.

*Bounded* means that the cost depends on the budget and never on the size of what is copied: a state with a million numbers
costs as much as one with ten thousand. Plain data is copied; what has a registered shape (messages, documents) by that
shape; models and dataclasses by the fields that they show; every other object becomes `<ClassName>`, without touching it:
no `repr`, no attribute access, no `isinstance` (which asks the object for its `__class__`).

Within a mapping the values that a reader needs first (messages, question, answer) are copied before the others, and no
value may use up what the values after it need. What was left out is marked: `[truncated: 990 more]`.
Why a copy at all: frameworks rename messages and give them ids after the callback has seen them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, cast

from ..record.json import INT64, JSON
from ..signal_errors import is_from_signal_handler
from .class_cache import ClassCache
from .exceptions import exception_shape
from .marks import MARK_KEY, mark
from .shapes import Shape, class_name, general_shape, key_text, whole_number

BUDGET = 12_000
"""Units of work of one snapshot. A unit is about 40 ns: one number in a list. The largest snapshot takes about 0.5 ms."""
TO_MEASURE = 2_000
"""Blocks of content that a snapshot keeps by reference and looks at one by one, for their size: about 1 ms."""
MAX_DEPTH = 12
FIRST = (
    *("messages", "input", "question", "query", "user_msg", "prompt"),
    *("answer", "output", "response", "result", "text", "content", "chat_history"),
)
"""Keys whose values are captured before those of others, whatever their order."""

_CONTAINER = 25  # units: one call, one object
_ENTRY = 2  # an entry of a mapping
_TEXT = 4  # a text in a list
_KEY = 6  # making text of a key that is a number
_OTHER_KEY = 60  # making text of any other key
_SHARE = 64  # units that are kept for each value still to come
_NUMBER_BYTES = 32  # a float or an int, and the pointer to it
_ENTRY_BYTES = 104
_CONTAINER_BYTES = 64
_sizeof = str.__sizeof__  # of memory, in bytes: characters may take one, two or four
_UNIFORM = 8  # a list that is longer is first looked at as a whole: the types of its items, in one call
FEW = 8  # entries of a mapping that may be copied without a budget
_NUMBERS = frozenset({int, float, bool, type(None)})
_TEXTS = frozenset({str})


class Snapshot:
    """Makes copies under one budget. Used by one thread, in one callback.

    Attributes:
        budget: Units of work that are left.
        room: How many levels deeper it may go.
        size: Bytes of memory that the copies keep alive: texts, keys, numbers and containers.
        left_out: How many values were left out, or shortened to their class name, for want of budget or depth.
        shapes: How instances of classes are copied.
        to_measure: Of how many blocks of messages' content the size is still looked at one by one.
    """

    __slots__ = ("budget", "left_out", "room", "shapes", "size", "to_measure")

    def __init__(self, shapes: ShapeTable, budget: int = BUDGET) -> None:
        self.budget = budget
        self.room = MAX_DEPTH
        self.size = 0
        self.left_out = 0
        self.to_measure = TO_MEASURE
        self.shapes = shapes

    def capture(self, value: object, depth: int = MAX_DEPTH) -> object:
        """Return a copy of *value*: plain data, with shaped objects inside, at most *depth* levels deep. Never raises."""
        kind = type(value)
        if kind is str:
            self.budget -= 1
            self.size += _sizeof(value)
            return value
        if value is None or kind is bool or kind is float:  # `in` would ask a metaclass for its hash
            self.budget -= 1
            self.size += _NUMBER_BYTES
            return value
        if kind is int:
            self.budget -= 1
            self.size += _NUMBER_BYTES
            return whole_number(value)  # type: ignore[arg-type]
        room = self.room
        if depth > room:
            depth = room
        if self.budget < _CONTAINER or depth <= 0:
            self.budget -= _ENTRY
            self.left_out += 1
            return class_name(kind)
        self.budget -= _CONTAINER
        self.size += _CONTAINER_BYTES
        self.room = depth - 1
        try:
            if kind is dict:
                return self.mapping(value)  # type: ignore[arg-type]
            if kind is list or kind is tuple:
                return self.sequence(value)  # type: ignore[arg-type]
            return self.shapes.shape_of(kind)(value, self)
        except Exception as error:  # an object that cannot be looked at: its class name says so
            if is_from_signal_handler(error):
                raise
            return class_name(kind)
        finally:
            self.room = room

    # ------------------------------------------------------------------ mappings
    def mapping(self, value: dict[Any, Any]) -> dict[str, object]:
        """Return a copy of a dict or an instance of a subclass, with text for keys."""
        count = dict.__len__(value)
        copied: dict[Any, object]
        if count * _ENTRY <= self.budget:
            # in one step: another thread may be changing it; `copy` asks a subclass for its own `__iter__` and `keys`
            copied = dict.copy(value) if type(value) is dict else dict(dict.items(value))
            for key in copied:
                if type(key) is not str:
                    copied = self._named(copied.items(), count)
                    break
        else:
            copied = self._first_entries(value, count)
        self.budget -= _ENTRY * len(copied)
        size = _ENTRY_BYTES * len(copied) + sum(map(len, copied))  # joining them is quicker, but copies a long one
        rest: list[str] = []
        for key, item in copied.items():
            kind = type(item)
            if kind is str:
                size += _sizeof(item)
            elif item is None or kind is bool or kind is float:
                continue
            elif kind is int:
                copied[key] = whole_number(item)  # type: ignore[arg-type]
            else:
                rest.append(key)
        self.size += size
        if rest:
            self._values(copied, rest)
        return copied

    def _values(self, copied: dict[Any, object], keys: list[str]) -> None:
        if len(keys) == 1:
            copied[keys[0]] = self.capture(copied[keys[0]])
            return
        keys.sort(key=self.shapes.rank)
        rest = len(keys)
        for key in keys:
            if self.budget < _CONTAINER:
                break
            rest -= 1
            copied[key] = self._within_share(copied[key], rest)
        else:
            return
        self.left_out += rest
        for key in keys[len(keys) - rest :]:
            copied[key] = class_name(type(copied[key]))

    def _within_share(self, value: object, rest: int) -> object:
        """Capture *value* so that each of the *rest* that come after it keeps a share of the budget."""
        kind = type(value)
        if kind is str or kind is int or value is None:
            return self.capture(value)
        half, reserve = self.budget >> 1, _SHARE * rest
        if reserve > half:
            reserve = half if half > 0 else 0
        self.budget -= reserve
        captured = self.capture(value)
        self.budget += reserve
        return captured

    def _named(self, entries: Iterable[tuple[object, object]], count: int) -> dict[Any, object]:
        """Return entries with text for keys; a mark says how many of *count* are not among them."""
        named: dict[Any, object] = {}
        for key, item in entries:
            kind = type(key)
            if kind is not str:
                if self.budget < 0:
                    break
                text = key_text(key)
                self.budget -= _KEY if kind is int else _OTHER_KEY
                if text in named:  # keys that have no text of their own
                    text = f"{text} ({len(named) + 1})"
                named[text] = item
            else:
                named[key] = item
        if count > len(named):
            self.left_out += count - len(named)
            named[MARK_KEY] = mark(count - len(named))
        return named

    def _first_entries(self, value: dict[Any, Any], count: int) -> dict[Any, object]:
        """Return the first entries of a mapping that is too large, after those that a reader needs first."""
        most = max(self.budget // (4 * _ENTRY), 1)  # half of the budget is for the values
        entries = list(islice(dict.items(value), most))  # in one call: no other thread comes in between
        first = [(key, dict.get(value, key)) for key in self.shapes.first if dict.__contains__(value, key)]
        return self._named([*first, *entries], count)

    # ------------------------------------------------------------------ sequences
    def sequence(self, value: list[Any] | tuple[Any, ...]) -> list[object]:
        """Return a copy of a list or tuple; of one that is too long the first and the last values."""
        count = len(value)
        if count <= _UNIFORM:
            return self._both_ends(list(value), count, 0)
        most = max(self.budget, 2)
        if count <= most:
            return self.first_of(list(value), count)
        first = list(value[:most])
        kinds = _types(first)
        if kinds <= _NUMBERS or kinds == _TEXTS:
            return self._uniform(first, kinds, count)
        half = most // 2
        return self._both_ends([*first[:half], *value[count - half :]], half, count - 2 * half)

    def first_of(self, values: list[Any], count: int) -> list[object]:
        """Return copies of *values*, a list of our own that holds the first of *count*."""
        length = len(values)
        if length > _UNIFORM:
            kinds = _types(values)
            if kinds <= _NUMBERS or kinds == _TEXTS:
                return self._uniform(values, kinds, count)
        return self._both_ends(values, length, count - length)

    def _uniform(self, values: list[Any], kinds: set[type] | frozenset[type], count: int) -> list[object]:
        """Count values that are all numbers, or all texts, without a step for each."""
        if kinds == _TEXTS:
            del values[max(self.budget // _TEXT, 1) :]
            self.budget -= _TEXT * len(values)
            self.size += sum(map(_sizeof, values))
        else:
            if int in kinds:  # compared here: a call for each costs more than all the rest
                values = [
                    item if type(item) is not int or -INT64 <= item < INT64 else whole_number(item) for item in values
                ]
            self.budget -= len(values)
            self.size += _NUMBER_BYTES * len(values)
        if count > len(values):
            self.left_out += count - len(values)
            values.append(mark(count - len(values)))
        return values

    def _both_ends(self, values: list[Any], gap_at: int, gap: int) -> list[object]:
        """Copy values from the front with a third of the budget, then from the back with the rest of it.

        *values*: a list of our own; before its index *gap_at*, *gap* values were left out already.
        """
        floor = self.budget - self.budget // 3
        length = len(values)
        front, back = 0, length
        while front < gap_at and (self.budget >= floor or not front):
            item = values[front]
            front += 1
            kind = type(item)
            if kind is str:
                self.budget -= 1
                self.size += _sizeof(item)
            elif front == length:
                values[front - 1] = self.capture(item)
            elif kind is int or item is None or self.budget < 2 * _SHARE * length:
                values[front - 1] = self._within_share(item, length - front)
            else:  # as `_within_share`, without its call: conversations are short lists of messages
                reserve = _SHARE * (length - front)
                self.budget -= reserve
                values[front - 1] = self.capture(item)
                self.budget += reserve
        bottom = max(front, gap_at) if gap else front
        while back > bottom and self.budget >= _CONTAINER:
            back -= 1
            values[back] = self.capture(values[back])
        left = back - front + gap
        if left:
            self.left_out += left
            values[front:back] = [mark(left)]
        return values

    # ------------------------------------------------------------------ counting
    def text(self, value: str) -> str:
        """Count a text that a shape keeps, and return it."""
        self.size += _sizeof(value)
        return value


def weight_of(value: object, most: int = 500) -> int:
    """Return about how many bytes plain data keeps alive; looks at no more than *most* values.

    For what is kept by reference because nobody changes it.
    """
    size = 0
    waiting: list[Any] = [(value,)]  # containers; texts and numbers in them take no step of their own
    while waiting:
        item = waiting.pop()
        values: Any
        if type(item) is dict:
            size += _ENTRY_BYTES * len(item)
            few = list(islice(item.items(), most))  # in one call: another thread may be changing it
            size += sum([len(key) for key, _ in few if type(key) is str])
            values = [inner for _, inner in few]
        else:
            size += _NUMBER_BYTES * len(item)
            values = item[:most]
        most -= len(values)
        for inner in values:
            kind = type(inner)
            if kind is str or kind is bytes:
                size += inner.__sizeof__()
            elif kind is dict or kind is list or kind is tuple:
                waiting.append(inner)
    return size


def size_of_texts(value: dict[Any, Any]) -> int:
    """Return the bytes of memory that *value*, of at most `FEW` entries, keeps alive where it holds texts alone; else 0.

    Such a mapping (a prompt's variables, a parser's input) needs no budget, so no Snapshot is made for it.
    """
    size = _CONTAINER_BYTES
    for key, item in value.items():
        if type(key) is not str or type(item) is not str:
            return 0
        size += _ENTRY_BYTES + len(key) + _sizeof(item)
    return size


def _types(values: list[Any]) -> set[type] | frozenset[type]:
    try:
        return set(map(type, values))
    except Exception:  # a metaclass whose instances cannot be hashed
        return frozenset({object})


class ShapeTable:
    """How the instances of a class are copied, and which values of a mapping come first."""

    __slots__ = ("_order", "first", "shape_of")

    def __init__(self, find: Callable[[type], Shape | None] = lambda _: None, first: tuple[str, ...] = FIRST) -> None:
        """*find* returns an adapter's own shape for a class; None: the general one."""
        self.first = first
        self.shape_of = ClassCache(lambda kind: find(kind) or exception_shape(kind) or general_shape(kind)).get
        self._order = {name: place - len(first) for place, name in enumerate(first)}

    def rank(self, key: str) -> int:
        """Return the order in which values are captured: the named ones first, the others as they stand."""
        return self._order.get(key, 0)


_GENERAL = ShapeTable()


def plain_data(value: object) -> JSON:
    """Return a plain copy of *value*, bounded: for metadata and attributes. An infinite number becomes text."""
    return sized_data(value)[0]


def sized_data(value: object) -> tuple[JSON, int]:
    """Return a plain copy of *value* and the bytes of memory that it keeps alive."""
    if type(value) is float and not math.isfinite(value):
        value = str(value)
    snapshot = Snapshot(_GENERAL)
    data = cast("JSON", snapshot.capture(value))
    return data, snapshot.size
