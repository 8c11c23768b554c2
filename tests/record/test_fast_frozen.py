"""Records and their classes are made quicker; nothing else about them differs from the standard library's dataclasses."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from dataclasses import field
from typing import Any

import pytest

from spancast.conventions.span import Span, SpanEvent, SpanLink
from spancast.record import cost, message, operation, usage
from spancast.record.fast_frozen import frozen, positional

RECORDS: list[Any] = [
    Span,
    SpanEvent,
    SpanLink,
    *(
        each
        for module in (cost, message, operation, usage)
        for each in vars(module).values()
        if isinstance(each, type) and dataclasses.is_dataclass(each) and each.__module__ == module.__name__
    ),
]


def values(record: Any) -> dict[str, Any]:
    """A different value for each field that can be given."""
    return {field.name: f"value of {field.name}" for field in dataclasses.fields(record) if field.init}


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_a_record_is_frozen_and_slotted_and_equal_by_its_fields(record: Any) -> None:
    """As `dataclass(frozen=True, slots=True)` made it: it can be copied, pickled, replaced and compared, not changed."""
    made = record(**values(record))
    first = dataclasses.fields(record)[0].name
    assert (record, False) == (type(made), hasattr(made, "__dict__"))
    assert values(record) == {name: getattr(made, name) for name in values(record)}
    assert made == copy.copy(made) == pickle.loads(pickle.dumps(made)) == dataclasses.replace(made)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, first, "other")


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_a_records_arguments_are_those_of_its_fields(record: Any) -> None:
    """Names, order, defaults; what has no default must be given; nothing else is taken."""
    fields = [field for field in dataclasses.fields(record) if field.init]
    signature = inspect.signature(record)
    assert [field.name for field in fields] == list(signature.parameters)
    needed = [field.name for field in fields if field.default is field.default_factory is dataclasses.MISSING]
    assert needed == [name for name, one in signature.parameters.items() if one.default is inspect.Parameter.empty]
    with pytest.raises(TypeError):
        record(**values(record), nothing=1)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_in_order_makes_the_same_record(record: Any) -> None:
    """All values, in the order of the fields."""
    given = values(record)
    assert record(**given) == positional(record)(*given.values())


@frozen()
class Sample:
    """A record as any other."""

    name: str
    at: int = field(default=0, compare=False)
    further: tuple[object, ...] = field(default=(), repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Reference:
    """The same, by the standard library."""

    name: str
    at: int = field(default=0, compare=False)
    further: tuple[object, ...] = field(default=(), repr=False)


def test_it_reads_compares_and_hashes_as_the_standard_librarys() -> None:
    """By the fields that are compared; text of those that are shown; what cannot be hashed is not; no field is deleted."""
    for kind in (Sample, Reference):
        one: Any = kind("a", 1)
        assert (one == kind("a", 2), one == kind("b", 1), one == "a") == (True, False, False)
        assert {one: "x"}[kind("a", 3)] == "x"
        assert repr(one) == f"{kind.__name__}(name='a', at=1)"
        with pytest.raises(TypeError):
            hash(kind("a", 1, ([],)))
        with pytest.raises(dataclasses.FrozenInstanceError):
            del one.name
    other: Any = Reference("a")
    assert Sample("a") != other
    assert inspect.signature(Sample) == inspect.signature(Reference)


def test_a_record_within_itself_can_be_shown() -> None:
    items: list[object] = []
    one = Nested(items)
    items.append(one)
    assert repr(one) == "Nested(items=[...])"


@frozen(eq=False)
class Nested:
    """A record that may hold itself, compared by identity."""

    items: list[object]
