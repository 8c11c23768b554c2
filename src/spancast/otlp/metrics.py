"""Metrics as OTLP: the SDK's data of aggregated series, and the request that the SDK's own encoder makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import _version
from ..conventions.span import Attributes
from ..resource import importing

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import Metric, MetricsData

DELTA, CUMULATIVE = "delta", "cumulative"
CHECK_NAME = "spancast.connection_test"


def import_encoder() -> None:
    """Import what encodes metrics, held back from forks."""
    with importing.lock:
        import opentelemetry.exporter.otlp.proto.common.metrics_encoder
        import opentelemetry.sdk.metrics.export  # noqa: F401


def metrics_data(resource: Attributes, metrics: Sequence[Metric]) -> MetricsData:
    """Return the SDK's form of all metrics of one collection."""
    from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    scope = InstrumentationScope("spancast", _version.VERSION)
    of_scope = ScopeMetrics(scope=scope, metrics=metrics, schema_url="")
    attributes: Mapping[str, Any] = resource
    of_resource = ResourceMetrics(resource=Resource(dict(attributes)), scope_metrics=[of_scope], schema_url="")
    return MetricsData(resource_metrics=[of_resource])


def encode_request(data: MetricsData) -> bytes:
    """Return the body of a request, as protobuf: the one encoding that every receiver of metrics takes."""
    from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics

    body: bytes = encode_metrics(data).SerializeToString()
    return body


def temporality(name: str) -> Any:
    """Return the SDK's word for *name*, `delta` or `cumulative`."""
    from opentelemetry.sdk.metrics.export import AggregationTemporality

    return AggregationTemporality.DELTA if name == DELTA else AggregationTemporality.CUMULATIVE


def check_request(resource: Attributes, now_ns: int) -> bytes:
    """Return a request with one real data point, for the test of a connection."""
    from opentelemetry.sdk.metrics.export import Gauge, Metric, NumberDataPoint

    point = NumberDataPoint(attributes={}, start_time_unix_nano=now_ns, time_unix_nano=now_ns, value=1)
    metric = Metric(name=CHECK_NAME, description="A test of the connection.", unit="1", data=Gauge(data_points=[point]))
    return encode_request(metrics_data(resource, [metric]))


def batches(metrics: Iterable[Metric], points: int) -> Iterable[list[Metric]]:
    """Yield *metrics* in lists with at most *points* data points each; a metric with more is divided."""
    from dataclasses import replace

    batch: list[Metric] = []
    room = points
    for metric in metrics:
        left = list(metric.data.data_points)
        while left:
            if not room:
                yield batch
                batch, room = [], points
            part, left = left[:room], left[room:]
            data: Any = metric.data
            batch.append(replace(metric, data=replace(data, data_points=part)))
            room -= len(part)
    if batch:
        yield batch
