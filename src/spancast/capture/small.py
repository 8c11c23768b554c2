"""Copies small values in the callback without a Snapshot and its budget: what chains, agents and models pass on most.

The size of a value is looked at first: a few entries, a few levels. What is larger, or of a class without a small copy, is
left to the Snapshot. The copies are those that a Snapshot makes, except where an adapter copies lists of messages in its own
way. This saves half of the instructions of capturing a chain of a prompt, a model and a parser, and three quarters of those
of an agent's states (`benchmarks/instructions.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

from ..record.json import INT64
from ..signal_errors import is_from_signal_handler
from .snapshot import FEW, ShapeTable, Snapshot

Copied = tuple[Any, int]
"""A copy, and the bytes that it keeps alive."""
Small = Callable[[Any, int], "Copied | None"]
"""Copies an instance of one class with as many levels within it; None where it is not small."""
LEVELS = 3  # of mappings and lists within each other
MOST_MESSAGES = 256  # of one list; 2,048 in all, a millisecond
CONTAINER_BYTES = 64
_MOST_WITHIN = 32  # of one list on the last level
_MOST_VALUES = 64  # that become JSON text
_MOST_TEXT = 16_000  # characters of one of them
ENTRY_BYTES = 104
_NUMBER_BYTES = 32
_sizeof = str.__sizeof__


class SmallCopies(NamedTuple):
    """How an adapter copies small values. Each returns None for what is not small, and raises what the value's class raises.

    Attributes:
        copy: Copies any value.
        mapping: Copies a mapping, and what is in it on so many further levels.
        list: Copies a list, and what is in it on so many further levels.
    """

    copy: Callable[[object], Copied | None]
    mapping: Callable[[dict[Any, Any], int], tuple[dict[str, object], int] | None]
    list: Callable[[list[Any], int], tuple[list[Any], int] | None]


def small_copies(  # noqa: C901  (three small functions that call each other)
    small_of_class: Callable[[type], Small | None],
    messages: Iterable[type],
    copy_messages: Callable[[list[Any]], tuple[list[Any], int] | None],
) -> SmallCopies:
    """Return how an adapter copies small values.

    Args:
        small_of_class: Returns the copier of a class's instances.
        messages: The classes of messages; a list that begins with one is left to *copy_messages*.
        copy_messages: Copies a list of at most `MOST_MESSAGES` messages, which is the callback's own.
    """
    are_messages = frozenset(map(id, messages))  # a metaclass may refuse to be hashed

    def copy_small(value: object) -> Copied | None:
        kind = type(value)
        if kind is dict:
            return small_mapping(value, LEVELS)  # type: ignore[arg-type]
        if kind is list:
            return small_list(value, LEVELS)  # type: ignore[arg-type]
        small = small_of_class(kind)
        return None if small is None else small(value, LEVELS)

    def small_mapping(value: dict[Any, Any], levels: int) -> tuple[dict[str, object], int] | None:
        count = len(value)
        if count > FEW:
            return None
        copied = value.copy()  # in one step: another thread may be changing it
        size = CONTAINER_BYTES + ENTRY_BYTES * count
        for key, item in copied.items():
            if type(key) is not str:
                return None
            kind = type(item)
            if kind is str:
                size += len(key) + _sizeof(item)
            elif kind is int:
                if not -INT64 <= item < INT64:
                    return None
            elif kind is list:
                listed = small_list(item, levels - 1)
                if listed is None:
                    return None
                copied[key], more = listed
                size += len(key) + more
            elif item is not None and kind is not bool and kind is not float:
                found = within(item, kind, levels)
                if found is None:
                    return None
                copied[key], more = found
                size += len(key) + more
        return copied, size

    def small_list(value: list[Any], levels: int) -> tuple[list[Any], int] | None:
        if not levels:
            return None
        count = len(value)
        if not count:
            return [], CONTAINER_BYTES
        if count > (MOST_MESSAGES if levels > 1 else _MOST_WITHIN):
            return None
        copied = value.copy()
        kind = type(copied[0])
        if id(kind) in are_messages:
            return copy_messages(copied)
        if count > FEW:
            return None
        size = CONTAINER_BYTES + _NUMBER_BYTES * count
        for index, item in enumerate(copied):
            kind = type(item)
            if kind is str:
                size += _sizeof(item)
            elif kind is int:
                if not -INT64 <= item < INT64:
                    return None
            elif item is not None and kind is not bool and kind is not float:
                found = within(item, kind, levels)
                if found is None:
                    return None
                copied[index], more = found
                size += more
        return copied, size

    def within(item: Any, kind: type, levels: int) -> Copied | None:
        """Copy an entry of a mapping or a list that is neither a text nor a number."""
        if kind is dict:
            return small_mapping(item, levels - 1) if levels > 1 else None
        if levels <= 1:
            return None
        if kind is list:
            return small_list(item, levels - 1)
        small = small_of_class(kind)
        return None if small is None else small(item, levels - 1)

    return SmallCopies(copy_small, small_mapping, small_list)


class Sized(Protocol):
    """What counts how much is captured for it: an open operation."""

    size: int


def capturing(
    copy_small: Callable[[object], Copied | None],
    small_mapping: Callable[[dict[Any, Any], int], Copied | None],
    shapes: ShapeTable,
) -> Callable[[object, Sized], Any]:
    """Return how an adapter captures values: by its small copies, and what is not small by a snapshot with *shapes*."""

    def capture(value: object, operation: Sized) -> object:
        """Return a snapshot of *value* for *operation*, and count its size."""
        kind = type(value)
        if kind is str:
            operation.size += str.__sizeof__(value)
            return value
        if value is None:
            return None
        try:  # most are mappings: for them a call less
            found = small_mapping(value, LEVELS) if kind is dict else copy_small(value)  # type: ignore[arg-type]
        except Exception as error:  # an object that cannot be looked at: the snapshot says so
            if is_from_signal_handler(error):
                raise
            found = None
        if found is not None:
            operation.size += found[1]
            return found[0]
        snapshot = Snapshot(shapes)
        captured = snapshot.capture(value)
        operation.size += snapshot.size
        return captured

    return capture


def is_small(value: dict[Any, Any] | list[Any]) -> bool:
    """Return whether *value* holds few plain values, on any levels, and no long text: then JSON text of it is no work."""
    left = _MOST_VALUES
    waiting: list[Any] = [value]
    for container in waiting:  # which grows meanwhile
        left -= len(container)
        if left < 0:
            return False
        for item in container.values() if type(container) is dict else container:
            kind = type(item)
            if kind is str:
                if len(item) > _MOST_TEXT:
                    return False
            elif kind is dict or kind is list:
                waiting.append(item)
            elif item is not None and kind is not int and kind is not bool and kind is not float:
                return False
    return True
