"""`spancast.trace(...)`: says fields for everything inside a block, and opens a span when it has a name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar, cast

from ..record.operation import Kind
from .fields import EMPTY, FieldScope, field_scope, fields_from_kwargs
from .identity import traceparent
from .open_operation import OpenOperation, TraceState
from .parent_context import ParentContext, current_parent_context
from .recorder import Recorder

F = TypeVar("F", bound=Callable[..., Any])
_ORIGIN = object()


@dataclass(frozen=True, slots=True)
class TraceHandle:
    """Where we are: for feedback links, log lines and calls to other services.

    Attributes:
        trace_id: 32 hex digits.
        span_id: 16 hex digits.
        traceparent: The W3C header value that continues the trace in another process.
    """

    trace_id: str
    span_id: str
    traceparent: str


def current_trace() -> TraceHandle | None:
    """Return the handle of the operation that is open here, or of the application's span beneath it; else None."""
    return _handle(current_parent_context())


def _handle(around: ParentContext) -> TraceHandle | None:
    if around.own is None or not around.trace_id:
        return None
    return handle_of(around.trace_id, around.span_id, around.sampled)


def handle_of(trace_id: int, span_id: int, sampled: bool = True) -> TraceHandle:
    """Return the handle of a span."""
    return TraceHandle(f"{trace_id:032x}", f"{span_id:016x}", traceparent(trace_id, span_id, sampled))


class trace:  # noqa: N801  (used as a verb: `with trace(...)`)
    """Say trace fields for a block, or for each call of a decorated function, sync or async.

    With a name (`trace_name` or `span_name`) it opens a span of that name; without one it only sets fields. Every
    keyword that is no trace field is custom metadata. Malformed values are ignored with a warning; nothing raises.

        with spancast.trace(trace_name="Nightly report", session_id="s1", environment="staging") as handle:
            ...
    """

    __slots__ = ("_entered", "_fields", "_recorder")

    def __init__(self, **fields: object) -> None:
        self._fields = fields_from_kwargs(fields)
        self._recorder: Callable[[], Recorder] = recorder_in_use
        self._entered: list[tuple[Recorder | None, OpenOperation | None, FieldScope | None, FieldScope]] = []

    def __enter__(self) -> TraceHandle | None:
        fields = self._fields
        outer = field_scope.get()
        scope = FieldScope(fields.merged_over(outer.fields if outer else EMPTY))
        recorder = operation = None
        name = fields.trace_name or fields.span_name
        if name:
            recorder = self._recorder()
            field_scope.set(scope)
            operation = recorder.open(object(), Kind.CHAIN, name, origin=_ORIGIN)
            _name_under_parent(operation, name)
            scope = FieldScope(scope.fields.inherited())
            state = operation.state
            operation.state = TraceState(state.fields, state.raw_fields, scope, state.sampled, state.decision)
        field_scope.set(scope)
        self._entered.append((recorder, operation, outer, scope))
        return (
            handle_of(operation.trace_id, operation.span_id)
            if operation is not None and operation.sampled
            else current_trace()
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        recorder, operation, outer, scope = self._entered.pop()
        if field_scope.get() is scope:
            field_scope.set(outer)
        if recorder is not None and operation is not None:
            ended, ending = _ending(error)
            recorder.close(operation, error=ended, ending=ending)

    async def __aenter__(self) -> TraceHandle | None:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def _again(self) -> trace:
        block = trace()
        block._fields, block._recorder = self._fields, self._recorder
        return block

    def __call__(self, function: F) -> F:
        """Decorate *function*: each of its calls, and each iteration of a generator, is a block of its own."""
        return cast("F", _around(function, self._again))


def trace_into(recorder: Callable[[], Recorder], fields: Mapping[str, object]) -> trace:
    """Return `trace(**fields)` for another recorder than the one in use."""
    block = trace(**fields)
    block._recorder = recorder
    return block


def _name_under_parent(operation: OpenOperation, name: str) -> None:
    """Under a parent `trace_name` is not the root's; the block's span takes it all the same."""
    if operation.given_name is None:
        operation.given_name = name


def _ending(error: BaseException | None) -> tuple[BaseException | None, str | None]:
    if error is None:
        return None, None
    name = type(error).__name__
    if name == "CancelledError":
        return None, "cancelled"
    if name == "GeneratorExit":
        return None, "abandoned"
    return error, None


def _around(function: Callable[..., Any], block: Callable[[], trace]) -> Callable[..., Any]:
    """Wrap a function of any of the four forms so that each call runs inside a block of its own."""
    if inspect.isasyncgenfunction(function):

        async def async_generator(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            with block():
                async for item in function(*args, **kwargs):
                    yield item

        return functools.wraps(function)(async_generator)
    if inspect.iscoroutinefunction(function):

        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            with block():
                return await function(*args, **kwargs)

        return functools.wraps(function)(coroutine)
    if inspect.isgeneratorfunction(function):

        def generator(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with block():
                yield from function(*args, **kwargs)

        return functools.wraps(function)(generator)

    def plain(*args: Any, **kwargs: Any) -> Any:
        with block():
            return function(*args, **kwargs)

    return functools.wraps(function)(plain)


_in_use: Callable[[], Recorder] | None = None


def recorder_in_use() -> Recorder:
    """Return the recorder of the pipeline that is in use here."""
    if _in_use is None:
        raise RuntimeError("no pipeline is loaded: import trace from spancast itself")
    return _in_use()


def use_recorder(source: Callable[[], Recorder]) -> None:
    """Tell `trace` where the recorder in use comes from (called once, by the pipeline module)."""
    global _in_use
    _in_use = source
