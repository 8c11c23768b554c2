"""Tools that a server of the Model Context Protocol runs: which they are, and over what their calls go.

Told by the function that the clients make of such a tool: langchain-mcp-adapters, LangChain's own `langchain.mcp`,
LlamaIndex's MCP tools. What they closed over says over what the call goes; no code of theirs is run.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import wraps
from types import FunctionType
from typing import Any

from opentelemetry.propagate import inject

from .lookup import fields_of

_CLIENTS = frozenset({"langchain_mcp_adapters.tools", "langchain.mcp.tools", "llama_index.tools.mcp.base"})
PIPE, TCP = "pipe", "tcp"  # OpenTelemetry's words for `network.transport`


def clients_loaded() -> bool:
    """Return whether a module that makes tools of MCP servers is loaded at all."""
    modules = sys.modules
    for name in _CLIENTS:  # noqa: SIM110  (no set's method over the table: it would walk through thousands of modules)
        if name in modules:
            return True
    return False


def is_mcp(function: object) -> bool:
    """Return whether *function* calls a tool of an MCP server."""
    return type(function) is FunctionType and function.__module__ in _CLIENTS


def transport_of(function: object) -> str | None:
    """Return over what the calls of *function* go, `pipe` or `tcp`; None where it does not say."""
    if type(function) is not FunctionType or function.__closure__ is None:
        return None
    held: dict[str, Any] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__):
        try:
            held[name] = cell.cell_contents
        except ValueError:  # not filled yet
            continue
    connection = held.get("connection")
    if isinstance(connection, Mapping):  # langchain-mcp-adapters
        return _of_word(connection.get("transport"))
    spec = fields_of(held["self"]).get("client") if "self" in held else None  # LlamaIndex
    address = fields_of(spec).get("command_or_url") if spec is not None else None
    if type(address) is str:
        return TCP if address.startswith(("http://", "https://")) else PIPE
    transport = fields_of(held["client"]).get("transport") if "client" in held else None  # FastMCP
    return _of_word(type(transport).__name__) if transport is not None else None


def _of_word(word: object) -> str | None:
    text = word.lower() if type(word) is str else ""
    if "stdio" in text:
        return PIPE
    return TCP if any(part in text for part in ("http", "sse", "websocket")) else None


# ---------------------------------------------------------------- the trace goes along
def carry_trace() -> None:
    """Let clients of `mcp` 1 send the current trace along, as those of `mcp` 2 do by themselves (SEP-414).

    It replaces one method, once a process: `ClientSession.call_tool` gets `meta` with what OpenTelemetry's propagators
    write, beneath what the application gives. A version that sends it already, or has no `meta`, is left as it is.
    """
    session = getattr(sys.modules.get("mcp.client.session"), "ClientSession", None)
    original = getattr(session, "call_tool", None)
    if type(original) is not FunctionType or hasattr(original, "__wrapped__") or "mcp.shared._otel" in sys.modules:
        return
    if "meta" not in original.__code__.co_varnames:
        return

    @wraps(original)
    async def call_tool(self: Any, *arguments: Any, meta: Any = None, **keywords: Any) -> Any:
        return await original(self, *arguments, meta=_with_trace(meta), **keywords)

    session.call_tool = call_tool  # type: ignore[union-attr]


def _with_trace(meta: Any) -> Any:
    carrier: dict[str, str] = {}
    try:
        inject(carrier)
    except Exception:  # a propagator of the application's
        return meta
    return {**carrier, **(meta or {})} if carrier else meta
