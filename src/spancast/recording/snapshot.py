"""A bounded copy of a framework's objects, taken in the callback: what the application changes later is not seen.

Plain data is copied; what has a registered shape (messages, documents) by that shape; pydantic models and dataclasses by
their fields; every other object becomes `<ClassName>` at once, without touching it: no `repr`, no attribute access, and no
`isinstance`, which asks the object for its `__class__`.
Why a copy at all: `reference/performance` 4 (iv) found messages renamed and given ids after the callback.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from ..record.json import JSON, digits

MAX_DEPTH = 12
MAX_ITEMS = 20_000
_MAX_BINARY = 64
_LEFT_OUT = object()
_INT64 = 2**63  # JSON and OTLP carry no larger integers

Shape = Callable[[Any, "Snapshot"], object]


class Snapshot:
    """Takes copies under one budget.

    Attributes:
        size: Characters held so far (an estimate of bytes, for the lane's bound).
        items: How many values may still be copied.
    """

    __slots__ = ("items", "shapes", "size")

    def __init__(self, shapes: ShapeTable) -> None:
        self.size = 0
        self.items = MAX_ITEMS
        self.shapes = shapes

    def take(self, value: object, depth: int = MAX_DEPTH) -> object:
        """Return a copy of *value*: plain data, with shaped objects inside. Never raises for what is in *value*."""
        kind = type(value)
        if kind is str:
            self.size += len(value)  # type: ignore[arg-type]
            return value
        if value is None or kind is bool or kind is float:
            return value
        if kind is int:
            return value if -_INT64 <= value < _INT64 else digits(value)  # type: ignore[operator, arg-type]
        self.items -= 1
        if depth <= 0 or self.items < 0:
            return f"<{kind.__name__}>"
        if kind is dict:
            self.size += 16
            return self._mapping(value, depth - 1)  # type: ignore[arg-type]
        if kind is list or kind is tuple:
            self.size += 16
            return self._sequence(value, depth - 1)  # type: ignore[arg-type]
        shape = self.shapes.get(kind) or self.shapes.learn(kind)
        return shape(value, self)

    def _mapping(self, value: dict[object, object], depth: int) -> object:
        taken: dict[Any, object] = value.copy()  # at once: the application may be changing it
        named = True
        for key, item in taken.items():
            if type(key) is not str:
                named = False
            if type(item) is str:  # most values are text: no call
                self.size += len(item)
            else:
                taken[key] = self.take(item, depth) if self.items >= 0 else _LEFT_OUT
        return taken if named and self.items >= 0 else self._bounded(taken)

    def _bounded(self, taken: dict[Any, object]) -> dict[str, object]:
        """Return a copied mapping with text for keys, and without what was left out."""
        return {key_text(key): item for key, item in taken.items() if item is not _LEFT_OUT}

    def _sequence(self, value: list[object] | tuple[object, ...], depth: int) -> object:
        taken: list[object] = []
        for item in tuple(value):
            if self.items < 0:
                break
            if type(item) is str:
                self.size += len(item)
                taken.append(item)
            elif depth > 0 and (shape := self.shapes.get(type(item))) is not None:
                self.items -= 1
                taken.append(shape(item, self))
            else:
                taken.append(self.take(item, depth))
        return taken


class ShapeTable(dict[type, Shape]):
    """How the instances of a class are copied; learnt once per class."""

    def __init__(self, find: Callable[[type], Shape | None] = lambda _: None) -> None:
        super().__init__()
        self._find = find

    def learn(self, kind: type) -> Shape:
        """Return the shape for *kind*: the adapter's own, else the general one."""
        found = self._find(kind)
        shape = _guarded(found, kind) if found is not None else general_shape(kind)
        if len(self) < 4096:  # classes made in a loop must not grow the table for ever
            self[kind] = shape
        return shape


def general_shape(kind: type) -> Shape:
    """Return how instances of *kind* are copied, judged by the class alone."""
    for base, shape in _SCALARS:
        if issubclass(kind, base):
            return shape
    if issubclass(kind, dict):
        return lambda value, taken: taken._mapping(dict(dict.items(value)), MAX_DEPTH - 2)
    for sequence in (list, tuple, set, frozenset):
        if issubclass(kind, sequence):
            return _items_shape(sequence)
    if "__pydantic_fields__" in vars(kind) or "__dataclass_fields__" in vars(kind):
        return _fields_shape(kind)
    return _by_class_name(kind)


def _items_shape(kind: Any) -> Shape:
    """Copy the items of a class derived from *kind* by that class's own iterator, never by one of the object's."""
    return lambda value, taken: taken._sequence(tuple(kind.__iter__(value)), MAX_DEPTH - 2)


def _fields_shape(kind: type) -> Shape:
    """Copy a pydantic model or a dataclass by its instance dictionary, never through properties or `__getattr__`."""
    names = tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()

    def shape(value: object, taken: Snapshot) -> object:
        held: dict[Any, Any] = {name: object.__getattribute__(value, name) for name in names}
        if not names:
            held = object.__getattribute__(value, "__dict__")
        public = {key: item for key, item in held.items() if item is not None and not str(key).startswith("_")}
        return taken._mapping(public, MAX_DEPTH - 4) if public else f"<{kind.__name__}>"

    return _guarded(shape, kind)


def _guarded(shape: Shape, kind: type) -> Shape:
    name = f"<{kind.__name__}>"

    def guarded(value: object, taken: Snapshot) -> object:
        try:
            return shape(value, taken)
        except Exception:  # a hostile object is worth its class name, no more
            return name

    return guarded


def _by_class_name(kind: type) -> Shape:
    name = f"<{kind.__name__}>"
    return lambda value, taken: name


def _of_enum(value: Any, taken: Snapshot) -> object:
    return taken.take(value._value_)


def _of_text(value: Any, taken: Snapshot) -> object:
    plain = str.__str__(value)
    taken.size += len(plain)
    return plain


def _of_binary(value: Any, taken: Snapshot) -> object:
    return f"<{type(value).__name__} of {len(value)} bytes>"


_SCALARS: tuple[tuple[Any, Shape], ...] = (
    (Enum, _of_enum),
    (str, _of_text),
    (bool, lambda value, taken: bool(value)),
    (int, lambda value, taken: taken.take(int.__int__(value))),
    (float, lambda value, taken: float.__float__(value)),
    ((bytes, bytearray, memoryview), _of_binary),
    ((UUID, Decimal, PurePath), lambda value, taken: str(value)),
    ((datetime, date, time), lambda value, taken: value.isoformat()),
    (timedelta, lambda value, taken: value.total_seconds()),
)


def key_text(key: object) -> str:
    """Return a mapping's key as text, without calling code of the key's own."""
    if isinstance(key, Enum):
        key = key._value_
    if isinstance(key, str):
        return str.__str__(key)
    if key is None or isinstance(key, (bool, int, float)):
        return repr(key) if type(key) in _PLAIN else f"<{type(key).__name__}>"
    if type(key) is tuple:
        return ".".join(key_text(part) for part in key)
    return f"<{type(key).__name__}>"


_PLAIN = frozenset({type(None), bool, int, float})
_GENERAL = ShapeTable()


def plain_data(value: object) -> JSON:
    """Return a plain copy of *value*, bounded: for metadata and attributes. Infinite numbers become text."""
    if type(value) is str or type(value) is bool:
        return value
    if type(value) is float and not math.isfinite(value):
        return str(value)
    return Snapshot(_GENERAL).take(value)  # type: ignore[return-value]
