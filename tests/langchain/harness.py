"""Runs a piece of an application once and keeps what it recorded, in both conventions; for golden trees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import spancast
from spancast import destinations
from spancast.langchain import SpancastCallbackHandler

from .. import goldens

GOLDENS = Path(__file__).parent / "goldens"
CONVENTIONS = ("openinference", "gen_ai")
Work = Callable[[dict[str, Any]], object]


def run(work: Work, *, thread: str | None = "t1") -> dict[str, list[Any]]:
    """Call *work* with a config that has one handler, and a thread; nothing may stay open."""
    kept = {name: destinations.memory(name=name, convention=name) for name in CONVENTIONS}
    with spancast.Pipeline(*kept.values()) as pipeline:
        config: dict[str, Any] = {"callbacks": [SpancastCallbackHandler()]}
        if thread is not None:
            config["configurable"] = {"thread_id": thread}
        work(config)
        assert 0 == pipeline.recorder.open_operations
    return {name: destination.spans for name, destination in kept.items()}


def check(name: str, work: Work, **options: Any) -> list[Any]:
    """Compare what *work* records with the golden trees *name*, one a convention, and return OpenInference's spans."""
    spans = run(work, **options)
    for convention in CONVENTIONS:
        goldens.check(GOLDENS / f"{name}.{convention}.json", spans[convention], brief=True)
    return spans["openinference"]
