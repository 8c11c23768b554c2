"""`spancast.trace(...)`: says fields for everything inside a block, and opens a span when it has a name or a kind."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType, TracebackType
from typing import Any, Final, TypeVar, cast

from ..capture.endings import ending_of
from ..capture.shapes import class_name
from ..record.operation import Kind
from .block_content import ShownRuns, translate_block
from .collecting import collects_here
from .current import running, set_running
from .decorator import Call, decorated
from .fields import EMPTY, FieldScope, ReservedPlace, field_scope, fields_from_kwargs
from .guard import report_fault
from .handle import (
    TraceHandle,
    capture,
    current_trace,
    handle_around,
    handle_of_nothing,
    handle_of_operation,
    handle_of_reserved,
)
from .identity import new_span_id, new_trace_id, read_trace_id
from .notice import warn_once
from .open_operation import OpenOperation
from .parent_context import current_parent_context
from .recorder import Recorder

__all__ = ["TraceHandle", "current_trace", "recorder_in_use", "trace", "trace_into", "use_recorder"]
F = TypeVar("F", bound=Callable[..., Any])
_ORIGIN = object()
_FUNCTIONS = (FunctionType, BuiltinFunctionType, MethodType, partial)


def _set_scope(scope: FieldScope | None) -> None:
    if not collects_here():
        field_scope.set(scope)


class Block:
    """One passage through a `trace` block: what it opened, and what held before. Of one task or thread at a time."""

    __slots__ = ("_around", "_inside", "_key", "_operation", "_recorder", "_runs", "_scope", "_suspends", "handle")

    def __init__(self, block: trace, name: str | None) -> None:
        fields = block._fields
        outer = field_scope.get()
        self._around: Any = (outer, running.get())  # what held before; None while the block is left for a moment
        self._inside: Any = None  # what held inside it, then
        self._suspends = False
        self._key = object()  # of its operation
        self._scope: FieldScope | None = None
        self._recorder: Recorder | None = None
        self._operation: OpenOperation | None = None
        self._runs: ShownRuns | None = None
        try:
            merged = fields.merged_over(outer.fields if outer else EMPTY)
            if name is None:
                self._scope, self.handle = _place_of(merged, outer)
            else:
                self._scope, self.handle = self._open(block, name, FieldScope(merged))
            _set_scope(self._scope)
        except BaseException as error:
            self.leave(error)
            _set_scope(outer)
            raise

    def _open(self, block: trace, name: str, scope: FieldScope) -> tuple[FieldScope, TraceHandle]:
        self._recorder = recorder = block._recorder()
        kind = block._kind or Kind.CHAIN
        operation = recorder.open(self._key, kind, name, origin=_ORIGIN, translate=translate_block, scope=scope)
        if operation.given_name is None:
            operation.given_name = name  # under a parent `trace_name` is not the root's; the block's span takes it
        scope = FieldScope(scope.fields.inherited())
        operation.state = operation.state.within(scope)
        self._operation = operation
        for key, value in (("input", block._input), ("output", block._output)):
            if value is not None:
                capture(operation, key, value)
        self._runs = ShownRuns()
        operation.on_child_closed = self._runs.note
        return scope, handle_of_operation(operation)

    def capture(self, name: str, value: object) -> None:
        """Capture an input or an output of the block, where none was given explicitly."""
        if self._operation is not None and name not in self._operation.snapshots:
            capture(self._operation, name, value)

    def suspend(self) -> None:
        """Leave the block for a moment: between two pieces of a generator its consumer is not inside."""
        outer = self._around
        if outer is not None:
            self._suspends = True
            self._inside = field_scope.get(), running.get()
            self._around = None
            _set_scope(outer[0])
            set_running(outer[1])

    def resume(self) -> None:
        """Go on inside the block, and inside what was begun in it, in the context that is running now."""
        inside = self._inside
        if inside is not None:
            self._around = field_scope.get(), running.get()
            self._inside = None
            _set_scope(inside[0])
            set_running(inside[1])

    def end(self, error: BaseException | None) -> None:
        """End the block's span; streams and tasks that were begun inside go on."""
        if self._inside is not None:
            self.resume()
        around = self._around
        if field_scope.get() is self._scope:
            _set_scope(around[0])
        operation, recorder = self._operation, self._recorder
        if recorder is None or operation is None:
            return
        if self._runs is not None and operation.capture:
            self._runs.show_in(operation)
        ended, ending = ending_of(error)
        recorder.close(operation, error=ended, ending=ending, keep_children=True, keep_place=True)
        if self._suspends:  # by value: the last piece may have been asked for in another context than the first
            _set_scope(around[0])
            set_running(around[1])

    def leave(self, error: BaseException) -> None:
        """Leave nothing behind of a passage whose begin or end *error* has interrupted, as from a signal handler."""
        if self._around is not None and self._scope is not None and field_scope.get() is self._scope:
            _set_scope(self._around[0])
        recorder = self._recorder
        operation = recorder.find(self._key) if recorder is not None else None
        if recorder is not None and operation is not None:
            recorder.close(operation, error=error, keep_children=True)


