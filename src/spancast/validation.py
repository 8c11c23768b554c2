"""Checks settings: an error is one sentence with the value, the reason and the fix, and carries its code."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from functools import partial
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction, isroutine
from typing import Any
from urllib.parse import SplitResult, urlsplit

import orjson

from .key_forms import without_keys

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
MIN_SAMPLING_RATE = 0.0001  # OpenRouter's own bound, in its API's schema
PROTOCOL_NAMES = ("http/json", "http/protobuf")


class SettingsError(ValueError):
    """A setting cannot be used. The message names the argument or variable, the reason, and what would be right.

    Attributes:
        code: Of what is wrong, for `spancast explain`; see `diagnostics.error_codes`.
    """

    def __init__(self, message: str, code: str = "E100") -> None:
        """Keep the sentence, printable and of bounded length whatever values it quotes, and its code."""
        super().__init__(_printable(message))
        self.code = code


_MAX_SENTENCE = 2000  # characters


def _printable(message: str) -> str:
    """Return a sentence without keys, without what a terminal would obey, and without the middle of an endless one."""
    message = without_keys(message)
    if len(message) > _MAX_SENTENCE:
        message = f"{message[: _MAX_SENTENCE // 2]} ... {message[-_MAX_SENTENCE // 2 :]}"
    if message.isprintable():
        return message
    return "".join([char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in message])


def within(place: str, error: SettingsError) -> SettingsError:
    """Return the same error, with the *place* where the setting stands before its sentence."""
    return SettingsError(f"{place}: {error}", error.code)


def url(value: object, argument: str, *, grpc: bool = False) -> str:
    """Return *value* when it is an HTTP(S) URL that can be posted to."""
    if not isinstance(value, str) or not value.strip():
        raise SettingsError(
            f"{argument} is {_shown(value)}: give the URL that takes traces, for example {_EXAMPLE}.",
            "E101" if value is None else "E100",
        )
    if _has_credentials(value):  # first: no other message may show them
        raise SettingsError(f"{argument} has a user name or password inside the URL: put it into headers instead.")
    shown = _shown_url(value)
    if re.search(r"\s", value):
        raise SettingsError(f"{argument}={shown!r} has white space in it: remove it.", "E105")
    if not value.isprintable():  # NUL, or half a character of an environment that is not UTF-8
        raise SettingsError(f"{argument}={shown!r} has a character that no URL can have: write it anew.", "E105")
    if value[0] in "\"'" or value[-1] in "\"'":  # Docker's and systemd's files of variables keep them
        raise SettingsError(f"{argument}={shown!r} has quotes around it: remove them.", "E105")
    parts = _parts(value, argument)
    if "://" not in value:
        raise SettingsError(
            f"{argument}={shown!r} has no scheme: write https://{shown} (or http:// without TLS).", "E104"
        )
    if parts.scheme not in ("http", "https"):
        raise SettingsError(
            f"{argument}={shown!r} has the scheme {parts.scheme!r}: spancast sends OTLP over HTTP, use http:// or https://."
        )
    if not parts.hostname:
        raise SettingsError(f"{argument}={shown!r} names no host: write it like {_EXAMPLE}.", "E104")
    if _port(parts, argument) == 4317 and not grpc:
        raise SettingsError(
            f"{argument}={shown!r} is the gRPC port 4317: spancast sends OTLP over HTTP, "
            f"which listens on port 4318, usually at http://{parts.hostname}:4318/v1/traces.",
            "E103",
        )
    return value


_EXAMPLE = "https://collector.example.com:4318/v1/traces"


def _has_credentials(value: str) -> bool:
    authority = re.split(r"[/?#]", value.partition("://")[2] if "://" in value else value, maxsplit=1)[0]
    return "@" in authority


def _shown_url(value: str) -> str:
    """Return the URL as an error may show it: without its query, where a key could hide, and not endless."""
    plain = re.split(r"[?#]", value, maxsplit=1)[0]
    return plain if len(plain) <= 100 else f"{plain[:100]}..."


def _parts(value: str, argument: str) -> SplitResult:
    try:
        return urlsplit(value if "://" in value else f"//{value}")
    except ValueError:  # brackets that are no IPv6 address
        raise SettingsError(f"{argument}={_shown_url(value)!r} is no URL: write it like {_EXAMPLE}.") from None


def _port(parts: SplitResult, argument: str) -> int | None:
    try:
        return parts.port
    except ValueError:
        shown = _shown_url(parts.geturl())
        raise SettingsError(
            f"{argument}={shown!r} has a port that is no number from 1 to 65535: write it like {_EXAMPLE}."
        ) from None


def headers(value: object, argument: str = "headers") -> Mapping[str, str] | Callable[[], Mapping[str, str]]:
    """Return *value* as headers: a mapping, a JSON object as text (OpenRouter's form), or a callable that returns one."""
    if value is None:
        return {}
    if callable(value):
        return value
    return header_mapping(_json_headers(value, argument) if isinstance(value, str) else value, argument)


def header_mapping(value: object, argument: str) -> Mapping[str, str]:
    """Return *value* when it is a mapping of header names to values that HTTP can carry."""
    if not isinstance(value, Mapping):
        raise SettingsError(
            f"{argument} is {_shown(value)}: give a mapping such as {{'Authorization': 'Bearer ...'}}, "
            "the same as JSON text, or a callable that returns one."
        )
    return {_header_name(name, argument): _header_value(name, text, argument) for name, text in value.items()}


def _json_headers(value: str, argument: str) -> object:
    try:
        loaded = orjson.loads(value)
    except ValueError:
        loaded = None
    if not isinstance(loaded, Mapping):
        raise SettingsError(f'{argument} is text but no JSON object: write it like {{"Authorization": "Bearer ..."}}.')
    return loaded


def _header_name(name: object, argument: str) -> str:
    if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
        raise SettingsError(
            f"{argument} has the name {_shown_name(name)}: header names are letters, digits and dashes, no spaces."
        )
    return name


def _shown_name(name: object) -> str:
    """Return a header's name as an error may show it: what follows a blank or a colon may be the key itself."""
    if not isinstance(name, str):
        return _shown(name)
    word = re.split(r"[\s:=]", name, maxsplit=1)[0]
    if word == name or re.fullmatch("[A-Za-z -]+", name):
        return _shown(name)
    return f"{word!r}..." if re.fullmatch(r"[A-Za-z-]{1,40}", word) else f"a text of {len(name)} characters"


def _header_value(name: object, value: object, argument: str) -> str:
    if not isinstance(value, str):
        raise SettingsError(f"{argument}[{name!r}] is {_shown(value)}: header values are text.")
    if "\n" in value or "\r" in value:
        raise SettingsError(
            f"{argument}[{name!r}] has a line break in it: often a key copied with its newline; strip it.",
            "E105",
        )
    if not _is_sendable(value):
        raise SettingsError(f"{argument}[{name!r}] has characters that HTTP headers cannot carry: use plain ASCII.")
    return value


def _is_sendable(value: str) -> bool:
    return value.isascii() and value.isprintable()


def secret(value: object, argument: str, where: str) -> str:
    """Return *value* when it can be a key or token; *where* says where a user finds the right one."""
    if value is None or value == "":
        raise SettingsError(f"{argument} is missing: {where}.", "E101")
    if not isinstance(value, str):
        raise SettingsError(f"{argument} is {_shown(value)}: it is text; {where}.")
    scheme, _, rest = value.strip().partition(" ")
    if rest and scheme.lower() in ("bearer", "basic", "apikey"):
        raise SettingsError(
            f"{argument} begins with {scheme!r}: give the key alone, the preset writes what goes before.",
            "E105",
        )
    if re.search(r"\s", value):
        raise SettingsError(f"{argument} has white space in it, which no key has: copy it again; {where}.", "E105")
    if not _is_sendable(value):
        raise SettingsError(f"{argument} has characters that HTTP headers cannot carry: keys are plain ASCII; {where}.")
    return value


def text(value: object, argument: str, example: str) -> str:
    """Return *value* when it is text with something in it."""
    if not isinstance(value, str) or not value.strip():
        raise SettingsError(f"{argument} is {_shown(value)}: it is text such as {example!r}.")
    return value


def name(value: object, argument: str = "name") -> str:
    """Return *value* when it is a name for reports and logs: some printable text on one line, not endless."""
    found = text(value, argument, "collector")
    if len(found) > _MAX_NAME or not found.isprintable():
        raise SettingsError(
            f"{argument}={found[:40]!r} is no name for reports: give at most {_MAX_NAME} printable characters on one line."
        )
    return found


_MAX_NAME = 200


def flag(value: object, argument: str) -> bool:
    """Return *value* when it is True or False. Text is refused: `"false"` would count as true."""
    if not isinstance(value, bool):
        raise SettingsError(f"{argument} is {_shown(value)}: it is True or False.")
    return value


def sampling_rate(value: object, argument: str = "sampling_rate") -> float:
    """Return *value* when it is a share from 0.0001 to 1."""
    number = _number(value, argument, "a share from 0.0001 to 1 (1 sends every trace)")
    if not MIN_SAMPLING_RATE <= number <= 1:
        fix = "write 10 % as 0.1" if number > 1 else "to send nothing, leave the destination out"
        raise SettingsError(f"{argument}={value!r} is not between 0.0001 and 1 (1 sends every trace): {fix}.")
    return number


def seconds(value: object, argument: str = "timeout") -> float:
    """Return *value* when it is a time above 0, in seconds."""
    number = _number(value, argument, "a number of seconds such as 10")
    if not 0 < number <= 3600:
        raise SettingsError(f"{argument}={value!r} is not between 0 and 3600: give seconds, such as 10.")
    return number


def threshold(value: object, argument: str, unit: str) -> float | None:
    """Return *value* when it is a number of *unit* from 0; None stays None."""
    if value is None:
        return None
    number = _number(value, argument, f"a number of {unit} such as 10")
    if not 0 <= number < float("inf"):
        raise SettingsError(f"{argument}={value!r} is below 0 or endless: give a number of {unit}, such as 10.")
    return number


def predicate(value: object, argument: str) -> Any:
    """Return *value* when it can be called; None stays None."""
    if value is not None and not callable(value):
        raise SettingsError(f"{argument} is {_shown(value)}: it is a function of a finished trace's summary.")
    _refuse_async(value, argument)
    return value


def _refuse_async(value: object, argument: str) -> None:
    """Refuse a function that returns a coroutine or a generator: nobody would run it."""
    while type(value) is partial:
        value = value.func
    called = value if isroutine(value) else getattr(type(value), "__call__", None)  # noqa: B004  (of the class)
    if iscoroutinefunction(called) or isgeneratorfunction(called) or isasyncgenfunction(called):
        raise SettingsError(
            f"{argument} is an async function or a generator: it is called in a thread without an event loop, so make "
            "it a plain function that returns its answer."
        )


def size(value: object, argument: str = "max_request_bytes") -> int:
    """Return *value* when it is a size of at least 1,000 bytes."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1000:
        raise SettingsError(
            f"{argument}={_shown(value)}: give a whole number of bytes, at least 1000, such as 4_000_000."
        )
    return value


def length(value: object, argument: str) -> int:
    """Return *value* when it is a length of at least 1 character."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise SettingsError(f"{argument}={_shown(value)}: give a whole number of characters, such as 2000.")
    return value


def _number(value: object, argument: str, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        raise SettingsError(f"{argument} is {_shown(value)}: it is {what}.")
    return float(value)


def choice(value: object, argument: str, allowed: tuple[str, ...]) -> str:
    """Return *value* when it is one of *allowed*."""
    if value not in allowed:
        names = " or ".join(repr(name) for name in allowed)
        hint = (
            " Only destinations.otlp() takes 'grpc'; most receivers of gRPC have an HTTP port beside it."
            if value == "grpc"
            else ""
        )
        raise SettingsError(f"{argument}={_shown(value)} is not known: use {names}.{hint}")
    return str(value)


def function(value: object, argument: str) -> Any:
    """Return *value* when it can be called."""
    if value is not None and not callable(value):
        raise SettingsError(f"{argument} is {_shown(value)}: it is a function that takes a text and returns a text.")
    _refuse_async(value, argument)
    return value


def existing_file(value: object, argument: str) -> str | None:
    """Return *value* when it is the path of a file that is there; None stays None."""
    if value is None:
        return None
    if not isinstance(value, (str, os.PathLike)):
        raise SettingsError(f"{argument} is {_shown(value)}: give the path of a PEM file.")
    path = os.fspath(value)
    if not os.path.isfile(path):
        raise SettingsError(f"{argument}={path!r} is no file: give the path of a PEM file.")
    return str(path)


def attributes(value: object, argument: str = "resource") -> Mapping[str, Any]:
    """Return *value* when it is a mapping of attribute names to values."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) and key for key in value):
        raise SettingsError(
            f"{argument} is {_shown(value)}: give a mapping such as {{'deployment.environment': 'prod'}}."
        )
    return dict(value)


def _shown(value: object) -> str:
    """Return *value* as an error may show it: long text and foreign objects could hold secrets or be endless."""
    if value is None:
        return "missing"
    if isinstance(value, str):
        return repr(value) if len(value) <= 40 else f"a text of {len(value)} characters"
    if isinstance(value, (bool, int, float)):
        return repr(value)
    return f"a {type(value).__name__}"
