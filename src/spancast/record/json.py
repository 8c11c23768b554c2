"""The type of plain data, and how it becomes JSON text that is always valid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

# Plain data: what is left of any object once it was snapshotted.
JSON = None | bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"]

INT64 = 2**63
"""One more than the largest integer that JSON readers and OTLP carry; its negative is the smallest."""
_OPTIONS = orjson.OPT_NON_STR_KEYS
# for orjson.dumps: raises for what is no plain data, instead of asking it
PLAIN_ONLY = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS


def dumps(value: JSON) -> str:
    """Return *value* as compact JSON text, whatever is in it: never raises.

    Integers outside 64 bits become decimal strings, lone surrogates become `?`, NaN and the infinities become null.
    """
    try:
        return orjson.dumps(value, option=_OPTIONS).decode()
    except (TypeError, ValueError):
        return orjson.dumps(plain(value), option=_OPTIONS).decode()


def plain(value: object, depth: int = 32) -> JSON:
    """Return a copy of *value* that JSON can carry; what is no plain data becomes `<ClassName>`."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return text(value)
    if isinstance(value, float):
        return float(value)  # orjson refuses subclasses, such as numpy's
    if isinstance(value, int):
        return int(value) if -INT64 <= value < INT64 else digits(value)
    if depth and isinstance(value, Mapping):
        return {_key(key): plain(item, depth - 1) for key, item in value.items()}
    if depth and isinstance(value, (list, tuple)):
        return [plain(item, depth - 1) for item in value]
    return f"<{type(value).__name__}>"


def _key(key: object) -> str:
    return text(key) if isinstance(key, str) else digits(key) if type(key) is int else text(str(key))


def digits(value: int) -> str:
    """Return *value* in decimal digits; in hexadecimal ones where Python refuses to convert so many (above 4300)."""
    try:
        return str(int(value))
    except ValueError:
        return hex(value)


def text(value: str) -> str:
    """Return *value* as text that UTF-8 can carry (a lone surrogate becomes `?`)."""
    return value.encode("utf-8", "replace").decode()


def as_text(value: JSON) -> str:
    """Return *value* itself when it is text, otherwise as JSON."""
    return value if isinstance(value, str) else dumps(value)
