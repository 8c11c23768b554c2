"""A graph of a model and its tools, which go round until the model has an answer. Knows nothing of tracing."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph

from tests.fakes.langchain import ScriptedChat


@tool
def weather(city: str) -> str:
    """Look up the weather of a city."""
    return f"sunny in {city}"


CALL = {"name": "weather", "args": {"city": "Berlin"}, "id": "call_1", "type": "tool_call"}
MODEL = ScriptedChat(script=[AIMessage("", tool_calls=[CALL]), "It is sunny."])


def think(state: MessagesState) -> dict[str, Any]:
    """Ask the model."""
    return {"messages": [MODEL.invoke(state["messages"])]}


def act(state: MessagesState) -> dict[str, Any]:
    """Call the tools that the model asked for."""
    return {"messages": [weather.invoke(call) for call in state["messages"][-1].tool_calls]}


def after(state: MessagesState) -> str:
    """Return where to go from the model's answer."""
    return "act" if state["messages"][-1].tool_calls else END


def main() -> None:
    """Ask the graph once."""
    graph = StateGraph(MessagesState)
    graph.add_node("think", think)
    graph.add_node("act", act)
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", after, ["act", END])
    graph.add_edge("act", "think")
    said = graph.compile(name="forecaster").invoke({"messages": [("user", "Is it sunny in Berlin?")]})
    if said["messages"][-1].content != "It is sunny.":
        raise AssertionError(said)


if __name__ == "__main__":
    main()
