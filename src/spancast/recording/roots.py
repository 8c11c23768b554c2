"""Where a root lies: its trace, its parent, its links, from what the user says, what surrounds it, and what it resumes.

Nothing here knows the recorder.
"""

from __future__ import annotations

from ..record.operation import Kind, Link
from .fields import EMPTY, FieldScope, RawFields, ReservedPlace, TraceFields, parse_raw_fields, same
from .identity import new_span_id, new_trace_id, read_span_id, read_trace_id
from .notice import warn_once
from .open_operation import OpenOperation, TraceState
from .parent_context import ParentContext
from .paused import Pause


def placed_root(
    kind: Kind,
    name: str,
    around: ParentContext,
    fields: TraceFields,
    start_ns: int,
    resumes: Pause | None,
    reserved: ReservedPlace | None,
) -> OpenOperation:
    """Return a root with its trace and parent: `parent_span_id` with `trace_id`, a pause, the current span, or none."""
    if reserved is not None and reserved.operation is not None:
        reserved = None  # the block's first root has taken the place
    if fields.trace_id:
        trace_id = read_trace_id(fields.trace_id)[0]
    elif resumes is not None:
        trace_id = resumes.trace_id
    else:
        trace_id = around.trace_id or (reserved.trace_id if reserved is not None else 0) or new_trace_id()
    operation = OpenOperation(kind, name, start_ns, trace_id, new_span_id())
    if reserved is not None and reserved.trace_id == trace_id:
        operation.span_id, reserved.operation = reserved.span_id, operation
    if fields.parent_span_id:
        operation.parent_span_id, hashed = read_span_id(fields.parent_span_id)
        operation.parent_is_remote = True
        if hashed:
            warn_once("parent_span_id", "spancast: `parent_span_id` is not 16 hex digits: its sha256 is used.")
    elif resumes is not None and resumes.trace_id == trace_id:
        operation.parent_span_id = resumes.span_id
        operation.parent_is_remote = resumes.name is None
        if around.trace_id and around.trace_id != trace_id:
            operation.links = (Link(trace_id=around.trace_id, span_id=around.span_id),)
    elif around.trace_id and around.trace_id == trace_id:
        operation.parent_span_id = around.span_id
        operation.parent_is_remote = around.is_remote
    elif around.trace_id:
        operation.links = (Link(trace_id=around.trace_id, span_id=around.span_id),)
    note_resumed(operation, resumes)
    return operation


def note_resumed(operation: OpenOperation, pause: Pause | None) -> None:
    """Note which pause an operation answers; where it lies in another trace, a link leads to the first."""
    if pause is None:
        return
    operation.resumes = pause
    if operation.trace_id != pause.trace_id:
        operation.links = (*operation.links, Link(trace_id=pause.trace_id, span_id=pause.span_id))


def span_below(parent: OpenOperation, around: ParentContext) -> int:
    """Return the span under which a child of *parent* lies: an application's span between the two keeps its place."""
    if around.span_is_own:
        return block_below(parent, around).span_id
    if around.trace_id == parent.trace_id and around.operation is not None:
        if around.operation is parent or block_below(parent, around) is not parent:
            return around.span_id
    return parent.span_id


def block_below(parent: OpenOperation, around: ParentContext) -> OpenOperation:
    """Return the innermost block of the application that surrounds a child of *parent*; *parent* itself where none does.

    A framework names the run whose code this is, and knows nothing of a `spancast.trace` block in that code.
    """
    inner = outer = around.operation
    while outer is not None and outer.is_block and outer is not parent:
        outer = outer.parent
    return inner if inner is not None and outer is parent else parent


def fields_said_here(raw: RawFields, scope: FieldScope | None, own: OpenOperation) -> TraceFields:
    """Return the fields that hold here and did not hold yet where *own* was opened."""
    fields = parse_raw_fields(raw, own.state.raw_fields)
    outer = own.state.scope
    if scope is None or scope is outer:
        return fields
    before = outer.fields if outer else EMPTY
    inside = TraceFields(
        trace_id=scope.fields.trace_id if scope.fields.trace_id != before.trace_id else None,
        parent_span_id=scope.fields.parent_span_id if scope.fields.parent_span_id != before.parent_span_id else None,
    )
    return fields.merged_over(inside)


def fields_below(state: TraceState, raw: RawFields, scope: FieldScope | None, defaults: TraceFields) -> TraceFields:
    """Return the fields of an operation beneath one with *state*: what is set for the first time lies over its own."""
    fields = state.fields
    if defaults is not EMPTY:
        fields = fields.merged_over(defaults)
    if scope is not state.scope and scope is not None:
        fields = scope.fields.merged_over(fields)
    if raw and not same(raw, state.raw_fields):
        fields = parse_raw_fields(raw, state.raw_fields).merged_over(fields).with_thread_session(raw)
    return fields


def leads_elsewhere(fields: TraceFields, trace_id: int) -> bool:
    """Return whether fields that appear for the first time ask for another trace or parent than the surrounding one."""
    if fields.parent_span_id:
        return True
    return bool(fields.trace_id) and read_trace_id(fields.trace_id or "")[0] != trace_id


def with_original_id(fields: TraceFields) -> TraceFields:
    """Keep a `trace_id` that had to be hashed as metadata, so that it can still be searched for."""
    if not fields.trace_id or not read_trace_id(fields.trace_id)[1]:
        return fields
    return TraceFields(metadata={"trace_id": fields.trace_id}).merged_over(fields)
