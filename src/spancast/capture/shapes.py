"""How instances of a class are copied into a snapshot, judged by the class alone: no method of the object's is called."""

from __future__ import annotations

import re
import sysconfig
from collections import deque
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from itertools import islice
from pathlib import PurePath
from types import (
    BuiltinFunctionType,
    FunctionType,
    MemberDescriptorType,
    MethodDescriptorType,
    WrapperDescriptorType,
)
from typing import Any, Protocol, cast
from uuid import UUID

from ..record.json import INT64, digits
from .frames import array_reader, table_reader
from .marks import MARK_KEY, mark

_NAME = type.__dict__["__name__"].__get__
_MODULE = type.__dict__["__module__"].__get__
_MRO = type.__dict__["__mro__"].__get__
_NAMESPACE = type.__dict__["__dict__"].__get__
_MAX_NAME = 100  # characters of a class name
_MAX_TEXT = 1_000_000  # characters of an instance of a subclass of str: making plain text of it is a copy
_MAX_BITS = 16_384  # of an integer that is written in digits: conversion to decimal is quadratic
_MAX_DECIMAL = 4_096  # bytes of a Decimal
_MAX_FIELDS = 1_000  # of one model
# classes of texts that must not be shown: of pydantic, Starlette and others
_SECRETS = frozenset({"Secret", "SecretStr", "SecretBytes", "SecretString", "SecretValue"})


class Copier(Protocol):
    """What a shape needs of the snapshot that is being made."""

    budget: int
    left_out: int

    def capture(self, value: object) -> object:
        """Return a copy of *value*."""
        ...

    def mapping(self, value: dict[Any, Any]) -> object:
        """Return a copy of a mapping."""
        ...

    def first_of(self, values: list[Any], count: int) -> object:
        """Return copies of the first of *count* values."""
        ...

    def text(self, value: str) -> str:
        """Count a text that is kept."""
        ...


Shape = Callable[[Any, Any], object]  # the value, and the Copier


def plain_name(kind: type) -> str:
    """Return the name of a class, without asking its metaclass."""
    return cast("str", _NAME(kind))


def mro_of(kind: type) -> tuple[type, ...]:
    """Return a class and its bases, without asking its metaclass."""
    return cast("tuple[type, ...]", _MRO(kind))


def module_of(kind: type) -> str:
    """Return the module of a class, without asking its metaclass; empty where it has none."""
    try:
        module = _MODULE(kind)
    except AttributeError:
        return ""
    return module if type(module) is str else ""


def class_name(kind: type) -> str:
    """Return what stands for an object of which no more is captured."""
    return f"<{_NAME(kind)[:_MAX_NAME]}>"


def inherited(kind: type, name: str) -> Any:
    """Return what a class or its bases define as *name*, without asking a metaclass; None where nothing does."""
    for base in _MRO(kind):
        namespace = _NAMESPACE(base)
        if name in namespace:
            return namespace[name]
    return None


def general_shape(kind: type) -> Shape:
    """Return how instances of *kind* are copied."""
    if not _SECRETS.isdisjoint(map(_NAME, _MRO(kind))):  # whatever else they are derived from
        return _by_class_name
    if (table := table_reader(_MODULE(kind), _NAME(kind))) is not None:
        return table
    for base, shape in _SCALARS:
        if issubclass(kind, base):
            return shape
    if issubclass(kind, dict):
        return lambda value, copier: copier.mapping(value)
    for collection in _COLLECTIONS:
        if issubclass(kind, collection):
            return _items_of(collection)
    return _of_numpy(kind) or _of_fields(kind) or _by_class_name


def _by_class_name(value: object, copier: Copier) -> object:
    return class_name(type(value))


# ---------------------------------------------------------------- scalars: by methods of the base, never the object's own
def _of_enum(value: Any, copier: Copier) -> object:
    return copier.capture(object.__getattribute__(value, "_value_"))


def _of_text(value: Any, copier: Copier) -> object:
    if str.__len__(value) > _MAX_TEXT:
        return copier.text(str.__getitem__(value, slice(0, _MAX_TEXT)) + "[truncated]")
    return copier.text(str.__str__(value))


def whole_number(value: int) -> int | str:
    """Return an integer of 64 bits as it is, a larger one as its digits."""
    if -INT64 <= value < INT64:
        return value
    bits = value.bit_length()
    return digits(value) if bits <= _MAX_BITS else f"<int of {bits} bits>"