class _Lenient(type):
    """Takes what newcomers write: `trace("Nightly report")`, and `@trace` without parentheses."""

    def __call__(cls, name: object = None, /, **keywords: Any) -> Any:
        if issubclass(type(name), _FUNCTIONS):
            return super().__call__(**keywords)(name)
        if name is not None:
            keywords.setdefault("trace_name", name)
        return _made(keywords) if cls is trace else super().__call__(**keywords)


class trace(metaclass=_Lenient):  # noqa: N801  (used as a verb: `with trace(...)`)
    """Say trace fields for a block, or for each call of a decorated function, sync or async.

    With a name (`trace_name` or `span_name`), a *kind*, an *input* or an *output* it opens a span; else it only sets
    fields. Every keyword that is no trace field is custom metadata. Malformed values are ignored with a warning; nothing
    raises. Entering the block gives a `TraceHandle`, always.

        with spancast.trace(trace_name="Nightly report", session_id="s1", environment="staging") as handle:
            handle.set_output(report())

        @spancast.trace(kind="TOOL")
        def look_up(order: int) -> str: ...

    `trace("Nightly report")` is short for `trace_name=`, and `@spancast.trace` for `@spancast.trace()`.

    A decorated function's arguments are the span's input and its result the output; of a generator, all that it yields.
    Without a name the span is called like the function. A block that says neither input nor output shows those of the runs
    inside it: the first one's input, the last one's output.

    Args:
        kind: What the span is, as in `spancast.record.operation.Kind`: CHAIN (the default), AGENT, LLM, TOOL, RETRIEVER, ...
        input: What goes in: any plain data, or text.
        output: What comes out, where that is known immediately; else `TraceHandle.set_output`.
        capture_input: Whether a decorated function's arguments are captured.
        capture_output: Whether its result is captured.
        fields: Trace fields (`trace_name`, `span_name`, `generation_name`, `trace_id`, `parent_span_id`, `user`,
            `session_id`), and custom metadata.
    """

    __slots__ = ("_captures", "_entered", "_fields", "_input", "_kind", "_output", "_recorder")

    def __init__(
        self,
        *,
        kind: Kind | str | None = None,
        input: object = None,
        output: object = None,
        capture_input: bool = True,
        capture_output: bool = True,
        **fields: object,
    ) -> None:
        self._fill(fields, kind, input, output, capture_input, capture_output)

    def _fill(
        self,
        fields: dict[str, Any],
        kind: Kind | str | None = None,
        input: object = None,
        output: object = None,
        capture_input: bool = True,
        capture_output: bool = True,
    ) -> None:
        self._fields = fields_from_kwargs(fields)
        self._kind = _kind_of(kind)
        self._input = input
        self._output = output
        self._captures = (_is_wanted(capture_input), _is_wanted(capture_output))
        self._recorder: Callable[[], Recorder] = recorder_in_use
        self._entered: list[Block | None] = []

    def __enter__(self) -> TraceHandle:
        block = self._begin(self._block_name())
        self._entered.append(block)
        return block.handle if block is not None else handle_of_nothing()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._entered:
            end(self._entered.pop(), error)

    async def __aenter__(self) -> TraceHandle:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def _block_name(self) -> str | None:
        name = self._fields.trace_name or self._fields.span_name
        if name is None and (self._kind is not None or self._input is not None or self._output is not None):
            name = (self._kind or Kind.CHAIN).value.lower()
        return name

    def _function_name(self, function: Callable[..., Any]) -> str | None:
        """Return the name of a decorated function's span; None where only fields are set."""
        if self._kind is None and self._fields is not EMPTY:
            return self._block_name()
        return self._fields.trace_name or self._fields.span_name or getattr(function, "__name__", "function")

    def _begin(self, name: str | None) -> Block | None:
        """Begin a passage through the block; None where a bug in spancast prevents it."""
        try:
            return Block(self, name)
        except Exception as error:  # the application's own work must not stop
            report_fault("trace", error)
            return None

    def __call__(self, function: F) -> F:
        """Decorate *function*: each of its calls, and each iteration of a generator, is a block of its own."""
        call = Call(function, self._function_name(function), self._captures, self._begin, end)
        return cast("F", decorated(function, call))


