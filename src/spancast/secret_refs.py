"""Values that stand elsewhere: `env:NAME` in the environment, `keyring:NAME` in the system's keyring.

They are looked up when a destination is made. A header may hold one after its scheme: `Bearer env:COLLECTOR_TOKEN`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, Final

from .validation import SettingsError

SERVICE: Final = "spancast"  # what the keyring files our secrets under
_REFERENCE = re.compile(r"(?P<before>(?:[A-Za-z]+ )?)(?P<kind>env|keyring):(?P<name>\S*)")
_SHELL = re.compile(r"(?P<before>(?:[A-Za-z]+ )?)\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]{0,127})\}")
_VARIABLE = re.compile(r"(?:[A-Za-z_][A-Za-z0-9_]{0,127})?")


def is_reference(value: object) -> bool:
    """Return whether *value* says where a value stands, instead of being one."""
    return isinstance(value, str) and _REFERENCE.fullmatch(value) is not None


def resolved(value: Any, argument: str) -> Any:
    """Return *value*, or what it refers to.

    Raises:
        SettingsError: When nothing stands there; it names the argument and the place.
    """
    found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        if isinstance(value, str) and (variable := _SHELL.fullmatch(value)) is not None:
            raise SettingsError(
                f"{argument} is {value}, and only a shell would replace that: "
                f"write {variable['before']}env:{variable['name']}.",
                "E102",
            )
        return value
    read = _from_environment if found["kind"] == "env" else _from_keyring
    return found["before"] + read(found["name"], argument)


def resolved_values(values: Any, argument: str) -> Any:
    """Return a mapping with what each reference in it refers to in its place; anything else as it is."""
    if not isinstance(values, Mapping):
        return values
    return {name: resolved(value, f"{argument}[{name!r}]") for name, value in values.items()}


def _from_environment(name: str, argument: str) -> str:
    value = os.environ.get(name)
    if value is None and not _VARIABLE.fullmatch(name):
        raise SettingsError(
            f"{argument} begins with env: and what follows is no name of an environment variable: write env:NAME, or give "
            "the value itself without env:.",
            "E102",
        )
    if not value:
        state = "is not set" if value is None else "is empty"
        raise SettingsError(
            f"{argument} is env:{name}, and the environment variable {name or '(no name)'} {state}: "
            f"set {name or 'it'}, or give the value itself.",
            "E102",
        )
    return value


def _from_keyring(name: str, argument: str) -> str:
    keyring = _keyring(argument)
    try:
        value = keyring.get_password(SERVICE, name)
    except Exception as error:  # keyrings are foreign code, and often locked
        raise SettingsError(
            f"{argument} is keyring:{name}, and the keyring could not be read ({type(error).__name__}): "
            "unlock it, or use env:NAME instead.",
            "E102",
        ) from None
    if not value:
        raise SettingsError(
            f"{argument} is keyring:{name}, and the keyring holds nothing of that name: "
            f"save it with `keyring set {SERVICE} {name}`.",
            "E102",
        )
    return str(value)


def into_keyring(name: str, value: str) -> str:
    """Save *value* in the system's keyring and return the reference to it.

    Raises:
        SettingsError: When there is no keyring, or it refuses.
    """
    keyring = _keyring("the keyring")
    try:
        keyring.set_password(SERVICE, name, value)
    except Exception as error:  # keyrings are foreign code
        raise SettingsError(
            f"the keyring did not take {name} ({type(error).__name__}): use env:NAME instead.",
            "E102",
        ) from None
    return f"keyring:{name}"


def _keyring(argument: str) -> Any:
    try:
        import keyring
    except ImportError:
        raise SettingsError(
            f'{argument} needs the package keyring: pip install "spancast[keyring]", or use env:NAME.',
            "E102",
        ) from None
    return keyring
