"""The bridge to the host application's own TracerProvider: its processors see our spans as the SDK's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ... import validation
from ...conventions.span import Span
from ...conventions.versions import checked as checked_convention
from ...diagnostics.result import CheckResult, Step
from ...otlp.outcome import DELIVERED, Outcome, Verdict
from ...own_threads import is_for_this_thread
from ...record.fast_frozen import frozen
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
        """Hand the spans on; the host's processors own them from here on."""
        refused, message = 0, ""
        for span in batch:
            try:
                self._provider._active_span_processor.on_end(span)
            except BaseException as error:  # a processor is foreign code
                if is_for_this_thread(error):
                    raise
                refused, message = refused + 1, f"a span processor raised {type(error).__name__}"
        if not refused:
            return DELIVERED
        return Outcome(verdict=Verdict.DELIVERED, rejected=refused, reason="processor", message=message)

    def close(self) -> None:
        """The provider belongs to the host."""


@frozen()
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


_OPENINFERENCE = ("openinference.project.name", "arize.project.name", "model_id")  # resource attributes


def through_provider(
    provider: TracerProvider, convention: str | None = None, common: Mapping[str, Any] | None = None
) -> Destination:
    """Return a destination that emits SDK spans through *provider*.

    *convention*: else OpenInference for a provider whose resource or exporters are Phoenix's or Arize's, else gen_ai.
    *common*: the keywords of all destinations that are not made in the code, so that privacy mode holds here too.

    Raises:
        SettingsError: When it is no provider of the OpenTelemetry SDK.
    """
    if not hasattr(provider, "_active_span_processor"):
        raise validation.SettingsError(
            f"tracer_provider is a {type(provider).__name__}: give the opentelemetry.sdk.trace.TracerProvider "
            "that your application set up."
        )
    chosen = (convention and checked_convention(convention)) or (
        "openinference" if expects_openinference(provider) else "gen_ai"
    )
    return local_destination("tracer_provider", ProviderTarget(provider), chosen, common or {})


def expects_openinference(provider: TracerProvider) -> bool:
    """Return whether *provider* is Phoenix's or Arize's: by its class, its resource, or where its exporters send to."""
    if type(provider).__module__.partition(".")[0] in ("phoenix", "arize"):
        return True
    attributes = getattr(getattr(provider, "resource", None), "attributes", None) or {}
    if any(name in attributes for name in _OPENINFERENCE):
        return True
    return any(_is_theirs(exporter) for exporter in _exporters(provider))


def _exporters(provider: TracerProvider) -> Iterator[Any]:
    """Yield the provider's span exporters, as far as the SDK's processors show them."""
    waiting: list[Any] = [provider._active_span_processor]
    for _ in range(100):  # processors may hold processors, in circles even
        if not waiting:
            return
        processor = waiting.pop()
        waiting += list(getattr(processor, "_span_processors", ()))
        exporter = getattr(processor, "span_exporter", None)
        exporter = exporter or getattr(getattr(processor, "_batch_processor", None), "_exporter", None)
        if exporter is not None:
            yield exporter


def _is_theirs(exporter: Any) -> bool:
    if type(exporter).__module__.partition(".")[0] in ("phoenix", "arize"):
        return True
    endpoint = getattr(exporter, "_endpoint", "")
    host = (urlsplit(endpoint).hostname or "") if isinstance(endpoint, str) else ""
    headers = getattr(exporter, "_headers", None)
    names = {str(name).lower() for name in headers} if isinstance(headers, Mapping) else set()
    return host.endswith((".arize.com", ".phoenix.com")) or ":6006" in str(endpoint) or "arize-space-id" in names
