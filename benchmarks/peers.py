"""How each tracer is switched on for the measurements, as its documentation says; runs in the tracer's own environment.

A peer's start takes the address of the receiver and returns the callbacks to pass (or None) and what flushes everything.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from environments import ENVIRONMENTS

Started = tuple[list[Any] | None, Callable[[], object]]


class Peer(NamedTuple):
    """One tracer: what tables call it, its framework, its environment, and how to switch it on."""

    title: str
    framework: str
    environment: str
    start: Callable[[str], Started]


def _provider(url: str) -> Any:
    """Return the SDK as its documentation sets it up: batches, OTLP over HTTP in protobuf."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource({"service.name": "bench"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{url}/v1/traces")))
    trace.set_tracer_provider(provider)
    return provider


# ---------------------------------------------------------------- the floor
def _untraced(url: str) -> Started:
    return None, lambda: None


def empty_langchain() -> list[Any]:
    """Return a handler whose methods do nothing: LangChain's own dispatch, which nobody can go below."""
    from langchain_core.callbacks import BaseCallbackHandler

    class Empty(BaseCallbackHandler):
        run_inline = True

        def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
            pass

    return [Empty()]


def empty_llama_index() -> Callable[[], object]:
    """Add handlers that do nothing to LlamaIndex's root dispatcher; return what takes them away again."""
    from llama_index.core.instrumentation import get_dispatcher
    from llama_index.core.instrumentation.event_handlers import BaseEventHandler
    from llama_index.core.instrumentation.span import BaseSpan
    from llama_index.core.instrumentation.span_handlers import BaseSpanHandler

    class Events(BaseEventHandler):
        def handle(self, event: Any, **kwargs: Any) -> None:
            pass

    class Spans(BaseSpanHandler[BaseSpan]):
        def new_span(self, *args: Any, **kwargs: Any) -> None:
            return None

        def prepare_to_exit_span(self, *args: Any, **kwargs: Any) -> None:
            return None

        def prepare_to_drop_span(self, *args: Any, **kwargs: Any) -> None:
            return None

    dispatcher = get_dispatcher()
    before = list(dispatcher.event_handlers), list(dispatcher.span_handlers)
    dispatcher.add_event_handler(Events())
    dispatcher.add_span_handler(Spans())

    def withdraw() -> None:
        dispatcher.event_handlers, dispatcher.span_handlers = before

    return withdraw


def _empty(url: str) -> Started:
    return empty_langchain(), lambda: None


def _empty_llama_index(url: str) -> Started:
    empty_llama_index()
    return None, lambda: None


# ---------------------------------------------------------------- spancast
def spancast_destination(name: str, url: str) -> Any:
    """Return the destination that the peer `spancast-NAME` sends to."""
    from spancast import destinations

    if name == "arize":  # OpenInference, protobuf
        return destinations.arize(api_key="k", space_key="U3BhY2U6MTpiZW5jaA==", model_id="bench", base_url=url)
    if name == "otlp":  # gen_ai, JSON
        return destinations.otlp(f"{url}/v1/traces")
    return destinations.otlp(f"{url}/v1/traces", protocol="http/protobuf")


def _configured(name: str, url: str) -> Callable[[], object]:
    import spancast

    spancast.configure(spancast_destination(name, url), service_name="bench")
    return lambda: spancast.flush(60.0)


def _spancast(name: str) -> Callable[[str], Started]:
    def start(url: str) -> Started:
        flush = _configured(name, url)
        from spancast.langchain import SpancastCallbackHandler

        return [SpancastCallbackHandler()], flush

    return start


def _without_prices(name: str) -> Callable[[str], Started]:
    """Start as if the price list were not installed."""

    def start(url: str) -> Started:
        sys.modules["genai_prices"] = None  # type: ignore[assignment]  # the import system's way to say: not there
        return _spancast(name)(url)

    return start


def _spancast_llama_index(name: str) -> Callable[[str], Started]:
    def start(url: str) -> Started:
        flush = _configured(name, url)
        from spancast.llama_index import set_global_handler

        set_global_handler()
        return None, flush

    return start


# ---------------------------------------------------------------- the others
def _openinference(url: str) -> Started:
    from openinference.instrumentation.langchain import LangChainInstrumentor

    provider = _provider(url)
    LangChainInstrumentor().instrument(tracer_provider=provider)
    return None, provider.force_flush


