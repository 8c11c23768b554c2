"""Graphs that go on from a checkpoint: after a failure, in another process, from a former state; fan-out and subgraphs."""

from __future__ import annotations

import operator
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypedDict

import orjson
import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, RetryPolicy, Send, interrupt

import spancast
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler

from .harness import check
from .trees import traces, tree


class State(TypedDict):
    """What the nodes say, in turn."""

    log: Annotated[list[Any], operator.add]


def graph(saver: Any, middle: Callable[[Any], Any] = lambda state: {"log": ["two"]}) -> Any:
    """Return a graph of three nodes."""
    built = StateGraph(State)
    for name, work in (("one", lambda state: {"log": ["one"]}), ("two", middle), ("three", lambda state: {"log": [3]})):
        built.add_node(name, work)
    for start, end in ((START, "one"), ("one", "two"), ("two", "three"), ("three", END)):
        built.add_edge(start, end)
    return built.compile(checkpointer=saver, name="steps")


def config(**configurable: Any) -> dict[str, Any]:
    """Return a config with one handler and a thread."""
    return {"callbacks": [SpancastCallbackHandler()], "configurable": {"thread_id": "t1", **configurable}}


def failing_once() -> Callable[[Any], Any]:
    """Return a node that fails the first time."""
    tries: list[int] = []

    def work(state: Any) -> Any:
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("the service is down")
        return {"log": ["two"]}

    return work


