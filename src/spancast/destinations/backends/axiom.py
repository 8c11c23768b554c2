"""Axiom: its preset and what only Axiom knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import SplitResult

from ...diagnostics.hints import Hints
from ...validation import SettingsError
from ..arguments import argument_or_env, required_secret, required_text, traces_url
from ..destination import Destination
from ..factory import http_destination, keywords_checked
from ..metrics import BackendMetrics, metrics_of
from ..registry import Preset

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords


@keywords_checked
def axiom(
    *,
    token: str | None = None,
    dataset: str | None = None,
    base_url: str | None = None,
    metrics_dataset: str | None = None,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to Axiom, in gen_ai as JSON.

    What it does differently (Axiom's documentation):
    * an API token (`xaat-`) as Bearer, and the dataset in a header of its own; without the dataset it answers 4xx;
    * a field holds at most 1 MB; longer texts are replaced by a note, so ours are cut at 1,000,000 characters;
    * 256 or 1,024 *fields* a dataset: gen_ai's one JSON text a conversation uses few, flattened OpenInference many;
    * `metrics=True` sends to `/v1/metrics`, as protobuf, into a dataset made for metrics, never into that of the traces;
    * at most 10,000 events a request; ours hold 512.

    Args:
        token: An API token, from Settings, API Tokens; else `AXIOM_TOKEN`.
        dataset: The dataset's name; else `AXIOM_DATASET`.
        base_url: Another host, for an edge deployment; else `AXIOM_URL`.
        metrics_dataset: The dataset for metrics, which has to be one of that kind; else `AXIOM_METRICS_DATASET`.
    """
    key = required_secret(token, "token", "Axiom makes one under Settings, API Tokens", "AXIOM_TOKEN")
    if key.startswith("xapt-"):
        raise SettingsError("token is a personal token (xapt-): Axiom takes traces with an API token (xaat-) only.")
    where = "every trace goes into an Axiom dataset"
    url = traces_url(argument_or_env(base_url, "base_url", "AXIOM_URL") or "https://api.axiom.co", "base_url")
    return http_destination(
        "axiom",
        url,
        common,
        headers={
            "Authorization": f"Bearer {key}",
            "X-Axiom-Dataset": required_text(dataset, "dataset", "my-dataset", where, "AXIOM_DATASET"),
        },
        max_attribute_length=1_000_000,
        metrics=_metrics(metrics_dataset, url) if common.get("metrics") else None,
    )


def _metrics(dataset: str | None, url: str) -> BackendMetrics:
    why = "metrics go into an Axiom dataset of the kind for OpenTelemetry metrics"
    name = required_text(dataset, "metrics_dataset", "my-metrics", why, "AXIOM_METRICS_DATASET")
    return BackendMetrics(url=metrics_of(url), headers={"X-Axiom-Dataset": name, "X-Axiom-Metrics-Dataset": name})


def _mistakes(url: SplitResult, headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if (url.hostname or "").endswith("axiom.co") and not headers.get("x-axiom-dataset"):
        yield "E112", "there is no header X-Axiom-Dataset"


PRESET = Preset(
    make=axiom,
    title="Axiom",
    required=("token", "dataset"),
    secrets=("token",),
    variables={
        "token": ("AXIOM_TOKEN",),
        "dataset": ("AXIOM_DATASET",),
        "base_url": ("AXIOM_URL",),
        "metrics_dataset": ("AXIOM_METRICS_DATASET",),
    },
    plain_headers=("x-axiom-dataset", "x-axiom-metrics-dataset"),
    hints=Hints(hosts=("axiom.co",), authorization_scheme="Bearer", mistakes=_mistakes),
)
