"""LangChain's messages, prompts and commands as small values are copied: a list of messages becomes `MessageCopies`."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.base import TextAccessor

from ..capture.class_cache import ClassCache
from ..capture.shapes import module_of, plain_name
from ..capture.small import CONTAINER_BYTES, ENTRY_BYTES, Copied, Small, small_copies
from ..capture.snapshot import Snapshot
from ..recording.message_cache import MEASURED_CALLS, MEASURED_STATES
from .messages import (
    FEW_MESSAGES,
    SHAPES,
    MessageCopies,
    MessageSnapshot,
    copy_many,
    copy_texts,
    hold_message,
    hold_prompt,
)

_new_snapshot = MessageSnapshot.__new__
_USUAL = frozenset({AIMessage, HumanMessage, ToolMessage, SystemMessage})
_usual_ids = frozenset(map(id, _USUAL))
_are_usual = _USUAL.issuperset
_STATE_BYTES = CONTAINER_BYTES + ENTRY_BYTES + len("messages")
_MOST_TEXT = 100_000  # characters


# ---------------------------------------------------------------- messages
def _messages(messages: list[Any]) -> tuple[MessageCopies, int] | None:
    """Copy a conversation: of a message of plain text its fields alone."""
    texts = copy_texts(messages, MessageCopies) if len(messages) < FEW_MESSAGES else None
    if texts is None and _are_usual(map(type, messages)):
        return copy_many(messages, MEASURED_STATES, MessageCopies)
    return texts


def small_state(value: dict[Any, Any], levels: int) -> tuple[dict[str, object], int] | None:
    """Copy a mapping: of an agent's state, which is a few messages of text, in half of the steps of any other."""
    if len(value) == 1 and "messages" in value:
        messages = value["messages"]
        if type(messages) is list and 0 < len(messages) < FEW_MESSAGES and id(type(messages[0])) in _usual_ids:
            texts = copy_texts(messages.copy(), MessageCopies)
            if texts is not None:
                return {"messages": texts[0]}, texts[1] + _STATE_BYTES
    return small_mapping(value, levels)


def copy_message(message: Any) -> tuple[MessageSnapshot, int]:
    """Copy a message; return the copy and the bytes that it keeps alive."""
    found = _message(message)
    if found is None:
        snapshot = Snapshot(SHAPES)
        found = hold_message(message, snapshot), snapshot.size
    return found


def _message(message: Any, _: int = 0) -> tuple[MessageSnapshot, int] | None:
    """Copy a message of plain text, with or without tool calls."""
    data = message.__dict__.copy()
    content = data.get("content")
    if type(content) is not str or data.get("additional_kwargs"):
        return None
    size = len(content) + CONTAINER_BYTES
    calls = data.get("tool_calls")
    if calls:
        size += MEASURED_CALLS.size_of(calls)
    copied = _new_snapshot(MessageSnapshot)
    copied.kind, copied.data = type(message), data
    return copied, size


def _prompt(prompt: Any, levels: int) -> Copied | None:
    """Copy a prompt of messages."""
    messages = prompt.__dict__["messages"]
    found = small_list(messages, levels) if type(messages) is list else None
    return None if found is None else ({"messages": found[0]}, found[1] + CONTAINER_BYTES)


def _command(command: Any, levels: int) -> Copied | None:
    """Copy a command of LangGraph that only updates a state, as the nodes of an agent return them."""
    goto, update = command.goto, command.update
    if type(goto) is not tuple or goto or command.resume is not None or command.graph is not None:
        return None
    found = small_state(update, levels) if type(update) is dict else None
    return None if found is None else ({"update": found[0]}, found[1] + CONTAINER_BYTES)


def _text(value: Any, _: int) -> Copied | None:
    """Copy the text of a message, which is of LangChain's own class."""
    if str.__len__(value) > _MOST_TEXT:
        return None
    text = str.__str__(value)
    return text, str.__sizeof__(text)


def _find(kind: type) -> Small | None:
    shape = SHAPES.shape_of(kind)
    if shape is hold_message:
        return _message
    if shape is hold_prompt:
        return _prompt
    if module_of(kind) == "langgraph.types" and plain_name(kind) == "Command":
        return _command
    return _text if kind is TextAccessor else None


small_of_class = ClassCache(_find).get
copy_small, small_mapping, small_list = small_copies(small_of_class, _USUAL, _messages)
