"""Look-ups in what others made: mappings, lists and objects of any class, without running code of theirs.

So a value of others is never compared, never tested for truth, and never asked by `isinstance`, which looks at its
`__class__`: its type decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from .spellings import Paths

_SCALARS = frozenset({str, int, float, bool, type(None), list, tuple, bytes})
NO_FIELDS: Mapping[str, Any] = {}
_namespace = type.__dict__["__dict__"].__get__  # of a class, without asking its metaclass


def fields_of(value: object) -> Mapping[str, Any]:
    """Return the fields of a mapping or an object: its instance dictionary, for pydantic models the extra fields too.

    No property and no `__getattr__` is run.
    """
    kind = type(value)
    if kind is dict:
        return value  # type: ignore[return-value]
    if kind in _SCALARS:
        return NO_FIELDS
    if issubclass(kind, dict):
        return dict(dict.items(value))  # type: ignore[arg-type]
    try:
        held: Mapping[str, Any] = object.__getattribute__(value, "__dict__")
    except Exception:  # an object without a dictionary
        return NO_FIELDS
    if type(held) is not dict:
        return NO_FIELDS
    extra = held.get("__pydantic_extra__")
    if extra is None and "__pydantic_fields__" in _namespace(kind):
        try:
            extra = object.__getattribute__(value, "__pydantic_extra__")
        except AttributeError:  # a model that was put together without its constructor
            extra = None
    return {**held, **extra} if type(extra) is dict and len(extra) else held


Steps = tuple[tuple[str, tuple[str, ...]], ...]


class _Split(NamedTuple):
    """Paths as steps. *firsts*: the first steps; *by_first*: the paths with each; *whole*: a path means the whole."""

    steps: Steps
    firsts: frozenset[str]
    by_first: Mapping[str, Steps]
    whole: bool


@lru_cache(maxsize=256)
def _split(paths: Paths) -> _Split:
    split = [path.split(".") for path in paths]
    steps = tuple([(first, tuple(rest)) for first, *rest in split])
    firsts = frozenset([first for first, _ in steps if first])
    by_first = {first: tuple([step for step in steps if step[0] in (first, "")]) for first in firsts}
    return _Split(steps, firsts, by_first, "" in paths)


_FEW = 64  # names whose comparison with those of the paths is less than looking each path up


def values_at(fields: Mapping[str, Any], paths: Paths) -> list[Any]:
    """Return the values that *fields* has at *paths*, in the order of the paths."""
    found: list[Any] = []
    steps, firsts, by_first, whole = _split(paths)
    if len(fields) <= _FEW:
        present = firsts.intersection(fields)  # most spellings are absent: one comparison of names
        if not present:
            return [fields] if whole else found
        if len(present) == 1:
            steps = by_first[next(iter(present))]
    for first, rest in steps:
        value = fields.get(first) if first else fields
        if value is None:
            continue
        for name in rest:
            value = _step(value, name)
            if value is None:
                break
        if value is not None:
            found.append(value)
    return found


def items_of(value: object, most: int = 4096) -> list[Any]:
    """Return the items of a list or tuple, at most *most*, by the iterator of that class; none of anything else."""
    kind = type(value)
    if kind is list or kind is tuple:
        return list(value[:most])  # type: ignore[index]
    for sequence in (list, tuple):
        if issubclass(kind, sequence):
            return list(islice(sequence.__iter__(value), most))  # type: ignore[arg-type]
    return []


def _step(value: object, name: str) -> Any:
    if type(value) is list and name.isupper():  # Gemini's counts by modality: a list of {modality, tokenCount}
        for item in value[:16]:
            entry = fields_of(item)
            if text_of(entry.get("modality")) == name:
                return entry.get("tokenCount", entry.get("token_count"))
        return None
    return fields_of(value).get(name)


def first_text(fields: Mapping[str, Any], paths: Paths) -> str | None:
    """Return the first value at *paths* that is a text, or a member of an enumeration, and not empty."""
    steps, firsts, _, _ = _split(paths)
    if firsts.isdisjoint(fields):
        return None
    for first, rest in steps:
        value = fields.get(first)
        if value is None:
            continue
        for name in rest:
            value = _step(value, name)
        text = text_of(value)
        if text:
            return text
    return None


def text_of(value: object) -> str | None:
    """Return the text that *value* is: itself, or an enumeration's value or name; else None."""
    kind = type(value)
    if kind is str:
        return value  # type: ignore[return-value]
    if value is None:
        return None
    if issubclass(kind, Enum):
        inner = value._value_  # type: ignore[attr-defined]
        return str.__str__(inner) if isinstance(inner, str) else str(value._name_)  # type: ignore[attr-defined]
    return str.__str__(value) if issubclass(kind, str) else None
