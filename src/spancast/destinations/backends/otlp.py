"""Any OTLP/HTTP receiver: the preset for collectors and for backends without a preset of their own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ... import validation
from ...validation import SettingsError
from .. import otel_env
from ..arguments import argument_or_env
from ..destination import Destination
from ..factory import build_destination, http_destination, keywords_checked, validated_keywords
from ..metrics import BackendMetrics, metrics_of
from ..registry import Preset
from ..targets.grpc import PROTOCOL, GrpcTarget, require_grpc

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords


@keywords_checked
def otlp(endpoint: str | None = None, **common: Unpack[CommonKeywords]) -> Destination:
    """Send to any OTLP receiver, in gen_ai as JSON over HTTP: Collector, Jaeger, Tempo, Axiom, and others.

    What it does differently:
    * the URL is used as it is: nothing is appended (usually it ends in `/v1/traces`);
    * without an endpoint the OpenTelemetry variables are read: `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` as it is, or
      `OTEL_EXPORTER_OTLP_ENDPOINT` with `/v1/traces` appended, and the headers that belong to them;
    * `protocol="grpc"`, with `spancast[grpc]` installed, sends to a receiver that has only port 4317
      (`http://host:4317`, without a path).

    Args:
        endpoint: The URL that takes traces, used as it is; else the OpenTelemetry variables.

    Raises:
        SettingsError: When the URL or a header cannot be used.
    """
    keywords: dict[str, Any] = {**common}
    from_environment = otel_env.otlp_environment(os.environ, with_endpoint=endpoint is None)
    from_environment.complete(keywords)
    keywords.setdefault("headers", from_environment.headers)
    if endpoint is None and from_environment.endpoint is None:
        raise SettingsError(
            "endpoint is missing: give otlp() the URL that takes traces, for example "
            "https://collector.example.com:4318/v1/traces, or set OTEL_EXPORTER_OTLP_ENDPOINT."
        )
    url = argument_or_env(endpoint, "endpoint") if endpoint is not None else from_environment.endpoint
    argument = "endpoint" if endpoint is not None else from_environment.endpoint_variable
    over_grpc = keywords.get("protocol") == PROTOCOL
    url = validation.url(url, argument, grpc=over_grpc)
    if over_grpc:
        return _over_grpc(url, keywords)
    if endpoint is None and keywords.get("metrics") is True:
        found = otel_env.otlp_environment(os.environ, with_endpoint=True, signal="METRICS")
        keywords["metrics"] = {"endpoint": found.endpoint, "headers": found.headers} if found.endpoint else True
    return http_destination("otlp", url, keywords, metrics=BackendMetrics(url=metrics_of(url)))


def _over_grpc(url: str, common: dict[str, Any]) -> Destination:
    require_grpc()
    if common.get("metrics"):
        raise SettingsError('metrics=True needs HTTP: give the receiver\'s port 4318, or leave protocol="grpc" out.')
    settings = validated_keywords("otlp", {**common, "protocol": None})
    names = ("headers", "compression", "timeout", "tls")
    target = GrpcTarget(url=url, **{name: settings[name] for name in names})
    return build_destination(settings, target, "gen_ai")


PRESET = Preset(
    make=otlp,
    title="any OTLP receiver",
    required=("endpoint",),
    variables={"endpoint": ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")},
)
