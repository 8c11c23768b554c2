"""LangChain's messages: what is captured of them in the callback, and the Messages they become later."""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from langchain_core.messages import BaseMessage

from ..capture.blocks import id_of, known_parts, parts_of
from ..capture.lookup import fields_of, items_of, text_of
from ..capture.messages import BESIDE, ROLES, calls_beside, loose_message, with_further
from ..capture.shapes import Shape, module_of, plain_name
from ..capture.snapshot import ShapeTable, Snapshot, plain_data, weight_of
from ..record.json import JSON
from ..record.message import Message, Part, Text, ToolCall, turn
from ..recording.message_cache import MEASURED_CALLS, MEASURED_TEXTS, MESSAGE_CACHE, MeasuredTexts

Copies = TypeVar("Copies", bound=list[Any])


class MessageSnapshot:
    """A message as it was in the callback: its class and a shallow copy of its fields (0.2 us; a deep copy 9 us)."""

    __slots__ = ("data", "kind")

    def __init__(self, kind: type[BaseMessage], data: dict[str, Any]) -> None:
        self.kind = kind
        self.data = data


class MessageCopies(list[Any]):
    """The messages of a state as they were in the callback: of plain text their fields alone, else a MessageSnapshot."""

    __slots__ = ()


class DocumentSnapshot:
    """A document as it was in the callback."""

    __slots__ = ("content", "id", "metadata", "score")

    def __init__(self, id: Any, content: Any, metadata: Any, score: Any = None) -> None:
        self.id = id
        self.content = content
        self.metadata = metadata
        self.score = score


def hold_message(message: Any, taken: Snapshot) -> MessageSnapshot:
    """Copy a message: LangGraph sets ids and names on messages after the callback has seen them."""
    data = message.__dict__.copy()
    content = data.get("content")
    if type(content) is str:
        taken.size += len(content)
    elif type(content) is list:
        data["content"] = blocks = list(content)
        taken.size += _length_of_blocks(blocks, taken)
    calls, further = data.get("tool_calls"), data.get("additional_kwargs")
    if calls:
        taken.size += MEASURED_CALLS.size_of(calls)
    if further:
        taken.size += weight_of(further)
    taken.budget += 15  # less work than the container that it is counted as
    snapshot = _new_snapshot(MessageSnapshot)  # and its fields: half of the steps of calling the class
    snapshot.kind, snapshot.data = type(message), data
    return snapshot


def copy_messages(messages: Sequence[Any]) -> tuple[list[Any], int]:
    """Copy a model's input; return the copies and the bytes that they keep alive.

    Messages of plain text are copied as their fields alone, which takes a third of the time. Every message is copied in
    every call, so that what is changed between two of them is seen: comparing the fields of a message with those of its
    former copy takes more instructions than copying them (1,350 against 780).
    """
    texts = copy_texts(messages, list) if len(messages) < FEW_MESSAGES else None
    return copy_many(messages, MEASURED_TEXTS, list) if texts is None else texts


def copy_many(messages: Sequence[Any], measured: MeasuredTexts, kind: type[Copies]) -> tuple[Copies, int]:
    """Copy messages of any content. *measured* knows the texts that the thread's last conversation of this sort had."""
    copies = kind([message.__dict__.copy() for message in messages])
    try:
        contents = [data["content"] for data in copies]
    except KeyError:  # a class of the application's, without content
        return copies, _measure(copies, messages, 0)[0]
    count, size = measured.find(contents)
    if count < len(contents):
        more, texts_only = _measure(copies, messages, count)
        size += more
        if texts_only:
            measured.put(contents, size)
    return copies, size


def copy_texts(messages: Sequence[Any], kind: type[Copies]) -> tuple[Copies, int] | None:
    """Copy fewer than `FEW_MESSAGES` messages of plain text, with or without tool calls, into a list of class *kind*.

    None where there is another message among them.
    """
    copies = kind()
    keep = copies.append
    size = _FIELDS_BYTES * len(messages)
    try:
        for message in messages:
            data = message.__dict__.copy()
            content = data["content"]
            if type(content) is not str or data["additional_kwargs"]:
                return None
            size += len(content)
            if "tool_calls" in data and (calls := data["tool_calls"]):
                known = _measured_calls(id(calls))
                size += MEASURED_CALLS.size_of(calls) if known is None else known[1]
            keep(data)
    except (AttributeError, KeyError):  # no message, or of a class of the application's, without these fields
        return None
    return copies, size


