"""Any OTLP/HTTP receiver of metrics, without traces: counts beside whatever takes the traces."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ... import validation
from ...validation import SettingsError
from .. import otel_env
from ..arguments import argument_or_env
from ..destination import Destination
from ..factory import build_destination, keywords_checked, validated_keywords
from ..metrics import BackendMetrics, checked_options, metrics_target
from ..registry import Preset

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords


_OF_SPANS = ("convention", "protocol", "metrics")


@keywords_checked
def otlp_metrics(
    endpoint: str | None = None,
    *,
    temporality: str | None = None,
    interval: float | None = None,
    attributes: Sequence[str] | None = None,
    names: str | None = None,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send metrics to any OTLP/HTTP receiver: operations, tokens and cost are counted, and the sums sent as protobuf.

    What it does differently:
    * it takes no traces: every operation is counted, so a sampling rate and limits of spans have no meaning for it;
    * the URL is used as it is (usually it ends in `/v1/metrics`); without one, `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT` is read
      as it is, or `OTEL_EXPORTER_OTLP_ENDPOINT` with `/v1/metrics` appended, and the headers that belong to them.

    Args:
        endpoint: The URL that takes metrics; else the OpenTelemetry variables.
        temporality: `cumulative` or `delta`; else `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`, else cumulative.
        interval: Seconds between two exports; else `OTEL_METRIC_EXPORT_INTERVAL`, else 60.
        attributes: Keys of the trace's metadata that are attributes of the metrics as well; each with few values.
        names: `deployed`: the names that instrumentations write today; `latest`: their successors.

    Raises:
        SettingsError: When the URL, a header or an option cannot be used.
    """
    for unused in _OF_SPANS:
        if common.get(unused):
            raise SettingsError(f"otlp_metrics() has no use for {unused}: it sends metrics, as protobuf: leave it out.")
    keywords: dict[str, Any] = {**common}
    found = otel_env.otlp_environment(os.environ, with_endpoint=endpoint is None, signal="METRICS")
    found.complete(keywords)
    keywords.setdefault("headers", found.headers)
    if endpoint is None and found.endpoint is None:
        raise SettingsError(
            "endpoint is missing: give otlp_metrics() the URL that takes metrics, for example "
            "https://collector.example.com:4318/v1/metrics, or set OTEL_EXPORTER_OTLP_METRICS_ENDPOINT."
        )
    url = argument_or_env(endpoint, "endpoint") if endpoint is not None else found.endpoint
    url = validation.url(url, "endpoint" if endpoint is not None else found.endpoint_variable)
    settings = validated_keywords("otlp_metrics", keywords)
    chosen = {"temporality": temporality, "interval": interval, "attributes": attributes, "names": names}
    backend = BackendMetrics(url=url)
    target = metrics_target("otlp_metrics", checked_options(chosen), backend, settings["headers"], settings)
    if target is None:  # it never is: its options were given
        raise SettingsError("otlp_metrics() has no receiver of metrics.")
    return replace(build_destination(settings, target, "gen_ai"), metrics=target, sends_spans=False)


PRESET = Preset(
    make=otlp_metrics,
    title="any OTLP receiver of metrics",
    required=("endpoint",),
    variables={"endpoint": ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",)},
)
