"""How a graph's pause for a human, or its failure, and the run that goes on from there show in LangChain's events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..record.operation import Link
from ..recording.current import add_event
from ..recording.open_operation import OpenOperation
from ..recording.paused import Pause
from ..recording.recorder import Recorder
from .content import capture

INTERRUPTED = "interrupted"
_FAILED = "failed\x00"  # before a thread's id: what is remembered of its failure stands beside its pause


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


def remember_failed(recorder: Recorder, operation: OpenOperation) -> None:
    """Remember the run of a graph that failed on a thread, for the run that goes on from its last checkpoint."""
    thread = (operation.mapping or {}).get("thread_id")
    if thread is not None and operation.recorded and "ls_integration" in (operation.mapping or {}):
        recorder.pauses.remember(_FAILED + str(thread), Pause(operation.trace_id, operation.span_id))


def link_failed(recorder: Recorder, operation: OpenOperation, inputs: Any) -> None:
    """Link a run that goes on from a checkpoint (nothing as input) to the run of its thread that failed before it.

    The failed run was sent with its error, and a trace that failed stays failed: the run that goes on is a trace of its own.
    """
    failed = recorder.pauses.take(_FAILED + str((operation.mapping or {}).get("thread_id")))
    if failed is not None and inputs is None:
        operation.links = (*operation.links, Link(trace_id=failed.trace_id, span_id=failed.span_id))


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
