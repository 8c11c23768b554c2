"""Copies small values in the callback without a Snapshot and its budget: what chains, agents and models pass on most.

Their size is looked at first: a few entries, a few levels, and as many messages as a Snapshot would copy all of. What is
larger, or of another class, is left to the Snapshot. The copies are the same, except that a list of messages becomes
`MessageCopies`. This saves half of the instructions of capturing a chain of a prompt, a model and a parser, and three
quarters of those of an agent's states (`benchmarks/instructions.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.base import TextAccessor

from ..capture.class_cache import ClassCache
from ..capture.shapes import module_of, plain_name
from ..capture.snapshot import FEW, Snapshot
from ..record.json import INT64
from ..recording.message_cache import MEASURED_CALLS, MEASURED_STATES
from .messages import SHAPES, MessageCopies, MessageSnapshot, copy_messages, hold_message, hold_prompt

Copied = tuple[object, int]
"""A copy, and the bytes that it keeps alive."""
Small = Callable[[Any, int], "Copied | None"]
_new_snapshot = MessageSnapshot.__new__
_sizeof = str.__sizeof__
_are_usual = frozenset({AIMessage, HumanMessage, ToolMessage, SystemMessage}).issuperset
_MOST_MESSAGES = 256  # of one list; 2,048 in all, a millisecond
_MOST_WITHIN = 32  # of one list on the last level
_MOST_TEXT = 100_000  # characters
LEVELS = 3  # of mappings and lists within each other
_CONTAINER_BYTES = 64
_ENTRY_BYTES = 104
_NUMBER_BYTES = 32


def copy_small(value: object) -> Copied | None:
    """Copy *value* where it is small; else None. Raises what its own class raises."""
    kind = type(value)
    if kind is dict:
        return small_mapping(value, LEVELS)  # type: ignore[arg-type]
    if kind is list:
        return small_list(value, LEVELS)  # type: ignore[arg-type]
    small = small_of_class(kind)
    return None if small is None else small(value, LEVELS)


def small_mapping(value: dict[Any, Any], levels: int) -> tuple[dict[str, object], int] | None:
    """Copy a mapping, and what is in it on *levels* further levels."""
    count = len(value)
    if count > FEW:
        return None
    copied = value.copy()  # in one step: another thread may be changing it
    size = _CONTAINER_BYTES + _ENTRY_BYTES * count
    for key, item in copied.items():
        if type(key) is not str:
            return None
        kind = type(item)
        if kind is str:
            size += len(key) + _sizeof(item)
        elif item is not None and kind is not bool and kind is not float:
            found: Copied | None = small_list(item, levels - 1) if kind is list else _within(item, kind, levels)
            if found is None:
                return None
            copied[key], more = found
            size += len(key) + more
    return copied, size


def small_list(value: list[Any], levels: int) -> tuple[list[Any], int] | None:
    """Copy a list, and what is in it on *levels* further levels."""
    if not levels:
        return None
    count = len(value)
    if not count:
        return [], _CONTAINER_BYTES
    if count > (_MOST_MESSAGES if levels > 1 else _MOST_WITHIN):
        return None
    copied = value.copy()
    kind = type(copied[0])
    if kind is AIMessage or kind is HumanMessage or kind is ToolMessage or kind is SystemMessage:
        return _messages(copied)
    if count > FEW:
        return None
    size = _CONTAINER_BYTES + _NUMBER_BYTES * count
    for index, item in enumerate(copied):
        kind = type(item)
        if kind is str:
            size += _sizeof(item)
        elif item is not None and kind is not bool and kind is not float:
            found = _within(item, kind, levels)
            if found is None:
                return None
            copied[index], more = found
            size += more
    return copied, size


def _within(item: Any, kind: type, levels: int) -> Copied | None:
    """Copy an entry of a mapping or a list that is neither text nor a number that needs no look."""
    if kind is dict:
        return small_mapping(item, levels - 1) if levels > 1 else None
    if kind is int:
        return (item, _NUMBER_BYTES) if -INT64 <= item < INT64 else None
    if levels <= 1:
        return None
    if kind is list:
        return small_list(item, levels - 1)
    small = small_of_class(kind)
    return None if small is None else small(item, levels - 1)


# ---------------------------------------------------------------- messages
def _messages(messages: list[Any]) -> tuple[MessageCopies, int] | None:
    """Copy a conversation: of a message of plain text its fields alone."""
    if not _are_usual(map(type, messages)):
        return None
    return copy_messages(messages, MEASURED_STATES, MessageCopies)


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
    size = len(content) + _CONTAINER_BYTES
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
    return None if found is None else ({"messages": found[0]}, found[1] + _CONTAINER_BYTES)


def _command(command: Any, levels: int) -> Copied | None:
    """Copy a command of LangGraph that only updates a state, as the nodes of an agent return them."""
    goto, update = command.goto, command.update
    if type(goto) is not tuple or goto or command.resume is not None or command.graph is not None:
        return None
    found = small_mapping(update, levels) if type(update) is dict else None
    return None if found is None else ({"update": found[0]}, found[1] + _CONTAINER_BYTES)


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
