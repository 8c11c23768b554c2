"""What one destination may see: an allow-list, applied to the record and once more to the attribute names.

Privacy mode is an allow-list in two layers. The first takes content out of the Operation, field by field, before any
convention names anything. The second lets only the names in `SAFE_NAMES` and `SAFE_PREFIXES` leave, so that a convention
that gains a key cannot leak it: an unknown name stays at home.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, cast

from .conventions.span import Span
from .record.json import JSON
from .record.operation import (
    NOTHING,
    Agent,
    Document,
    Embedding,
    Generation,
    Operation,
    Reranking,
    Retrieval,
    ToolUse,
)

Redact = Callable[[str], str]
Privacy = Callable[[Operation], Operation]

# Request parameters without content: numbers and switches, never stop words, schemas, tools or text.
SAFE_PARAMETERS = frozenset(
    {
        "dimensions",
        "embed_batch_size",
        "frequency_penalty",
        "max_completion_tokens",
        "max_output_tokens",
        "max_tokens",
        "model",
        "model_name",
        "n",
        "num_predict",
        "presence_penalty",
        "seed",
        "stream",
        "temperature",
        "top_k",
        "top_p",
    }
)

SAFE_NAMES = frozenset(
    {
        # both conventions
        "arize.project.name",
        "error.type",
        "gen_ai.embeddings.dimension.count",
        "session.id",
        "spancast.embedding.count",
        "spancast.ending",
        "spancast.fault",
        "user.id",
        # OpenInference
        "agent.name",
        "embedding.invocation_parameters",
        "embedding.model_name",
        "graph.node.id",
        "graph.node.name",
        "llm.cache_hit",
        "llm.finish_reason",
        "llm.invocation_parameters",
        "llm.model_name",
        "llm.provider",
        "llm.request.model_name",
        "llm.response.model_name",
        "llm.system",
        "metadata",
        "openinference.span.kind",
        "reranker.model_name",
        "reranker.top_k",
        "tool.id",
        "tool.name",
        # gen_ai
        "gen_ai.agent.name",
        "gen_ai.conversation.id",
        "gen_ai.data_source.id",
        "gen_ai.operation.name",
        "gen_ai.output.type",
        "gen_ai.provider.name",
        "gen_ai.request.choice.count",
        "gen_ai.request.frequency_penalty",
        "gen_ai.request.max_tokens",
        "gen_ai.request.model",
        "gen_ai.request.presence_penalty",
        "gen_ai.request.seed",
        "gen_ai.request.stream",
        "gen_ai.request.temperature",
        "gen_ai.request.top_k",
        "gen_ai.request.top_p",
        "gen_ai.response.cache_hit",
        "gen_ai.response.finish_reasons",
        "gen_ai.response.id",
        "gen_ai.response.model",
        "gen_ai.response.time_to_first_chunk",
        "gen_ai.tool.call.id",
        "gen_ai.tool.name",
        "gen_ai.tool.type",
    }
)
SAFE_PREFIXES = ("gen_ai.usage.", "llm.cost.", "llm.token_count.", "metadata.", "trace.metadata.")
# Document ids and scores say which document was found, not what it holds.
_DOCUMENTS = ("retrieval.documents.", "reranker.input_documents.", "reranker.output_documents.")
_SAFE_DOCUMENT = (".document.id", ".document.score")


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
    return key in SAFE_PARAMETERS and isinstance(value, (bool, int, float))


def is_safe(name: str) -> bool:
    """Return whether privacy mode lets the attribute *name* leave."""
    if name in SAFE_NAMES or name.startswith(SAFE_PREFIXES):
        return True
    return name.startswith(_DOCUMENTS) and name.endswith(_SAFE_DOCUMENT)


def only_safe(span: Span) -> Span:
    """Return *span* with only the attributes on the list, and without events, status text and link attributes."""
    return replace(
        span,
        attributes={name: value for name, value in span.attributes.items() if is_safe(name)},
        events=(),
        status_message="",
        links=tuple(replace(link, attributes={}) for link in span.links),
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
                replace(event, name=self._text(event.name), attributes=self._mapping(event.attributes))
                for event in operation.events
            ),
            links=tuple(replace(link, attributes=self._mapping(link.attributes)) for link in operation.links),
            attributes=self._mapping(operation.attributes),
            metadata=self._mapping(operation.metadata),
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

    def _mapping(self, value: Mapping[str, JSON]) -> Mapping[str, JSON]:
        return {key: self._data(item) for key, item in value.items()}

    def _detail(self, value: Any) -> Any:
        """Redact every text field of a detail, but for the names that privacy mode itself lets leave."""
        if not is_dataclass(value) or isinstance(value, type):
            return self._data(cast("JSON", value))
        changes: dict[str, Any] = {}
        for field in fields(value):
            held = getattr(value, field.name)
            if field.name in _NAMES or held is None or isinstance(held, (bool, int, float)):
                continue
            if isinstance(held, tuple):
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


__all__ = ["Privacy", "Redact", "Redaction", "is_safe", "only_safe", "without_content"]
