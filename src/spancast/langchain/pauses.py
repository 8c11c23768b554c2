"""Human in the loop: how a graph's pause and its resumption show in LangChain's events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..recording.current import add_event
from ..recording.draft import Draft
from ..recording.paused import Pause
from ..recording.recorder import Recorder
from .translate import hold

INTERRUPTED = "interrupted"


def pause(recorder: Recorder, draft: Draft) -> None:
    """Remember that the thread of *draft* paused."""
    thread = (draft.mapping or {}).get("thread_id")
    if thread is not None and draft.sampled:
        recorder.pause(draft, str(thread))


def interrupted(recorder: Recorder, draft: Draft, error: BaseException) -> None:
    """Note that a node asks a person: what it asks, and that the graph around it waits (it ends without a word of it)."""
    pause(recorder, draft)
    if draft.parent is not None:
        draft.parent.ending = INTERRUPTED
    for interrupt in error.args[0] if error.args and isinstance(error.args[0], (tuple, list)) else ():
        held = hold(getattr(interrupt, "value", None), draft)
        add_event(draft, "interrupt", {"id": getattr(interrupt, "id", None), "value": held})


def resumed(recorder: Recorder, inputs: Any, metadata: Mapping[str, Any] | None) -> Pause | None:
    """Return the pause that a graph's run ends: it has a thread, and `Command(resume=...)` or nothing as input."""
    thread = metadata.get("thread_id") if metadata else None
    if thread is None or not (inputs is None or _is_resume(inputs)):
        return None
    return recorder.pauses.find(str(thread))


def _is_resume(inputs: Any) -> bool:
    kind = type(inputs)
    return kind.__name__ == "Command" and kind.__module__ == "langgraph.types" and inputs.resume is not None
