"""Reads Collector configurations as the Collector does: several `--config` arguments, maps merged, lists replaced."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

COLLECTOR = Path(__file__).parents[2] / "integrations" / "collector"
KINDS = ("receivers", "processors", "exporters", "connectors", "extensions")
_VARIABLE = re.compile(r"\$\{env:([A-Za-z0-9_]+)(?::-([^}]*))?\}")
Config = dict[str, Any]


def variables(text: str) -> dict[str, str | None]:
    """Return the environment's variables that *text* reads, each with its default."""
    return {found[1]: found[2] for found in _VARIABLE.finditer(text)}


def expanded(text: str, environ: Mapping[str, str]) -> str:
    """Return *text* with its variables put in, and `$$` as `$`."""
    filled = _VARIABLE.sub(lambda found: environ.get(found[1], found[2] or ""), text)
    return filled.replace("$$", "$")


def commands(page: str) -> list[list[str]]:
    """Return the `--config` arguments of each `otelcol-contrib` line in a page's shell blocks."""
    found = []
    for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["otelcol-contrib"]:
                assert {"--config"} == set(words[1::2]), line
                found.append(words[2::2])
    return found


def composed(arguments: Iterable[str], environ: Mapping[str, str], folder: Path = COLLECTOR) -> Config:
    """Return the configuration of a command line."""
    merged: Config = {}
    for argument in arguments:
        merged = merge(merged, _read(argument, environ, folder))
    return merged


def _read(argument: str, environ: Mapping[str, str], folder: Path) -> Config:
    if not argument.startswith("yaml:"):
        return yaml.safe_load(expanded((folder / argument).read_text(), environ))
    path, _, value = argument.removeprefix("yaml:").partition(": ")
    config: Any = yaml.safe_load(expanded(value, environ))
    for name in reversed(path.split("::")):
        config = {name: config}
    return dict(config)


def merge(below: Any, above: Any) -> Any:
    """Lay *above* over *below*: maps are merged, everything else is replaced."""
    if isinstance(below, dict) and isinstance(above, dict):
        return {key: merge(below.get(key), value) if key in below else value for key, value in (below | above).items()}
    return above if above is not None else below


def pipelines(config: Config) -> Mapping[str, Mapping[str, list[str]]]:
    """Return the pipelines, each with its three lists."""
    empty: dict[str, list[str]] = {"receivers": [], "processors": [], "exporters": []}
    return {name: empty | held for name, held in config["service"]["pipelines"].items()}


def faults(config: Config) -> Iterator[str]:
    """Yield what the Collector would refuse, or what would be there for nothing."""
    defined = {kind: set(config.get(kind) or ()) for kind in KINDS}
    used: dict[str, set[str]] = {kind: set() for kind in KINDS}
    held = pipelines(config)
    for name, pipeline in held.items():
        for side in ("receivers", "exporters"):
            if not pipeline[side]:
                yield f"pipeline {name} has no {side}"
            for component in pipeline[side]:
                kind = "connectors" if component in defined["connectors"] else side
                used[kind].add(component)
                if component not in defined[kind]:
                    yield f"pipeline {name}: {component} is not defined"
        for component in pipeline["processors"]:
            used["processors"].add(component)
            if component not in defined["processors"]:
                yield f"pipeline {name}: {component} is not defined"
    for connector in used["connectors"]:
        for side in ("receivers", "exporters"):
            if not any(connector in pipeline[side] for pipeline in held.values()):
                yield f"connector {connector} is nowhere one of the {side}"
    used["extensions"] = set(config["service"].get("extensions") or ())
    for extension in used["extensions"] - defined["extensions"]:
        yield f"extension {extension} is not defined"
    yield from _storage(config, used["extensions"])
    for kind in KINDS:
        for component in defined[kind] - used[kind]:
            yield f"{component} is defined for nothing"


def _storage(config: Config, extensions: set[str]) -> Iterator[str]:
    for name, exporter in (config.get("exporters") or {}).items():
        storage = (exporter.get("sending_queue") or {}).get("storage")
        if storage is not None and storage not in extensions:
            yield f"{name}: its storage {storage} is no extension of the service"