def _measure(copies: list[Any], messages: Sequence[Any], start: int) -> tuple[int, bool]:
    """Return the bytes that the copies from *start* on keep alive, and whether all of them are texts.

    What is no text is copied more than its fields alone.
    """
    size = _FIELDS_BYTES * (len(copies) - start)
    snapshot = None
    texts_only = True
    index = start
    for data in copies[start:] if start else copies.copy():
        content = data["content"] if "content" in data else None  # noqa: SIM401  (a third of what `get` costs)
        if type(content) is str:
            size += len(content)
            if "tool_calls" in data and (calls := data["tool_calls"]):
                known = _measured_calls(id(calls))
                size += MEASURED_CALLS.size_of(calls) if known is None else known[1]
            if "additional_kwargs" in data and (further := data["additional_kwargs"]):
                size += weight_of(further)
        else:
            texts_only = False
            snapshot = snapshot or Snapshot(SHAPES)
            copies[index] = hold_message(messages[index], snapshot)
        index += 1
    return size if snapshot is None else size + snapshot.size, texts_only


_measured_calls = MEASURED_CALLS.find
FEW_MESSAGES = 12  # from so many on it pays to look what was measured before
_FIELDS_BYTES = 64


def _length_of_blocks(blocks: list[object], taken: Snapshot) -> int:
    """Return about how many characters blocks have: all of them are looked at, or of very many some in even distances."""
    count = len(blocks)
    most = taken.to_measure if taken.to_measure > _FEW_BLOCKS else _FEW_BLOCKS
    if count <= most:
        taken.to_measure -= count
        return sum([_length(block) for block in blocks])
    some = blocks[:: -(-count // most)]
    taken.to_measure -= len(some)
    return sum([_length(block) for block in some]) * count // len(some)


_FEW_BLOCKS = 16  # of each message in any case


def _length(block: object) -> int:
    if isinstance(block, str):
        return str.__len__(block)  # an application's own class may count otherwise, or raise
    if isinstance(block, dict):
        return sum(str.__len__(value) for value in block.values() if isinstance(value, str))
    return 0


def _hold_document(document: Any, taken: Snapshot) -> DocumentSnapshot:
    data = document.__dict__
    content = data.get("page_content")
    if isinstance(content, str):
        taken.size += len(content)
    score = data.get("score")  # a field of an application's own class of documents
    metadata = taken.capture(data.get("metadata") or {}, 4)
    return DocumentSnapshot(data.get("id"), content, metadata, None if score is None else taken.capture(score))


def hold_prompt(prompt: Any, taken: Snapshot) -> object:
    """Hold a prompt's messages: half the time of going through a pydantic model's fields."""
    messages = prompt.__dict__["messages"]
    return {"messages": taken.sequence(messages) if type(messages) is list else taken.capture(messages)}


def _hold_send(send: Any, taken: Snapshot) -> object:
    return {"node": send.node, "arg": taken.capture(send.arg, 8)}


def _hold_command(command: Any, taken: Snapshot) -> object:
    held = {name: getattr(command, name) for name in ("update", "goto", "resume", "graph")}
    return taken.capture({name: value for name, value in held.items() if value not in (None, ())}, 10)


def _loaded(module: str, name: str) -> type | None:
    found = getattr(sys.modules.get(module), name, None)
    return found if isinstance(found, type) else None


def _find_shape(kind: type) -> Shape | None:
    if issubclass(kind, BaseMessage):
        return hold_message
    # by modules that are loaded where there are instances: importing them took 15 ms in a program without them
    if (document := _loaded("langchain_core.documents.base", "Document")) is not None and issubclass(kind, document):
        return _hold_document
    prompt = _loaded("langchain_core.prompt_values", "ChatPromptValue")
    if prompt is not None and issubclass(kind, prompt) and module_of(kind).startswith("langchain_core."):
        return hold_prompt
    if module_of(kind) == "langgraph.types":
        return {"Send": _hold_send, "Command": _hold_command}.get(plain_name(kind))
    return None


SHAPES = ShapeTable(_find_shape)
_new_snapshot = MessageSnapshot.__new__


# ---------------------------------------------------------------- later, in a lane's thread
def as_data(value: object) -> JSON:
    """Return a snapshot as plain data: messages as role and content, documents as theirs."""
    kind = type(value)  # a snapshot holds exact types only, so no isinstance is needed
    if kind is dict:
        return {key: as_data(item) for key, item in value.items()}  # type: ignore[attr-defined]
    if kind is list:
        return [as_data(item) for item in value]  # type: ignore[attr-defined]
    if kind is MessageCopies:
        return [turn(to_message(message)) for message in value]  # type: ignore[attr-defined]
    if isinstance(value, MessageSnapshot):
        return turn(to_message(value))
    if isinstance(value, DocumentSnapshot):
        held = {"id": value.id, "page_content": value.content, "metadata": as_data(value.metadata)}
        return {key: item for key, item in held.items() if item not in (None, {})}
    return value  # type: ignore[return-value]


def fields_in(held: MessageSnapshot | dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a message that was copied."""
    return held if type(held) is dict else held.data  # type: ignore[union-attr]


def to_message(held: MessageSnapshot | dict[str, Any]) -> Message:
    """Return the Message that a snapshot stands for: the same one again for the same text, thought and tool calls."""
    data = fields_in(held)
    content = data.get("content")
    calls = data.get("tool_calls") or None
    further = data.get("additional_kwargs")
    thought = None
    if further and not BESIDE.isdisjoint(further):
        thought = _only_thought(further, calls)
    about = (content, data.get("type"), data.get("role"), data.get("name"), data.get("tool_call_id"), thought)
    if type(content) is not str or not _TEXTS.issuperset(map(type, about)) or data.get("invalid_tool_calls"):
        return _read(held)
    if calls is not None and type(calls) is not list:
        return _read(held)
    key = (about, tuple([_id(call.get("id")) for call in calls if type(call) is dict]) if calls else None)
    found = MESSAGE_CACHE.find(key, calls)  # 0.5 us a turn of a history instead of 1.1, or of 6 with a tool call
    if found is None:
        found = _read(held)
        if calls is None or _is_plain(calls):
            MESSAGE_CACHE.put(key, found, len(content) + len(thought or ""), copy.deepcopy(calls))
    return found


def _only_thought(further: Mapping[str, Any], calls: object) -> Any:
    """Return the thought that stands beside the content where nothing else does; else what cannot be remembered."""
    for name in BESIDE:
        if further.get(name) and name != "reasoning_content" and not (name == "tool_calls" and calls):
            return further  # no text: the message is read anew
    return further.get("reasoning_content") or None


_TEXTS = frozenset({str, type(None)})  # what a message is known by


def _is_plain(value: object, depth: int = 6) -> bool:
    """Return whether *value* is made of plain data only, and so may be compared and copied without calling its code."""
    kind = type(value)
    if kind is str or value is None or kind is int or kind is bool or kind is float:
        return True
    if not depth:
        return False
    if kind is dict:
        return all([type(key) is str and _is_plain(item, depth - 1) for key, item in value.items()])  # type: ignore[attr-defined]
    return kind is list and all([_is_plain(item, depth - 1) for item in value])  # type: ignore[attr-defined]


def _read(held: MessageSnapshot | dict[str, Any]) -> Message:
    data = held if isinstance(held, dict) else held.data
    kind = str(data.get("type") or "")
    content = data.get("content")
    parts: list[Part] = [Text(content)] if type(content) is str and content else _content_parts(held, content)
    further = fields_of(data.get("additional_kwargs"))
    if further:
        parts = with_further(parts, further)
    if data.get("tool_calls") or data.get("invalid_tool_calls"):
        parts = _with_calls(parts, data)
    elif further:
        ids = {part.id for part in parts if isinstance(part, ToolCall)}
        parts += [call for call in calls_beside(further) if call.id is None or call.id not in ids]
    name = data.get("name")
    call_id = data.get("tool_call_id")
    return Message(
        role=ROLES.get(kind) or str(data.get("role") or kind or "unknown"),
        parts=tuple(parts),
        name=str(name) if name else None,
        tool_call_id=str(call_id) if call_id else None,
    )


def to_messages(held: Sequence[MessageSnapshot | dict[str, Any]]) -> tuple[Message, ...]:
    """Return the Messages of many snapshots."""
    return tuple([to_message(message) for message in held])


def conversation_of(value: object) -> tuple[Message, ...]:
    """Return the messages in a state such as `{"messages": [...]}`, or in a list; none when it holds no conversation."""
    return tuple([message for _, message in turns_of(value)])


def turns_of(value: object) -> list[tuple[str | None, Message]]:
    """Return the messages of a state or a list, each with its id where it has one; none when it holds no conversation."""
    if isinstance(value, dict):
        value = value.get("messages")
        if isinstance(value, str):
            value = [value]
    if isinstance(value, MessageSnapshot):
        value = [value]
    if type(value) is MessageCopies:
        return [(_id(fields_in(message).get("id")), to_message(message)) for message in value]
    if not isinstance(value, list) or not value:
        return []
    found = []
    for item in value:
        if isinstance(item, MessageSnapshot):
            found.append((_id(item.data.get("id")), to_message(item)))
        elif (message := loose_message(item)) is not None:
            found.append((_id(item.get("id")) if isinstance(item, dict) else None, message))
        else:
            return []
    return found


# ---------------------------------------------------------------- content
def _content_parts(held: MessageSnapshot | dict[str, Any], content: object) -> list[Part]:
    """Read the content by the table of blocks; where a block is not in it, by LangChain's own translation of the whole."""
    if not isinstance(content, (list, tuple)) or isinstance(held, dict):
        return parts_of(content)
    parts: list[Part] = []
    for block in content:
        fields = fields_of(block)
        found = known_parts(fields) if fields else parts_of(block)
        if found is None:
            return parts_of(_standard_blocks(held, content))
        parts += found
    return parts


def _standard_blocks(held: MessageSnapshot, content: Sequence[Any]) -> Sequence[Any]:
    """Return the content in LangChain's provider-independent blocks, which LangChain itself works out; else as it is."""
    try:
        plain = [block if isinstance(block, str) else _plain(block) for block in content]
        message = held.kind.__new__(held.kind)
        object.__setattr__(message, "__dict__", {**held.data, "content": plain})
        object.__setattr__(message, "__pydantic_fields_set__", set(held.data))
        object.__setattr__(message, "__pydantic_extra__", None)
        object.__setattr__(message, "__pydantic_private__", None)
        return message.content_blocks
    except Exception:  # a block that LangChain's own translators cannot read: take it as it is
        return content


def _with_calls(parts: list[Part], data: Mapping[str, Any]) -> list[Part]:
    """Return *parts* with the message's tool calls at the end, instead of the blocks from which LangChain has read them."""
    calls = list(_calls(data))
    ids = {call.id for call in calls}
    names = {call.name for call in calls}
    kept = [
        part
        for part in parts
        if not isinstance(part, ToolCall)
        or part.server
        or (part.id not in ids if part.id is not None else part.name not in names)
    ]
    return [*kept, *calls]


def _calls(data: Mapping[str, Any]) -> list[ToolCall]:
    found = []
    for key in ("tool_calls", "invalid_tool_calls"):
        for each in items_of(data.get(key)):
            call = fields_of(each)
            if call:
                text = text_of(call.get("args"))
                found.append(
                    ToolCall(
                        name=text_of(call.get("name")) or "",
                        arguments=plain_data(call.get("args")) if text is None else text,
                        id=id_of(call, "id"),
                        error=(text_of(call.get("error")) or "invalid") if key == "invalid_tool_calls" else None,
                    )
                )
    return found


def _id(value: object) -> str | None:
    return None if value is None else str(value)


def _plain(value: object) -> JSON:
    return as_data(Snapshot(SHAPES).capture(value))
