"""What surrounds the destinations: frameworks, other tracers, and where the process runs. Looks only, starts nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import metadata

from .result import Step, failure

_FRAMEWORKS = (
    ("langchain-core", "spancast.langchain: SpancastCallbackHandler, or langchain.instrument()"),
    ("langgraph", "spancast.langchain, as LangChain"),
    ("llama-index-core", "spancast.llama_index: set_global_handler(), or instrument()"),
)
_TRACERS = {
    "openinference-instrumentation-langchain": "OpenInference",
    "openinference-instrumentation-llama-index": "OpenInference",
    "opentelemetry-instrumentation-langchain": "OpenLLMetry",
    "opentelemetry-instrumentation-llamaindex": "OpenLLMetry",
    "opentelemetry-instrumentation-genai-langchain": "OpenTelemetry GenAI",
    "opentelemetry-instrumentation-genai-llama-index": "OpenTelemetry GenAI",
    "traceloop-sdk": "OpenLLMetry",
    "langfuse": "Langfuse",
}
_SWITCHED_ON = ("LANGSMITH_OTEL_ENABLED", "LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2")
_SERVERLESS = {
    "AWS_LAMBDA_FUNCTION_NAME": "AWS Lambda",
    "FUNCTIONS_WORKER_RUNTIME": "Azure Functions",
    "FUNCTION_TARGET": "Google Cloud Functions",
    "K_SERVICE": "Cloud Run",
    "VERCEL": "Vercel",
}
_SERVERS = ("gunicorn", "celery", "uwsgi")

Version = Callable[[str], str | None]


def installed(name: str) -> str | None:
    """Return the version of an installed package."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def notes(environ: Mapping[str, str], version: Version = installed) -> Iterator[Step]:
    """Yield what there is to say about the application's surroundings."""
    yield from _frameworks(version)
    yield from _tracers(environ, version)
    yield from _headers(environ)
    yield from _process(environ, version)


def _frameworks(version: Version) -> Iterator[Step]:
    found = [(name, version(name), hook) for name, hook in _FRAMEWORKS]
    for name, number, hook in found:
        if number:
            yield Step(name="framework", detail=f"{name} {number}: {hook}")
    if not any(number for _, number, _ in found):
        yield failure("framework", "W804")


def _tracers(environ: Mapping[str, str], version: Version) -> Iterator[Step]:
    for name in _SWITCHED_ON:
        if environ.get(name, "").lower() in ("true", "1"):
            yield failure("other tracers", "W801", f"{name} is set: LangSmith traces LangChain runs too")
    there = sorted({f"{name} ({owner})" for name, owner in _TRACERS.items() if version(name)})
    if there:
        detail = f"installed, and harmless unless switched on: {', '.join(there)}"
        yield Step(name="other tracers", state="skipped", detail=detail)


def _headers(environ: Mapping[str, str]) -> Iterator[Step]:
    for variable in ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"):
        pairs = environ.get(variable, "").split(",")
        if any(" " in pair.partition("=")[2].strip() for pair in pairs):
            yield failure("settings", "W114", variable)


def _process(environ: Mapping[str, str], version: Version) -> Iterator[Step]:
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        yield failure("process", "W803")
    for variable, name in _SERVERLESS.items():
        if environ.get(variable):
            yield failure("process", "W802", name)
    servers = [name for name in _SERVERS if version(name)]
    if "uwsgi" in servers:
        yield failure("process", "W805")
    if forking := [name for name in servers if name != "uwsgi"]:
        detail = f"{', '.join(forking)}: forks are handled, each worker sends its own spans"
        yield Step(name="process", detail=detail)
    if number := version("uvicorn"):
        detail = (
            f"uvicorn {number}: SIGTERM ends it, also as gunicorn's worker, without Python's exit hooks; "
            "spancast.configure(..., handle_sigterm=True) keeps the spans of the last half second"
        )
        yield Step(name="process", state="skipped", detail=detail)
