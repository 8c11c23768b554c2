"""Readers of OpenTelemetry's SDK collect what is counted."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader

import spancast
from spancast import destinations

from .test_otlp_metrics import answer, ask

DELTA = AggregationTemporality.DELTA


@pytest.mark.parametrize("temporality", [AggregationTemporality.CUMULATIVE, DELTA])
def test_a_reader_collects_when_it_wants(temporality: AggregationTemporality) -> None:
    """In its own temporality; `flush` lets it collect as well."""
    reader = InMemoryMetricReader(preferred_temporality={Histogram: temporality, Counter: temporality})
    with spancast.Pipeline(destinations.memory(), destinations.sdk_metrics(reader)) as pipeline:
        ask(answer(), answer())
        assert pipeline.flush()
        first = reader._metrics_data
        ask(answer())
        assert pipeline.flush()
        second = reader._metrics_data

    counts = [
        next(
            metric.data.data_points[0].count
            for metric in data.resource_metrics[0].scope_metrics[0].metrics
            if metric.name == "gen_ai.client.operation.duration"
        )
        for data in (first, second)
        if data is not None
    ]
    assert ([2, 1] if temporality is DELTA else [2, 3]) == counts


def test_what_is_no_free_reader_is_refused() -> None:
    """An exporter, and a reader that collects from a provider already."""
    with pytest.raises(spancast.SettingsError, match="metric_reader is a int"):
        destinations.sdk_metrics(3)
    reader = InMemoryMetricReader()
    MeterProvider(metric_readers=[reader])
    with pytest.raises(spancast.SettingsError, match="collects from a MeterProvider already"):
        destinations.sdk_metrics(reader)
