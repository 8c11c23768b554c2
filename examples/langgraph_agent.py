"""A LangGraph agent with two tools, of which one waits for a person; the answer to it goes on in the same trace.

    pip install ".[demo]" && python examples/langgraph_agent.py

The wait is no error, and `thread_id` is the session. No key, no network.
"""

from langchain.agents import create_agent
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt
from offline.models import call, scripted
from offline.traces import print_traces

import spancast
from spancast import destinations
from spancast.langchain import SpancastCallbackHandler


@tool
def look_up(order: int) -> str:
    """Look up an order."""
    return f"order {order}: delivered yesterday"


@tool
def refund(order: int) -> str:
    """Pay an order back, if a person agrees."""
    return f"order {order}: paid back" if interrupt(f"Refund order {order}?") == "yes" else "refused"


def main() -> None:
    spancast.configure(destinations.file(), service_name="support")
    model = scripted(call("look_up", order=17), call("refund", order=17), "Your money is on its way.")
    agent = create_agent(model, [look_up, refund], name="support", checkpointer=InMemorySaver())
    config = {
        "callbacks": [SpancastCallbackHandler()],
        "configurable": {"thread_id": "ticket-4711"},
        "metadata": {"trace": {"trace_name": "Refund"}, "user": "user_12345"},
    }

    asked = agent.invoke({"messages": [("user", "I want my money back for order 17.")]}, config)
    print(asked["__interrupt__"][0].value)

    answered = agent.invoke(Command(resume="yes"), config)  # later, also in another process of this machine
    print(answered["messages"][-1].content)

    spancast.shutdown()
    print_traces()


if __name__ == "__main__":
    main()
