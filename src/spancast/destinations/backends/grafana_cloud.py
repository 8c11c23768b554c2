"""Grafana Cloud: its preset and what only Grafana Cloud knows."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from ...diagnostics.hints import Hints
from ...validation import SettingsError, size
from ..arguments import argument_or_env, host_part, required_secret, required_text, traces_url
from ..destination import Destination
from ..factory import http_destination, keywords_checked
from ..metrics import BackendMetrics, metrics_of
from ..registry import Preset

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords

MAX_ATTRIBUTE_BYTES = 2048  # bytes; as in Tempo (inferred, not documented for the Cloud)


@keywords_checked
def grafana_cloud(
    *,
    instance_id: str | None = None,
    api_key: str | None = None,
    zone: str = "prod-us-west-0",
    base_url: str | None = None,
    max_attribute_bytes: int = MAX_ATTRIBUTE_BYTES,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to Grafana Cloud, in gen_ai as JSON.

    What it does differently (OpenRouter's page on Grafana):
    * `Basic` of the OTLP instance id and a token with the scope `traces:write` (`glc_...`), not Bearer;
    * the path is `/otlp/v1/traces`: a base URL without `/otlp` answers 404;
    * `metrics=True` sends to `/otlp/v1/metrics`, cumulative, as Mimir wants it; the token also needs `metrics:write`;
    * attributes are cut at 2,048 bytes, as in Tempo (inferred, not documented for the Cloud).

    Args:
        instance_id: The number on the stack's OpenTelemetry page; else `GRAFANA_CLOUD_INSTANCE_ID`.
        api_key: The token (`glc_...`); else `GRAFANA_CLOUD_API_KEY`.
        zone: The stack's zone, as in `otlp-gateway-<zone>.grafana.net`.
        base_url: The OTLP endpoint that the page shows, instead of *zone*.
        max_attribute_bytes: When support has raised the limit for you.
    """
    page = "Grafana Cloud shows it on the stack's page, under OpenTelemetry"
    instance = required_text(instance_id, "instance_id", "123456", page, "GRAFANA_CLOUD_INSTANCE_ID")
    if not instance.isdigit():
        raise SettingsError(f"instance_id={instance!r} is no number: {page}, as the instance ID.")
    key = required_secret(api_key, "api_key", f"{page} (glc_...)", "GRAFANA_CLOUD_API_KEY")
    url = _grafana_url(base_url, zone)
    return http_destination(
        "grafana_cloud",
        url,
        common,
        headers={"Authorization": f"Basic {b64encode(f'{instance}:{key}'.encode()).decode()}"},
        max_attribute_length=size(max_attribute_bytes, "max_attribute_bytes"),
        metrics=BackendMetrics(url=metrics_of(url)),
    )


def _grafana_url(base_url: str | None, zone: str) -> str:
    if base_url is None:
        return f"https://otlp-gateway-{host_part(zone, 'zone', 'prod-us-west-0')}.grafana.net/otlp/v1/traces"
    base = str(argument_or_env(base_url, "base_url"))
    url = traces_url(base, "base_url")
    if "/otlp" not in urlsplit(url).path:
        fix = url.replace("/v1/traces", "/otlp")
        raise SettingsError(f"base_url={base!r} lacks /otlp, and Grafana Cloud answers 404 there: write {fix}.", "E115")
    return url


def _path_fix(url: SplitResult) -> str | None:
    return f"write https://{url.hostname}/otlp/v1/traces" if "/otlp" not in url.path else None


PRESET = Preset(
    make=grafana_cloud,
    title="Grafana Cloud",
    required=("instance_id", "api_key"),
    secrets=("api_key",),
    variables={"instance_id": ("GRAFANA_CLOUD_INSTANCE_ID",), "api_key": ("GRAFANA_CLOUD_API_KEY",)},
    hints=Hints(
        hosts=("grafana.net",), authorization_scheme="Basic", base_paths=("/otlp", "/otlp/v1"), path_fix=_path_fix
    ),
)
