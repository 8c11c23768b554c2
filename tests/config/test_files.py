"""Settings in files, saved destinations, and what counts before what."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

import spancast
from spancast.config import rows, saved, schema
from spancast.config.entries import Entry
from spancast.config.resolve import Arguments, resolve
from spancast.destinations import PRESETS, SettingsError

from ..receivers.recording import recording_receiver

URL = "https://collector.example.com/v1/traces"
TOML = """
service_name = "checkout-agent"
resource = { team = "shop", "deployment.environment" = "prod" }
max_queue_bytes = 1000000

[[destinations]]
preset = "otlp"
name = "collector"
endpoint = "https://collector.example.com/v1/traces"
headers = { Authorization = "env:COLLECTOR_TOKEN" }
privacy_mode = true
sampling_rate = 0.1
redact = "secrets"
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in an empty folder, in an environment without our variables but the token."""
    (tmp_path / "app").mkdir()
    monkeypatch.chdir(tmp_path / "app")
    for name in list(os.environ):
        if name.startswith(("SPANCAST_", "ARIZE_", "OTEL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SPANCAST_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("SPANCAST_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("COLLECTOR_TOKEN", "Bearer t-123456")


def made() -> list[Any]:
    """Return what files and environment name."""
    return list(resolve(Arguments(), os.environ).destinations)


def names() -> list[str]:
    """Return their names."""
    return [destination.name for destination in made()]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("spancast.toml", TOML),
        ("pyproject.toml", '[project]\nname = "x"\n[tool.spancast]' + TOML.replace("[[dest", "[[tool.spancast.dest")),
    ],
)
def test_a_projects_file_names_destinations(name: str, text: str, tmp_path: Path) -> None:
    """`spancast.toml` and `[tool.spancast]` say the same; found from a folder below; references are resolved."""
    (tmp_path / name).write_text(text)
    (collector,) = made()
    assert ("collector", True, 0.1, True) == (
        collector.name,
        collector.privacy_mode,
        collector.sampling_rate,
        collector.redact is not None,
    )
    assert (URL, {"Authorization": "Bearer t-123456"}) == (collector.target.url, dict(collector.target.headers))


def test_configure_without_arguments_uses_the_file(tmp_path: Path) -> None:
    """Destinations, service name, resource and queue bound come from it."""
    with recording_receiver() as receiver:
        Path("spancast.toml").write_text(TOML.replace(URL, receiver.url + "/v1/traces").replace("0.1", "1"))
        with spancast.Pipeline() as pipeline:
            with spancast.trace(trace_name="a"):
                pass
            assert True is pipeline.flush(10)
        (request,) = receiver.requests
        pairs = request.json["resourceSpans"][0]["resource"]["attributes"]
    said = {pair["key"]: pair["value"].get("stringValue") for pair in pairs}
    assert ("checkout-agent", "shop", "prod") == (said["service.name"], said["team"], said["deployment.environment"])
    assert "Bearer t-123456" == request.headers["authorization"]


@pytest.mark.parametrize(
    ("argument", "variables", "expected"),
    [
        (None, {}, "checkout-agent"),
        (None, {"OTEL_SERVICE_NAME": "from-variable"}, "from-variable"),
        (None, {"OTEL_RESOURCE_ATTRIBUTES": "service.name=x"}, "x"),
        ("from-code", {"OTEL_SERVICE_NAME": "from-variable"}, "from-code"),
    ],
)
def test_arguments_before_environment_before_file(
    argument: str | None, variables: dict[str, str], expected: Any
) -> None:
    """The nearest says the service's name."""
    Path("spancast.toml").write_text(TOML)
    assert expected == resolve(Arguments(service_name=argument), {**os.environ, **variables}).service_name


def test_resource_attributes_are_merged_key_by_key() -> None:
    """Code over environment over file."""
    Path("spancast.toml").write_text(TOML)
    environ = {**os.environ, "OTEL_RESOURCE_ATTRIBUTES": "team=other"}
    resolved = resolve(Arguments(resource={"deployment.environment": "dev"}), environ)
    assert {"deployment.environment": "dev"} == resolved.resource


