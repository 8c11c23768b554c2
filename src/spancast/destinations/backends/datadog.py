"""Datadog: its preset and what only Datadog knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...diagnostics.hints import Hints
from ...otlp.metrics import DELTA
from ...recording.notice import warn_once
from ..arguments import argument_or_env, host_part, required_secret
from ..destination import Destination
from ..factory import http_destination, keywords_checked
from ..metrics import BackendMetrics
from ..registry import Preset

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords


@keywords_checked
def datadog(
    *,
    api_key: str | None = None,
    site: str | None = None,
    llm_observability: bool = True,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to Datadog, by default to LLM Observability, in gen_ai as protobuf.

    What it does differently (Datadog's page on OTLP traces):
    * it answers 202; above 3.2 MB 413: requests stay below 3 MB; 403 is a wrong site, or an organisation without access;
    * `dd-otlp-source: llmobs` sends to LLM Observability, which reads gen_ai 1.37 and later;
    * `metrics=True` sends to its intake of metrics, which takes delta only and is in preview;
    * its older page takes protobuf only, the newer JSON too, hence protobuf.

    Args:
        api_key: From Organization Settings, API Keys; else `DD_API_KEY`.
        site: As in the address of your Datadog pages, such as `us5.datadoghq.com`; else `DD_SITE`, else `datadoghq.com`.
        llm_observability: False sends to APM instead.
    """
    key = required_secret(api_key, "api_key", "Datadog shows it under Organization Settings, API Keys", "DD_API_KEY")
    chosen: Any = argument_or_env(site, "site", "DD_SITE") or "datadoghq.com"
    host = host_part(chosen, "site", "us5.datadoghq.com").removeprefix("app.")
    headers = {"dd-api-key": key}
    if llm_observability:
        headers["dd-otlp-source"] = "llmobs"
    if not host.endswith(("datadoghq.com", "datadoghq.eu", "ddog-gov.com")):
        warn_once("datadog-site", "spancast: site=%r is none of Datadog's sites that we know.", host)
    return http_destination(
        "datadog",
        f"https://otlp.{host}/v1/traces",
        common,
        protocol="http/protobuf",
        headers=headers,
        max_request_bytes=3_000_000,
        metrics=BackendMetrics(
            url=f"https://otlp.{host}/v1/metrics", headers={"dd-otlp-source": ""}, temporality=DELTA
        ),
    )


PRESET = Preset(
    make=datadog,
    title="Datadog",
    required=("api_key",),
    secrets=("api_key",),
    variables={"api_key": ("DD_API_KEY",), "site": ("DD_SITE",)},
    plain_headers=("compute_stats", "dd-otel-span-mapping", "dd-otlp-source"),
    hints=Hints(
        key_headers=("dd-api-key",),
        key_refused={
            "datadoghq.com": "the site may be another (datadoghq.eu, us5.datadoghq.com, ...): it is in the address of your "
            "pages",
            "datadoghq.eu": "the site may be another (datadoghq.com, us5.datadoghq.com, ...): it is in the address of your "
            "pages",
        },
    ),
)
