"""deepagents: planning, file tools, subagents, asynchronous subagents and interrupts, each in one readable tree."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from deepagents import create_deep_agent
from deepagents.backends import StateBackend
from deepagents.middleware.async_subagents import AsyncSubAgentMiddleware
from deepagents.middleware.summarization import SummarizationMiddleware

import spancast
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler

from ..fakes.langchain import ScriptedChat, call
from .deep import TASK, decide, deep_agent
from .trees import one, traces, tree

QUESTION: dict[str, Any] = {"messages": [("user", "What do cats do?")]}


@pytest.fixture
def config(pipeline: spancast.Pipeline) -> dict[str, Any]:
    """Return a config with one handler."""
    return {"callbacks": [SpancastCallbackHandler()], "configurable": {"thread_id": "t1"}}


def test_a_subagent_is_one_and_nests_in_its_task(config: Any, memory: MemoryDestination) -> None:
    """`task` begins an agent beneath the tool, marked as LangChain marks it for LangSmith."""
    deep_agent().invoke(QUESTION, config)
    task, researcher, writer = (one(memory.spans, name) for name in ("task", "researcher", "writer"))
    assert (task.span_id, "AGENT") == (researcher.parent_span_id, researcher.kind.value)
    assert ("subagent", None) == tuple(a.attributes.get("metadata.ls_agent_type") for a in (researcher, writer))
    assert ("researcher", "writer") == (researcher.attributes["agent.name"], writer.attributes["agent.name"])
    assert 1 == traces(memory.spans)


def test_a_deep_agent_without_a_name_is_an_agent(config: Any, memory: MemoryDestination) -> None:
    """The package marks the run as its own; a name is up to the application."""
    create_deep_agent(ScriptedChat(script=["hello"])).invoke(QUESTION, config)
    root = next(span for span in memory.spans if span.parent_span_id is None)
    assert ("AGENT", "agent") == (root.kind.value, root.attributes["agent.name"])


def test_what_the_harness_only_edits_is_left_out_unless_it_is_asked_for(
    pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """Middlewares that add to a request or tidy a state stand around each call: `detail="full"` shows them."""
    names = []
    for detail in ("normal", "full"):
        config = {"callbacks": [SpancastCallbackHandler(detail=detail)], "configurable": {"thread_id": detail}}
        deep_agent(["hello"]).invoke(QUESTION, config)
        names.append({span.name for span in memory.spans if "Middleware." in span.name})
        memory.clear()
    assert set() == names[0]
    edits = {
        f"{name}.wrap_model_call" for name in ("FilesystemMiddleware", "SubAgentMiddleware", "SummarizationMiddleware")
    }
    assert edits <= names[1]
    assert "PatchToolCallsMiddleware.before_agent" in names[1]


def test_an_interrupt_before_a_tool_joins_when_it_is_answered(config: Any, memory: MemoryDestination) -> None:
    """`interrupt_on`: the pause is no error, and the run that answers goes on in the same trace."""
    decide({"type": "approve"}, "Written.", QUESTION, config)
    assert 1 == traces(memory.spans)
    assert "TOOL" == one(memory.spans, "write_file").kind.value
    assert "OK" == str(one(memory.spans, "write_file").status)
    assert not [span.name for span in memory.spans if str(span.status) == "ERROR"]
    hooks = [span for span in memory.spans if span.name.startswith("HumanInTheLoopMiddleware.")]
    assert {"GUARDRAIL"} == {span.kind.value for span in hooks}


def test_a_subagent_that_fails_fails_its_task(config: Any, memory: MemoryDestination) -> None:
    """An unknown subagent is an answer of the tool; the agent goes on."""
    agent = deep_agent([call("task", {**TASK, "subagent_type": "nobody"}), "Nobody there."])
    agent.invoke(QUESTION, config)
    lines = tree(memory.spans)
    assert "AGENT writer" == lines[0]
    assert not [line for line in lines if "researcher" in line]


def test_an_asynchronous_subagent_is_a_tool_that_names_its_task(
    config: Any, memory: MemoryDestination, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The remote run is another process's: what stands here is the tool that began it."""
    made = {
        "/threads": {"thread_id": "00000000-0000-0000-0000-000000000001", "status": "idle"},
        "/runs": {"run_id": "00000000-0000-0000-0000-000000000002", "status": "pending"},
    }

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=next(body for end, body in made.items() if request.url.path.endswith(end)))

    real = httpx.Client.__init__

    def client(self: Any, *arguments: Any, **keywords: Any) -> None:
        real(self, *arguments, **{**keywords, "transport": httpx.MockTransport(answer)})

    monkeypatch.setattr(httpx.Client, "__init__", client)
    remote: Any = {"name": "far", "description": "d", "graph_id": "g", "url": "http://127.0.0.1:9"}
    agent = deep_agent(
        [call("start_async_task", {"description": "go", "subagent_type": "far"}), "Started."],
        middleware=[AsyncSubAgentMiddleware(async_subagents=[remote])],
        subagents=[],
    )
    agent.invoke(QUESTION, config)
    started = one(memory.spans, "start_async_task")
    assert ("TOOL", "OK") == (started.kind.value, str(started.status))
    assert 1 == traces(memory.spans)


def test_a_summary_is_a_marked_call(config: Any, memory: MemoryDestination) -> None:
    """What the harness asks a model for itself says so; the agent's own calls do not."""
    long = [("user", "cats " * 2000), ("assistant", "purr " * 2000)] * 3
    small = ScriptedChat(script=["a summary"], model_name="small")
    summariser = SummarizationMiddleware(small, backend=StateBackend(), trigger=("tokens", 100), keep=("messages", 2))
    agent = deep_agent(["hello"], middleware=[summariser], subagents=[])
    agent.invoke({"messages": [*long, *QUESTION["messages"]]}, config)
    calls = [span for span in memory.spans if span.kind.value == "LLM"]
    assert {"small": True, "gpt-4o": None} == {
        span.attributes["llm.request.model_name"]: span.attributes.get("spancast.internal_call") for span in calls
    }
