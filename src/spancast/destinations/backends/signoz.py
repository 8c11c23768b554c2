"""SigNoz: its preset and what only SigNoz knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...diagnostics.hints import Hints
from ..arguments import argument_or_env, host_part, required_secret, traces_url
from ..destination import Destination
from ..factory import http_destination, keywords_checked
from ..metrics import BackendMetrics, metrics_of
from ..registry import Preset

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords


@keywords_checked
def signoz(
    *,
    ingestion_key: str | None = None,
    region: str = "us",
    base_url: str | None = None,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to SigNoz Cloud, or with *base_url* to a SigNoz of your own, in gen_ai as JSON.

    What it does differently (SigNoz's page on OpenRouter):
    * the key in `signoz-ingestion-key`; a SigNoz of your own wants none;
    * `metrics=True` sends to `/v1/metrics`, cumulative;
    * limits of bodies are not published.

    Args:
        ingestion_key: From Settings, Ingestion; else `SIGNOZ_INGESTION_KEY`. Not needed with *base_url*.
        region: `us`, `eu` or `in`.
        base_url: A SigNoz of your own, such as `http://localhost:4318`.
    """
    key = argument_or_env(ingestion_key, "ingestion_key", "SIGNOZ_INGESTION_KEY")
    headers = {}
    if key is not None or base_url is None:
        where = "SigNoz shows it under Settings, Ingestion"
        headers["signoz-ingestion-key"] = required_secret(key, "ingestion_key", where, "SIGNOZ_INGESTION_KEY")
    url = base_url or f"https://ingest.{host_part(region, 'region', 'us')}.signoz.cloud:443"
    ports = {8080: "SigNoz's page", 3301: "SigNoz's page"}
    url = traces_url(url, "base_url", wrong_ports=ports)
    return http_destination("signoz", url, common, headers=headers, metrics=BackendMetrics(url=metrics_of(url)))


PRESET = Preset(
    make=signoz,
    title="SigNoz",
    required=("ingestion_key",),
    instead={"ingestion_key": ("base_url",)},
    secrets=("ingestion_key",),
    variables={"ingestion_key": ("SIGNOZ_INGESTION_KEY",)},
    hints=Hints(key_headers=("signoz-ingestion-key",)),
)
