"""Traffic for the tiers: traces that the gateways' rules keep, each for one reason, and the rest."""

from __future__ import annotations

import time

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

import spancast

from .applications import many


def failed(count: int, spans: int = 5) -> list[str]:
    """Make traces with one failed span each, and return their ids."""
    ids = []
    for _ in range(count):
        with spancast.trace(trace_name="failed") as handle:
            ids.append(handle.trace_id)
            for _ in range(spans - 2):
                with spancast.trace(kind="TOOL", trace_name="well"):
                    pass
            try:
                with spancast.trace(kind="TOOL", trace_name="fails"):
                    raise ValueError("broken")
            except ValueError:
                pass
    return ids


def dear(count: int) -> list[str]:
    """Make traces with one dear model call each."""
    ids = []
    for _ in range(count):
        with spancast.trace(trace_name="dear") as handle:
            ids.append(handle.trace_id)
            with spancast.trace(kind="LLM", trace_name="think") as call:
                call.set_attribute("gen_ai.usage.total_cost", 0.5)
    return ids


def slow(count: int, url: str) -> list[str]:
    """Send traces of an OpenTelemetry SDK that took 40 seconds, as their times say."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(url)))
    ids, now = [], time.time_ns()
    for _ in range(count):
        span = provider.get_tracer("another tracer").start_span("slow", start_time=now - 40_000_000_000)
        ids.append(f"{span.get_span_context().trace_id:032x}")
        span.end(now)
    provider.shutdown()
    return ids


def long(count: int) -> list[str]:
    """Make traces of 210 spans."""
    return many(traces=count, spans=210)


def rest(count: int) -> list[str]:
    """Make traces of 5 spans that nothing is special about."""
    return many(traces=count, spans=5)
