"""What a raw answer holds of the content and an integration leaves out of its message: tools that ran, refusal, sound."""

from __future__ import annotations

from typing import Any

from ..record.message import Part, Reasoning, ToolCall, ToolResult
from .blocks import parts_of, read_block
from .lookup import fields_of, items_of, text_of
from .messages import BESIDE

_BESIDE = BESIDE - {"tool_calls", "function_call"}
_IN_MESSAGES = frozenset({"function_call", "custom_tool_call", "reasoning", "message"})


def output_items(raw: object) -> list[Any]:
    """Return the items of a Response, or of the event that ends its stream; none of any other answer."""
    fields = fields_of(raw)
    output = fields.get("output")
    if output is None and fields.get("response") is not None:
        output = fields_of(fields["response"]).get("output")
    return [] if output is None else items_of(output, 256)


def beside_in(raw: object) -> dict[str, Any]:
    """Return what stands beside the content in the first choice of a raw chat completion: refusal, sound, thought, tools."""
    choices = items_of(fields_of(raw).get("choices"), 1)
    message = fields_of(fields_of(choices[0]).get("message")) if choices else {}
    if _BESIDE.isdisjoint(message):
        return {}
    return {name: message[name] for name in _BESIDE if message.get(name) is not None}


def with_items(parts: tuple[Part, ...], items: list[Any]) -> tuple[Part, ...]:
    """Return a message's parts with the tools that the provider ran, after the thoughts; a message without parts whole."""
    if not items:
        return parts
    if not parts:
        return tuple([part for item in items for part in _parts(item)])
    if any([isinstance(part, (ToolCall, ToolResult)) and part.server for part in parts]):
        return parts
    ran = [part for item in items if _kind(item) not in _IN_MESSAGES for part in read_block(item)]
    ran = [part for part in ran if isinstance(part, (ToolCall, ToolResult)) and part.server]
    thoughts = next((index for index, part in enumerate(parts) if not isinstance(part, Reasoning)), len(parts))
    return (*parts[:thoughts], *ran, *parts[thoughts:])


def _kind(item: object) -> str | None:
    return text_of(fields_of(item).get("type"))


def _parts(item: object) -> list[Part]:
    if _kind(item) == "message":
        return parts_of(fields_of(item).get("content"))
    return list(read_block(item))
