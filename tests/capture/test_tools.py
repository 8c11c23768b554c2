"""Tools as providers write them become one definition."""

from __future__ import annotations

from typing import Any

import pytest

from spancast.capture.tools import read_tool
from spancast.record.operation import ToolDefinition

SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}}


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "function", "function": {"name": "search", "description": "Search.", "parameters": SCHEMA}},
        {"name": "search", "description": "Search.", "input_schema": SCHEMA},
        {"toolSpec": {"name": "search", "description": "Search.", "inputSchema": SCHEMA}},
        {"name": "search", "description": "Search.", "parameters": SCHEMA},
    ],
)
def test_all_forms_mean_the_same(tool: Any) -> None:
    """OpenAI, Anthropic, Bedrock and Google: the same name, description and parameters; the form as it was sent stays."""
    assert ToolDefinition(name="search", description="Search.", parameters=SCHEMA, schema=tool) == read_tool(tool)


def test_a_providers_own_tool_is_named_by_its_type() -> None:
    """A built-in tool has no function of its own."""
    assert "web_search" == read_tool({"type": "web_search"}).name


def test_what_is_no_tool_is_survived() -> None:
    """Anything else is a tool without a name."""
    assert ["tool", "tool"] == [read_tool("search").name, read_tool(None).name]
