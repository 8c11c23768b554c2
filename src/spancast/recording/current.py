"""The current OpenTelemetry span while an operation is open: a span that expires by itself.

Async frameworks deliver an operation's end in a copied context, so what its start put into the context cannot be taken
out again; every `detach` there fails or logs. A CurrentSpan stays behind instead and, once its operation has ended,
stands for the span that was current before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from time import time_ns
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.trace import (
    INVALID_SPAN,
    Span,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)

from ..capture.exceptions import MAX_MESSAGE
from ..capture.shapes import key_text
from ..capture.snapshot import sized_data
from ..record.json import INT64
from ..record.operation import Event, Failure, Link
from .collecting import collects_here
from .failure import failure_of
from .guard import guarded
from .open_operation import CurrentPlace, OpenOperation, placeholder

_KEY = otel_context.create_key("spancast")


class _PublicContext:
    """OpenTelemetry's own functions for the running context: for runtimes whose context is no ContextVar."""

    get = staticmethod(otel_context.get_current)
    set = staticmethod(otel_context.attach)


# The ContextVar behind those functions, where there is one: get and set cost 0.1 us instead of 0.8.
_variable = getattr(otel_context._RUNTIME_CONTEXT, "_current_context", None)
running: Any = _variable if isinstance(_variable, ContextVar) else _PublicContext
_set_running = running.set


def set_running(context: otel_context.Context) -> None:
    """Make *context* the running one; not in a finalizer inside of a collection, where that may end the process."""
    if not collects_here():
        _set_running(context)


# where OpenTelemetry keeps the current span in a context
_SPAN_KEY = next(iter(set_span_in_context(INVALID_SPAN, otel_context.Context())))
_MAX_EVENTS = 128
_MAX_ATTRIBUTES = 128
_MAX_LINKS = 128
_MAX_NAME = 1_000  # characters
_ENTRY_BYTES = 100  # what an event or a link takes besides its attributes
SAMPLED = TraceFlags(TraceFlags.SAMPLED)
Rule = Callable[[OpenOperation], bool]


