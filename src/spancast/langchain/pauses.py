"""Human in the loop: how a graph's pause and its resumption show in LangChain's events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..recording.current import add_event
from ..recording.open_operation import OpenOperation
from ..recording.paused import Pause
from ..recording.recorder import Recorder
from .content import capture

INTERRUPTED = "interrupted"


def pause(recorder: Recorder, operation: OpenOperation) -> None:
    """Remember that the thread of *operation* paused."""
    thread = (operation.mapping or {}).get("thread_id")
    if thread is not None and operation.sampled:
        recorder.pause(operation, str(thread))


def interrupted(recorder: Recorder, operation: OpenOperation, error: BaseException) -> None:
    """Note that a node asks a person: what it asks, and that the graph around it waits (it ends without a word of it)."""
    pause(recorder, operation)
    if operation.parent is not None:
        operation.parent.ending = INTERRUPTED
    for interrupt in error.args[0] if error.args and isinstance(error.args[0], (tuple, list)) else ():
        held = capture(getattr(interrupt, "value", None), operation)
        add_event(operation, "interrupt", {"id": getattr(interrupt, "id", None), "value": held})


def resumed(recorder: Recorder, inputs: Any, metadata: Mapping[str, Any] | None) -> Pause | None:
    """Return the pause that a graph's run ends: it has a thread, and `Command(resume=...)` or nothing as input."""
    thread = metadata.get("thread_id") if metadata else None
    if thread is None or not (inputs is None or _is_resume(inputs)):
        return None
    return recorder.pauses.find(str(thread))


def _is_resume(inputs: Any) -> bool:
    kind = type(inputs)
    return kind.__name__ == "Command" and kind.__module__ == "langgraph.types" and inputs.resume is not None
