"""Tools of MCP servers: the trace goes along, and what the server records nests under the tool's span."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

import spancast
from spancast.destinations import MemoryDestination

from .fakes.langchain import ScriptedChat, call
from .receivers.ports import free_port

# LlamaIndex's and FastMCP's clients leave sockets to the garbage collector
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning", "ignore:.langchain.mcp. is in beta"
)
SERVER = str(Path(__file__).parent / "receivers" / "mcp_server.py")
TRANSPORTS = {"stdio": "pipe", "http": "tcp"}


@contextmanager
def served(transport: str, spans: Path) -> Iterator[str]:
    """Yield the address of a server of *transport*; the command's arguments for stdio, which its client starts."""
    if transport == "stdio":
        yield str(spans)
        return
    port = free_port()
    process = subprocess.Popen([sys.executable, SERVER, str(spans), "http", str(port)], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/mcp")
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline, "the server does not start"
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait(30)


def recorded(spans: Path) -> dict[str, dict[str, Any]]:
    """Return what the server recorded, by name."""
    lines = [json.loads(line) for line in spans.read_text().splitlines()]
    return {line["name"]: line for line in lines}


def check(memory: MemoryDestination, spans: Path, transport: str) -> None:
    """Compare the tools' spans and the server's."""
    gc.collect()
    tools = {span.name: span for span in memory.spans if span.kind.value == "TOOL"}
    stock, broken = tools["stock"], tools["broken"]
    theirs = recorded(spans)
    asked = theirs["tools/call stock"]
    assert (stock.trace_id, stock.span_id) == (asked["trace_id"], asked["parent_span_id"])
    assert asked["span_id"] == theirs["database"]["parent_span_id"]
    assert broken.span_id == theirs["tools/call broken"]["parent_span_id"]
    expected = ("tools/call", TRANSPORTS[transport])
    assert expected == (stock.attributes["mcp.method.name"], stock.attributes["network.transport"])
    assert ("OK", "ERROR") == (str(stock.status), str(broken.status))
    assert "tool_error" == broken.attributes["error.type"]


@pytest.mark.slow  # each starts a server
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_langchains_own_client(
    transport: str, tmp_path: Path, pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """`langchain.mcp` on FastMCP, in an agent."""
    from fastmcp import Client
    from fastmcp.client.transports import PythonStdioTransport
    from langchain.agents import create_agent
    from langchain.mcp import as_langchain_tool

    from spancast.langchain import SpancastCallbackHandler

    spans = tmp_path / "spans.jsonl"

    async def go(address: str) -> None:
        reached: Any = address if transport == "http" else PythonStdioTransport(SERVER, args=[address, "stdio"])
        async with Client(reached) as client:
            tools = [await as_langchain_tool(tool, client) for tool in await client.list_tools()]
            script = [call("stock", {"item": "tea"}, "c1"), call("broken", {"item": "x"}, "c2"), "Done."]
            agent = create_agent(ScriptedChat(script=script), tools)
            await agent.ainvoke({"messages": [("user", "tea?")]}, {"callbacks": [SpancastCallbackHandler()]})

    with served(transport, spans) as address:
        asyncio.run(go(address))
    check(memory, spans, transport)


@pytest.mark.slow  # each starts a server
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_llama_indexs_client(
    transport: str, tmp_path: Path, pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """LlamaIndex's `McpToolSpec`."""
    from llama_index.tools.mcp import BasicMCPClient, McpToolSpec

    from spancast import llama_index

    spans = tmp_path / "spans.jsonl"

    async def go(address: str) -> None:
        client = (
            BasicMCPClient(address)
            if transport == "http"
            else BasicMCPClient(sys.executable, args=[SERVER, address, "stdio"])
        )
        tools = {tool.metadata.name: tool for tool in await McpToolSpec(client).to_tool_list_async()}
        await tools["stock"].acall(item="tea")
        await tools["broken"].acall(item="x")

    llama_index.instrument()
    try:
        with served(transport, spans) as address:
            asyncio.run(go(address))
    finally:
        llama_index.uninstrument()
    check(memory, spans, transport)


def test_what_a_server_says_of_its_tools_stays_in_privacy_mode() -> None:
    """Annotations and `_meta` are the server's words."""
    from fastmcp import Client
    from langchain.mcp import as_langchain_tool

    from spancast.langchain import SpancastCallbackHandler

    from .receivers.mcp_server import server

    open_, hidden = spancast.destinations.memory(), spancast.destinations.memory(privacy_mode=True)

    async def go() -> None:
        async with Client(server) as client:
            (tool,) = [t for t in await client.list_tools() if t.name == "stock"]
            made = await as_langchain_tool(tool, client)
            await made.ainvoke({"item": "tea"}, {"callbacks": [SpancastCallbackHandler()]})

    with spancast.Pipeline(open_, hidden):
        asyncio.run(go())
    assert "canary-of-the-server" in repr(open_.spans)
    assert "canary" not in repr(hidden.spans)
    assert "tools/call" == hidden.spans[0].attributes["mcp.method.name"]
