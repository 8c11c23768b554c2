"""deepagents' harness, golden in both conventions: a plan, files, subagents here and elsewhere, and a pause for a human."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from deepagents.middleware.async_subagents import AsyncSubAgentMiddleware

from ..fakes.langchain import call
from .deep import decide, deep_agent
from .harness import check, run
from .trees import traces, tree

QUESTION: dict[str, Any] = {"messages": [("user", "What do cats do?")]}
STYLES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "invoke": lambda agent, given, config: agent.invoke(given, config),
    "ainvoke": lambda agent, given, config: asyncio.run(agent.ainvoke(given, config)),
    "stream": lambda agent, given, config: list(agent.stream(given, config, subgraphs=True)),
}
MODEL = ["  CHAIN model", "    LLM ScriptedChat"]


def turn(*tools: str) -> list[str]:
    """Return the lines of one turn of the agent: its model, and these tools."""
    return [*MODEL, *(["  CHAIN tools"] if tools else []), *(f"    TOOL {name}" for name in tools)]


def deeper(levels: int, lines: list[str]) -> list[str]:
    """Return *lines* further to the right."""
    return ["  " * levels + line for line in lines]


def test_a_plan_files_and_a_subagent() -> None:
    """Each tool of the harness lies in its turn; the subagent is an agent beneath `task`."""
    spans = check("deep_agent", lambda config: deep_agent().invoke(QUESTION, config))
    subagent = deeper(3, ["AGENT researcher", *MODEL])
    turns = [turn("write_todos"), turn("write_file"), turn("read_file"), turn("task"), subagent, turn()]
    assert ["AGENT writer", *(line for lines in turns for line in lines)] == tree(spans, status=True)
    assert 1 == traces(spans)


@pytest.mark.parametrize("style", STYLES)
def test_every_style_gives_the_same_tree(style: str) -> None:
    """Sync, async and streamed with subgraphs."""
    expected = tree(run(lambda config: deep_agent().invoke(QUESTION, config))["openinference"])
    assert expected == tree(run(lambda config: STYLES[style](deep_agent(), QUESTION, config))["openinference"])


ASKED = "  GUARDRAIL HumanInTheLoopMiddleware.after_model"
FIRST = ["AGENT writer UNSET", *MODEL, f"{ASKED} UNSET"]


def test_a_pause_and_its_answer() -> None:
    """`interrupt_on`: both runs lie under one root, the tool is called by the second, and nothing is red."""
    decision = {"type": "approve"}
    spans = check("deep_agent_interrupt", lambda config: decide(decision, "Written.", QUESTION, config))
    tool = ["  CHAIN tools", "    GUARDRAIL HumanInTheLoopMiddleware.wrap_tool_call", "      TOOL write_file"]
    second = ["AGENT writer", ASKED, *tool, *MODEL, ASKED]
    assert ["CHAIN writer", *deeper(1, [*FIRST, *second])] == tree(spans, status=True)
    assert 1 == traces(spans)


def test_a_tool_that_is_refused() -> None:
    """The person says no: no tool is called, the model is told, and nothing is red."""
    decision = {"type": "reject", "message": "not there"}
    spans = check("deep_agent_refused", lambda config: decide(decision, "Not written.", QUESTION, config))
    assert ["CHAIN writer", *deeper(1, [*FIRST, "AGENT writer", ASKED, *MODEL, ASKED])] == tree(spans, status=True)


def test_subagents_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begun, asked about, and read: three tools; the remote run is another process's."""
    _serve(monkeypatch)
    remote: Any = {"name": "far", "description": "Far away.", "graph_id": "g", "url": "http://127.0.0.1:9"}
    script = [
        call("start_async_task", {"description": "go", "subagent_type": "far"}, "c1"),
        call("check_async_task", {"task_id": THREAD}, "c2"),
        call("list_async_tasks", {}, "c3"),
        "Cats purr.",
    ]

    def work(config: dict[str, Any]) -> None:
        middleware = [AsyncSubAgentMiddleware(async_subagents=[remote])]
        deep_agent(script, middleware=middleware, subagents=[]).invoke(QUESTION, config)

    spans = check("deep_agent_async", work)
    turns = [turn("start_async_task"), turn("check_async_task"), turn("list_async_tasks"), turn()]
    assert ["AGENT writer", *(line for lines in turns for line in lines)] == tree(spans, status=True)
    assert 1 == traces(spans)


THREAD, RUN = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"


def _serve(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer what the client of LangGraph's servers asks about a task that has succeeded."""
    answers: dict[tuple[str, str], Any] = {
        ("POST", "/threads"): {"thread_id": THREAD, "status": "idle"},
        ("POST", f"/threads/{THREAD}/runs"): {"run_id": RUN, "thread_id": THREAD, "status": "pending"},
        ("GET", f"/threads/{THREAD}/runs/{RUN}"): {"run_id": RUN, "thread_id": THREAD, "status": "success"},
        ("GET", f"/threads/{THREAD}"): {
            "thread_id": THREAD,
            "status": "idle",
            "values": {"messages": [{"type": "ai", "content": "They purr."}]},
        },
    }

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=answers[request.method, request.url.path])

    real = httpx.Client.__init__

    def client(self: Any, *arguments: Any, **keywords: Any) -> None:
        real(self, *arguments, **{**keywords, "transport": httpx.MockTransport(answer)})

    monkeypatch.setattr(httpx.Client, "__init__", client)
