"""What a `trace` block of a kind is, in the record's words: read from its input and output as plain data. Pure.

A function under `@spancast.trace(kind="LLM")` takes what clients of models take: messages, a model's name, a temperature.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..capture.messages import loose_message
from ..capture.numbers import score_of
from ..record.json import JSON, as_text
from ..record.message import Message, Text
from ..record.operation import NOTHING, Document, Embedding, Generation, Reranking, Retrieval

_MESSAGES: Final = ("messages", "input_messages", "chat_history", "prompt", "input", "question", "query")
_QUERIES: Final = ("query", "question", "text", "input", "q")
_DOCUMENTS: Final = ("documents", "docs", "nodes", "candidates", "results")
_TEXTS: Final = ("texts", "input", "inputs", "text", "documents", "query")
_ANSWERS: Final = ("messages", "message", "content", "text", "answer", "output")
_PARAMETERS: Final = frozenset(
    {
        *("temperature", "top_p", "top_k", "max_tokens", "max_completion_tokens", "max_output_tokens", "seed", "stop"),
        *("frequency_penalty", "presence_penalty", "n", "reasoning_effort", "response_format"),
    }
)
_MOST: Final = 256  # messages, documents or texts of one side


def generation(asked: JSON, answered: JSON) -> Generation:
    """Return a model call: the messages, the model and the parameters among the arguments, and the answer."""
    fields = _fields(asked)
    return Generation(
        provider=_text(fields, ("provider",)),
        request_model=_text(fields, ("model", "model_name", "model_id")),
        parameters={name: value for name, value in fields.items() if name in _PARAMETERS and value is not None}
        or NOTHING,
        input_messages=_messages(asked if (given := _first(fields, _MESSAGES)) is None else given, "user"),
        output_messages=_messages(answered, "assistant"),
    )


def retrieval(asked: JSON, answered: JSON) -> Retrieval | None:
    """Return a retrieval: the question, and the documents that were found; None where the answer is no list."""
    if not isinstance(answered, list):
        return None
    fields = _fields(asked)
    return Retrieval(
        query=_query(asked, fields), documents=_documents(answered), top_k=_count(fields, ("top_k", "k", "limit"))
    )


def reranking(asked: JSON, answered: JSON) -> Reranking | None:
    """Return a reranking: the question, and the documents before and after; None where the answer is no list."""
    if not isinstance(answered, list):
        return None
    fields = _fields(asked)
    return Reranking(
        query=_query(asked, fields),
        request_model=_text(fields, ("model", "model_name")),
        top_k=_count(fields, ("top_k", "top_n", "k")),
        input_documents=_documents(_first(fields, _DOCUMENTS)),
        output_documents=_documents(answered),
    )


def embedding(asked: JSON, answered: JSON) -> Embedding | None:
    """Return an embedding: the texts, the model, the vectors; None where the answer is no vector and no list of them."""
    vectors = _vectors(answered)
    if not vectors:
        return None
    fields = _fields(asked)
    given = _first(fields, _TEXTS) if fields else asked
    texts = tuple(each for each in (given if isinstance(given, list) else [given])[:_MOST] if isinstance(each, str))
    return Embedding(
        request_model=_text(fields, ("model", "model_name")),
        texts=texts,
        vectors=vectors,
        count=len(vectors),
        dimensions=len(vectors[0]),
    )


def _vectors(answered: JSON) -> tuple[tuple[float, ...], ...]:
    if not isinstance(answered, list) or not answered:
        return ()
    rows = answered if isinstance(answered[0], list) else [answered]
    read = [
        tuple(each for each in row if type(each) is float or type(each) is int) for row in rows if isinstance(row, list)
    ]
    return tuple(read) if all(read) and list(map(len, read)) == list(map(len, rows)) else ()


def _fields(asked: JSON) -> Mapping[str, JSON]:
    """Return the arguments by name; none for a message, which has a role."""
    return asked if isinstance(asked, Mapping) and "role" not in asked else NOTHING


def _first(fields: Mapping[str, JSON], names: tuple[str, ...]) -> JSON:
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def _text(fields: Mapping[str, JSON], names: tuple[str, ...]) -> str | None:
    value = _first(fields, names)
    return value if isinstance(value, str) and value else None


def _count(fields: Mapping[str, JSON], names: tuple[str, ...]) -> int | None:
    value = _first(fields, names)
    return value if type(value) is int else None


def _query(asked: JSON, fields: Mapping[str, JSON]) -> str:
    return _text(fields, _QUERIES) or (as_text(asked) if asked is not None else "")


def _messages(value: JSON, role: str) -> tuple[Message, ...]:
    if isinstance(value, Mapping) and "role" not in value:
        value = found if (found := _first(value, _ANSWERS)) is not None else dict(value)
    if value is None:
        return ()
    items = value[-_MOST:] if isinstance(value, list) else [value]
    return tuple(_message(item, role) for item in items if item is not None)


def _message(item: JSON, role: str) -> Message:
    read = loose_message(item) if isinstance(item, Mapping) else None
    return read if read is not None else Message(role=role, parts=(Text(as_text(item)),))


def _documents(value: JSON) -> tuple[Document, ...]:
    return tuple(map(_document, value[:_MOST])) if isinstance(value, list) else ()


def _document(value: JSON) -> Document:
    if not isinstance(value, dict):
        return Document(content=as_text(value))
    content = next((value[key] for key in ("page_content", "content", "text") if isinstance(value.get(key), str)), "")
    id, found = value.get("id"), value.get("metadata")
    metadata = found if isinstance(found, dict) else {}
    scores = (value.get("score"), metadata.get("relevance_score"), metadata.get("score"))
    return Document(
        content=str(content),
        id=id if isinstance(id, str) else None,
        score=score_of(next((score for score in scores if score is not None), None)),
        metadata=metadata,
    )
