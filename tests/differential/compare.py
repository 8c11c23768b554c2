"""Compares what two tracers recorded of the same applications; a difference is a kind of span, a side and an attribute."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from .record import Record

ONLY_THEIRS, ONLY_OURS, OTHER = "only theirs", "only ours", "another value"
_NUMBER = re.compile(r"\.\d+(?=\.|$)")


class Found(NamedTuple):
    """One difference, the same in all applications in which it occurs."""

    kind: str
    side: str
    what: str


def differences(theirs: Record, ours: Record, kinds: frozenset[str]) -> dict[Found, list[str]]:
    """Return each difference with an example; only spans of these *kinds* are compared."""
    found: dict[Found, list[str]] = {}
    for application, their_spans in theirs.items():
        for difference, example in _compared(reduced(their_spans, kinds), reduced(ours[application], kinds)):
            found.setdefault(difference, []).append(f"{application}: {example}")
    return found


def reduced(spans: list[dict[str, Any]], kinds: frozenset[str]) -> list[dict[str, Any]]:
    """Leave out spans of other kinds; their children go to the nearest that is left. `path`: what is above, by kind."""
    by_id = {span["id"]: span for span in spans}
    kept = []
    for span in spans:
        if span["kind"] in kinds:
            path: list[str] = []
            above = by_id.get(span["parent"])
            while above is not None:
                if above["kind"] in kinds:
                    path.insert(0, above["kind"])
                above = by_id.get(above["parent"])
            kept.append({**span, "path": path})
    return kept


def _compared(theirs: list[dict[str, Any]], ours: list[dict[str, Any]]) -> Iterator[tuple[Found, str]]:
    left = list(ours)
    for their in theirs:
        our = next((span for span in left if span["kind"] == their["kind"] and _same_thing(span, their)), None)
        our = our or next((span for span in left if _same_thing(span, their)), None)
        if our is None:
            yield Found(their["kind"], ONLY_THEIRS, "span"), their["name"]
            continue
        left.remove(our)
        yield from _pair(their, our)
    for our in left:
        yield Found(our["kind"], ONLY_OURS, "span"), our["name"]


def _same_thing(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Spans of the same name, or, where conventions name spans, of the same kind: both tracers see the same order."""
    return one["name"] == other["name"] or (
        one["kind"] == other["kind"] and one["kind"] in ("LLM", "AGENT", "RETRIEVER")
    )


def _pair(their: dict[str, Any], our: dict[str, Any]) -> Iterator[tuple[Found, str]]:
    kind = our["kind"]
    for what in ("name", "kind", "path", "status", "events"):
        if their[what] != our[what]:
            yield Found(kind, OTHER, f"span's {what}"), f"{their[what]!r} / {our[what]!r}"
    theirs, ours = their["attributes"], our["attributes"]
    for key in theirs.keys() - ours.keys():
        yield Found(kind, ONLY_THEIRS, _NUMBER.sub(".N", key)), repr(theirs[key])
    for key in ours.keys() - theirs.keys():
        yield Found(kind, ONLY_OURS, _NUMBER.sub(".N", key)), repr(ours[key])
    for key in theirs.keys() & ours.keys():
        if _value(theirs[key]) != _value(ours[key]):
            yield Found(kind, OTHER, _NUMBER.sub(".N", key)), f"{theirs[key]!r} / {ours[key]!r}"


def _value(value: Any) -> Any:
    """JSON is compared as data: the order of keys and spaces mean nothing."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
