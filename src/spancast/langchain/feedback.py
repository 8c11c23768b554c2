"""Which trace a run became: for feedback links and support tickets, safe with concurrent runs."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from contextvars import ContextVar
from uuid import UUID

from ..recording.draft import Draft
from ..recording.trace import TraceHandle, handle_of

_MOST = 10_000
_by_run: OrderedDict[UUID, str] = OrderedDict()
_last: ContextVar[TraceHandle | None] = ContextVar("spancast_last_trace", default=None)


def remember(run_id: UUID, draft: Draft) -> None:
    """Note a root's trace by its run id and in the caller's context (its start runs there, its end may not)."""
    handle = handle_of(draft.trace_id, draft.span_id)
    _last.set(handle)
    _by_run[run_id] = handle.trace_id
    if len(_by_run) > _MOST:
        with suppress(KeyError):  # another thread was faster
            _by_run.popitem(last=False)


def trace_id_for(run_id: UUID) -> str | None:
    """Return the trace id of a remembered run."""
    return _by_run.get(run_id)


def last_trace() -> TraceHandle | None:
    """Return the newest trace that was started from this context."""
    return _last.get()
