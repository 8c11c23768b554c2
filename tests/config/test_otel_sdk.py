"""OpenTelemetry's variables about the SDK, as its specification has them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import spancast
from spancast import destinations
from spancast.config import otel_sdk
from spancast.config.resolve import Arguments, resolve
from spancast.recording import notice

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in an empty folder, in an environment without our variables."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("SPANCAST_", "ARIZE_", "OTEL_")):
            monkeypatch.delenv(name)
    notice.forget()


def made(*explicit: Any, **variables: str) -> list[Any]:
    """Return the destinations in an environment."""
    with mock.patch.dict(os.environ, {"SPANCAST_CONFIG_DIR": "", "SPANCAST_STATE_DIR": "", **variables}):
        return list(resolve(Arguments(destinations=explicit), os.environ).destinations)


@pytest.mark.parametrize(
    ("value", "disabled"),
    [
        *((word, True) for word in ("true", "TRUE", " True ")),
        *((word, False) for word in ("1", "yes", "on", "false", "")),
    ],
)
def test_only_true_disables(value: str, disabled: bool) -> None:
    """In any case of its letters; any other word is false, and never an error."""
    environ = {**os.environ, "OTEL_SDK_DISABLED": value}
    assert disabled is not resolve(Arguments(), environ).enabled


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"OTEL_TRACES_EXPORTER": "none", **ENDPOINT}, []),
        ({"OTEL_TRACES_EXPORTER": "none"}, []),
        ({"OTEL_TRACES_EXPORTER": "None"}, []),
        ({"OTEL_TRACES_EXPORTER": "console"}, ["console"]),
        ({"OTEL_TRACES_EXPORTER": "otlp,console", **ENDPOINT}, ["otlp", "console"]),
        ({"OTEL_TRACES_EXPORTER": "OTLP"}, ["otlp"]),
        ({"OTEL_TRACES_EXPORTER": "zipkin", **ENDPOINT}, ["otlp"]),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, ["file"]),
        ({"OTEL_TRACES_EXPORTER": ""}, ["file"]),
    ],
)
def test_the_exporters_that_the_platform_chooses(variables: dict[str, str], expected: list[str]) -> None:
    """`none` records nothing, `otlp` has OpenTelemetry's default endpoint, one that does not exist is ignored."""
    found = made(**variables)
    assert expected == [each.name for each in found]
    if variables.get("OTEL_TRACES_EXPORTER") == "OTLP":
        assert "http://localhost:4318/v1/traces" == found[0].target.url


def test_none_leaves_what_the_code_names() -> None:
    """It speaks of exporters that are chosen automatically."""
    assert ["memory"] == [each.name for each in made(destinations.memory(), OTEL_TRACES_EXPORTER="none")]


@pytest.mark.parametrize(
    ("sampler", "argument", "rate"),
    [
        ("always_on", None, 1.0),
        ("ALWAYS_OFF", None, 0.0),
        ("parentbased_always_on", None, 1.0),
        ("parentbased_always_off", None, 0.0),
        ("traceidratio", "0.25", 0.25),
        ("parentbased_traceidratio", "0.5", 0.5),
        ("traceidratio", None, 1.0),
        ("traceidratio", "many", 1.0),
        ("traceidratio", "nan", 1.0),
        ("traceidratio", "2", 1.0),
        ("jaeger_remote", None, 1.0),
    ],
)
def test_the_sampler(sampler: str, argument: str | None, rate: float) -> None:
    """For destinations of the environment and of the code alike; what cannot be used counts as not set."""
    variables = {"OTEL_TRACES_SAMPLER": sampler, **({"OTEL_TRACES_SAMPLER_ARG": argument} if argument else {})}
    (implied,) = made(**variables, **ENDPOINT)
    (explicit,) = made(destinations.memory(), **variables)
    assert (rate, rate) == (implied.sampling_rate, explicit.sampling_rate)


def test_a_rate_that_was_chosen_wins_over_the_sampler() -> None:
    """Also where it equals the default; and ours in the environment wins over OpenTelemetry's."""
    (chosen,) = made(destinations.memory(sampling_rate=1.0), OTEL_TRACES_SAMPLER="always_off")
    (ours,) = made(OTEL_TRACES_SAMPLER="always_off", SPANCAST_SAMPLING_RATE="0.5", **ENDPOINT)
    assert (1.0, 0.5) == (chosen.sampling_rate, ours.sampling_rate)


def test_always_off_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one trace in a thousand either."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    memory = destinations.memory()
    with spancast.Pipeline(memory):
        for number in range(20):
            with spancast.trace(trace_name=f"t{number}"):
                pass
    assert [] == memory.spans


def test_the_limits_of_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long values are cut and further attributes left out; the first ones stay."""
    monkeypatch.setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "40")
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "3")
    memory = destinations.memory()
    with spancast.Pipeline(memory), spancast.trace(trace_name="a", note="x" * 1000, more=1, other=2, last=3):
        pass
    (span,) = memory.spans
    assert 3 == len(span.attributes)
    assert all(len(str(value)) <= 60 for value in span.attributes.values())


@pytest.mark.parametrize("value", ["-1", "many", "1.5", "9" * 30])
def test_a_limit_that_cannot_be_used_counts_as_not_set(value: str, caplog: pytest.LogCaptureFixture) -> None:
    """With one warning."""
    (destination,) = made(destinations.memory(), OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=value)
    assert None is destination.limits
    assert "ignored: OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT" in caplog.text


def test_what_is_not_followed_is_listed() -> None:
    """For the doctor: variables without effect, and values that cannot be used."""
    environ = {
        "OTEL_BSP_MAX_QUEUE_SIZE": "1",
        "OTEL_TRACES_SAMPLER": "jaeger_remote",
        "OTEL_TRACES_EXPORTER": "zipkin",
        "OTEL_SERVICE_NAME": "x",
    }
    found = {each.variable: each.sentence for each in otel_sdk.not_followed(environ)}
    assert {"OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_EXPORTER"} == set(found)
    assert "SPANCAST_MAX_QUEUE_BYTES" in found["OTEL_BSP_MAX_QUEUE_SIZE"]


@pytest.mark.parametrize("value", ["grpc", "nonsense", "\x01", "é" * 300, "-5", "1e999"])
@pytest.mark.parametrize(
    "variable",
    ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_COMPRESSION",
     "OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_SDK_DISABLED",
     "OTEL_TRACES_EXPORTER", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "OTEL_SPAN_EVENT_COUNT_LIMIT",
     "OTEL_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME"],
)  # fmt: skip
def test_a_platforms_variable_never_ends_the_application(variable: str, value: str) -> None:
    """Whatever stands there: neither a destination of the code nor `configure()` raises."""
    assert 1 == len(made(destinations.otlp("http://127.0.0.1:9/v1/traces"), **{variable: value})) or (
        variable == "OTEL_SDK_DISABLED"
    )
    made(**{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", variable: value})


def test_the_report_says_what_is_not_followed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """There, and not in the log of every application of the platform."""
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "2048")
    with spancast.Pipeline(destinations.memory()) as pipeline:
        assert "problem: OTEL_BSP_MAX_QUEUE_SIZE: Has no effect" in str(pipeline.report())
    assert "OTEL_BSP_MAX_QUEUE_SIZE" not in caplog.text
