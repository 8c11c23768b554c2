"""OpenRouter's documented example requests: its Broadcast beside ours, with the same ids, is one tree in real receivers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from examples.offline.servers import broadcast

import spancast
from spancast import destinations, openrouter

from .arize_phoenix import running_phoenix
from .cache import needs
from .jaeger_server import running_jaeger
from .otelcol import collector_program, running_collector
from .ports import free_ports
from .read_back import Spans, of_snake_case

# The examples of OpenRouter's pages "OpenTelemetry Collector" and "Arize AI", without the messages.
DOCUMENTED: dict[str, dict[str, Any]] = {
    "OpenTelemetry Collector": {
        "model": "openai/gpt-4o",
        "user": "user_12345",
        "session_id": "session_abc",
        "trace": {
            "trace_id": "app_trace_001",
            "trace_name": "Chat Handler",
            "generation_name": "Generate Response",
            "environment": "staging",
            "deployment": "us-east-1",
        },
    },
    "Arize AI": {
        "model": "openai/gpt-4o",
        "user": "user_12345",
        "session_id": "session_abc",
        "trace": {
            "trace_id": "classification_pipeline_001",
            "trace_name": "Text Classification",
            "generation_name": "Classify Sentiment",
            "dataset": "customer_feedback",
            "experiment_id": "exp_v3",
        },
    },
}
_TO_PHOENIX = """
receivers: {{ otlp: {{ protocols: {{ http: {{ endpoint: "127.0.0.1:{http}" }} }} }} }}
processors:
  resource: {{ attributes: [{{ action: insert, key: openinference.project.name, value: shop }}] }}
exporters: {{ otlp_http: {{ endpoint: "{phoenix}" }} }}
extensions: {{ health_check: {{ endpoint: "127.0.0.1:{health}" }} }}
service:
  extensions: [health_check]
  telemetry: {{ metrics: {{ level: none }} }}
  pipelines: {{ traces: {{ receivers: [otlp], processors: [resource], exporters: [otlp_http] }} }}
"""


@contextmanager
def at_the_collector(folder: Path) -> Iterator[Any]:
    """Both send to the Collector."""
    with running_collector(folder) as held:
        yield destinations.otlp(held.traces_url, name="backend"), held.traces_url, held.spans


@contextmanager
def at_jaeger(folder: Path) -> Iterator[Any]:
    """Both send to Jaeger."""
    with running_jaeger(folder) as held:
        yield destinations.jaeger(held.url, name="backend"), held.traces_url, held.spans


@contextmanager
def at_phoenix(folder: Path) -> Iterator[Any]:
    """Phoenix takes no JSON, and Broadcast sends nothing else: a Collector stands between the two."""
    http, health = free_ports(2)
    (folder / "collector").mkdir()
    with running_phoenix(folder) as phoenix:

        def spans(trace_id: str, count: int) -> Spans:
            phoenix.stored("shop", trace_id, count)
            return of_snake_case(phoenix.get(f"/v1/projects/shop/spans/otlpv1?limit=1000&trace_id={trace_id}")["data"])

        configuration = folder / "collector.yaml"
        configuration.write_text(_TO_PHOENIX.format(http=http, health=health, phoenix=phoenix.url))
        with collector_program(folder / "collector", [configuration], {}, health):
            ours = destinations.phoenix(phoenix.url, project_name="shop", name="backend")
            yield ours, f"http://127.0.0.1:{http}/v1/traces", spans


@pytest.mark.parametrize("page", DOCUMENTED)
@pytest.mark.parametrize(
    "backend",
    [
        pytest.param(at_the_collector, id="collector", marks=needs("collector")),
        pytest.param(at_jaeger, id="jaeger", marks=needs("jaeger")),
        pytest.param(at_phoenix, id="phoenix", marks=needs("phoenix", "collector")),
    ],
)
def test_both_are_one_tree(backend: Any, page: str, tmp_path: Path) -> None:
    """The gateway's generation lies under our span, in our trace, with the user, the session and the metadata of both."""
    request = DOCUMENTED[page]
    fields = {**request["trace"], "user": request["user"], "session_id": request["session_id"]}
    with backend(tmp_path) as (ours, url, spans):
        with spancast.Pipeline(ours, service_name="shop") as pipeline:
            with spancast.trace(**fields) as handle:
                joined = {**request, **openrouter.broadcast_fields()}
                broadcast(url, f"gen-{page}", joined, time.time_ns())
            assert True is pipeline.flush(30)
        found = spans(handle.trace_id, 3)
    assert 3 == len(found)
    names = {span.name: (span_id, span.parent) for span_id, span in found.items()}
    root, generation = request["trace"]["trace_name"], request["trace"]["generation_name"]
    assert (handle.span_id, None) == names[root]
    assert handle.span_id == names[generation][1]
    assert names[generation][0] == names["provider attempt 1: OpenAI"][1]
    by_name = {span.name: span.attributes for span in found.values()}
    for name in (root, generation):
        assert ("user_12345", "session_abc") == (by_name[name]["user.id"], by_name[name]["session.id"])
    own = {name: value for name, value in request["trace"].items() if not name.endswith(("_name", "trace_id"))}
    for name, value in own.items():
        assert value == by_name[generation][f"trace.metadata.{name}"]
        assert value in (by_name[root].get(f"trace.metadata.{name}"), by_name[root].get(f"metadata.{name}"))
