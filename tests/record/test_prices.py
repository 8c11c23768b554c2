"""Estimated costs are those of the price list, whatever the model, the cache and the length of the input."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import genai_prices
import pytest
from genai_prices import data_snapshot

from spancast.record import prices
from spancast.record.prices import estimate
from spancast.record.usage import Usage


@pytest.fixture(autouse=True)
def _with_price_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what keeps the goldens of other tests free of prices."""
    monkeypatch.setattr(prices, "_prices", lambda: genai_prices)


PROVIDERS = data_snapshot.get_snapshot().providers
COUNTS = [(0, 0, 0, 7), (1_000, 0, 0, 20), (150_000, 50_000, 20_000, 5), (200_000, 1, 0, 0), (300_001, 0, 9, 4_000)]


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.id)
def test_an_estimate_is_what_the_list_computes(provider: genai_prices.types.Provider) -> None:
    """For every model of a provider, below and above the lengths at which its rates change."""
    for model in provider.models:
        for given, read, written, made in COUNTS:
            asked = genai_prices.Usage(
                input_tokens=given,
                output_tokens=made,
                cache_read_tokens=read or None,
                cache_write_tokens=written or None,
            )
            try:
                listed = genai_prices.calc_price(asked, model_ref=model.id, provider_id=provider.id)
            except (LookupError, ValueError):
                continue
            usage = Usage(
                input_tokens=given,
                output_tokens=made,
                cache_read_tokens=read or None,
                cache_write_tokens=written or None,
            )
            cost = estimate(usage, (model.id,), provider.id)
            assert cost is not None
            expected = (float(listed.total_price), float(listed.input_price), float(listed.output_price))
            assert expected == pytest.approx((cost.total, cost.input, cost.output), rel=1e-12, abs=0)


def test_a_service_tier_has_its_own_price() -> None:
    """OpenAI's flex tier costs half; a tier that the list does not know costs what the usual one does."""
    usage = Usage(input_tokens=10_000, output_tokens=500, cache_read_tokens=9_000)
    usual = estimate(usage, ("o4-mini",), "openai")
    flex = estimate(usage, ("o4-mini",), "openai", "flex")
    odd = estimate(usage, ("o4-mini",), "openai", "no-such-tier")
    assert usual is not None
    assert flex is not None
    assert odd == usual == estimate(usage, ("o4-mini",), "openai", "default")
    assert flex.total == pytest.approx((usual.total or 0) / 2, rel=0.01)


def test_the_first_listed_model_counts() -> None:
    """The model that answered comes first; one that is on no list leaves it to the one that was asked for."""
    usage = Usage(input_tokens=10, output_tokens=5)
    assert estimate(usage, ("no-such-model-1", "gpt-4o"), "openai") == estimate(usage, ("gpt-4o",), "openai")
    assert None is estimate(usage, ("no-such-model-1", None), "openai")
    assert None is estimate(Usage(output_tokens=5), ("gpt-4o",), "openai")


@pytest.mark.parametrize(
    ("model", "provider", "listed", "list_of"),
    [
        ("models/gemini-2.5-flash", "google_genai", "gemini-2.5-flash", "google"),
        ("publishers/google/models/gemini-2.5-pro", "google_vertexai", "gemini-2.5-pro", "google"),
        ("anthropic/claude-3.5-sonnet", "openai", "anthropic/claude-3.5-sonnet", "openrouter"),
    ],
)
def test_a_model_under_another_name(model: str, provider: str, listed: str, list_of: str) -> None:
    """A resource's whole name, and a gateway's maker and model asked through another provider's client, are found."""
    usage = Usage(input_tokens=1000, output_tokens=100)
    found = estimate(usage, (model,), provider)
    assert found is not None
    assert found == estimate(usage, (listed,), list_of)


@pytest.mark.parametrize("provider", ["ollama", "vllm", "llamacpp"])
def test_a_local_model_has_no_price(provider: str) -> None:
    """Whatever a model that runs locally is called, a list's price of its namesake is not its own."""
    assert None is estimate(Usage(input_tokens=1000, output_tokens=100), ("deepseek-r1:8b", "gpt-4o"), provider)


def test_counts_that_cannot_be_have_no_price() -> None:
    """More tokens from the cache than in the input: no estimate, and the model stays known."""
    assert None is estimate(Usage(input_tokens=5, output_tokens=1, cache_read_tokens=9), ("gpt-4o",), "openai")
    assert None is not estimate(Usage(input_tokens=5, output_tokens=1), ("gpt-4o",), "openai")


class OddList:
    """A price list that charges the first ten output tokens nothing: no rates say that."""

    Usage = genai_prices.Usage
    data_snapshot = data_snapshot

    def __init__(self) -> None:
        self.asked = 0

    def calc_price(self, usage: Any, **about: Any) -> Any:
        self.asked += 1
        listed = genai_prices.calc_price(usage, **about)
        free = (usage.output_tokens or 0) <= 10
        return SimpleNamespace(
            total_price=listed.input_price if free else listed.total_price,
            input_price=listed.input_price,
            output_price=listed.output_price * (0 if free else 2),
        )


def test_a_list_that_does_not_compute_by_rates_is_asked_for_each_price(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates are tried on usages of several shapes; where one costs otherwise, the list is asked each time."""
    odd = OddList()
    monkeypatch.setattr(prices, "_prices", lambda: odd)
    monkeypatch.setattr(prices, "_rates", {})
    few = estimate(Usage(input_tokens=10, output_tokens=5), ("gpt-4o",), "openai")
    many = estimate(Usage(input_tokens=10, output_tokens=50), ("gpt-4o",), "openai")
    assert few is not None
    assert many is not None
    assert 0 == few.output
    before = odd.asked
    estimate(Usage(input_tokens=10, output_tokens=5), ("gpt-4o",), "openai")
    assert 1 == odd.asked - before


def test_a_list_whose_parts_are_elsewhere_is_asked_for_each_price(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a version without the snapshot that is looked into, only `calc_price` and `Usage` are used."""
    other = SimpleNamespace(Usage=genai_prices.Usage, calc_price=genai_prices.calc_price)
    usage = Usage(input_tokens=1_000, output_tokens=50, cache_read_tokens=400)
    expected = estimate(usage, ("gpt-4o",), "openai")
    monkeypatch.setattr(prices, "_prices", lambda: other)
    found = estimate(usage, ("gpt-4o",), "openai")
    assert found is not None
    assert expected is not None
    assert found.total == pytest.approx(expected.total, rel=1e-12)


def test_a_known_price_is_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first generation of a model the list computes nothing: it is asked which price holds."""
    usage = Usage(input_tokens=1_000, output_tokens=50, cache_read_tokens=400)
    expected = estimate(usage, ("gpt-4o",), "openai")
    monkeypatch.setattr(genai_prices, "calc_price", lambda *_, **__: 1 / 0)
    assert expected == estimate(usage, ("gpt-4o",), "openai")
