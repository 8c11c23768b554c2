"""Trace fields out of a graph's run context, where the application names them: `context_fields={"user": "user_id"}`.

LangGraph gives the `context` of a run to its nodes and to no callback. It is an argument of the function that starts the
run, so that function's frame is asked; only where fields are named, and only for them. No code of the context's is run.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import FrameType, MemberDescriptorType
from typing import Any

from ..capture.lookup import fields_of
from ..recording.fields import EMPTY, TraceFields, fields_from_kwargs
from ..validation import SettingsError

_STARTS = frozenset({"stream", "astream"})  # functions of LangGraph's `Pregel`, in this module
_MODULE = "langgraph.pregel.main"
_MAX_FRAMES = 24  # from the handler through LangChain's manager to the graph
_MAX_FIELDS = 32

Paths = tuple[tuple[str, tuple[str, ...]], ...]  # the name of a trace field, and the path to its value


def checked_paths(named: object) -> Paths:
    """Return what `context_fields` names, split. Raises SettingsError where it is no mapping of names to names."""
    if named is None:
        return ()
    if not isinstance(named, Mapping) or not all(type(key) is str and type(path) is str for key, path in named.items()):
        raise SettingsError(
            f"context_fields is a {type(named).__name__} that cannot be used: give the trace field and the name in the "
            'run\'s context, for example {"user": "user_id"}.'
        )
    if len(named) > _MAX_FIELDS:
        raise SettingsError(f"context_fields has {len(named)} names: give {_MAX_FIELDS} at most.")
    return tuple((key, tuple(path.split("."))) for key, path in named.items())


def fields_in_context(paths: Paths) -> TraceFields:
    """Return the fields that *paths* name in the context of the graph that starts now. Called in its start event."""
    context = _context_of_run()
    if context is None:
        return EMPTY
    return fields_from_kwargs({name: value for name, path in paths if (value := _at(context, path)) is not None})


def _context_of_run() -> Any:
    frame: FrameType | None = sys._getframe(2)
    for _ in range(_MAX_FRAMES):
        if frame is None:
            return None
        if frame.f_code.co_name in _STARTS and frame.f_globals.get("__name__") == _MODULE:
            return frame.f_locals.get("context")
        frame = frame.f_back
    return None


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if value is None:
            return None
        value = fields_of(value).get(name, _slot(value, name))
    return value


def _slot(value: object, name: str) -> Any:
    """Return what an object of a class with slots has under *name*; None where that is no slot, or empty."""
    for kind in type.mro(type(value)):
        member = vars(kind).get(name)
        if member is not None:
            try:
                return member.__get__(value) if type(member) is MemberDescriptorType else None
            except AttributeError:
                return None
    return None