def test_a_variable_over_the_files_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """`SPANCAST_SAMPLING_RATE` wins over the file's destination."""
    Path("spancast.toml").write_text(TOML)
    monkeypatch.setenv("SPANCAST_SAMPLING_RATE", "0.5")
    assert 0.5 == made()[0].sampling_rate


def test_the_files_general_privacy_mode_holds_for_all_that_do_not_say() -> None:
    """A general `privacy_mode = true` reaches each destination, and the local file when there is none."""
    Path("spancast.toml").write_text("privacy_mode = true\n")
    assert [True] == [destination.privacy_mode for destination in made()]
    Path("spancast.toml").write_text(
        f'privacy_mode = true\n[[destinations]]\npreset = "otlp"\nendpoint = "{URL}"\n'
        f'[[destinations]]\npreset = "otlp"\nname = "b"\nendpoint = "{URL}"\nprivacy_mode = false\n'
    )
    assert [True, False] == [destination.privacy_mode for destination in made()]


def test_a_variable_never_takes_away_the_privacy_mode_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arize in a file, in privacy mode, with the key in Arize's own variable: one destination, in privacy mode."""
    Path("spancast.toml").write_text('[[destinations]]\npreset = "arize"\nprivacy_mode = true\n')
    monkeypatch.setenv("ARIZE_API_KEY", "k1")
    monkeypatch.setenv("ARIZE_SPACE_ID", "U3BhY2U6MTphYmM=")
    assert [("arize", True)] == [(destination.name, destination.privacy_mode) for destination in made()]


def test_the_environments_backends_join_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend that no file names is added."""
    Path("spancast.toml").write_text(TOML)
    monkeypatch.setenv("ARIZE_API_KEY", "k1")
    monkeypatch.setenv("ARIZE_SPACE_ID", "U3BhY2U6MTphYmM=")
    assert ["collector", "arize"] == names()


def test_saved_destinations_count_when_the_project_names_none() -> None:
    """The command line's come last; a project's file wins over them."""
    entry = Entry(preset="jaeger", arguments={"name": "mine"}, origin="")
    saved.save([entry], os.environ)
    assert ["mine"] == names()
    Path("spancast.toml").write_text(TOML)
    assert ["collector"] == names()


def test_saved_destinations_are_for_their_owner_alone(tmp_path: Path) -> None:
    """0600 in a folder of 0700, replaced as a whole."""
    path = saved.save([Entry(preset="jaeger", arguments={}, origin="")], os.environ)
    modes = [stat.S_IMODE(place.stat().st_mode) for place in (path, path.parent)]
    assert ([0o600, 0o700], [path]) == (modes, list(path.parent.iterdir()))


def test_only_the_destinations_that_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """`SPANCAST_DESTINATIONS` chooses among files, saved ones and presets."""
    Path("spancast.toml").write_text(TOML)
    saved.save([Entry(preset="jaeger", arguments={"name": "mine"}, origin="")], os.environ)
    monkeypatch.setenv("SPANCAST_DESTINATIONS", "mine, phoenix")
    assert ["mine", "phoenix"] == names()
    monkeypatch.setenv("SPANCAST_DESTINATIONS", "nothing")
    with pytest.raises(SettingsError, match="SPANCAST_DESTINATIONS names 'nothing'"):
        made()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("sampling = 1", "spancast.toml: 'sampling' is no setting: did you mean 'sampling_rate'"),
        ("[[destinations]]\nname = 'x'", "spancast.toml, number 1: preset is missing"),
        ("[destinations]\npreset = 'otlp'", "destinations is no list of tables"),
        ("[[destinations]]\npreset = 'otel'", "preset='otel' is not known: did you mean 'otlp'"),
        ("[[destinations]]\npreset = 'jaeger'\nurl = 'x'", "has no argument 'url'"),
        ("[[destinations]]\npreset = 'jaeger'\nredact = 'names'", "redact='names' is not known"),
        ("[[destinations]]\npreset = 'otlp'\nendpoint = 'http://c:4317'", "destination 'otlp': .* gRPC port 4317"),
        ("service_name = 7", "spancast.toml: service_name is 7"),
        ("service_name = ", "is no TOML"),
        ("max_queue_bytes = " + "9" * 5000, "is no TOML"),
        ("'" + "k" * 100_000 + "' = 1", "'k{80}' is no setting"),
    ],
)
def test_a_file_that_is_wrong_is_said_with_its_name(text: str, sentence: str) -> None:
    """File, place, value and fix."""
    Path("spancast.toml").write_text(text)
    with pytest.raises(SettingsError, match=sentence):
        spancast.Pipeline()


def test_somebody_elses_broken_pyproject_is_not_our_business(tmp_path: Path) -> None:
    """Without a word of spancast in it, it does not stop the application."""
    Path("pyproject.toml").write_text("this is no toml")
    assert ["file"] == names()


def test_the_search_ends_at_the_repositorys_root(tmp_path: Path) -> None:
    """A file above the repository is another project's."""
    (tmp_path / "spancast.toml").write_text(TOML)
    (tmp_path / "app" / ".git").mkdir()
    assert ["file"] == names()


