"""The settings for people: one row each, with its value, its origin, and what is wrong with it. Secrets are masked."""

from __future__ import annotations

from collections.abc import Iterator

from ..privacy.secrets import without_secrets
from ..record.fast_frozen import frozen
from ..setting import Environ, Setting
from ..validation import SettingsError
from . import otel_sdk, sources
from .schema import SETTINGS
from .sources import Sources


@frozen(kw_only=True)
class Row:
    """One line of `spancast settings`: what it is called, what it is, and its origin."""

    name: str
    value: str
    origin: str
    meaning: str
    error: str | None = None


def rows(environ: Environ, *, all: bool = False) -> Iterator[Row]:
    """Yield a row for each setting that is set, and what is wrong with files; with *all* for the others too."""
    found = sources.read(environ)
    for error in found.unreadable:
        yield Row(name="files", value="", origin="file", meaning="A settings file.", error=str(error))
    for sentence in found.ignored:
        yield Row(name="files", value="not used", origin="file", meaning=sentence)
    for each in SETTINGS:
        row = _row(each, found)
        if all or row.origin != sources.DEFAULT:
            yield row
    for each in otel_sdk.UNREAD:
        variable = each.variable(environ)
        if variable is not None:
            yield Row(
                name=variable,
                value=without_secrets(each.shown(environ[variable])),
                origin=f"environment {variable}",
                meaning=each.meaning,
            )


def _row(setting: Setting, found: Sources) -> Row:
    error = None
    try:
        value = found.value(setting)
        origin = value.origin
    except SettingsError as problem:
        error = str(problem)
        variable = setting.variable(found.environ)
        origin = f"environment {variable}" if variable else found.project.origin
    text = setting.default
    if origin.startswith("environment "):
        text = setting.shown(found.environ[origin.removeprefix("environment ")])
    elif origin != sources.DEFAULT:
        text = setting.shown(str(found.project.general.get(setting.name, "")))
    text = without_secrets(text)  # such as a key among the attributes of a resource
    return Row(name=setting.key, value=text, origin=origin, meaning=setting.meaning, error=error)