FAILED = ["CHAIN steps ERROR", "  CHAIN one", "  CHAIN two ERROR"]
WENT_ON = ["CHAIN steps", "  CHAIN two", "  CHAIN three"]


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_a_run_that_goes_on_after_a_failure_is_linked_to_it(
    durability: str, pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """A trace of its own in the same session; the next turn has no link."""
    steps = graph(InMemorySaver(), failing_once())
    with pytest.raises(ConnectionError):
        steps.invoke({"log": []}, config(), durability=durability)
    steps.invoke(None, config(), durability=durability)
    steps.invoke({"log": []}, config(), durability=durability)
    assert [*FAILED, *WENT_ON] == tree(memory.spans, status=True)[:6]
    failed, went_on, next_turn = (span for span in memory.spans if span.name == "steps")
    assert [(failed.trace_id, failed.span_id)] == [(link.trace_id, link.span_id) for link in went_on.links]
    assert (3, ()) == (traces(memory.spans), tuple(next_turn.links))


def test_a_new_question_after_a_failure_has_no_link(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """It does not go on: and the run after it does not either."""
    steps = graph(InMemorySaver(), failing_once())
    with pytest.raises(ConnectionError):
        steps.invoke({"log": []}, config())
    steps.invoke({"log": []}, config())
    steps.invoke(None, config())
    assert [(), ()] == [tuple(span.links) for span in memory.spans if span.name == "steps"][1:]


_PROCESS = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
import spancast
from langgraph.checkpoint.memory import InMemorySaver
from tests.langchain.saved import keep, loaded
from tests.langchain.test_durable import config, failing_once, graph

spancast.configure(spancast.destinations.file(sys.argv[2] + "/traces.jsonl"))
kept = pathlib.Path(sys.argv[2], "saved")
if kept.exists():
    graph(loaded(kept)).invoke(None, config(), durability="sync")
else:
    saver = InMemorySaver()
    try:
        graph(saver, failing_once()).invoke({"log": []}, config(), durability="sync")
    finally:
        keep(saver, kept)
"""


@pytest.mark.slow
def test_a_process_that_crashed_and_the_one_that_goes_on(tmp_path: Path) -> None:
    """The exception ends the first process; the link is there all the same."""
    project = str(Path(__file__).parents[2])
    codes = []
    for _ in range(2):
        command = [sys.executable, "-c", _PROCESS, project, str(tmp_path)]
        codes.append(subprocess.run(command, stderr=subprocess.DEVNULL, timeout=120).returncode)
    assert [1, 0] == codes
    lines = [orjson.loads(line) for line in (tmp_path / "traces.jsonl").read_bytes().splitlines()]
    spans = [span for line in lines for span in line["resourceSpans"][0]["scopeSpans"][0]["spans"]]
    failed, went_on = (span for span in spans if "parentSpanId" not in span)
    assert [(failed["traceId"], failed["spanId"])] == [
        (link["traceId"], link["spanId"]) for link in went_on.get("links", ())
    ]


def test_time_travel_is_a_trace_of_its_own() -> None:
    """A replay from a former checkpoint and a fork: the nodes that ran again, in the same session, without a link."""

    def work(_: Any) -> None:
        steps = graph(InMemorySaver())
        steps.invoke({"log": []}, config())
        past = next(state for state in steps.get_state_history(config()) if state.next == ("two",))
        steps.invoke(None, config(**past.config["configurable"]))
        fork = steps.update_state(past.config, {"log": ["edited"]})
        steps.invoke(None, config(**fork["configurable"]))

    spans = check("graph_time_travel", work)
    assert ["CHAIN steps", "  CHAIN one", "  CHAIN two", "  CHAIN three", *WENT_ON, *WENT_ON] == tree(
        spans, status=True
    )
    roots = [span for span in spans if span.name == "steps"]
    assert (3, [(), (), ()], {"t1"}) == (
        traces(spans),
        [tuple(root.links) for root in roots],
        {root.attributes["session.id"] for root in roots},
    )
    assert '{"log":["one","edited","two",3]}' == roots[-1].attributes["output.value"]


def test_a_fan_out_in_which_one_branch_is_tried_again() -> None:
    """Three branches of one node, and the second attempt of one: counted by task, not by name."""
    tries: list[int] = []

    def work(state: Any) -> Any:
        tries.append(1)
        if len(tries) in (2, 6):  # the golden is made of one run for each convention
            raise ConnectionError("busy")
        return {"log": state["log"]}

    built = StateGraph(State)
    built.add_node("plan", lambda state: {})
    built.add_node("work", work, retry_policy=RetryPolicy(initial_interval=0.0, jitter=False))
    built.add_node("join", lambda state: Command(goto=END, update={"log": ["joined"]}))
    built.add_edge(START, "plan")
    built.add_conditional_edges("plan", lambda state: [Send("work", {"log": [n]}) for n in range(3)], ["work"])
    built.add_edge("work", "join")
    fan = built.compile(name="fan")
    spans = check("graph_fan_out_retry", lambda config: fan.invoke({"log": []}, {**config, "max_concurrency": 1}))
    branches = [span for span in spans if span.name == "work"]
    assert [("OK", None), ("ERROR", None), ("OK", 2), ("OK", None)] == [
        (str(span.status), span.attributes.get("metadata.node_attempt"))
        for span in sorted(branches, key=lambda span: span.start_ns)
    ]


def test_a_pause_in_a_subgraph_of_a_subgraph() -> None:
    """Each level is interrupted and goes on; one trace, nothing red."""

    def nest(node: str, inner: Any, **options: Any) -> Any:
        built = StateGraph(State)
        built.add_node(node, inner)
        built.add_edge(START, node)
        built.add_edge(node, END)
        return built.compile(**options)

    deep = nest("ask", lambda state: {"log": [interrupt("sure?")]}, name="deep")
    middle = nest("deep", deep, name="middle")

    def work(config: dict[str, Any]) -> None:
        outer = nest("middle", middle, name="outer", checkpointer=InMemorySaver())
        outer.invoke({"log": []}, config)
        outer.invoke(Command(resume="yes"), config)

    spans = check("graph_deep_interrupt", work)
    names = ["outer", "middle", "middle", "deep", "deep", "ask"]
    levels = [f"{'  ' * (depth + 1)}CHAIN {name}" for depth, name in enumerate(names)]
    assert ["CHAIN outer", *(f"{line} UNSET" for line in levels), *levels] == tree(spans, status=True)
