"""`protocol="grpc"`: a real gRPC receiver gets the spans, by OpenTelemetry's own exporter."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

import spancast
from spancast import destinations
from spancast.validation import SettingsError


class Receiver(TraceServiceServicer):
    """Keeps what arrives, and its metadata."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.metadata: list[dict[str, str]] = []

    def Export(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        self.metadata.append(dict(context.invocation_metadata()))
        return ExportTraceServiceResponse()


@pytest.fixture
def receiver() -> Iterator[tuple[Receiver, str]]:
    """Yield a receiver of OTLP/gRPC and its address."""
    made = Receiver()
    server = grpc.server(ThreadPoolExecutor(2))
    add_TraceServiceServicer_to_server(made, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield made, f"http://127.0.0.1:{port}"
    server.stop(None).wait()


def test_spans_arrive_with_headers_and_resource(receiver: tuple[Receiver, str]) -> None:
    """The tree, the names, the headers of the application and the service's name."""
    made, address = receiver
    destination = destinations.otlp(address, protocol="grpc", headers={"X-Key": "k1"}, compression="gzip")
    assert "(gRPC)" in repr(destination)
    with spancast.Pipeline(destination, service_name="shop") as pipeline:
        with spancast.trace(trace_name="Outer"), spancast.trace(span_name="Inner", kind="TOOL", input={"a": 1}):
            pass
        assert pipeline.flush(20.0)
    (resource,) = [each for request in made.requests for each in request.resource_spans]
    spans = {span.name: span for scope in resource.scope_spans for span in scope.spans}
    assert "shop" in {each.value.string_value for each in resource.resource.attributes}
    inner, outer = spans["Inner"], spans["Outer"]
    assert (inner.parent_span_id, inner.trace_id) == (outer.span_id, outer.trace_id)
    assert "k1" == made.metadata[0]["x-key"]
    assert "gen_ai.tool.call.arguments" in {each.key for each in inner.attributes}


def test_the_connection_test_sends_one_span(receiver: tuple[Receiver, str]) -> None:
    """`check()` exports one real span."""
    made, address = receiver
    assert destinations.otlp(address, protocol="grpc").check().passed
    assert 1 == len(made.requests)


def test_nobody_there_is_counted() -> None:
    """A receiver that does not answer costs the spans, in a column of the report."""
    destination = destinations.otlp("http://127.0.0.1:9", protocol="grpc", timeout=0.2)
    with spancast.Pipeline(destination) as pipeline:
        with spancast.trace(trace_name="Lost"):
            pass
        assert not pipeline.flush(20.0)


def test_metrics_and_other_presets_say_that_they_need_http() -> None:
    """One sentence each."""
    with pytest.raises(SettingsError, match="metrics=True needs HTTP"):
        destinations.otlp("http://127.0.0.1:4317", protocol="grpc", metrics=True)
    with pytest.raises(SettingsError, match=r"Only destinations\.otlp"):
        destinations.jaeger("http://127.0.0.1:4318", protocol="grpc")


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of the extra, before anything is sent."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"spancast\[grpc\]"):
        destinations.otlp("http://127.0.0.1:4317", protocol="grpc")
