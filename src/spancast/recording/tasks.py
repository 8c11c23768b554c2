"""Ends operations whose asyncio task is gone: a model call that is cancelled outside of any chain gets no event at all.

One callback a task, however many operations it runs; an operation that ends by itself is forgotten immediately.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from weakref import WeakKeyDictionary

from .guard import report_fault
from .open_operation import OpenOperation

Close = Callable[[OpenOperation, str], None]
_watched: WeakKeyDictionary[asyncio.Task[object], set[OpenOperation]] = WeakKeyDictionary()


def watch(task: asyncio.Task[object], operation: OpenOperation, close: Close) -> None:
    """Let *close* end *operation* when *task*, the running one, ends before it.

    Only for operations that live and die in one task: roots of kind LLM. Graphs and batches start in short-lived tasks
    of their own, whose end says nothing.
    """
    operations = _watched.get(task)
    if operations is None:
        operations = _watched[task] = set()
        task.add_done_callback(lambda ended: _end(ended, close))
    operations.add(operation)
    operation.on_close = operations.discard


# A task that ends with a model call still open was cancelled, or the call was, by a timeout inside the task.
def _end(task: asyncio.Task[object], close: Close) -> None:
    for operation in list(_watched.pop(task, ())):
        try:
            close(operation, "cancelled")
        except Exception as error:  # runs in the event loop: it must not see our faults
            report_fault("task ended", error)
