"""Where a call is, as plain data: so that what begins in an empty context or another process still finds its parent."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from ..capture.snapshot import plain_data
from ..recording.fields import TraceFields, read
from ..recording.identity import read_traceparent, traceparent
from ..recording.notice import warn_once
from ..recording.open_operation import OpenOperation
from ..recording.recorder import Recorder

_KEY = "spancast"
_SAID = ("user", "session_id", "generation_name")
# What was restored here, for calls that begin without a parent.
_restored: ContextVar[Mapping[str, Any] | None] = ContextVar("spancast_llama_index_restored", default=None)


def captured(operation: OpenOperation, call: str | None) -> dict[str, Any]:
    """Return the place of *operation*, and what its descendants take over, as plain data."""
    fields = operation.fields
    return {
        _KEY: {
            "traceparent": traceparent(operation.trace_id, operation.span_id, operation.recorded),
            "call": call,
            "fields": {name: value for name in _SAID if (value := getattr(fields, name))},
            "metadata": dict(fields.metadata),
        }
    }


def restore(context: Mapping[str, Any]) -> None:
    """Take what was captured for the parent of what begins here without one; nothing was captured: none."""
    _restored.set(context.get(_KEY))


def restored_parent(recorder: Recorder) -> OpenOperation | None:
    """Return the operation that was captured where it is known here, else what stands for it.

    A context comes from a queue or a store: where it is malformed, the call that begins has no parent, and nothing is lost.
    """
    restored = _restored.get()
    if not isinstance(restored, Mapping) or not restored:
        return None
    call = restored.get("call")
    local = (recorder.find(call) or recorder.ended(call)) if isinstance(call, str) else None
    if local is not None:
        return local
    place = read_traceparent(restored.get("traceparent"))
    if place is None:
        warn_once(
            "propagation", "spancast: a propagation context holds no valid `traceparent`: its trace is not joined."
        )
        return None
    trace_id, span_id, recorded = place
    return recorder.remote_parent(trace_id, span_id, _fields_in(restored), recorded=recorded)


def _fields_in(restored: Mapping[str, Any]) -> TraceFields:
    fields, metadata = restored.get("fields"), restored.get("metadata")
    read_fields = read({name: fields.get(name) for name in _SAID} if isinstance(fields, Mapping) else {})
    if not isinstance(metadata, Mapping):
        return read_fields
    plain = plain_data(dict(metadata))
    return TraceFields(metadata=plain).merged_over(read_fields) if isinstance(plain, dict) else read_fields
