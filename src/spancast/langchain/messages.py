"""LangChain's messages: what is held of them in the callback, and the Messages they become later."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_core.documents import Document as LangChainDocument
from langchain_core.messages import BaseMessage
from langchain_core.prompt_values import ChatPromptValue

from ..capture.shapes import Shape, is_mark
from ..capture.snapshot import ShapeTable, Snapshot
from ..record.json import JSON
from ..record.message import (
    Media,
    Message,
    Other,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    turn,
)
from ..recording.message_cache import MESSAGE_CACHE

_ROLES = {
    "human": "user",
    "HumanMessageChunk": "user",
    "ai": "assistant",
    "AIMessageChunk": "assistant",
    "system": "system",
    "SystemMessageChunk": "system",
    "tool": "tool",
    "ToolMessageChunk": "tool",
    "function": "tool",
    "FunctionMessageChunk": "tool",
}


class MessageSnapshot:
    """A message as it was in the callback: its class and a shallow copy of its fields (0.2 us; a deep copy 9 us)."""

    __slots__ = ("data", "kind")

    def __init__(self, kind: type[BaseMessage], data: dict[str, Any]) -> None:
        self.kind = kind
        self.data = data


class DocumentSnapshot:
    """A document as it was in the callback."""

    __slots__ = ("content", "id", "metadata")

    def __init__(self, id: Any, content: Any, metadata: Any) -> None:
        self.id = id
        self.content = content
        self.metadata = metadata


def hold_message(message: Any, taken: Snapshot) -> MessageSnapshot:
    """Copy a message: LangGraph sets ids and names on messages after the callback has seen them."""
    data = message.__dict__.copy()
    content = data.get("content")
    if type(content) is str:
        taken.size += len(content)
    elif type(content) is list:
        data["content"] = list(content)
        taken.size += sum(_length(block) for block in content)
    taken.budget += 15  # less work than the container that it is counted as
    return MessageSnapshot(type(message), data)


def hold_messages(messages: Sequence[Any], taken: Snapshot) -> list[MessageSnapshot | dict[str, Any]]:
    """Copy a model's input; messages of plain text as their fields alone, which takes a third of the time."""
    held: list[MessageSnapshot | dict[str, Any]] = []
    size = 0
    for message in messages:
        data = message.__dict__
        content = data.get("content")
        if type(content) is str:
            size += len(content)
            held.append(data.copy())
        else:
            held.append(hold_message(message, taken))
    taken.size += size
    return held


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
    return DocumentSnapshot(data.get("id"), content, taken.take(dict(data.get("metadata") or {}), 4))


def _hold_prompt(prompt: Any, taken: Snapshot) -> object:
    """Hold a prompt's messages: half the time of going through a pydantic model's fields."""
    return {"messages": [taken.take(message) for message in prompt.__dict__["messages"]]}


def _hold_send(send: Any, taken: Snapshot) -> object:
    return {"node": send.node, "arg": taken.take(send.arg, 8)}


def _hold_command(command: Any, taken: Snapshot) -> object:
    held = {name: getattr(command, name) for name in ("update", "goto", "resume", "graph")}
    return taken.take({name: value for name, value in held.items() if value not in (None, ())}, 10)


def _find_shape(kind: type) -> Shape | None:
    if issubclass(kind, BaseMessage):
        return hold_message
    if issubclass(kind, LangChainDocument):
        return _hold_document
    if issubclass(kind, ChatPromptValue) and kind.__module__.startswith("langchain_core."):
        return _hold_prompt
    if kind.__module__ == "langgraph.types":
        return {"Send": _hold_send, "Command": _hold_command}.get(kind.__name__)
    return None


SHAPES = ShapeTable(_find_shape)


