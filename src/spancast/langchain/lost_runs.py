"""Ends the runs that LangChain drops: a model, retriever or tool whose call is cancelled may get no last event.

LangChain's run manager keeps its run's id object for exactly as long as the call lives. So an id object that is gone
while its operation is open means that the call is over: by `asyncio.timeout`, `wait_for`, a cancelled task.
"""

from __future__ import annotations

import asyncio
from functools import partial
from uuid import UUID
from weakref import ref

from ..capture.endings import ABANDONED
from ..record.operation import LLM, RETRIEVER, TOOL
from ..recording.guard import report_fault
from ..recording.open_operation import OpenOperation
from ..recording.recorder import Recorder
from ..recording.tasks import watch as watch_task
from .calls import MANAGER_FILE, current_task

CALLS = frozenset({LLM, RETRIEVER, TOOL})  # runs of one call; chains get their last event in any case
_MAX_WATCHED = 100_000
_ENDING = "cancelled"

# Keeps the references alive until their id object is gone, by their own ids: each is removed by its own callback. A
# reference's hash would be the UUID's, which is Python code, and raises once it is gone.
_watched: dict[int, ref[UUID]] = {}


def watch(run_id: UUID, operation: OpenOperation, recorder: Recorder) -> None:
    """End *operation* when its call is over without a last event."""
    if len(_watched) < _MAX_WATCHED:
        # a partial knows whose run it was; a reference of a class of our own took twice as many instructions (9 thousand)
        reference = ref(run_id, partial(_gone, run_id.int, recorder))
        _watched[id(reference)] = reference
    if operation.parent is None and (task := current_task()) is not None and not _is_callback(task):
        watch_task(task, operation, recorder.end)  # something else may keep the id object: a tracer, the application


def _gone(key: int, recorder: Recorder, reference: ref[UUID]) -> None:
    """Close what is still open of a run. Runs wherever the id object is dropped: also in a garbage collection."""
    _watched.pop(id(reference), None)
    operation = recorder.find(key)
    if operation is None or operation.key != key:
        return  # ended, as most are
    try:
        parent = operation.parent
        was_left = parent is not None and parent.ending == ABANDONED  # the stream around it
        recorder.end(operation, ABANDONED if was_left else _ENDING)
    except Exception as error:
        report_fault("run without an end", error)


def _is_callback(task: asyncio.Task[object]) -> bool:
    """Return whether LangChain made *task* for the event alone: its end says nothing about the run.

    Text models get their start event so when they are called asynchronously.
    """
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and code.co_filename == MANAGER_FILE
