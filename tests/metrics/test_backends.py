"""Where each backend takes metrics, how it wants them, and which takes none."""

from __future__ import annotations

from typing import Any

import pytest

from spancast import destinations
from spancast.destinations import PRESETS, SettingsError

from ..destinations.test_backends import TABLE

# preset, URL, temporality, headers that differ from those for traces ("": taken away)
TAKE: dict[str, tuple[str, str, dict[str, str]]] = {
    "otlp": ("https://c.example.com/x/v1/metrics", "cumulative", {}),
    "grafana_cloud": ("https://otlp-gateway-prod-us-west-0.grafana.net/otlp/v1/metrics", "cumulative", {}),
    "honeycomb": ("https://api.honeycomb.io/v1/metrics", "delta", {"x-honeycomb-dataset": "spancast-metrics"}),
    "axiom": (
        "https://api.axiom.co/v1/metrics",
        "cumulative",
        {"X-Axiom-Dataset": "m", "X-Axiom-Metrics-Dataset": "m"},
    ),
    "datadog": ("https://otlp.datadoghq.com/v1/metrics", "delta", {"dd-otlp-source": ""}),
    "new_relic": ("https://otlp.nr-data.net/v1/metrics", "delta", {}),
    "dash0": ("https://ingress.eu-west-1.aws.dash0.com/v1/metrics", "cumulative", {}),
    "signoz": ("https://ingest.us.signoz.cloud:443/v1/metrics", "cumulative", {}),
    "elastic": ("", "delta", {}),
}
MORE: dict[str, dict[str, Any]] = {"axiom": {"metrics_dataset": "m"}}


def first_row(preset: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the arguments and the headers for traces of a preset's first row in the table of backends."""
    return next((row[1], row[3]) for row in TABLE if row[0] == preset)


@pytest.mark.parametrize("preset", TAKE)
def test_a_backend_that_takes_metrics(preset: str) -> None:
    """URL and temporality are the backend's, the headers those for traces but for what its file says."""
    arguments, headers = first_row(preset)
    url, temporality, instead = TAKE[preset]
    made = PRESETS[preset].make(**arguments, **MORE.get(preset, {}), metrics=True)

    assert made.metrics is not None
    assert temporality == made.metrics.temporality
    assert url in ("", made.metrics.url)
    assert made.metrics.url.endswith("/v1/metrics")
    expected = {**{name: value for name, value in headers.items() if name not in instead}, **instead}
    assert {name: value for name, value in expected.items() if value} == dict(made.metrics.headers)


@pytest.mark.parametrize("preset", sorted(set(PRESETS) - set(TAKE) - {"otlp_metrics"}))
def test_a_backend_that_takes_none_says_so(preset: str) -> None:
    """One sentence, with what to do instead; the key never goes elsewhere."""
    arguments, _ = first_row(preset)
    for metrics in (True, "https://elsewhere.example.com/v1/metrics"):
        with pytest.raises(SettingsError, match=rf"{preset} takes no OTLP metrics: .*destinations.otlp_metrics"):
            PRESETS[preset].make(**arguments, metrics=metrics)


def test_headers_go_along_to_the_same_host_only() -> None:
    """A token for the receiver of traces is not sent to another host for metrics."""
    same = destinations.otlp("https://a.example.com/v1/traces", headers={"k": "v"}, metrics="https://a.example.com/m")
    other = destinations.otlp("https://a.example.com/v1/traces", headers={"k": "v"}, metrics="https://b.example.com/m")
    own = destinations.otlp(
        "https://a.example.com/v1/traces",
        headers={"k": "v"},
        metrics={"endpoint": "https://b.example.com/m", "headers": {"o": "w"}},
    )

    found = [each.metrics.headers for each in (same, other, own) if each.metrics is not None]
    assert [{"k": "v"}, {}, {"o": "w"}] == found


def test_axiom_needs_a_dataset_of_its_own_for_metrics() -> None:
    """Its traces' dataset takes none."""
    with pytest.raises(SettingsError, match="metrics_dataset is missing"):
        destinations.axiom(token="xaat-1", dataset="ds", metrics=True)


@pytest.mark.parametrize(
    ("metrics", "sentence"),
    [
        (7, "metrics is a int: give True, the URL"),
        ("collector:4318", "has no scheme"),
        ({"temporalty": "delta"}, "metrics has no option 'temporalty'"),
        ({"temporality": "both"}, "temporality='both' is not known"),
        ({"interval": 0}, "interval=0 is not between"),
        ({"attributes": 3}, "attributes is a int: give a list of keys"),
        ({"attributes": list(map(str, range(20)))}, "names 20 keys: give at most 16"),
        ({"names": "newest"}, "names='newest' is not known"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(metrics: object, sentence: str) -> None:
    """Each names the option, what is wrong, and what would be right."""
    with pytest.raises(SettingsError) as error:
        destinations.otlp("https://a.example.com/v1/traces", metrics=metrics)
    assert sentence in str(error.value)


def test_what_is_for_traces_is_refused_by_name() -> None:
    """A destination for metrics alone has no convention."""
    with pytest.raises(SettingsError, match=r"otlp_metrics\(\) has no use for convention"):
        destinations.otlp_metrics("https://a.example.com/v1/metrics", convention="gen_ai")
