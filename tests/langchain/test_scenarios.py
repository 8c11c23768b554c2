"""Every scenario in every calling style: one golden tree each, with all attributes, in both conventions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

import spancast
from spancast import destinations
from spancast.langchain import SpancastCallbackHandler

from .. import goldens
from .scenarios import SCENARIOS, Scenario
from .trees import tree

HERE = Path(__file__).parent / "goldens"


def _invoke(runnable: Any, given: Any, config: Any) -> None:
    runnable.invoke(given, config)


def _ainvoke(runnable: Any, given: Any, config: Any) -> None:
    asyncio.run(runnable.ainvoke(given, config))


def _stream(runnable: Any, given: Any, config: Any) -> None:
    for _ in runnable.stream(given, config):
        pass


def _astream(runnable: Any, given: Any, config: Any) -> None:
    async def go() -> None:
        async for _ in runnable.astream(given, config):
            pass

    asyncio.run(go())


def _batch(runnable: Any, given: Any, config: Any) -> None:
    runnable.batch([given], config)


def _abatch(runnable: Any, given: Any, config: Any) -> None:
    asyncio.run(runnable.abatch([given], config))


STYLES: dict[str, Callable[[Any, Any, Any], None]] = {
    "invoke": _invoke,
    "ainvoke": _ainvoke,
    "stream": _stream,
    "astream": _astream,
    "batch": _batch,
    "abatch": _abatch,
}
CASES = [(name, style) for name, scenario in SCENARIOS.items() for style in scenario.styles]


def run(scenario: Scenario, style: str) -> dict[str, list[Any]]:
    """Run a scenario in one style, recorded in both conventions at once; nothing may stay open."""
    held = {name: destinations.memory(name=name, convention=name) for name in ("openinference", "gen_ai")}
    with spancast.Pipeline(*held.values()) as pipeline:
        config = {"callbacks": [SpancastCallbackHandler()], "metadata": dict(scenario.metadata or {})}
        with pytest.raises(Exception) if scenario.fails else nullcontext():
            STYLES[style](scenario.build(), scenario.input, config)
        assert 0 == pipeline.recorder.open_operations
    return {name: destination.spans for name, destination in held.items()}


@pytest.mark.parametrize("convention", ["openinference", "gen_ai"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_golden_tree(name: str, convention: str) -> None:
    """The scenario, invoked, gives the golden tree with all its attributes."""
    goldens.check(HERE / f"{name}.{convention}.json", run(SCENARIOS[name], "invoke")[convention])


@pytest.mark.parametrize(("name", "style"), CASES)
def test_every_style_gives_the_same_tree(name: str, style: str) -> None:
    """Sync or async, streamed or in a batch: kinds, names, places and endings are those of `invoke`."""
    scenario = SCENARIOS[name]
    expected = _sorted(tree(run(scenario, "invoke")["openinference"], status=True))
    assert expected == _sorted(tree(run(scenario, style)["openinference"], status=True))


def _sorted(lines: list[str]) -> list[str]:
    """Bring siblings, which may start in any order when they run at once, into one order."""

    def blocks(lines: list[str], depth: int) -> list[str]:
        starts = [index for index, line in enumerate(lines) if _depth(line) == depth]
        parts = [lines[start:end] for start, end in zip(starts, [*starts[1:], len(lines)])]
        ordered = sorted([[part[0], *blocks(part[1:], depth + 1)] for part in parts])
        return [line for part in ordered for line in part]

    return blocks(lines, 0)


def _depth(line: str) -> int:
    return (len(line) - len(line.lstrip())) // 2