class CurrentSpan(Span):
    """Stands for *operation* while it is open, in the contexts in which it was made current.

    Once the operation has ended, the contexts that still hold this span mean the span that was current before. Who kept a
    reference to it instead keeps a span that has ended: its ids stay, and writing to it does nothing.

    Attributes:
        operation: The operation; None once it has ended.
        outer: The span that was current before.
        outer_own: The nearest spancast span around this one.
        before, inside: OpenTelemetry's contexts around the operation and with it as the current span; until it ends.
        left: Asks whether the running code is outside of the call that the operation stands for: dropped, or between two
            chunks. Set by an adapter; the span that was current before is meant then, as after the end.
        siblings: The rule by which siblings were skipped when this one was opened, and the span and the spancast span to
            which it led, so that the next sibling need not walk past all of them again.
    """

    __slots__ = ("before", "inside", "left", "operation", "outer", "outer_own", "siblings", "span_id", "trace_id")

    def __init__(self, operation: OpenOperation, outer: Span, outer_own: CurrentSpan | None) -> None:
        self.operation: OpenOperation | None = operation
        self.trace_id = operation.trace_id
        self.span_id = operation.span_id
        self.outer = outer
        self.outer_own = outer_own
        self.before: Any = None
        self.inside: Any = None
        self.left: Callable[[], bool] | None = None
        self.siblings: tuple[Rule, Span, CurrentSpan | None] | None = None

    def expire(self) -> None:
        """The operation has ended: stand for the outer span from now on."""
        self.operation = self.before = self.inside = self.left = None

    def _target(self) -> OpenOperation | Span | None:
        """Return what is meant: the operation, the span around it, or None for a kept span whose operation has ended."""
        operation = self.operation
        if operation is not None and (self.left is None or not self.left()):
            return None if operation.end_ns else operation
        here = running.get()
        if here.get(_SPAN_KEY) is not self or here.get(_KEY) is not self:
            return operation  # kept by somebody
        target = first_live(self)
        return target.operation if type(target) is CurrentSpan else target

    def get_span_context(self) -> SpanContext:
        target = self._target()
        if target is None:
            return SpanContext(self.trace_id, self.span_id, False, SAMPLED)
        return span_context(target) if isinstance(target, OpenOperation) else target.get_span_context()

    def is_recording(self) -> bool:
        target = self._target()
        return target.capture if isinstance(target, OpenOperation) else target is not None and target.is_recording()

    def end(self, end_time: int | None = None) -> None:
        """Do nothing: the framework's own event ends the operation."""

    @guarded
    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        target = self._target()
        if isinstance(target, OpenOperation):
            set_attributes(target, attributes)
        elif target is not None:
            target.set_attributes(attributes)

    def set_attribute(self, key: str, value: Any) -> None:
        self.set_attributes({key_text(key): value})

    @guarded
    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        target = self._target()
        if isinstance(target, OpenOperation):
            add_event(target, name, attributes, timestamp)
        elif target is not None:
            target.add_event(name, attributes, timestamp)

    @guarded
    def add_link(self, context: SpanContext, attributes: Any = None) -> None:
        target = self._target()
        if isinstance(target, OpenOperation):
            if target.capture and context.is_valid and len(target.links) < _MAX_LINKS:
                plain = _plain_mapping(target, attributes)
                link = Link(trace_id=context.trace_id, span_id=context.span_id, attributes=plain)
                target.links = (*target.links, link)
                target.size += _ENTRY_BYTES
        elif target is not None:
            target.add_link(context, attributes)

    def update_name(self, name: str) -> None:
        target = self._target()
        if isinstance(target, OpenOperation):
            target.given_name = key_text(name)[:_MAX_NAME]
        elif target is not None:
            target.update_name(name)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        target = self._target()
        if isinstance(target, OpenOperation):
            is_status = issubclass(type(status), Status)
            code: Any = status.status_code if is_status else status  # type: ignore[union-attr]
            text = (status.description if is_status else description) if target.capture else None  # type: ignore[union-attr]
            if code is StatusCode.ERROR and target.failure is None:
                target.failure = Failure(type="Error", message="" if text is None else key_text(text)[:MAX_MESSAGE])
        elif target is not None:
            target.set_status(status, description)

    @guarded
    def record_exception(
        self,
        exception: BaseException,
        attributes: Any = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        target = self._target()
        if isinstance(target, OpenOperation):
            failure = failure_of(exception, content=target.capture)
            values = {
                "exception.type": failure.type,
                "exception.message": failure.message,
                "exception.stacktrace": failure.stacktrace,
            }
            add_event(target, "exception", {**values, **(attributes or {})}, timestamp)
        elif target is not None:
            target.record_exception(exception, attributes, timestamp, escaped)


def first_live(span: Span) -> Span:
    """Return *span*, or the nearest one around it whose operation is open and whose call the running code is inside."""
    if type(span) is not CurrentSpan or (span.operation is not None and span.left is None):
        return span
    found = _first_open(span)
    while type(found) is CurrentSpan and found.left is not None and found.left():
        found = _first_open(found.outer)
    return found


def first_live_own(span: CurrentSpan | None) -> CurrentSpan | None:
    """The same along the spancast spans."""
    if span is None or (span.operation is not None and span.left is None):
        return span
    found = _first_open_own(span)
    while found is not None and found.left is not None and found.left():
        found = _first_open_own(found.outer_own)
    return found


def _first_open(span: Span) -> Span:
    """Return *span*, or where its operation has ended the nearest one around it that goes on; shortens the way there."""
    if type(span) is not CurrentSpan or span.operation is not None:
        return span
    found = span.outer
    while type(found) is CurrentSpan and found.operation is None:
        found = found.outer
    while span is not found and type(span) is CurrentSpan:
        span.outer, span = found, span.outer
    return found


def _first_open_own(span: CurrentSpan | None) -> CurrentSpan | None:
    if span is None or span.operation is not None:
        return span
    found = span.outer_own
    while found is not None and found.operation is None:
        found = found.outer_own
    while span is not None and span is not found:
        span.outer_own, span = found, span.outer_own
    return found


def set_attributes(operation: OpenOperation, attributes: Mapping[str, Any]) -> None:
    """Put attributes onto an open operation; the first 128 keys are kept, and counted."""
    if not operation.capture or operation.end_ns:
        return
    kept = operation.attributes
    if kept is None:
        kept = operation.attributes = {}
    for key, value in attributes.items():
        name = key_text(key)[:_MAX_NAME]
        if len(kept) >= _MAX_ATTRIBUTES and name not in kept:
            break
        counted = sized_data(kept[name])[1] if name in kept else -len(name)
        kept[name], size = sized_data(value)
        operation.size += size - counted


def add_event(operation: OpenOperation, name: object, attributes: Any = None, timestamp: int | None = None) -> None:
    """Put an event onto an open operation; the first 128 are kept, and counted."""
    if not operation.capture or operation.end_ns:
        return
    if operation.events is None:
        operation.events = []
    if len(operation.events) < _MAX_EVENTS:
        plain = _plain_mapping(operation, attributes)
        at = timestamp if type(timestamp) is int and 0 < timestamp < INT64 else time_ns()
        operation.events.append(Event(name=key_text(name)[:_MAX_NAME], time_ns=at, attributes=plain))
        operation.size += _ENTRY_BYTES


def _plain_mapping(operation: OpenOperation, attributes: Any) -> dict[str, Any]:
    """Return a plain copy of the attributes of an event or a link, counted in the operation's size."""
    if not attributes:
        return {}
    plain, size = sized_data(dict(attributes))
    operation.size += size
    return plain if isinstance(plain, dict) else {}


def span_context(operation: OpenOperation) -> SpanContext:
    """Return the OpenTelemetry context of an operation: what propagators and children read."""
    return SpanContext(operation.trace_id, operation.span_id, False, SAMPLED)


# ---------------------------------------------------------------- making current
_new_span = CurrentSpan.__new__
_merge = dict.update  # a Context's own refuses


def activate(operation: OpenOperation, within: CurrentPlace | None = None) -> CurrentSpan:
    """Make *operation* the current span of the running context; *within*: the span of its parent, where that is current now.

    An operation that no destination records leaves the application's own current span alone: it only marks the place.
    """
    recorded = operation.state.recorded
    span = _new_span(CurrentSpan)  # and its fields, without the calls that a class makes: see `new_operation`
    if within is not None and recorded:  # then its parent is recorded too: both share the trace's decision
        before = within.inside
        around: Any = within  # a CurrentSpan, as all of them
        span.outer = span.outer_own = around
    else:
        before = running.get()
        if before:
            span.outer, span.outer_own = first_live(span_in(before)), first_live_own(before.get(_KEY))
        else:
            span.outer, span.outer_own = INVALID_SPAN, None
    # one copy, with our values in it: a Context refuses changes, and set_value and set_span_in_context would make two more
    if not recorded:
        inside = otel_context.Context({**before, _KEY: span})
    elif before:
        inside = otel_context.Context(before)
        _merge(inside, {_KEY: span, _SPAN_KEY: span})  # a mapping less than `Context({**before, ...})`
    else:
        inside = otel_context.Context({_KEY: span, _SPAN_KEY: span})
    span.operation = operation
    span.trace_id = operation.trace_id
    span.span_id = operation.span_id
    span.before = before
    span.inside = inside
    span.left = span.siblings = None
    operation.current = span
    if not collects_here():
        _set_running(inside)
    return span


def span_in(context: otel_context.Context) -> Span:
    """Return OpenTelemetry's current span of *context*."""
    span = context.get(_SPAN_KEY)
    return span if type(span) is CurrentSpan else get_current_span(context) if span is not None else INVALID_SPAN


def own_span_in(context: otel_context.Context) -> CurrentSpan | None:
    """Return the innermost spancast span of *context*, whether its operation has ended or not."""
    own = context.get(_KEY)
    return own if type(own) is CurrentSpan else None


def is_inside(operation: OpenOperation) -> bool:
    """Return whether *operation* itself is what is current: nothing has been made current since, by anybody."""
    span = operation.current
    return span is not None and span.inside is not None and running.get() is span.inside


def deactivate(operation: OpenOperation, keep_place: bool = False) -> None:
    """Expire the current span of *operation*, and put back what was current before where we still stand in its context.

    By value, never by token: `detach` in another context than the one of `attach` logs an error (langfuse#8780).

    Args:
        keep_place: Where we do stand in its context, other contexts that hold the span are copies, of tasks and threads
            that were begun inside: what they still begin belongs beneath the ended operation.
    """
    span = operation.current
    if span is None:
        return
    if span.inside is running.get() and not collects_here():
        _set_running(span.before)
        if keep_place:
            span.operation, span.before, span.inside = placeholder(operation), None, None
            operation.current = None
            return
    span.operation = span.before = span.inside = span.left = None  # `expire`, without its call
    operation.current = None  # last: what a signal handler interrupts is done once more


def detach(operation: OpenOperation) -> None:
    """Put back what was current before *operation*, which stays open: its stream is consumed later, elsewhere."""
    span = operation.current
    if span is not None and is_inside(operation):
        set_running(span.before)


class Attachment:
    """An open operation made current in one more context, until `end`: a step's task, where it was not opened."""

    __slots__ = ("_before", "_inside", "_span")

    def __init__(self, operation: OpenOperation) -> None:
        before = otel_context.get_current()
        self._span = CurrentSpan(operation, first_live(get_current_span(before)), first_live_own(own_span_in(before)))
        inside = otel_context.set_value(_KEY, self._span, before)
        self._before = before
        self._inside = set_span_in_context(self._span, inside) if operation.state.recorded else inside
        otel_context.attach(self._inside)

    def end(self) -> None:
        """Expire, and put back what was current before where we still stand in its context."""
        self._span.expire()
        if otel_context.get_current() is self._inside:
            otel_context.attach(self._before)


def nearest() -> OpenOperation | None:
    """Return the innermost spancast operation that is open here."""
    own = first_live_own(own_span_in(running.get()))
    while own is not None and own.operation is not None and own.operation.end_ns:
        own = first_live_own(own.outer_own)  # the place of a block that has ended
    return own.operation if own is not None else None
