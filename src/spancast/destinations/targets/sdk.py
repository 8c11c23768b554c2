"""A destination that sends through any OpenTelemetry `SpanExporter`, and the SDK's form of a span."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ... import _version, validation
from ...conventions.span import Attributes, Span
from ...diagnostics.result import CheckResult, Step, failure
from ...otlp.outcome import DELIVERED, Outcome, Verdict
from ...own_threads import is_for_this_thread
from ...record.fast_frozen import frozen
from ...resource import resource_source
from ..destination import Destination, Exporter, ResourceSource
from ..factory import keywords_checked, local_destination
from ..rendering import check_span

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter
    from typing_extensions import Unpack

    from ..factory import CommonKeywords


def readable_span(span: Span, resource: Resource) -> ReadableSpan:
    """Return *span* as the SDK's finished span."""
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link, SpanKind, Status, StatusCode

    return ReadableSpan(
        name=span.name,
        context=_context(span.trace_id, span.span_id),
        parent=_context(span.trace_id, span.parent_span_id, span.parent_is_remote) if span.parent_span_id else None,
        resource=resource,
        attributes=_plain(span.attributes),
        events=[Event(event.name, _plain(event.attributes), event.time_ns) for event in span.events],
        links=[Link(_context(link.trace_id, link.span_id), _plain(link.attributes)) for link in span.links],
        kind=SpanKind(span.kind - 1),  # OTLP counts from 1, the SDK from 0
        status=Status(StatusCode(span.status_code), span.status_message or None),
        start_time=span.start_ns,
        end_time=span.end_ns,
        instrumentation_scope=InstrumentationScope("spancast", _version.VERSION),
    )


def _context(trace_id: int, span_id: int, is_remote: bool = False) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(trace_id, span_id, is_remote, TraceFlags(TraceFlags.SAMPLED))


def _plain(attributes: Attributes) -> dict[str, Any]:
    """Return the attributes as the SDK has them: a list is a tuple."""
    return {name: tuple(value) if type(value) is list else value for name, value in attributes.items()}


class SdkExporter:
    """Hands spans to a `SpanExporter`."""

    def __init__(self, exporter: SpanExporter, resource: ResourceSource) -> None:
        self._exporter = exporter
        self._source = resource
        self._resource: Resource | None = None

    def encode(self, span: Span) -> Any:
        """Return the SDK's form of the span."""
        if self._resource is None:
            from opentelemetry.sdk.resources import Resource

            self._resource = Resource(dict(self._source()))
        return readable_span(span, self._resource)

    def export(self, batch: Sequence[Any], timeout: float) -> Outcome:
        """Export once; the exporter retries by its own rules, so a failure is final here."""
        from opentelemetry.sdk.trace.export import SpanExportResult

        try:
            result = self._exporter.export(batch)
        except BaseException as error:  # an exporter is foreign code
            if is_for_this_thread(error):
                raise
            kind = type(error).__name__
            return Outcome(verdict=Verdict.REFUSED, reason="exporter", message=f"the span exporter raised {kind}")
        if result is SpanExportResult.SUCCESS:
            return DELIVERED
        return Outcome(verdict=Verdict.REFUSED, reason="exporter", message="the span exporter reported a failure")

    def close(self) -> None:
        """Shut the exporter down; it is foreign code, and nothing can be done about what it raises now."""
        with suppress(Exception):
            self._exporter.shutdown()


@frozen()
class SdkTarget:
    """A `SpanExporter`."""

    span_exporter: SpanExporter

    def exporter(self, resource: ResourceSource) -> Exporter:
        """Return an exporter that hands on to the SpanExporter."""
        return SdkExporter(self.span_exporter, resource)

    def describe(self) -> str:
        """Name its class."""
        return type(self.span_exporter).__name__

    def check(self, destination: Destination, timeout: float | None) -> CheckResult:
        """Export one real span."""
        exporter = self.exporter(resource_source(None, destination.resource))
        outcome = exporter.export([exporter.encode(check_span(destination))], timeout or 10.0)
        step = Step(name="span", detail="the exporter accepted it")
        if outcome.verdict is not Verdict.DELIVERED:
            step = failure("span", "E701", outcome.message)
        return CheckResult(destination=destination.name, where=self.describe(), steps=(step,))


@keywords_checked
def sdk(span_exporter: SpanExporter, **common: Unpack[CommonKeywords]) -> Destination:
    """Send through any OpenTelemetry `SpanExporter`.

    Raises:
        SettingsError: When *span_exporter* has no `export`.
    """
    if not callable(getattr(span_exporter, "export", None)):
        raise validation.SettingsError(
            f"span_exporter is a {type(span_exporter).__name__}: give an OpenTelemetry SpanExporter, which has export()."
        )
    return local_destination("sdk", SdkTarget(span_exporter), "gen_ai", common)
