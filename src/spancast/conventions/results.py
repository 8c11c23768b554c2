"""How many results of evaluations a span carries, in either convention. Pure."""

from __future__ import annotations

from .span import EVALUATION_EVENT, Span

_NAME, _LIST = ".evaluation.name", "evaluations."


def scores_in(span: Span) -> int:
    """Return how many scores *span* carries: objects of OpenInference, or events of gen_ai."""
    named = sum([name.endswith(_NAME) and _LIST in name for name in span.attributes])
    return named or sum([event.name == EVALUATION_EVENT for event in span.events])
