"""What a provider's raw answer says besides the content: picked out in the callback, small, whatever object it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .lookup import NO_FIELDS, fields_of
from .spellings import ABOUT, COST, FINISH_REASON, ID, INPUT_COST, MODEL, OUTPUT_COST, SERVICE_TIER, USAGE

Take = Callable[[Any], object]  # makes a bounded plain copy


def _inside() -> Mapping[str, frozenset[str]]:
    """Return what is read inside the names whose value is not read itself: `response.usage` of `response`."""
    paths = [
        path
        for table in (FINISH_REASON, MODEL, ID, SERVICE_TIER, USAGE, COST, INPUT_COST, OUTPUT_COST)
        for path in table
    ]
    whole = {path for path in paths if "." not in path} | {"incomplete_details", "cost_details"}
    names: dict[str, set[str]] = {}
    for path in paths:
        first, _, rest = path.partition(".")
        if rest and first not in whole:
            names.setdefault(first, set()).add(rest.partition(".")[0])
    return {first: frozenset(inner) for first, inner in names.items()}


_INSIDE = _inside()
_USAGE_INSIDE = frozenset({"usage", "tokens", "billed_units", "usage_metadata"})
_FEW_FIELDS = 256
_LISTS = ("choices", "candidates")
_COUNTED = frozenset({path.partition(".")[0] for path in USAGE if path} | {"prompt_eval_count"})
_ENDED = frozenset({path for path in FINISH_REASON if "." not in path} - {"status"} | {"messageStop"})


_MAY_END = _ENDED.union(_LISTS)
_EVENT = frozenset({"data", "event", "id", "retry"})  # the fields of a server-sent event


def _answer_in(raw: object) -> Mapping[str, Any]:
    """Return the fields of a raw answer; where a client hands on the event that it came in (Mistral's), those inside."""
    fields: Mapping[str, Any] = raw if type(raw) is dict else fields_of(raw)
    data = fields.get("data")
    return fields_of(data) or fields if data is not None and fields.keys() <= _EVENT else fields


def facts_in(raw: object, take: Take) -> dict[str, Any]:
    """Return what the table of spellings reads of a raw answer, an object or a mapping, as plain copies."""
    fields = _answer_in(raw)
    facts: dict[str, Any] = {}
    # which names are there is found in one call: looking each up took a tenth of a model call's callbacks
    for name in ABOUT.intersection(fields) if len(fields) <= _FEW_FIELDS else ABOUT:
        value = fields.get(name)
        if value is None:
            continue
        inside = _INSIDE.get(name)
        if inside is None:
            facts[name] = take(value)
        else:
            inner = fields_of(value)
            picked = {key: take(inner[key]) for key in inside if inner.get(key) is not None}
            if picked:
                facts[name] = picked
    if "finish_reason" not in facts:
        reason = _reason_in_list(fields)
        if reason is not None:
            facts["finish_reason"] = take(reason)
    if "choices" in fields and "native_finish_reason" not in facts:
        reason = _first_of(fields, "choices").get("native_finish_reason")
        if reason is not None:
            facts["native_finish_reason"] = take(reason)
    return facts


def _reason_in_list(fields: Mapping[str, Any]) -> object:
    for name in _LISTS:
        if name not in fields:
            continue
        choice = _first_of(fields, name)
        reason = choice.get("finish_reason")
        if reason is None:
            reason = choice.get("finishReason")
        if reason is not None:
            return reason
    return None


def _first_of(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    listed = fields.get(name)
    return fields_of(listed[0]) if type(listed) is list and listed else NO_FIELDS


def merged(*each: Mapping[str, Any]) -> dict[str, Any]:
    """Return what several chunks of one answer said: a later word wins, and what it does not say stays."""
    whole: dict[str, Any] = {}
    for facts in each:
        for name, value in facts.items():
            before = whole.get(name)
            if type(before) is dict and type(value) is dict:
                value = {**before, **{key: item for key, item in value.items() if item is not None}}
            whole[name] = value
    return whole


class ChunkFacts:
    """Which raw chunks of one stream say something besides the content: the first, the one that ends it, the counts.

    Written by one callback at a time, that of its stream.
    """

    __slots__ = ("_counted", "_ended", "_first")

    def __init__(self) -> None:
        self._first: Any = None
        self._ended: Any = None
        self._counted: Any = None

    def add(self, raw: object) -> None:
        """Note a chunk's raw answer. Called for each token: nothing is copied."""
        fields = _answer_in(raw)
        if self._first is None:
            self._first = raw
        if not _COUNTED.isdisjoint(fields):
            for name in _COUNTED:
                value = fields.get(name)
                if value is not None and (name not in _INSIDE or _has_inside(name, value)):
                    self._counted = raw
                    break
        if not _MAY_END.isdisjoint(fields) and (
            _reason_in_list(fields) is not None or any([fields.get(name) is not None for name in _ENDED])
        ):
            self._ended = raw

    def __bool__(self) -> bool:
        """Return whether any chunk had token counts or the reason why the answer ended."""
        return self._counted is not None or self._ended is not None

    def read(self, last: object, take: Take) -> dict[str, Any]:
        """Return what all chunks said, *last* among them."""
        chunks: list[Any] = []
        for raw in (self._first, self._ended, self._counted, last):
            if raw is not None:
                for other in chunks:
                    if raw is other:
                        break
                else:
                    chunks.append(raw)
        if len(chunks) == 1:
            return facts_in(chunks[0], take)
        return merged(*[facts_in(raw, take) for raw in chunks])


def _has_inside(name: str, value: object) -> bool:
    inner = fields_of(value)
    return any([inner.get(key) is not None for key in _INSIDE[name] & _USAGE_INSIDE])