def test_the_file_can_be_named_and_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`SPANCAST_CONFIG` names it; empty, none is looked for."""
    Path("spancast.toml").write_text(TOML)
    monkeypatch.setenv("SPANCAST_CONFIG", "")
    assert ["file"] == names()
    monkeypatch.setenv("SPANCAST_CONFIG", "missing.toml")
    with pytest.raises(SettingsError, match=r"SPANCAST_CONFIG='missing.toml' is no file"):
        made()


def test_saved_destinations_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    """A broken file is not passed over in silence."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / saved.FILE_NAME).write_text("{")
    with pytest.raises(SettingsError, match="cannot be read: remove it"):
        made()


# ---------------------------------------------------------------- the table
def test_every_variable_of_a_preset_is_in_the_table() -> None:
    """What the code reads, `spancast settings` shows."""
    shown = {variable for setting in schema.SETTINGS for variable in setting.variables}
    read = {variable for preset in PRESETS.values() for names in preset.variables.values() for variable in names}
    assert set() == read - shown


def test_every_variable_in_the_source_is_in_the_table() -> None:
    """A variable that somebody reads has to be documented."""
    import re

    source = Path(spancast.__file__).parent
    text = "\n".join(path.read_text() for path in source.rglob("*.py"))
    found = set(re.findall(r"\bSPANCAST_[A-Z_]+[A-Z]\b", text)) - {"SPANCAST_DEMO_MODEL"}
    shown = {variable for setting in schema.SETTINGS for variable in setting.variables}
    assert set() == found - shown


def test_rows_say_value_and_origin_and_mask_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each setting that is set, its origin, and what is wrong with it."""
    Path("spancast.toml").write_text(TOML)
    monkeypatch.setenv("SPANCAST_SAMPLING_RATE", "10%")
    monkeypatch.setenv("ARIZE_API_KEY", "ak-secret")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20ak-secret")
    found = {row.name: row for row in rows.rows(os.environ)}
    assert ("checkout-agent", "spancast.toml") == (found["service_name"].value, found["service_name"].origin)
    assert ("***", "environment ARIZE_API_KEY") == (found["ARIZE_API_KEY"].value, found["ARIZE_API_KEY"].origin)
    assert True is ("is no number" in (found["sampling_rate"].error or ""))
    assert False is ("ak-secret" in repr(list(found.values())))
    everything = list(rows.rows(os.environ, all=True))
    assert (len(schema.SETTINGS), True) == (len(everything), all(row.meaning for row in everything))


def test_a_key_among_the_attributes_of_the_resource_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    """`spancast settings` shows what the environment says, but for what looks like a key."""
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.version=1,api_key=s3cr3tKEY99")
    shown = " ".join(row.value for row in rows.rows(os.environ))
    assert ("service.version=1" in shown, "s3cr3tKEY99" in shown) == (True, False)
