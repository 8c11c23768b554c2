"""Shortens one value: JSON stays valid, the time is linear in the value, and a budget bounds what is looked at.

JSON of usual size is read once. Each part gets its length, from the leaves up; then, from the root down, every container
shares what it may use among its parts: short ones stay whole, long ones are cut to one common length. JSON of very many
parts is not read: its beginning is scanned and closed. Text inside JSON that is itself JSON is cut in the same way, under
the same budget, so that its nesting costs nothing more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import orjson

from ..record.json import dumps

MARK = "[truncated]"

MAX_PARTS = 20_000
"""Values that are looked at in one text with all JSON inside it: 10 to 20 ms."""
_MAX_READ = 16_000_000  # characters that are read as JSON, in all, for one value
_MAX_TOKENS = 50_000  # of the beginning of a JSON text that is scanned
_MAX_DEPTH = 64
_SOME = 64  # characters of a part below which it is not worth to cut it further
_LEAST = 64  # characters below which JSON inside JSON is cut as text


def cut(text: str, limit: int) -> str:
    """Return *text* in at most *limit* characters: JSON is cut inside its values, other text in its middle."""
    if len(text) <= limit:
        return text
    return _Budget(len(text)).cut(text, limit)


def cut_text(text: str, limit: int) -> str:
    """Return the beginning and the end of *text*, with a mark between them, in at most *limit* characters."""
    if len(text) <= limit:
        return text
    room = limit - len(MARK)
    if room < len(MARK):  # the mark would be most of it: the `.truncated` attribute says what happened
        return text[: max(limit, 0)]
    head = room - room // 3
    return text[:head] + MARK + text[len(text) - room // 3 :] if room >= 3 else text[:room] + MARK


class _TooManyParts(Exception):  # noqa: N818
    """A value has more parts than may be looked at."""


class _Part:
    """A value and the length of its JSON; of a container also its parts, in order."""

    __slots__ = ("keys", "length", "parts", "value")

    def __init__(self, value: Any, length: int, keys: Sequence[str] = (), parts: Sequence[_Part] = ()) -> None:
        self.value = value
        self.length = length
        self.keys = keys
        self.parts = parts


class _Budget:
    """What may still be looked at of one value, and of all JSON inside it."""

    __slots__ = ("characters", "parts")

    def __init__(self, length: int) -> None:
        self.parts = MAX_PARTS
        self.characters = min(4 * length, _MAX_READ)

    def cut(self, text: str, limit: int) -> str:
        """Return *text*, which is too long, in at most *limit* characters."""
        if text[:1] in ("{", "["):
            short = self._cut_json(text, limit)
            if short is not None:
                return short
        return cut_text(text, limit)

    def _cut_json(self, text: str, limit: int) -> str | None:
        """Return JSON within *limit* characters; None where *text* is no JSON."""
        if limit < 2:
            return None
        if len(text) <= self.characters and self._looks_small(text):
            self.characters -= len(text)
            try:
                return dumps(self._fitted(self._measured(orjson.loads(text), _MAX_DEPTH), limit))
            except orjson.JSONDecodeError:
                return None
            except _TooManyParts:
                pass
        return beginning(text, limit)

    def _looks_small(self, text: str) -> bool:
        """Return whether a text may be read as JSON: short, or with few parts for its length."""
        return len(text) <= 60_000 or text.count(",") + text.count("[") + text.count("{") <= self.parts

    # ------------------------------------------------------------------ from the leaves up
    def _measured(self, value: Any, depth: int) -> _Part:
        self.parts -= 1
        if self.parts < 0:
            raise _TooManyParts
        kind = type(value)
        if kind is str:
            return _Part(value, _written(value))
        if kind is list:
            if not depth:
                return _Part("<list>", 8)
            parts = [self._measured(item, depth - 1) for item in value]
            return _Part(value, 2 + sum([part.length for part in parts]) + max(len(parts) - 1, 0), (), parts)
        if kind is dict:
            if not depth:
                return _Part("<dict>", 8)
            keys = list(value)
            parts = [self._measured(item, depth - 1) for item in value.values()]
            length = 2 + sum([part.length for part in parts]) + sum(map(_written, keys)) + 2 * len(keys)
            return _Part(value, length - (1 if keys else 0), keys, parts)
        return _Part(value, len(orjson.dumps(value)))

    # ------------------------------------------------------------------ from the root down
    def _fitted(self, part: _Part, limit: int) -> Any:
        """Return a value whose JSON has at most *limit* characters, which are at least 2."""
        value = part.value
        if type(value) is str:
            return value if part.length <= limit else self._fitted_text(value, part.length, limit)
        if not part.parts:
            return value
        # 64 levels deep or more stands a placeholder, so that a value is made anew even where it is short enough
        costs = [_written(key) + 2 for key in part.keys] if part.keys else [1] * len(part.parts)
        least = [
            cost + (min(inner.length, _SOME, max(limit // 2, 2)) if _can_shrink(inner) else inner.length)
            for cost, inner in zip(costs, part.parts)
        ]
        chosen = _chosen(least, limit - 1, both_ends=not part.keys)  # 2 brackets, and a comma less than parts
        room = limit - 1 - sum([costs[index] for index in chosen])
        level = _level([part.parts[index] for index in chosen], room)
        fitted = [self._fitted(inner, min(inner.length, level)) for inner in (part.parts[index] for index in chosen)]
        return {part.keys[index]: item for index, item in zip(chosen, fitted)} if part.keys else fitted

    def _fitted_text(self, text: str, length: int, limit: int) -> str:
        """Return a text that is *length* characters long in JSON in at most *limit* of them."""
        room = limit - 2
        share = room * len(text) // length  # what is escaped is longer in JSON
        if share >= _LEAST and text[:1] in ("{", "["):
            for allowed in (share, share * 3 // 4):
                short = self._cut_json(text, allowed)
                if short is None:
                    break
                if _written(short) <= limit:
                    return short
        for allowed in (share, share * 3 // 4, share // 2, room // 6):
            short = cut_text(text, allowed)
            if _written(short) <= limit:
                return short
        return ""


def _can_shrink(part: _Part) -> bool:
    return bool(part.parts) or type(part.value) is str


def _written(text: str) -> int:
    """Return how many characters a text has in JSON, its quotes included."""
    written = orjson.dumps(text)
    return len(written) if text.isascii() else len(written.decode())


def _chosen(costs: list[int], room: int, *, both_ends: bool) -> list[int]:
    """Return which parts stay, as they cost at least *costs*: all, or the first and the newest, or the first that fit."""
    if sum(costs) <= room:
        return list(range(len(costs)))
    front: list[int] = []
    share = room // 3 if both_ends else room
    for index, cost in enumerate(costs):
        if cost > share:
            if both_ends:
                break
            continue
        front.append(index)
        share -= cost
        room -= cost
    back: list[int] = []
    for index in range(len(costs) - 1, front[-1] if front else -1, -1) if both_ends else ():
        if costs[index] > room:
            break
        back.append(index)
        room -= costs[index]
    return [*front, *reversed(back)]


def _level(parts: list[_Part], room: int) -> int:
    """Return the length that long parts are cut to, so that all together have *room*; numbers are not cut."""
    room -= sum([part.length for part in parts if not _can_shrink(part)])
    lengths = sorted([part.length for part in parts if _can_shrink(part)])
    for index, length in enumerate(lengths):
        rest = len(lengths) - index
        if length * rest > room:
            return max(room // rest, 2)
        room -= length
    return max(lengths, default=2)


# ---------------------------------------------------------------- the beginning of JSON that is not read
# A text, something that opens, closes or separates; a quote alone is a text that does not end here.
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{},]|"', re.DOTALL)
# The inside of a text. No alternatives in the group: after those, Python before 3.11.5 takes half an escape as well.
_WHOLE = re.compile(r"[^\"\\\x00-\x1f]*+(?:\\[^\x00-\x1f][^\"\\\x00-\x1f]*+)*+")
_CLOSES = {"[": "]", "{": "}"}


def beginning(text: str, limit: int) -> str | None:
    """Return the beginning of a JSON text, closed, within *limit* characters; None where it is no JSON.

    Looks at no more than *limit* characters and a bounded number of tokens.
    """
    open_now: tuple[str, Any, int] | None = None  # what closes the innermost container, the one around it, how many
    safe: tuple[int, tuple[str, Any, int] | None] = (0, None)
    for count, token in enumerate(_TOKEN.finditer(text, 0, limit)):
        place, found = token.start(), token[0]
        depth = open_now[2] if open_now else 0
        if count > _MAX_TOKENS or place + depth + 2 > limit:
            break
        if found in ("[", "{"):
            open_now = (_CLOSES[found], open_now, depth + 1)
            safe = (place + 1, open_now)
        elif found in ("]", "}"):
            if open_now is None or open_now[0] != found:
                return None
            open_now = open_now[1]
            safe = (place + 1, open_now)
            if open_now is None:
                break
        elif found == ",":
            safe = (place, open_now)
        elif found == '"':  # a text that goes beyond the limit
            short = _text_cut(text, place, limit, open_now)
            if short is not None and _is_json(short):
                return short
            break
    end, open_then = safe
    short = text[:end] + _closing(open_then)
    return short if end and len(short) <= limit and _is_json(short) else None


def _text_cut(text: str, place: int, limit: int, open_now: tuple[str, Any, int] | None) -> str | None:
    """Return *text* up to the limit, inside a text that begins at *place*."""
    closing = f'{MARK}"{_closing(open_now)}'
    room = limit - place - 1 - len(closing)
    if room < 0 or open_now is None:
        return None
    return text[: _end_of_whole(text, place + 1, place + 1 + room)] + closing


def _end_of_whole(text: str, begin: int, limit: int) -> int:
    """Return where a text whose inside begins at *begin* can be cut: at *limit*, or before an escape that lies there."""
    found = _WHOLE.match(text, begin, limit)
    end = found.end() if found else begin
    half = text.rfind("\\u", max(begin, end - 5), end)
    if half >= 0:
        before = text[begin : half + 1]
        if (len(before) - len(before.rstrip("\\"))) % 2:  # else the backslash is itself escaped
            return half
    return end


def _closing(open_now: tuple[str, Any, int] | None) -> str:
    closing = []
    while open_now is not None:
        closing.append(open_now[0])
        open_now = open_now[1]
    return "".join(closing)


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True
