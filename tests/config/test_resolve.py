"""Which destinations the environment names."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

import spancast
from spancast import destinations
from spancast.config.resolve import Arguments, backends_of, resolve
from spancast.destinations import SettingsError
from spancast.recording import notice

from ..receivers.recording import recording_receiver

SPACE = "U3BhY2U6MTphYmM="


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in an empty folder, in an environment without our variables."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("SPANCAST_", "ARIZE_", "OTEL_")):
            monkeypatch.delenv(name)


def described() -> list[tuple[str, str]]:
    """Return name and place of the environment's destinations."""
    return [
        (destination.name, destination.target.describe())
        for destination in resolve(Arguments(), os.environ).destinations
    ]


def test_nothing_set_means_a_local_file(tmp_path: Path) -> None:
    """Without any variable spans go to `.spancast/traces.jsonl` in the working folder."""
    assert [("file", str(tmp_path / ".spancast" / "traces.jsonl"))] == described()
    assert () == backends_of(os.environ)


def test_the_local_file_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`SPANCAST_FILE` says where the default file is."""
    monkeypatch.setenv("SPANCAST_FILE", str(tmp_path / "here.jsonl"))
    assert [("file", str(tmp_path / "here.jsonl"))] == described()


def test_arizes_variables_name_arize(monkeypatch: pytest.MonkeyPatch) -> None:
    """Key and space are enough for Arize, and the file is no longer the default."""
    monkeypatch.setenv("ARIZE_API_KEY", "k")
    monkeypatch.setenv("ARIZE_SPACE_ID", SPACE)
    assert [("arize", "https://otlp.arize.com/v1/traces")] == described()


def test_the_otlp_variables_name_a_receiver(monkeypatch: pytest.MonkeyPatch) -> None:
    """The endpoint variable is enough for a receiver."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    assert [("otlp", "http://127.0.0.1:4318/v1/traces")] == described()


def test_both_may_be_set_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each backend of the environment gets its destination."""
    monkeypatch.setenv("ARIZE_API_KEY", "k")
    monkeypatch.setenv("ARIZE_SPACE_ID", SPACE)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:4318/x")
    assert ["arize", "otlp"] == [name for name, _ in described()]


def test_half_of_arizes_variables_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key without a space is a mistake, not a wish for a file."""
    monkeypatch.setenv("ARIZE_API_KEY", "k")
    with pytest.raises(SettingsError, match=r"space_key is missing.*ARIZE_SPACE_ID"):
        resolve(Arguments(), os.environ)


def test_grpc_for_the_whole_platform_is_ignored_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """We send OTLP over HTTP only, say so, and the spans go out."""
    notice.forget()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    assert [("otlp", "http://127.0.0.1:4318/v1/traces")] == described()
    assert "OTEL_EXPORTER_OTLP_PROTOCOL='grpc'" in caplog.text
    assert "Only destinations.otlp() takes" in caplog.text


@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_ENDPOINT", None])
def test_spancast_variables_hold_for_the_environments_destinations(
    variable: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Privacy mode and sampling rate reach a receiver and the local file alike."""
    monkeypatch.setenv("SPANCAST_PRIVACY_MODE", "1")
    monkeypatch.setenv("SPANCAST_SAMPLING_RATE", "0.25")
    if variable:
        monkeypatch.setenv(variable, "http://127.0.0.1:4318")
    (destination,) = resolve(Arguments(), os.environ).destinations
    assert (True, 0.25) == (destination.privacy_mode, destination.sampling_rate)


def test_a_run_configured_by_the_environment_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Endpoint, headers, protocol, service name and resource attributes are all read from the environment."""
    with recording_receiver() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc,x-tenant=t1")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test,service.name=other")
        with spancast.Pipeline() as pipeline, spancast.trace(trace_name="a"):
            pass
        (request,) = receiver.requests
    assert 1 == pipeline.report()["otlp"].delivered
    assert "/v1/traces" == request.path
    assert ("Bearer abc", "t1") == (request.headers["authorization"], request.headers["x-tenant"])
    said = {pair.key: pair.value.string_value for pair in request.protobuf.resource_spans[0].resource.attributes}
    assert ("shop", "test") == (said["service.name"], said["deployment.environment"])


