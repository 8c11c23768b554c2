"""What one generation cost, in US dollars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .fast_frozen import fast_frozen


@fast_frozen
@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Money of one generation, in US dollars.

    Attributes:
        total: The whole charge.
        input: The part for the prompt.
        output: The part for the completion.
        source: Who says so: `provider` (billed), `estimate` (a price list), `cache` (a cached answer: 0).
    """

    total: float | None = None
    input: float | None = None
    output: float | None = None
    source: str = "provider"


def read_cost(usage: object) -> Cost | None:
    """Return what the provider billed, as OpenRouter says it in a usage object: `cost` and `cost_details`."""
    total = _money(usage.get("cost")) if isinstance(usage, Mapping) else None
    if total is None or not isinstance(usage, Mapping):
        return None
    details = usage.get("cost_details")
    held: Mapping[str, object] = details if isinstance(details, Mapping) else {}
    return Cost(
        total=total,
        input=_money(held.get("upstream_inference_prompt_cost")),
        output=_money(held.get("upstream_inference_completions_cost")),
    )


def _money(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
