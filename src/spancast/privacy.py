"""What one destination may see: an allow-list, applied to the record and once more to the attribute names.

Privacy mode is an allow-list in two layers. The first takes content out of the Operation, field by field, before any
convention names anything. The second lets only names leave that the table `KEYS` calls safe, so that a convention that
gains a key cannot leak it: an unknown name stays at home.

Beside it: a user's `redact`, content without media, and content cut to a length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, cast

from .conventions.cutting import cut
from .conventions.limits import shorten
from .conventions.span import Span
from .record.json import JSON
from .record.message import Media, Message, Other, Part, Text, ToolCall, ToolResult
from .record.operation import (
    NOTHING,
    Agent,
    Document,
    Embedding,
    Generation,
    Operation,
    Reranking,
    Retrieval,
    ToolDefinition,
    ToolUse,
)
from .record.parameters import CONTENT_FREE

Redact = Callable[[str], str]
Privacy = Callable[[Operation], Operation]

# One table for both conventions: may the attribute leave in privacy mode? A test renders everything that the conventions can
# say and fails when a name is not in here. `N` stands for an index, `*` at the end for any rest. A name that is not in
# here at all is content.
SAFE, CONTENT = True, False
KEYS: Mapping[str, bool] = {
    # both conventions
    "arize.project.name": SAFE,
    "error.type": SAFE,
    "gen_ai.embeddings.dimension.count": SAFE,
    "session.id": SAFE,
    "spancast.embedding.count": SAFE,
    "spancast.ending": SAFE,
    "spancast.fault": SAFE,
    "user.id": SAFE,
    "exception.type": SAFE,  # of the exception event, which does not leave; `error.type` says it
    "exception.message": CONTENT,
    "exception.stacktrace": CONTENT,
    # OpenInference
    "agent.name": SAFE,
    "embedding.embeddings.N.embedding.text": CONTENT,
    "embedding.embeddings.N.embedding.vector": CONTENT,  # texts can be guessed from their vectors
    "embedding.invocation_parameters": SAFE,  # made of CONTENT_FREE only
    "embedding.model_name": SAFE,
    "graph.node.id": SAFE,
    "graph.node.name": SAFE,
    "input.mime_type": CONTENT,  # says that there was an input, and nothing that is of use without it
    "input.value": CONTENT,
    "llm.cache_hit": SAFE,
    "llm.choices.N.*": CONTENT,
    "llm.cost.*": SAFE,
    "llm.finish_reason": SAFE,
    "llm.input_messages.N.*": CONTENT,
    "llm.invocation_parameters": SAFE,  # made of CONTENT_FREE only
    "llm.model_name": SAFE,
    "llm.output_messages.N.*": CONTENT,
    "llm.prompt_template.template": CONTENT,
    "llm.prompt_template.variables": CONTENT,
    "llm.prompts.N.*": CONTENT,
    "llm.provider": SAFE,
    "llm.request.model_name": SAFE,
    "llm.response.model_name": SAFE,
    "llm.system": SAFE,
    "llm.token_count.*": SAFE,
    "llm.tools.N.*": CONTENT,
    "metadata": SAFE,
    "metadata.*": SAFE,
    "openinference.span.kind": SAFE,
    "output.mime_type": CONTENT,
    "output.value": CONTENT,
    "reranker.input_documents.N.document.content": CONTENT,
    "reranker.input_documents.N.document.id": SAFE,  # ids and scores say which document was found, not what it holds
    "reranker.input_documents.N.document.metadata": CONTENT,
    "reranker.input_documents.N.document.score": SAFE,
    "reranker.model_name": SAFE,
    "reranker.output_documents.N.document.content": CONTENT,
    "reranker.output_documents.N.document.id": SAFE,
    "reranker.output_documents.N.document.metadata": CONTENT,
    "reranker.output_documents.N.document.score": SAFE,
    "reranker.query": CONTENT,
    "reranker.top_k": SAFE,
    "retrieval.documents.N.document.content": CONTENT,
    "retrieval.documents.N.document.id": SAFE,
    "retrieval.documents.N.document.metadata": CONTENT,
    "retrieval.documents.N.document.score": SAFE,
    "tag.tags": CONTENT,
    "tool.description": CONTENT,
    "tool.id": SAFE,
    "tool.name": SAFE,
    "tool.parameters": CONTENT,
    # gen_ai
    "gen_ai.agent.name": SAFE,
    "gen_ai.conversation.id": SAFE,
    "gen_ai.data_source.id": SAFE,
    "gen_ai.input.messages": CONTENT,
    "gen_ai.operation.name": SAFE,
    "gen_ai.output.messages": CONTENT,
    "gen_ai.output.type": SAFE,
    "gen_ai.provider.name": SAFE,
    "gen_ai.request.choice.count": SAFE,
    "gen_ai.request.frequency_penalty": SAFE,
    "gen_ai.request.max_tokens": SAFE,
    "gen_ai.request.model": SAFE,
    "gen_ai.request.presence_penalty": SAFE,
    "gen_ai.request.seed": SAFE,
    "gen_ai.request.stop_sequences": CONTENT,
    "gen_ai.request.stream": SAFE,
    "gen_ai.request.temperature": SAFE,
    "gen_ai.request.top_k": SAFE,
    "gen_ai.request.top_p": SAFE,
    "gen_ai.response.cache_hit": SAFE,
    "gen_ai.response.finish_reasons": SAFE,
    "gen_ai.response.id": SAFE,
    "gen_ai.response.model": SAFE,
    "gen_ai.response.time_to_first_chunk": SAFE,
    "gen_ai.retrieval.documents": CONTENT,
    "gen_ai.retrieval.query.text": CONTENT,
    "gen_ai.system_instructions": CONTENT,
    "gen_ai.tool.call.arguments": CONTENT,
    "gen_ai.tool.call.id": SAFE,
    "gen_ai.tool.call.result": CONTENT,
    "gen_ai.tool.definitions": CONTENT,
    "gen_ai.tool.description": CONTENT,
    "gen_ai.tool.name": SAFE,
    "gen_ai.tool.type": SAFE,
    "gen_ai.usage.*": SAFE,
    "span.input": CONTENT,
    "span.output": CONTENT,
    "trace.metadata.*": SAFE,
    "trace.tags": CONTENT,
    # what Langfuse calls otherwise (destinations/llm_backends.py)
    "langfuse.observation.cost_details": SAFE,
    "langfuse.observation.input": CONTENT,
    "langfuse.observation.output": CONTENT,
    "langfuse.trace.metadata.*": SAFE,
}
SAFE_NAMES = frozenset(name for name, safe in KEYS.items() if safe and not name.endswith("*"))
SAFE_PREFIXES = tuple(name[:-1] for name, safe in KEYS.items() if safe and name.endswith("*"))
_INDEX = re.compile(r"\.\d+(?=\.)")


def without_content(operation: Operation) -> Operation:
    """Return *operation* as privacy mode lets it leave: tokens, cost, timing, model, names, metadata, user, session."""
    failure = operation.failure
    return replace(
        operation,
        input=None,
        output=None,
        detail=_detail(operation),
        failure=replace(failure, message="", stacktrace="") if failure else None,
        events=(),
        links=tuple(replace(link, attributes=NOTHING) for link in operation.links),
        tags=(),
        attributes={},
    )


def _detail(operation: Operation) -> Any:
    detail = operation.detail
    if isinstance(detail, Generation):
        kept = {key: value for key, value in detail.parameters.items() if _is_safe_parameter(key, value)}
        return replace(
            detail,
            parameters=kept,
            input_messages=(),
            output_messages=(),
            tools=(),
            prompt_template=None,
            prompt_variables=NOTHING,
        )
    if isinstance(detail, ToolUse):
        return replace(detail, description=None)
    if isinstance(detail, Retrieval):
        return replace(detail, query="", documents=_places(detail.documents))
    if isinstance(detail, Reranking):
        found, ranked = _places(detail.input_documents), _places(detail.output_documents)
        return replace(detail, query="", input_documents=found, output_documents=ranked)
    if isinstance(detail, Embedding):
        kept = {key: value for key, value in detail.parameters.items() if _is_safe_parameter(key, value)}
        return replace(detail, parameters=kept, texts=(), vectors=())
    if isinstance(detail, Agent):
        return Agent(name=detail.name)
    return detail


def _places(documents: tuple[Document, ...]) -> tuple[Document, ...]:
    return tuple(Document(id=document.id, score=document.score) for document in documents)


def _is_safe_parameter(key: str, value: JSON) -> bool:
    if isinstance(value, str):
        return key in ("model", "model_name")
    return key in CONTENT_FREE and isinstance(value, (bool, int, float))


def is_safe(name: str) -> bool:
    """Return whether privacy mode lets the attribute *name* leave."""
    if name in SAFE_NAMES or name.startswith(SAFE_PREFIXES):
        return True
    return name[-1:] in "de" and _INDEX.sub(".N", name) in SAFE_NAMES  # `.document.id`, `.document.score`


def judged(name: str) -> bool | None:
    """Return what the table says of the attribute *name*, SAFE or CONTENT; None when it does not know the name."""
    plain = _INDEX.sub(".N", name)
    if plain in KEYS:
        return KEYS[plain]
    return next((safe for key, safe in KEYS.items() if key.endswith("*") and plain.startswith(key[:-1])), None)


def only_safe(span: Span) -> Span:
    """Return *span* with only the attributes on the list, and without events, status text and link attributes."""
    return replace(
        span,
        attributes={name: value for name, value in span.attributes.items() if is_safe(name)},
        events=(),
        status_message="",
        links=tuple(replace(link, attributes={}) for link in span.links),
    )


def without_media(operation: Operation) -> Operation:
    """Return *operation* with a note in the place of every image, sound, film and file, addresses included."""
    detail = operation.detail
    if isinstance(detail, (Generation, Agent)):
        detail = replace(
            detail,
            input_messages=tuple(_plain_message(message) for message in detail.input_messages),
            output_messages=tuple(_plain_message(message) for message in detail.output_messages),
        )
    if isinstance(detail, Generation):
        detail = replace(detail, prompt_variables=_no_media(detail.prompt_variables))
    return replace(operation, input=_no_media(operation.input), output=_no_media(operation.output), detail=detail)


def _plain_message(message: Message) -> Message:
    return replace(message, parts=tuple(_plain_part(part) for part in message.parts))


def _plain_part(part: Part) -> Part:
    if isinstance(part, Media):
        return Text(_left_out(part.modality))
    if isinstance(part, Other):
        return Other(_no_media(part.value))
    if isinstance(part, ToolResult):
        return replace(part, result=_no_media(part.result))
    return replace(part, arguments=_no_media(part.arguments)) if isinstance(part, ToolCall) else part


def _left_out(what: str) -> str:
    return f"[{what} left out]"


# the `type` of content blocks that hold media, in the spellings of LangChain, OpenAI, Anthropic, Google and our own record
_MEDIA_TYPES = frozenset(
    [
        "media",
        "image",
        "image_url",
        "input_image",
        "audio",
        "audio_url",
        "input_audio",
        "video",
        "video_url",
        "file",
        "input_file",
        "document_url",
    ]
)


def _no_media(value: Any) -> Any:
    """Take media out of plain data: blocks of a media type, and `data:` addresses wherever they stand."""
    if isinstance(value, str):
        return _DATA_URI.sub(_left_out("media"), value) if "base64," in value else value
    if isinstance(value, Mapping):
        kind = value.get("type")
        if isinstance(kind, str) and kind in _MEDIA_TYPES and len(value) > 1:
            return {"type": kind, "left_out": _left_out(str(value.get("modality") or kind))}
        return {key: _no_media(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_no_media(item) for item in value]
    return value


_DATA_URI = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[\w.=+-]+)*;base64,[A-Za-z0-9+/=_-]*")


def with_short_content(span: Span, limit: int) -> Span:
    """Return *span* with no text of content longer than *limit* characters; what is safe stays whole."""
    content = {name: value for name, value in span.attributes.items() if not is_safe(name)}
    short = shorten(replace(span, attributes=content), limit)
    return replace(
        short,
        attributes={**span.attributes, **short.attributes},
        status_message=cut(span.status_message, limit),
    )


@dataclass(frozen=True, slots=True)
class Redaction:
    """Applies a user's *redact* to every text of content in an operation; where it raises, the content is dropped."""

    redact: Redact

    def __call__(self, operation: Operation) -> Operation:
        """Return *operation* with redacted content."""
        try:
            return self._redacted(operation)
        except Exception as error:  # fail closed: content that could not be redacted does not leave
            _say(error)
            return replace(without_content(operation), metadata=NOTHING)  # redact would have seen the metadata too

    def _redacted(self, operation: Operation) -> Operation:
        failure = operation.failure
        return replace(
            operation,
            input=self._data(operation.input),
            output=self._data(operation.output),
            detail=self._detail(operation.detail),
            failure=replace(failure, message=self._text(failure.message), stacktrace=self._text(failure.stacktrace))
            if failure
            else None,
            events=tuple(
                replace(event, name=self._text(event.name), attributes=self._values(event.attributes))
                for event in operation.events
            ),
            links=tuple(replace(link, attributes=self._values(link.attributes)) for link in operation.links),
            attributes=self._values(operation.attributes),
            metadata=self._values(operation.metadata),
            tags=tuple(self._text(tag) for tag in operation.tags),
        )

    def _text(self, text: str) -> str:
        redacted = self.redact(text) if text else text
        if not isinstance(redacted, str):
            raise TypeError(f"redact returned {type(redacted).__name__}, not text")
        return redacted

    def _data(self, value: JSON) -> JSON:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            return self._mapping(value)
        if isinstance(value, (list, tuple)):
            return [self._data(item) for item in value]
        return value

    def _values(self, named: Mapping[str, JSON]) -> Mapping[str, JSON]:
        """Redact the values of attributes, metadata and parameters, whose names are the program's own."""
        return {name: self._data(value) for name, value in named.items()}

    def _mapping(self, value: Mapping[str, JSON]) -> Mapping[str, JSON]:
        """Redact keys too: inside content they are content, as in `{"jane@example.com": 3}`. Equal ones are numbered."""
        redacted: dict[str, JSON] = {}
        for key, item in value.items():
            name = self._text(key)
            count = 2
            while name in redacted:
                name, count = f"{self._text(key)} ({count})", count + 1
            redacted[name] = self._data(item)
        return redacted

    def _detail(self, value: Any) -> Any:
        """Redact every text field of a detail, but for the names that privacy mode itself lets leave."""
        if not is_dataclass(value) or isinstance(value, type):
            return self._data(cast("JSON", value))
        changes: dict[str, Any] = {}
        for field in fields(value):
            held = getattr(value, field.name)
            if field.name in _NAMES or held is None or isinstance(held, (bool, int, float)):
                continue
            if not field.init:  # what was written of a message as it is; the redacted copy begins without
                continue
            if field.name == "parameters" and not isinstance(value, ToolDefinition):
                changes[field.name] = self._values(held)
            elif isinstance(held, tuple):
                changes[field.name] = tuple(self._detail(item) for item in held)
            else:
                changes[field.name] = self._detail(held)
        return replace(value, **changes)


_NAMES = frozenset(
    {
        "call_id",
        "data_source",
        "finish_reason",
        "finish_reasons",
        "id",
        "modality",
        "name",
        "operation",
        "provider",
        "request_model",
        "response_id",
        "response_model",
        "role",
        "source",
        "tool_call_id",
    }
)


def _say(error: Exception) -> None:
    from .recording.notice import warn_once

    warn_once("redact", "spancast: redact raised %s: spans go without content.", type(error).__name__)


__all__ = [
    "KEYS",
    "Privacy",
    "Redact",
    "Redaction",
    "is_safe",
    "judged",
    "only_safe",
    "with_short_content",
    "without_content",
    "without_media",
]
