"""What is asked of workflows: fields of their events, and what a step that returned nothing was doing."""

from __future__ import annotations

import functools
from typing import Any

from workflows.events import Event
from workflows.runtime.types.results import AddCollectedEvent, StepWorkerStateContextVar


def field(event: object, name: str) -> Any:
    """Return a declared field of an event; None when it has none of that name."""
    return event.__dict__.get(name) if isinstance(event, Event) else None


def only_collected() -> bool:
    """Return whether the running step has only put its event into a join's buffer, and sent nothing."""
    try:
        step = StepWorkerStateContextVar.get()
        return (
            any(isinstance(item, AddCollectedEvent) for item in step.returns.return_values) and not step.sends.entries
        )
    except (LookupError, AttributeError):  # no step, or a release of workflows that keeps this elsewhere
        return False


def may_wait(run: Any, method: str) -> bool:
    """Return whether a step can wait for a person: then its first pass returns nothing, and it begins again."""
    return run is not None and _waits(getattr(type(run.instance), method, None))


@functools.lru_cache(maxsize=1024)
def _waits(function: Any) -> bool:
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code = getattr(function, "__code__", None)
    return code is not None and "wait_for_event" in code.co_names
