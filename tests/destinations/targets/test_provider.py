"""The bridge to the application's own TracerProvider."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry import trace as otel
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import spancast
from spancast import destinations
from spancast.destinations import SettingsError


class Broken(SpanProcessor):
    """A processor that cannot take some spans."""

    def on_end(self, span: ReadableSpan) -> None:
        if span.name == "bad":
            raise RuntimeError("no")


def provider_and_exporter(processor: type[Any] = SimpleSpanProcessor) -> tuple[TracerProvider, InMemorySpanExporter]:
    """Return a provider that keeps its spans."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "host"}))
    provider.add_span_processor(processor(exporter))
    return provider, exporter


@pytest.mark.parametrize("processor", [SimpleSpanProcessor, BatchSpanProcessor])
def test_our_spans_go_through_the_hosts_processors(processor: type[Any]) -> None:
    """The host's exporter gets them as the SDK's own, with the host's resource."""
    provider, exporter = provider_and_exporter(processor)
    with spancast.Pipeline(tracer_provider=provider) as pipeline:
        with spancast.trace(trace_name="ours", session_id="s1") as handle:
            pass
        assert True is pipeline.flush(10)
    provider.force_flush()
    (span,) = exporter.get_finished_spans()
    assert ("ours", int(handle.span_id, 16)) == (span.name, span.context.span_id)
    assert ("host", "s1") == (span.resource.attributes["service.name"], span.attributes["session.id"])  # type: ignore[index]
    provider.shutdown()


def test_the_hosts_spans_and_ours_make_one_tree() -> None:
    """Ours nest under the host's current span, and the host's spans under ours."""
    provider, exporter = provider_and_exporter()
    tracer = provider.get_tracer("host")
    with (
        spancast.Pipeline(tracer_provider=provider),
        tracer.start_as_current_span("request"),
        spancast.trace(trace_name="ours"),
        tracer.start_as_current_span("query"),
    ):
        pass
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert spans["request"].context.span_id == spans["ours"].parent.span_id
    assert spans["ours"].context.span_id == spans["query"].parent.span_id
    assert {spans["request"].context.trace_id} == {span.context.trace_id for span in spans.values()}
    provider.shutdown()


def test_destinations_may_stand_beside_the_provider() -> None:
    """Each gets the same span; without destinations the provider alone is used, and no file is made."""
    provider, exporter = provider_and_exporter()
    memory = destinations.memory()
    with spancast.Pipeline(memory, tracer_provider=provider) as pipeline, spancast.trace(trace_name="a"):
        pass
    assert ["memory", "tracer_provider"] == [report.name for report in pipeline.report()]
    assert [memory.spans[0].span_id] == [f"{span.context.span_id:016x}" for span in exporter.get_finished_spans()]
    alone = spancast.Pipeline(tracer_provider=provider)
    assert ["tracer_provider"] == [destination.name for destination in alone.destinations]
    alone.shutdown()
    provider.shutdown()


def test_the_provider_stays_the_hosts() -> None:
    """Shutting our pipeline down leaves the host's provider working."""
    provider, exporter = provider_and_exporter()
    spancast.Pipeline(tracer_provider=provider).shutdown()
    with provider.get_tracer("host").start_as_current_span("later"):
        pass
    assert ["later"] == [span.name for span in exporter.get_finished_spans()]
    provider.shutdown()


def test_a_processor_that_raises_is_counted_and_costs_no_other_span() -> None:
    """Processors are foreign code: what they raise is said and counted."""
    provider = TracerProvider()
    provider.add_span_processor(Broken())
    with spancast.Pipeline(tracer_provider=provider) as pipeline:
        for name in ("good", "bad", "good"):
            with spancast.trace(trace_name=name):
                pass
    report = pipeline.report()["tracer_provider"]
    assert (2, 1, {"processor": 1}) == (report.delivered, report.rejected, report.reasons)
    assert "the receiver rejected 1 span: a span processor raised RuntimeError" == report.last_error
    provider.shutdown()


@pytest.mark.parametrize("provider", [otel.NoOpTracerProvider(), object(), "provider"])
def test_what_is_no_provider_of_the_sdk_is_refused(provider: Any) -> None:
    """The message names the class and what to give instead."""
    with pytest.raises(SettingsError, match=f"tracer_provider is a {type(provider).__name__}: give the opentelemetry"):
        spancast.Pipeline(tracer_provider=provider)


class Exporter(InMemorySpanExporter):
    """An exporter that knows where it sends to, as those of OTLP do."""

    def __init__(self, endpoint: str, headers: dict[str, str]) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._headers = headers


@pytest.mark.parametrize(
    ("resource", "endpoint", "headers", "convention"),
    [
        ({"openinference.project.name": "p"}, "http://c/v1/traces", {}, "openinference"),
        ({"service.name": "host"}, "http://127.0.0.1:6006/v1/traces", {}, "openinference"),
        ({"service.name": "host"}, "https://otlp.arize.com/v1/traces", {}, "openinference"),
        ({"service.name": "host"}, "https://otlp.eu-west-1a.arize.com/v1", {}, "openinference"),
        ({"service.name": "host"}, "http://gateway/v1/traces", {"arize-space-id": "x"}, "openinference"),
        ({"service.name": "host"}, "http://collector:4318/v1/traces", {}, "gen_ai"),
        ({"service.name": "host"}, "http://notarize.com/v1/traces", {}, "gen_ai"),
    ],
)
@pytest.mark.parametrize("processor", [SimpleSpanProcessor, BatchSpanProcessor])
def test_a_provider_of_phoenix_or_arize_gets_openinference(
    resource: dict[str, str], endpoint: str, headers: dict[str, str], convention: str, processor: type[Any]
) -> None:
    """Its resource or its exporter says so; what is said in the code wins."""
    provider = TracerProvider(resource=Resource(resource))
    provider.add_span_processor(processor(Exporter(endpoint, headers)))
    with spancast.Pipeline(tracer_provider=provider) as pipeline:
        assert [convention] == [each.convention for each in pipeline.destinations]
    with spancast.Pipeline(tracer_provider=provider, convention="gen_ai") as pipeline:
        assert ["gen_ai"] == [each.convention for each in pipeline.destinations]
    provider.shutdown()


def test_a_convention_is_for_a_provider() -> None:
    """Destinations have their own; a word that is none is refused."""
    with pytest.raises(SettingsError, match="convention is for tracer_provider="):
        spancast.Pipeline(destinations.memory(), convention="openinference")
    with pytest.raises(SettingsError, match="convention='openai' is not known"):
        spancast.Pipeline(tracer_provider=provider_and_exporter()[0], convention="openai")


def test_privacy_and_redaction_of_the_environment_hold_for_the_hosts_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """No content goes through it in privacy mode, and a redactor sees what does."""
    secret = "jane@example.com"
    for variables in ({"SPANCAST_PRIVACY_MODE": "true"}, {"SPANCAST_REDACT": "emails"}, {}):
        with monkeypatch.context() as patched:
            for name, value in variables.items():
                patched.setenv(name, value)
            provider, exporter = provider_and_exporter()
            with (
                spancast.Pipeline(tracer_provider=provider),
                spancast.trace(trace_name="a", kind="CHAIN", input=secret),
            ):
                pass
            (span,) = exporter.get_finished_spans()
        assert bool(variables) is not (secret in span.to_json())
