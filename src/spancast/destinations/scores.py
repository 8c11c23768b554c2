"""What a backend with an API of its own for scores has to say: which scores it takes, and the requests that carry them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Protocol

import orjson

from ..conventions.span import Attributes, Span
from ..otlp.outcome import Outcome
from ..record.fast_frozen import frozen
from ..record.operation import Operation

_SCOPES = {"span": "", "trace": "trace.", "session": "session."}


class Way(Enum):
    """How a score reaches a backend: by its API, or as a span of kind EVALUATOR among the other spans."""

    API = "api"
    SPAN = "span"


@frozen(kw_only=True)
class SentScore:
    """One score as an API is to have it: redacted, and in privacy mode without content.

    Attributes:
        id: 16 hex digits, the same at each try: by it a backend can tell a repeated request from another score.
        scope: `span`, `trace` or `session`.
        trace_id: 32 hex digits.
        span_id: The judged span's 16 hex digits; of a trace its root's, where that is known.
        annotator: `HUMAN`, `LLM` or `CODE`.
        given_ns: When it was given, in Unix nanoseconds.
    """

    id: str
    scope: str
    trace_id: str
    span_id: str | None
    session_id: str | None
    name: str
    value: float | None
    label: str | None
    explanation: str | None
    annotator: str
    identifier: str | None
    metadata: Mapping[str, Any]
    given_ns: int


Call = Callable[[str, str, object], tuple[Outcome, Any]]
"""Makes one request: method, URL below the API's, and a body that becomes JSON (None: no body). The answer is plain data."""


class ScoreApi(Protocol):
    """A backend's own API for scores. One object a destination; *send* is called by one thread."""

    def way(self, carrier: Operation) -> Way | str:
        """Return how the score that *carrier* has gets there, or one sentence that says why it cannot be taken."""

    def send(self, scores: Sequence[SentScore], call: Call) -> Sequence[Outcome]:
        """Send *scores*, and return what happened to each, in their order."""


def score_in(span: Span) -> SentScore | None:
    """Return the score that *span*, a carrier in OpenInference, has; None where nothing is left of its result."""
    for scope, prefix in _SCOPES.items():
        found = _fields(span.attributes, f"{prefix}evaluations.0.evaluation.")
        if found.get("name"):
            session = span.attributes.get("session.id")
            return SentScore(
                id=f"{span.span_id:016x}",
                scope=scope,
                trace_id=f"{span.trace_id:032x}",
                span_id=f"{span.links[0].span_id:016x}" if span.links else None,
                session_id=session if isinstance(session, str) else None,
                name=found["name"],
                value=found.get("score"),
                label=found.get("label"),
                explanation=found.get("explanation"),
                annotator=found.get("annotator_kind") or "HUMAN",
                identifier=found.get("identifier"),
                metadata=_mapping(found.get("metadata")),
                given_ns=span.end_ns,
            )
    return None


def _fields(attributes: Attributes, prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in attributes.items() if name.startswith(prefix)}


def _mapping(text: object) -> Mapping[str, Any]:
    try:
        found = orjson.loads(text) if isinstance(text, str) else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
