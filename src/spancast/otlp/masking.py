"""Keeps the keys in our headers out of what a receiver's answer lets us say: some repeat the key that they refuse."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Mapping

MASK = "***"
_SHORTEST = 5  # characters; shorter values are words such as `4` or `otel`, and no keys


def hidden(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return every text that must not be repeated: the values, what follows a scheme, and what `Basic` encodes."""
    found: set[str] = set()
    for value in headers.values():
        scheme, _, rest = value.partition(" ")
        found.update((value, rest))
        if scheme.lower() == "basic":
            try:
                user, _, password = b64decode(rest).decode().partition(":")
                found.update((user, password))
            except ValueError:
                pass
    return tuple(sorted((text for text in found if len(text) >= _SHORTEST), key=len, reverse=True))


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return *text* without any of *secrets*."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text
