"""A destination for metrics through any `MetricReader` of the OpenTelemetry SDK: Prometheus, the console, gRPC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ... import validation
from ..destination import Destination
from ..factory import build_destination, keywords_checked, validated_keywords
from ..metrics import MetricsTarget, checked_options

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords


@keywords_checked
def sdk_metrics(
    metric_reader: Any,
    *,
    attributes: Sequence[str] | None = None,
    names: str | None = None,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Count operations, tokens and cost, and let a `MetricReader` of the OpenTelemetry SDK collect the sums.

    Args:
        metric_reader: Such as `PrometheusMetricReader()`, or a `PeriodicExportingMetricReader` with any exporter. It must
            not belong to a `MeterProvider`.
        attributes: Keys of the trace's metadata that are attributes of the metrics as well; each with few values.
        names: `deployed`: the names that instrumentations write today; `latest`: their successors.

    Raises:
        SettingsError: When it is no reader, or has a provider already.
    """
    if not callable(getattr(metric_reader, "_set_collect_callback", None)):
        raise validation.SettingsError(
            f"metric_reader is a {type(metric_reader).__name__}: give a MetricReader of the OpenTelemetry SDK."
        )
    if getattr(metric_reader, "_collect", None) is not None:
        raise validation.SettingsError(
            "metric_reader collects from a MeterProvider already: give spancast one of its own."
        )
    settings = validated_keywords("sdk_metrics", common)
    options = checked_options({"attributes": attributes, "names": names})
    target = MetricsTarget(
        url="", reader=metric_reader, chosen=frozenset({*options, "interval", "temporality"}), **options
    )
    return replace(build_destination(settings, target, "gen_ai"), metrics=target, sends_spans=False)
