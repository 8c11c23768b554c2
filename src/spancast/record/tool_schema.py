"""How OpenAI, Anthropic, Bedrock and Google write a tool, read into one ToolDefinition."""

from __future__ import annotations

from collections.abc import Mapping

from .json import JSON
from .operation import ToolDefinition

_PARAMETERS = ("parameters", "input_schema", "inputSchema")


def read_tool(tool: JSON) -> ToolDefinition:
    """Return the definition in *tool*, plain data in any of the providers' forms."""
    whole: Mapping[str, JSON] = tool if isinstance(tool, Mapping) else {}
    held = whole.get("function") or whole.get("toolSpec")
    inner = held if isinstance(held, Mapping) else whole
    description = inner.get("description")
    return ToolDefinition(
        name=str(inner.get("name") or inner.get("type") or "tool"),
        description=str(description) if description else None,
        parameters=next((inner[key] for key in _PARAMETERS if inner.get(key)), None),
        schema=tool,
    )
