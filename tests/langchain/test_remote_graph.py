"""RemoteGraph: a graph on a LangGraph server as a node of another, and what of the trace goes along."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.pregel.remote import RemoteException, RemoteGraph
from langgraph.types import Command, interrupt
from langsmith.run_helpers import get_current_run_tree

import spancast
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler

from ..receivers.langgraph_server import LangGraphServer, langgraph_server
from .harness import check
from .trees import one, traces, tree


class State(TypedDict):
    """What both graphs work on."""

    log: Annotated[list[Any], operator.add]


def graph(node: str, work: Any, **options: Any) -> Any:
    """Return a graph of one node."""
    built = StateGraph(State)
    built.add_node(node, work)
    built.add_edge(START, node)
    built.add_edge(node, END)
    return built.compile(**options)


def far(work: Callable[[Any], Any] = lambda state: {"log": ["far"]}) -> Any:
    """Return the graph of the server."""
    return graph("work", work, checkpointer=InMemorySaver(), name="far")


@pytest.fixture
def config(pipeline: spancast.Pipeline) -> dict[str, Any]:
    """Return a config with one handler."""
    return {"callbacks": [SpancastCallbackHandler()], "metadata": {"user": "u1"}}


@pytest.fixture
def server(config: Any) -> Iterator[LangGraphServer]:
    """Yield a server whose graph is traced, too."""
    with langgraph_server(far(), {"callbacks": config["callbacks"]}) as server:
        yield server


STYLES: dict[str, Callable[..., Any]] = {
    "invoke": lambda graph, given, config: graph.invoke(given, config),
    "ainvoke": lambda graph, given, config: asyncio.run(graph.ainvoke(given, config)),
    "stream": lambda graph, given, config: list(graph.stream(given, config)),
}
GIVEN: dict[str, Any] = {"log": ["near"]}


@pytest.mark.parametrize("style", STYLES)
def test_with_distributed_tracing_the_servers_spans_nest_in_the_node(
    style: str, config: Any, memory: MemoryDestination, server: LangGraphServer
) -> None:
    """The node's span is in the request's `traceparent`; user and metadata go along in the run's config."""
    remote = RemoteGraph("far", url=server.url, distributed_tracing=True)
    STYLES[style](graph("remote", remote, name="near"), GIVEN, config)
    assert ["CHAIN near", "  CHAIN remote", "    CHAIN far", "      CHAIN work"] == tree(memory.spans, status=True)
    ((_, path, headers, body),) = server.requests
    node = one(memory.spans, "remote")
    assert ("/runs/stream", f"00-{node.trace_id}-{node.span_id}-01") == (path, headers["traceparent"])
    assert "u1" == body["config"]["metadata"]["user"] == one(memory.spans, "work").attributes["user.id"]


def test_without_it_nothing_is_sent(config: Any, memory: MemoryDestination, server: LangGraphServer) -> None:
    """The application decides; the server's run is then a trace of its own."""
    graph("remote", RemoteGraph("far", url=server.url), name="near").invoke(GIVEN, config)
    assert "traceparent" not in server.requests[0][2]
    assert 2 == traces(memory.spans)


def test_a_call_inside_a_tool_of_a_node_has_the_tools_span(
    config: Any, memory: MemoryDestination, server: LangGraphServer
) -> None:
    """The nearest span goes along, with headers and baggage of the caller's own."""
    remote = RemoteGraph("far", url=server.url, distributed_tracing=True)

    def work(state: Any) -> Any:
        with spancast.trace(span_name="ask", kind="TOOL"):
            remote.invoke({"log": []}, headers={"baggage": "k=v", "x-own": "1"})
        return {"log": [bool(get_current_run_tree())]}

    result = graph("node", work, name="near").invoke(GIVEN, config)
    assert ["near", False] == result["log"]
    headers = server.requests[0][2]
    asking = one(memory.spans, "ask")
    assert f"00-{asking.trace_id}-{asking.span_id}-01" == headers["traceparent"]
    assert ("1", "k=v") == (headers["x-own"], headers["baggage"].rstrip(","))
    assert 1 == traces(memory.spans)


def test_outside_of_a_graph_the_header_is_the_callers(
    config: Any, memory: MemoryDestination, server: LangGraphServer
) -> None:
    """LangChain sends no event of a RemoteGraph that is called by itself: a block is its span, and gives the header."""
    remote = RemoteGraph("far", url=server.url)
    with spancast.trace(trace_name="Ask", input="near") as trace:
        trace.set_output(remote.invoke(GIVEN, headers={"traceparent": trace.traceparent}))
    assert ["CHAIN Ask", "  CHAIN far", "    CHAIN work"] == tree(memory.spans)


def test_a_pause_on_the_server_is_a_pause_here(config: Any, memory: MemoryDestination) -> None:
    """The remote interrupt stops the graph here, unmarked as an error; the answer goes on in the same trace."""

    def ask(state: Any) -> Any:
        return {"log": [interrupt("sure?")]}

    with langgraph_server(far(ask), {}) as server:
        remote = RemoteGraph("far", url=server.url, distributed_tracing=True)
        near = graph("remote", remote, name="near", checkpointer=InMemorySaver())
        config = {**config, "configurable": {"thread_id": "t1"}}
        paused = near.invoke(GIVEN, config)
        assert "sure?" == paused["__interrupt__"][0].value
        assert ["CHAIN near UNSET", "  CHAIN remote UNSET"] == tree(memory.spans, status=True)
        near.invoke(Command(resume="yes"), config)
    assert 1 == traces(memory.spans)
    assert not [span for span in memory.spans if str(span.status) == "ERROR"]


def test_an_error_on_the_server_is_the_nodes_error(config: Any, memory: MemoryDestination) -> None:
    """Its class is RemoteGraph's."""

    def fail(state: Any) -> Any:
        raise ValueError("broken there")

    with langgraph_server(far(fail), {"callbacks": config["callbacks"]}) as server:
        remote = RemoteGraph("far", url=server.url, distributed_tracing=True)
        with pytest.raises(RemoteException):
            graph("remote", remote, name="near").invoke(GIVEN, config)
    lines = ["CHAIN near ERROR", "  CHAIN remote ERROR", "    CHAIN far ERROR", "      CHAIN work ERROR"]
    assert lines == tree(memory.spans, status=True)
    assert "RemoteException" in one(memory.spans, "remote").attributes["error.type"]


def test_the_golden_tree() -> None:
    """Both sides of a remote graph on a thread, in both conventions."""

    def work(config: dict[str, Any]) -> None:
        with langgraph_server(far(), {"callbacks": config["callbacks"]}) as server:
            remote = RemoteGraph("far", url=server.url, distributed_tracing=True)
            remote.get_graph()
            graph("remote", remote, name="near", checkpointer=InMemorySaver()).invoke(GIVEN, config)

    check("graph_remote", work)
