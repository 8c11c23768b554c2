"""Sources: the environment, the project's file and the saved destinations, each read once; and what a setting is there."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from ..record.fast_frozen import frozen
from ..setting import Environ, Setting
from ..validation import SettingsError, within
from . import project_file, saved
from .project_file import Project
from .saved import Saved
from .schema import DESTINATIONS, FILE_NAMES

DEFAULT = "default"


@frozen()
class Value:
    """What a setting is, and where that comes from: `argument`, `environment NAME`, a file, or `default`."""

    value: Any
    origin: str


@frozen(kw_only=True)
class Sources:
    """Everything that settings are read from.

    Attributes:
        environ: The environment's variables.
        project: The project's file.
        saved: What the command line saved.
        unreadable: What is wrong with a file that is there and cannot be read; it may have asked for privacy mode.
    """

    environ: Environ
    project: Project = field(default_factory=Project)
    saved: Saved = field(default_factory=Saved)
    unreadable: tuple[SettingsError, ...] = ()

    def value(self, setting: Setting, argument: Any = None) -> Value:
        """Return what counts: the argument, else the environment, else the project's file; None by default.

        Raises:
            SettingsError: Naming the variable, or the file.
        """
        if argument is not None:
            return Value(argument, "argument")
        found = setting.of_environment(self.environ)
        if found is not None:
            return Value(found[0], f"environment {found[1]}")
        return self.of_file(setting)

    def of_file(self, setting: Setting) -> Value:
        """Return what the project's file says.

        Raises:
            SettingsError: Naming the file.
        """
        if not setting.name or setting.name not in self.project.general:
            return Value(None, DEFAULT)
        value = self.project.general[setting.name]
        if setting.check is not None:
            try:
                value = setting.check(value, setting.name)
            except SettingsError as error:
                raise within(self.project.origin, error) from None
        return Value(value, self.project.origin)

    @property
    def ignored(self) -> tuple[str, ...]:
        """Sentences about files that were found and are not used."""
        return (*self.project.ignored, *self.saved.ignored)


def read(environ: Environ) -> Sources:
    """Read each source once. Never raises: what cannot be read stands in `unreadable`."""
    unreadable: list[SettingsError] = []
    project, stored = Project(), Saved()
    try:
        project = project_file.project(environ, FILE_NAMES)
    except SettingsError as error:
        unreadable.append(error)
    try:
        if not project.entries or DESTINATIONS.variable(environ):
            stored = saved.read(environ)
    except SettingsError as error:
        unreadable.append(error)
    return Sources(environ=environ, project=project, saved=stored, unreadable=tuple(unreadable))
