"""Reads instances and arguments of LlamaIndex's calls without running code of the application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def attributes_of(instance: object) -> Mapping[str, Any]:
    """Return what stands on the instance itself: no property and no `__getattr__` of the user's is run."""
    try:
        return object.__getattribute__(instance, "__dict__")  # type: ignore[no-any-return]
    except AttributeError:
        return {}


def first(arguments: Mapping[str, Any], *names: str) -> Any:
    """Return the argument of one of these names, else the first: whoever overrides a method may rename its arguments.

    LlamaIndex's own decorators take `*args, **kwargs`: then the names stand in `kwargs`, or the first in `args`.
    """
    further = arguments.get("kwargs")
    for place in (arguments, further if isinstance(further, dict) else {}):
        for name in names:
            if name in place:
                return place[name]
    named = [value for name, value in arguments.items() if name not in ("kwargs", "args")]
    return next(iter((*named, *(arguments.get("args") or ()))), None)


def first_text(values: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """Return the first text that stands under one of these names."""
    for name in names:
        value = values.get(name)
        if isinstance(value, str) and value and value != "unknown":
            return value
    return None
