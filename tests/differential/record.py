"""`python -m tests.differential.record TRACER` runs the applications under one tracer and prints their spans as JSON.

A process for each tracer: some of them patch LangChain for good.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

from .applications import APPLICATIONS, METADATA

Record = dict[str, list[dict[str, Any]]]


def with_spancast(convention: str) -> Record:
    """Return the spans of spancast in one convention."""
    import spancast
    from spancast.langchain import SpancastCallbackHandler

    os.environ["SPANCAST_STATE_DIR"] = ""
    found = {}
    for application in APPLICATIONS:
        memory = spancast.destinations.memory(convention=convention)
        with spancast.Pipeline(memory):
            application({"callbacks": [SpancastCallbackHandler()], "metadata": dict(METADATA)})
        spans = sorted(memory.spans, key=lambda span: span.start_ns)
        found[application.__name__] = [
            {
                "id": span.span_id,
                "parent": span.parent_span_id,
                "name": span.name,
                "kind": span.kind.value,
                "status": str(span.status),
                "attributes": {key: _plain(value) for key, value in span.attributes.items()},
                "events": [event.name for event in span.events],
            }
            for span in spans
        ]
    return found


def with_instrumentor(instrument: Callable[[Any], object], kind_of: Callable[[dict[str, Any]], str]) -> Record:
    """Return the spans of a tracer that is an OpenTelemetry instrumentor."""
    from opentelemetry.sdk.trace import SpanLimits, TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider(span_limits=SpanLimits(max_span_attributes=10_000))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrument(provider)
    found = {}
    for application in APPLICATIONS:
        exporter.clear()
        application({"metadata": dict(METADATA)})
        found[application.__name__] = [
            {
                "id": f"{span.context.span_id:016x}",
                "parent": f"{span.parent.span_id:016x}" if span.parent else None,
                "name": span.name,
                "kind": kind_of(dict(span.attributes or {})),
                "status": span.status.status_code.name,
                "attributes": {key: _plain(value) for key, value in (span.attributes or {}).items()},
                "events": [event.name for event in span.events],
            }
            for span in sorted(exporter.get_finished_spans(), key=lambda span: span.start_time or 0)
        ]
    return found


def with_openinference() -> Record:
    """Return the spans of `openinference-instrumentation-langchain`."""
    from openinference.instrumentation.langchain import LangChainInstrumentor

    return with_instrumentor(
        lambda provider: LangChainInstrumentor().instrument(tracer_provider=provider),
        lambda attributes: str(attributes.get("openinference.span.kind", "")),
    )


GEN_AI_KINDS = {
    "chat": "LLM",
    "text_completion": "LLM",
    "execute_tool": "TOOL",
    "retrieval": "RETRIEVER",
    "invoke_agent": "AGENT",
}


def with_otel() -> Record:
    """Return the spans of `opentelemetry-instrumentation-genai-langchain`, with content."""
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
    os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"
    from opentelemetry.instrumentation.genai.langchain import LangChainInstrumentor

    return with_instrumentor(
        lambda provider: LangChainInstrumentor().instrument(tracer_provider=provider),
        lambda attributes: GEN_AI_KINDS.get(str(attributes.get("gen_ai.operation.name", "")), "CHAIN"),
    )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


TRACERS: dict[str, Callable[[], Record]] = {
    "spancast-openinference": lambda: with_spancast("openinference"),
    "spancast-gen_ai": lambda: with_spancast("gen_ai"),
    "openinference": with_openinference,
    "otel": with_otel,
}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(TRACERS[sys.argv[1]]()))
