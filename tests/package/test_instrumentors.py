"""`opentelemetry-instrument python app.py`: the application knows nothing of spancast, and is traced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import Document

from spancast.destinations import MemoryDestination
from spancast.langchain.instrumentor import SpancastLangChainInstrumentor
from spancast.llama_index.instrumentor import SpancastLlamaIndexInstrumentor

from ..receivers.recording import recording_receiver
from .environments import APPLICATIONS, Environment, environment


def run_chain() -> None:
    """Run something of LangChain."""
    RunnableLambda(str.upper, name="loud").invoke("hi")


def split() -> None:
    """Run something of LlamaIndex."""
    SentenceSplitter(tokenizer=str.split).get_nodes_from_documents([Document(text="hi")])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("instrumentor", "act", "expected"),
    [
        (SpancastLangChainInstrumentor, run_chain, ["loud"]),
        (SpancastLlamaIndexInstrumentor, split, ["SentenceSplitter.parse_nodes"]),
    ],
)
def test_an_instrumentor_traces_from_instrument_to_uninstrument(
    instrumentor: Any, act: Any, expected: list[str], memory: MemoryDestination, pipeline: Any
) -> None:
    """OpenTelemetry's own class, which finds the framework's version good enough."""
    instrumentor().instrument()
    try:
        act()
    finally:
        instrumentor().uninstrument()
    act()
    assert expected == [span.name for span in memory.spans if span.parent_span_id is None]


# ---------------------------------------------------------------- the real command, in environments of its own
@pytest.fixture(scope="module")
def both(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Return an environment with both frameworks and OpenTelemetry's command."""
    folder = tmp_path_factory.mktemp("both") / "environment"
    return environment(folder, f"spancast[langchain,llama-index] @ {wheel.as_uri()}", "opentelemetry-instrumentation")


def traced(made: Environment, application: str, **environ: str) -> list[str]:
    """Run an application with OpenTelemetry's command; return the names of the roots that a collector received."""
    with recording_receiver() as collector:
        said = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json", **environ}
        command = ("opentelemetry-instrument", "python", "-W", "ignore", APPLICATIONS / f"{application}.py")
        done = made.run(*command, OTEL_SERVICE_NAME="shop", **said)
        assert (0, "", "") == (done.status, done.out, done.err)
        return [span["name"] for span in collector.json_spans() if not span.get("parentSpanId")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("application", "roots"),
    [
        ("langchain_chain", ["Ask the shop"]),
        ("llama_index_query", ["index_construction", "RetrieverQueryEngine.query"]),
        ("llama_index_agent", ["invoke_agent forecaster"]),
    ],
)
def test_an_application_that_knows_nothing_of_spancast_is_traced(
    application: str, roots: list[str], both: Environment
) -> None:
    """No line of code: the command finds the entry points, the environment names the collector."""
    assert roots == traced(both, application)


@pytest.mark.slow
def test_an_instrumentor_can_be_switched_off_by_its_name(both: Environment) -> None:
    """OpenTelemetry's own variable, with our names, which no other package uses."""
    off = "spancast_langchain,spancast_llama_index"
    assert [] == traced(both, "langchain_chain", OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=off)


@pytest.mark.slow
def test_without_a_framework_the_command_is_quiet(wheel: Path, tmp_path: Path) -> None:
    """The entry points are there, and neither framework is: the program runs as it would."""
    made = environment(tmp_path / "environment", wheel, "opentelemetry-instrumentation")
    done = made.run("opentelemetry-instrument", "python", "-c", "print('ran')")
    assert (0, "ran\n", "") == (done.status, done.out, done.err)
