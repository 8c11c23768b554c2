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


def pause(recorder: Recorder, operation: OpenOperation, checkpoint_id: object = None) -> None:
    """Remember that the thread of *operation* paused, in the state *checkpoint_id* where that is known."""
    thread = (operation.mapping or {}).get("thread_id")
    if thread is not None and operation.recorded:
        recorder.pause(operation, str(thread), checkpoint_id if isinstance(checkpoint_id, str) else None)


def interrupted(recorder: Recorder, operation: OpenOperation, error: BaseException) -> None:
    """Note that a node asks a human: what it asks, and that the graph around it waits (it ends without a word of it)."""
    pause(recorder, operation)
    if operation.parent is not None:
        operation.parent.ending = INTERRUPTED
    for interrupt in error.args[0] if error.args and isinstance(error.args[0], (tuple, list)) else ():
        value = capture(getattr(interrupt, "value", None), operation)
        add_event(operation, "interrupt", {"id": getattr(interrupt, "id", None), "value": value})


def waiting(recorder: Recorder, inputs: Any, metadata: Mapping[str, Any] | None) -> Pause | None:
    """Return the pause of a graph's thread. It is used up: the run that begins answers it, or leaves it behind."""
    thread = metadata.get("thread_id") if metadata else None
    if thread is None or metadata is None or not ("ls_integration" in metadata or _may_answer(inputs)):
        return None  # no graph's run
    return recorder.pauses.take(str(thread))


def answers(pause: Pause, inputs: Any, metadata: Mapping[str, Any] | None) -> bool:
    """Return whether a run answers *pause*: `Command(resume=...)` or nothing as input, and no other checkpoint is named."""
    if not _may_answer(inputs):
        return False  # another question
    checkpoint = metadata.get("checkpoint_id") if metadata else None
    return checkpoint is None or checkpoint == pause.checkpoint_id  # else a replay, or time travel


def _may_answer(inputs: Any) -> bool:
    kind = type(inputs)
    return inputs is None or (
        kind.__name__ == "Command" and kind.__module__ == "langgraph.types" and inputs.resume is not None
    )
