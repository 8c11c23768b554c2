"""Human in the loop: a pause is no error, it is visible, and who resumes joins the trace that paused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, interrupt

import spancast
from spancast import langchain
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler

from ..fakes.langchain import ScriptedChat, call
from .trees import one, traces, tree


def graph(saver: Any, **options: Any) -> Any:
    """Return a graph that works, asks a person, and works again."""

    def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage(interrupt({"question": "sure?"}))]}

    def work(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage("worked")]}

    built = StateGraph(MessagesState)
    built.add_node("before", work)
    built.add_node("ask", ask)
    built.add_node("after", work)
    built.add_edge(START, "before")
    built.add_edge("before", "ask")
    built.add_edge("ask", "after")
    built.add_edge("after", END)
    return built.compile(checkpointer=saver, **options)


def config(thread: str = "t1", **metadata: Any) -> dict[str, Any]:
    return {
        "callbacks": [SpancastCallbackHandler()],
        "configurable": {"thread_id": thread},
        "metadata": metadata,
    }


QUESTION: dict[str, Any] = {"messages": [("user", "hi")]}
JOINED = [
    "CHAIN LangGraph",
    "  CHAIN LangGraph UNSET",
    "    CHAIN before",
    "    CHAIN ask UNSET",
    "  CHAIN LangGraph",
    "    CHAIN ask",
    "    CHAIN after",
]


def test_a_resumed_graph_joins_the_trace_it_paused_in(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """Both runs lie beside each other under one root, which the second one writes; the pause is visible and not red."""
    compiled = graph(InMemorySaver())
    compiled.invoke(QUESTION, config())
    compiled.invoke(Command(resume="yes"), config())
    assert JOINED == tree(memory.spans, status=True)
    assert 1 == traces(memory.spans)
    first, second, root = (span for span in memory.spans if span.name == "LangGraph")
    assert (None, root.span_id, root.span_id) == (root.parent_span_id, first.parent_span_id, second.parent_span_id)
    assert (first.start_ns, second.end_ns) == (root.start_ns, root.end_ns)
    assert (first.attributes["input.value"], second.attributes["output.value"]) == (
        root.attributes["input.value"],
        root.attributes["output.value"],
    )
    assert "t1" == root.attributes["session.id"]
    assert "interrupted" == first.attributes["spancast.ending"]
    assert ["interrupt"] == [event.name for event in first.events]
    assert ["resume"] == [event.name for event in second.events]
    assert first.events[0].attributes["checkpoint_id"] == second.events[0].attributes["checkpoint_id"]
    paused = next(span for span in memory.spans if span.name == "ask" and span.status == "UNSET")
    assert ['{"question":"sure?"}'] == [event.attributes["value"] for event in paused.events]


def test_two_pauses_go_on_under_the_first_root(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """However often a conversation pauses, its trace has one root."""
    model = ScriptedChat(script=[call("approve", {}, "c1"), call("approve", {}, "c2"), "done"])

    @tool
    def approve() -> str:
        """Ask."""
        return str(interrupt("sure?"))

    agent = create_agent(model, [approve], name="planner", checkpointer=InMemorySaver())
    agent.invoke(QUESTION, config())
    agent.invoke(Command(resume="yes"), config())
    agent.invoke(Command(resume="yes"), config())
    assert 1 == traces(memory.spans)
    first, second, third = (span for span in memory.spans if span.kind == "AGENT")
    (root,) = (span for span in memory.spans if span.parent_span_id is None)
    assert {root.span_id} == {first.parent_span_id, second.parent_span_id, third.parent_span_id}
    assert (first.start_ns, third.end_ns, "OK") == (root.start_ns, root.end_ns, root.status)
    assert first.attributes["input.value"] == root.attributes["input.value"]
    assert [] == [span.name for span in memory.spans if span.status == "ERROR"]


def test_a_static_breakpoint_is_a_pause_too(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """A graph compiled to stop before a node goes on with no input, in the same trace."""
    compiled = graph(InMemorySaver(), interrupt_before=["after"])
    compiled.invoke(QUESTION, config())
    compiled.invoke(Command(resume="yes"), config())
    compiled.invoke(None, config())
    assert 1 == traces(memory.spans)
    assert 4 == sum(span.name == "LangGraph" for span in memory.spans)


def test_a_new_question_on_the_same_thread_is_a_new_trace(
    pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """Only who resumes joins; the next turn of the conversation is a trace of its own, in the same session."""
    compiled = graph(InMemorySaver())
    compiled.invoke(QUESTION, config())
    compiled.invoke(QUESTION, config())
    assert 2 == traces(memory.spans)
    assert {"t1"} == {span.attributes["session.id"] for span in memory.spans}
    (root,) = (span for span in memory.spans if span.parent_span_id is None)  # of the first: nobody goes on with it
    assert ("UNSET", "interrupted", True) == (
        root.status,
        root.attributes["spancast.ending"],
        "hi" in root.attributes["input.value"],
    )
    assert "output.value" not in root.attributes


def test_other_threads_do_not_join(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """A pause belongs to its thread."""
    saver = InMemorySaver()
    compiled = graph(saver)
    for thread in ("a", "b"):
        compiled.invoke(QUESTION, config(thread))
    for thread in ("b", "a"):
        compiled.invoke(Command(resume="yes"), config(thread))
    by_trace: dict[str, set[str]] = {}
    for span in memory.spans:
        by_trace.setdefault(span.trace_id, set()).add(span.attributes["session.id"])
    assert [{"a"}, {"b"}] == sorted(by_trace.values(), key=str)


def test_a_resume_inside_another_trace_links_to_the_first(
    pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """Where the resuming run already has a trace, a span link leads to the one that paused, whose root it writes."""
    compiled = graph(InMemorySaver())
    compiled.invoke(QUESTION, config())
    first = one(memory.spans, "LangGraph")
    memory.clear()
    with spancast.trace(trace_name="second request"):
        compiled.invoke(Command(resume="yes"), config())
    root, resumed = sorted((s for s in memory.spans if s.name == "LangGraph"), key=lambda s: s.start_ns)
    assert one(memory.spans, "second request").trace_id == resumed.trace_id != first.trace_id
    assert [(first.trace_id, first.parent_span_id)] == [(link.trace_id, link.span_id) for link in resumed.links]
    assert (first.trace_id, first.parent_span_id, None) == (root.trace_id, root.span_id, root.parent_span_id)
    assert resumed.attributes["output.value"] == root.attributes["output.value"]


def test_a_block_of_the_application_stays_the_root(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """A request's block ends with the request: the run that answers is the next request's, with a link."""
    compiled = graph(InMemorySaver())
    for inputs in (QUESTION, Command(resume="yes")):  # type: ignore[var-annotated]
        with spancast.trace(trace_name="Ask"):
            compiled.invoke(inputs, config())
    assert [None, None] == [span.parent_span_id for span in memory.spans if span.name == "Ask"]
    first, second = (span for span in memory.spans if span.name == "LangGraph")
    assert [(first.trace_id, first.parent_span_id)] == [(link.trace_id, link.span_id) for link in second.links]


def test_a_pause_is_used_up_by_the_run_that_answers_it(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """Going on after an error of a later turn, and replaying an old state, do not land in the older, finished trace."""
    compiled = graph(InMemorySaver())
    compiled.invoke(QUESTION, config())
    compiled.invoke(Command(resume="yes"), config())
    finished = memory.spans[0].trace_id
    memory.clear()
    old = next(state.config for state in compiled.get_state_history(config()) if "ask" in state.next)
    replay = {**config(), "configurable": dict(old["configurable"])}
    compiled.invoke(None, replay)
    assert finished not in {span.trace_id for span in memory.spans}


def test_time_travel_leaves_a_pause_behind(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """A run from another state than the one that waits does not answer; the state that waits, named, is answered."""
    compiled = graph(InMemorySaver())
    compiled.invoke(QUESTION, config())
    waiting = compiled.get_state(config()).config
    older = next(state.config for state in compiled.get_state_history(config()) if "before" in state.next)
    compiled.invoke(None, {**config(), "configurable": dict(older["configurable"])})
    assert 2 == traces(memory.spans)
    memory.clear()
    compiled.invoke(QUESTION, config("t2"))
    waiting = compiled.get_state(config("t2")).config
    compiled.invoke(Command(resume="yes"), {**config("t2"), "configurable": dict(waiting["configurable"])})
    assert 1 == traces(memory.spans)


def test_names_of_the_resuming_run_hold(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """The root that is written at the end is called like the first run's outermost span."""
    compiled = graph(InMemorySaver())
    compiled.invoke(QUESTION, config(trace_name="T", span_name="S"))
    compiled.invoke(Command(resume="yes"), config(span_name="again"))
    root, first = (
        span for span in sorted(memory.spans, key=lambda s: s.parent_span_id is not None) if span.name == "T"
    )
    assert None is root.parent_span_id
    assert (root.span_id, root.span_id) == (first.parent_span_id, one(memory.spans, "again").parent_span_id)


