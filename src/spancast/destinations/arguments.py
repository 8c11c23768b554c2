"""What a preset was called with: an argument, else an environment variable; references resolved, values checked."""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import urlsplit

from .. import secret_refs, validation
from ..validation import SettingsError

LOCAL_RECEIVER = "http://localhost:4318/v1/traces"  # where a collector, Jaeger and Tempo listen by default


def argument_or_env(value: object, argument: str, *variables: str) -> Any:
    """Return the argument, else the first of the environment's *variables* that is set."""
    if value is not None:
        return secret_refs.resolved(value, argument)
    return next((os.environ[name] for name in variables if os.environ.get(name)), None)


def one_of_two_names(name: str, value: str | None, other_name: str, other: str | None) -> str | None:
    """Return the one of two arguments that mean the same."""
    if value is not None and other is not None and value != other:
        raise SettingsError(f"{name} and {other_name} mean the same and differ: give one of them.")
    return value if value is not None else other


def required_secret(value: object, argument: str, where: str, *variables: str) -> str:
    """Return a key or token; *where* says where users find it."""
    passed = f"; pass {argument}= or set {variables[0]}" if variables else ""
    return validation.secret(argument_or_env(value, argument, *variables), argument, where + passed)


def required_text(value: object, argument: str, example: str, where: str, *variables: str) -> str:
    """Return a text that the backend cannot do without; it goes into a header or an attribute, so it is one line."""
    found = argument_or_env(value, argument, *variables)
    if found is None or found == "":
        passed = f" or set {variables[0]}" if variables else ""
        raise SettingsError(f"{argument} is missing: {where}; pass {argument}={example!r}{passed}.", "E101")
    return single_line(found, argument, example)


def single_line(value: object, argument: str, example: str) -> str:
    """Return a text that a header can carry, without white space around it."""
    line = validation.text(value, argument, example)
    if line != line.strip() or not line.isprintable():
        raise SettingsError(
            f"{argument} has white space around it or a line break in it: write it like {example!r}.", "E105"
        )
    return line


def choice_of(value: object, argument: str, choices: dict[str, str]) -> str:
    """Return what *choices* has for a name."""
    found = choices.get(str(value).lower())
    if found is None:
        raise SettingsError(f"{argument}={value!r} is not known: use {' or '.join(map(repr, choices))}.")
    return found


def traces_url(
    base: object, argument: str, path: str = "/v1/traces", *, wrong_ports: dict[int, str] | None = None
) -> str:
    """Return the URL that takes traces: a host, a part of *path* and all of it end at *path*.

    *wrong_ports*: ports of the same backend that do something else, and what.
    """
    parts = urlsplit(validation.url(secret_refs.resolved(base, argument), argument))
    port = parts.port
    if wrong_ports and port in wrong_ports:
        raise SettingsError(
            f"{argument} has the port {port}, which is {wrong_ports[port]}: traces go to port 4318, "
            f"usually {parts.scheme}://{parts.hostname}:4318{path}."
        )
    path_of_base = parts.path.rstrip("/")
    ending = path
    while ending and not path_of_base.endswith(ending):
        ending = ending.rpartition("/")[0]
    path_of_base = path_of_base[: -len(ending)] if ending else path_of_base
    return parts._replace(path=path_of_base + path).geturl()


def without_path(url: str, path: str) -> str:
    """Return the address beneath which an API has *path*, of a URL that ends with it; a query goes."""
    return urlsplit(url)._replace(query="", fragment="").geturl().removesuffix(path)


def host_part(value: object, argument: str, example: str) -> str:
    """Return a piece of a host name, such as a region or a site."""
    text = single_line(value, argument, example)
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", text):
        raise SettingsError(
            f"{argument}={text!r} is no part of a host name: write it like {example!r}, without https://."
        )
    return text.lower()
