"""ToolError: the error of a tool that answered with one instead of raising it; and the words of such an answer."""

from __future__ import annotations

from .lookup import fields_of, items_of, text_of

MAX_TEXT = 10_000  # characters of an error's message


class ToolError(Exception):
    """A tool answered with an error instead of raising one."""

    __module__ = "spancast"


def tool_error(content: object) -> ToolError:
    """Return the error that a failed tool's answer tells: a text, or the texts of a list of blocks (MCP)."""
    return ToolError(error_text(content))


def error_text(content: object) -> str:
    """Return the words of an answer: itself, or the texts of its blocks, one a line."""
    text = text_of(content)
    if text is not None:
        return text[:MAX_TEXT]
    blocks = items_of(content, 64) or [content]
    texts = [text for block in blocks if (text := text_of(block) or text_of(fields_of(block).get("text")))]
    return "\n".join(texts)[:MAX_TEXT]
