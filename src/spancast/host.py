"""The bridge to the host application's own TracerProvider: its processors see our spans as the SDK's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .conventions.span import Span
from .destinations import validation
from .destinations.destination import Destination, Exporter, ResourceSource
from .destinations.local import local_destination
from .destinations.sdk import readable_span
from .otlp.outcome import DELIVERED, Outcome, Verdict

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider


class ProviderExporter:
    """Gives finished spans to a provider's span processors. Its exporters, resource and limits are the host's."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider

    def encode(self, span: Span) -> Any:
        """Return the SDK's form of the span, with the host's resource."""
        return readable_span(span, self._provider.resource)

    def export(self, batch: Sequence[Any], timeout: float) -> Outcome:
        """Hand the spans on; what the host's processors do with them is in their hands."""
        refused, message = 0, ""
        for span in batch:
            try:
                self._provider._active_span_processor.on_end(span)
            except Exception as error:  # a processor is foreign code
                refused, message = refused + 1, f"a span processor raised {type(error).__name__}"
        if not refused:
            return DELIVERED
        return Outcome(verdict=Verdict.DELIVERED, rejected=refused, reason="processor", message=message)

    def close(self) -> None:
        """The provider belongs to the host."""


@dataclass(frozen=True, slots=True)
class ProviderTarget:
    """A TracerProvider of the OpenTelemetry SDK."""

    provider: TracerProvider

    def exporter(self, resource: ResourceSource) -> Exporter:
        """Return an exporter that hands on to the provider."""
        return ProviderExporter(self.provider)

    def describe(self) -> str:
        """Say so."""
        return "the application's TracerProvider"


def through_provider(provider: TracerProvider) -> Destination:
    """Return a destination that emits SDK spans through *provider*.

    Raises:
        SettingsError: When it is no provider of the OpenTelemetry SDK.
    """
    if not hasattr(provider, "_active_span_processor"):
        raise validation.SettingsError(
            f"tracer_provider is a {type(provider).__name__}: give the opentelemetry.sdk.trace.TracerProvider "
            "that your application set up."
        )
    return local_destination("tracer_provider", ProviderTarget(provider), "gen_ai", {})
