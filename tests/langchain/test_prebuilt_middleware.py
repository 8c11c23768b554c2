"""All of LangChain's own middleware: each gives a readable tree; what is refused or limited is red only where it failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import (
    AgentMiddleware,
    AutoModeMiddleware,
    ClearToolUsesEdit,
    ContextEditingMiddleware,
    FilesystemFileSearchMiddleware,
    LLMToolEmulator,
    LLMToolSelectorMiddleware,
    ModelCallLimitMiddleware,
    ModelChoice,
    ModelFallbackMiddleware,
    ModelRefusalMiddleware,
    ModelRouterMiddleware,
    PIIMiddleware,
    ShellToolMiddleware,
    TodoListMiddleware,
    ToolCallLimitMiddleware,
    ToolErrorMiddleware,
)
from langchain_core.decisions import BaseDecisionModel, ClassifierResponse
from langchain_core.messages import AIMessage
from langchain_core.tools import tool

import spancast
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler

from ..fakes.langchain import ScriptedChat, call
from .trees import one, tree

pytestmark = pytest.mark.filterwarnings("ignore:.*is in beta")
QUESTION: dict[str, Any] = {"messages": [("user", "Where is order 7? me@example.com")]}
MODEL = ["  CHAIN model", "    LLM ScriptedChat"]
TOOL = ["  CHAIN tools", "    TOOL look_up"]


@tool
def look_up(order: int) -> str:
    """Look up an order."""
    if order < 0:
        raise ValueError("no such order")
    return f"order {order}: shipped"


class Judge(BaseDecisionModel):
    """Answers what it was made with."""

    model: str = "judge-1"
    answers: dict[str, Any] = {}

    @property
    def _provider(self) -> str:
        return "courts"

    def _classify(self, state: Any, questions: Any) -> ClassifierResponse:
        usage = {"input_tokens": 7, "output_tokens": 1, "total_tokens": 8}
        return ClassifierResponse.model_validate(
            {"id": "r1", "model": "judge-1", "answers": self.answers, "usage": usage}
        )


def risk(probability: float) -> AutoModeMiddleware:
    """Return what refuses a call whose risk is high."""
    answers = {"is_risky": {"type": "noul", "noul": probability}}
    return AutoModeMiddleware(tools=["look_up"], classifier=Judge(answers=answers))


def ask(memory: MemoryDestination, script: list[Any], *middleware: AgentMiddleware, tools: Any = None) -> list[str]:
    """Let an agent answer, and return its tree."""
    model, known = ScriptedChat(script=script), [look_up] if tools is None else tools
    agent = create_agent(model, known, middleware=middleware, name="clerk")
    agent.invoke(QUESTION, {"callbacks": [SpancastCallbackHandler()]})
    lines = tree(memory.spans, status=True)
    assert "AGENT clerk" == lines[0]
    return lines[1:]


CALL = call("look_up", {"order": 7})
AGAIN = call("look_up", {"order": 8}, "call_2")


@pytest.fixture(autouse=True)
def _in_use(pipeline: spancast.Pipeline) -> None:
    """Record into `memory`."""


def test_a_call_that_is_refused_is_the_guardrails(memory: MemoryDestination) -> None:
    """No tool was called: the guardrail shows the judge's decision and the refusal, and nothing is red."""
    guard = ["  CHAIN tools", "    GUARDRAIL AutoModeMiddleware.wrap_tool_call", "      DECISION Judge"]
    assert [*MODEL, *guard, *MODEL] == ask(memory, [CALL, "No."], risk(0.9))
    assert "look_up" in one(memory.spans, "AutoModeMiddleware.wrap_tool_call").attributes["output.value"]


def test_a_call_that_is_allowed_lies_beside_the_decision(memory: MemoryDestination) -> None:
    """The same guardrail."""
    guard = ["  CHAIN tools", "    GUARDRAIL AutoModeMiddleware.wrap_tool_call", "      DECISION Judge"]
    assert [*MODEL, *guard, "      TOOL look_up", *MODEL] == ask(memory, [CALL, "Shipped."], risk(0.1))


def test_a_tool_that_does_not_exist_is_a_failure_behind_a_guardrail_too(memory: MemoryDestination) -> None:
    """That the answer came through a hook does not make it a refusal."""
    ask(memory, [call("nothing", {}), "Sorry."], risk(0.1))
    assert "ERROR" == str(one(memory.spans, "nothing").status)


def test_a_router_decides_before_the_agent_begins(memory: MemoryDestination) -> None:
    """The decision is a DECISION; the model that was chosen lies in the router's hook."""
    small = ScriptedChat(script=["hello"], model_name="small")
    choices = {name: ModelChoice(criteria=name, model=small) for name in ("easy", "hard")}
    answer = {"type": "choice", "choice": "easy", "confidence": 0.9, "probabilities": {"easy": 0.9, "hard": 0.1}}
    judge = Judge(answers={"model_route": answer})
    router = ModelRouterMiddleware(choices=choices, instructions="How hard?", classifier=judge)
    assert [
        *("  CHAIN ModelRouterMiddleware.before_agent", "    DECISION Judge"),
        *("  CHAIN model", "    CHAIN ModelRouterMiddleware.wrap_model_call", "      LLM ScriptedChat"),
    ] == ask(memory, ["never"], router)
    assert "small" == one(memory.spans, "ScriptedChat").attributes["llm.request.model_name"]


