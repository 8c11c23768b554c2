"""Where a call is, as plain data: so that what begins in an empty context or another process still finds its parent."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from ..recording.fields import TraceFields
from ..recording.identity import traceparent
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
            "traceparent": traceparent(operation.trace_id, operation.span_id, bool(operation.sampled)),
            "call": call,
            "fields": {name: value for name in _SAID if (value := getattr(fields, name))},
            "metadata": dict(fields.metadata),
        }
    }


def restore(context: Mapping[str, Any]) -> None:
    """Take what was captured for the parent of what begins here without one; nothing was captured: none."""
    _restored.set(context.get(_KEY))


def restored_parent(recorder: Recorder) -> OpenOperation | None:
    """Return the operation that was captured where it is known here, else what stands for it."""
    said = _restored.get()
    if not said:
        return None
    known = recorder.find(said.get("call")) or recorder.ended(said.get("call"))
    if known is not None:
        return known
    _, trace_id, span_id, flags = str(said["traceparent"]).split("-")
    fields = TraceFields(metadata=said.get("metadata") or {}, **(said.get("fields") or {}))
    return recorder.remote_parent(int(trace_id, 16), int(span_id, 16), fields, recorded=bool(int(flags, 16) & 1))
