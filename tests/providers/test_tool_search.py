"""LangChain's middleware that hides tools behind a provider's own search: what was searched, and found, is in the trace."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ProviderToolSearchMiddleware
from langchain_core.tools import tool

import spancast
from spancast import destinations
from spancast.langchain import SpancastCallbackHandler

from .double import Double, whole

SEARCH = "tool_search_tool_bm25"
FOUND = {"type": "tool_reference", "tool_name": "look_up"}


@tool
def look_up(order: int) -> str:
    """Look up an order."""
    return f"order {order}: shipped"


def answer(content: list[dict[str, Any]], reason: str) -> Any:
    """Return an answer of the Messages API."""
    usage = {"input_tokens": 100, "output_tokens": 15, "server_tool_use": {"tool_search_requests": 1}}
    about = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-5", "stop_sequence": None}
    return whole({**about, "content": content, "stop_reason": reason, "usage": usage})


def test_a_tool_that_the_provider_found_is_called(api: Double) -> None:
    """The search and its result are parts of the answer, no calls of the application's; the hook only edits the request."""
    anthropic = pytest.importorskip("langchain_anthropic")
    found = {"type": "tool_search_tool_search_result", "tool_references": [FOUND]}
    api.script = [
        answer(
            [
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": SEARCH, "input": {"query": "orders"}},
                {"type": "tool_search_tool_result", "tool_use_id": "srvtoolu_1", "content": found},
                {"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {"order": 7}},
            ],
            "tool_use",
        ),
        answer([{"type": "text", "text": "It has been shipped."}], "end_turn"),
    ]
    memory = destinations.memory(convention="gen_ai")
    with spancast.Pipeline(memory, spool=False) as pipeline:
        model = anthropic.ChatAnthropic(model="claude-sonnet-5", base_url=api.url, api_key="sk-ant-x")
        searching = ProviderToolSearchMiddleware(searchable_tools=["look_up"])
        agent = create_agent(model, [look_up], middleware=[searching], name="clerk")
        config = {"callbacks": [SpancastCallbackHandler(pipeline=pipeline)]}
        agent.invoke({"messages": [("user", "Where is order 7?")]}, config)
        assert pipeline.flush(5)
    first, *rest = memory.spans
    assert ["model", "execute_tool look_up", "tools", "chat claude-sonnet-5", "model"] == [
        span.name for span in rest[:-1]
    ]
    (message,) = json.loads(first.attributes["gen_ai.output.messages"])
    assert ["server_tool_call", "server_tool_call_response", "tool_call"] == [part["type"] for part in message["parts"]]
    offered = json.loads(first.attributes["gen_ai.tool.definitions"])
    assert [("function", "look_up"), (f"{SEARCH}_20251119", SEARCH)] == [
        (each["type"], each["name"]) for each in offered
    ]
