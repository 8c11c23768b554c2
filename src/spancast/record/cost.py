"""What one generation cost, in US dollars."""

from __future__ import annotations

from .fast_frozen import frozen


@frozen(kw_only=True)
class Cost:
    """Money of one generation, in US dollars.

    Attributes:
        total: The whole charge.
        input: The part for the prompt.
        output: The part for the completion.
        cache_read, cache_write: The parts of *input* for what was read from and written to a cache, where they are known.
        reasoning: The part of *output* for reasoning.
        source: Where it comes from: `provider` (billed), `estimate` (a price list), `cache` (a cached answer: 0).
    """

    total: float | None = None
    input: float | None = None
    output: float | None = None
    source: str = "provider"
    cache_read: float | None = None
    cache_write: float | None = None
    reasoning: float | None = None