def test_a_refusal_that_a_fallback_answers(memory: MemoryDestination) -> None:
    """Where a refusal counts as an error, its guardrail is red, and what catches it is not."""
    refusal = AIMessage([{"type": "refusal", "refusal": "No."}])
    second = ScriptedChat(script=["hello"])
    assert [
        *("  CHAIN model", "    CHAIN ModelFallbackMiddleware.wrap_model_call"),
        *("      GUARDRAIL ModelRefusalMiddleware.wrap_model_call ERROR", "        LLM ScriptedChat"),
        *("      GUARDRAIL ModelRefusalMiddleware.wrap_model_call", "        LLM ScriptedChat"),
    ] == ask(memory, [refusal], ModelFallbackMiddleware(second), ModelRefusalMiddleware())


def test_an_error_that_is_turned_into_an_answer(memory: MemoryDestination) -> None:
    """The tool failed, the hook did not."""
    lines = ask(
        memory, [call("look_up", {"order": -1}), "Sorry."], ToolErrorMiddleware(lambda error, request: "Sorry.")
    )
    hook = ["  CHAIN tools", "    CHAIN ToolErrorMiddleware.wrap_tool_call", "      TOOL look_up ERROR"]
    assert [*MODEL, *hook, *MODEL] == lines


def test_limits_are_no_errors(memory: MemoryDestination) -> None:
    """A call that a limit does not let through is none; the agent goes on, or ends."""
    limit = "  CHAIN ToolCallLimitMiddleware.after_model"
    lines = ask(memory, [CALL, AGAIN, "Enough."], ToolCallLimitMiddleware(run_limit=1))
    assert [*MODEL, limit, *TOOL, *MODEL, limit, *MODEL, limit] == lines
    memory.clear()
    lines = ask(memory, [CALL, AGAIN], ModelCallLimitMiddleware(run_limit=1))
    before, after = (f"  CHAIN ModelCallLimitMiddleware.{when}_model" for when in ("before", "after"))
    assert [before, *MODEL, after, *TOOL, before] == lines


def test_models_that_the_middleware_asks_for_itself_say_what_for(memory: MemoryDestination) -> None:
    """An emulated tool, a choice of tools: told from the agent's own calls."""
    emulator = LLMToolEmulator(model=ScriptedChat(script=["emulated"], model_name="small"))
    hook = ["  CHAIN tools", "    CHAIN LLMToolEmulator.wrap_tool_call", "      LLM ScriptedChat"]
    assert [*MODEL, *hook, *MODEL] == ask(memory, [CALL, "Shipped."], emulator)
    assert {("small", True, "tool_emulation"), ("gpt-4o", None, None)} == sources(memory)
    memory.clear()
    chosen = call("ToolSelectionResponse", {"tools": ["look_up"]})
    ask(memory, ["hi"], LLMToolSelectorMiddleware(model=ScriptedChat(script=[chosen], model_name="small"), max_tools=1))
    assert {("small", True, "tool_selection"), ("gpt-4o", None, None)} == sources(memory)


def sources(memory: MemoryDestination) -> set[tuple[Any, ...]]:
    """Return model, mark and source of all model calls."""
    keys = ("llm.request.model_name", "spancast.internal_call", "metadata.lc_source")
    return {tuple(span.attributes.get(key) for key in keys) for span in memory.spans if span.kind.value == "LLM"}


@pytest.mark.filterwarnings(  # LangChain's shell leaves its pipes to the garbage collector
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)
def test_tools_of_middleware_are_tools(memory: MemoryDestination, tmp_path: Path) -> None:
    """A shell, a search for files, a plan."""
    shell = ask(memory, [call("shell", {"command": "echo hi"}), "hi"], ShellToolMiddleware(workspace_root=tmp_path))
    assert "TOOL shell" in [line.strip() for line in shell]
    memory.clear()
    search = FilesystemFileSearchMiddleware(root_path=str(tmp_path), use_ripgrep=False)
    found = ["  CHAIN tools", "    TOOL glob_search"]
    assert [*MODEL, *found, *MODEL] == ask(memory, [call("glob_search", {"pattern": "*"}), "None."], search)
    memory.clear()
    plan = call("write_todos", {"todos": [{"content": "look", "status": "pending"}]})
    assert [*MODEL, "  CHAIN tools", "    TOOL write_todos", *MODEL] == ask(
        memory, [plan, "Done."], TodoListMiddleware()
    )


def test_edits_of_the_context_stand_around_the_call(memory: MemoryDestination) -> None:
    """What the edit left out is not in the model's input."""
    editing = ContextEditingMiddleware(edits=[ClearToolUsesEdit(trigger=1, keep=0)])
    hook = ["  CHAIN model", "    CHAIN ContextEditingMiddleware.wrap_model_call", "      LLM ScriptedChat"]
    assert [*hook, *TOOL, *hook] == ask(memory, [CALL, "Shipped."], editing)
    last = [span for span in memory.spans if span.kind.value == "LLM"][-1]
    assert "shipped" not in str(last.attributes["llm.input_messages.2.message.content"])


def test_what_is_blocked_fails_the_agent(memory: MemoryDestination) -> None:
    """`strategy="block"` raises: the guardrail and the agent are red."""
    with pytest.raises(Exception, match="email"):
        ask(memory, ["never"], PIIMiddleware("email", strategy="block", apply_to_input=True))
    assert ["AGENT clerk ERROR", "  GUARDRAIL PIIMiddleware[email].before_model ERROR"] == tree(
        memory.spans, status=True
    )
