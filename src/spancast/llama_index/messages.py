"""LlamaIndex's messages, nodes, events and responses: what is held of them in the callback, and what they become later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import orjson
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse
from llama_index.core.base.response.schema import (
    AsyncStreamingResponse,
    PydanticResponse,
    Response,
    StreamingResponse,
)
from llama_index.core.chat_engine.types import AgentChatResponse, StreamingAgentChatResponse
from llama_index.core.schema import BaseComponent, BaseNode, NodeWithScore, QueryBundle
from llama_index.core.tools import BaseTool, ToolOutput
from workflows.events import Event

from ..capture.blocks import read_block
from ..capture.class_cache import ClassCache
from ..capture.lookup import NO_FIELDS
from ..capture.marks import mark
from ..capture.messages import ROLES, calls_beside, with_further
from ..capture.numbers import number_of
from ..capture.shapes import Shape, class_name, plain_name, visible_fields
from ..capture.snapshot import ShapeTable, Snapshot
from ..record.json import JSON
from ..record.message import Message, Part, Reasoning, Text, ToolCall, turn
from ..record.operation import Document
from ..recording.message_cache import MESSAGE_CACHE


class MessageSnapshot(NamedTuple):
    """A message as it was in the callback. What is JSON text is frozen; everything else is a copy.

    Attributes:
        role: The role's text.
        content: The text of a message that is one text; else the blocks as JSON text, or the fields of each by its type.
        further: The further arguments, None where there are none; small ones as JSON text.
    """

    role: str
    content: str | bytes | list[tuple[str, dict[str, Any]]]
    further: bytes | dict[str, Any] | None


class NodeSnapshot:
    """A node as it was in the callback; *score* where a retriever or reranker gave one."""

    __slots__ = ("content", "id", "metadata", "score")

    def __init__(self, id: Any, content: Any, metadata: Any, score: Any) -> None:
        self.id = id
        self.content = content
        self.metadata = metadata
        self.score = score


def hold_message(message: Any, taken: Snapshot) -> object:
    """Copy a message with its blocks, as far as the budget reaches."""
    data = message.__dict__
    blocks = []
    size = 0
    for block in _both_ends(list(data.get("blocks") or ()), taken):
        if type(block) is str:
            blocks.append(("text", {"text": block}))
            continue
        held = block.__dict__.copy()
        for name, item in held.items():
            kind = type(item)
            if kind is str or kind is bytes:
                size += len(item)
            elif kind is dict or kind is list:  # a tool's arguments, which it may change
                held[name] = taken.capture(item, 6)
        blocks.append((str(held.get("block_type") or plain_name(type(block))), held))
    taken.size += size
    further = data.get("additional_kwargs")
    kept = taken.capture(further) if further else None
    return MessageSnapshot(role_of(data), blocks, kept if isinstance(kept, dict) else None)


def _both_ends(blocks: list[Any], taken: Snapshot) -> list[Any]:
    """Return the blocks that are copied: of very many the first and the last ones, and between them a text that says so."""
    count = len(blocks)
    most = max(taken.to_measure, _FEW_BLOCKS)
    taken.to_measure -= min(count, most)
    if count > most:
        half = most // 2
        blocks[half : count - half] = [mark(count - 2 * half)]
        taken.left_out += count - 2 * half
    return blocks


_FEW_BLOCKS = 16  # of each message in any case


def role_of(data: Mapping[str, Any]) -> str:
    """Return the role among the fields of a message, as text."""
    role = data.get("role")
    return str(getattr(role, "value", role))


def _hold_node(node: Any, taken: Snapshot, score: Any = None) -> object:
    data = node.__dict__
    content = text_of_node(data)
    if isinstance(content, str):
        taken.size += len(content)
    return NodeSnapshot(data.get("id_"), content, taken.capture(data.get("metadata") or {}, 4), score)


def text_of_node(data: Mapping[str, Any]) -> Any:
    """Return the text among the fields of a node."""
    content = data.get("text")
    return getattr(data.get("text_resource"), "text", None) if content is None else content


def _hold_scored_node(scored: Any, taken: Snapshot) -> object:
    data = scored.__dict__
    return _hold_node(data["node"], taken, number_of(data.get("score")))


def _hold_text_of(*names: str) -> Shape:
    """Return the shape of a response: the first of these attributes that holds something."""

    def shape(value: Any, taken: Snapshot) -> object:
        held = value.__dict__
        return next((taken.capture(held[name]) for name in names if held.get(name) is not None), None)

    return shape


def _hold_tool_output(output: Any, taken: Snapshot) -> object:
    data = output.__dict__
    text = text_of_output(data)
    return taken.capture(data.get("raw_output") if text is None else text)


def text_of_output(data: Mapping[str, Any]) -> str | None:
    """Return the text among the fields of a tool's output; None where it has other blocks."""
    texts = [block.__dict__.get("text") for block in data.get("blocks") or ()]
    for text in texts:
        if not isinstance(text, str):
            return None
    return "\n".join(texts) if texts else None


