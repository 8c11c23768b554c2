"""Honeycomb: its preset and what only Honeycomb knows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ...diagnostics.hints import Hints
from ...otlp.metrics import DELTA
from ...validation import SettingsError
from ..arguments import choice_of, required_secret, required_text, traces_url
from ..destination import Destination
from ..factory import http_destination, keywords_checked
from ..metrics import BackendMetrics, metrics_of
from ..registry import Preset

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords

METRICS_DATASET = "spancast-metrics"


@keywords_checked
def honeycomb(
    *,
    api_key: str | None = None,
    dataset: str | None = None,
    region: str = "us",
    base_url: str | None = None,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to Honeycomb, in gen_ai as JSON.

    What it does differently (the source of its receiver, husky):
    * the key in `x-honeycomb-team`; keys belong to one region, and the other answers 401;
    * the dataset is `service.name`, except with classic keys (32 hex digits, or 64 characters `hc?ic_...`), which need one;
    * `metrics=True` sends to `/v1/metrics`, into the dataset `spancast-metrics`, delta, whose values can be added up as
      they are (unconfirmed against the service);
    * `SampleRate` on each span says how many traces it stands for: Honeycomb multiplies by it;
    * the content type is compared exactly; a body may have 20 MiB; a text at most 65,535 bytes, and ours are cut there.
      Limits of events (1 MB, 2,000 fields) are unconfirmed.

    Args:
        api_key: An ingest key; else `HONEYCOMB_API_KEY`.
        dataset: For classic keys only; else `HONEYCOMB_DATASET`.
        region: `us` or `eu`.
        base_url: Another host, such as a Refinery.
    """
    where = "Honeycomb makes one under Environment, API Keys, of the type Ingest"
    key = required_secret(api_key, "api_key", where, "HONEYCOMB_API_KEY")
    headers = {"x-honeycomb-team": key}
    if is_classic(key):
        why = "a classic Honeycomb key needs one"
        headers["x-honeycomb-dataset"] = required_text(dataset, "dataset", "my-dataset", why, "HONEYCOMB_DATASET")
    elif dataset is not None:
        raise SettingsError(
            f"dataset={dataset!r} is for classic Honeycomb keys; with this key the dataset is the service's name: "
            "give configure(service_name=...) instead."
        )
    hosts = {"us": "https://api.honeycomb.io", "eu": "https://api.eu1.honeycomb.io"}
    url = traces_url(base_url if base_url is not None else choice_of(region, "region", hosts), "base_url")
    return http_destination(
        "honeycomb",
        url,
        common,
        headers=headers,
        max_attribute_length=65_535,
        rate_attribute="SampleRate",
        metrics=BackendMetrics(
            url=metrics_of(url), headers={"x-honeycomb-dataset": METRICS_DATASET}, temporality=DELTA
        ),
    )


def is_classic(key: str) -> bool:
    """Return whether *key* is one of Honeycomb Classic's, by husky's own rule."""
    return bool(re.fullmatch(r"[0-9a-f]{32}|hc[a-z]ic_[0-9a-z]{58}", key))


PRESET = Preset(
    make=honeycomb,
    title="Honeycomb",
    required=("api_key",),
    secrets=("api_key",),
    variables={"api_key": ("HONEYCOMB_API_KEY",), "dataset": ("HONEYCOMB_DATASET",)},
    plain_headers=("x-honeycomb-dataset",),
    hints=Hints(
        key_headers=("x-honeycomb-team",),
        key_refused={
            "api.honeycomb.io": "keys belong to one region: try region='eu'; it must be an ingest key",
            "eu1.honeycomb.io": "keys belong to one region: try region='us'; it must be an ingest key",
        },
    ),
)