# ---------------------------------------------------------------- later, in a lane's thread
def as_data(value: object) -> JSON:
    """Return a snapshot as plain data: messages as role and content, documents as theirs."""
    kind = type(value)  # a snapshot holds exact types only, so no isinstance is needed
    if kind is dict:
        return {key: as_data(item) for key, item in value.items()}  # type: ignore[attr-defined]
    if kind is list:
        return [as_data(item) for item in value]  # type: ignore[attr-defined]
    if isinstance(value, MessageSnapshot):
        return turn(to_message(value))
    if isinstance(value, DocumentSnapshot):
        held = {"id": value.id, "page_content": value.content, "metadata": as_data(value.metadata)}
        return {key: item for key, item in held.items() if item not in (None, {})}
    return value  # type: ignore[return-value]


def to_message(held: MessageSnapshot | dict[str, Any]) -> Message:
    """Return the Message that a snapshot stands for: the same one again for the same text and tool calls."""
    data = held if type(held) is dict else held.data  # type: ignore[union-attr]
    content = data.get("content")
    calls = data.get("tool_calls") or None
    about = (content, data.get("type"), data.get("role"), data.get("name"), data.get("tool_call_id"))
    if type(content) is not str or not _TEXTS.issuperset(map(type, about)) or data.get("invalid_tool_calls"):
        return _read(held)
    if calls is not None and type(calls) is not list:
        return _read(held)
    key = (about, tuple([_id(call.get("id")) for call in calls if type(call) is dict]) if calls else None)
    found = MESSAGE_CACHE.find(key, calls)  # 0.5 us a turn of a history instead of 1.1, or of 6 with a tool call
    if found is None:
        found = _read(held)
        if calls is None or _is_plain(calls):
            MESSAGE_CACHE.put(key, found, len(content), copy.deepcopy(calls))
    return found


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
    role = _ROLES.get(kind) or str(data.get("role") or kind or "unknown")
    content = data.get("content")
    parts: tuple[Part, ...] = (
        (Text(content),) if type(content) is str and content else tuple(_content_parts(held, content))
    )
    if data.get("tool_calls") or data.get("invalid_tool_calls"):
        parts += tuple(_call_parts(data))
    name = data.get("name")
    call_id = data.get("tool_call_id")
    return Message(
        role=role,
        parts=parts,
        name=str(name) if name else None,
        tool_call_id=str(call_id) if call_id else None,
    )


def to_messages(held: Sequence[MessageSnapshot | dict[str, Any]]) -> tuple[Message, ...]:
    """Return the Messages of many snapshots."""
    return tuple([to_message(message) for message in held])


def conversation_of(value: object) -> tuple[Message, ...]:
    """Return the messages in a state such as `{"messages": [...]}`, or in a list; none when it holds no conversation."""
    if isinstance(value, dict):
        value = value.get("messages")
    if isinstance(value, MessageSnapshot):
        return (to_message(value),)
    if not isinstance(value, list) or not value:
        return ()
    value = [item for item in value if not is_mark(item)]
    found = tuple(message for item in value if (message := _loose_message(item)) is not None)
    return found if len(found) == len(value) else ()


_LOOSE_ROLES = {"human": "user", "ai": "assistant"}


def _loose_message(item: object) -> Message | None:
    """Read the forms in which users write messages: an object, `("user", "text")`, `{"role": ..., "content": ...}`."""
    if isinstance(item, MessageSnapshot):
        return to_message(item)
    role = content = None
    if isinstance(item, list) and len(item) == 2:
        role, content = item
    elif isinstance(item, dict):
        role, content = item.get("role"), item.get("content")
    if not isinstance(role, str) or not isinstance(content, (str, list)):
        return None
    parts = tuple(_blocks([content] if isinstance(content, str) else content))
    return Message(role=_LOOSE_ROLES.get(role, role), parts=parts)


def _content_parts(held: MessageSnapshot | dict[str, Any], content: object) -> Iterator[Part]:
    if isinstance(content, str):
        if content:
            yield Text(str.__str__(content))
    elif isinstance(content, list) and isinstance(held, MessageSnapshot):
        plain = [block if isinstance(block, str) else _plain(block) for block in content]
        yield from _blocks([_plain(block) for block in _standard_blocks(held, plain)])


