"""`instrument()`: every run in the process, through LangChain's own configure hook; nothing is patched."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from langchain_core.tracers.context import register_configure_hook

from ..recording.guard import report_fault
from ..recording.notice import warn_once
from .handler import SpancastCallbackHandler

if TYPE_CHECKING:
    from contextvars import ContextVar

    from ..runtime.pipeline import Pipeline


class _Switch:
    """What LangChain asks for the handler of each run: a ContextVar's `get`, which can be switched off again."""

    handler: SpancastCallbackHandler | None = None
    registered = False

    def __init__(self) -> None:
        self.get = self._held

    def look_around(self) -> None:
        """At the next run, say which other tracers are there: they may be switched on after ours."""
        self.get = self._first

    def stop_looking(self) -> None:
        """Say nothing any more."""
        self.get = self._held

    def _held(self, default: Any = None) -> SpancastCallbackHandler | None:
        return self.handler

    def _first(self, default: Any = None) -> SpancastCallbackHandler | None:
        self.get = self._held
        try:
            warn_of_other_tracers(os.environ)
        except Exception as error:  # the others' code was asked, inside the application's run
            report_fault("instrument", error)
        return self.handler


_switch = _Switch()


def instrument(*, pipeline: Pipeline | None = None, **defaults: Any) -> None:
    """Trace every LangChain and LangGraph run of this process, without a `callbacks` argument.

    A handler that is passed as well records nothing twice. Call it again to change the *defaults*, which are those of
    `SpancastCallbackHandler`. LangGraph's interrupt and resume events go only to handlers that are passed.
    """
    _switch.handler = SpancastCallbackHandler(pipeline=pipeline, **defaults)
    _switch.look_around()
    if not _switch.registered:
        _switch.registered = True
        register_configure_hook(cast("ContextVar[Any]", _switch), inheritable=True)


# module -> class of instrumentors that trace the same runs, and what users call them
_OTHERS = {
    "openinference.instrumentation.langchain": ("LangChainInstrumentor", "OpenInference"),
    "opentelemetry.instrumentation.langchain": ("LangchainInstrumentor", "OpenLLMetry"),
    "opentelemetry.instrumentation.genai.langchain": ("LangChainInstrumentor", "OpenTelemetry GenAI"),
}


def warn_of_other_tracers(environ: Mapping[str, str]) -> None:
    """Say once when another tracer is active for the same runs: every run would be sent, and paid for, twice."""
    active = [name for module, (kind, name) in _OTHERS.items() if _is_active(sys.modules.get(module), kind)]
    if environ.get("LANGSMITH_OTEL_ENABLED", "").lower() in ("true", "1"):
        active.append("LangSmith (LANGSMITH_OTEL_ENABLED)")
    for name in active:
        warn_once(
            f"tracer:{name}",
            "spancast: %s traces the same LangChain runs: they arrive twice where both send to. Switch one off.",
            name,
        )


def _is_active(module: Any, kind: str) -> bool:
    instrumentor = getattr(module, kind, None)
    if instrumentor is None:
        return False
    # these classes are singletons: calling one returns the instance that the application made
    return bool(getattr(instrumentor(), "is_instrumented_by_opentelemetry", False))


def uninstrument() -> None:
    """Undo `instrument()`: runs that start from now on are not traced."""
    _switch.handler = None
    _switch.stop_looking()
