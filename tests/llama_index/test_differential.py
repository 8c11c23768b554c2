"""Beside openinference-instrumentation-llama-index, on the same runs: the same facts, but for what differs on purpose.

Both stand on one dispatcher. DIFFERENCES is the written list; a difference that is not on it fails.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from inspect import iscoroutinefunction
from typing import Any

import orjson
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import spancast
from spancast.destinations import MemoryDestination

from . import applications
from .applications import APPLICATIONS

peer = pytest.importorskip("openinference.instrumentation.llama_index")
pytestmark = pytest.mark.usefixtures("instrumented")

# What OpenInference's instrumentor writes otherwise, and why we do not.
DIFFERENCES = {
    "input.value": "messages, arguments and queries as data; theirs are the call's arguments by Python's repr",
    "input.mime_type": "follows from it",
    "output.value": "the answer's text or plain data; theirs is the answer's repr, with `assistant: ` before it",
    "output.mime_type": "follows from it",
    "llm.invocation_parameters": "what was asked of the model; theirs is its metadata (context window, is_chat_model)",
    "llm.model_name": "the model that answered, where it says so; theirs is the one that was asked",
    "embedding.model_name": "left out where LlamaIndex says `unknown`",
    "embedding.embeddings.N.embedding.vector": "kept only with `vectors=True`",
    "tool.parameters": "the arguments of this call; theirs is the tool's schema",
}
# span of theirs -> (their kind, our kind)
KINDS = {"RERANKER": "CHAIN", "AGENT": "CHAIN"}
# Layers that they show: their spans of the kind that are no operation of their own.
LAYERS = {
    "LLM": ("predict", "apredict", "stream", "structured_predict", "predict_and_call", "_prepare_chat_with_tools"),
    "RETRIEVER": ("_retrieve", "_aretrieve"),
    "EMBEDDING": ("_get_query_embedding", "_aget_query_embedding", "_get_text_embedding", "_aget_text_embedding"),
    "TOOL": ("__call__",),
}
RUNS = [
    "query",
    "query_async",
    "query_failing",
    "rerank",
    "chat",
    "chat_condensed",
    "sub_question",
    "router_query",
    "function_agent_not_streaming",
    "agent_tool_fails",
    "agent_with_query_tool",
]


@pytest.fixture
def theirs() -> Iterator[InMemorySpanExporter]:
    """Return the spans of OpenInference's instrumentor."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = peer.LlamaIndexInstrumentor()
    instrumentor.instrument(tracer_provider=provider, skip_dep_check=True)
    yield exporter
    instrumentor.uninstrument()


def comparable(kind: str, spans: Sequence[Any]) -> list[Any]:
    """Return their spans that stand for operations of *kind*, in the order of their start."""
    found = []
    for span in sorted(spans, key=lambda span: span.start_time):
        method = span.name.rpartition(".")[2]
        if span.attributes.get("openinference.span.kind") != KINDS.get(kind, kind) or method in LAYERS.get(kind, ()):
            continue
        if kind == "RERANKER" and not method.endswith("postprocess_nodes"):
            continue
        if kind == "AGENT" and method != "run":
            continue
        found.append(span)
    return found


def plain(value: Any) -> Any:
    """Return a value so that JSON texts compare by what they say."""
    if isinstance(value, str) and value[:1] in "{[":
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return list(value) if isinstance(value, tuple) else value


def differs_on_purpose(key: str) -> bool:
    """Return whether *key* is on the list; positions are written as N there."""
    return ".".join("N" if part.isdigit() else part for part in key.split(".")) in DIFFERENCES


@pytest.mark.parametrize("name", RUNS)
def test_both_say_the_same(
    name: str,
    memory: MemoryDestination,
    pipeline: spancast.Pipeline,
    theirs: InMemorySpanExporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As many operations of each kind, with the same status and the same values under the names that both write."""
    built = applications.index()
    monkeypatch.setattr(applications, "BUILT", lambda: built)
    memory.clear()
    theirs.clear()
    run = APPLICATIONS[name]
    asyncio.run(run()) if iscoroutinefunction(run) else run()
    time.sleep(0.05)  # theirs ends some spans in a thread
    for kind in ("LLM", "RETRIEVER", "EMBEDDING", "TOOL", "RERANKER", "AGENT"):
        own = [span for span in sorted(memory.spans, key=lambda span: span.start_ns) if span.kind.value == kind]
        own = [span for span in own if span.attributes.get("tool.name") != "no_such_tool"]  # theirs has none
        other = comparable(kind, theirs.get_finished_spans())
        assert len(own) == len(other), kind
        for one, two in zip(own, other):
            assert (str(one.status) == "ERROR") is (two.status.status_code.name == "ERROR")
            if kind in KINDS:
                continue  # theirs are chains with nothing but input and output
            held = dict(two.attributes or {})
            wrong = {
                key: (plain(one.attributes.get(key)), plain(value))
                for key, value in held.items()
                if not differs_on_purpose(key) and plain(one.attributes.get(key)) != plain(value)
            }
            assert {} == wrong


def test_no_span_of_ours_is_missing_from_theirs(
    memory: MemoryDestination, pipeline: spancast.Pipeline, theirs: InMemorySpanExporter
) -> None:
    """Folding leaves out layers, never adds: theirs has every operation of ours, and about twice as many spans."""
    applications.engine().query("Where is Berlin?")
    names = {span.name.replace("._", ".") for span in theirs.get_finished_spans()}
    assert {span.name for span in memory.spans} - names == {"index_construction"}
    assert len(theirs.get_finished_spans()) > 2 * (len(memory.spans) - 3)
