"""The destinations that the environment names, and the local file when it names none."""

from __future__ import annotations

from collections.abc import Mapping

from . import local, presets, settings
from .destination import Destination


def destinations_of(environ: Mapping[str, str]) -> tuple[Destination, ...]:
    """Return a destination for each backend that the environment has settings for; else the local file.

    Raises:
        SettingsError: When a variable cannot be used.
    """
    found = backends_of(environ)
    if found:
        return found
    common = settings.spancast_environment(environ)
    return (local.file(environ.get("SPANCAST_FILE") or local.DEFAULT_FILE, **common),)


def backends_of(environ: Mapping[str, str]) -> tuple[Destination, ...]:
    """Return a destination for each backend that the environment has settings for."""
    common = settings.spancast_environment(environ)
    found: list[Destination] = []
    if environ.get("ARIZE_API_KEY") or environ.get("ARIZE_SPACE_ID"):
        found.append(presets.arize(**common))
    if environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        found.append(presets.otlp(**common))
    return tuple(found)
