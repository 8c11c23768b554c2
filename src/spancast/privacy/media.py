"""Content without media: a note in the place of every image, sound, film and file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..record.json import JSON
from ..record.message import Media, Message, Other, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from ..record.operation import Agent, Detail, Document, Embedding, Generation, Operation, Reranking, Retrieval, Score

_MAX_DEPTH = 40


def without_media(operation: Operation) -> Operation:
    """Return *operation* with a note in the place of every image, sound, film and file, addresses included.

    Wherever they stand: in messages, plain inputs and outputs, documents, artifacts, events, metadata and exceptions.
    """
    failure = operation.failure
    return replace(
        operation,
        input=_plain(operation.input),
        output=_plain(operation.output),
        detail=_detail(operation.detail),
        attributes=_values(operation.attributes),
        metadata=_values(operation.metadata),
        events=tuple([replace(event, attributes=_values(event.attributes)) for event in operation.events]),
        links=tuple([replace(link, attributes=_values(link.attributes)) for link in operation.links]),
        failure=replace(failure, message=_text(failure.message), stacktrace=_text(failure.stacktrace))
        if failure
        else None,
    )


def _values(values: Mapping[str, JSON]) -> Mapping[str, JSON]:
    return {key: _plain(item) for key, item in values.items()} if values else values


def _detail(detail: Detail) -> Detail:
    if isinstance(detail, Generation):
        return replace(
            detail,
            input_messages=_messages(detail.input_messages),
            output_messages=_messages(detail.output_messages),
            parameters=_values(detail.parameters),
            prompt_variables=_values(detail.prompt_variables),
        )
    if isinstance(detail, Agent):
        given, made = _messages(detail.input_messages), _messages(detail.output_messages)
        return replace(detail, input_messages=given, output_messages=made)
    if isinstance(detail, Retrieval):
        return replace(detail, query=_text(detail.query), documents=_documents(detail.documents))
    if isinstance(detail, Reranking):
        found, ranked = _documents(detail.input_documents), _documents(detail.output_documents)
        return replace(detail, query=_text(detail.query), input_documents=found, output_documents=ranked)
    if isinstance(detail, Embedding):
        return replace(detail, texts=tuple(map(_text, detail.texts)))
    if isinstance(detail, Score) and (detail.explanation or detail.metadata):
        explanation = _text(detail.explanation) if detail.explanation else None
        return replace(detail, explanation=explanation, metadata=_values(detail.metadata))
    return detail


def _documents(documents: tuple[Document, ...]) -> tuple[Document, ...]:
    return tuple(
        [
            replace(document, content=_text(document.content), metadata=_values(document.metadata))
            for document in documents
        ]
    )


def _messages(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    return tuple([replace(message, parts=tuple(map(_part, message.parts))) for message in messages])


def _part(part: Part) -> Part:
    if isinstance(part, Media):
        return Text(left_out(part.modality))
    if isinstance(part, (Text, Reasoning, Refusal)):
        return replace(part, text=_text(part.text))
    if isinstance(part, Other):
        return Other(_plain(part.value))
    if isinstance(part, ToolResult):
        return replace(part, result=_plain(part.result))
    return replace(part, arguments=_plain(part.arguments)) if isinstance(part, ToolCall) else part


def left_out(what: str) -> str:
    """Return the note that stands for a piece of media."""
    return f"[{what} left out]"


# ---------------------------------------------------------------- plain data, in the spellings of all providers
# the `type` of content blocks that hold media: LangChain's, OpenAI's, Anthropic's, Google's, LlamaIndex's and our own
_TYPES = frozenset(
    {
        *("media", "image", "image_url", "input_image", "audio", "audio_url", "input_audio", "video", "video_url"),
        *("input_video", "file", "input_file", "document_url", "image_file", "output_image"),
    }
)
_MAYBE = frozenset({"document"})  # media where it has a source; otherwise a text of a retriever
# keys whose value is a piece of media, whatever `type` says: Bedrock's, Google's, OpenAI's, LlamaIndex's
_KEYS = frozenset(
    {
        *("image", "audio", "video", "document", "image_url", "input_audio", "file", "input_file"),
        *("inline_data", "inlineData", "file_data", "fileData"),
    }
)
_SOURCES = frozenset(
    {
        *("source", "bytes", "base64", "data", "url", "uri", "file_data", "file_id", "file_uri", "fileUri"),
        *("image_url", "s3Location", "gcs_uri"),
    }
)


def _plain(value: Any, depth: int = _MAX_DEPTH) -> Any:
    """Take media out of plain data: blocks of a media type, the providers' forms, and encoded bytes wherever they stand."""
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if not depth:
        return f"<{type(value).__name__}>"
    if isinstance(value, Mapping):
        return _mapping(value, depth - 1)
    if isinstance(value, (list, tuple)):
        return [_plain(item, depth - 1) for item in value]
    return value


def _mapping(value: Mapping[str, Any], depth: int) -> Any:
    kind = value.get("type") or value.get("block_type")
    if isinstance(kind, str) and len(value) > 1:
        if kind in _TYPES or (kind in _MAYBE and not _SOURCES.isdisjoint(value)):
            return {"type": kind, "left_out": left_out(str(value.get("modality") or kind))}
    return {
        key: left_out(key) if key in _KEYS and _is_source(item) else _plain(item, depth) for key, item in value.items()
    }


def _is_source(item: object) -> bool:
    return isinstance(item, Mapping) and not _SOURCES.isdisjoint(item)


_DATA_URI = re.compile(r"data:[\w.+-]++/[\w.+-]++(?:;[\w.=+-]+)*;base64,[A-Za-z0-9+/=_-]*+")
_ENCODED = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{1000,}+={0,2}")


def _text(text: str) -> str:
    """Take `data:` addresses out of a text, and runs of base64 that are too long to be words."""
    if "base64," in text:
        text = _DATA_URI.sub(left_out("media"), text)
    return _ENCODED.sub(_without_bytes, text) if len(text) >= 1000 else text


def _without_bytes(found: re.Match[str]) -> str:
    text = found[0][:1000]
    is_encoded = not text.isalpha() and not text.isdigit() and text.lower() != text != text.upper()
    return left_out("media") if is_encoded else found[0]
