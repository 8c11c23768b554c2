"""Chains that stand around an operation because the user gave more than one name: opened and closed with it."""

from __future__ import annotations

from collections.abc import Iterator

from ..record.operation import CHAIN, LLM
from .block_content import shown_io
from .captured import CapturedOperation, Content, Translate
from .fields import TraceFields
from .identity import new_span_id
from .open_operation import OpenOperation


def name_operation(operation: OpenOperation, fields: TraceFields, *, root: bool) -> None:
    """Give the operation the name that the user chose, and put a span around it for each further name.

    OpenRouter: `trace_name` names the root, `span_name` a chain that holds the generations, `generation_name` them.
    """
    names = [fields.trace_name if root else None, fields.span_name]
    if operation.kind is LLM:
        names.append(fields.generation_name)
    chosen = [name for name in names if name]
    if not chosen:
        return
    operation.given_name = chosen.pop()
    for name in chosen:
        wrap(operation, name)


def wrap(operation: OpenOperation, name: str) -> None:
    """Put a chain named *name* between the operation and its parent, opened and closed with it."""
    wrapper = OpenOperation(CHAIN, name, operation.start_ns, operation.trace_id, new_span_id())
    wrapper.given_name = name
    wrapper.parent_span_id = operation.parent_span_id
    wrapper.parent_is_remote = operation.parent_is_remote
    wrapper.links = operation.links
    wrapper.wrapped_in = operation.wrapped_in
    operation.parent_span_id = wrapper.span_id
    operation.parent_is_remote = False
    operation.links = ()
    operation.wrapped_in = wrapper


def share_with_wrappers(operation: OpenOperation) -> None:
    """Copy what the whole subtree shares onto the chains around *operation*."""
    wrapper = operation.wrapped_in
    while wrapper is not None:
        wrapper.state = operation.state
        wrapper.capture = operation.capture
        wrapper = wrapper.wrapped_in


def closed_wrappers(operation: OpenOperation, captured: CapturedOperation) -> Iterator[CapturedOperation]:
    """Close the chains around *operation*, which has closed as *captured*, from inside to outside."""
    wrapper = operation.wrapped_in
    while wrapper is not None:
        wrapper.end_ns = operation.end_ns
        wrapper.failure = operation.failure
        wrapper.ending = operation.ending
        wrapper.translate = _shows(captured)
        yield wrapper.captured()
        wrapper = wrapper.wrapped_in


def _shows(inner: CapturedOperation) -> Translate:
    """Return a translation that shows the input and output of *inner*, not its details."""

    def translate(_: CapturedOperation) -> Content:
        inside = inner.operation()
        asked, answered = shown_io(inside)
        return Content(input=asked, output=answered, metadata=inside.metadata, tags=inside.tags)

    return translate
