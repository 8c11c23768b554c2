"""Ends operations whose asyncio task is gone: a model call that is cancelled outside of any chain gets no event at all.

One callback a task, however many operations it runs; an operation that ends by itself is forgotten at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from weakref import WeakKeyDictionary

from .draft import Draft
from .guard import report_fault

Close = Callable[[Draft, str], None]
_watched: WeakKeyDictionary[asyncio.Task[object], set[Draft]] = WeakKeyDictionary()


def watch(draft: Draft, close: Close) -> None:
    """Let *close* end *draft* when the running task ends before it; outside of a task nothing is watched.

    Only for operations that live and die in one task: roots of kind LLM. Graphs and batches start in short-lived tasks
    of their own, whose end says nothing.
    """
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return
    if task is None:
        return
    drafts = _watched.get(task)
    if drafts is None:
        drafts = _watched[task] = set()
        task.add_done_callback(lambda ended: _end(ended, close))
    drafts.add(draft)
    draft.on_close = drafts.discard


# A task that ends with a model call still open was cancelled, or the call was, by a timeout inside the task.
def _end(task: asyncio.Task[object], close: Close) -> None:
    for draft in list(_watched.pop(task, ())):
        try:
            close(draft, "cancelled")
        except Exception as error:  # runs in the event loop: it must not see our faults
            report_fault("task ended", error)
