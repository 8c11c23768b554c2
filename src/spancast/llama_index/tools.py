"""Tools: what is captured of their calls, and how one says that it failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..capture.errors import ToolError
from ..capture.mcp import carry_trace, is_mcp, transport_of
from ..recording.open_operation import OpenOperation
from .arguments import plain_arguments
from .content import capture
from .instances import attributes_of

_MAX_WORDS = 2_000  # characters of a tool's words that become an error's message


def capture_tool(instance: object, arguments: Mapping[str, Any], operation: OpenOperation) -> None:
    """Capture which tool is called, and with what."""
    name, description = _name_and_description(instance)
    operation.name = name or operation.name
    if is_mcp(function := attributes_of(instance).get("_async_fn")):
        operation.snapshots["mcp"] = transport_of(function)
        carry_trace()
    if operation.capture:
        operation.snapshots["description"] = description
        plain = plain_arguments(arguments)
        only = plain["args"][0] if list(plain) == ["args"] and len(plain["args"]) == 1 else plain
        operation.snapshots["input"] = capture(only, operation)


def _name_and_description(tool: object) -> tuple[str | None, str | None]:
    """Return a tool's name and description, which its own code may have to make."""
    try:
        metadata: Any = tool.metadata  # type: ignore[attr-defined]
        name, description = metadata.name, metadata.description
    except Exception:  # the user's code, not ours
        return None, None
    return (name if isinstance(name, str) else None), (description if isinstance(description, str) else None)


def failure_in(output: object) -> BaseException | None:
    """Return the error that a tool's output reports: its own mark, or that of what the tool's function returned.

    LlamaIndex wraps whatever a function returns as a success, also a `ToolOutput(is_error=True)` and the result of an MCP
    tool with `isError` (run-llama/llama_index#22929, #22943).
    """
    fields = attributes_of(output)
    if fields.get("is_error") is True:
        raised = fields.get("exception")
        if raised is None:
            raised = (fields.get("__pydantic_private__") or {}).get("_exception")
        return raised if isinstance(raised, BaseException) else ToolError(_words(fields))
    inner = fields.get("raw_output")
    for name in ("is_error", "isError"):
        if _fields(inner).get(name) is True:
            return ToolError(_words(_fields(inner)) or _words(fields))
    return None


def _fields(value: object) -> Mapping[str, Any]:
    return value if type(value) is dict else attributes_of(value)


def _words(output: Mapping[str, Any]) -> str:
    """Return the texts in a tool's output, which holds blocks, or content as MCP has it."""
    texts: list[str] = []
    size = 0
    for block in _blocks(output):
        text = block if isinstance(block, str) else _fields(block).get("text")
        if isinstance(text, str) and size < _MAX_WORDS:
            texts.append(text[: _MAX_WORDS - size])
            size += len(texts[-1])
    return "\n".join(texts)


def _blocks(output: Mapping[str, Any]) -> Iterator[object]:
    for name in ("blocks", "content"):
        found = output.get(name)
        if isinstance(found, (list, tuple)):
            yield from found
        elif isinstance(found, str):
            yield found