def _openllmetry(url: str) -> Started:
    from opentelemetry.instrumentation.langchain import LangchainInstrumentor

    provider = _provider(url)
    LangchainInstrumentor().instrument(tracer_provider=provider)
    return None, provider.force_flush


def _otel_genai(url: str) -> Started:
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
    os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"
    from opentelemetry.instrumentation.genai.langchain import LangChainInstrumentor

    provider = _provider(url)
    LangChainInstrumentor().instrument(tracer_provider=provider)
    return None, provider.force_flush


def _langfuse(url: str) -> Started:
    keys = {"LANGFUSE_PUBLIC_KEY": "pk-lf-benchmark", "LANGFUSE_SECRET_KEY": "sk-lf-benchmark"}
    os.environ.update(keys, LANGFUSE_HOST=url, LANGFUSE_BASE_URL=url)
    from langfuse import Langfuse
    from langfuse.langchain import CallbackHandler

    client = Langfuse()
    return [CallbackHandler()], client.flush


def _flushing_langsmith(force_flush: Callable[[], object]) -> Callable[[], object]:
    """Return what flushes LangSmith's own threads, and then the provider that they hand spans to."""
    from langchain_core.tracers.langchain import get_client, wait_for_all_tracers

    client = get_client()

    def flush() -> None:
        wait_for_all_tracers()
        client.flush()
        force_flush()

    return flush


def _langsmith(url: str) -> Started:
    os.environ.update(
        LANGSMITH_TRACING="true",
        LANGSMITH_OTEL_ENABLED="true",
        LANGSMITH_OTEL_ONLY="true",
        LANGSMITH_API_KEY="benchmark",
        LANGSMITH_ENDPOINT=url,
    )
    provider = _provider(url)
    return None, _flushing_langsmith(provider.force_flush)


def _logfire(url: str) -> Started:
    """LangSmith's own OpenTelemetry tracing, through Logfire's provider: what Logfire documents for LangChain."""
    os.environ.update(
        LANGSMITH_OTEL_ENABLED="true",
        LANGSMITH_OTEL_ONLY="true",
        LANGSMITH_TRACING="true",
        OTEL_EXPORTER_OTLP_ENDPOINT=url,
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
    )
    import logfire

    logfire.configure(send_to_logfire=False, console=False, service_name="bench", metrics=False)
    return None, _flushing_langsmith(logfire.force_flush)


def _openlit(url: str) -> Started:
    import openlit
    from opentelemetry import trace

    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = url
    openlit.init(otlp_endpoint=url, service_name="bench", disable_metrics=True)
    provider: Any = trace.get_tracer_provider()
    return None, provider.force_flush


def _mlflow(url: str) -> Started:
    return _mlflow_autolog(url, "langchain")


def _mlflow_llama_index(url: str) -> Started:
    return _mlflow_autolog(url, "llama_index")


def _mlflow_autolog(url: str, framework: str) -> Started:
    os.environ.update(
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{url}/v1/traces",
        OTEL_EXPORTER_OTLP_TRACES_PROTOCOL="http/protobuf",
        MLFLOW_TRACKING_URI=url,  # not asked; without it the package for production wants a database of its own
    )
    import mlflow
    import mlflow.tracing.provider as provider

    getattr(mlflow, framework).autolog()

    def flush() -> None:
        made: Any = provider.provider.get()
        made.force_flush()

    return None, flush


def _openinference_llama_index(url: str) -> Started:
    from openinference.instrumentation.llama_index import LlamaIndexInstrumentor

    provider = _provider(url)
    LlamaIndexInstrumentor().instrument(tracer_provider=provider)
    return None, provider.force_flush


def _openllmetry_llama_index(url: str) -> Started:
    from opentelemetry.instrumentation.llamaindex import LlamaIndexInstrumentor

    provider = _provider(url)
    LlamaIndexInstrumentor().instrument(tracer_provider=provider)
    return None, provider.force_flush


def _otel_llama_index(url: str) -> Started:
    from llama_index.observability.otel import LlamaIndexOpenTelemetry
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class Nowhere(SpanExporter):  # it wants one of its own; the provider's sends
        def export(self, spans: Any) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = _provider(url)
    LlamaIndexOpenTelemetry(
        tracer_provider=provider, span_exporter=Nowhere(), span_processor="simple"
    ).start_registering()
    return None, provider.force_flush


