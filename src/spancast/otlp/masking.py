"""Keeps our keys out of printed answers: some receivers repeat the key that they refuse, in one form or another."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

import orjson

from ..privacy.secrets import without_secrets

MASK = "***"
_SHORTEST = 5  # characters; shorter values are words such as `4` or `otel`, and no keys
_GO_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}  # as receivers written in Go write JSON
_WINDOW = 65_536  # characters of an answer that are looked at; a human reads a few hundred


def hidden(headers: Mapping[str, str], url: str = "") -> tuple[str, ...]:
    """Return every text that must not be repeated, the longest first.

    The values of headers, what follows a scheme, what `Basic` encodes, and the values of a URL's query; each as it is,
    URL-encoded, escaped as in JSON and HTML, and in base64.
    """
    forms = {form for secret in _secrets(headers, url) if len(secret) >= _SHORTEST for form in _forms(secret)}
    return tuple(sorted((form for form in forms if len(form) >= _SHORTEST), key=len, reverse=True))


def _secrets(headers: Mapping[str, str], url: str) -> Iterator[str]:
    for value in headers.values():
        scheme, _, rest = value.partition(" ")
        yield from (value, rest)
        if scheme.lower() == "basic":
            try:
                user, _, password = b64decode(rest).decode().partition(":")
                yield from (user, password)
            except ValueError:
                pass
    parts = urlsplit(url)
    yield from (value for _, value in parse_qsl(parts.query, keep_blank_values=True))
    yield from (piece.partition("=")[2] or piece for piece in re.split("[&;]", parts.query))
    yield unquote(parts.fragment)


def _forms(secret: str) -> Iterator[str]:
    yield from (secret, quote(secret), quote(secret, safe=""), quote_plus(secret), escape(secret))
    as_json = orjson.dumps(secret.encode("utf-8", "replace").decode()).decode()[1:-1]
    yield from (as_json, as_json.replace("/", "\\/"), "".join([_GO_ESCAPES.get(char, char) for char in as_json]))
    yield secret.encode("unicode_escape").decode()
    raw = secret.encode("utf-8", "replace")
    yield raw.hex()
    for before in range(3):  # where it begins inside a longer text decides how it looks in base64
        encoded = b64encode(b"\0" * before + raw).decode()
        stable = encoded[(0, 2, 3)[before] : len(encoded.rstrip("=")) - (1 if encoded.endswith("=") else 0)]
        yield stable
        yield stable.replace("+", "-").replace("/", "_")


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return *text* without any of *secrets*, in upper or lower case."""
    forms = [re.escape(secret) for secret in secrets if secret]
    return re.sub("|".join(forms), MASK, text, flags=re.IGNORECASE) if forms else text


def words(text: str | bytes, secrets: Iterable[str], most: int) -> str:
    """Return a receiver's words as one printable line of at most *most* characters, without *secrets*.

    Nor with what looks like a key of anybody: a gateway may speak of its own. Masked first and cut then: a key across the
    cut would be shown but for its end.
    """
    secrets = tuple(secrets)
    if isinstance(text, bytes):
        text = text[: _WINDOW * 4].decode("utf-8", "replace")
    if len(text) > _WINDOW:  # what is cut here may have cut a secret: its beginning goes as well
        text = text[: max(0, _WINDOW - max(map(len, secrets), default=0))]
    line = "".join(char if char.isprintable() else " " for char in without_secrets(masked(text, secrets)))
    line = " ".join(line.split())
    return line if len(line) <= most else f"{line[:most]}..."