# What reads an event's fields, without those that its class hides: `exclude=True`, `repr=False`.
_fields_of = ClassCache(visible_fields).get


def _hold_event(event: Any, taken: Snapshot) -> object:
    return taken.mapping(fields_of_event(event))


def fields_of_event(event: Any) -> dict[str, Any]:
    """Return a workflow event's fields, those set in passing, and the result of a StopEvent."""
    private = event.__pydantic_private__ or {}
    read = _fields_of(type(event))
    held = {**(read(event) if read is not None else {}), **(private.get("_data") or {})}
    if private.get("_result") is not None:
        held["result"] = private["_result"]
    return {key: item for key, item in held.items() if item is not None and key not in _NOT_HELD}


# An agent's raw provider answer stands in the generation already; memory and context are the application's machinery.
_NOT_HELD = frozenset({"raw", "memory", "ctx", "output_cls"})


def _find_shape(kind: type) -> Shape | None:
    for base, shape in _BASES:
        if issubclass(kind, base):
            return shape
    return None


def _by_class_name(value: object, taken: Snapshot) -> object:
    return class_name(type(value))


TEXTS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (QueryBundle, ("query_str",)),
    ((Response, PydanticResponse), ("response",)),
    ((StreamingResponse, AsyncStreamingResponse), ("response_txt",)),
    ((AgentChatResponse, StreamingAgentChatResponse), ("response",)),
    (ChatResponse, ("message",)),
    (CompletionResponse, ("text",)),
)
"""Of which attribute a response is copied."""
_BASES: tuple[tuple[Any, Shape], ...] = (
    (ChatMessage, hold_message),
    (NodeWithScore, _hold_scored_node),
    (BaseNode, _hold_node),
    *[(base, _hold_text_of(*names)) for base, names in TEXTS],
    (ToolOutput, _hold_tool_output),
    (Event, _hold_event),
    ((BaseComponent, BaseTool), _by_class_name),  # models, retrievers, memories: machinery, with keys inside
)
SHAPES = ShapeTable(_find_shape)


# ---------------------------------------------------------------- later, in a lane's thread
def as_data(value: object) -> JSON:
    """Return a snapshot as plain data: messages as role and content, nodes as documents."""
    kind = type(value)  # a snapshot holds exact types only
    if kind is str or value is None:
        return value  # type: ignore[return-value]
    if kind is dict:
        return {key: as_data(item) for key, item in value.items()}  # type: ignore[attr-defined]
    if kind is list:
        return [as_data(item) for item in value]  # type: ignore[attr-defined]
    if kind is MessageSnapshot:
        return turn(to_message(value))  # type: ignore[arg-type]
    if isinstance(value, NodeSnapshot):
        held = {"id": value.id, "score": value.score, "content": value.content, "metadata": as_data(value.metadata)}
        return {key: item for key, item in held.items() if item not in (None, {})}
    return value  # type: ignore[return-value]


