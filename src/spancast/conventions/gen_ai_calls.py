"""What the gen_ai conventions say of a model call besides its content: what it asked for, what it used, what that cost.

What is absent is passed over without a call for each name: together with the cutting in the encoder this took the
rendering of a model call from 192 to 95 thousand instructions (benchmarks/instructions.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter

from ..record.cost import Cost
from ..record.json import JSON
from ..record.usage import Usage
from .outline import Writable, attribute, say

# request parameter -> (the spellings that frameworks use)
_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "gen_ai.request.temperature": ("temperature",),
    "gen_ai.request.top_p": ("top_p",),
    "gen_ai.request.top_k": ("top_k",),
    "gen_ai.request.max_tokens": ("max_tokens", "max_completion_tokens", "max_output_tokens", "num_predict"),
    "gen_ai.request.frequency_penalty": ("frequency_penalty",),
    "gen_ai.request.presence_penalty": ("presence_penalty",),
    "gen_ai.request.seed": ("seed",),
    "gen_ai.request.stop_sequences": ("stop", "stop_sequences"),
}
_REQUEST = tuple(_PARAMETERS.items())
_PLACES = {spelling: index for index, (_, spellings) in enumerate(_REQUEST) for spelling in spellings}
_LEVELS, _LEVELS_WITHIN = ("reasoning_effort", "thinking_level", "effort"), ("reasoning", "thinking", "output_config")
_LEVEL_PLACES = frozenset({*_LEVELS, *_LEVELS_WITHIN})
# Attribute -> field, in the order in which they are written.
_MONEY = {
    "gen_ai.usage.input_cost": "input",
    "gen_ai.usage.output_cost": "output",
    "gen_ai.usage.total_cost": "total",
}
_money_of = attrgetter(*_MONEY.values())
_SUMS = {
    "gen_ai.usage.input_tokens": "input_tokens",
    "gen_ai.usage.output_tokens": "output_tokens",
    "gen_ai.usage.total_tokens": "total_tokens",
}
_sums_of = attrgetter(*_SUMS.values())
_DETAILS: Mapping[str, str] = {
    "gen_ai.usage.cache_read.input_tokens": "cache_read_tokens",
    "gen_ai.usage.cache_creation.input_tokens": "cache_write_tokens",
    "gen_ai.usage.cache_write.input_tokens": "cache_write_tokens",
    "gen_ai.usage.reasoning.output_tokens": "reasoning_tokens",
    "gen_ai.usage.audio.input_tokens": "input_audio_tokens",
    "gen_ai.usage.audio.output_tokens": "output_audio_tokens",
    "gen_ai.usage.text.input_tokens": "input_text_tokens",
    "gen_ai.usage.text.output_tokens": "output_text_tokens",
    "gen_ai.usage.image.input_tokens": "input_image_tokens",
    "gen_ai.usage.image.output_tokens": "output_image_tokens",
    "gen_ai.usage.video.input_tokens": "input_video_tokens",
    "gen_ai.usage.text.cache_read.input_tokens": "cached_text_tokens",
    "gen_ai.usage.image.cache_read.input_tokens": "cached_image_tokens",
    "gen_ai.usage.audio.cache_read.input_tokens": "cached_audio_tokens",
}
_details_of = attrgetter(*_DETAILS.values())
_NO_DETAILS = (None,) * len(_DETAILS)


def _reasoning_level(parameters: Mapping[str, JSON]) -> str | None:
    """Return how hard the model was asked to think, in the provider's word (`low`, `high`, `xhigh`)."""
    for name in _LEVELS:
        level = parameters.get(name)
        if isinstance(level, str):
            return level
    for name in _LEVELS_WITHIN:
        asked = parameters.get(name)
        level = asked.get("effort") if isinstance(asked, Mapping) else None
        if isinstance(level, str):
            return level
    return None


def request(attributes: Writable, parameters: Mapping[str, JSON]) -> None:
    """Write what a call asked for besides its content."""
    for index in sorted({_PLACES[key] for key in _PLACES.keys() & parameters.keys()}):  # of most calls one or two
        name, spellings = _REQUEST[index]
        for key in spellings:
            value = parameters.get(key)
            if value is not None:
                is_text = name == "gen_ai.request.stop_sequences" and isinstance(value, str)
                attributes[name] = attribute([value] if is_text else value)
                break
    if not _LEVEL_PLACES.isdisjoint(parameters):
        say(attributes, "gen_ai.request.reasoning.level", _reasoning_level(parameters))
    count = parameters.get("n")
    if isinstance(count, int) and count > 1:
        attributes["gen_ai.request.choice.count"] = count
    if "structured_output" in parameters:
        attributes["gen_ai.output.type"] = "json"
    elif "response_format" in parameters:
        say(attributes, "gen_ai.output.type", _output_type(parameters["response_format"]))


def _output_type(asked: JSON) -> str | None:
    if not isinstance(asked, Mapping):
        return None
    return "json" if str(asked.get("type", "")).startswith("json") else "text" if asked.get("type") == "text" else None


def usage(attributes: Writable, counts: Usage) -> None:
    """Write a call's token counts."""
    for name, count in zip(_SUMS, _sums_of(counts)):
        if count is not None:
            attributes[name] = count
    details = _details_of(counts)
    if details != _NO_DETAILS:  # most calls have none: one comparison instead of fourteen
        for name, count in zip(_DETAILS, details):
            if count is not None:
                attributes[name] = count


def money(attributes: Writable, cost: Cost) -> None:
    """Write what a call cost; the conventions have no names for it."""
    for name, amount in zip(_MONEY, _money_of(cost)):
        if amount is not None:
            attributes[name] = amount
