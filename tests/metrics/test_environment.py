"""OpenTelemetry's variables about metrics mean what its specification says."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from spancast import destinations
from spancast.config.resolve import Arguments, Resolved, resolve
from spancast.destinations import Destination

URL = "https://a.example.com/v1/metrics"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))


def resolved(monkeypatch: pytest.MonkeyPatch, environ: Mapping[str, str], *made: Destination) -> Resolved:
    """Return what counts with these variables set."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return resolve(Arguments(destinations=made), environ)


def counted(found: Resolved) -> list[str]:
    """Return where metrics go."""
    return [each.metrics.url for each in found.destinations if each.metrics is not None]


@pytest.mark.parametrize(
    ("environ", "urls"),
    [
        ({}, []),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": URL}, [URL]),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": URL, "OTEL_METRICS_EXPORTER": "none"}, []),
        ({"OTEL_METRICS_EXPORTER": "otlp"}, ["http://localhost:4318/v1/metrics"]),
        (
            {"OTEL_METRICS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": "https://b.example.com/base"},
            ["https://b.example.com/base/v1/metrics"],
        ),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://b.example.com/base"}, []),
    ],
)
def test_the_environment_adds_a_receiver(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], urls: list[str]
) -> None:
    """Where it is asked for: by name, or with an endpoint that is for metrics only. Traces go where they went before."""
    found = resolved(monkeypatch, environ)

    assert urls == counted(found)
    assert [each.name for each in found.destinations if each.sends_spans] == [
        "otlp" if "OTEL_EXPORTER_OTLP_ENDPOINT" in environ else "file"
    ]


def test_headers_belong_to_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those for metrics win over those for all signals."""
    both = {"OTEL_EXPORTER_OTLP_HEADERS": "k=all", "OTEL_EXPORTER_OTLP_METRICS_HEADERS": "k=metrics"}
    found = resolved(monkeypatch, {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": URL, **both})

    assert [{"k": "metrics"}] == [each.metrics.headers for each in found.destinations if each.metrics is not None]


def test_temporality_interval_exemplars_and_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """They hold for what the code did not choose, and never against what a backend needs."""
    environ = {
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "LowMemory",
        "OTEL_METRIC_EXPORT_INTERVAL": "5000",
        "OTEL_METRICS_EXEMPLAR_FILTER": "always_off",
        "OTEL_SEMCONV_STABILITY_OPT_IN": "http, gen_ai_latest_experimental",
    }
    open_, chosen = destinations.otlp_metrics(URL), destinations.otlp_metrics(URL, interval=7.0, names="deployed")
    found = resolved(monkeypatch, environ, open_, chosen).destinations
    told = [
        (each.metrics.temporality, each.metrics.interval, each.metrics.exemplars, each.metrics.names)
        for each in found
        if each.metrics is not None
    ]
    assert [("delta", 5.0, "always_off", "latest"), ("delta", 7.0, "always_off", "deployed")] == told

    needs_delta = destinations.new_relic(license_key="k" * 40, metrics=True)
    environ["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"] = "cumulative"
    made = resolved(monkeypatch, environ, needs_delta).destinations[0]
    assert made.metrics is not None
    assert "delta" == made.metrics.temporality
