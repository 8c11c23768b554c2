"""Which receiver of metrics the environment adds to what files and environment name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..destinations.otel_env import METRICS_ENDPOINT, usable
from . import otel_sdk, schema
from .entries import ENVIRONMENT, Entry
from .sources import Sources

OTLP_METRICS_ENDPOINT = "http://localhost:4318/v1/metrics"  # OpenTelemetry's own default


def metrics_entries(
    found: Sources, common: Mapping[str, Any], entries: Sequence[tuple[Entry, Mapping[str, Any]]]
) -> list[tuple[Entry, dict[str, Any]]]:
    """Return the receiver of metrics that OpenTelemetry's variables ask for, beside *entries*; none where these have one.

    `OTEL_METRICS_EXPORTER=otlp` asks for it, and so does an endpoint that is for metrics only.
    """
    environ = found.environ
    if found.value(schema.DESTINATIONS).value:
        return []
    exporters = usable(otel_sdk.METRICS_EXPORTER, environ)
    own = METRICS_ENDPOINT.variable(environ)
    asked = "otlp" in exporters if exporters is not None else own == METRICS_ENDPOINT.variables[0]
    has_some = any(entry.preset == "otlp_metrics" or entry.arguments.get("metrics") for entry, _ in entries)
    if not asked or has_some:
        return []
    arguments = {} if own else {"endpoint": OTLP_METRICS_ENDPOINT}
    entry = Entry(preset="otlp_metrics", arguments=arguments, origin=ENVIRONMENT)
    return [(entry, {name: value for name, value in common.items() if name in ("privacy_mode", "redact")})]
