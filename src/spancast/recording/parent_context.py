"""Which span and which spancast operation surround the place where something begins."""

from __future__ import annotations

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY
from opentelemetry.trace import INVALID_SPAN, INVALID_SPAN_CONTEXT, Span

from ..own_threads import suppresses_tracing
from .current import CurrentSpan, Rule, first_live, first_live_own, own_span_in, running, span_in
from .open_operation import OpenOperation


class ParentContext:
    """The current span, and the nearest spancast operation around it.

    Attributes:
        trace_id, span_id, is_remote, sampled: Of the current span; the ids are 0 when there is none.
        operation: The nearest spancast operation; in a task that outlives its `trace` block, that block's place.
        span_is_own: The current span is a spancast operation, not one of the application's spans.
        span, own_span: The spans themselves.
        skipped: Operations nearer than these were skipped by the rule.
        suppressed: OpenTelemetry's `suppress_instrumentation` is around, or a `redact` in a thread of spancast's: nothing
            that begins here is recorded.
    """

    # plain numbers: making OpenTelemetry's SpanContext of each operation costs 1.5 us
    __slots__ = (
        "is_remote",
        "operation",
        "own_span",
        "sampled",
        "skipped",
        "span",
        "span_id",
        "span_is_own",
        "suppressed",
        "trace_id",
    )

    def __init__(self, span: Span, own_span: CurrentSpan | None, skipped: bool) -> None:
        self.span = span
        self.own_span = own_span
        self.skipped = skipped
        self.operation: OpenOperation | None = own_span.operation if own_span is not None else None
        current = span.operation if type(span) is CurrentSpan else None
        self.span_is_own = current is not None
        self.suppressed = False
        self.is_remote = False
        self.sampled = self.span_is_own
        if current is not None:
            self.trace_id, self.span_id = current.trace_id, current.span_id
            return
        context = INVALID_SPAN_CONTEXT if span is INVALID_SPAN else span.get_span_context()
        self.trace_id = self.span_id = 0
        if context.is_valid:
            self.trace_id, self.span_id = context.trace_id, context.span_id
            self.is_remote, self.sampled = context.is_remote, bool(context.trace_flags.sampled)

    @property
    def own(self) -> OpenOperation | None:
        """The spancast operation that the current span belongs to: itself, or the application's spans beneath it."""
        operation = self.operation
        if operation is None or (operation.state.recorded and self.trace_id != operation.trace_id):
            return None
        return operation

    def note_skipped(self, span: CurrentSpan, rule: Rule) -> None:
        """Let the next sibling of the operation of *span* start here: a batch must not walk past all its open siblings."""
        span.siblings = (rule, self.span, self.own_span)


def current_parent_context(rule: Rule | None = None) -> ParentContext:
    """Return what is current. *rule*, a predicate on operations, skips operations that are no candidates for a parent."""
    here = running.get()
    if not here:
        return NOTHING_AROUND
    own = first_live_own(own_span_in(here))
    span = first_live(span_in(here))
    skipped = False
    if rule is not None:
        while own is not None and ((operation := own.operation) is None or not rule(operation)):
            siblings = own.siblings
            behind, behind_own = own.outer, own.outer_own
            if siblings is not None and siblings[0] is rule:
                _, behind, behind_own = siblings
            if span is own:
                span = first_live(behind)
            own = first_live_own(behind_own)
            skipped = True
    around = ParentContext(span, own, skipped)
    around.suppressed = suppresses_tracing(here.get(_SUPPRESS_INSTRUMENTATION_KEY))
    return around


NOTHING_AROUND = ParentContext(INVALID_SPAN, None, False)
"""Where nothing is current."""
