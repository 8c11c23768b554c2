"""What an operation takes over from its parent: the trace fields, with those that are set here for the first time."""

from __future__ import annotations

from ..record.operation import LLM
from .fields import EMPTY, FieldScope, RawFields, TraceFields, metadata_bytes, same
from .open_operation import OpenOperation, OperationTable, TraceState
from .roots import fields_below
from .wrappers import name_operation, share_with_wrappers


def inherit(
    operation: OpenOperation,
    state: TraceState,
    recorder: OperationTable,
    raw: RawFields,
    scope: FieldScope | None,
    defaults: TraceFields = EMPTY,
) -> None:
    """Take over *state*, the parent's; what is set at *operation* for the first time is laid over it."""
    if scope is None:  # another context, of a task or a stream: the parent's block holds
        scope = state.scope
    fields = state.fields
    if scope is state.scope and defaults is EMPTY and (not raw or same(raw, state.raw_fields)):
        operation.state = state
    else:
        fields = fields_below(state, raw, scope, defaults)
        own = fields if fields is state.fields else fields.inherited()
        operation.state = TraceState(own, raw or state.raw_fields, scope, state.sampled, state.decision, recorder)
        if own.metadata is not state.fields.metadata:
            operation.size += metadata_bytes(own)
    if fields is not state.fields or (fields.generation_name and operation.kind is LLM):
        name_operation(operation, fields, root=False)
        if operation.wrapped_in is not None:
            share_with_wrappers(operation)
