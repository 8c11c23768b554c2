"""A destination that sends through any OpenTelemetry `SpanExporter`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry import context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

import spancast
from spancast import destinations
from spancast.record.operation import Generation, Kind, Link
from spancast.recording.captured import Content

from ...receivers.recording import recording_receiver


class Scripted(SpanExporter):
    """Answers as it is told, and remembers what it was asked."""

    def __init__(self, answer: Any = SpanExportResult.SUCCESS, at_shutdown: Exception | None = None) -> None:
        self.answer = answer
        self.at_shutdown = at_shutdown
        self.asked: list[str] = []
        self.suppressed: list[object] = []
        self.shutdowns = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.asked.extend(span.name for span in spans)
        self.suppressed.append(context.get_value(context._SUPPRESS_INSTRUMENTATION_KEY))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def shutdown(self) -> None:
        self.shutdowns += 1
        if self.at_shutdown:
            raise self.at_shutdown


def test_an_exporter_gets_finished_spans_of_the_sdk() -> None:
    """Names, ids, parents, times, status, attributes and resource are the SDK's own."""
    exporter = InMemorySpanExporter()
    with spancast.Pipeline(destinations.sdk(exporter), service_name="shop") as pipeline:
        with spancast.trace(trace_name="root", session_id="s1") as root, spancast.trace(span_name="inner") as inner:
            pass
        assert True is pipeline.flush(10)
    first, second = exporter.get_finished_spans()
    assert (int(inner.span_id, 16), int(root.span_id, 16)) == (first.context.span_id, first.parent.span_id)
    assert (int(root.trace_id, 16), None, True) == (
        second.context.trace_id,
        second.parent,
        second.context.trace_flags.sampled,
    )
    assert ("inner", "root") == (first.name, second.name)
    assert ("s1", "shop") == (second.attributes["session.id"], second.resource.attributes["service.name"])  # type: ignore[index]
    assert (StatusCode.OK, SpanKind.INTERNAL) == (second.status.status_code, second.kind)
    assert "spancast" == second.instrumentation_scope.name
    assert True is (second.start_time <= first.start_time <= first.end_time <= second.end_time)


def test_errors_events_links_and_client_kinds_are_carried_over() -> None:
    """A failed generation is a CLIENT span with status ERROR, its exception event and its links."""
    exporter = InMemorySpanExporter()
    with spancast.Pipeline(destinations.sdk(exporter)) as pipeline:
        operation = pipeline.recorder.open(
            "g", Kind.LLM, "chat", translate=lambda _: Content(detail=Generation(request_model="m"))
        )
        operation.links = (Link(trace_id=7, span_id=8, attributes={"why": "x"}),)
        pipeline.recorder.close(operation, error=ValueError("bad"))
    (span,) = exporter.get_finished_spans()
    assert (SpanKind.CLIENT, StatusCode.ERROR, "bad") == (span.kind, span.status.status_code, span.status.description)
    (event,), (link,) = span.events, span.links
    assert ("exception", "bad") == (event.name, event.attributes["exception.message"])  # type: ignore[index]
    assert (7, 8, {"why": "x"}) == (link.context.trace_id, link.context.span_id, dict(link.attributes))


def test_the_official_exporter_sends_our_spans() -> None:
    """The SDK's own OTLP exporter accepts them, and what arrives is what was recorded."""
    with recording_receiver() as receiver:
        exporter = OTLPSpanExporter(endpoint=f"{receiver.url}/v1/traces", headers={"x-token": "t"})
        with (
            spancast.Pipeline(destinations.sdk(exporter, convention="openinference")) as pipeline,
            spancast.trace(trace_name="root", user="u1", tags=["a", "b"], nested={"k": [1, None]}) as handle,
        ):
            pass
        (request,) = receiver.requests
    assert 1 == pipeline.report()["sdk"].delivered
    (span,) = request.protobuf.resource_spans[0].scope_spans[0].spans
    assert (handle.trace_id, handle.span_id, "root") == (span.trace_id.hex(), span.span_id.hex(), span.name)
    said = {pair.key: pair.value.string_value for pair in span.attributes}
    assert ("CHAIN", "u1", '{"k":[1,null]}') == (
        said["openinference.span.kind"],
        said["user.id"],
        said["metadata.nested"].replace(" ", ""),
    )
    assert "t" == request.headers["x-token"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (SpanExportResult.FAILURE, "the span exporter reported a failure"),
        (None, "the span exporter reported a failure"),
        (RuntimeError("secret"), "the span exporter raised RuntimeError"),
    ],
)
def test_an_exporter_that_fails_is_counted_and_not_asked_again(answer: Any, message: str) -> None:
    """It retries by its own rules, so its failure is final; the worker lives on."""
    exporter = Scripted(answer)
    with spancast.Pipeline(destinations.sdk(exporter)) as pipeline:
        with spancast.trace(trace_name="a"):
            pass
        assert False is pipeline.flush(10)
        exporter.answer = SpanExportResult.SUCCESS
        with spancast.trace(trace_name="b"):
            pass
    report = pipeline.report()["sdk"]
    assert (1, 1, {"exporter": 1}, message) == (report.rejected, report.delivered, report.reasons, report.last_error)
    assert ["a", "b"] == exporter.asked


def test_privacy_mode_holds_for_foreign_exporters_too() -> None:
    """What an SDK exporter gets has passed the allow-list."""
    exporter = InMemorySpanExporter()
    with spancast.Pipeline(destinations.sdk(exporter, privacy_mode=True)) as pipeline:
        operation = pipeline.recorder.open(
            "t", Kind.TOOL, "t", translate=lambda _: Content(input="secret", output="secret")
        )
        pipeline.recorder.close(operation, error=ValueError("secret"))
    assert False is ("secret" in exporter.get_finished_spans()[0].to_json())


@pytest.mark.parametrize("names", [(), ("a",)])
def test_an_exporter_is_shut_down_once_also_when_nothing_was_recorded(names: tuple[str, ...]) -> None:
    """It may hold files and connections from its own start on."""
    exporter = Scripted()
    with spancast.Pipeline(destinations.sdk(exporter)) as pipeline:
        for name in names:
            with spancast.trace(trace_name=name):
                pass
    assert True is pipeline.shutdown()
    assert 1 == exporter.shutdowns


def test_an_exporter_that_raises_at_shutdown_harms_nobody() -> None:
    """Its spans were delivered before."""
    exporter = Scripted(at_shutdown=RuntimeError("no"))
    with spancast.Pipeline(destinations.sdk(exporter)) as pipeline, spancast.trace(trace_name="a"):
        pass
    assert (1, 1) == (pipeline.report()["sdk"].delivered, exporter.shutdowns)


def test_exporting_is_kept_out_of_the_applications_own_traces() -> None:
    """OpenTelemetry's instrumentations of HTTP clients make no spans for our requests."""
    exporter = Scripted()
    with spancast.Pipeline(destinations.sdk(exporter)), spancast.trace(trace_name="a"):
        pass
    assert [True] == exporter.suppressed
    assert None is context.get_value(context._SUPPRESS_INSTRUMENTATION_KEY)


def test_an_exporter_is_named_by_its_class() -> None:
    """The repr of the destination says which exporter it hands on to."""
    assert "<Destination sdk: InMemorySpanExporter (gen_ai)>" == repr(destinations.sdk(InMemorySpanExporter()))
