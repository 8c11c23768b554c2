"""Keeps spans within a destination's limits: long values are cut, and marks say which, and how long they were."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from ..record.json import dumps
from .cutting import cut
from .span import Attributes, AttributeValue, Span

SUMMARY: Final = "spancast.cut"  # JSON: {name of an attribute: characters it had before it was cut}
_MOST_NAMED: Final = 16  # attributes in the summary
_LONGEST_NAME: Final = 128
_SMALL_STEPS = 4
_MARK_BYTES = 128  # what the marks of one cut value need
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
    rounds = 0
    while longest >= _SHORTEST:
        short = shorten(replace(span, status_message=cut(span.status_message, longest)), longest)
        if size(short) <= limit:
            return short
        rounds += 1  # JSON inside JSON is longer than its characters
        longest = longest * 7 // 8 if rounds < _SMALL_STEPS else longest // 2
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
        for key, value in holder.attributes.items():
            if key == SUMMARY:
                continue
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


def original_lengths(attributes: Mapping[str, Any]) -> dict[str, int]:
    """Return how many characters each attribute had that was cut, as far as the summary names them."""
    try:
        read = json.loads(attributes.get(SUMMARY, "{}"))
    except (TypeError, ValueError):
        return {}
    return {name: count for name, count in read.items() if type(count) is int} if isinstance(read, dict) else {}


def length_of(value: AttributeValue) -> int:
    """Return how many characters the texts of a value have."""
    if isinstance(value, list):
        return sum(len(item) for item in value if isinstance(item, str))
    return len(value) if isinstance(value, str) else 0


def _is_long(value: AttributeValue, limit: int) -> bool:
    if isinstance(value, str):
        return len(value) > limit
    return isinstance(value, list) and any(isinstance(item, str) and len(item) > limit for item in value)


def _shortened(attributes: Attributes, limit: int) -> Attributes:
    short: dict[str, AttributeValue] = {}
    lengths = original_lengths(attributes)
    for key, value in attributes.items():
        if key == SUMMARY or not _is_long(value, limit):
            short[key] = value
            continue
        if isinstance(value, list):
            short[key] = [cut(item, limit) if isinstance(item, str) else item for item in value]
        else:
            short[key] = cut(str(value), limit)
        short[f"{key}.truncated"] = True
        if len(lengths) < _MOST_NAMED and len(key) <= _LONGEST_NAME:
            lengths.setdefault(key, length_of(value))
    while lengths and len(text := dumps(lengths)) > limit:
        lengths.popitem()
    if lengths:
        short[SUMMARY] = text
    return short
