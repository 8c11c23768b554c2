"""The entry point for `opentelemetry-instrument python app.py`: every LangChain run is traced, and the code does not change.

Loaded only through the entry point `spancast_langchain`, by OpenTelemetry's own loader.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]  # no types there

from .install import instrument, uninstrument


class SpancastLangChainInstrumentor(BaseInstrumentor):  # type: ignore[misc, unused-ignore]
    """Traces every LangChain and LangGraph run of the process into the pipeline in use.

    `OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=spancast_langchain` leaves it out.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return what has to be installed."""
        return ("langchain-core >= 1.7",)

    def _instrument(self, **kwargs: Any) -> None:
        instrument()

    def _uninstrument(self, **kwargs: Any) -> None:
        uninstrument()