def test_the_installed_handler_joins_as_well(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """LangGraph tells hook handlers nothing of interrupts; the error and the output are enough."""
    compiled = graph(InMemorySaver())
    langchain.instrument()
    try:
        compiled.invoke(QUESTION, {"configurable": {"thread_id": "t1"}})
        compiled.invoke(Command(resume="yes"), {"configurable": {"thread_id": "t1"}})
    finally:
        langchain.uninstrument()
    assert JOINED == tree(memory.spans, status=True)


_PROCESS = """
import sys
sys.path.insert(0, sys.argv[1])
import spancast
from langgraph.types import Command
from tests.langchain.saved import keep, loaded
from tests.langchain.test_human import config, graph
from langgraph.checkpoint.memory import InMemorySaver
import pathlib

spancast.configure(spancast.destinations.file(sys.argv[2] + "/traces.jsonl", convention="openinference"))
kept = pathlib.Path(sys.argv[2], "saved")
if kept.exists():
    graph(loaded(kept)).invoke(Command(resume="yes"), config())
else:
    saver = InMemorySaver()
    graph(saver).invoke({"messages": [("user", "hi")]}, config())
    keep(saver, kept)
"""


@pytest.mark.slow
def test_another_process_joins_the_trace(tmp_path: Path) -> None:
    """A graph paused in one process and resumed in another, as by two workers of one server, is one trace."""
    project = str(Path(__file__).parents[2])
    for _ in range(2):
        subprocess.run([sys.executable, "-c", _PROCESS, project, str(tmp_path)], check=True, timeout=120)
    lines = [orjson.loads(line) for line in (tmp_path / "traces.jsonl").read_bytes().splitlines()]
    spans = [span for line in lines for span in line["resourceSpans"][0]["scopeSpans"][0]["spans"]]
    assert 7 == len(spans)
    assert 1 == len({span["traceId"] for span in spans})
    (root,) = (span for span in spans if "parentSpanId" not in span)
    attributes = {each["key"]: each["value"] for each in root["attributes"]}
    assert ("LangGraph", 1) == (root["name"], root["status"]["code"])
    assert "worked" in attributes["output.value"]["stringValue"]
