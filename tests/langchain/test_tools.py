"""A tool that failed is red and says why, in each form in which LangChain and LangGraph give a failure."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import ToolCall, ToolMessage
from langchain_core.tools import StructuredTool, ToolException, tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, create_react_agent
from langgraph.types import Command

import spancast
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler

from ..fakes.langchain import ScriptedChat, call
from .trees import one, tree

WHY = "RATE_LIMITED: retry after 30 s"
BLOCKS = [{"type": "text", "text": WHY}, {"type": "image", "base64": "aGk=", "mime_type": "image/png"}]

# LangGraph has moved `create_react_agent`; who has it still wants to see it
pytestmark = pytest.mark.filterwarnings("ignore::langgraph.warnings.LangGraphDeprecatedSinceV10")


@pytest.fixture
def config(pipeline: spancast.Pipeline) -> dict[str, Any]:
    """Return a config with one handler."""
    return {"callbacks": [SpancastCallbackHandler()]}


def answering(answer: Any, **options: Any) -> StructuredTool:
    """Return a tool that answers with *answer*, or raises it."""

    def search(query: str) -> Any:
        """Search."""
        if isinstance(answer, Exception):
            raise answer
        return answer

    return StructuredTool.from_function(search, **options)


def failing(content: Any, call_id: str = "call_1") -> ToolMessage:
    """Return a message that tells of a failure."""
    return ToolMessage(content, tool_call_id=call_id, status="error", name="search")


FAILURES: dict[str, tuple[StructuredTool, str]] = {
    "a message": (answering(failing(WHY)), WHY),
    "blocks, as MCP servers give them": (answering(failing(BLOCKS)), WHY),
    "a list of texts": (answering(failing(["one", "two"])), "one\ntwo"),
    "a message in a Command": (answering(Command(update={"messages": [failing(WHY)]})), WHY),
    "the second Command of a list": (answering([Command(goto="x"), Command(update=[failing(WHY)])]), WHY),
    "a handled ToolException": (answering(ToolException(WHY), handle_tool_error=True), WHY),
    "one that a function handled": (answering(ToolException("x"), handle_tool_error=lambda error: BLOCKS), WHY),
    "a handled wrong argument": (answering("", handle_validation_error="wrong argument"), "wrong argument"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_tool_that_answers_with_a_failure_is_red(name: str, config: Any, memory: MemoryDestination) -> None:
    """Status, its description and the exception event tell what the model was told."""
    searcher, why = FAILURES[name]
    arguments = {} if "argument" in name else {"query": "x"}
    searcher.invoke(ToolCall(name="search", args=arguments, id="call_1", type="tool_call"), config)
    span = one(memory.spans, "search")
    assert ("ERROR", why) == (span.status, span.status.message)
    event = next(event for event in span.events if event.name == "exception")
    assert why == event.attributes["exception.message"]


@pytest.mark.parametrize(
    "answer",
    [
        "fine",
        ToolMessage("fine", tool_call_id="call_1"),
        Command(update={"messages": [ToolMessage("fine", tool_call_id="call_1")]}),
        Command(update={"messages": [failing("another tool's failure, earlier", "call_0")]}),
        Command(goto="elsewhere"),
        {"messages": "no messages"},
        {"status": "error"},
    ],
)
def test_a_tool_that_answers_is_not(answer: Any, config: Any, memory: MemoryDestination) -> None:
    """Neither a good answer nor another tool's failure in the update of a state is a failure of this tool."""
    answering(answer).invoke(ToolCall(name="search", args={"query": "x"}, id="call_1", type="tool_call"), config)
    assert "OK" == one(memory.spans, "search").status


@tool
def known(x: str) -> str:
    """Exist."""
    return x


@pytest.mark.parametrize("build", [create_agent, create_react_agent])
def test_a_tool_that_does_not_exist_is_red(build: Any, config: Any, memory: MemoryDestination) -> None:
    """LangChain calls nothing and sends no event: the answer of the tool node shows what the model asked for."""
    model = ScriptedChat(script=[call("known", {"x": "1"}), call("ghost", {"x": "2"}, "call_2"), "done"])
    build(model, [known], name="agent_1").invoke({"messages": [("user", "hi")]}, config)
    ghost = one(memory.spans, "ghost")
    assert ("TOOL", "ERROR", '{"x":"2"}') == (ghost.kind.value, ghost.status, ghost.attributes["input.value"])
    assert "ghost is not a valid tool" in ghost.status.message
    assert "tools" == next(span.name for span in memory.spans if span.span_id == ghost.parent_span_id)
    assert ["ghost"] == [span.name for span in memory.spans if span.status == "ERROR"]


