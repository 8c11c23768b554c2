"""A real collector, rotel, takes every form of request and hands on what it understood."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from spancast.conventions.span import ERROR, SpanEvent, SpanLink
from spancast.otlp.http import HttpExporter
from spancast.otlp.outcome import Verdict

from ..receivers.recording import Receiver, recording_receiver
from ..receivers.rotel import FOUND, MISSING, WAIT, rotel
from .strategies import one_span
from .test_protobuf import in_python, pairs

pytestmark = pytest.mark.skipif(FOUND is None, reason=MISSING)
FORMS = [(protocol, packing) for protocol in ("http/json", "http/protobuf") for packing in (None, "gzip")]


@dataclass(frozen=True)
class Collector:
    """A running collector, and the receiver that it forwards to."""

    url: str
    behind: Receiver

    def span(self, trace_id: int, span_id: int) -> tuple[SpanMessage, list[tuple[str, Any]]]:
        """Return a span as it came out of the collector, and its resource."""
        limit = time.monotonic() + WAIT
        while time.monotonic() < limit:
            for request in list(self.behind.requests):
                for resource in request.protobuf.resource_spans:
                    for scope in resource.scope_spans:
                        for span in scope.spans:
                            if (span.trace_id, span.span_id) == (
                                trace_id.to_bytes(16, "big"),
                                span_id.to_bytes(8, "big"),
                            ):
                                return span, pairs(resource.resource.attributes)
            time.sleep(0.02)
        raise AssertionError(f"span {span_id:x} did not come out of the collector")


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """Return a running collector."""
    with recording_receiver() as behind:
        forward = ("--exporter", "otlp", "--otlp-exporter-endpoint", behind.url, "--otlp-exporter-protocol", "http")
        with rotel(tmp_path_factory.mktemp("rotel"), *forward) as url:
            yield Collector(url, behind)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the machine's own proxy out."""
    for name in ("http_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def exporting(url: str, protocol: str, packing: str | None) -> Iterator[HttpExporter]:
    """Run an exporter for the length of a block."""
    resource = {"service.name": "shop", "openinference.project.name": "project é"}
    exporter = HttpExporter(
        url, headers={}, protocol=protocol, compression=packing, timeout=WAIT, resource=lambda: resource
    )
    try:
        yield exporter
    finally:
        exporter.close()


def ids(protocol: str, packing: str | None) -> tuple[int, int, int]:
    """Return ids of a trace, its root and its child, of their own for each form of request."""
    number = 1 + FORMS.index((protocol, packing))
    return 0xA0 << 120 | number, 0xB0 << 56 | number, 0x0C << 56 | number


@pytest.mark.parametrize(("protocol", "packing"), FORMS)
def test_the_collector_understands_every_form(collector: Collector, protocol: str, packing: str | None) -> None:
    """JSON and protobuf, packed or not, come out of a real collector with ids, parents, attributes and events as sent."""
    trace_id, root_id, child_id = ids(protocol, packing)
    attributes = {
        "long": "long " * 500,
        "exact": 2**53 + 1,
        "least": -(2**63),
        "text": "é☃😀",
        "empty": "",
        "double": 0.1,
        "yes": True,
        "tags": ["a", "b"],
        "counts": [1, 2],
    }
    root = one_span(attributes, trace_id=trace_id, span_id=root_id)
    child = one_span(
        trace_id=trace_id,
        span_id=child_id,
        parent_span_id=root_id,
        kind=3,
        name="chat é",
        status_code=ERROR,
        status_message="it broke",
        events=(SpanEvent(name="exception", time_ns=1_760_000_000_500_000_001, attributes={"exception.type": "E"}),),
        links=(SpanLink(trace_id=7, span_id=8, attributes={"why": "follows"}),),
    )

    with exporting(collector.url, protocol, packing) as exporter:
        outcome = exporter.export([exporter.encode(root), exporter.encode(child)], WAIT)

    assert (Verdict.DELIVERED, 200, 0) == (outcome.verdict, outcome.status, outcome.rejected)
    read_root, resource = collector.span(trace_id, root_id)
    read_child, _ = collector.span(trace_id, child_id)
    assert {"service.name": "shop", "openinference.project.name": "project é"}.items() <= dict(resource).items()
    assert attributes == dict(pairs(read_root.attributes))
    assert (b"", root.start_ns, root.end_ns) == (
        read_root.parent_span_id,
        read_root.start_time_unix_nano,
        read_root.end_time_unix_nano,
    )
    assert (root_id.to_bytes(8, "big"), "chat é", 3) == (read_child.parent_span_id, read_child.name, read_child.kind)
    assert (2, "it broke") == (read_child.status.code, read_child.status.message)
    assert [("exception", 1_760_000_000_500_000_001, "E")] == [
        (event.name, event.time_unix_nano, in_python(event.attributes[0].value)) for event in read_child.events
    ]
    assert [("0" * 31 + "7", "0" * 15 + "8", [("why", "follows")])] == [
        (link.trace_id.hex(), link.span_id.hex(), pairs(link.attributes)) for link in read_child.links
    ]


@pytest.mark.parametrize("protocol", ["http/json", "http/protobuf"])
def test_unusual_values_do_not_cost_the_request(collector: Collector, protocol: str) -> None:
    """Values that are hard to carry, and very deep ones, never make a real collector refuse the request."""
    deep: Any = "deep"
    for _ in range(100):
        deep = {"k": deep}
    trace_id, span_id = 0xD0 << 120 | len(protocol), 0xE0 << 56 | len(protocol)
    hard = {
        "huge": 10**40,
        "surrogate": "a\ud800",
        "mapping": {"a": [1, {"b": b"\x00"}]},
        "deep": deep,
        "nul": "\x00",
    }
    span = one_span(hard, trace_id=trace_id, span_id=span_id)

    with exporting(collector.url, protocol, None) as exporter:
        outcome = exporter.export([exporter.encode(span)], WAIT)

    assert (Verdict.DELIVERED, 200) == (outcome.verdict, outcome.status)
    read = dict(pairs(collector.span(trace_id, span_id)[0].attributes))
    assert (str(10**40), "a?", "\x00") == (read["huge"], read["surrogate"], read["nul"])
    assert set(hard) == set(read)


def test_a_body_that_is_no_request_is_refused_for_good(collector: Collector) -> None:
    """What a real collector answers to a broken request is never sent again."""
    with exporting(collector.url, "http/json", None) as exporter:
        outcome = exporter.post(b'{"resourceSpans":[{', WAIT)

    assert (Verdict.REFUSED, 400) == (outcome.verdict, outcome.status)
