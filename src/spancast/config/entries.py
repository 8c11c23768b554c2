"""Entry: a destination as a file or the environment describes it, and how it is made."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from .. import redact
from ..destinations.destination import Destination
from ..destinations.registry import LOCAL, PRESETS
from ..record.fast_frozen import frozen
from ..validation import SettingsError, within

ENVIRONMENT = "environment"  # the origins of entries that no file holds: their sentences need no place
COMMAND_LINE = "command line"


@frozen(kw_only=True)
class Entry:
    """A destination as a file describes it.

    Attributes:
        preset: The preset's name.
        arguments: Its arguments and the common keywords, as they stand there.
        origin: The file, for people.
    """

    preset: str
    arguments: Mapping[str, Any] = field(repr=False)
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
        place = f"{self.origin}, destination {self.name!r}"
        try:
            made: Destination = maker(self.preset)(**with_redactor(arguments))
            return made
        except SettingsError as error:
            if self.origin in (ENVIRONMENT, COMMAND_LINE):
                raise
            raise within(place, error) from None
        except Exception as error:  # values of a file may be of any type, and must not end the application
            sentence = f"an argument cannot be used ({type(error).__name__}): compare them with {self.preset}'s page."
            raise SettingsError(f"{place}: {sentence}") from None


def maker(preset: str) -> Any:
    """Return the function that makes destinations of *preset*.

    Raises:
        SettingsError: When there is none of that name.
    """
    if preset in LOCAL:
        return LOCAL[preset]
    if preset not in PRESETS:
        names = [*PRESETS, *LOCAL]
        near = difflib.get_close_matches(preset, names, n=1)
        hint = f"did you mean {near[0]!r}? There are" if near else "use one of"
        raise SettingsError(f"preset={preset!r} is not known: {hint} {', '.join(names)}.", "E116")
    return PRESETS[preset].make


def with_redactor(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return *arguments* with the built-in redactor in the place of its name."""
    name = arguments.get("redact")
    if isinstance(name, str):
        if name not in redact.BUILT_IN:
            raise SettingsError(
                f"redact={name!r} is not known: a file may name {' or '.join(redact.BUILT_IN)}.", "E116"
            )
        arguments["redact"] = redact.BUILT_IN[name]
    return arguments


def entry_of(item: Mapping[str, Any], place: str, origin: str) -> Entry:
    """Return the entry of a file's table; *place* is where it stands, for errors.

    Raises:
        SettingsError: When it names no preset.
    """
    arguments = dict(item)
    preset = arguments.pop("preset", None)
    if not isinstance(preset, str):
        raise SettingsError(
            f'{place}: preset is missing: write preset = "otlp" or another of {", ".join(PRESETS)}.', "E101"
        )
    return Entry(preset=preset, arguments=arguments, origin=origin)
