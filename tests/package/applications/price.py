"""Estimates what a call would cost, by the price list of the `prices` extra."""

from __future__ import annotations

from spancast.record.prices import estimate
from spancast.record.usage import Usage


def main() -> None:
    """Print the estimate of a call of 1,000 tokens in and 1,000 out."""
    cost = estimate(Usage(input_tokens=1000, output_tokens=1000), ("gpt-4o",), "openai")
    print("openai", cost and cost.total)


if __name__ == "__main__":
    main()
