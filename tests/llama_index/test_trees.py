"""Golden trees of small applications, sync and async, in both conventions at once."""

from __future__ import annotations

import asyncio
from inspect import iscoroutinefunction
from pathlib import Path

import pytest

import spancast
from spancast import destinations, llama_index
from spancast.llama_index import install

from .. import goldens
from . import applications
from .applications import APPLICATIONS
from .conftest import settled

HERE = Path(__file__).parent / "goldens"
CONVENTIONS = ("openinference", "gen_ai")


@pytest.fixture
def built(_defaults: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the applications an index that was built before anything was traced."""
    held = applications.index()
    monkeypatch.setattr(applications, "BUILT", lambda: held)


@pytest.mark.parametrize("name", APPLICATIONS)
def test_the_tree_is_the_golden_one(name: str, built: None) -> None:
    """One run gives the same spans in both conventions, as the golden files say, and leaves nothing open."""
    kept = {convention: destinations.memory(name=convention, convention=convention) for convention in CONVENTIONS}
    with spancast.Pipeline(*kept.values()) as pipeline:
        llama_index.instrument()
        try:
            run = APPLICATIONS[name]
            asyncio.run(run()) if iscoroutinefunction(run) else run()
            settled(lambda: pipeline.recorder.open_operations == 0)
            assert (0, 0) == (pipeline.recorder.open_operations, install._spans.unfinished)
        finally:
            llama_index.uninstrument()
    for convention, destination in kept.items():
        goldens.check(HERE / f"{name}.{convention}.json", destination.spans)
