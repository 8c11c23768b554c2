"""An agent with the tools of an MCP server, by langchain-mcp-adapters: `TRANSPORT ADDRESS`; prints its tools' spans as JSON.

ADDRESS is a URL, or for stdio the command that starts the server, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from langchain.agents import create_agent
from langchain_mcp_adapters.client import MultiServerMCPClient

import spancast
from spancast import destinations
from spancast.langchain import SpancastCallbackHandler
from tests.fakes.langchain import ScriptedChat, call

SHOWN = ("mcp.method.name", "network.transport", "error.type")


async def ask(connection: Any) -> None:
    """Let an agent call a tool that works, and one that fails."""
    tools = await MultiServerMCPClient({"shop": connection}).get_tools()
    script = [call("stock", {"item": "tea"}, "c1"), call("broken", {"item": "x"}, "c2"), "Done."]
    agent = create_agent(ScriptedChat(script=script), tools)
    await agent.ainvoke({"messages": [("user", "tea?")]}, {"callbacks": [SpancastCallbackHandler()]})


def main(transport: str, address: str) -> None:
    """Ask, with one destination that gets content and one that does not."""
    memory, hidden = destinations.memory(), destinations.memory(name="hidden", privacy_mode=True)
    spancast.configure(memory, hidden)
    if transport == "stdio":
        command, *words = json.loads(address)
        connection: dict[str, Any] = {"transport": "stdio", "command": command, "args": words}
    else:
        connection = {"transport": "streamable_http", "url": address}
    asyncio.run(ask(connection))
    spancast.flush()
    tools = {
        span.name.removeprefix("execute_tool "): {
            "trace_id": span.trace_id,
            "span_id": span.span_id,
            "status": str(span.status),
            **{key: span.attributes.get(key) for key in SHOWN},
        }
        for span in memory.spans
        if span.kind.value == "TOOL"
    }
    print(json.dumps({"tools": tools, "content": repr(memory.spans), "hidden": repr(hidden.spans)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
