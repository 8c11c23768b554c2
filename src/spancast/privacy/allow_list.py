"""Privacy mode: an allow-list in two layers.

The first takes content out of the Operation, field by field, before any convention names anything. The second lets only
those attributes leave that the table in `keys.py` calls safe, so that a convention that gains a key cannot leak it: unknown
attributes are not exported.

Beside it: content cut to a length.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ..conventions.cutting import cut
from ..conventions.limits import shorten
from ..conventions.span import EVALUATION_EVENT, Attributes, Span
from ..record.json import JSON
from ..record.operation import (
    NOTHING,
    Agent,
    Detail,
    Document,
    Embedding,
    Generation,
    Operation,
    Reranking,
    Retrieval,
    Score,
    ToolUse,
)
from ..record.parameters import CONTENT_FREE
from ..record.prompt import PromptIdentity
from .keys import is_safe
from .names import class_name, composed_name, name_hash, name_or_hash, short_name, title


def without_content(operation: Operation) -> Operation:
    """Return *operation* as privacy mode lets it leave: tokens, cost, timing, model, names, metadata, user, session.

    Names that the program gives stay as they are. What a model, a provider or data may invent stays where it has the form
    of a name; otherwise its hash takes its place.
    """
    failure = operation.failure
    return replace(
        operation,
        name=_operation_name(operation),
        input=None,
        output=None,
        detail=_detail(operation.detail),
        failure=replace(failure, type=class_name(failure.type), message="", stacktrace="") if failure else None,
        metadata=_without_tool_metadata(operation),
        events=(),
        links=tuple(replace(link, attributes=NOTHING) for link in operation.links),
        tags=(),
        attributes={},
        scores=tuple(map(_score, operation.scores)) if operation.scores else (),
    )


def _operation_name(operation: Operation) -> str:
    detail = operation.detail
    if isinstance(detail, ToolUse) and detail.name == operation.name and not detail.declared:
        return name_hash(operation.name)
    return composed_name(operation.name)


# What servers of the Model Context Protocol say of their tools; LangChain puts it into the metadata of the tool's run.
_TOOL_METADATA = frozenset(
    {
        *("mcp", "_meta", "annotations", "title"),
        *("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"),
    }
)


def _without_tool_metadata(operation: Operation) -> Mapping[str, JSON]:
    metadata = operation.metadata
    if not isinstance(operation.detail, ToolUse) or _TOOL_METADATA.isdisjoint(metadata):
        return {key: value for key, value in metadata.items() if key != "mcp"} if "mcp" in metadata else metadata
    return {key: value for key, value in metadata.items() if key not in _TOOL_METADATA}


def _detail(detail: Detail) -> Detail:
    if isinstance(detail, Generation):
        return replace(
            detail,
            provider=name_or_hash(detail.provider),
            request_model=name_or_hash(detail.request_model),
            response_model=name_or_hash(detail.response_model),
            response_id=name_or_hash(detail.response_id),
            finish_reasons=tuple(short_name(reason) for reason in detail.finish_reasons),
            service_tier=short_name(detail.service_tier) if detail.service_tier else None,
            parameters=_safe_parameters(detail.parameters),
            input_messages=(),
            output_messages=(),
            tools=(),
            endpoint=name_or_hash(detail.endpoint),
            prompt_template=None,
            prompt_variables=NOTHING,
            prompt=_prompt(detail.prompt),
            gateway=_gateway(detail.gateway),
        )
    if isinstance(detail, ToolUse):
        name = detail.name if detail.declared else name_hash(detail.name)
        return replace(
            detail,
            name=name,
            description=None,
            call_id=name_or_hash(detail.call_id),
            transport=name_or_hash(detail.transport),
        )
    if isinstance(detail, Retrieval):
        return replace(
            detail,
            query="",
            data_source=name_or_hash(detail.data_source),
            documents=_document_refs(detail.documents),
            provider=name_or_hash(detail.provider),
            model=name_or_hash(detail.model),
        )
    if isinstance(detail, Reranking):
        found, ranked = _document_refs(detail.input_documents), _document_refs(detail.output_documents)
        model = name_or_hash(detail.request_model)
        return replace(detail, query="", request_model=model, input_documents=found, output_documents=ranked)
    if isinstance(detail, Embedding):
        model = name_or_hash(detail.request_model)
        parameters = _safe_parameters(detail.parameters)
        provider = name_or_hash(detail.provider)
        return replace(detail, provider=provider, request_model=model, parameters=parameters, texts=(), vectors=())
    if isinstance(detail, Agent):
        return Agent(name=detail.name)
    return _score(detail) if isinstance(detail, Score) else detail


def _gateway(facts: Mapping[str, JSON]) -> Mapping[str, JSON]:
    """Return what a gateway says: figures, and texts that have the form of a name, perhaps of several words."""
    named = {key: value for key, value in facts.items() if key == name_or_hash(key)}
    return {key: title(value) if isinstance(value, str) else value for key, value in named.items()} or NOTHING


def _prompt(prompt: PromptIdentity | None) -> PromptIdentity | None:
    if prompt is None:
        return None
    texts = (prompt.name, prompt.version, prompt.id)
    name, version, own = ["/".join(map(short_name, text.split("/"))) if text else None for text in texts]
    vendor = short_name(prompt.vendor) if prompt.vendor else None
    return replace(prompt, name=name, version=version, id=own, url=None, vendor=vendor)


def _score(score: Score) -> Score:
    label = short_name(score.label) if score.label else None
    identifier = short_name(score.identifier) if score.identifier else None
    return replace(score, label=label, identifier=identifier, explanation=None, metadata=NOTHING)


def _document_refs(documents: tuple[Document, ...]) -> tuple[Document, ...]:
    return tuple(Document(id=_document_id(document), score=document.score) for document in documents)


def _document_id(document: Document) -> str | None:
    """Return an id that a store gives; of what comes out of the document's own metadata, or is an address, the hash."""
    if document.id is None:
        return None
    from_metadata = any(
        [str(value) == document.id for value in document.metadata.values() if type(value) in (str, int)]
    )
    return name_hash(document.id) if from_metadata else short_name(document.id)


