"""Elastic: its preset and what only Elastic knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...diagnostics.hints import Hints
from ...otlp.metrics import DELTA
from ..arguments import required_secret, required_text, traces_url
from ..destination import Destination
from ..factory import http_destination, keywords_checked
from ..metrics import BackendMetrics, metrics_of
from ..registry import Preset

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords


@keywords_checked
def elastic(
    endpoint: str | None = None, *, api_key: str | None = None, **common: Unpack[CommonKeywords]
) -> Destination:
    """Send to Elastic's managed OTLP endpoint or an APM Server, in gen_ai as protobuf.

    What it does differently (Elastic's documentation):
    * `Authorization: ApiKey <encoded>`, not Bearer;
    * an APM Server refuses JSON; the managed endpoint takes both, hence protobuf;
    * `metrics=True` sends to `/v1/metrics`, delta: Elasticsearch takes histograms in no other temporality;
    * above 11.5 MB a second serverless answers 429; limits of bodies are not published.

    Args:
        endpoint: The managed OTLP endpoint, with or without `/v1/traces`; else `ELASTIC_OTLP_ENDPOINT`.
        api_key: The encoded API key; else `ELASTIC_API_KEY`.
    """
    where = "Elastic shows it under Add data, Application, OpenTelemetry"
    example = "https://abc.ingest.us-central1.gcp.elastic.cloud:443"
    base = required_text(endpoint, "endpoint", example, where, "ELASTIC_OTLP_ENDPOINT")
    key = required_secret(api_key, "api_key", where, "ELASTIC_API_KEY")
    url = traces_url(base, "endpoint", wrong_ports={9200: "Elasticsearch itself", 5601: "Kibana"})
    return http_destination(
        "elastic",
        url,
        common,
        protocol="http/protobuf",
        headers={"Authorization": f"ApiKey {key}"},
        metrics=BackendMetrics(url=metrics_of(url), temporality=DELTA),
    )


PRESET = Preset(
    make=elastic,
    title="Elastic",
    required=("endpoint", "api_key"),
    secrets=("api_key",),
    variables={"endpoint": ("ELASTIC_OTLP_ENDPOINT",), "api_key": ("ELASTIC_API_KEY",)},
    hints=Hints(hosts=("elastic.cloud",), authorization_scheme="ApiKey"),
)
