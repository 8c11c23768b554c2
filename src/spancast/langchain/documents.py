"""Documents that a retriever found: id, text, score and metadata, whichever class of number the score is."""

from __future__ import annotations

from collections.abc import Mapping

from ..capture.numbers import score_of
from ..record.json import JSON
from ..record.operation import Document
from .messages import DocumentSnapshot, as_data

_SCORES = ("relevance_score", "score", "_score", "similarity_score", "rerank_score", "similarity")
_RERANKED = "relevance_score"  # where LangChain's own rerankers put their score


def is_reranked(found: object) -> bool:
    """Return whether documents carry the score that LangChain's rerankers put on them."""
    first = found[0] if isinstance(found, list) and found else None
    return isinstance(first, DocumentSnapshot) and _RERANKED in (first.metadata or {})


def documents_of(found: object) -> tuple[Document, ...]:
    """Return the documents in a retriever's captured output."""
    if not isinstance(found, list):
        return ()
    return tuple(_document(item) for item in found if isinstance(item, DocumentSnapshot))


def _document(snapshot: DocumentSnapshot) -> Document:
    metadata = as_data(snapshot.metadata)
    values: Mapping[str, JSON] = metadata if isinstance(metadata, Mapping) else {}
    identity = snapshot.id if snapshot.id is not None else values.get("id", values.get("_id"))
    score = score_of(snapshot.score)
    if score is None:
        score = next((found for key in _SCORES if (found := score_of(values.get(key))) is not None), None)
    return Document(
        content=snapshot.content if isinstance(snapshot.content, str) else "",
        id=None if identity is None else str(identity),
        score=score,
        metadata=values,
    )
