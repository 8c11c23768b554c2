"""What is asked of workflows: fields of their events, and what a step that returned nothing was doing."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any

from llama_index.core.agent.workflow import AgentOutput
from llama_index.core.base.llms.types import ChatMessage
from workflows.events import Event, StopEvent
from workflows.runtime.types.results import AddCollectedEvent, StepWorkerStateContextVar

from ..capture.class_cache import ClassCache

_WAITING = "captured_waiting"  # a variable of the function of `workflows` that runs a step
_MAX_FRAMES = 16  # between the end of a step's span and that function


_events = ClassCache(lambda kind: issubclass(kind, Event))
_is_event, _known = _events.get, _events.find


def event_in(arguments: Mapping[str, Any]) -> Any:
    """Return the event that a step was started with."""
    for value in arguments.values():
        known = _known(id(type(value)))  # without a call of Python's for each argument of each step
        if known[0] if known is not None else _is_event(type(value)):
            return value
    return None


def field(event: object, name: str) -> Any:
    """Return a declared field of an event; None when it has none of that name."""
    return event.__dict__.get(name) if _is_event(type(event)) else None


def answer_in(result: object) -> object:
    """Return what is captured of a run's result: of an agent's answer not the calls of its tools, which have their spans."""
    stopped = type(result) is StopEvent
    output: Any = (result.__pydantic_private__ or {}).get("_result") if stopped else result  # type: ignore[attr-defined]
    if type(output) is not AgentOutput or type(output.__dict__.get("response")) is not ChatMessage:
        return result
    answer = {name: value for name in _ANSWER if (value := output.__dict__.get(name)) is not None}
    return {"result": answer} if stopped else answer


_ANSWER = ("response", "structured_response", "current_agent_name")


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
