"""Puts flat attributes together: `llm.input_messages.0.message.role` becomes nested data, and JSON in a text data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

Data = dict[str, Any]
MAX_ITEMS = 2000  # messages, parts or documents that are read of one span
_MAX_INDEX_KEYS = 50_000  # flat attributes that are put together
_DIGIT = re.compile("[0-9]")


def data_in(value: Any) -> Any:
    """Return JSON in a text as data; every other text, and JSON that is cut, as it is."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return orjson.loads(value)
        except ValueError:
            return value
    return value


def nested_of(attributes: Mapping[str, Any]) -> Data:
    """Return the attributes whose names hold list indices as nested data; in time linear in their number."""
    tree: Data = {}
    for key, value in list(attributes.items())[:_MAX_INDEX_KEYS]:
        if _DIGIT.search(key):
            _put(tree, key.split(".")[:24], value)
    return tree


def _put(tree: Data, names: Sequence[str], value: Any) -> None:
    for name in names[:-1]:
        below = tree.get(name)
        if not isinstance(below, dict):
            below = tree[name] = {}
        tree = below
    tree[names[-1]] = value


def listed(tree: Any) -> list[Any]:
    """Return the values of `{"0": a, "1": b}` in the order of their numbers."""
    if not isinstance(tree, dict):
        return []
    indices = sorted((int(key), key) for key in tree if key.isdigit() and len(key) < 9)
    return [tree[key] for _, key in indices[:MAX_ITEMS]]


def at(tree: Any, *names: str) -> Any:
    """Return what stands at *names* in nested data; None where nothing does."""
    for name in names:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree
