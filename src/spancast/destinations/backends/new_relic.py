"""New Relic: its preset and what only New Relic knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...otlp.metrics import DELTA
from ...validation import SettingsError
from ..arguments import choice_of, required_secret
from ..destination import Destination
from ..factory import http_destination, keywords_checked
from ..metrics import BackendMetrics
from ..registry import Preset

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords


@keywords_checked
def new_relic(*, license_key: str | None = None, region: str = "us", **common: Unpack[CommonKeywords]) -> Destination:
    """Send to New Relic, in gen_ai as protobuf.

    What it does differently (New Relic's documentation):
    * a request holds at most 1 MB; an attribute's text at most 4,095 characters: both are kept here;
    * other limits (names of 255 characters, lists of 64 entries, 64 attributes advised) are broken in silence: what is
      wrong is reported later, in the account, as `NrIntegrationError`; a 200 proves little;
    * `metrics=True` sends to `/v1/metrics`, delta, as New Relic recommends;
    * it takes JSON by inference only, hence protobuf.

    Args:
        license_key: The ingest license key; else `NEW_RELIC_LICENSE_KEY`.
        region: `us`, `eu` or `gov`.
    """
    where = "New Relic shows it under API Keys, of the type INGEST - LICENSE"
    key = required_secret(license_key, "license_key", where, "NEW_RELIC_LICENSE_KEY")
    if key.startswith("NRAK"):
        raise SettingsError("license_key is a user key (NRAK...): traces need the ingest license key.")
    hosts = {"us": "otlp.nr-data.net", "eu": "otlp.eu01.nr-data.net", "gov": "gov-otlp.nr-data.net"}
    host = choice_of(region, "region", hosts)
    return http_destination(
        "new_relic",
        f"https://{host}/v1/traces",
        common,
        protocol="http/protobuf",
        headers={"api-key": key},
        max_request_bytes=1_000_000,
        max_attribute_length=4_095,
        metrics=BackendMetrics(url=f"https://{host}/v1/metrics", temporality=DELTA),
    )


PRESET = Preset(
    make=new_relic,
    title="New Relic",
    required=("license_key",),
    secrets=("license_key",),
    variables={"license_key": ("NEW_RELIC_LICENSE_KEY",)},
)
