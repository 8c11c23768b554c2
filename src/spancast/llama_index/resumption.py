"""A workflow that waits for a human and goes on in another run, by `Context.from_dict`: the second links to the first.

A saved context does not name its run, and nothing is added to it: the two are matched by what waits, the
workflow's class, the step and the event that it began with, and by session and user where they are known. Where two
that are alike wait in this process, there is no link.
"""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from typing import Any

import orjson
from workflows.events import HumanResponseEvent, InputRequiredEvent

from ..capture.class_cache import ClassCache
from ..record.operation import Link
from ..recording.open_operation import OpenOperation
from ..recording.paused import Pause
from . import workflow
from .calls import Call
from .messages import as_data
from .outcome import snapshot

_MAX_WAITING = 10_000  # whose likes are counted
_ASKED = ""  # instead of a step: the workflow has sent an InputRequiredEvent, and no step waits
_waiting: Counter[str] = Counter()  # each change is one atomic step


_asking = ClassCache(lambda kind: issubclass(kind, InputRequiredEvent))


def may_wait(result: object) -> bool:
    """Return whether a step that returned *result* may wait for a human."""
    if result is None:
        return True
    known = _asking.find(id(type(result)))
    return known[0] if known is not None else _asking.get(type(result))


def note_wait(run: Call | None, step: Call, result: Any) -> None:
    """Remember where a step waits for a human, or has sent a question."""
    if run is None or run.operation is None or not run.operation.recorded:
        return
    if result is None and workflow.is_waiting(run, step.method):
        key = _key(run, run.operation, step.method, step.progress.event)
    elif isinstance(result, InputRequiredEvent) and run.operation.fields.session_id:
        key = _key(run, run.operation, _ASKED, None)
    else:
        return
    if run.progress.waits is None:
        run.progress.waits = []
    run.progress.waits.append(key)
    _waiting[key] += 1
    if len(_waiting) > _MAX_WAITING:
        _waiting.clear()
    run.recorder.pauses.remember(key, Pause(run.operation.trace_id, run.operation.span_id))


def note_step(run: Call, step: Call) -> None:
    """Forget that the run waits where a step of it begins that is the answer."""
    waits = run.progress.waits
    if run.operation is None or not waits:
        return
    event = step.progress.event
    for key in (
        _key(run, run.operation, step.method, event),
        _key(run, run.operation, _ASKED, None) if isinstance(event, HumanResponseEvent) else None,
    ):
        if key is not None and key in waits:
            waits.remove(key)
            _forget(key)
            run.recorder.pauses.take(key)


def link_resumed(run: Call, operation: OpenOperation, state: Any) -> None:
    """Link a run that goes on from a saved *state* to the run that waited."""
    if not getattr(state, "is_running", False):
        return
    workers = getattr(state, "workers", None)
    waits = [
        (getattr(name, "name", name), waiter.event)
        for name, worker in (workers or {}).items()
        for waiter in worker.collected_waiters
    ] or [(_ASKED, None)]
    found: set[Pause] = set()
    for step, event in waits:
        if step == _ASKED and not operation.fields.session_id:
            continue
        key = _key(run, operation, step, event)
        pause = run.recorder.pauses.take(key)
        if _forget(key) and pause is not None:
            found.add(pause)
    links = [Link(trace_id=pause.trace_id, span_id=pause.span_id) for pause in found]
    operation.links = (*operation.links, *links)


def _forget(key: str) -> bool:
    """Return whether nothing else of the kind waited in this process."""
    count = _waiting.get(key, 0)
    if count > 1:
        _waiting[key] = count - 1
    else:
        _waiting.pop(key, None)
    return count <= 1


def _key(run: Call, operation: OpenOperation, step: str, event: Any) -> str:
    kind = type(run.instance)
    fields = operation.fields
    content = as_data(snapshot().capture(event))
    parts = [kind.__module__, kind.__qualname__, step, fields.session_id, fields.user, type(event).__name__, content]
    data = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=lambda _: None)
    return f"llama_index:{sha256(data).hexdigest()}"
