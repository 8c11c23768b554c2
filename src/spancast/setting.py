"""Setting: one row of the table of settings, with the only function that reads its text; and what such texts may be."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from . import secret_refs, validation
from .validation import SettingsError

Environ = Mapping[str, str]
MASK = "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting.

    Attributes:
        name: What files call it; empty for what only the environment can set.
        variables: The environment's variables for it; the first that is set counts.
        meaning: In a sentence.
        default: For people.
        parse: Makes a value of a variable's text; it gets the variable's name for its errors.
        check: Validates a file's value.
        secret: Its value is never shown.
        keeps_empty: An empty variable is a value of its own; else it counts as not set.
        unread: The variable exists in OpenTelemetry and has no effect here; *meaning* says what to use instead.
    """

    name: str = ""
    variables: tuple[str, ...] = ()
    meaning: str
    default: str = ""
    parse: Callable[[str, str], Any]
    check: Callable[[Any, str], Any] | None = None
    secret: bool = False
    keeps_empty: bool = False
    unread: bool = False

    @property
    def key(self) -> str:
        """What it is called where all settings are listed."""
        return self.name or self.variables[0]

    def variable(self, environ: Environ) -> str | None:
        """Return the variable that counts; None when none is set."""
        for variable in self.variables:
            text = environ.get(variable)
            if text is not None and (text.strip() or self.keeps_empty):
                return variable
        return None

    def of_environment(self, environ: Environ) -> tuple[Any, str] | None:
        """Return the value and the variable that it comes from; None when none is set.

        Raises:
            SettingsError: Naming the variable.
        """
        variable = self.variable(environ)
        if variable is None:
            return None
        return self.parse(environ[variable].strip(), variable), variable

    def shown(self, text: str) -> str:
        """Return a value's text as it may be printed: no secret, no password or key inside a URL."""
        if self.secret:
            return text if not text or secret_refs.is_reference(text) else MASK
        return masked_url(text)


def masked_url(text: str) -> str:
    """Return *text* without the user name, the password and the values of the query that a URL may hold."""
    if "://" not in text and "?" not in text and "@" not in text:
        return text
    bare = "://" not in text  # `user:password@host` would be read as a scheme
    try:
        parts = urlsplit(f"//{text}" if bare else text)
    except ValueError:
        return MASK
    netloc = f"{MASK}@{parts.netloc.rpartition('@')[2]}" if "@" in parts.netloc else parts.netloc
    query = re.sub(r"(^|[&;])([^=&;]*)(=?)[^&;]*", _masked_pair, parts.query)
    masked = parts._replace(netloc=netloc, query=query, fragment=MASK if parts.fragment else "")
    return masked.geturl().removeprefix("//") if bare else masked.geturl()


def _masked_pair(pair: re.Match[str]) -> str:
    if not pair[0]:
        return ""
    return f"{pair[1]}{pair[2]}={MASK}" if pair[3] else f"{pair[1]}{MASK}"


# ---------------------------------------------------------------- texts
_TRUE, _FALSE = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off", ""})


def text(value: str, variable: str) -> str:
    """Return the text."""
    return value


def flag(value: str, variable: str) -> bool:
    """Return true or false."""
    word = value.lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise SettingsError(f"{variable}={value!r} is neither true nor false: write true or false.")


def number(value: str, variable: str) -> float:
    """Return a finite number."""
    try:
        found = float(value)
    except ValueError:
        found = float("nan")
    if not abs(found) < float("inf"):
        raise SettingsError(f"{variable}={shortened(value)!r} is no number: write one, such as 0.1.")
    return found


def rate(value: str, variable: str) -> float:
    """Return a share from 0.0001 to 1."""
    return validation.sampling_rate(number(value, variable), variable)


def size(value: str, variable: str) -> int:
    """Return a size in bytes."""
    return validation.size(int(number(value, variable)), variable)


def count(value: str, variable: str) -> int:
    """Return a whole number from 0."""
    if not re.fullmatch(r"\d{1,9}", value):
        raise SettingsError(f"{variable}={shortened(value)!r} is no whole number from 0: write one, such as 128.")
    return int(value)


def folder(value: str, variable: str) -> Path | None:
    """Return a folder; None for an empty text."""
    return expanded(value, variable) if value else None


def expanded(value: str, variable: str) -> Path:
    """Return a path with `~` in its beginning resolved."""
    path = os.path.expanduser(value)
    if path.startswith("~"):
        raise SettingsError(
            f"{variable}={shortened(value)!r} names the home of a user who is not there: write the path itself."
        )
    if "\0" in path:
        raise SettingsError(f"{variable} has a NUL character in it: write a path.")
    if len(path) > 4000 or any(len(os.fsencode(part)) > 255 for part in path.split(os.sep)):
        raise SettingsError(f"{variable}={shortened(value)!r} is longer than a path can be: write a shorter one.")
    return Path(path)


def names(value: str, variable: str) -> tuple[str, ...]:
    """Return the parts of a list with commas."""
    return tuple(item.strip() for item in value.split(",") if item.strip())


def one_of(*allowed: str) -> Callable[[str, str], str]:
    """Return a parser of an enumeration, in any case of its letters."""

    def parse(value: str, variable: str) -> str:
        return validation.choice(value.lower(), variable, allowed)

    return parse


def shortened(value: str) -> str:
    """Return the beginning of a long text, for an error."""
    return value if len(value) <= 40 else f"{value[:40]}..."
