"""Ends the runs that LangChain drops: a model, retriever or tool whose call is cancelled may get no last event.

LangChain's run manager keeps its run's id object for exactly as long as the call lives. So an id object that is gone
while its operation is open means that the call is over: by `asyncio.timeout`, `wait_for`, a cancelled task.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID
from weakref import ref

from ..capture.endings import ABANDONED
from ..record.operation import Kind
from ..recording.guard import report_fault
from ..recording.open_operation import OpenOperation
from ..recording.recorder import Recorder
from ..recording.tasks import watch as watch_task
from .calls import MANAGER_FILE, current_task

CALLS = frozenset({Kind.LLM, Kind.RETRIEVER, Kind.TOOL})  # runs of one call; chains get their last event in any case
_MAX_WATCHED = 100_000
_ENDING = "cancelled"

# Keeps the references below alive until their id object is gone: each is removed by its own callback.
_watched: dict[int, _RunRef] = {}


class _RunRef(ref[UUID]):
    """A weak reference to a run's id object that still knows whose run it was."""

    __slots__ = ("key", "recorder")
    __hash__ = object.__hash__  # a UUID's own hash and comparison are Python code, and raise once it is gone
    __eq__ = object.__eq__

    key: int
    recorder: Recorder


def watch(run_id: UUID, operation: OpenOperation, recorder: Recorder) -> None:
    """End *operation* when its call is over without a last event."""
    if len(_watched) < _MAX_WATCHED:
        reference = _RunRef(run_id, _gone)
        reference.key, reference.recorder = run_id.int, recorder
        _watched[id(reference)] = reference
    if operation.parent is None and not _in_callback_task():
        watch_task(operation, recorder.end)  # where something else keeps the id object: another tracer, the application


def _gone(reference: Any) -> None:
    """Close what is still open of a run. Runs wherever the id object is dropped: also in a garbage collection."""
    _watched.pop(id(reference), None)
    operation = reference.recorder.find(reference.key)
    if operation is None or operation.key != reference.key:
        return  # ended, as most are
    try:
        parent = operation.parent
        was_left = parent is not None and parent.ending == ABANDONED  # the stream around it
        reference.recorder.end(operation, ABANDONED if was_left else _ENDING)
    except Exception as error:
        report_fault("run without an end", error)


def _in_callback_task() -> bool:
    """Return whether this is a task that LangChain made for the event alone: its end says nothing about the run.

    Text models get their start event so when they are called asynchronously.
    """
    task = current_task()
    code = getattr(task.get_coro(), "cr_code", None) if task is not None else None
    return code is not None and code.co_filename == MANAGER_FILE
