"""LangGraph's functional API: entrypoints and tasks in one tree, golden in both conventions."""

from __future__ import annotations

import asyncio
from typing import Any

from langgraph.cache.memory import InMemoryCache
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.types import CachePolicy, Command, RetryPolicy, interrupt

from ..fakes.langchain import ScriptedChat
from .harness import check, run
from .trees import traces, tree


def test_tasks_lie_in_their_entrypoint_and_each_turn_is_a_trace() -> None:
    """A task's model call lies in the task; `previous` is what the turn before saved; the thread is the session."""

    @task
    def translate(text: str) -> str:
        return str(ScriptedChat(script=["bonjour"]).invoke(text).content)

    @entrypoint(checkpointer=InMemorySaver())
    def flow(text: str, *, previous: Any = None) -> Any:
        said = translate(text).result()
        return entrypoint.final(value={"said": said, "turns": previous or 0}, save=(previous or 0) + 1)

    def work(config: dict[str, Any]) -> None:
        assert [0, 1] == [flow.invoke("hello", config)["turns"] for _ in range(2)]

    spans = check("functional", work)
    turn = ["CHAIN LangGraph", "  CHAIN flow", "    CHAIN translate", "      LLM ScriptedChat"]
    assert [*turn, *turn] == tree(spans, status=True)
    assert (2, {"t1"}) == (traces(spans), {span.attributes["session.id"] for span in spans})


def test_tasks_that_run_together_are_siblings() -> None:
    """Asynchronous tasks, gathered."""

    @task
    async def double(value: int) -> int:
        await asyncio.sleep(0)
        return 2 * value

    @entrypoint()
    async def flow(count: int) -> int:
        return sum(await asyncio.gather(*[double(each) for each in range(count)]))

    spans = run(lambda config: asyncio.run(flow.ainvoke(3, config)))["openinference"]
    assert ["CHAIN LangGraph", "  CHAIN flow", *["    CHAIN double"] * 3] == tree(spans, status=True)


def test_attempts_of_a_task_are_told_apart() -> None:
    """A task that is tried again is red, counted, and its entrypoint is not red."""
    tries: list[int] = []

    @task(retry_policy=RetryPolicy(max_attempts=3, initial_interval=0.0, jitter=False))
    def flaky() -> str:
        tries.append(1)
        if len(tries) % 2:
            raise ConnectionError("later")
        return "fine"

    @entrypoint()
    def flow(_: Any) -> str:
        return str(flaky().result())

    spans = check("functional_retry", lambda config: flow.invoke(1, config))
    lines = ["CHAIN LangGraph", "  CHAIN flow", "    CHAIN flaky ERROR", "    CHAIN flaky"]
    assert lines == tree(spans, status=True)
    assert [None, 2] == [span.attributes.get("metadata.node_attempt") for span in spans if span.name == "flaky"]


def test_a_cached_task_is_not_called() -> None:
    """What the cache answers has no span: nothing ran."""

    @task(cache_policy=CachePolicy())
    def square(value: int) -> int:
        return value * value

    @entrypoint(cache=InMemoryCache())
    def flow(value: int) -> int:
        return int(square(value).result())

    spans = run(lambda config: [flow.invoke(3, config) for _ in range(2)])["openinference"]
    first = ["CHAIN LangGraph", "  CHAIN flow", "    CHAIN square"]
    assert [*first, *first[:2]] == tree(spans, status=True)


def test_an_entrypoint_that_asks_goes_on_in_its_trace() -> None:
    """The task that was done before the pause is not done again, and has one span."""

    @task
    def draft(text: str) -> str:
        return f"a draft of {text}"

    @entrypoint(checkpointer=InMemorySaver())
    def flow(text: str) -> str:
        return f"{draft(text).result()}: {interrupt('publish?')}"

    def work(config: dict[str, Any]) -> None:
        flow.invoke("news", config)
        flow.invoke(Command(resume="yes"), config)

    spans = check("functional_interrupt", work)
    first = ["  CHAIN LangGraph UNSET", "    CHAIN flow UNSET", "      CHAIN draft"]
    assert ["CHAIN LangGraph", *first, "  CHAIN LangGraph", "    CHAIN flow"] == tree(spans, status=True)
    assert 1 == traces(spans)
