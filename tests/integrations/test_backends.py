"""The backends' folders: compose files that fit together with what they mount, the pages, and spancast's own presets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from spancast.config.resolve import Arguments, resolve
from spancast.destinations import PRESETS
from spancast.destinations import factory as destinations_module

from .collector_config import composed, faults, pipelines, variables

ROOT = Path(__file__).parents[2]
BACKENDS = ROOT / "integrations" / "backends"
NAMES = sorted(path.parent.name for path in BACKENDS.glob("*/compose.yaml"))
SERVICE_KEYS = {"image", "command", "environment", "volumes", "ports", "depends_on", "healthcheck", "mem_limit"}


def compose(name: str) -> dict[str, Any]:
    """Return a folder's compose file."""
    held: dict[str, Any] = yaml.safe_load((BACKENDS / name / "compose.yaml").read_text())
    return held


def page(name: str) -> str:
    """Return a folder's page."""
    return (BACKENDS / name / "README.md").read_text()


def published(name: str) -> dict[int, str]:
    """Return the ports of this machine, each with the service behind it."""
    return {
        int(port.split(":")[1]): service
        for service, held in compose(name)["services"].items()
        for port in held.get("ports", ())
    }


@pytest.mark.parametrize(
    "path", [path for room in ("collector", "backends", "grafana") for path in (ROOT / "integrations" / room).rglob("*.md")],
    ids=lambda path: f"{path.parent.name}/{path.name}",
)  # fmt: skip
def test_links_lead_somewhere(path: Path) -> None:
    """Every link of a page that is no address is a file or folder of this repository."""
    links = re.findall(r"\]\(([^)]+)\)", path.read_text())
    assert [] == [link for link in links if "://" not in link and not (path.parent / link).exists()]


def test_there_is_a_folder_for_each() -> None:
    """Four, each with its page, and all in the table of the folder's own page."""
    assert ["collector", "jaeger", "phoenix", "tempo"] == NAMES
    table = (BACKENDS / "README.md").read_text()
    for name in NAMES:
        assert f"| [{name}]({name}) |" in table


@pytest.mark.parametrize("name", NAMES)
def test_a_compose_file_has_the_essentials_of_its_schema(name: str) -> None:
    """Known keys, services that depend on services that are there, volumes that are declared and used, no old `version`."""
    held = compose(name)
    services = held["services"]
    assert set() == set(held) - {"name", "services", "volumes"}
    assert f"spancast-{name}" == held["name"]
    for service in services.values():
        assert set() == set(service) - SERVICE_KEYS
        assert set() == set(service.get("depends_on", ())) - set(services)
        assert True is all(isinstance(value, str) for value in (service.get("environment") or {}).values())
    mounted = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", ())}
    assert {volume for volume in mounted if not volume.startswith(".")} == set(held.get("volumes") or ())


@pytest.mark.parametrize("name", NAMES)
def test_images_are_pinned(name: str) -> None:
    """Each has a version of at least two numbers; none is `latest`."""
    for service in compose(name)["services"].values():
        assert re.search(r":(?:version-)?\d+\.\d+(?:\.\d+)?$", service["image"])


@pytest.mark.parametrize("name", NAMES)
def test_ports_are_published_on_loopback_only_and_the_page_has_them(name: str) -> None:
    """Nobody outside this machine reaches them; the page names each, and no other."""
    for service in compose(name)["services"].values():
        for port in service.get("ports", ()):
            address, outside, inside = port.split(":")
            assert ("127.0.0.1", outside) == (address, inside)
    (line,) = re.findall(r"^Ports?, on this machine only: ([^.]*)\.", page(name), re.MULTILINE)
    assert set(published(name)) == {int(port) for port in re.findall(r"\b(\d{4,5})\b", line)}


@pytest.mark.parametrize("name", NAMES)
def test_somebody_asks_whether_it_is_ready(name: str) -> None:
    """One health check, of what takes spans, by a service that starts after it; one-shot services end well before."""
    services = compose(name)["services"]
    (ready,) = [service for service in services.values() if "healthcheck" in service]
    asked = re.findall(r"http://(\w+):(\d+)", " ".join(ready["healthcheck"]["test"]))
    assert {host for host, _ in asked} == set(ready["depends_on"])
    assert name in {host for host, _ in asked}
    once = {service for service, held in services.items() if held.get("command", [""])[0] == "chown"}
    assert once == {before for before, how in waits(services) if how == "service_completed_successfully"}


def waits(services: dict[str, Any]) -> list[tuple[str, str]]:
    """Return which services are waited for, and until when."""
    found: list[tuple[str, str]] = []
    for service in services.values():
        before = service.get("depends_on", [])
        if isinstance(before, dict):
            found += [(name, how["condition"]) for name, how in before.items()]
        else:
            found += [(name, "service_started") for name in before]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_what_is_mounted_is_there(name: str) -> None:
    """Files of this repository, read-only; the command's paths are those of the mounts."""
    for service in compose(name)["services"].values():
        places = []
        for volume in service.get("volumes", ()):
            source, place, *mode = volume.split(":")
            places.append(place)
            if source.startswith("."):
                assert True is (BACKENDS / name / source).resolve().is_file()
                assert ["ro"] == mode
        for word in service.get("command", ()):
            if "=/" in word:
                assert word.partition("=")[2].removeprefix("file:") in places


