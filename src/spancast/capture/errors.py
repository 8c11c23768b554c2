"""ToolError: the error of a tool that answered with one instead of raising it; and the words of such an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .lookup import fields_of

MAX_TEXT = 10_000  # characters of an error's message


class ToolError(Exception):
    """A tool answered with an error instead of raising one."""

    __module__ = "spancast"


def tool_error(content: object) -> ToolError:
    """Return the error that a failed tool's answer tells: a text, or the texts of a list of blocks (MCP)."""
    return ToolError(error_text(content))


def error_text(content: object) -> str:
    """Return the words of an answer: itself, or the texts of its blocks, one a line."""
    if isinstance(content, str):
        return str.__str__(content)[:MAX_TEXT]
    if isinstance(content, Mapping):
        content = [content]
    texts: list[str] = []
    for block in content[:64] if isinstance(content, (list, tuple)) else ():
        text: Any = block if isinstance(block, str) else fields_of(block).get("text")
        if isinstance(text, str) and text:
            texts.append(text)
    return "\n".join(texts)[:MAX_TEXT]
