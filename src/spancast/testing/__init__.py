"""For tests of applications: what a test's runs did, as the spans that production exports, and recorded model calls."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .recording import RecordingError
    from .replaying import Replay, UnrecordedCallError, replay
    from .traces import Calls, RecordedTrace, RecordedTraces, record

__all__ = [
    "Calls",
    "RecordedTrace",
    "RecordedTraces",
    "RecordingError",
    "Replay",
    "UnrecordedCallError",
    "record",
    "replay",
]

_WHERE = {
    "RecordingError": "recording",
    **dict.fromkeys(("Replay", "UnrecordedCallError", "replay"), "replaying"),
    **dict.fromkeys(("Calls", "RecordedTrace", "RecordedTraces", "record"), "traces"),
}


def __getattr__(name: str) -> Any:
    """Load what is named when it is first used: pytest imports the plugin of this package at every start."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_WHERE[name]}", __package__), name)
