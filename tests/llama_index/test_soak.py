"""Thousands of runs of every sort leave nothing open and nothing growing."""

from __future__ import annotations

import asyncio
import gc
import threading
from contextlib import suppress
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.query_engine import RetrieverQueryEngine

import spancast
from spancast import destinations, llama_index
from spancast.llama_index import install
from spancast.llama_index.calls import Call
from spancast.llama_index.streams import StreamEnd
from spancast.recording.current import CurrentSpan
from spancast.recording.open_operation import OpenOperation
from spancast.recording.recorder import MAX_ENDED

from ..fakes.llama_index import PlainReranker, PlainRetriever, ScriptedLLM, calls
from .applications import add
from .conftest import settled

OURS = (OpenOperation, Call, StreamEnd, CurrentSpan)


def engine(streaming: bool, *script: Any) -> RetrieverQueryEngine:
    """Return a query engine without embeddings."""
    llm = ScriptedLLM(*(script or ("a b c",)))
    return RetrieverQueryEngine.from_args(
        PlainRetriever(), llm=llm, node_postprocessors=[PlainReranker()], streaming=streaming
    )


def query(number: int) -> None:
    """Ask in one of five ways: plainly, read to the end, abandoned, never read, failing."""
    way = number % 5
    if way == 0:
        engine(False).query("q")
    elif way == 4:
        with suppress(TimeoutError):
            engine(False, TimeoutError("slow")).query("q")
    else:
        response = engine(True).query("q")
        if way == 1:
            list(response.response_gen)
        elif way == 2:
            next(response.response_gen)


async def run_agent(number: int) -> None:
    """Run an agent to its end, or cancel it amid its work."""
    llm = ScriptedLLM(calls(("add", {"a": 1, "b": 2})), "done")
    handler = FunctionAgent(name="a", tools=[add], llm=llm).run("hi")
    if number % 5 == 0:
        await asyncio.sleep(0)
        with suppress(Exception):
            await handler.cancel_run()
    with suppress(Exception):
        await handler


def counted() -> dict[str, int]:
    """Return how many objects of ours there are."""
    gc.collect()
    found = {kind.__name__: 0 for kind in OURS}
    for held in gc.get_objects():
        if type(held) in OURS:
            found[type(held).__name__] += 1
    return found


@pytest.mark.slow
def test_two_thousand_runs_leave_nothing_open_and_nothing_growing() -> None:
    """2,000 queries, a fifth of them abandoned streams, a fifth unread ones, and 2,000 agent runs, a fifth cancelled."""
    memory = destinations.memory()
    with spancast.Pipeline(memory) as pipeline:
        llama_index.instrument()
        try:
            held = []
            for _ in range(4):
                for number in range(500):
                    query(number)

                async def agents() -> None:
                    for start in range(0, 500, 50):
                        await asyncio.gather(*(run_agent(start + number) for number in range(50)))

                asyncio.run(agents())
                gc.collect()
                settled(lambda: pipeline.recorder.open_operations == 0)
                assert (0, 0) == (pipeline.recorder.open_operations, install.unfinished_calls())
                assert pipeline.flush(30)
                assert 500 * 4 < len(memory.spans)
                memory.clear()
                held.append((counted(), threading.active_count()))
            report = pipeline.report()
            assert [0] == [one.dropped + one.queued for one in report]
        finally:
            llama_index.uninstrument()
    first, last = held[1], held[-1]
    assert last[1] <= first[1] + 4  # LlamaIndex's memory opens a thread for its database now and then
    for name, count in last[0].items():
        assert count <= max(first[0][name] + 50, MAX_ENDED + 50), (name, held)
    assert 20 > last[0]["Call"] + last[0]["StreamEnd"], held
