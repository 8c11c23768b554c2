"""The project's settings file: `spancast.toml`, or `[tool.spancast]` in `pyproject.toml`. Found and read once.

A file that is found, and not named, is used only if it is ours: everybody may put one into a shared folder above the
working folder, and a settings file decides where prompts and keys go.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from ..private_files import ForeignFileError, has_foreign_owner, read_private
from ..record.fast_frozen import frozen
from ..setting import Environ, Setting, expanded, text
from ..validation import SettingsError
from .entries import Entry, entry_of

NAMES = ("spancast.toml", "pyproject.toml")
CONFIG = Setting(
    variables=("SPANCAST_CONFIG",),
    meaning="The project's settings file; empty: none is looked for.",
    default="the nearest spancast.toml or pyproject.toml",
    parse=text,
    keeps_empty=True,
)


@frozen(kw_only=True)
class Project:
    """What a project's file says: general settings, and destinations.

    Attributes:
        origin: The file, for people; empty when there is none.
        general: The general settings as they stand there.
        entries: The destinations.
        ignored: Sentences about files that were found and are not used.
    """

    origin: str = ""
    general: Mapping[str, Any] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()
    ignored: tuple[str, ...] = ()


def project(environ: Environ, names: Sequence[str]) -> Project:
    """Return what the project's file says; an empty Project when there is none. *names*: of the general settings.

    `SPANCAST_CONFIG` names the file; else it is `spancast.toml`, or `pyproject.toml` with `[tool.spancast]`, in the working
    folder or the nearest folder above it that has one of them or is a repository's root.

    Raises:
        SettingsError: When the file cannot be read, or has an unknown setting.
    """
    named = CONFIG.of_environment(environ)
    if named is not None:
        return _of_file(_named(named[0]), True, names, ()) if named[0] else Project()
    ignored: list[str] = []
    for path in _candidates():
        try:
            found = _of_file(path, False, names, tuple(ignored))
        except ForeignFileError as error:
            if not has_foreign_owner(path):  # ours, and unusable: it may ask for privacy mode
                raise SettingsError(f"{error}: correct that, or set SPANCAST_CONFIG={path}.", "E117") from None
            ignored.append(f"{error}; set SPANCAST_CONFIG={path} if you trust it")
            continue
        return found
    return Project(ignored=tuple(ignored))


def _named(value: str) -> Path:
    path = expanded(value, "SPANCAST_CONFIG")
    if not _is_file(path):
        raise SettingsError(f"SPANCAST_CONFIG={value!r} is no file: name a spancast.toml, or unset it.", "E117")
    return path


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _candidates() -> Iterator[Path]:
    """Yield the files that are there, from the working folder upward to a repository's root."""
    try:
        folder = Path.cwd()
    except OSError:  # the working folder is gone
        return
    for place in (folder, *folder.parents):
        for name in NAMES:
            if _is_there(place / name):
                yield place / name
        if _is_there(place / ".git"):
            return


def _is_there(path: Path) -> bool:
    try:
        return os.path.lexists(path)
    except (OSError, ValueError):
        return False


def _of_file(path: Path, named: bool, names: Sequence[str], ignored: tuple[str, ...]) -> Project:
    """Return a file's Project; a `pyproject.toml` without our table is an empty one.

    Raises:
        ForeignFileError: When it was not named and is not ours.
    """
    pyproject = path.name == "pyproject.toml"
    content = _content(path, named)
    if content is None:
        return Project(ignored=ignored)
    try:
        table: Any = tomllib.loads(content)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, or a number with thousands of digits
        if pyproject and "tool.spancast" not in content:
            return Project(ignored=ignored)  # somebody else's file, and somebody else's fault
        raise SettingsError(f"{path} is no TOML: {str(error)[:200]}.", "E117") from None
    origin = path.name
    if pyproject:
        tools = table.get("tool")
        table = tools.get("spancast") if isinstance(tools, dict) else None
        origin = "[tool.spancast] in pyproject.toml"
        if table is None:
            return Project(ignored=ignored)
        if not isinstance(table, dict):
            raise SettingsError(f"{origin} is no table: write [tool.spancast] before its settings.", "E117")
    return read_table(table, origin, names, ignored)


def _content(path: Path, named: bool) -> str | None:
    """Return a file's text; None when it is a `pyproject.toml` that may not be read, which is not about us."""
    pyproject = path.name == "pyproject.toml"
    try:
        content = read_private(path, named=named)
        return content.decode("utf-8-sig")  # Windows' editors put a byte-order mark first
    except ForeignFileError:
        if pyproject and not named and not _mentions_us(path):
            return None
        raise
    except (OSError, UnicodeDecodeError) as error:
        if pyproject and not named:
            return None
        reason = getattr(error, "strerror", None) or "it is no UTF-8"
        raise SettingsError(f"{path} cannot be read: {reason}.", "E117") from None


def _mentions_us(path: Path) -> bool:
    try:
        return b"tool.spancast" in read_private(path, named=True)
    except OSError:
        return False


def read_table(table: Mapping[str, Any], origin: str, names: Sequence[str], ignored: tuple[str, ...] = ()) -> Project:
    """Return what a file's table says.

    Raises:
        SettingsError: When it has a setting that does not exist.
    """
    for name in table:
        if name != "destinations" and name not in names:
            near = difflib.get_close_matches(name[:80], [*names, "destinations"], n=1)
            hint = f"did you mean {near[0]!r}? There are" if near else "use"
            available = ", ".join([*names, "[[destinations]]"])
            raise SettingsError(f"{origin}: {name[:80]!r} is no setting: {hint} {available}.", "E116")
    listed = table.get("destinations", [])
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise SettingsError(f"{origin}: destinations is no list of tables: write [[destinations]] before each.", "E117")
    return Project(
        origin=origin,
        general={name: value for name, value in table.items() if name != "destinations"},
        entries=tuple(entry_of(item, f"{origin}, number {number}", origin) for number, item in enumerate(listed, 1)),
        ignored=ignored,
    )