# without it `inspect` and editors would show the metaclass's arguments
trace.__signature__ = inspect.signature(partial(trace.__init__, cast("Any", None)))  # type: ignore[attr-defined]


def end(block: Block | None, error: BaseException | None) -> None:
    """End a passage through a block; never raises."""
    if block is None:
        return
    try:
        block.end(error)
    except BaseException as fault:
        block.leave(fault)
        if not isinstance(fault, Exception):
            raise
        report_fault("trace", fault)


_OPTIONS: Final = ("kind", "input", "output", "capture_input", "capture_output")


def _made(keywords: dict[str, Any]) -> trace:
    """Return `trace(**keywords)`; *keywords* is used up.

    Calling the class copies all keywords three times and compares each with the five options: a third of what a block of
    30 names cost its thread (benchmarks/drain.py).
    """
    block = trace.__new__(trace)
    if keywords.keys().isdisjoint(_OPTIONS):
        block._fill(keywords)
    else:
        options = {name: keywords.pop(name) for name in _OPTIONS if name in keywords}
        block._fill(keywords, **options)
    return block


def trace_into(recorder: Callable[[], Recorder], name: object, fields: dict[str, Any]) -> trace:
    """Return `trace(name, **fields)` for another recorder than the one in use; *fields* is used up."""
    if name is not None:
        fields.setdefault("trace_name", name)
    block = _made(fields)
    block._recorder = recorder
    return block


def _place_of(fields: Any, outer: FieldScope | None) -> tuple[FieldScope, TraceHandle]:
    """Return the scope and the handle of a block without a span: that of what is current, else of the run to come."""
    around = current_parent_context()
    handle = handle_around(around)
    if handle is not None:
        return FieldScope(fields), handle
    trace_id = read_trace_id(fields.trace_id)[0] if fields.trace_id else around.trace_id or new_trace_id()
    place = outer.reserved if outer is not None else None
    if place is None or place.operation is not None or place.trace_id != trace_id:
        place = ReservedPlace(trace_id, new_span_id())
    return FieldScope(fields, place), handle_of_reserved(place)


def _is_wanted(value: object) -> bool:
    """Return whether *value* is true: what is not wanted for certain does not leave."""
    try:
        return bool(value)
    except Exception:  # an array of several values, an object of the application's
        return False


def _kind_of(kind: object) -> Kind | None:
    if kind is None or type(kind) is Kind:
        return kind
    text = str.__str__(kind)[:40] if issubclass(type(kind), str) else class_name(type(kind))
    name = text.upper()
    found = Kind.__members__.get(name)
    if found is None:
        known = ", ".join(Kind.__members__)
        warn_once(
            f"kind:{name}", "spancast: trace(kind=%.40r) is not a kind: use one of %s. CHAIN is used.", text, known
        )
        return Kind.CHAIN
    return found


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
