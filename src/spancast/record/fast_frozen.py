"""Quick construction of frozen records: the same classes, made in a third of the time where it counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, TypeVar, cast

Record = TypeVar("Record")
_become = object.__dict__["__class__"].__set__


def fast_frozen(record: type[Record]) -> type[Record]:
    """Give a frozen dataclass with slots another `__init__`; everything else stays as `dataclass` made it.

    A frozen dataclass stores each field through `object.__setattr__`: 3.2 us for an Operation's 23 fields. Here the new
    object is of a subclass that is not frozen, until its fields are set: about 1 us. Default factories are
    called once, so they must return something immutable.
    """
    made = _compiled(record, "__init__", "self, ", "    become(self, writable)\n", "")
    made.__doc__, made.__annotations__ = record.__init__.__doc__, record.__init__.__annotations__
    record.__init__ = made  # type: ignore[method-assign]
    return record


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
