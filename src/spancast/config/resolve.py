"""The destinations that environment and files name, and the local file when they name none.

Files come first: those of the project's file, else those that the command line saved. A backend that the environment has
settings for (Arize, an OTLP receiver) is added when the files have no destination of that preset, which would read the same
variables: so a variable never takes away the privacy mode that a file asks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..destinations import otel_env as settings
from ..destinations import registry as presets
from ..destinations.destination import Destination
from ..destinations.targets import file as local
from ..validation import SettingsError
from . import files
from . import schema as catalogue


def destinations_of(environ: Mapping[str, str]) -> tuple[Destination, ...]:
    """Return a destination for each backend that files and environment name; else the local file.

    Raises:
        SettingsError: When a setting cannot be used.
    """
    made = [entry.destination(common) for entry, common in entries_of(environ)]
    if made:
        return tuple(made)
    common = _common(environ, catalogue.project_of(environ))
    return (local.file(catalogue.general("file", environ) or local.DEFAULT_FILE, **common),)


def entries_of(environ: Mapping[str, str]) -> list[tuple[files.Entry, dict[str, Any]]]:
    """Return what files and environment name, each with the settings that are laid over it."""
    project = catalogue.project_of(environ)
    held = files.saved(environ) if not project.entries else ()
    chosen = [item.strip() for item in environ.get("SPANCAST_DESTINATIONS", "").split(",") if item.strip()]
    over = settings.spancast_environment(environ)
    below = {name: value for name, value in _common(environ, project).items() if name not in over}
    if chosen:
        listed = [_by_name(name, [*project.entries, *files.saved(environ)]) for name in chosen]
    else:
        listed = [*project.entries, *held]
        taken = {entry.preset for entry in listed}
        listed += [_of_environment(name) for name in _named_backends(environ) if name not in taken]
    return [(entry, {**{k: v for k, v in below.items() if k not in entry.arguments}, **over}) for entry in listed]


def _by_name(name: str, entries: list[files.Entry]) -> files.Entry:
    found = next((entry for entry in entries if entry.name == name), None)
    if found is not None:
        return found
    if name in presets.PRESETS or name in ("file", "console"):
        return _of_environment(name)
    known = ", ".join([*(entry.name for entry in entries), *presets.PRESETS])
    raise SettingsError(
        f"SPANCAST_DESTINATIONS names {name!r}, which is neither saved nor a preset: use some of {known}."
    )


def _of_environment(preset: str) -> files.Entry:
    return files.Entry(preset=preset, arguments={}, origin=files.ENVIRONMENT)


def _named_backends(environ: Mapping[str, str]) -> list[str]:
    found = []
    if environ.get("ARIZE_API_KEY") or environ.get("ARIZE_SPACE_ID"):
        found.append("arize")
    if environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        found.append("otlp")
    return found


def _common(environ: Mapping[str, str], project: files.Project) -> dict[str, Any]:
    """Return the common keywords that environment and file set for destinations that are not made in the code."""
    found = {name: catalogue.general(name, environ, project) for name in ("privacy_mode", "redact", "sampling_rate")}
    return files.with_redactor({name: value for name, value in found.items() if value is not None})


def backends_of(environ: Mapping[str, str]) -> tuple[Destination, ...]:
    """Return a destination for each backend that files and environment name."""
    return tuple(entry.destination(common) for entry, common in entries_of(environ))
