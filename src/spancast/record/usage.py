"""What one generation used, in tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from .fast_frozen import fast_frozen


@fast_frozen
@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts of one generation.

    Attributes:
        input_tokens: All input tokens, those read from and written to a cache included.
        output_tokens: All output tokens, reasoning included.
        total_tokens: As the provider says, or the sum of both.
        cache_read_tokens: The part of the input that was read from a cache.
        cache_write_tokens: The part of the input that was written to a cache.
        reasoning_tokens: The part of the output that was reasoning.
        input_audio_tokens: The part of the input that was audio.
        output_audio_tokens: The part of the output that was audio.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    input_audio_tokens: int | None = None
    output_audio_tokens: int | None = None


# Where each count stands in the usage objects of the frameworks and providers; the first that holds a number wins.
# A dotted path goes into nested objects.
_SHAPES: dict[str, tuple[str, ...]] = {
    "input_tokens": (
        "input_tokens",
        "prompt_tokens",
        "inputTokens",
        "prompt_token_count",
        "promptTokenCount",
        "prompt_eval_count",
        "input_token_count",
    ),
    "output_tokens": (
        "output_tokens",
        "completion_tokens",
        "outputTokens",
        "candidates_token_count",
        "candidatesTokenCount",
        "eval_count",
        "generated_token_count",
    ),
    "total_tokens": ("total_tokens", "totalTokens", "total_token_count", "totalTokenCount"),
    "cache_read_tokens": (
        "input_token_details.cache_read",
        "prompt_tokens_details.cached_tokens",
        "input_tokens_details.cached_tokens",
        "cache_read_input_tokens",
        "cacheReadInputTokens",
        "cached_content_token_count",
        "cachedContentTokenCount",
        "prompt_cache_hit_tokens",
    ),
    "cache_write_tokens": (
        "input_token_details.cache_creation",
        "prompt_tokens_details.cache_write_tokens",
        "cache_creation_input_tokens",
        "cacheWriteInputTokens",
    ),
    "reasoning_tokens": (
        "output_token_details.reasoning",
        "completion_tokens_details.reasoning_tokens",
        "output_tokens_details.reasoning_tokens",
        "thoughts_token_count",
        "thoughtsTokenCount",
    ),
    "input_audio_tokens": ("input_token_details.audio", "prompt_tokens_details.audio_tokens"),
    "output_audio_tokens": ("output_token_details.audio", "completion_tokens_details.audio_tokens"),
}
# Providers whose own shape counts the cached input apart from the input (Anthropic, Bedrock).
_APART = ("cache_read_input_tokens", "cache_creation_input_tokens", "cacheReadInputTokens", "cacheWriteInputTokens")
_REASONING_APART = ("thoughts_token_count", "thoughtsTokenCount")
_WRITES_BY_LIFETIME = (
    "input_token_details.ephemeral_5m_input_tokens",
    "input_token_details.ephemeral_1h_input_tokens",
)


def read_usage(usage: object) -> Usage | None:
    """Return the usage in any of the known shapes; None when no count is in it.

    The input always includes what was read from and written to a cache, also for providers that count it apart.
    """
    if not isinstance(usage, Mapping):
        return None
    counts = _standard(usage) or {name: _first(usage, paths) for name, paths in _SHAPES.items()}
    if counts["input_tokens"] is None and counts["output_tokens"] is None and counts["total_tokens"] is None:
        return None
    if not counts["cache_write_tokens"] and "input_token_details" in usage:
        counts["cache_write_tokens"] = _cache_writes_by_lifetime(usage)
    if _counts_reasoning_apart(usage, counts):
        counts["output_tokens"] = (counts["output_tokens"] or 0) + (counts["reasoning_tokens"] or 0)
    if _counts_cache_apart(usage, counts):
        cached = (counts["cache_read_tokens"] or 0) + (counts["cache_write_tokens"] or 0)
        counts["input_tokens"] = (counts["input_tokens"] or 0) + cached
        counts["total_tokens"] = None
    if counts["total_tokens"] is None:
        counts["total_tokens"] = (counts["input_tokens"] or 0) + (counts["output_tokens"] or 0)
    return Usage(**counts)


_STANDARD = frozenset({"input_tokens", "output_tokens", "total_tokens", "input_token_details", "output_token_details"})
_NO_DETAILS: Mapping[str, object] = {}


def _standard(usage: Mapping[str, object]) -> dict[str, int | None] | None:
    """Read LangChain's own shape without going through all spellings: 3 us instead of 10."""
    if not usage.keys() <= _STANDARD:
        return None
    given, told = usage.get("input_token_details"), usage.get("output_token_details")
    if given is None and told is None:
        plain = dict.fromkeys(_SHAPES)
        for name in ("input_tokens", "output_tokens", "total_tokens"):
            plain[name] = _count(usage.get(name))
        return plain
    asked = given if isinstance(given, Mapping) else _NO_DETAILS
    answered = told if isinstance(told, Mapping) else _NO_DETAILS
    return {
        "input_tokens": _count(usage.get("input_tokens")),
        "output_tokens": _count(usage.get("output_tokens")),
        "total_tokens": _count(usage.get("total_tokens")),
        "cache_read_tokens": _count(asked.get("cache_read")),
        "cache_write_tokens": _count(asked.get("cache_creation")),
        "reasoning_tokens": _count(answered.get("reasoning")),
        "input_audio_tokens": _count(asked.get("audio")),
        "output_audio_tokens": _count(answered.get("audio")),
    }


def _count(value: object) -> int | None:
    if type(value) is int:
        return value if 0 <= value < 2**63 else None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 2**63:
        return int(value)
    return None


def _counts_cache_apart(usage: Mapping[str, object], counts: Mapping[str, int | None]) -> bool:
    cached = (counts["cache_read_tokens"] or 0) + (counts["cache_write_tokens"] or 0)
    given = counts["input_tokens"]
    if not cached or given is None:
        return False
    # with OpenAI's `prompt_tokens` beside them, a proxy has repeated Anthropic's counts and already added them up
    if "prompt_tokens" not in usage and any(key in usage for key in _APART):
        return True
    return cached > given or counts["total_tokens"] == given + (counts["output_tokens"] or 0) + cached


def _counts_reasoning_apart(usage: Mapping[str, object], counts: Mapping[str, int | None]) -> bool:
    """Gemini counts thoughts apart from the candidates; where the total says that they are inside, believe it."""
    if not any(key in usage for key in _REASONING_APART):
        return False
    return counts["total_tokens"] != (counts["input_tokens"] or 0) + (counts["output_tokens"] or 0)


def _cache_writes_by_lifetime(usage: Mapping[str, object]) -> int | None:
    """LangChain sets Anthropic's `cache_creation` to 0 where it gives the counts of each cache lifetime instead."""
    counts = [_first(usage, (path,)) for path in _WRITES_BY_LIFETIME]
    said = [count for count in counts if count is not None]
    return sum(said) if said else _first(usage, _SHAPES["cache_write_tokens"])


@lru_cache(maxsize=64)
def _split(paths: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(path.split(".")) for path in paths)


def _first(usage: Mapping[str, object], paths: tuple[str, ...]) -> int | None:
    for first, *rest in _split(paths):
        value: object = usage.get(first)
        if value is None:  # most spellings are absent: 12 us a call instead of 25
            continue
        for key in rest:
            value = value.get(key) if isinstance(value, Mapping) else None
        count = _count(value)
        if count is not None:
            return count
    return None
