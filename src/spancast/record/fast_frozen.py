"""Frozen records: dataclasses whose instances are made in a third of the time, and whose classes in a quarter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, dataclass, field, fields
from operator import attrgetter
from reprlib import recursive_repr
from typing import Any, TypeVar, cast, dataclass_transform

Record = TypeVar("Record")
_become = object.__dict__["__class__"].__set__


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(*, kw_only: bool = False, eq: bool = True) -> Callable[[type[Record]], type[Record]]:
    """Make a class a frozen dataclass with slots; it is used, copied, pickled and compared as one of `dataclass`.

    Its methods are the same functions for all classes, except for `__init__`: `dataclass` compiles six for each, four fifths
    of the time that making a class takes, and there are a hundred (`python benchmarks/import_time.py`).
    A frozen dataclass also stores each field through `object.__setattr__`: 3.2 us for an Operation's 23 fields. Here the
    new object is of a subclass that is not frozen, until its fields are set: about 1 us. Default factories are
    called once, so they must return something immutable.
    """

    def make(kind: type[Record]) -> type[Record]:
        made: Any = dataclass(init=False, repr=False, eq=False, slots=True, kw_only=kw_only)(kind)
        about = fields(made)
        made.__setattr__, made.__delattr__ = _refuse_to_set, _refuse_to_delete
        made.__getstate__, made.__setstate__ = _state, _set_state
        if kind.__repr__ is object.__repr__:  # one that a base has written hides what must not be shown
            made.__repr__ = _repr
        if eq:
            made.__eq__, made.__hash__ = _compared(attrgetter(*[each.name for each in about if each.compare]))
        init = _compiled(made, "__init__", "self, ", "    become(self, writable)\n", "")
        init.__annotations__ = {**{each.name: each.type for each in about if each.init}, "return": None}
        made.__init__ = init
        return cast("type[Record]", made)

    return make


def _refuse_to_set(self: object, name: str, value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: object, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, each.name) for each in fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for each, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, each.name, value)


@recursive_repr()
def _repr(self: Any) -> str:
    shown = ", ".join([f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr])
    return f"{type(self).__qualname__}({shown})"


def _compared(values: Callable[[Any], Any]) -> tuple[Callable[[Any, object], Any], Callable[[Any], int]]:
    """Return what compares records of one class by their *values*, and their hash."""

    def equal(self: Any, other: object) -> Any:
        return values(self) == values(other) if type(other) is type(self) else NotImplemented

    def hashed(self: Any) -> int:
        return hash(values(self))

    return equal, hashed


def positional(record: type[Record]) -> Callable[..., Record]:
    """Return a function that makes *record*s of the values of all fields, in the order in which the class has them.

    For the one place that makes most of them: matching 23 keywords costs 1.0 us of an Operation's 1.4.
    """
    return cast(
        "Callable[..., Record]", _compiled(record, "positional", "", "    self = new(writable)\n", "    return self\n")
    )


def _compiled(record: type, name: str, first: str, begin: str, end: str) -> Any:
    # A subclass without slots of its own: turning its instances into *record*'s compares no slots, which took a third of
    # the time of making one with 24 fields. Both methods: with one of them alone each store is a call through a wrapper.
    namespace = {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    open_to_writing = type(record.__name__, (record,), namespace)
    about = fields(record)
    defaults = {f"_{each.name}": _default(each) for each in about if _default(each) is not MISSING}
    given = [each for each in about if each.init]
    arguments = ", ".join(f"{each.name}=_{each.name}" if f"_{each.name}" in defaults else each.name for each in given)
    star = "*, " if about[0].kw_only else ""
    if not first:
        arguments, star = ", ".join(each.name for each in given), ""
    body = "".join(f"    self.{each.name} = {'' if each.init else '_'}{each.name}\n" for each in about)
    source = f"def {name}({first}{star}{arguments}):\n{begin}{body}    self.__class__ = record\n{end}"
    names: dict[str, Any] = {**defaults, "become": _become, "writable": open_to_writing, "record": record}
    names["new"] = object.__new__
    exec(source, names)  # noqa: S102  (names of our own fields, as in the standard library's dataclasses)
    made = names[name]
    made.__qualname__ = f"{record.__qualname__}.{name}"
    return made


def _default(field: Any) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()
