"""What a generation would cost by the public price lists, where its provider says nothing: the `prices` extra."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .cost import Cost
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


def estimate(usage: Usage, models: tuple[str | None, ...], provider: str | None) -> Cost | None:
    """Return an estimate by the price list of `genai-prices`, for the first of *models* that is on it.

    None without that package, or when it knows none of the models.
    """
    prices = _prices()
    if prices is None or usage.input_tokens is None:
        return None
    known = _PROVIDERS.get(provider or "", provider)
    for name, model in ((name, model) for model in models if model for name in (known, None)):
        if (name, model) not in _unknown:
            cost = _priced(prices, usage, model, name)
            if cost is not None:
                return cost
    return None


_unknown: set[tuple[str | None, str]] = set()


def _priced(prices: Any, usage: Usage, model: str, provider: str | None) -> Cost | None:
    counted = prices.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens or 0,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
    )
    try:
        price = prices.calc_price(counted, model_ref=model, provider_id=provider)
    except (LookupError, ValueError):
        if len(_unknown) < 1024:  # looking up costs 20 us; models that are on no list are asked for again and again
            _unknown.add((provider, model))
        return None
    return Cost(
        total=float(price.total_price),
        input=float(price.input_price),
        output=float(price.output_price),
        source="estimate",
    )


@lru_cache(maxsize=1)
def _prices() -> Any:
    try:
        import genai_prices
    except ImportError:
        return None
    return genai_prices