def _of_bytes(base: type) -> Shape:
    return lambda value, copier: f"<{_NAME(type(value))[:_MAX_NAME]} of {base.__len__(value)} bytes>"  # type: ignore[attr-defined]


def _of_decimal(value: Any, copier: Copier) -> object:
    return Decimal.__str__(value) if Decimal.__sizeof__(value) <= _MAX_DECIMAL else class_name(type(value))


def _of_fraction(value: Any, copier: Copier) -> object:
    return _slot(Fraction, "_numerator")(value) / _slot(Fraction, "_denominator")(value)


def _of_uuid(value: Any, copier: Copier) -> object:
    return str(UUID(int=_slot(UUID, "int")(value)))


def _of_datetime(value: Any, copier: Copier) -> object:
    if _is_library_zone(_slot(datetime, "tzinfo")(value)):
        return datetime.isoformat(value)
    return datetime(*[_slot(kind, name)(value) for kind, name in _DATE_PARTS]).isoformat()


def _of_time(value: Any, copier: Copier) -> object:
    if _is_library_zone(_slot(time, "tzinfo")(value)):
        return time.isoformat(value)
    return time(*[_slot(time, name)(value) for name in _TIME_PARTS]).isoformat()


_TIME_PARTS = ("hour", "minute", "second", "microsecond")
_DATE_PARTS = ((date, "year"), (date, "month"), (date, "day"), *[(datetime, name) for name in _TIME_PARTS])


def _is_library_zone(zone: object) -> bool:
    """Return whether a time zone is a library's: the offset of one of the application's own would run its code."""
    return zone is None or is_library_code(inherited(type(zone), "utcoffset"))


_INSTALLED = re.compile(r"[\\/](site|dist)-packages[\\/]")
_STANDARD = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})


def is_library_code(function: object) -> bool:
    """Return whether a function is the interpreter's, the standard library's or an installed package's."""
    if type(function) is not FunctionType:
        return type(function) in _COMPILED
    file = function.__code__.co_filename
    return _INSTALLED.search(file) is not None or file.startswith(_STANDARD)


_COMPILED = frozenset({WrapperDescriptorType, MethodDescriptorType, BuiltinFunctionType})


def _slot(kind: type, name: str) -> Callable[[object], Any]:
    read: Callable[[object], Any] = _NAMESPACE(kind)[name].__get__
    return read


_SCALARS: tuple[tuple[Any, Shape], ...] = (
    (Enum, _of_enum),
    (str, _of_text),
    (int, lambda value, copier: whole_number(int.__int__(value))),
    (float, lambda value, copier: float.__float__(value)),
    (bytes, _of_bytes(bytes)),
    (bytearray, _of_bytes(bytearray)),
    (memoryview, lambda value, copier: f"<memoryview of {value.nbytes} bytes>"),
    (UUID, _of_uuid),
    (Decimal, _of_decimal),
    (Fraction, _of_fraction),
    (complex, lambda value, copier: complex.__repr__(value)),
    (PurePath, lambda value, copier: copier.text(PurePath.__str__(value))),
    (datetime, _of_datetime),
    (date, lambda value, copier: date.isoformat(value)),
    (time, _of_time),
    (timedelta, lambda value, copier: timedelta.total_seconds(value)),
    (range, lambda value, copier: repr(value)),
)
_KEYS = (UUID, Decimal, PurePath, date, time)  # classes whose instances people use as keys


def _of_numpy(kind: type) -> Shape | None:
    """Copy a scalar of numpy by its value, an array by its items or its shape; numpy is not imported for it."""
    for base in _MRO(kind):
        if module_of(base) == "numpy" and _NAME(base) == "generic":
            return _numpy_scalar(_NAMESPACE(base)["item"])
        if (array := array_reader(module_of(base), _NAME(base), _NAMESPACE(base))) is not None:
            return array
    return None


def _numpy_scalar(item: Callable[[Any], object]) -> Shape:
    def shape(value: Any, copier: Copier) -> object:
        plain = item(value)
        return class_name(type(value)) if type(plain) is type(value) else copier.capture(plain)

    return shape


# ---------------------------------------------------------------- collections
_COLLECTIONS: tuple[Any, ...] = (list, tuple, set, frozenset, deque)


