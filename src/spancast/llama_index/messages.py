"""LlamaIndex's messages, nodes, events and responses: what is held of them in the callback, and what they become later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse, TextBlock
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
from ..capture.messages import ROLES, calls_beside, with_further
from ..capture.numbers import number_of
from ..capture.shapes import Shape, class_name, plain_name, visible_fields
from ..capture.snapshot import ShapeTable, Snapshot
from ..record.json import JSON
from ..record.message import Message, Part, Reasoning, Text, ToolCall, conversation
from ..record.operation import Document
from ..recording.message_cache import MESSAGE_CACHE
from ..recording.open_operation import OpenOperation


class MessageSnapshot:
    """A message as it was in the callback: its role, and a shallow copy of its blocks and further arguments."""

    __slots__ = ("blocks", "further", "role")

    def __init__(self, role: str, blocks: list[tuple[str, dict[str, Any]]], further: dict[str, Any]) -> None:
        self.role = role
        self.blocks = blocks
        self.further = further


class NodeSnapshot:
    """A node as it was in the callback; *score* where a retriever or reranker gave one."""

    __slots__ = ("content", "id", "metadata", "score")

    def __init__(self, id: Any, content: Any, metadata: Any, score: Any) -> None:
        self.id = id
        self.content = content
        self.metadata = metadata
        self.score = score


def hold(value: object, operation: OpenOperation) -> object:
    """Take a snapshot of *value* for *operation*, and count what it holds."""
    taken = Snapshot(SHAPES)
    held = taken.capture(value)
    operation.size += taken.size
    return held


def _hold_message(message: Any, taken: Snapshot) -> object:
    data = message.__dict__
    role = data.get("role")
    blocks = []
    for block in tuple(data.get("blocks") or ()):
        held = block.__dict__.copy()
        if type(block) is TextBlock:  # most are: 1.4 us a message instead of 1.7
            taken.size += len(held.get("text") or "")
            blocks.append(("text", held))
            continue
        taken.size += sum([len(item) for item in held.values() if isinstance(item, (str, bytes))])
        blocks.append((str(held.get("block_type") or plain_name(type(block))), held))
    further = data.get("additional_kwargs")
    kept = taken.capture(further) if further else {}
    return MessageSnapshot(str(getattr(role, "value", role)), blocks, kept if isinstance(kept, dict) else {})


def _hold_node(node: Any, taken: Snapshot, score: Any = None) -> object:
    data = node.__dict__
    content = data.get("text")
    if content is None:
        content = getattr(data.get("text_resource"), "text", None)
    if isinstance(content, str):
        taken.size += len(content)
    return NodeSnapshot(data.get("id_"), content, taken.capture(data.get("metadata") or {}, 4), score)


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
    texts = [block.__dict__.get("text") for block in data.get("blocks") or ()]
    if texts and all(isinstance(text, str) for text in texts):
        return taken.capture("\n".join(texts))
    return taken.capture(data.get("raw_output"))


# What reads an event's fields, without those that its class hides: `exclude=True`, `repr=False`.
_fields_of = ClassCache(visible_fields).get


def _hold_event(event: Any, taken: Snapshot) -> object:
    """Copy a workflow event: its fields, those said in passing, and the result of a StopEvent."""
    private = event.__pydantic_private__ or {}
    read = _fields_of(type(event))
    held = {**(read(event) if read is not None else {}), **(private.get("_data") or {})}
    if private.get("_result") is not None:
        held["result"] = private["_result"]
    held = {key: item for key, item in held.items() if item is not None and key not in _NOT_HELD}
    return taken.mapping(held)


# An agent's raw provider answer stands in the generation already; memory and context are the application's machinery.
_NOT_HELD = frozenset({"raw", "memory", "ctx", "output_cls"})


def _find_shape(kind: type) -> Shape | None:
    for base, shape in _BASES:
        if issubclass(kind, base):
            return shape
    return None


def _by_class_name(value: object, taken: Snapshot) -> object:
    return class_name(type(value))


_BASES: tuple[tuple[Any, Shape], ...] = (
    (ChatMessage, _hold_message),
    (NodeWithScore, _hold_scored_node),
    (BaseNode, _hold_node),
    (QueryBundle, _hold_text_of("query_str")),
    ((Response, PydanticResponse), _hold_text_of("response")),
    ((StreamingResponse, AsyncStreamingResponse), _hold_text_of("response_txt")),
    ((AgentChatResponse, StreamingAgentChatResponse), _hold_text_of("response")),
    (ToolOutput, _hold_tool_output),
    (ChatResponse, _hold_text_of("message")),
    (CompletionResponse, _hold_text_of("text")),
    (Event, _hold_event),
    ((BaseComponent, BaseTool), _by_class_name),  # models, retrievers, memories: machinery, with keys inside
)
SHAPES = ShapeTable(_find_shape)


# ---------------------------------------------------------------- later, in a lane's thread
def as_data(value: object) -> JSON:
    """Return a snapshot as plain data: messages as role and content, nodes as documents."""
    if isinstance(value, MessageSnapshot):
        return conversation((to_message(value),))[0]  # type: ignore[index]
    if isinstance(value, NodeSnapshot):
        held = {"id": value.id, "score": value.score, "content": value.content, "metadata": as_data(value.metadata)}
        return {key: item for key, item in held.items() if item not in (None, {})}
    if isinstance(value, dict):
        return {key: as_data(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_data(item) for item in value]
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
    if isinstance(held, MessageSnapshot):
        return (to_message(held),)
    if isinstance(held, str):
        return (Message(role="user", parts=(Text(held),)),) if held else ()
    if not isinstance(held, list):
        return ()
    return tuple(message for item in held for message in to_messages(item))


def to_message(held: MessageSnapshot) -> Message:
    """Return the Message that a snapshot stands for: the same one again for the same text and further arguments."""
    texts = []
    size = 0
    for name, block in held.blocks:
        text = block.get("text")
        if name != "text" or type(text) is not str:
            return _read(held)
        texts.append(text)
        size += len(text)
    key = ("llama_index", held.role, *texts)
    found = MESSAGE_CACHE.find(
        key, held.further
    )  # 0.4 us a turn of a history instead of 2.1, or of 3.4 with a tool call
    if found is None:
        found = _read(held)
        MESSAGE_CACHE.put(key, found, size, held.further)
    return found


def _read(held: MessageSnapshot) -> Message:
    parts: list[Part] = []
    for name, block in held.blocks:
        for part in read_block({"type": name, **_encoded(block)}):
            _add(parts, part)
    if held.further:
        parts = with_further(parts, held.further)
        if not any(isinstance(part, ToolCall) for part in parts):
            parts += calls_beside(held.further)
    call_id, author = held.further.get("tool_call_id"), held.further.get("name")
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
