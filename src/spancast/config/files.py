"""Settings in files: `spancast.toml` or `[tool.spancast]` of a project, and the destinations that the command line saved.

A file's values may be references (`env:NAME`, `keyring:NAME`); they are looked up when a destination is made.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from ..destinations.destination import Destination
from ..destinations.registry import LOCAL, PRESETS
from ..validation import SettingsError

SAVED = "destinations.json"
ENVIRONMENT = "environment"  # the origin of an entry that no file holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A destination as a file describes it.

    Attributes:
        preset: The preset's name.
        arguments: Its arguments and the common keywords, as they stand there.
        origin: The file, for people.
    """

    preset: str
    arguments: Mapping[str, Any]
    origin: str

    @property
    def name(self) -> str:
        """What the destination is called."""
        return str(self.arguments.get("name") or self.preset)

    def destination(self, over: Mapping[str, Any] | None = None) -> Destination:
        """Make the destination; *over* is laid over its arguments.

        Raises:
            SettingsError: Naming the file.
        """
        arguments = {**self.arguments, **(over or {})}
        try:
            made: Destination = _maker(self.preset)(**with_redactor(arguments))
            return made
        except SettingsError as error:
            if self.origin == ENVIRONMENT:  # the sentence names the variable itself
                raise
            raise SettingsError(f"{self.origin}, destination {self.name!r}: {error}") from None
        except TypeError as error:  # an argument that the preset does not have
            raise SettingsError(f"{self.origin}, destination {self.name!r}: {_unknown(error, self.preset)}") from None


def _maker(preset: str) -> Any:
    if preset in LOCAL:
        return LOCAL[preset]
    if preset not in PRESETS:
        raise SettingsError(f"preset={preset!r} is not known: use one of {', '.join([*PRESETS, *LOCAL])}.")
    return PRESETS[preset].make


def with_redactor(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return *arguments* with the built-in redactor in the place of its name."""
    from .. import redact

    name = arguments.get("redact")
    if isinstance(name, str):
        if name not in redact.BUILT_IN:
            raise SettingsError(f"redact={name!r} is not known: a file may name {' or '.join(redact.BUILT_IN)}.")
        arguments["redact"] = redact.BUILT_IN[name]
    return arguments


def _unknown(error: TypeError, preset: str) -> str:
    said = str(error).partition("() ")[2] or str(error)
    return f"{said}: destinations.{preset}() has no such argument, see `spancast destinations add {preset} --help`."


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What a project's file says: general settings, and destinations."""

    origin: str = ""
    general: Mapping[str, Any] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()


# ---------------------------------------------------------------- the project's file
def project(environ: Mapping[str, str], known: Sequence[str]) -> Project:
    """Return what the project's file says; an empty Project when there is none. *known*: names of general settings.

    `SPANCAST_CONFIG` names the file; else it is `spancast.toml`, or `pyproject.toml` with `[tool.spancast]`, in the working
    folder or the nearest folder above it that has one of them or is a repository's root.

    Raises:
        SettingsError: When the file cannot be read, or says something unknown.
    """
    path = _project_path(environ)
    if path is None:
        return Project()
    table = _toml(path)
    origin = path.name
    if path.name == "pyproject.toml":
        table = table.get("tool", {}).get("spancast")
        origin = "[tool.spancast] in pyproject.toml"
        if table is None:
            return Project()
    return read_table(table, origin, known)


def read_table(table: Mapping[str, Any], origin: str, known: Sequence[str]) -> Project:
    """Return what a file's table says."""
    for name in table:
        if name != "destinations" and name not in known:
            raise SettingsError(f"{origin}: {name!r} is no setting: use {', '.join([*known, '[[destinations]]'])}.")
    listed = table.get("destinations", [])
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise SettingsError(f"{origin}: destinations is no list of tables: write [[destinations]] before each.")
    return Project(
        origin=origin,
        general={name: value for name, value in table.items() if name != "destinations"},
        entries=tuple(_entry(item, f"{origin}, number {number}", origin) for number, item in enumerate(listed, 1)),
    )


def _entry(item: Mapping[str, Any], place: str, origin: str) -> Entry:
    arguments = dict(item)
    preset = arguments.pop("preset", None)
    if not isinstance(preset, str):
        raise SettingsError(f'{place}: preset is missing: write preset = "otlp" or another of {", ".join(PRESETS)}.')
    return Entry(preset=preset, arguments=arguments, origin=origin)


def _project_path(environ: Mapping[str, str]) -> Path | None:
    named = environ.get("SPANCAST_CONFIG")
    if named is not None:
        if named and not Path(named).expanduser().is_file():
            raise SettingsError(f"SPANCAST_CONFIG={named!r} is no file: name a spancast.toml, or unset it.")
        return Path(named).expanduser() if named else None
    try:
        folder = Path.cwd()
    except OSError:  # the working folder is gone
        return None
    for place in (folder, *folder.parents):
        for name in ("spancast.toml", "pyproject.toml"):
            if (place / name).is_file():
                return place / name
        if (place / ".git").exists():
            return None
    return None


def _toml(path: Path) -> dict[str, Any]:
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return table
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no UTF-8'}.") from None
    except tomllib.TOMLDecodeError as error:
        if path.name == "pyproject.toml" and "tool.spancast" not in path.read_text(encoding="utf-8"):
            return {}  # somebody else's file, and somebody else's fault
        raise SettingsError(f"{path} is no TOML: {error}.") from None


# ---------------------------------------------------------------- what the command line saved
def config_folder(environ: Mapping[str, str]) -> Path | None:
    """Return the user's configuration folder: `SPANCAST_CONFIG_DIR` (empty: none), else the system's place for it."""
    chosen = environ.get("SPANCAST_CONFIG_DIR")
    if chosen is not None:
        return Path(chosen).expanduser() if chosen else None
    base = environ.get("XDG_CONFIG_HOME") or (environ.get("APPDATA") if os.name == "nt" else None)
    try:
        return (Path(base) if base else Path.home() / ".config") / "spancast"
    except RuntimeError:  # no home folder
        return None


def saved(environ: Mapping[str, str]) -> tuple[Entry, ...]:
    """Return the destinations that the command line saved.

    Raises:
        SettingsError: When the file cannot be read.
    """
    folder = config_folder(environ)
    if folder is None:
        return ()
    path = folder / SAVED
    try:
        held = orjson.loads(path.read_bytes())
        return tuple(_entry(item, str(path), SAVED) for item in held["destinations"])
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except PermissionError:
        return ()  # another user's, as for a service that inherits HOME
    except (OSError, ValueError, KeyError, TypeError):
        raise SettingsError(
            f"{path} cannot be read: remove it, and add the destinations again with `spancast destinations add`."
        ) from None


def save(entries: Sequence[Entry], environ: Mapping[str, str]) -> Path:
    """Write the saved destinations, readable by their owner alone, and return the file.

    Raises:
        SettingsError: When there is no place for it.
    """
    folder = config_folder(environ)
    if folder is None:
        raise SettingsError("there is no configuration folder: set SPANCAST_CONFIG_DIR to one.")
    path = folder / SAVED
    text = orjson.dumps(
        {"destinations": [{"preset": entry.preset, **entry.arguments} for entry in entries]},
        option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
    )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = folder / f"{SAVED}.{os.getpid()}.part"
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(handle, text)
        finally:
            os.close(handle)
        part.replace(path)  # atomic: an application that starts now never reads half a file
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}.") from None
    return path