@pytest.mark.parametrize("name", NAMES)
def test_the_preset_sends_to_the_published_port(name: str) -> None:
    """With no endpoint given, spancast's preset reaches the backend."""
    made = PRESETS["otlp" if name == "collector" else name].make
    target = (made("http://localhost:4318/v1/traces") if name == "collector" else made()).target
    assert isinstance(target, destinations_module.HttpTarget)
    parts = urlsplit(target.url)
    assert ("localhost", "/v1/traces") == (parts.hostname, parts.path)
    assert name == published(name)[int(parts.port or 0)]


@pytest.mark.parametrize("name", NAMES)
def test_the_pages_settings_are_loaded_and_lead_there(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line before `scripts/demo` and the lines of spancast.toml each make one destination, at the published port."""
    monkeypatch.chdir(tmp_path)
    (line,) = re.findall(r"^(.*) scripts/demo$", page(name), re.MULTILINE)
    given = dict(pair.split("=", 1) for pair in line.split())
    (lines,) = re.findall(r"```toml\n(.*?)```", page(name), re.DOTALL)
    (tmp_path / "spancast.toml").write_text(lines)
    for environ in ({**given, "SPANCAST_CONFIG": ""}, {"SPANCAST_CONFIG": str(tmp_path / "spancast.toml")}):
        for variable in ("PHOENIX_PROJECT", "OTEL_EXPORTER_OTLP_ENDPOINT"):
            monkeypatch.delenv(variable, raising=False)
        for variable, value in environ.items():
            monkeypatch.setenv(variable, value)
        (made,) = resolve(Arguments(), {**environ, "SPANCAST_CONFIG_DIR": ""}).destinations
        assert isinstance(made.target, destinations_module.HttpTarget)
        assert name == published(name)[int(urlsplit(made.target.url).port or 0)]
        if name == "phoenix":
            assert "demo" == made.resource["openinference.project.name"]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_start_send_see_stop(name: str) -> None:
    """In this order, with the commands, and within a page."""
    text = page(name)
    assert ["Start", "Send", "See", "Stop"] == re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert True is ("docker compose up --wait" in text and "docker compose down" in text)
    assert len(text.splitlines()) <= 60
    addresses = {int(port) for port in re.findall(r"http://localhost:(\d+)", text)}
    assert set() == addresses - set(published(name))


def test_the_collector_of_the_folder_is_whole() -> None:
    """Its command composes to a configuration without faults, listens where its ports are, and prints without content."""
    service = compose("collector")["services"]["collector"]
    mounts = dict(reversed(volume.split(":")[:2]) for volume in service["volumes"])
    files = [str((BACKENDS / "collector" / mounts[word.partition("=")[2]]).resolve()) for word in service["command"]]
    config = composed(files, service["environment"], Path("/"))
    assert [] == list(faults(config))
    assert ["transform/privacy", "filter/privacy"] == pipelines(config)["traces/print"]["processors"]
    listening = {int(held["endpoint"].rpartition(":")[2]) for held in config["receivers"]["otlp"]["protocols"].values()}
    assert set(published("collector")) == listening
    read = {name for file in files for name in variables(Path(file).read_text())}
    assert set() == set(service["environment"]) - read
    assert service["environment"]["QUEUE_DIR"] in {volume.split(":")[1] for volume in service["volumes"]}


def test_grafana_finds_tempo_and_the_dashboard() -> None:
    """The data source asks the service at its own port; the provider reads the folder that the dashboard is mounted in."""
    folder = BACKENDS / "tempo"
    (source,) = yaml.safe_load((folder / "grafana" / "datasources.yaml").read_text())["datasources"]
    port = yaml.safe_load((folder / "tempo.yaml").read_text())["server"]["http_listen_port"]
    assert ("tempo", f"http://tempo:{port}") == (source["type"], source["url"])
    (provider,) = yaml.safe_load((folder / "grafana" / "dashboards.yaml").read_text())["providers"]
    mounts = [volume.split(":")[1] for volume in compose("tempo")["services"]["grafana"]["volumes"]]
    assert f"{provider['options']['path']}/spancast.json" in mounts


def test_tempo_answers_the_dashboards_metrics_for_our_kinds_of_span() -> None:
    """Client and internal spans are kept for metrics, and the page of the dashboard says the same as the file."""
    text = (BACKENDS / "tempo" / "tempo.yaml").read_text()
    config = yaml.safe_load(text)
    (said,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "integrations/grafana/README.md").read_text(), re.DOTALL)
    for section, held in yaml.safe_load(said).items():
        assert held == config[section]
    assert False is config["metrics_generator"]["processor"]["local_blocks"]["filter_server_spans"]
