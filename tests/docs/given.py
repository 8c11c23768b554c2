"""What the pages' readers have already, page by page: their models, agents and indexes. Scripted, no network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain.agents import create_agent
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from llama_index.core import Document, MockEmbedding, Settings, VectorStoreIndex
from llama_index.core.llms import MockLLM

from ..fakes.langchain import ScriptedChat, call
from ..fakes.llama_index import ScriptedLLM, calls


@tool
def look_up(order: int) -> str:
    """Look up an order."""
    return f"order {order}: shipped"


def agent(*script: Any, tools: Any = None) -> Any:
    """Return an agent that looks an order up and answers."""
    said = list(script) or [call("look_up", {"order": 17}), "It is on its way."]
    return create_agent(ScriptedChat(script=said), [look_up] if tools is None else tools, name="support")


def llama_index() -> dict[str, Any]:
    """Let LlamaIndex take mock models."""
    Settings.llm = MockLLM(max_tokens=12)
    Settings.embed_model = MockEmbedding(embed_dim=8)
    Settings.tokenizer = str.split
    return {}


def of_langchain() -> dict[str, Any]:
    """Return an agent and a model."""
    return {"agent": agent(), "model": ScriptedChat(script=["Hello, Ada!"])}


def asking(name: str, *last: str) -> ScriptedChat:
    """Return a model that calls one tool about order 17, then answers."""
    arguments = {"topic": "weather"} if name == "research" else {"order": 17}
    return ScriptedChat(script=[call(name, arguments), *last])


def classifier() -> dict[str, Any]:
    """Return a chain that classifies a text, and a query engine."""
    prompt = ChatPromptTemplate.from_messages([("user", "Is this positive? {text}")])
    index = VectorStoreIndex.from_documents([Document(text="Gift cards cannot be sent back.")])
    return {"chain": prompt | ScriptedChat(script=["positive"]), "query_engine": index.as_query_engine()}


def models() -> dict[str, Any]:
    """Return the models of the page about agents."""
    return {
        "model": asking("look_up", "It is on its way."),
        "refunding_model": asking("refund"),
        "asking_model": asking("approve", "Refunded."),
        "researching_model": ScriptedChat(script=["It is sunny."]),
        "supervising_model": asking("research", "Sunny."),
        "planning_model": ScriptedChat(script=[call("write_todos", PLAN), call("task", TASK), "Written."]),
        "reading_model": ScriptedChat(script=["1,204 orders."]),
        "llm": ScriptedLLM(calls(("find_order", {"order": 17})), "It is on its way.", "30 days."),
    }


def failing() -> dict[str, Any]:
    """Return an agent whose model fails."""
    return {"failing_agent": agent(ValueError("the model failed"))}


def flaky() -> dict[str, Any]:
    """Return a model that fails once."""
    return {"flaky_model": ScriptedChat(script=[ConnectionError("overloaded"), "It is on its way."])}


PLAN = {"todos": [{"content": "find the figures", "status": "in_progress"}]}
TASK = {"description": "How many orders in October?", "subagent_type": "researcher"}


PAGES: dict[str, Callable[[], dict[str, Any]]] = {
    "agents": models,
    "delivery": failing,
    "how-to/middleware-and-mcp": flaky,
    "how-to/several-traces": classifier,
    "how-to/two-tracers": classifier,
    "trace-fields": classifier,
}


def names(page: str) -> dict[str, Any]:
    """Return the names that a page's reader has."""
    llama_index()
    return {**of_langchain(), "new_token": lambda: "t-1", **PAGES.get(page, dict)()}
