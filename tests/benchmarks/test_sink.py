"""The sink: what arrives is counted, in every encoding that tracers use."""

from __future__ import annotations

import gzip
import http.client
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import measuring
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

JSON_SPAN = {"name": "s", "attributes": [{"key": "k", "value": {"stringValue": "v"}}]}
JSON_BODY = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [JSON_SPAN, JSON_SPAN]}]}]}).encode()


@pytest.fixture
def receiver() -> Iterator[measuring.Sink]:
    """Return a running sink."""
    with measuring.sink() as started:
        yield started


def _post(receiver: measuring.Sink, body: object, **headers: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(receiver.url).netloc, timeout=10)
    connection.request("POST", "/v1/traces", body, headers, encode_chunked=not isinstance(body, bytes))  # type: ignore[arg-type]
    status = connection.getresponse().status
    connection.close()
    return status


def test_json_and_protobuf_are_counted_before_and_after_compression(receiver: measuring.Sink) -> None:
    """Spans and attributes are counted alike in both encodings; bytes as sent, and unpacked."""
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(name="s").attributes.add(key="k")
    packed = gzip.compress(JSON_BODY)
    assert 200 == _post(receiver, packed, **{"Content-Type": "application/json", "Content-Encoding": "gzip"})
    assert 200 == _post(receiver, request.SerializeToString(), **{"Content-Type": "application/x-protobuf"})
    found = receiver.stats()
    assert (2, 3, 3) == (found["requests"], found["spans"], found["attributes"])
    assert len(packed) + request.ByteSize() == found["sent_bytes"]
    assert len(JSON_BODY) + request.ByteSize() == found["bytes"]


def test_chunked_bodies_are_read(receiver: measuring.Sink) -> None:
    """A body of unknown length, in pieces, is one request."""
    headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    assert 200 == _post(receiver, iter([JSON_BODY[:10], JSON_BODY[10:]]), **headers)
    assert 2 == receiver.stats()["spans"]


def test_a_reset_forgets_and_nonsense_is_counted_apart(receiver: measuring.Sink) -> None:
    """What cannot be read is no span, and said; a reset begins anew."""
    assert 200 == _post(receiver, b"{", **{"Content-Type": "application/json"})
    assert (0, 1) == (receiver.stats()["spans"], receiver.stats()["unreadable"])
    receiver.reset()
    assert (0, 0) == (receiver.stats()["requests"], receiver.stats()["unreadable"])
