"""Metrics as they came over the wire: the sums of all series that a receiver of OTLP metrics has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_DELTA

from .recording import Received


@dataclass(frozen=True)
class Point:
    """One data point as it came, with its resource's attributes."""

    name: str
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]
    count: int
    total: float
    start_ns: int
    time_ns: int
    is_delta: bool
    buckets: tuple[int, ...]
    exemplars: tuple[tuple[float, str, str], ...]


def pairs(attributes: Iterable[Any]) -> dict[str, Any]:
    """Return attributes in Python's values."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


def points(requests: Iterable[Received]) -> list[Point]:
    """Return all data points of all requests, in the order in which they came."""
    found = []
    for request in requests:
        for resource in ExportMetricsServiceRequest.FromString(request.body).resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    data = getattr(metric, metric.WhichOneof("data"))
                    for point in data.data_points:
                        found.append(_point(metric, data, point, pairs(resource.resource.attributes)))
    return found


def _point(metric: Any, data: Any, point: Any, resource: Mapping[str, Any]) -> Point:
    is_histogram = metric.WhichOneof("data") == "histogram"
    value = point.sum if is_histogram else getattr(point, point.WhichOneof("value"))
    return Point(
        name=metric.name,
        attributes=pairs(point.attributes),
        resource=resource,
        count=point.count if is_histogram else 1,
        total=value,
        start_ns=point.start_time_unix_nano,
        time_ns=point.time_unix_nano,
        is_delta=getattr(data, "aggregation_temporality", 0) == AGGREGATION_TEMPORALITY_DELTA,
        buckets=tuple(point.bucket_counts) if is_histogram else (),
        exemplars=tuple(
            (getattr(each, each.WhichOneof("value")), each.trace_id.hex(), each.span_id.hex())
            for each in point.exemplars
        ),
    )


def totals(requests: Iterable[Received], name: str, **attributes: Any) -> tuple[int, float]:
    """Return count and sum of an instrument over all series, as a backend adds them up.

    A cumulative series counts with its newest point for each process, a delta series with all of its points.
    *attributes*: only points that have these; `token_type` stands for `gen_ai.token.type`, and so on.
    """
    wanted = {f"gen_ai.{key.replace('_', '.')}": value for key, value in attributes.items()}
    newest: dict[Any, Point] = {}
    count, total = 0, 0.0
    for point in points(requests):
        if point.name != name or not wanted.items() <= point.attributes.items():
            continue
        if point.is_delta:
            count, total = count + point.count, total + point.total
            continue
        series = (tuple(sorted(point.attributes.items())), point.resource.get("service.instance.id"), point.start_ns)
        if series not in newest or newest[series].time_ns <= point.time_ns:
            newest[series] = point
    return count + sum(each.count for each in newest.values()), total + sum(each.total for each in newest.values())
