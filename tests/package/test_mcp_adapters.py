"""langchain-mcp-adapters, which needs an older `mcp` than the lock has: in its own environment, against real servers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ..test_mcp import SERVER, TRANSPORTS, recorded, served
from .environments import APPLICATIONS, Environment, environment

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Return an environment with the adapters and an agent."""
    folder = tmp_path_factory.mktemp("mcp") / "environment"
    return environment(folder, f"spancast[langchain] @ {wheel.as_uri()}", "langchain", "langchain-mcp-adapters")


def test_it_is_the_client_that_sends_nothing_by_itself(made: Environment) -> None:
    """Where `mcp` 2 is allowed, this file has nothing of its own to hold."""
    assert made.versions()["mcp"].startswith("1.")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_servers_spans_nest_under_the_tool(transport: str, made: Environment, tmp_path: Path) -> None:
    """`traceparent` goes along; how the call went and over what; what a server says of its tools stays in privacy mode."""
    spans = tmp_path / "spans.jsonl"
    with served(transport, spans) as address:
        if transport == "stdio":
            address = json.dumps([sys.executable, SERVER, str(spans), "stdio"])
        done = made.run("python", "-W", "ignore", APPLICATIONS / "mcp_adapters.py", transport, address)
    assert 0 == done.status, done.err
    said: dict[str, Any] = json.loads(done.out)
    stock, broken = said["tools"]["stock"], said["tools"]["broken"]
    theirs = recorded(spans)
    asked = theirs["tools/call stock"]
    assert (stock["trace_id"], stock["span_id"]) == (asked["trace_id"], asked["parent_span_id"])
    assert asked["span_id"] == theirs["database"]["parent_span_id"]
    assert broken["span_id"] == theirs["tools/call broken"]["parent_span_id"]
    assert {("tools/call", TRANSPORTS[transport])} == {
        (tool["mcp.method.name"], tool["network.transport"]) for tool in (stock, broken)
    }
    assert ("OK", "ERROR", "tool_error") == (stock["status"], broken["status"], broken["error.type"])
    assert "tea: 3" in said["content"]
    assert not [word for word in ("canary", "tea", "no x here") if word in said["hidden"]]
