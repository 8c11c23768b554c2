"""What stands beside a message's content, and the forms in which applications and servers write whole messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..record.message import Media, Message, Part, Reasoning, Refusal, Text, ToolCall
from .blocks import arguments_of, citations_in, executed_tools, id_of, parts_of, reasoning, with_citations
from .lookup import fields_of, items_of, text_of
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
THOUGHTS = (
    "reasoning_content",  # DeepSeek, xAI, Ollama, Groq, OpenRouter; LangChain's own name
    "reasoning",  # OpenAI Responses before LangChain 1: {"summary": [...]}
    "reasoning_details",  # OpenRouter
    "thinking",  # LlamaIndex
    "thoughts",
)
# Keys of `additional_kwargs` that hold something which the content does not.
_SOURCES = ("annotations", "search_results", "citations")  # OpenAI and OpenRouter; Perplexity; xAI, Cohere, Perplexity
BESIDE = frozenset(
    {*THOUGHTS, *_SOURCES, "refusal", "audio", "executed_tools", "function_call", "tool_calls", "tool_outputs"}
)


def with_further(parts: list[Part], further: Mapping[str, Any]) -> list[Part]:
    """Return *parts* with what stands beside them: thoughts first; refusal, audio and the provider's tools last.

    What is in the content already is not added again.
    """
    if BESIDE.isdisjoint(further):
        return parts
    kinds = {type(part) for part in parts}
    if not any(isinstance(part, Reasoning) and part.text for part in parts):
        parts = [*_thoughts(further), *parts]
    refusal = text_of(further.get("refusal"))
    if refusal and Refusal not in kinds:
        parts.append(Refusal(refusal))
    has_sound = any(isinstance(part, Media) and part.modality == "audio" for part in parts)
    if further.get("audio") is not None and not has_sound:
        parts += media("audio", fields_of(further["audio"]) or {"data": further["audio"]})
    if further.get("executed_tools") is not None:
        parts += executed_tools(further["executed_tools"])
    if further.get("tool_outputs") is not None and not any(
        isinstance(part, ToolCall) and part.server for part in parts
    ):
        parts += parts_of(further["tool_outputs"])  # OpenAI Responses before LangChain 1
    citations = citations_in(further, _SOURCES)
    if citations is not None and not any(type(part) is Text and part.citations is not None for part in parts):
        return list(with_citations(parts, citations))
    return parts


def _thoughts(further: Mapping[str, Any]) -> list[Part]:
    for key in THOUGHTS:
        value = further.get(key)
        if value is None:
            continue
        text = text_of(value)
        if text:
            return [Reasoning(text)]
        found = reasoning(fields_of(value))
        if found:
            return list(found)
        parts = [part for part in parts_of(items_of(value)) if isinstance(part, Reasoning)]
        if parts:  # OpenRouter streams a thought's details in pieces, which LangChain collects in a list
            signature = next((part.signature for part in parts if part.signature), None)
            sealed = next((part.encrypted for part in parts if part.encrypted), None)
            return [Reasoning("".join([part.text for part in parts]), signature, encrypted=sealed)]
    return []


def calls_beside(further: Mapping[str, Any]) -> Iterator[ToolCall]:
    """Read the tool calls that stand beside the content, in OpenAI's form."""
    listed = items_of(further.get("tool_calls"), 256)
    if not listed and further.get("function_call") is not None:
        listed = [further["function_call"]]
    for call in listed:
        fields = fields_of(call)
        function = fields_of(fields.get("function")) or fields
        name = text_of(function.get("name"))
        arguments = next(
            (function[key] for key in ("arguments", "args", "input") if function.get(key) is not None), None
        )
        if name or arguments is not None:
            identity = id_of(fields, "id", "call_id", "tool_call_id")
            yield ToolCall(name=name or "tool", arguments=arguments_of(arguments), id=identity)


# ---------------------------------------------------------------- whole messages
def loose_message(item: object) -> Message | None:
    """Read a message, plain data, as users and LangGraph's server write it; None where it is none.

    A text is the user's; `("user", "text")`; `{"role": ..., "content": ...}`; `{"type": "human", "content": ...}`, flat,
    under `data`, or under `kwargs` with LangChain's class name.
    """
    if isinstance(item, str):
        return Message(role="user", parts=(Text(item),)) if item else None
    if isinstance(item, (list, tuple)):
        return _message(item[0], item[1], {}) if len(item) == 2 and isinstance(item[0], str) else None
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
    if content is None and BESIDE.isdisjoint(fields):
        return None
    if content is not None and not isinstance(content, (str, list, tuple, Mapping)):
        return None
    beside = {**fields_of(fields.get("additional_kwargs")), **fields}
    parts = with_further(parts_of(content), beside)
    named = {part.id for part in parts if isinstance(part, ToolCall)}
    parts += [call for call in calls_beside(beside) if call.id is None or call.id not in named]
    return Message(
        role=ROLES.get(role, role),
        parts=tuple(parts),
        name=text_of(fields.get("name")) or None,
        tool_call_id=id_of(fields, "tool_call_id"),
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
    if items_of(fields.get("tool_call_chunks"), 1) or items_of(fields.get("tool_calls"), 1):
        return True
    further = fields_of(fields.get("additional_kwargs"))
    if further and not BESIDE.isdisjoint(further):
        if with_further([], further) or any(True for _ in calls_beside(further)):
            return True
    content = fields.get("content")
    return content is not None and bool(parts_of(content))