def _standard_blocks(held: MessageSnapshot, content: list[Any]) -> Sequence[Any]:
    """Return the content in LangChain's provider-independent blocks, which LangChain itself works out; else as it is."""
    if all(isinstance(block, str) or (isinstance(block, dict) and block.get("type") == "text") for block in content):
        return content
    try:
        message = held.kind.__new__(held.kind)
        object.__setattr__(message, "__dict__", {**held.data, "content": content})
        object.__setattr__(message, "__pydantic_fields_set__", set(held.data))
        object.__setattr__(message, "__pydantic_extra__", None)
        object.__setattr__(message, "__pydantic_private__", None)
        return message.content_blocks
    except Exception:  # a block that LangChain's own translators cannot read: take it as it is
        return content


def _blocks(blocks: Sequence[Any]) -> Iterator[Part]:
    for block in blocks:
        if isinstance(block, str):
            if block:
                yield Text(block)
        elif isinstance(block, Mapping):
            part = _block(block)
            if part is not None:
                yield part


def _block(block: Mapping[str, Any]) -> Part | None:
    kind = block.get("type")
    if kind == "non_standard" and isinstance(block.get("value"), Mapping) and block["value"].get("type"):
        block = block["value"]  # what LangChain has no standard block for may still be known here
        kind = block.get("type")
    if kind in ("tool_call", "tool_use", "tool_call_chunk", "invalid_tool_call", "input_json_delta"):
        return None  # stands in the message's tool_calls as well
    if kind == "text":
        return Text(str(block.get("text") or ""))
    if kind == "text-plain" and isinstance(block.get("text"), str):
        return Text(block["text"])
    if kind in ("reasoning", "thinking"):
        return _reasoning(block)
    if kind == "refusal":
        return Refusal(str(block.get("refusal") or block.get("text") or ""))
    if isinstance(kind, str) and kind in _MODALITIES:
        return _media(str(kind), block)
    if kind == "server_tool_call":
        return ToolCall(
            name=str(block.get("name")), arguments=_plain(block.get("args")), id=_id(block.get("id")), server=True
        )
    if kind == "server_tool_result":
        return ToolResult(result=_plain(block.get("output")), id=_id(block.get("tool_call_id")), server=True)
    return Other(_plain(block.get("value") if kind == "non_standard" else block))


def _reasoning(block: Mapping[str, Any]) -> Reasoning:
    text = block.get("reasoning") or block.get("thinking") or ""
    extras = block.get("extras")
    signature = block.get("signature") or (extras.get("signature") if isinstance(extras, Mapping) else None)
    return Reasoning(str(text), str(signature) if signature else None)


_MODALITIES = {
    "image": "image",
    "image_url": "image",
    "audio": "audio",
    "input_audio": "audio",
    "video": "video",
    "file": "document",
    "text-plain": "document",
}


def _media(kind: str, block: Mapping[str, Any]) -> Part:
    nested = block.get(kind)
    source: Mapping[str, Any] = nested if isinstance(nested, Mapping) else block
    url = source.get("url") or (nested if isinstance(nested, str) else None)
    data = source.get("base64") or source.get("data") or source.get("file_data")
    mime_type = source.get("mime_type")
    if isinstance(url, str) and url.startswith("data:"):
        head, _, data = url.partition(",")
        mime_type, url = mime_type or head[5:].split(";")[0], None
    file_id = source.get("file_id") or (source.get("id") if not (url or data) else None)
    return Media(
        modality=_MODALITIES[kind],
        mime_type=str(mime_type) if mime_type else None,
        url=str(url) if url else None,
        data=data if isinstance(data, str) else None,
        file_id=str(file_id) if file_id else None,
    )


def _call_parts(data: Mapping[str, Any]) -> Iterator[Part]:
    for key in ("tool_calls", "invalid_tool_calls"):
        calls = _plain(data.get(key))
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict):
                yield ToolCall(
                    name=str(call.get("name") or ""),
                    arguments=call.get("args"),
                    id=_id(call.get("id")),
                    error=str(call.get("error") or "invalid") if key == "invalid_tool_calls" else None,
                )


def _id(value: object) -> str | None:
    return None if value is None else str(value)


def _plain(value: object) -> JSON:
    return as_data(Snapshot(SHAPES).take(value))
