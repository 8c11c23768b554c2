"""Which trace a run became: for feedback links and support tickets, safe with concurrent runs."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from contextvars import ContextVar
from uuid import UUID

from ..recording.handle import TraceHandle, handle_of
from ..recording.open_operation import OpenOperation

_MAX_RUNS = 10_000
# run id -> trace id, both as numbers: the id object itself must not be kept alive (see lost_runs.py)
_by_run: OrderedDict[int, int] = OrderedDict()
# ids only: who asks gets the handle, and hardly anybody asks; formatting it for every root cost 2 us
_last: ContextVar[tuple[int, int] | None] = ContextVar("spancast_last_trace", default=None)


def remember(run_id: UUID, operation: OpenOperation) -> None:
    """Note a root's trace by its run id and in the caller's context (its start runs there, its end may not)."""
    _last.set((operation.trace_id, operation.span_id))
    _by_run[run_id.int] = operation.trace_id
    if len(_by_run) > _MAX_RUNS:
        with suppress(KeyError):  # another thread was faster
            _by_run.popitem(last=False)


def trace_id_for(run_id: UUID | str) -> str | None:
    """Return the trace id of a remembered run; None for what is no run's id."""
    try:
        number = UUID(run_id).int if isinstance(run_id, str) else run_id.int
        trace_id = _by_run.get(number)
    except Exception:  # anything else
        return None
    return None if trace_id is None else f"{trace_id:032x}"


def last_trace() -> TraceHandle | None:
    """Return the newest trace that was started from this context."""
    last = _last.get()
    return None if last is None else handle_of(*last)
