"""Tools that fail are red and say why, however they say it."""

from __future__ import annotations

import asyncio
from inspect import iscoroutinefunction
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.tools import FunctionTool, ToolOutput
from llama_index.core.tools.function_tool import AsyncCallable
from pydantic import BaseModel

from spancast import destinations
from spancast.destinations import MemoryDestination
from spancast.llama_index.tools import failure_in

from ..fakes.llama_index import ScriptedLLM, calls
from ..langchain.trees import one

pytestmark = pytest.mark.usefixtures("instrumented")
WORDS = "no such order"


class TextContent(BaseModel):
    type: str = "text"
    text: str


class CallToolResult(BaseModel):
    """The shape of `mcp.types.CallToolResult`, which LlamaIndex's MCP tools hand on as they got it."""

    content: list[TextContent]
    isError: bool = False


def marked() -> ToolOutput:
    """Return an output that is marked as an error; LlamaIndex wraps it as a success."""
    return ToolOutput(content=WORDS, tool_name="marked", raw_input={}, raw_output=None, is_error=True)


async def remote() -> CallToolResult:
    """Return what an MCP server answers when its tool fails."""
    return CallToolResult(content=[TextContent(text=WORDS)], isError=True)


async def as_data() -> dict[str, Any]:
    """Return the same as plain data."""
    return {"content": [{"type": "text", "text": WORDS}], "isError": True}


def raising() -> str:
    """Raise."""
    raise LookupError(WORDS)


def tool_of(function: Any) -> FunctionTool:
    """Return a tool of a sync or async function."""
    if iscoroutinefunction(function):
        wrapped: AsyncCallable = function
        return FunctionTool.from_defaults(async_fn=wrapped)
    return FunctionTool.from_defaults(function)


def run(agent: Any) -> None:
    """Run an agent to its end."""

    async def go() -> None:
        await agent.run("go")

    asyncio.run(go())


@pytest.mark.parametrize("function", [marked, remote, as_data, raising])
def test_a_tool_that_failed_is_red_and_says_why(function: Any, memory: MemoryDestination) -> None:
    """Whether it raised, was marked or came from an MCP server; the agent goes on and is not red."""
    llm = ScriptedLLM(calls((function.__name__, {})), "It cannot be done")
    run(FunctionAgent(name="clerk", tools=[tool_of(function)], llm=llm))
    span = one(memory.spans, function.__name__)
    assert ("TOOL", "ERROR", WORDS) == (span.kind.value, str(span.status), span.status.message)
    assert span.attributes["error.type"]
    assert "OK" == str(one(memory.spans, "clerk").status)


@pytest.mark.parametrize("build", ["function", "react", "several"])
def test_a_tool_that_does_not_exist_is_red(build: str, memory: MemoryDestination) -> None:
    """No tool is called, so the span is made of what the agent's step says; in every sort of agent."""
    script: list[Any] = [calls(("no_such_tool", {"x": 1})), "done"]
    if build == "react":
        script = [
            'Thought: a tool\nAction: no_such_tool\nAction Input: {"x": 1}',
            "Thought: I can answer without using any more tools.\nAnswer: done",
        ]
    kind: Any = ReActAgent if build == "react" else FunctionAgent
    agent: Any = kind(name="clerk", description="d", tools=[tool_of(raising)], llm=ScriptedLLM(*script))
    if build == "several":
        agent = AgentWorkflow(agents=[agent], root_agent="clerk")
    run(agent)
    span = one(memory.spans, "no_such_tool")
    assert ("TOOL", "ERROR", '{"x":1}') == (span.kind.value, str(span.status), span.attributes["input.value"])
    assert "no_such_tool" in span.status.message


def test_a_tool_that_did_not_fail_is_not_red(memory: MemoryDestination) -> None:
    """Marks that say so, and data that merely has such a name."""
    for output in (
        None,
        "text",
        {"isError": False},
        {"isError": "no"},
        ToolOutput(content="x", tool_name="t", raw_input={}, raw_output={"is_error": 0}),
    ):
        assert None is failure_in(output)


def test_privacy_hides_what_a_failed_tool_says() -> None:
    """The tool's words are content; that it failed is not."""
    import spancast
    from spancast import llama_index

    memory = destinations.memory(privacy_mode=True)
    with spancast.Pipeline(memory):
        llama_index.instrument()
        tool_of(marked).call()
    (span,) = memory.spans
    assert "ERROR" == str(span.status)
    assert WORDS not in repr((span.attributes, span.events, span.status.message))


def test_a_tools_words_are_bounded() -> None:
    """However much a tool has to say, its message is short."""
    blocks = [TextContent(text="x" * 1_000)] * 10_000
    assert 2_100 > len(
        str(
            failure_in(
                ToolOutput(
                    content="", tool_name="t", raw_input={}, raw_output=CallToolResult(content=blocks, isError=True)
                )
            )
        )
    )
