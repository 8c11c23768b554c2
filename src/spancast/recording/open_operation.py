"""OpenOperation: an operation between its first and its last event. Only the recorder and one adapter write to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from ..record.operation import CHAIN, NOTHING, Event, Failure, Kind, Link
from .captured import CapturedOperation, Translate, captured_operation, no_content
from .failure import failure_of
from .fields import EMPTY, NO_FIELDS, FieldScope, RawFields, TraceFields
from .sampling import RECORDED

if TYPE_CHECKING:
    from .paused import Pause
    from .trace_decision import TraceDecision


class OperationTable(Protocol):
    """What an operation knows of the recorder in which it is open."""

    retired: bool

    @property
    def open_operations(self) -> int:
        """How many operations are open now."""

    def find(self, key: object) -> OpenOperation | None:
        """Return the open operation of *key*."""

    @property
    def open(self) -> Callable[..., OpenOperation]:
        """Open an operation."""

    @property
    def close(self) -> Callable[..., None]:
        """Close an operation."""


class CurrentPlace(Protocol):
    """What an operation knows of the span that makes it current: a `CurrentSpan`, whose docstring says what these are."""

    operation: OpenOperation | None
    before: Any
    inside: Any
    left: Callable[[], bool] | None


class TraceState:
    """What an operation shares with all operations beneath it. Written once; a child that changes nothing shares it.

    Attributes:
        fields: What the user says about the trace, as it holds here and below.
        raw_fields: The framework's values of the known keys, to tell what a child says anew from what it repeats.
        scope: The `trace` block around the place where it was opened.
        sampled: A bit mask of the destinations that record the trace, and of `COUNTED`.
        recorded: Whether a destination records it: a trace that is only counted looks to the application as if sampled out.
        decision: What the tail sampler knows of the trace; nobody else looks into it.
        recorder: Where its operations are open; None in what stands for no trace.
    """

    __slots__ = ("decision", "fields", "raw_fields", "recorded", "recorder", "sampled", "scope")

    def __init__(
        self,
        fields: TraceFields = EMPTY,
        raw_fields: RawFields = NO_FIELDS,
        scope: FieldScope | None = None,
        sampled: int = 0,
        decision: TraceDecision | None = None,
        recorder: OperationTable | None = None,
    ) -> None:
        self.recorder = recorder
        self.fields = fields
        self.raw_fields = raw_fields
        self.scope = scope
        self.sampled = sampled
        self.recorded = sampled & RECORDED != 0
        self.decision = decision

    def within(self, scope: FieldScope) -> TraceState:
        """Return the same for what lies inside a block that opened an operation."""
        return TraceState(self.fields, self.raw_fields, scope, self.sampled, self.decision, self.recorder)

    def unrecorded(self) -> TraceState:
        """Return the same for what no destination records, whatever they do with the trace around it."""
        return TraceState(self.fields, self.raw_fields, self.scope, 0, None, self.recorder)


NO_TRACE_STATE = TraceState()


class OpenOperation:
    """One open operation, until `captured` hands a frozen copy over.

    Its slots are those of a record: what it is (`kind`, the names), where it lies in the trace (the ids), when it was, whose
    child it is, what it shares with its subtree (`state`), what the adapter captured (`mapping`, `snapshots`, `translate`,
    `size`), how it ended, and what the application put onto it through the current span (`attributes`, `events`, `links`).
    """

    __slots__ = (
        "__weakref__",
        "attributes",
        "capture",
        "children",
        "current",
        "end_ns",
        "ending",
        "events",
        "failure",
        "first_token_ns",
        "given_name",
        "key",
        "kind",
        "links",
        "mapping",
        "name",
        "on_child_closed",
        "on_close",
        "origin",
        "parent",
        "parent_is_remote",
        "parent_span_id",
        "pause",
        "resumes",
        "seen_failure",
        "size",
        "snapshots",
        "span_id",
        "start_ns",
        "state",
        "trace_id",
        "translate",
        "wrapped_in",
    )

    def __init__(
        self,
        kind: Kind,
        name: str,
        start_ns: int,
        trace_id: int,
        span_id: int,
        parent_span_id: int | None = None,
        key: object = None,
        origin: object = None,
        mapping: Mapping[str, Any] | None = None,
        translate: Translate = no_content,
        size: int = 0,
    ) -> None:
        self.kind = kind
        self.name = name
        self.given_name: str | None = None
        self.start_ns = start_ns
        self.end_ns = 0
        self.first_token_ns = 0
        self.trace_id = trace_id
        self.span_id = span_id
        self.parent_span_id = parent_span_id
        self.parent_is_remote = False
        self.key = key
        self.origin = origin
        self.parent: OpenOperation | None = None
        self.children: set[OpenOperation] | None = None
        self.wrapped_in: OpenOperation | None = None
        self.current: CurrentPlace | None = None
        self.state = NO_TRACE_STATE
        self.capture = True  # whether a destination may see content: else none is captured
        self.mapping = mapping
        self.snapshots: dict[str, Any] = {}
        self.translate = translate
        self.size = size
        self.failure: Failure | None = None
        self.seen_failure: tuple[BaseException, Failure] | None = None
        self.ending: str | None = None
        self.resumes: Pause | None = None  # the pause that it answers
        self.pause: Pause | None = None  # of a root: where it, or what is beneath it, pauses
        self.attributes: dict[str, Any] | None = None
        self.events: list[Event] | None = None
        self.links: tuple[Link, ...] = ()
        self.on_close: Callable[[OpenOperation], object] | None = None
        self.on_child_closed: Callable[[CapturedOperation], object] | None = None

    @property
    def fields(self) -> TraceFields:
        """What the user says about the trace, as it holds here and below."""
        return self.state.fields

    @property
    def is_block(self) -> bool:
        """Whether it is a `trace` block of the application: it ends by itself, whatever the runs inside it do."""
        return self.on_child_closed is not None

    @property
    def sampled(self) -> int:
        """A bit mask of the destinations that record it; 0 where nobody wants anything of it, not even to count it."""
        return self.state.sampled

    @property
    def recorded(self) -> bool:
        """Whether a destination records it."""
        return self.state.recorded

    def captured_so_far(self) -> CapturedOperation:
        """Return a frozen copy of an operation that goes on: what is there now, and no more."""
        return replace(self.captured(), snapshots=dict(self.snapshots))

    def captured(self) -> CapturedOperation:
        """Return the frozen copy that is handed over; called once, when the operation has closed."""
        state = self.state
        return captured_operation(  # in the order of CapturedOperation's fields
            self.kind,
            self.name,
            self.given_name,
            self.trace_id,
            self.span_id,
            self.parent_span_id,
            self.parent_is_remote,
            self.start_ns,
            self.end_ns,
            self.first_token_ns,
            state.fields,
            self.mapping,
            self.snapshots,
            self.translate,
            self.failure,
            self.ending,
            tuple(self.events) if self.events else (),
            self.links,
            self.attributes or NOTHING,
            state.sampled,
            self.capture,
            self.size,
            state.decision,
        )


new_operation: Callable[[type[OpenOperation]], OpenOperation] = OpenOperation.__new__
"""Makes an operation without fields, for the place that makes most of them: `OpenOperation.__init__`, called as a function,
takes half of the steps that the class takes to call it."""


def outermost(operation: OpenOperation) -> OpenOperation:
    """Return the last of the chains that stand around *operation* and close with it."""
    while operation.wrapped_in is not None:
        operation = operation.wrapped_in
    return operation


def root_of(operation: OpenOperation) -> OpenOperation:
    """Return the topmost operation above *operation* that is known here; itself where it has no parent."""
    while operation.parent is not None:
        operation = operation.parent
    return operation


def open_beneath(operation: OpenOperation, but: Kind | None = None) -> list[OpenOperation]:
    """Return what is open beneath *operation*, the innermost last; without operations of kind *but* and what is in them.

    Without recursion: tasks nest deeper than calls.
    """
    found = [child for child in list(operation.children or ()) if child.kind is not but]
    for each in found:  # which grows meanwhile
        found.extend([child for child in list(each.children or ()) if child.kind is not but])
    return found


def mark_workflow(operation: OpenOperation) -> None:
    """Mark a chain that no other run of a framework surrounds: the outermost one, or one in a block of the application."""
    if operation.kind is CHAIN and (operation.parent is None or operation.parent.is_block):
        operation.snapshots["workflow"] = True


Place = tuple[Kind, str, int, int, int, "TraceState", bool, object, int]


def place_of(operation: OpenOperation) -> Place:
    """Return an ended operation's place in the tree without its content: ids, and what its subtree shares."""
    return (
        operation.kind,
        operation.name,
        operation.start_ns,
        operation.trace_id,
        operation.span_id,
        operation.state,
        operation.capture,
        operation.origin,
        operation.end_ns or 1,
    )


