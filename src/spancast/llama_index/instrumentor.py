"""The entry point for `opentelemetry-instrument python app.py`: all calls of LlamaIndex are traced.

Loaded only through the entry point `spancast_llama_index`, by OpenTelemetry's own loader.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]  # no types there

from .install import instrument, uninstrument


class SpancastLlamaIndexInstrumentor(BaseInstrumentor):  # type: ignore[misc, unused-ignore]
    """Traces every call of LlamaIndex in the process into the pipeline in use.

    `OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=spancast_llama_index` leaves it out.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return what has to be installed."""
        return ("llama-index-core >= 0.14.5",)

    def _instrument(self, **kwargs: Any) -> None:
        instrument()

    def _uninstrument(self, **kwargs: Any) -> None:
        uninstrument()
