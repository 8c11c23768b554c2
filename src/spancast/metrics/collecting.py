"""From aggregated series to the SDK's data: one metric an instrument, one data point a set of attributes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..otlp.metrics import DELTA, temporality
from .aggregation import Exemplar, Group, Series
from .instruments import Instrument

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import Metric


def metrics_of(groups: Iterable[Group], now_ns: int, kind: str = DELTA) -> list[Metric]:
    """Return the SDK's metrics of *groups* as they stand at *now_ns*; *kind*: `delta` or `cumulative`."""
    from opentelemetry.sdk.metrics.export import Histogram, Metric, Sum

    points: dict[Instrument, list[Any]] = {}
    for group in groups:
        for stream, series in group.series.items():
            attributes = dict((*group.attributes, *stream.attributes))
            point = _point(stream.instrument, attributes, series, now_ns)
            points.setdefault(stream.instrument, []).append(point)
    aggregation = temporality(kind)
    return [
        Metric(
            name=instrument.name,
            description=instrument.description,
            unit=instrument.unit,
            data=Histogram(data_points=found, aggregation_temporality=aggregation)
            if instrument.buckets
            else Sum(data_points=found, aggregation_temporality=aggregation, is_monotonic=True),
        )
        for instrument, found in points.items()
    ]


def _point(instrument: Instrument, attributes: dict[str, Any], series: Series, now_ns: int) -> Any:
    from opentelemetry.sdk.metrics.export import HistogramDataPoint, NumberDataPoint

    common: dict[str, Any] = {
        "attributes": attributes,
        "start_time_unix_nano": series.start_ns,
        "time_unix_nano": now_ns,
        "exemplars": [_exemplar(each) for each in series.take_exemplars()],
    }
    if not instrument.buckets:
        return NumberDataPoint(value=series.total, **common)
    return HistogramDataPoint(
        count=series.count,
        sum=series.total,
        bucket_counts=list(series.counts),
        explicit_bounds=list(instrument.buckets),
        min=series.lowest,
        max=series.highest,
        **common,
    )


def _exemplar(exemplar: Exemplar) -> Any:
    from opentelemetry.sdk.metrics import Exemplar as SdkExemplar

    origin = exemplar.origin
    return SdkExemplar(
        filtered_attributes={},
        value=exemplar.value,
        time_unix_nano=origin.time_ns,
        span_id=origin.span_id,
        trace_id=origin.trace_id,
    )