def to_document(held: NodeSnapshot) -> Document:
    """Return the Document that a snapshot of a node stands for."""
    metadata = as_data(held.metadata)
    return Document(
        content=held.content if isinstance(held.content, str) else "",
        id=None if held.id is None else str(held.id),
        score=number_of(held.score),
        metadata=metadata if isinstance(metadata, Mapping) else {},
    )


def to_documents(held: object) -> tuple[Document, ...]:
    """Return the Documents in a list of snapshots."""
    found = held if isinstance(held, list) else ()
    return tuple(to_document(item) for item in found if isinstance(item, NodeSnapshot))


def to_messages(held: object) -> tuple[Message, ...]:
    """Return the Messages in a snapshot, or in a list of snapshots; texts are the user's."""
    kind = type(held)
    if kind is MessageSnapshot:
        return (to_message(held),)  # type: ignore[arg-type]
    if kind is str:
        return (Message(role="user", parts=(Text(held),)),) if held else ()  # type: ignore[arg-type]
    if kind is not list:
        return ()
    found: list[Message] = []
    for item in held:  # type: ignore[attr-defined]
        if type(item) is MessageSnapshot:
            found.append(to_message(item))
        else:
            found.extend(to_messages(item))
    return tuple(found)


def to_message(held: MessageSnapshot) -> Message:
    """Return the Message that a snapshot stands for: the same one again for the same content and further arguments."""
    if type(held.content) is list or type(held.further) is dict:
        return _read(held)
    found = MESSAGE_CACHE.find(held)  # 0.4 us a turn of a history instead of 2.1, or of 3.4 with a tool call
    if found is None:
        found = _read(held)
        MESSAGE_CACHE.put(held, found, len(held.content) + (len(held.further) if held.further else 0))
    return found


def named(message: Message, name: str) -> Message:
    """Return *message* with its author's name: the same one again for the same message, with the texts that it keeps."""
    key = (id(message), name)
    found = MESSAGE_CACHE.find(key, message)
    if found is None:
        found = replace(message, name=name)
        MESSAGE_CACHE.put(key, found, 0, message)
    return found


def further_of(held: MessageSnapshot) -> Mapping[str, Any]:
    """Return the further arguments of a message that was copied."""
    further = held.further
    if further is None:
        return NO_FIELDS
    found = orjson.loads(further) if type(further) is bytes else further
    return found if type(found) is dict else NO_FIELDS


def _blocks_of(content: str | bytes | list[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    if type(content) is str:
        return [("text", {"text": content})]
    if type(content) is bytes:
        return [(str(block.get("block_type")), block) for block in orjson.loads(content)]
    return content  # type: ignore[return-value]


def _read(held: MessageSnapshot) -> Message:
    parts: list[Part] = []
    for name, block in _blocks_of(held.content):
        for part in read_block({"type": name, **_encoded(block)}):
            _add(parts, part)
    further = further_of(held)
    if further:
        parts = with_further(parts, further)
        if not any(isinstance(part, ToolCall) for part in parts):
            parts += calls_beside(further)
    call_id, author = further.get("tool_call_id"), further.get("name")
    return Message(
        role=ROLES.get(held.role, held.role),
        parts=tuple(parts),
        name=author if isinstance(author, str) else None,
        tool_call_id=str(call_id) if call_id else None,
    )


def _add(parts: list[Part], part: Part) -> None:
    """Add a part; a piece of a thought, of which a stream makes a block each, to the piece before it."""
    before = parts[-1] if parts else None
    if isinstance(part, Reasoning) and isinstance(before, Reasoning) and before.signature is None:
        parts[-1] = Reasoning(before.text + part.text, part.signature)
    else:
        parts.append(part)


def _encoded(block: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a block with its bytes as text: in LlamaIndex's blocks they are base64 already."""
    return {key: item.decode("ascii", "replace") if type(item) is bytes else item for key, item in block.items()}
