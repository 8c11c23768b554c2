"""Cuts values that are too long for a destination: JSON stays valid, and a `<key>.truncated` mark says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from ..record.json import dumps, plain
from .span import Attributes, AttributeValue, Span

MARK = "[truncated]"
_ROUNDS = 24


def shorten(span: Span, limit: int) -> Span:
    """Return *span* with no text longer than *limit* characters in its attributes or in those of its events and links."""
    changes: dict[str, Any] = {}
    if _any_long(span.attributes, limit):
        changes["attributes"] = _shortened(span.attributes, limit)
    for name in ("events", "links"):
        holders = getattr(span, name)
        if any(_any_long(holder.attributes, limit) for holder in holders):
            changes[name] = tuple(replace(held, attributes=_shortened(held.attributes, limit)) for held in holders)
    return replace(span, **changes) if changes else span


def _any_long(attributes: Attributes, limit: int) -> bool:
    return any(_is_long(value, limit) for value in attributes.values())


def _is_long(value: AttributeValue, limit: int) -> bool:
    if isinstance(value, str):
        return len(value) > limit
    return isinstance(value, list) and any(isinstance(item, str) and len(item) > limit for item in value)


def _shortened(attributes: Attributes, limit: int) -> Attributes:
    short: dict[str, AttributeValue] = {}
    for key, value in attributes.items():
        if not _is_long(value, limit):
            short[key] = value
            continue
        if isinstance(value, list):
            short[key] = [cut(item, limit) if isinstance(item, str) else item for item in value]
        else:
            short[key] = cut(str(value), limit)
        short[f"{key}.truncated"] = True
    return short


def cut(text: str, limit: int) -> str:
    """Return *text* in at most *limit* characters: JSON is cut inside its values, other text in its middle."""
    if len(text) <= limit:
        return text
    if text[:1] in "{[":
        try:
            return _cut_json(plain(orjson.loads(text)), limit)  # plain: nested no deeper than Python can walk
        except ValueError:
            pass
    return _cut_text(text, limit)


def _cut_text(text: str, limit: int) -> str:
    room = limit - len(MARK)
    if room <= 0:
        return MARK[:limit]
    head = room - room // 3
    return text[:head] + MARK + text[len(text) - room // 3 :] if room >= 3 else text[:room] + MARK


def _cut_json(data: Any, limit: int) -> str:
    """Halve the longest text allowed until the whole fits; then leave out items; an empty value of its kind at last."""
    longest = limit
    for _ in range(_ROUNDS):
        text = dumps(_with_texts(data, longest))
        if len(text) <= limit:
            return text
        longest //= 2
    most = 64
    while most >= 1:
        text = dumps(_with_items(_with_texts(data, 64), most))
        if len(text) <= limit:
            return text
        most //= 2
    return ("[]" if isinstance(data, list) else "{}")[:limit]


def _with_texts(data: Any, longest: int) -> Any:
    if isinstance(data, str):
        return cut(data, longest) if len(data) > longest else data
    if isinstance(data, list):
        return [_with_texts(item, longest) for item in data]
    if isinstance(data, dict):
        return {key: _with_texts(item, longest) for key, item in data.items()}
    return data


def _with_items(data: Any, most: int) -> Any:
    """Keep the first and the newest items of long lists, the first keys of large objects."""
    if isinstance(data, list):
        kept = data if len(data) <= most else [*data[: (most + 1) // 2], *data[len(data) - most // 2 :]]
        return [_with_items(item, most) for item in kept]
    if isinstance(data, dict):
        return {key: _with_items(item, most) for key, item in list(data.items())[:most]}
    return data
