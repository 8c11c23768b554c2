"""The current OpenTelemetry span while an operation is open: a span that expires by itself.

Async frameworks deliver an operation's end in a copied context, so what its start put into the context cannot be taken
out again; every `detach` there fails or logs. A CurrentSpan stays behind instead and, once its operation has ended,
stands for the span that was current before.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from time import time_ns
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.trace import (
    INVALID_SPAN,
    INVALID_SPAN_CONTEXT,
    Span,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)

from ..capture.snapshot import plain_data
from ..record.operation import Event, Failure, Link
from .open_operation import OpenOperation

_KEY = otel_context.create_key("spancast")


class _PublicContext:
    """OpenTelemetry's own functions for the running context: for runtimes whose context is no ContextVar."""

    get = staticmethod(otel_context.get_current)
    set = staticmethod(otel_context.attach)


# The ContextVar behind those functions, where there is one: get and set cost 0.1 us instead of 0.8.
_variable = getattr(otel_context._RUNTIME_CONTEXT, "_current_context", None)
_running: Any = _variable if isinstance(_variable, ContextVar) else _PublicContext
_put = dict.__setitem__  # a Context refuses changes, because others may hold it; a new one is nobody's yet
# where OpenTelemetry keeps the current span in a context
_SPAN_KEY = next(iter(set_span_in_context(INVALID_SPAN, otel_context.Context())))
_MOST_EVENTS = 128
_MOST_ATTRIBUTES = 128
SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class CurrentSpan(Span):
    """Stands for *operation* while it is open, for the span that was current before it afterwards."""

    __slots__ = ("operation", "outer", "outer_own")

    def __init__(self, operation: OpenOperation, outer: Span, outer_own: CurrentSpan | None) -> None:
        self.operation: OpenOperation | None = operation
        self.outer: Span = outer
        self.outer_own: CurrentSpan | None = outer_own
        # keep the chain short: 1 after 2,000 runs
        while type(outer) is CurrentSpan and outer.operation is None:
            self.outer = outer = outer.outer
        while outer_own is not None and outer_own.operation is None:
            self.outer_own = outer_own = outer_own.outer_own

    def expire(self) -> None:
        """The operation has ended: stand for the outer span from now on."""
        self.operation = None

    def _standing_for(self) -> OpenOperation | Span:
        span: Span = self
        while isinstance(span, CurrentSpan):
            operation = span.operation
            if operation is not None:
                return operation
            span = span.outer
        return span

    def get_span_context(self) -> SpanContext:
        target = self._standing_for()
        return span_context(target) if isinstance(target, OpenOperation) else target.get_span_context()

    def is_recording(self) -> bool:
        target = self._standing_for()
        return target.capture if isinstance(target, OpenOperation) else target.is_recording()

    def end(self, end_time: int | None = None) -> None:
        """Do nothing: the framework's own event ends the operation."""

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        target = self._standing_for()
        if not isinstance(target, OpenOperation):
            target.set_attributes(attributes)
        elif target.capture:
            held = target.attributes
            if held is None:
                held = target.attributes = {}
            for key, value in attributes.items():
                if len(held) >= _MOST_ATTRIBUTES:
                    break
                held[str(key)] = plain_data(value)

    def set_attribute(self, key: str, value: Any) -> None:
        self.set_attributes({key: value})

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        target = self._standing_for()
        if isinstance(target, OpenOperation):
            add_event(target, name, attributes, timestamp)
        else:
            target.add_event(name, attributes, timestamp)

    def add_link(self, context: SpanContext, attributes: Any = None) -> None:
        target = self._standing_for()
        if not isinstance(target, OpenOperation):
            target.add_link(context, attributes)
        elif target.capture and context.is_valid:
            link = Link(trace_id=context.trace_id, span_id=context.span_id, attributes=_plain_mapping(attributes))
            target.links = (*target.links, link)

    def update_name(self, name: str) -> None:
        target = self._standing_for()
        if isinstance(target, OpenOperation):
            target.given_name = str(name)
        else:
            target.update_name(name)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        target = self._standing_for()
        if not isinstance(target, OpenOperation):
            target.set_status(status, description)
        elif target.capture:
            code = status.status_code if isinstance(status, Status) else status
            text = status.description if isinstance(status, Status) else description
            if code is StatusCode.ERROR and target.failure is None:
                target.failure = Failure(type="Error", message=text or "")

    def record_exception(
        self,
        exception: BaseException,
        attributes: Any = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        target = self._standing_for()
        if not isinstance(target, OpenOperation):
            target.record_exception(exception, attributes, timestamp, escaped)
        else:
            from .failure import failure_of

            failure = failure_of(exception)
            values = {
                "exception.type": failure.type,
                "exception.message": failure.message,
                "exception.stacktrace": failure.stacktrace,
            }
            add_event(target, "exception", {**values, **_plain_mapping(attributes)}, timestamp)


def add_event(operation: OpenOperation, name: object, attributes: Any = None, timestamp: int | None = None) -> None:
    """Put an event onto an open operation; the first 128 are kept."""
    if not operation.capture:
        return
    if operation.events is None:
        operation.events = []
    if len(operation.events) < _MOST_EVENTS:
        operation.events.append(
            Event(name=str(name), time_ns=timestamp or time_ns(), attributes=_plain_mapping(attributes))
        )


def _plain_mapping(attributes: Any) -> dict[str, Any]:
    plain = plain_data(dict(attributes)) if attributes else None
    return plain if isinstance(plain, dict) else {}


def span_context(operation: OpenOperation) -> SpanContext:
    """Return the OpenTelemetry context of an operation: what propagators and children read."""
    return SpanContext(operation.trace_id, operation.span_id, False, SAMPLED)


def activate(operation: OpenOperation, within: OpenOperation | None = None) -> None:
    """Make *operation* the current span of the running context; *within*: the operation that is known to be current now.

    An operation that no destination records leaves the application's own current span alone: it only marks the place.
    """
    if within is not None and within.current is not None and within.sampled:
        before = within.inside
        span = CurrentSpan(operation, within.current, within.current)
    else:
        before = _running.get()
        span = CurrentSpan(operation, _span_in(before), before.get(_KEY))
    inside = otel_context.Context(before)  # one copy; set_value and set_span_in_context would make two
    _put(inside, _KEY, span)
    if operation.sampled:
        _put(inside, _SPAN_KEY, span)
    operation.current, operation.before, operation.inside = span, before, inside
    _running.set(inside)


def _span_in(context: otel_context.Context) -> Span:
    span = context.get(_SPAN_KEY)
    return span if type(span) is CurrentSpan else get_current_span(context) if span is not None else INVALID_SPAN


def is_inside(operation: OpenOperation) -> bool:
    """Return whether *operation* itself is what is current: nothing has been made current since, by anybody."""
    return operation.inside is not None and _running.get() is operation.inside


def deactivate(operation: OpenOperation) -> None:
    """Expire the current span of *operation*, and put back what was current before where we still stand in its context.

    By value, never by token: `detach` in another context than the one of `attach` logs an error (langfuse#8780).
    """
    span = operation.current
    if span is None:
        return
    span.operation = None
    if _running.get() is operation.inside:
        _running.set(operation.before)
    operation.current = operation.before = operation.inside = None


def detach(operation: OpenOperation) -> None:
    """Put back what was current before *operation*, which stays open: its stream is consumed later, elsewhere."""
    if operation.current is not None and is_inside(operation):
        _running.set(operation.before)


class Attachment:
    """An open operation made current in one more context, until `end`: a step's task, where it was not opened."""

    __slots__ = ("_before", "_inside", "_span")

    def __init__(self, operation: OpenOperation) -> None:
        before = otel_context.get_current()
        own = before.get(_KEY)
        self._span = CurrentSpan(operation, get_current_span(before), own if isinstance(own, CurrentSpan) else None)
        inside = otel_context.set_value(_KEY, self._span, before)
        self._before = before
        self._inside = set_span_in_context(self._span, inside) if operation.sampled else inside
        otel_context.attach(self._inside)

    def end(self) -> None:
        """Expire, and put back what was current before where we still stand in its context."""
        self._span.expire()
        if otel_context.get_current() is self._inside:
            otel_context.attach(self._before)


def nearest() -> OpenOperation | None:
    """Return the innermost operation of ours that is open here."""
    own = otel_context.get_value(_KEY)
    while isinstance(own, CurrentSpan):
        if own.operation is not None:
            return own.operation
        own = own.outer_own
    return None


class ParentContext:
    """Where a new operation finds itself: the current span, and the nearest open operation of ours around it.

    Attributes:
        trace_id, span_id, is_remote, sampled: Of the current span; the ids are 0 when there is none.
        operation: The nearest open operation of ours.
        span_is_own: The current span is an operation of ours, not one of the application's spans.
    """

    # plain numbers: making OpenTelemetry's SpanContext of each operation costs 1.5 us
    __slots__ = ("is_remote", "operation", "sampled", "span_id", "span_is_own", "trace_id")

    def __init__(
        self, operation: OpenOperation | None, trace_id: int, span_id: int, is_remote: bool, sampled: bool
    ) -> None:
        self.operation = operation
        self.trace_id = trace_id
        self.span_id = span_id
        self.is_remote = is_remote
        self.sampled = sampled
        self.span_is_own = False

    @property
    def own(self) -> OpenOperation | None:
        """The operation of ours that the current span belongs to: itself, or the application's spans beneath it."""
        operation = self.operation
        if operation is None or (operation.sampled and self.trace_id != operation.trace_id):
            return None
        return operation


def current_parent_context(passes: Any = None) -> ParentContext:
    """Return what is current. *passes*, a predicate on operations, skips operations that are no real surroundings."""
    here = _running.get()
    own = here.get(_KEY)
    operation: OpenOperation | None = None
    skipped = False
    while isinstance(own, CurrentSpan):
        if own.operation is not None:
            if passes is None or passes(own.operation):
                operation = own.operation
                break
            skipped = True
        own = own.outer_own
    span = _span_in(here)
    if skipped:
        span = _behind(span, operation)
    while isinstance(span, CurrentSpan):
        current = span.operation
        if current is not None:
            around = ParentContext(operation, current.trace_id, current.span_id, False, True)
            around.span_is_own = True
            return around
        span = span.outer
    context = INVALID_SPAN_CONTEXT if span is INVALID_SPAN else span.get_span_context()
    if not context.is_valid:
        return ParentContext(operation, 0, 0, False, False)
    return ParentContext(
        operation, context.trace_id, context.span_id, context.is_remote, bool(context.trace_flags.sampled)
    )


def _behind(span: Span, operation: OpenOperation | None) -> Span:
    """Return the span that stands behind every operation nearer than *operation*."""
    while isinstance(span, CurrentSpan) and (span.operation is None or span.operation is not operation):
        span = span.outer
    return span
