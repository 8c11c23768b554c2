"""A score as an operation of its own: its carrier, of kind EVALUATOR, with a link to what is judged. Pure."""

from __future__ import annotations

from .operation import Kind, Link, Operation, Score


def is_carrier(operation: Operation) -> bool:
    """Return whether *operation* is there for its score only; an evaluator's run is not."""
    return isinstance(operation.detail, Score) and operation.detail.scope != "evaluator"


def carrier_of(operation: Operation, score: Score, span_id: int) -> Operation:
    """Return the carrier, with the id *span_id*, of a score that *operation* had while it was open."""
    return Operation(
        kind=Kind.EVALUATOR,
        name=score.name,
        trace_id=operation.trace_id,
        span_id=span_id,
        start_ns=operation.end_ns,
        end_ns=operation.end_ns,
        user=operation.user,
        session_id=operation.session_id,
        detail=score,
        links=(Link(trace_id=operation.trace_id, span_id=operation.span_id),),
    )
