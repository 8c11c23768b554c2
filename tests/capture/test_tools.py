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


@pytest.mark.parametrize(
    ("tool", "kind", "name"),
    [
        ({"type": "web_search"}, "web_search", "web_search"),
        (
            {"type": "tool_search_tool_bm25_20251119", "name": "tool_search"},
            "tool_search_tool_bm25_20251119",
            "tool_search",
        ),
        ({"type": "custom", "name": "sql"}, "custom", "sql"),
        ({"google_search": {}}, "google_search", "google_search"),
        ({"type": "custom", "name": "search", "input_schema": SCHEMA}, "function", "search"),
        ({"type": "function", "function": {"name": "now"}}, "function", "now"),
        ({"name": "now"}, "function", "now"),
        ({"toolSpec": {"name": "now"}}, "function", "now"),
    ],
)
def test_a_providers_own_tool_has_its_type(tool: Any, kind: str, name: str) -> None:
    """It runs at the provider: readers of gen_ai tell it from a function of the application's by its type."""
    assert (kind, name) == (read_tool(tool).type, read_tool(tool).name)


def test_what_is_no_tool_is_survived() -> None:
    """Anything else is a tool without a name."""
    assert ["tool", "tool"] == [read_tool("search").name, read_tool(None).name]