def placed(place: Place) -> OpenOperation:
    """Return what stands for the operation at *place*, as a parent."""
    kind, name, start_ns, trace_id, span_id, state, capture, origin, end_ns = place
    found = OpenOperation(kind, name, start_ns, trace_id, span_id)
    found.state, found.capture, found.origin, found.end_ns = state, capture, origin, end_ns
    return found


def placeholder(operation: OpenOperation) -> OpenOperation:
    """Return what stands for an ended operation, as a parent of what starts late."""
    return placed(place_of(operation))


def join_parent(operation: OpenOperation, parent: OpenOperation) -> None:
    """Put an operation beneath its parent. One that has ended gave its place in the tree, no more."""
    if not parent.end_ns:
        operation.parent = parent
        if parent.children is None:
            parent.children = set()
        parent.children.add(operation)


def leave_parent(operation: OpenOperation) -> None:
    """Take a closing operation from its parent: a closed one must not keep its ancestors alive."""
    parent = operation.parent
    operation.parent = None
    if parent is not None and parent.children is not None:
        parent.children.discard(operation)


def note_ending(operation: OpenOperation, error: BaseException | None, ending: str | None) -> None:
    """Note with which exception, or how otherwise, *operation* ends."""
    if error is not None:
        note_failure(operation, error)
    if ending and not operation.ending:
        operation.ending = ending


def note_failure(operation: OpenOperation, error: BaseException) -> None:
    """Note the exception with which *operation* ends; the parent need not read it again, if it passes there as well."""
    seen = operation.seen_failure
    if seen is not None and seen[0] is error:
        operation.failure = seen[1]  # the child that raised it already read it: 100 us saved on each level
    else:
        operation.failure = failure_of(error, content=operation.capture)
    parent = operation.parent
    if parent is not None and not parent.end_ns:
        parent.seen_failure = (error, operation.failure)
