"""Token counts and costs in every shape of the frameworks and providers, read into one Usage and one Cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..record.cost import Cost
from ..record.usage import Usage
from .lookup import fields_of, values_at
from .numbers import count_of, number_of
from .spellings import (
    CACHE_APART,
    COST,
    COUNTS,
    INPUT_COST,
    OUTPUT_COST,
    REASONING_APART,
    TIERED,
    TOOL_INPUT,
    WRITES_BY_LIFETIME,
    first_names,
)

Counts = dict[str, "int | None"]


def read_usage(usage: object) -> Usage | None:
    """Return the usage in any of the shapes in `spellings.COUNTS`; None when no count is in it.

    The input always includes what was read from and written to a cache, the output always includes reasoning, also for
    providers that count them apart.
    """
    fields = usage if type(usage) is dict else fields_of(usage)
    if not fields:
        return None
    plain = _plain(fields)
    if plain is not None:
        return plain
    counts = _langchain(fields) or {
        name: None if firsts.isdisjoint(fields) else _first(fields, paths) for name, paths, firsts in _COUNTS
    }
    if counts["input_tokens"] is None and counts["output_tokens"] is None and counts["total_tokens"] is None:
        return None
    _add_tiers(fields, counts)
    _add_what_is_apart(fields, counts)
    if counts["total_tokens"] is None:
        counts["total_tokens"] = (counts["input_tokens"] or 0) + (counts["output_tokens"] or 0)
    return Usage(**counts)


# the first names of each spelling beside it: most are absent, and calling `_first` for these was most of the work
_COUNTS = tuple([(name, paths, first_names(paths)) for name, paths in COUNTS.items()])


# ---------------------------------------------------------------- LangChain's own shape, without all the spellings
_SUMS = frozenset({"input_tokens", "output_tokens", "total_tokens"})
_LANGCHAIN = _SUMS | {"input_token_details", "output_token_details"}


def _plain(fields: Mapping[str, Any]) -> Usage | None:
    """Read three sums, the most frequent shapes: the frameworks' and OpenAI's."""
    if len(fields) != 3:
        return None
    given, made, total = fields.get("input_tokens"), fields.get("output_tokens"), fields.get("total_tokens")
    if given is None and made is None:
        given, made = fields.get("prompt_tokens"), fields.get("completion_tokens")
    if type(given) is not int or type(made) is not int or type(total) is not int:
        return None
    if given < 0 or made < 0 or total < 0 or given + made + total >= 2**63:
        return None
    return Usage(input_tokens=given, output_tokens=made, total_tokens=total)


_NO_DETAILS: Mapping[str, Any] = {}


def _langchain(fields: Mapping[str, Any]) -> Counts | None:
    if not fields.keys() <= _LANGCHAIN:
        return None
    given, made = fields.get("input_token_details"), fields.get("output_token_details")
    asked = fields_of(given) if given is not None else _NO_DETAILS
    answered = fields_of(made) if made is not None else _NO_DETAILS
    return {
        "input_tokens": count_of(fields.get("input_tokens")),
        "output_tokens": count_of(fields.get("output_tokens")),
        "total_tokens": count_of(fields.get("total_tokens")),
        "cache_read_tokens": count_of(asked.get("cache_read")),
        "cache_write_tokens": count_of(asked.get("cache_creation", asked.get("cache_write"))),
        "reasoning_tokens": count_of(answered.get("reasoning")),
        "input_audio_tokens": count_of(asked.get("audio")),
        "output_audio_tokens": count_of(answered.get("audio")),
        "input_text_tokens": count_of(asked.get("text")),
        "output_text_tokens": count_of(answered.get("text")),
        "input_image_tokens": count_of(asked.get("image")),
        "output_image_tokens": count_of(answered.get("image")),
        "input_video_tokens": count_of(asked.get("video")),
    }


def _first(fields: Mapping[str, Any], paths: tuple[str, ...]) -> int | None:
    for value in values_at(fields, paths):
        count = count_of(value)
        if count is not None:
            return count
    return None


# ---------------------------------------------------------------- what stands apart
def _add_tiers(fields: Mapping[str, Any], counts: Counts) -> None:
    """Read LangChain's details of a call with a service tier, and of Anthropic's cache writes by lifetime."""
    for name, (place, ending) in TIERED.items():
        if not counts[name]:
            for key, value in list(fields_of(fields.get(place)).items())[:64]:
                if type(key) is str and key.endswith(ending) and (count := count_of(value)) is not None:
                    counts[name] = (counts[name] or 0) + count
    if not counts["cache_write_tokens"] and "input_token_details" in fields:
        writes = [count for path in WRITES_BY_LIFETIME if (count := _first(fields, (path,))) is not None]
        if writes:
            counts["cache_write_tokens"] = sum(writes)


def _add_what_is_apart(fields: Mapping[str, Any], counts: Counts) -> None:
    """Add cache and reasoning to input and output where the provider counts them beside these.

    The total decides where there is one: it is the sum of all that is counted apart. Where there is none, the
    provider's own names decide.
    """
    given, made, total = counts["input_tokens"] or 0, counts["output_tokens"] or 0, counts["total_tokens"]
    cached = (counts["cache_read_tokens"] or 0) + (counts["cache_write_tokens"] or 0)
    thought = counts["reasoning_tokens"] or 0
    # with OpenAI's `prompt_tokens` beside them, a proxy has repeated Anthropic's counts and already added them up
    own = bool(cached) and "prompt_tokens" not in fields and not CACHE_APART.isdisjoint(fields)
    beside = cached if own else 0
    if thought and total != given + made + beside:
        tools = _first(fields, TOOL_INPUT) or 0
        sums = (given + made + thought + beside, given + made + thought + beside + tools)
        if total in sums or not REASONING_APART.isdisjoint(fields) or (total is None and thought > made):
            counts["output_tokens"] = made = made + thought
    if cached and counts["input_tokens"] is not None and (own or cached > given or total == given + made + cached):
        counts["input_tokens"] = given = given + cached
        counts["total_tokens"] = None
    else:
        read_by_tools = _first(fields, TOOL_INPUT) or 0
        if read_by_tools and total == given + made + read_by_tools:
            counts["input_tokens"] = given + read_by_tools


# ---------------------------------------------------------------- money
_PRICED = first_names(COST)


def read_cost(fields: object) -> Cost | None:
    """Return what the provider or a gateway billed, in any of the shapes in `spellings.COST`; None when nothing says so."""
    held = fields if type(fields) is dict else fields_of(fields)
    if not held or _PRICED.isdisjoint(held):
        return None
    total = _money(held, COST)
    if total is None:
        return None
    return Cost(total=total, input=_money(held, INPUT_COST), output=_money(held, OUTPUT_COST))


def _money(fields: Mapping[str, Any], paths: tuple[str, ...]) -> float | None:
    for value in values_at(fields, paths):
        amount = number_of(value)
        if amount is not None:
            return amount
    return None
