"""How each tracer of the scoreboard is switched on; runs inside the tracer's own virtual environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

NOWHERE = "http://127.0.0.1:9"  # the discard port: whatever is sent over HTTP arrives nowhere


class Peer(NamedTuple):
    """One tracer: what tables call it, and how to switch it on."""

    title: str
    start: Callable[[Any, Any], tuple[list[Any], Callable[[], object]]]


def _spancast(provider: Any, exporter: Any) -> tuple[list[Any], Callable[[], object]]:
    import spancast
    from spancast.langchain import SpancastCallbackHandler

    os.environ["SPANCAST_STATE_DIR"] = ""
    pipeline = spancast.configure(spancast.destinations.memory(), tracer_provider=provider)
    return [SpancastCallbackHandler()], pipeline.flush


def _openinference(provider: Any, exporter: Any) -> tuple[list[Any], Callable[[], object]]:
    from openinference.instrumentation.langchain import LangChainInstrumentor

    LangChainInstrumentor().instrument(tracer_provider=provider)
    return [], provider.force_flush


def _otel_genai(provider: Any, exporter: Any) -> tuple[list[Any], Callable[[], object]]:
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
    os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"
    from opentelemetry.instrumentation.genai.langchain import LangChainInstrumentor

    LangChainInstrumentor().instrument(tracer_provider=provider)
    return [], provider.force_flush


def _openllmetry(provider: Any, exporter: Any) -> tuple[list[Any], Callable[[], object]]:
    from opentelemetry.instrumentation.langchain import LangchainInstrumentor

    LangchainInstrumentor().instrument(tracer_provider=provider)
    return [], provider.force_flush


def _langfuse(provider: Any, exporter: Any) -> tuple[list[Any], Callable[[], object]]:
    from langfuse import Langfuse
    from langfuse.langchain import CallbackHandler
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    client = Langfuse(
        public_key="pk-lf-benchmark",
        secret_key="sk-lf-benchmark",
        base_url=NOWHERE,
        tracer_provider=provider,
        span_exporter=InMemorySpanExporter(),
    )
    return [CallbackHandler(public_key="pk-lf-benchmark")], client.flush


def _langsmith(provider: Any, exporter: Any) -> tuple[list[Any], Callable[[], object]]:
    os.environ.update(
        LANGSMITH_TRACING="true",
        LANGSMITH_OTEL_ENABLED="true",
        LANGSMITH_OTEL_ONLY="true",
        LANGSMITH_API_KEY="benchmark",
        LANGSMITH_ENDPOINT=NOWHERE,
    )
    from langchain_core.tracers.langchain import get_client, wait_for_all_tracers

    client = get_client()

    def flush() -> None:
        wait_for_all_tracers()
        client.flush()
        provider.force_flush()

    return [], flush


PEERS: dict[str, Peer] = {
    "spancast": Peer("spancast", _spancast),
    "openinference": Peer("OpenInference", _openinference),
    "otel-genai": Peer("OpenTelemetry GenAI", _otel_genai),
    "openllmetry": Peer("OpenLLMetry", _openllmetry),
    "langfuse": Peer("Langfuse", _langfuse),
    "langsmith": Peer("LangSmith (OTEL_ONLY)", _langsmith),
}
"""By the name of the environment (environments.py) that each is installed in."""
