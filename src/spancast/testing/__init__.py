"""For tests of applications: what a test's runs did, as the spans that production exports. See the `traces` fixture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .traces import Calls, RecordedTrace, RecordedTraces, record

__all__ = ["Calls", "RecordedTrace", "RecordedTraces", "record"]


def __getattr__(name: str) -> Any:
    """Load what is named when it is first used: pytest imports the plugin of this package at every start."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import traces

    return getattr(traces, name)