def test_without_variables_a_run_goes_to_the_local_file(tmp_path: Path) -> None:
    """No account, no server: the spans are in the file."""
    with spancast.Pipeline(), spancast.trace(trace_name="a"):
        pass
    assert 1 == len((tmp_path / ".spancast" / "traces.jsonl").read_text().splitlines())


@pytest.mark.parametrize(("value", "enabled"), [("true", False), ("TRUE", False), ("false", True), ("", True)])
def test_otel_sdk_disabled_turns_everything_off(
    value: str, enabled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is recorded, no file is made, and every call still works."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", value)
    with spancast.Pipeline() as pipeline, spancast.trace(trace_name="a"):
        pass
    assert (enabled, enabled) == (pipeline.enabled, (tmp_path / ".spancast").exists())
    assert (int(enabled), True) == (len(pipeline.report()), pipeline.flush())


def test_a_resource_attributes_variable_that_is_torn_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenTelemetry's own detector passes over what it cannot read; the spans go out."""
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment")
    with spancast.Pipeline() as pipeline, spancast.trace(trace_name="a"):
        pass
    assert 1 == pipeline.report()["file"].delivered


@pytest.mark.parametrize("argument", [64 * 1024 * 1024, 64 * 1024 * 1024 + 1, 1000])
def test_an_argument_wins_even_where_it_equals_the_default(argument: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument is an argument; without one the environment counts."""
    monkeypatch.setenv("SPANCAST_MAX_QUEUE_BYTES", "100000")
    resolved = resolve(Arguments(max_queue_bytes=argument), os.environ)
    assert (argument, "argument") == (resolved.max_queue_bytes, resolved.origins["max_queue_bytes"])
    resolved = resolve(Arguments(), os.environ)
    origin = "environment SPANCAST_MAX_QUEUE_BYTES"
    assert (100_000, origin) == (resolved.max_queue_bytes, resolved.origins["max_queue_bytes"])


def test_every_value_has_an_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the argument, of the environment, of the file, and of the default."""
    Path("spancast.toml").write_text("max_queue_bytes = 5000\n")
    monkeypatch.setenv("SPANCAST_SPOOL", "off")
    resolved = resolve(Arguments(service_name="shop"), os.environ)
    assert (5000, "shop", None) == (resolved.max_queue_bytes, resolved.service_name, resolved.spool_folder)
    expected = {
        "service_name": "argument",
        "SPANCAST_SPOOL": "environment SPANCAST_SPOOL",
        "max_queue_bytes": "spancast.toml",
        "privacy_mode": "default",
    }
    assert expected == {name: resolved.origins[name] for name in expected}


def test_each_source_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Finding, opening and parsing the project's file happens once a pipeline."""
    Path("spancast.toml").write_text("max_queue_bytes = 5000\n")
    opened: list[str] = []
    sys.addaudithook(lambda name, arguments: opened.append(str(arguments[0])) if name == "open" else None)
    resolve(Arguments(), os.environ)
    assert 1 == len([path for path in opened if path.endswith("spancast.toml")])


@pytest.mark.parametrize("listed", [[], [destinations.memory()], (destinations.memory(), destinations.memory())])
def test_a_list_of_destinations_is_refused_with_the_star(listed: Any) -> None:
    """It is what most people write first."""
    with pytest.raises(SettingsError, match=r"configure\(\*destinations\)") as caught:
        spancast.configure(listed)
    assert "E116" == caught.value.code


@pytest.mark.parametrize(("variable", "value"), [("SPANCAST_PRIVACY_MODE", "true"), ("SPANCAST_REDACT", "secrets")])
def test_privacy_of_the_environment_beside_a_destination_of_the_code_is_a_warning(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no effect there; who has answered the question in the code is not asked again."""
    monkeypatch.setenv(variable, value)
    silent, private = destinations.memory(), destinations.memory(privacy_mode=True, name="private")
    answered = destinations.memory(privacy_mode=False, redact=str, name="answered")
    (sentence,) = resolve(Arguments(destinations=(silent, private, answered)), os.environ).problems
    assert sentence.startswith(f"{variable} has no effect on memory, made in the code: give it ")
    assert () == resolve(Arguments(destinations=(private, answered)), os.environ).problems
    monkeypatch.setenv("SPANCAST_PRIVACY_MODE", "false")
    monkeypatch.delenv("SPANCAST_REDACT", raising=False)
    assert () == resolve(Arguments(destinations=(silent,)), os.environ).problems
