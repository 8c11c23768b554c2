"""Deep agents of the deepagents package with scripted models: planning, files, subagents."""

from __future__ import annotations

from typing import Any

from deepagents import create_deep_agent
from langchain.agents.middleware import TodoListMiddleware
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from ..fakes.langchain import ScriptedChat, call

PLAN = {"todos": [{"content": "find sources", "status": "in_progress"}]}
TASK = {"description": "find what cats do", "subagent_type": "researcher"}
SCRIPT = [
    call("write_todos", PLAN, "call_1"),
    call("write_file", {"file_path": "/notes.md", "content": "# Cats"}, "call_2"),
    call("read_file", {"file_path": "/notes.md"}, "call_3"),
    call("task", TASK, "call_4"),
    "Cats purr.",
]


def deep_agent(script: list[Any] | None = None, **options: Any) -> Any:
    """Return a deep agent that plans, writes and reads a file, and asks a subagent."""
    researcher: Any = {
        "name": "researcher",
        "description": "Finds things out.",
        "system_prompt": "You research.",
        "model": ScriptedChat(script=["They purr."]),
        "tools": [],
    }
    return create_deep_agent(
        ScriptedChat(script=SCRIPT if script is None else script),
        [],
        **{"middleware": [TodoListMiddleware()], "subagents": [researcher], "name": "writer", **options},
    )


def decide(decision: dict[str, Any], last: str, question: dict[str, Any], config: dict[str, Any]) -> None:
    """Run an agent that asks before it writes a file, and answer it with *decision*; then it says *last*."""
    agent = deep_agent(
        [call("write_file", {"file_path": "/a", "content": "b"}), last],
        interrupt_on={"write_file": True},
        checkpointer=InMemorySaver(),
    )
    agent.invoke(question, config)
    agent.invoke(Command(resume={"decisions": [decision]}), config)