def _items_of(collection: Any) -> Shape:
    """Copy the first items by the iterator of the base, never by one of the object's own."""

    def shape(value: Any, copier: Copier) -> object:
        count = collection.__len__(value)
        return copier.first_of(list(islice(collection.__iter__(value), max(copier.budget, 1))), count)

    return shape


# ---------------------------------------------------------------- models, dataclasses, attrs classes
Fields = Callable[[object], dict[str, Any]]


def visible_fields(kind: type) -> Fields | None:
    """Return what reads the fields of instances of *kind* by name; None where the class declares no fields.

    What the class marks as hidden is left out: `repr=False` (dataclasses, pydantic, attrs) and `exclude=True` (pydantic).
    So is what begins with an underscore, and None. No property, no `__getattr__` and no descriptor of the application's
    is called.
    """
    by_pydantic = inherited(kind, "__pydantic_fields__")
    hidden = frozenset(_hidden_in(by_pydantic)) if isinstance(by_pydantic, dict) else frozenset()
    declared = inherited(kind, "__dataclass_fields__")
    if isinstance(declared, dict):  # those of pydantic among them
        return _reader(kind, [name for name, field in declared.items() if field.repr is True and name not in hidden])
    if isinstance(by_pydantic, dict):
        extra = inherited(kind, "__pydantic_extra__")
        read_extra = extra.__get__ if type(extra) is MemberDescriptorType else None
        return lambda value: _model_fields(value, hidden, read_extra)
    declared = inherited(kind, "__attrs_attrs__")
    if isinstance(declared, tuple):
        return _reader(kind, [field.name for field in declared if field.repr is True])
    return None


def _hidden_in(declared: dict[str, Any]) -> list[str]:
    return [name for name, field in declared.items() if field.repr is False or field.exclude]


def _model_fields(value: object, hidden: frozenset[str], read_extra: Callable[[object], Any] | None) -> dict[str, Any]:
    found = _shown(object.__getattribute__(value, "__dict__"), hidden)
    further = read_extra(value) if read_extra is not None else None
    if type(further) is dict and further:
        found.update(_shown(further, hidden))
    return found


def _shown(data: dict[Any, Any], hidden: frozenset[str]) -> dict[str, Any]:
    shown = {
        key: item
        for key, item in islice(dict.items(data), _MAX_FIELDS)
        if item is not None and type(key) is str and not key.startswith("_") and key not in hidden
    }
    if len(data) > _MAX_FIELDS:
        shown[MARK_KEY] = mark(len(data) - _MAX_FIELDS)
    return shown


def _reader(kind: type, names: list[str]) -> Fields:
    slots = {name: slot.__get__ for name in names if type(slot := inherited(kind, name)) is MemberDescriptorType}
    shown = [name for name in names if not name.startswith("_")]

    def read(value: object) -> dict[str, Any]:
        try:
            data = object.__getattribute__(value, "__dict__")
        except AttributeError:
            data = {}
        found: dict[str, Any] = {}
        for name in shown:
            item = dict.get(data, name)
            if item is None and name in slots:
                try:
                    item = slots[name](value)
                except AttributeError:  # a slot that was never filled
                    continue
            if item is not None:
                found[name] = item
        return found

    return read


def _of_fields(kind: type) -> Shape | None:
    read = visible_fields(kind)
    if read is None:
        return None

    def shape(value: object, copier: Copier) -> object:
        found = read(value)
        copier.left_out += MARK_KEY in found
        return copier.mapping(found) if found else class_name(type(value))

    return shape


# ---------------------------------------------------------------- keys
def key_text(key: object, depth: int = 3) -> str:
    """Return a mapping's key as text, without calling code of the key's own."""
    kind = type(key)
    if kind is str:
        return key  # type: ignore[return-value]
    if kind is int:
        return str(whole_number(key))  # type: ignore[arg-type]
    if key is None or kind is bool or kind is float:
        return repr(key)
    try:
        if kind is tuple and depth:
            return ".".join([key_text(part, depth - 1) for part in key[:8]])  # type: ignore[index]
        if issubclass(kind, Enum) and depth:
            return key_text(object.__getattribute__(key, "_value_"), depth - 1)
        if issubclass(kind, str):
            return str.__str__(key)
        for base, shape in _SCALARS:
            if base in _KEYS and issubclass(kind, base):
                return str(shape(key, _NoCount()))
    except Exception:  # a hostile key
        return class_name(kind)
    return class_name(kind)


class _NoCount:
    def text(self, value: str) -> str:
        return value
