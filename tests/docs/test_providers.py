"""The page of providers names every provider that is tested, and no table of the code that is not there."""

from __future__ import annotations

from pathlib import Path

from ..providers import test_langchain as langchain
from ..providers import test_llama_index as llama_index

PAGE = (Path(__file__).parents[2] / "docs/reference/providers.md").read_text()


def test_every_tested_provider_is_on_the_page() -> None:
    """By the first word of its row in the tests' tables."""
    names = {name.split()[0].strip(",") for name in (*langchain.PROVIDERS, *llama_index.PROVIDERS)}
    rows = [line.lower() for line in PAGE.splitlines() if line.startswith("| ")]
    assert [] == sorted(name for name in names if not any(row.startswith(f"| {name}") for row in rows))