def test_the_name_that_a_model_invents_stays_at_home() -> None:
    """In privacy mode a tool that the program does not have is shown, by the hash of its name."""
    hidden = spancast.destinations.memory(privacy_mode=True)
    with spancast.Pipeline(hidden):
        model = ScriptedChat(script=[call("my PIN is 4711", {"x": "2"}), call("ghost_4711", {}, "call_2"), "done"])
        create_agent(model, [known], name="a").invoke(
            {"messages": [("user", "hi")]}, {"callbacks": [SpancastCallbackHandler()]}
        )
    assert ["ERROR", "ERROR"] == [span.status for span in hidden.spans if span.kind.value == "TOOL"]
    assert "4711" not in str([(span.name, span.attributes, span.events, span.status.message) for span in hidden.spans])


def test_a_tool_node_of_ones_own_graph_shows_it_too(config: Any, memory: MemoryDestination) -> None:
    """There the node is given the whole state: the arguments are in its last message."""
    built = StateGraph(MessagesState)
    built.add_node("act", ToolNode([known]))
    built.add_edge(START, "act")
    built.add_edge("act", END)
    asked = call("known", {"x": "1"})
    asked.tool_calls.append({"name": "ghost", "args": {"x": "2"}, "id": "call_2"})
    built.compile().invoke({"messages": [asked]}, config)
    ghost = one(memory.spans, "ghost")
    assert ("ERROR", '{"x":"2"}') == (ghost.status, ghost.attributes["input.value"])
    assert {"ghost", "known"} == {span.name for span in memory.spans if span.kind.value == "TOOL"}


@pytest.mark.parametrize("build", [create_agent, create_react_agent])
def test_a_tool_that_was_called_and_failed_is_shown_once(build: Any, config: Any, memory: MemoryDestination) -> None:
    """The tool node's answer tells of the same failure: no second span."""
    searcher = answering(ToolException(WHY), handle_tool_error=True)
    model = ScriptedChat(script=[call("search", {"query": "x"}), "sorry"])
    build(model, [searcher], name="agent_1").invoke({"messages": [("user", "hi")]}, config)
    assert ["search"] == [span.name for span in memory.spans if span.kind.value == "TOOL"]
    assert ["search"] == [span.name for span in memory.spans if span.status == "ERROR"]


def test_a_refused_call_of_a_middleware_is_no_tool(config: Any, memory: MemoryDestination) -> None:
    """A hook that answers for a tool in its own node, as a limit does, has not failed."""
    from langchain.agents.middleware import ToolCallLimitMiddleware

    limit = ToolCallLimitMiddleware(run_limit=1, exit_behavior="continue")
    model = ScriptedChat(script=[call("known", {"x": "1"}), call("known", {"x": "2"}, "call_2"), "done"])
    create_agent(model, [known], middleware=[limit]).invoke({"messages": [("user", "hi")]}, config)
    assert [] == [line for line in tree(memory.spans, status=True) if "ERROR" in line]


def test_the_executors_stand_in_for_a_tool_that_does_not_exist_is_red(config: Any, memory: MemoryDestination) -> None:
    """The classic executor calls `invalid_tool` instead, which answers as if nothing had happened."""
    from langchain_core.tools import BaseTool

    class InvalidTool(BaseTool):
        name: str = "invalid_tool"
        description: str = "Called when tool name is invalid. Suggests valid tool names."

        def _run(self, requested_tool_name: str, available_tool_names: list[str]) -> str:
            return f"{requested_tool_name} is not a valid tool, try one of [{', '.join(available_tool_names)}]."

    InvalidTool().invoke({"requested_tool_name": "ghost", "available_tool_names": ["known"]}, config)
    span = one(memory.spans, "invalid_tool")
    assert ("ERROR", True) == (span.status, "ghost is not a valid tool" in span.status.message)