_REASONING_LEVELS: Final = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max", "auto", "default"})
"""The words that providers document: any other word is the application's own, and may be content."""


def _safe_parameters(parameters: Mapping[str, JSON]) -> Mapping[str, JSON]:
    return {
        key: name_or_hash(value) if isinstance(value, str) else value
        for key, value in parameters.items()
        if _is_safe_parameter(key, value)
    }


def _is_safe_parameter(key: str, value: JSON) -> bool:
    if isinstance(value, str):
        return key in ("model", "model_name") or (key == "reasoning_effort" and value in _REASONING_LEVELS)
    return key in CONTENT_FREE and isinstance(value, (bool, int, float))


def only_safe(span: Span) -> Span:
    """Return *span* with only the attributes on the list; of its events only results of evaluations, no status text."""
    events = [event for event in span.events if event.name == EVALUATION_EVENT] if span.events else ()
    return replace(
        span,
        attributes=_safe(span.attributes),
        events=tuple(replace(event, attributes=_safe(event.attributes)) for event in events),
        status_message="",
        links=tuple(replace(link, attributes={}) for link in span.links),
    )


def _safe(attributes: Attributes) -> Attributes:
    return {name: value for name, value in attributes.items() if is_safe(name)}


def _is_word(name: str) -> bool:
    """Return whether an attribute is a word that a backend reads: the type of a value, who wrote a message, which call."""
    return name.endswith((".mime_type", ".role", "_type", ".type", ".tool_call.id", ".tool_call_id"))


def with_short_content(span: Span, limit: int) -> Span:
    """Return *span* with no text of content longer than *limit* characters; what is safe stays whole."""
    content = {name: value for name, value in span.attributes.items() if not (is_safe(name) or _is_word(name))}
    short = shorten(replace(span, attributes=content), limit)
    return replace(
        short,
        attributes={**span.attributes, **short.attributes},
        status_message=cut(span.status_message, limit),
    )
