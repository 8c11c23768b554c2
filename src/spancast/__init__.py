"""spancast: traces of LangChain and LlamaIndex applications, in one tree, to Arize AX and any OTLP backend.

Importing this loads nothing else and starts nothing; the names below are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._version import VERSION as __version__

if TYPE_CHECKING:
    from . import destinations
    from .delivery.ledger import DeliveryReport, DestinationReport
    from .notebook import show
    from .recording.fields import TraceFields
    from .recording.handle import TraceHandle, current_trace
    from .recording.trace_calls import trace
    from .runtime.default import configure, flush, report, score, shutdown
    from .runtime.pipeline import Pipeline
    from .validation import SettingsError

_HOMES = {
    "DeliveryReport": "delivery.ledger",
    "DestinationReport": "delivery.ledger",
    "Pipeline": "runtime.pipeline",
    "SettingsError": "validation",
    "TraceFields": "recording.fields",
    "TraceHandle": "recording.handle",
    "configure": "runtime.default",
    "current_trace": "runtime.default",
    "flush": "runtime.default",
    "report": "runtime.default",
    "score": "runtime.default",
    "show": "notebook",
    "shutdown": "runtime.default",
    "trace": "runtime.default",
}
# loaded at `spancast.langchain.instrument()` as at `from spancast import langchain`; what is missing is named in a sentence
_MODULES = ("destinations", "langchain", "llama_index", "openrouter", "redact")
__all__ = [
    "DeliveryReport",
    "DestinationReport",
    "Pipeline",
    "SettingsError",
    "TraceFields",
    "TraceHandle",
    "__version__",
    "configure",
    "current_trace",
    "destinations",
    "flush",
    "report",
    "score",
    "show",
    "shutdown",
    "trace",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _MODULES:
        return import_module(f".{name}", __name__)
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
