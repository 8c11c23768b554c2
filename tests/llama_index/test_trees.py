"""Golden trees of small applications, sync and async, in both conventions at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from inspect import iscoroutinefunction
from typing import Any

import pytest

import spancast
from spancast import destinations, llama_index
from spancast.llama_index import install

from .. import goldens
from . import applications, broken_streams  # noqa: F401 - the second adds its own
from .applications import APPLICATIONS
from .conftest import all_ended, settled
from .framework import golden_of

CONVENTIONS = ("openinference", "gen_ai")


@pytest.fixture
def built(_defaults: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the applications an index that was built before anything was traced."""
    held = applications.index()
    monkeypatch.setattr(applications, "BUILT", lambda: held)


def run(name: str, kept: dict[str, Any], **options: Any) -> None:
    """Run an application, recorded for the destinations *kept*; in the end nothing is open."""
    with spancast.Pipeline(*kept.values()) as pipeline:
        llama_index.instrument(**options)
        try:
            application = APPLICATIONS[name]
            asyncio.run(application()) if iscoroutinefunction(application) else application()
            settled(lambda: all_ended(pipeline) and not install.unfinished_calls())
            assert (0, 0) == (pipeline.recorder.open_operations, install.unfinished_calls())
        finally:
            llama_index.uninstrument()


@pytest.mark.parametrize("name", APPLICATIONS)
def test_the_tree_is_the_golden_one(name: str, built: None) -> None:
    """One run gives the same spans in both conventions, as the golden files say, and leaves nothing open."""
    kept = {convention: destinations.memory(name=convention, convention=convention) for convention in CONVENTIONS}
    run(name, kept)
    for convention, destination in kept.items():
        goldens.check(golden_of(name, convention), destination.spans)


def without_chains(spans: Sequence[Any]) -> list[str]:
    """Return the tree of kinds without the chains."""
    children: dict[str | None, list[Any]] = {}
    for span in sorted(spans, key=lambda span: span.start_ns):
        children.setdefault(span.parent_span_id, []).append(span)
    lines: list[str] = []

    def walk(parent: str | None, depth: int) -> None:
        for span in children.get(parent, []):
            shown = span.kind.value != "CHAIN"
            if shown:
                lines.append(f"{'  ' * depth}{span.kind.value} {span.status} {span.attributes.get('spancast.ending')}")
            walk(span.span_id, depth + shown)

    walk(None, 0)
    return lines


@pytest.mark.parametrize("name", APPLICATIONS)
def test_full_detail_only_adds_chains(name: str, built: None) -> None:
    """With `detail="full"` every call is shown; models, tools, agents and the rest are the same, in the same places."""
    normal, full = destinations.memory(), destinations.memory()
    run(name, {"": normal})
    run(name, {"": full}, detail="full")
    assert without_chains(normal.spans) == without_chains(full.spans)
    assert len(normal.spans) <= len(full.spans)
