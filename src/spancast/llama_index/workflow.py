"""What is asked of workflows: fields of their events, and what a step that returned nothing was doing."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any

from workflows.events import Event
from workflows.runtime.types.results import AddCollectedEvent, StepWorkerStateContextVar

from ..capture.class_cache import ClassCache

_WAITING = "captured_waiting"  # a variable of the function of `workflows` that runs a step
_MAX_FRAMES = 16  # between the end of a step's span and that function


_is_event = ClassCache(lambda kind: issubclass(kind, Event)).get


def event_in(arguments: Mapping[str, Any]) -> Any:
    """Return the event that a step was started with."""
    for value in arguments.values():
        if _is_event(type(value)):
            return value
    return None


def field(event: object, name: str) -> Any:
    """Return a declared field of an event; None when it has none of that name."""
    return event.__dict__.get(name) if _is_event(type(event)) else None


def only_collected() -> bool:
    """Return whether the running step has only put its event into a join's buffer, and sent nothing."""
    try:
        step = StepWorkerStateContextVar.get()
        return (
            any(isinstance(item, AddCollectedEvent) for item in step.returns.return_values) and not step.sends.entries
        )
    except (LookupError, AttributeError):  # no step, or a release of workflows that keeps this elsewhere
        return False


def is_waiting(run: Any, method: str) -> bool:
    """Return whether the step that just returned nothing waits for an event: it will begin again when that is there.

    Called from the end of the step's span. `workflows` catches what `wait_for_event` raises before the dispatcher sees it,
    and keeps it in a variable of the function around: wherever in the step it was called, in a helper or in a step that is
    a free function. Releases without that variable: judged by the step's own code.
    """
    frame: FrameType | None = sys._getframe(1)
    for _ in range(_MAX_FRAMES):
        if frame is None:
            break
        if _WAITING in frame.f_code.co_cellvars:
            return frame.f_locals.get(_WAITING) is not None
        frame = frame.f_back
    return run is not None and _waits(getattr(type(run.instance), method, None))


@functools.lru_cache(maxsize=1024)
def _waits(function: Any) -> bool:
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code = getattr(function, "__code__", None)
    return code is not None and "wait_for_event" in code.co_names
