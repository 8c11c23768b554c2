"""The bridge to the host application's own TracerProvider: its processors see our spans as the SDK's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ... import validation
from ...conventions.span import Span
from ...diagnostics.result import CheckResult, Step
from ...otlp.outcome import DELIVERED, Outcome, Verdict
from ..destination import Destination, Exporter, ResourceSource
from ..factory import local_destination
from .sdk import readable_span

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

    def check(self, destination: Destination, timeout: float | None) -> CheckResult:
        """Say that there is no connection to test."""
        step = Step(name="here", detail="nothing to connect to")
        return CheckResult(destination=destination.name, where=self.describe(), steps=(step,))


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
