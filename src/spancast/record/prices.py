"""What a generation would cost by the public price lists, where its provider says nothing: the `prices` extra.

The list (`genai-prices`) needs 65 us for a price. A price is linear in the tokens between two of its thresholds, so the list
is asked once for the rates of each price, and these are multiplied: 4 us, and the same sums. Which price holds (provider,
model, time of day, service tier) is looked up in the list each time.

New rates are tried on a few usages before they are used. Where the list computes otherwise, or is of a version whose parts
are elsewhere, the list itself is asked for each price.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from .cost import Cost
from .fast_frozen import frozen
from .usage import Usage

# LangChain's and LlamaIndex's names of providers -> those of genai-prices
_PROVIDERS = {
    "amazon_bedrock": "aws",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "azure_openai": "azure",
    "google_genai": "google",
    "google_vertexai": "google",
    "mistralai": "mistral",
    "xai": "x-ai",
}
# Models that run on a machine of the user's: whatever they are called, nobody bills them by the token.
_LOCAL = frozenset(
    {
        "gpt4all",
        "huggingface_pipeline",
        "llama_cpp",
        "llama-cpp",
        "llamacpp",
        "llamafile",
        "lmstudio",
        "mlx",
        "ollama",
        "openvino",
        "vllm",
    }
)
_RESOURCE = re.compile(r"(?:projects/[^/]+/locations/[^/]+/)?(?:publishers/[^/]+/)?models/(?P<model>[^/]+)")  # Google's

# Whose models gateways (OpenRouter, LiteLLM's proxy) name by maker and model: `anthropic/claude-3.5-sonnet`.
_MAKERS = frozenset({"anthropic", "cohere", "deepseek", "google", "mistralai", "openai", "x-ai"})
_USUAL_TIERS = frozenset({"default", "standard", "auto", "on_demand"})
_MILLION = 1_000_000
_MOST = 1024  # prices, and names, that are remembered


def estimate(
    usage: Usage, models: tuple[str | None, ...], provider: str | None, service_tier: str | None = None
) -> Cost | None:
    """Return an estimate by the price list of `genai-prices`, for the first of *models* that is on it.

    None without that package, or when it knows none of the models; and for models that run locally.
    """
    prices = _prices()
    if prices is None or usage.input_tokens is None or provider in _LOCAL:
        return None
    listed = _PROVIDERS.get(provider or "", provider)
    tier = None if service_tier in _USUAL_TIERS else service_tier
    for model in models:
        if model:
            for name in (listed, None) if listed else (None,):
                if (name, model) not in _unlisted:
                    cost = _priced(prices, usage, model, name, tier)
                    if cost is not None:
                        return cost
            for name, known in _otherwise(model):
                if (name, known) not in _unlisted:
                    cost = _priced(prices, usage, known, name, tier)
                    if cost is not None:
                        return cost
    return None


@lru_cache(maxsize=_MOST)
def _otherwise(model: str) -> tuple[tuple[str | None, str], ...]:
    """Return under which provider and name else a model may be listed: a resource's name, a gateway's `maker/model`."""
    resource = _RESOURCE.fullmatch(model)
    if resource is not None:
        return ((None, resource["model"]),)
    maker, _, name = model.partition("/")
    return (("openrouter", model), (None, name)) if name and "/" not in name and maker in _MAKERS else ()


_unlisted: set[tuple[str | None, str]] = set()
_known_starts: dict[int, tuple[object, list[int]]] = {}
_rates: dict[tuple[int, str | None, int], tuple[object, _Rates | None]] = {}  # None: the list is asked each time
# Usages on which rates are tried: read from a cache, written to it, and output; in percent of the input.
_PROBES = ((0, 0, 10), (40, 0, 300), (30, 20, 0), (90, 10, 1))


@frozen()
class _Rates:
    """US dollars a token, and the charge for a request as a whole."""

    request: Decimal
    input: Decimal
    cache_read: Decimal
    cache_write: Decimal
    output: Decimal

    def cost(self, usage: Usage) -> Cost:
        """Return the cost of *usage*."""
        read, write = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
        plain = (usage.input_tokens or 0) - read - write
        asked = self.input * plain + self.cache_read * read + self.cache_write * write
        made = self.output * (usage.output_tokens or 0)
        return Cost(
            total=float(self.request + asked + made),
            input=float(asked),
            output=float(made),
            source="estimate",
            cache_read=float(self.cache_read * read) if read else None,
            cache_write=float(self.cache_write * write) if write else None,
            reasoning=float(self.output * usage.reasoning_tokens) if usage.reasoning_tokens else None,
        )


def _priced(prices: Any, usage: Usage, model: str, provider: str | None, tier: str | None) -> Cost | None:
    try:
        found, price = _price(prices, model, provider)
    except (LookupError, ValueError):
        if len(_unlisted) < _MOST:  # looking up costs 20 us; models that are on no list are asked for again and again
            _unlisted.add((provider, model))
        return None
    except (AttributeError, TypeError):  # a version of the list whose parts are elsewhere
        return _computed(prices, usage, model, provider, tier)
    if (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0) > (usage.input_tokens or 0):
        return None  # counts that cannot be
    tier = tier if tier is not None and getattr(found, "price_variants", None) else None
    tokens = usage.input_tokens or 0
    same = _known_starts.get(id(price))
    starts = _starts(price) if same is None or same[0] is not price else same[1]
    key = (id(price), tier, sum([tokens > start for start in starts]) if starts else 0)
    known = _rates.get(key)
    if known is None or known[0] is not price:
        try:
            rates = _asked(prices, model, provider, tier, _inside(starts, tokens))
        except (LookupError, ValueError):
            return None
        if len(_rates) >= _MOST:
            _rates.clear()
        known = _rates[key] = (price, rates)
    rates = known[1]
    return rates.cost(usage) if rates is not None else _computed(prices, usage, model, provider, tier)


def _computed(prices: Any, usage: Usage, model: str, provider: str | None, tier: str | None) -> Cost | None:
    """Return what the list itself computes; None where it cannot."""
    context = {"price_context": {"service_tier": tier}} if tier else {}
    counts = prices.Usage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
    )
    try:
        found = prices.calc_price(counts, model_ref=model, provider_id=provider, **context)
    except (LookupError, ValueError):
        return None
    return Cost(
        total=float(found.total_price),
        input=float(found.input_price),
        output=float(found.output_price),
        source="estimate",
    )


def _price(prices: Any, model: str, provider: str | None) -> tuple[Any, Any]:
    """Return the listed model, and its price at this time of day; raises LookupError where the list has none."""
    _, found = prices.data_snapshot.get_snapshot().find_provider_model(model, None, provider, None)
    listed = found.prices
    if type(listed) is list and len(listed) == 1:
        return found, listed[0].prices
    return found, found.get_prices(datetime.now(tz=UTC)) if type(listed) is list else listed


def _starts(price: Any) -> list[int]:
    """Return the numbers of input tokens above which another rate holds."""
    tiers = [tier.start for value in vars(price).values() if hasattr(value, "tiers") for tier in value.tiers]
    if len(_known_starts) >= _MOST:
        _known_starts.clear()
    starts = sorted(set(tiers))
    _known_starts[id(price)] = (price, starts)  # the price is kept, so that its id stays its own
    return starts


def _inside(starts: list[int], tokens: int) -> int:
    """Return a number of input tokens for which the same rates hold as for *tokens*."""
    below = [start for start in starts if start < tokens]
    if below:
        return below[-1] + 1
    return min(starts[0], _MILLION) if starts else _MILLION


def _asked(prices: Any, model: str, provider: str | None, tier: str | None, tokens: int) -> _Rates | None:
    """Ask the list for the price of *tokens* input tokens of each kind, and of as many output tokens.

    None where the list computes otherwise than by rates.
    """
    context = {"price_context": {"service_tier": tier}} if tier else {}

    def price(**counts: int) -> Any:
        return prices.calc_price(prices.Usage(**counts), model_ref=model, provider_id=provider, **context)

    plain = price(input_tokens=tokens, output_tokens=0)
    request = plain.total_price - plain.input_price - plain.output_price
    read = price(input_tokens=tokens, output_tokens=0, cache_read_tokens=tokens)
    written = price(input_tokens=tokens, output_tokens=0, cache_write_tokens=tokens)
    made = price(input_tokens=tokens, output_tokens=tokens)
    rates = _Rates(
        request,
        plain.input_price / tokens,
        read.input_price / tokens,
        written.input_price / tokens,
        made.output_price / tokens,
    )
    for share_read, share_written, share_made in _PROBES:
        usage = Usage(
            input_tokens=tokens,
            cache_read_tokens=tokens * share_read // 100 or None,
            cache_write_tokens=tokens * share_written // 100 or None,
            output_tokens=tokens * share_made // 100,
        )
        if not _same(rates.cost(usage), _computed(prices, usage, model, provider, tier)):
            return None
    return rates


def _same(one: Cost, other: Cost | None) -> bool:
    """Return whether two costs are equal but for rounding."""
    return other is not None and all(
        math.isclose(mine or 0.0, its or 0.0, rel_tol=1e-9, abs_tol=1e-15)
        for mine, its in ((one.total, other.total), (one.input, other.input), (one.output, other.output))
    )


@lru_cache(maxsize=1)
def _prices() -> Any:
    try:
        import genai_prices
        import genai_prices.data_snapshot
    except ImportError:
        return None
    return genai_prices
