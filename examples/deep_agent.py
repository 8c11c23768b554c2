"""A deep agent: it plans, asks a subagent, and waits for a person before it writes the report; the answer joins the trace.

    pip install ".[demo]" deepagents && python examples/deep_agent.py

The subagent is an agent beneath the tool `task`. No key, no network.
"""

from deepagents import create_deep_agent
from langchain.agents.middleware import TodoListMiddleware
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from offline.models import call, scripted
from offline.traces import print_traces

import spancast
from spancast import destinations
from spancast.langchain import SpancastCallbackHandler


@tool
def count_orders(month: str) -> str:
    """Count the orders of a month."""
    return f"{month}: 1,204 orders"


def main() -> None:
    spancast.configure(destinations.file(), service_name="reports")
    researcher = {
        "name": "researcher",
        "description": "Finds figures.",
        "system_prompt": "You find figures.",
        "model": scripted(call("count_orders", month="October"), "1,204 orders in October."),
        "tools": [count_orders],
    }
    model = scripted(
        call("write_todos", todos=[{"content": "find the figures", "status": "in_progress"}]),
        call("task", description="How many orders in October?", subagent_type="researcher"),
        call("write_file", file_path="/report.md", content="1,204 orders in October."),
        "The report is written.",
    )
    agent = create_deep_agent(
        model,
        middleware=[TodoListMiddleware()],
        subagents=[researcher],
        interrupt_on={"write_file": True},
        checkpointer=InMemorySaver(),
        name="reporter",
    )
    config = {"callbacks": [SpancastCallbackHandler()], "configurable": {"thread_id": "october"}}
    agent.invoke({"messages": [("user", "Write the report of October.")]}, config)
    done = agent.invoke(Command(resume={"decisions": [{"type": "approve"}]}), config)
    print(done["messages"][-1].content)
    spancast.shutdown()
    print_traces()


if __name__ == "__main__":
    main()