_LC, _LI = "langchain", "llama_index"
_OLDEST = "oldest frameworks"
PEERS: dict[str, Peer] = {
    "none": Peer("untraced", _LC, "spancast", _untraced),
    "empty": Peer("empty handler", _LC, "spancast", _empty),
    "spancast-arize": Peer("spancast, arize", _LC, "spancast", _spancast("arize")),
    "spancast-otlp": Peer("spancast, otlp (JSON)", _LC, "spancast", _spancast("otlp")),
    "spancast-protobuf": Peer("spancast, otlp (protobuf)", _LC, "spancast", _spancast("protobuf")),
    "no-prices": Peer("spancast, otlp (JSON), no price list", _LC, "spancast", _without_prices("otlp")),
    "before-arize": Peer("spancast before, arize", _LC, "before", _spancast("arize")),
    "before-otlp": Peer("spancast before, otlp (JSON)", _LC, "before", _spancast("otlp")),
    "oldest-none": Peer(f"untraced, {_OLDEST}", _LC, "oldest", _untraced),
    "oldest-arize": Peer(f"spancast, arize, {_OLDEST}", _LC, "oldest", _spancast("arize")),
    "oldest-otlp": Peer(f"spancast, otlp (JSON), {_OLDEST}", _LC, "oldest", _spancast("otlp")),
    "openinference": Peer("OpenInference", _LC, "openinference", _openinference),
    "openllmetry": Peer("OpenLLMetry", _LC, "openllmetry", _openllmetry),
    "otel-genai": Peer("OpenTelemetry GenAI", _LC, "otel-genai", _otel_genai),
    "langfuse": Peer("Langfuse", _LC, "langfuse", _langfuse),
    "langsmith": Peer("LangSmith (OTEL_ONLY)", _LC, "langsmith", _langsmith),
    "logfire": Peer("Logfire (LangSmith's tracing)", _LC, "logfire", _logfire),
    "openlit": Peer("OpenLIT", _LC, "openlit", _openlit),
    "mlflow": Peer("MLflow", _LC, "mlflow", _mlflow),
    "li-none": Peer("untraced", _LI, "spancast", _untraced),
    "li-empty": Peer("empty handlers", _LI, "spancast", _empty_llama_index),
    "li-spancast-arize": Peer("spancast, arize", _LI, "spancast", _spancast_llama_index("arize")),
    "li-spancast-otlp": Peer("spancast, otlp (JSON)", _LI, "spancast", _spancast_llama_index("otlp")),
    "li-before-arize": Peer("spancast before, arize", _LI, "before", _spancast_llama_index("arize")),
    "li-before-otlp": Peer("spancast before, otlp (JSON)", _LI, "before", _spancast_llama_index("otlp")),
    "li-oldest-none": Peer(f"untraced, {_OLDEST}", _LI, "oldest", _untraced),
    "li-oldest-arize": Peer(f"spancast, arize, {_OLDEST}", _LI, "oldest", _spancast_llama_index("arize")),
    "li-oldest-otlp": Peer(f"spancast, otlp (JSON), {_OLDEST}", _LI, "oldest", _spancast_llama_index("otlp")),
    "li-openinference": Peer("OpenInference", _LI, "llama-index-openinference", _openinference_llama_index),
    "li-openllmetry": Peer("OpenLLMetry", _LI, "llama-index-openllmetry", _openllmetry_llama_index),
    "li-otel": Peer("llama-index-observability-otel", _LI, "llama-index-otel", _otel_llama_index),
    "li-openlit": Peer("OpenLIT", _LI, "llama-index-openlit", _openlit),
    "li-mlflow": Peer("MLflow", _LI, "llama-index-mlflow", _mlflow_llama_index),
}
assert {peer.environment for peer in PEERS.values()} <= set(ENVIRONMENTS)


def base_of(peer: str) -> str:
    """Return the untraced application that a peer is measured against: of its framework, in its age."""
    about = PEERS[peer]
    return ("li-" if about.framework == _LI else "") + ("oldest-" if about.environment == "oldest" else "") + "none"


BASES = tuple(peer for peer in PEERS if base_of(peer) == peer)
"""The untraced applications."""
