"""The test of a connection sends one real data point, and says what is wrong with a receiver of metrics."""

from __future__ import annotations

from spancast import destinations

from ..receivers.metrics import points
from ..receivers.recording import Answer, recording_receiver


def test_a_receiver_of_metrics_passes() -> None:
    """One data point, marked as a test; nothing else is sent."""
    with recording_receiver() as receiver:
        result = destinations.otlp_metrics(f"{receiver.url}/v1/metrics").check()

    assert (True, ["spancast.connection_test"]) == (result.passed, [point.name for point in points(receiver.requests)])
    assert ["true"] == [request.headers["x-test-connection"] for request in receiver.requests]


def test_a_destination_of_both_is_tested_for_both() -> None:
    """Spans that arrive and metrics that do not: the test fails, and its steps say which."""
    with recording_receiver() as receiver:
        receiver.answers = [Answer(), Answer(status=404)]
        result = destinations.otlp(f"{receiver.url}/v1/traces", protocol="http/protobuf", metrics=True).check()

    assert False is result.passed
    failed = result.failure
    assert failed is not None
    assert "metrics data point" == failed.name
    assert "/v1/metrics" in failed.fix
