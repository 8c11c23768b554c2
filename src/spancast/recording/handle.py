"""TraceHandle: the ids of a place in a trace, and the way to say what happened there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Literal

from opentelemetry.trace import Span

from ..capture.shapes import key_text
from ..capture.snapshot import sized_data
from ..record.fast_frozen import frozen
from .current import add_event, set_attributes
from .fields import ReservedPlace
from .guard import guarded
from .identity import new_span_id, new_trace_id, traceparent, traceparent_of
from .open_operation import OpenOperation
from .parent_context import ParentContext, current_parent_context


@frozen()
class TraceHandle:
    """Where we are: for feedback links, log lines and calls to other services; and what a block of yours did.

    A handle is never None, and its ids are valid also where nothing is recorded: then they are those of the trace that
    would have been. What is set after the operation has ended changes nothing. No method raises.

    Attributes:
        trace_id: 32 hex digits.
        span_id: 16 hex digits.
        traceparent: The W3C header value that continues the trace in another process.
    """

    trace_id: str
    span_id: str
    traceparent: str
    _target: OpenOperation | ReservedPlace | Span | bool = field(default=False, repr=False, compare=False)

    def __deepcopy__(self, memo: object) -> TraceHandle:
        """Return itself: a state or a dataclass that is copied goes on meaning the same span."""
        return self

    def __reduce__(self) -> tuple[object, ...]:
        """Give another process the ids; the span itself stays here."""
        return TraceHandle, (self.trace_id, self.span_id, self.traceparent, self.recorded)

    @property
    def recorded(self) -> bool:
        """Whether a destination records it: false where it is sampled out, or tracing is switched off."""
        target = self._target
        if isinstance(target, Span):
            return target.get_span_context().trace_flags.sampled
        if isinstance(target, bool):
            return target
        operation = target.operation if isinstance(target, ReservedPlace) else target
        return isinstance(operation, OpenOperation) and operation.state.recorded

    def set_output(self, value: object) -> None:
        """Say what came out: any plain data, or text. The last call holds; it wins over what is captured by itself."""
        _capture(self._operation(), "output", value)

    def set_attribute(self, key: str, value: object) -> None:
        """Put an attribute onto the span: text, a number, a truth value, or plain data. Content, in privacy mode."""
        if isinstance(self._target, Span):
            self._target.set_attribute(key, value)  # type: ignore[arg-type]
        else:
            _attribute(self._operation(), key, value)

    def add_event(self, name: str, attributes: Mapping[str, object] | None = None) -> None:
        """Note that something happened now."""
        if isinstance(self._target, Span):
            self._target.add_event(name, attributes)  # type: ignore[arg-type]
        else:
            _event(self._operation(), name, attributes)

    def score(
        self,
        name: str,
        value: float | None = None,
        *,
        label: str | None = None,
        explanation: str | None = None,
        annotator: Literal["human", "llm", "code"] = "human",
        identifier: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        session_id: str | None = None,
    ) -> bool:
        """Judge this span, now or after its end, as `spancast.score` does; its arguments are described there.

        The session is the one of the trace; *session_id* says it of a handle that was made of ids.
        """
        if _scorer is None:  # a handle whose maker never loaded a pipeline
            return False
        more: dict[str, Any] = {"label": label, "explanation": explanation, "annotator": annotator}
        more |= {"identifier": identifier, "metadata": metadata, "session_id": session_id}
        return _scorer(self, self._operation(), name, value, more)

    def _operation(self) -> OpenOperation | None:
        target = self._target
        if isinstance(target, ReservedPlace):
            target = target.operation  # type: ignore[assignment]
        return target if isinstance(target, OpenOperation) else None


Scorer = Callable[[TraceHandle, OpenOperation | None, str, Any, dict[str, Any]], bool]
_scorer: Scorer | None = None


def use_scorer(scorer: Scorer) -> None:
    """Tell handles what makes scores (called once, by the module of `spancast.score`)."""
    global _scorer
    _scorer = scorer


@guarded
def _capture(operation: OpenOperation | None, name: str, value: object) -> None:
    capture(operation, name, value)


@guarded
def _attribute(operation: OpenOperation | None, key: str, value: object) -> None:
    if operation is not None:
        set_attributes(operation, {key_text(key): value})


@guarded
def _event(operation: OpenOperation | None, name: str, attributes: Any) -> None:
    if operation is not None:
        add_event(operation, name, attributes)


def capture(operation: OpenOperation | None, name: str, value: object) -> None:
    """Put a bounded copy of *value* into the snapshots of an open operation, where content is captured."""
    if operation is None or not operation.capture or operation.end_ns:
        return
    data, size = sized_data(value)
    operation.snapshots[name] = data
    operation.size += size


def handle_of(trace_id: int, span_id: int, sampled: bool = True) -> TraceHandle:
    """Return the handle of a span that is known by its ids only."""
    return TraceHandle(f"{trace_id:032x}", f"{span_id:016x}", traceparent(trace_id, span_id, sampled), sampled)


def handle_of_operation(operation: OpenOperation) -> TraceHandle:
    """Return the handle of a spancast operation."""
    trace_id, span_id = operation.trace_id.to_bytes(16, "big").hex(), operation.span_id.to_bytes(8, "big").hex()
    return TraceHandle(trace_id, span_id, traceparent_of(trace_id, span_id, operation.state.recorded), operation)


def handle_of_reserved(place: ReservedPlace) -> TraceHandle:
    """Return the handle of a place that no operation has taken yet."""
    ids = (place.trace_id, place.span_id)
    return TraceHandle(f"{ids[0]:032x}", f"{ids[1]:016x}", traceparent(*ids, False), place)


def handle_of_nothing() -> TraceHandle:
    """Return the handle of a trace that could not be begun."""
    return handle_of(new_trace_id(), new_span_id(), False)


def current_trace() -> TraceHandle | None:
    """Return the handle of the operation that is open here, or of the application's span beneath it; else None."""
    return handle_around(current_parent_context())


def handle_around(around: ParentContext) -> TraceHandle | None:
    """Return the handle of what is current, where it belongs to a spancast operation."""
    own = around.own
    if own is None:
        return None
    if around.span_is_own or not around.trace_id or not own.state.recorded:
        return handle_of_operation(own)
    ids = (around.trace_id, around.span_id)
    return TraceHandle(f"{ids[0]:032x}", f"{ids[1]:016x}", traceparent(*ids, around.sampled), around.span)
