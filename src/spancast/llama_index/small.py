"""LlamaIndex's messages, nodes, events and responses as small values are copied: without a Snapshot and its budget.

Text of a message is kept as it is. Its other blocks and its further arguments are kept as JSON text, where they are small:
one call in C makes a copy that nobody can change, and by which the encoder finds a message that it has read before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock
from llama_index.core.schema import BaseNode, NodeWithScore
from llama_index.core.tools import ToolOutput
from workflows.events import Event

from ..capture.class_cache import ClassCache
from ..capture.numbers import number_of
from ..capture.small import CONTAINER_BYTES, Copied, Small, is_small, small_copies
from ..capture.snapshot import FEW, Snapshot
from ..record.json import PLAIN_ONLY
from ..recording.message_cache import MEASURED_CALLS
from ..signal_errors import is_from_signal_handler
from .messages import (
    SHAPES,
    TEXTS,
    MessageSnapshot,
    NodeSnapshot,
    fields_of_event,
    hold_message,
    text_of_node,
    text_of_output,
)

_measured = MEASURED_CALLS.find
_dumps = orjson.dumps
_new_snapshot: Callable[[type[MessageSnapshot], tuple[Any, ...]], MessageSnapshot] = tuple.__new__
_MOST_BYTES = 32_000  # of one of several lists of messages, which are copied without a budget
_MOST_BYTES_ASKED = 1_000_000  # of a model's input; JSON text of it takes a millisecond
_MOST_OTHERS = 16  # messages that were not small, from which on no other is tried
_MOST_JSON = 64_000  # bytes of JSON text from which on its source is looked at anew


def copy_conversation(messages: list[Any]) -> tuple[list[Any], int]:
    """Copy a model's input in its list, which is the callback's own; return it and the bytes that it keeps alive."""
    snapshot = None  # for what is not small
    size = others = 0
    for index, message in enumerate(messages):
        found = None
        if type(message) is ChatMessage and size < _MOST_BYTES_ASKED and others < _MOST_OTHERS:
            try:
                found = small_message(message)
            except Exception as error:  # what is no plain data, or has no such fields: the snapshot says so
                if is_from_signal_handler(error):
                    raise
        if found is None:
            others += 1
            snapshot = snapshot or Snapshot(SHAPES)
            messages[index] = snapshot.capture(message)
        else:
            messages[index], more = found
            size += more
    return messages, size if snapshot is None else size + snapshot.size


def _messages(messages: list[Any]) -> tuple[list[Any], int] | None:
    """Copy the messages in a list among other values, in that list."""
    size = 0
    for index, message in enumerate(messages):
        found = small_message(message) if type(message) is ChatMessage and size < _MOST_BYTES else None
        if found is None:
            return None
        messages[index], more = found
        size += more
    return messages, size


def small_message(message: Any, _: int = 0) -> tuple[MessageSnapshot, int] | None:
    """Copy a message of a text, or of a few blocks without large content."""
    data = message.__dict__
    role, blocks, further = data["role"], data["blocks"], data["additional_kwargs"]
    if type(role) is not MessageRole or type(blocks) is not list:
        return None
    content: Any
    if len(blocks) == 1 and type(blocks[0]) is TextBlock:
        content = blocks[0].__dict__["text"]
        if type(content) is not str:
            return None
    elif blocks:
        content = _json(blocks, [block.__dict__ for block in blocks]) if len(blocks) <= FEW else None
        if content is None:
            return None
    else:
        content = ""
    size = CONTAINER_BYTES + len(content)
    if further:
        if _measured(id(further)) is None:
            text = _json(further, further)
            if text is None:
                return None
        else:  # as in `_json`, without its call: a conversation repeats all former turns
            text = _dumps(further, None, PLAIN_ONLY)
            if len(text) > _MOST_JSON:
                MEASURED_CALLS.forget(further)
        further = text
        size += len(text)
    else:
        further = None
    return _new_snapshot(MessageSnapshot, (role._value_, content, further)), size


def _json(source: Any, value: Any) -> bytes | None:
    """Return small plain data as JSON text, None where it is not small. Raises TypeError where it is no plain data.

    A *source* that was small before is not looked at again: in a growing conversation that would be most of the work.
    """
    if _measured(id(source)) is None:
        if not is_small(value):
            return None
        text = _dumps(value, None, PLAIN_ONLY)
        MEASURED_CALLS.put(source, len(text))
        return text
    text = _dumps(value, None, PLAIN_ONLY)
    if len(text) > _MOST_JSON:
        MEASURED_CALLS.forget(source)
    return text


def copy_message(message: Any) -> tuple[Any, int]:
    """Copy a message; return the copy and the bytes that it keeps alive."""
    try:
        found = small_message(message)
    except Exception as error:  # what is no plain data, or has no such fields
        if is_from_signal_handler(error):
            raise
        found = None
    if found is not None:
        return found
    snapshot = Snapshot(SHAPES)
    return snapshot.capture(message), snapshot.size


# ---------------------------------------------------------------- nodes, outputs, responses, events
def _node(node: Any, levels: int, score: float | None = None) -> Copied | None:
    data = node.__dict__
    metadata = data.get("metadata")
    found = small_mapping(metadata, levels) if metadata else ({}, 0)
    if found is None:
        return None
    content = text_of_node(data)
    size = CONTAINER_BYTES + found[1] + (len(content) if type(content) is str else 0)
    return NodeSnapshot(data.get("id_"), content, found[0], score), size


def _scored_node(scored: Any, levels: int) -> Copied | None:
    data = scored.__dict__
    return _node(data["node"], levels, number_of(data.get("score")))


def _output(output: Any, _: int) -> Copied | None:
    text = text_of_output(output.__dict__)
    return None if text is None else (text, str.__sizeof__(text))


def _event(event: Any, levels: int) -> Copied | None:
    fields = fields_of_event(event)
    if isinstance(fields.get("result"), Event):  # an agent's answer, with all calls of tools: not small
        return None
    return small_mapping(fields, levels)


def _text_in(names: tuple[str, ...]) -> Small:
    """Return what copies a response: the first of these attributes that is something, where that is a text."""

    def small(value: Any, levels: int) -> Copied | None:
        data = value.__dict__
        for name in names:
            text = data.get(name)
            if text is not None:
                return (text, str.__sizeof__(text)) if type(text) is str else None
        return None

    return small


def _find(kind: type) -> Small | None:
    shape = SHAPES.shape_of(kind)
    if shape is hold_message:
        return small_message
    for base, names in TEXTS:
        if issubclass(kind, base):
            return _text_in(names)
    for base, small in _SMALL:
        if issubclass(kind, base):
            return small
    return None


_SMALL: tuple[tuple[type, Small], ...] = (
    (NodeWithScore, _scored_node),
    (BaseNode, _node),
    (ToolOutput, _output),
    (Event, _event),
)
small_of_class = ClassCache(_find).get
copy_small, small_mapping, small_list = small_copies(small_of_class, (ChatMessage,), _messages)
