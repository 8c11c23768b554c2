"""What OpenRouter says beside an answer: who served the request, that provider's own finish reason, billing, times.

The names are those of the gateway's Broadcast (`openrouter.*`, `openrouter_generation.*`), so that one query finds both its
spans and the application's. Sources: OpenRouter's OpenAPI document (`ChatUsage`, `OpenRouterMetadata`, `GenerationResponse`)
and its guide "Broadcast", read in November 2026. A chat answer has no times; where an integration adds them, as
`GET /generation` names them, they are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..record.json import JSON
from ..record.operation import NOTHING
from .lookup import fields_of, items_of, text_of
from .numbers import number_of

# that only the gateway's answers have
MARKS: Final = frozenset({"native_finish_reason", "openrouter_metadata", "cost_details"})
_USAGES: Final = ("usage", "token_usage")
_TIMES: Final = ("latency", "generation_time", "moderation_latency")  # milliseconds
_BILLED: Final = ("is_byok", "cache_discount")
_TOOLS: Final = ("server_tool_use", "server_tool_use_details")
_ROUTED: Final = ("region", "strategy", "requested", "attempt")
_MOST_TOOLS: Final = 16
_LONGEST: Final = 200  # characters of a name


def gateway_facts(sources: Iterable[Mapping[str, Any]]) -> Mapping[str, JSON]:
    """Return what the gateway says besides the answer, by Broadcast's names; nothing of another provider's answer.

    Args:
        sources: What the integration says of the answer, nearest first: plain mappings, nested ones inside.
    """
    for source in sources:  # most answers are no gateway's
        if not MARKS.isdisjoint(source) or _is_billed(source):
            return _read(sources) or NOTHING
    return NOTHING


def _is_billed(source: Mapping[str, Any]) -> bool:
    """Return whether a usage object says whose key was used, as only the gateway's does."""
    for name in _USAGES:
        usage = source.get(name)
        if usage is not None and "is_byok" in (usage if type(usage) is dict else fields_of(usage)):
            return True
    return False


def _read(sources: Iterable[Mapping[str, Any]]) -> dict[str, JSON]:
    found: dict[str, JSON] = {}
    for source in sources:
        routed = fields_of(source.get("openrouter_metadata"))
        _say(found, "openrouter.provider_name", _name(source.get("provider")) or _selected(routed))
        _say(found, "openrouter.native_finish_reason", _name(source.get("native_finish_reason")))
        for name in _TIMES:
            _say(found, f"openrouter.{name}_ms", number_of(source.get(name)))
        for name in _ROUTED:
            _say(found, f"openrouter.{name}", _plain(routed.get(name)))
        for usage in (routed, source, *(fields_of(source.get(name)) for name in _USAGES)):
            _billing(found, usage)
    return found


def _billing(found: dict[str, JSON], usage: Mapping[str, Any]) -> None:
    for name in _BILLED:
        _say(found, f"openrouter_generation.{name}", _figure(usage.get(name)))
    upstream = fields_of(usage.get("cost_details")).get("upstream_inference_cost")
    _say(found, "openrouter_generation.upstream_inference_cost", number_of(upstream))
    for place in _TOOLS:
        for name, value in list(fields_of(usage.get(place)).items())[:_MOST_TOOLS]:
            if type(name) is str and name.isidentifier() and len(name) <= _LONGEST:
                _say(found, f"openrouter_generation.{place}.{name}", number_of(value))


def _say(found: dict[str, JSON], name: str, value: JSON) -> None:
    if value is not None:
        found.setdefault(name, int(value) if isinstance(value, float) and value.is_integer() else value)


def _name(value: object) -> str | None:
    return (text_of(value) or "")[:_LONGEST] or None


def _figure(value: object) -> JSON:
    return value if type(value) is bool else number_of(value)


def _plain(value: object) -> JSON:
    return _name(value) or _figure(value)


def _selected(routed: Mapping[str, Any]) -> str | None:
    """Return the provider that the router chose, where the request asked for routing metadata."""
    for each in items_of(fields_of(routed.get("endpoints")).get("available"), 64):
        endpoint = fields_of(each)
        if endpoint.get("selected") is True:
            return _name(endpoint.get("provider"))
    return None
