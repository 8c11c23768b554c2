"""What stands beside a message's content, and the forms in which applications and servers write whole messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..record.message import Message, Part, Reasoning, Refusal, ToolCall
from .blocks import arguments_of, executed_tools, id_of, parts_of, reasoning
from .lookup import fields_of, text_of
from .media import media

ROLES: Mapping[str, str] = {
    "human": "user",
    "HumanMessage": "user",
    "HumanMessageChunk": "user",
    "ai": "assistant",
    "AIMessage": "assistant",
    "AIMessageChunk": "assistant",
    "chatbot": "assistant",
    "model": "assistant",
    "system": "system",
    "SystemMessage": "system",
    "SystemMessageChunk": "system",
    "tool": "tool",
    "ToolMessage": "tool",
    "ToolMessageChunk": "tool",
    "function": "tool",
    "FunctionMessage": "tool",
    "FunctionMessageChunk": "tool",
}
# Roles that a mapping may give under `type` instead of `role`.
_TYPES = frozenset({"human", "ai", "system", "tool", "function", "user", "assistant", "developer"})

# ---------------------------------------------------------------- beside the content
_THOUGHTS = (
    "reasoning_content",  # DeepSeek, xAI, Ollama, Groq, OpenRouter; LangChain's own name
    "reasoning",  # OpenAI Responses before LangChain 1: {"summary": [...]}
    "reasoning_details",  # OpenRouter
    "thinking",  # LlamaIndex
    "thoughts",
)
# Keys of `additional_kwargs` that hold something which the content does not.
BESIDE = frozenset({*_THOUGHTS, "refusal", "audio", "executed_tools", "function_call", "tool_calls", "tool_outputs"})


def has_thought(further: Mapping[str, Any]) -> bool:
    """Return whether a chunk's further fields hold a piece of a thought."""
    return any(further.get(key) for key in (*_THOUGHTS, "thinking_delta"))


def with_further(parts: list[Part], further: Mapping[str, Any]) -> list[Part]:
    """Return *parts* with what stands beside them: thoughts first; refusal, audio and the provider's tools last.

    What is in the content already is not added again.
    """
    kinds = {type(part) for part in parts}
    if Reasoning not in kinds:
        parts = [*_thoughts(further), *parts]
    if further.get("refusal") and Refusal not in kinds:
        refusal = text_of(further["refusal"])
        parts += [Refusal(refusal)] if refusal else []
    if further.get("audio"):
        audio = further["audio"]
        parts += media("audio", {"data": audio} if isinstance(audio, (bytes, str)) else fields_of(audio))
    if further.get("executed_tools"):
        parts += executed_tools(further["executed_tools"])
    if further.get("tool_outputs") and not any(isinstance(part, ToolCall) and part.server for part in parts):
        parts += parts_of(further["tool_outputs"])  # OpenAI Responses before LangChain 1
    return parts


def _thoughts(further: Mapping[str, Any]) -> list[Part]:
    for key in _THOUGHTS:
        value = further.get(key)
        if isinstance(value, str):
            text = str.__str__(value)
            if text:
                return [Reasoning(text)]
        elif isinstance(value, Mapping):
            found = reasoning(value)
            if found:
                return list(found)
        elif isinstance(value, (list, tuple)):
            parts = [part for part in parts_of(value) if isinstance(part, Reasoning)]
            if parts:
                return _joined(parts) if key == "reasoning_details" else list(parts)
    return []


def _joined(parts: list[Reasoning]) -> list[Part]:
    """OpenRouter streams a thought's details in pieces that LangChain collects in a list."""
    signature = next((part.signature for part in parts if part.signature), None)
    return [Reasoning("".join(part.text for part in parts), signature)]


def calls_beside(further: Mapping[str, Any]) -> Iterator[ToolCall]:
    """Read the tool calls that stand beside the content, in OpenAI's form."""
    calls = further.get("tool_calls")
    listed = list(calls[:256]) if isinstance(calls, (list, tuple)) else []
    if further.get("function_call") and not listed:
        listed = [further["function_call"]]
    for call in listed:
        fields = fields_of(call)
        inner = fields.get("function")
        function = fields_of(inner) if inner is not None else fields
        name = function.get("name")
        if name or function.get("arguments"):
            arguments = function.get("arguments", function.get("args", function.get("input")))
            identity = id_of(fields, "id", "call_id", "tool_call_id")
            yield ToolCall(name=str(name or "tool"), arguments=arguments_of(arguments), id=identity)


# ---------------------------------------------------------------- whole messages
def loose_message(item: object) -> Message | None:
    """Read a message as users and LangGraph's server write it; None where it is none.

    A text is the user's; `("user", "text")`; `{"role": ..., "content": ...}`; `{"type": "human", "content": ...}`, flat,
    under `data`, or under `kwargs` with LangChain's class name.
    """
    if isinstance(item, str):
        parts = parts_of(item)
        return Message(role="user", parts=tuple(parts)) if parts else None
    if isinstance(item, (list, tuple)):
        if len(item) != 2 or not isinstance(item[0], str):
            return None
        return _message(item[0], item[1], {})
    if not isinstance(item, Mapping):
        return None
    kind = item.get("type")
    inner = item.get("data")
    if kind == "constructor" and isinstance(item.get("id"), (list, tuple)) and item["id"]:
        inner, kind = item.get("kwargs"), str(item["id"][-1])
    if isinstance(inner, Mapping) and isinstance(kind, str) and "content" not in item:
        item = {**inner, "type": kind}
    role = item.get("role")
    if not isinstance(role, str) and isinstance(kind, str) and (kind in _TYPES or kind in ROLES):
        role = kind
    return _message(role, item.get("content"), item) if isinstance(role, str) else None


def _message(role: str, content: object, fields: Mapping[str, Any]) -> Message | None:
    if content is None and not (BESIDE & fields.keys()):
        return None
    if content is not None and not isinstance(content, (str, list, tuple, Mapping)):
        return None
    further = fields.get("additional_kwargs")
    beside: dict[str, Any] = {**further, **fields} if isinstance(further, Mapping) else dict(fields)
    parts = with_further(parts_of(content), beside)
    named = {part.id for part in parts if isinstance(part, ToolCall)}
    parts += [call for call in calls_beside(beside) if call.id is None or call.id not in named]
    name = fields.get("name")
    call_id = fields.get("tool_call_id")
    return Message(
        role=ROLES.get(role, role),
        parts=tuple(parts),
        name=name if isinstance(name, str) and name else None,
        tool_call_id=str(call_id) if call_id else None,
    )


# ---------------------------------------------------------------- chunks
def begins_answer(chunk: Any) -> bool:
    """Return whether a chunk of a stream holds a first piece of an answer: text, a thought, a call, sound, an image.

    *chunk* is a chunk with a `message`, as LangChain's, or None. Called for each token until this is True.
    """
    message = fields_of(chunk).get("message")
    fields = fields_of(message)
    if not fields:
        return False
    if fields.get("tool_call_chunks") or fields.get("tool_calls"):
        return True
    further = fields.get("additional_kwargs")
    if further and any([further.get(key) for key in BESIDE]):
        return True
    content = fields.get("content")
    return bool(parts_of(content)) if content else False
