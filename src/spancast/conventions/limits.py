"""Cuts values that are too long for a destination: JSON stays valid, and a `<key>.truncated` mark says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import orjson

from ..record.json import dumps, plain
from .span import Attributes, AttributeValue, Span

MARK = "[truncated]"
_ROUNDS = 24
_MARK_BYTES = 64  # what the mark of one cut value needs
_SHORTEST = 32  # characters: values are not trimmed further, ids and names among them


def shorten(span: Span, limit: int) -> Span:
    """Return *span* with no text longer than *limit* characters in its attributes or in those of its events and links."""
    changes: dict[str, Any] = {}
    if _any_long(span.attributes, limit):
        changes["attributes"] = _shortened(span.attributes, limit)
    for name in ("events", "links") if span.events or span.links else ():
        holders = getattr(span, name)
        if any(_any_long(holder.attributes, limit) for holder in holders):
            changes[name] = tuple(replace(held, attributes=_shortened(held.attributes, limit)) for held in holders)
    return replace(span, **changes) if changes else span


def trim(span: Span, limit: int, size: Callable[[Span], int]) -> Span | None:
    """Return *span* with its longest values cut until its *size* is at most *limit*; None when that cannot be reached."""
    over = size(span) - limit
    if over <= 0:
        return span
    longest = _level(sorted(_lengths(span), reverse=True), over + _MARK_BYTES)
    while longest >= _SHORTEST:
        short = shorten(replace(span, status_message=cut(span.status_message, longest)), longest)
        if size(short) <= limit:
            return short
        longest = longest * 7 // 8  # JSON inside JSON is longer than its characters
    return None


def _level(lengths: list[int], over: int) -> int:
    """Return the length that the longest values have to be cut to, so that together they lose *over* characters."""
    lost = 0
    for count, length in enumerate(lengths, 1):
        following = lengths[count] if count < len(lengths) else 0
        lost += (length - following) * count
        if lost >= over:
            return following + (lost - over) // count
    return 0


def _lengths(span: Span) -> Iterator[int]:
    yield len(span.status_message)
    holders: list[Any] = [span, *span.events, *span.links]
    for holder in holders:
        for value in holder.attributes.values():
            for item in value if isinstance(value, list) else (value,):
                if isinstance(item, str):
                    yield len(item)


def _any_long(attributes: Attributes, limit: int) -> bool:
    for value in attributes.values():  # a loop: a third of the time of `any` with a generator
        if type(value) is str:
            if len(value) > limit:
                return True
        elif _is_long(value, limit):
            return True
    return False


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
