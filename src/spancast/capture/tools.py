"""How OpenAI, Anthropic, Bedrock and Google write a tool, read into one ToolDefinition; each list of tools once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from ..record.json import JSON, PLAIN_ONLY
from ..record.operation import ToolDefinition
from .lookup import fields_of
from .snapshot import plain_data

_PARAMETERS = ("parameters", "input_schema", "inputSchema", "parameters_json_schema", "parametersJsonSchema")
_FUNCTIONS = frozenset({"function", "object", "toolSpec"})  # of the application: as a type, or as the key around it
_LONGEST = 65_536  # bytes of a tool that is remembered


def read_tool(tool: JSON) -> ToolDefinition:
    """Return the definition in *tool*, plain data in any of the providers' forms."""
    whole: Mapping[str, JSON] = tool if isinstance(tool, Mapping) else {}
    held = whole.get("function") or whole.get("toolSpec")
    inner = held if isinstance(held, Mapping) else whole
    description = inner.get("description")
    parameters = next((inner[key] for key in _PARAMETERS if inner.get(key)), None)
    own = _own_type(whole) if parameters is None else ""
    return ToolDefinition(
        name=str(inner.get("name") or inner.get("type") or own or "tool"),
        description=str(description) if description else None,
        parameters=parameters,
        schema=tool,
        type=own or "function",
    )


def _own_type(tool: Mapping[str, JSON]) -> str:
    """Return what a provider calls a tool of its own, which has a type or, with Google, is its only key; else nothing."""
    kind = tool.get("type")
    if isinstance(kind, str):
        return "" if kind in _FUNCTIONS else kind
    return next(iter(tool)) if len(tool) == 1 and "name" not in tool and not _FUNCTIONS & tool.keys() else ""


def tools_of(tools: object) -> tuple[ToolDefinition, ...]:
    """Return the definitions of a model's tools: a list of them in any form, or that list as JSON text (bytes).

    An agent offers the same tools at each of its calls, often in new objects: they are read once.
    """
    if type(tools) is bytes:
        return _known_list(tools) if len(tools) <= _LONGEST else _read_list(tools)
    if type(tools) is not list:
        return ()
    found: list[ToolDefinition] = []
    for tool in tools[:1024]:
        found.extend(_definitions(tool))
    return tuple(found)


def _definitions(tool: Any) -> tuple[ToolDefinition, ...]:
    if type(tool) is not dict:
        tool = plain_data(dict(fields_of(tool)))
        if not tool:
            return ()
    try:
        key = orjson.dumps(tool, option=PLAIN_ONLY)
    except (TypeError, ValueError):
        return _split(plain_data(tool))
    return _known(key) if len(key) <= _LONGEST else _split(orjson.loads(key))


@lru_cache(maxsize=512)
def _known(text: bytes) -> tuple[ToolDefinition, ...]:
    return _split(orjson.loads(text))


def _split(tool: JSON) -> tuple[ToolDefinition, ...]:
    """Return one definition a function: Google puts several into one tool."""
    if isinstance(tool, Mapping):
        for key in ("function_declarations", "functionDeclarations"):
            listed = tool.get(key)
            if isinstance(listed, list) and listed:
                return tuple([read_tool(each) for each in listed[:1024]])
    return (read_tool(tool),)


@lru_cache(maxsize=128)
def _known_list(text: bytes) -> tuple[ToolDefinition, ...]:
    return _read_list(text)


def _read_list(text: bytes) -> tuple[ToolDefinition, ...]:
    listed = orjson.loads(text)
    return tools_of(listed) if isinstance(listed, list) else ()
