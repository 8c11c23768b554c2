"""OpenOperation: an operation between its first and its last event. Only the recorder and one adapter write to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..record.operation import NOTHING, Event, Failure, Kind, Link
from .captured import CapturedOperation, Translate, captured_operation, no_content
from .fields import EMPTY, NO_FIELDS, FieldScope, RawFields, TraceFields

if TYPE_CHECKING:
    from .current import CurrentSpan
    from .paused import Pause
    from .sampling import TraceDecision


class OpenOperation:
    """One open operation: ids, times and snapshots, until `captured` hands a frozen copy over."""

    __slots__ = (
        "__weakref__",
        "attributes",
        "before",
        "capture",
        "children",
        "current",
        "end_ns",
        "ending",
        "events",
        "failure",
        "fields",
        "first_token_ns",
        "given_name",
        "inside",
        "key",
        "kind",
        "links",
        "mapping",
        "name",
        "on_close",
        "origin",
        "parent",
        "parent_is_remote",
        "parent_span_id",
        "resumes",
        "said",
        "sampled",
        "scope",
        "seen_failure",
        "size",
        "snapshots",
        "span_id",
        "start_ns",
        "trace_id",
        "translate",
        "tree",
        "wrapped_in",
    )

    def __init__(self, kind: Kind, name: str, start_ns: int, trace_id: int, span_id: int) -> None:
        self.kind = kind
        self.name = name
        self.start_ns = start_ns
        self.trace_id = trace_id
        self.span_id = span_id
        self.parent_span_id: int | None = None
        self.parent_is_remote = False
        self.end_ns = 0
        self.given_name: str | None = None
        self.key: object = None
        self.parent: OpenOperation | None = None
        self.children: set[OpenOperation] | None = None
        self.wrapped_in: OpenOperation | None = None
        self.origin: object = None
        self.fields: TraceFields = EMPTY
        self.said: RawFields = NO_FIELDS
        self.scope: FieldScope | None = None
        self.mapping: Mapping[str, Any] | None = None
        self.sampled = 0
        self.capture = True
        self.first_token_ns = 0
        self.size = 0
        self.failure: Failure | None = None
        self.seen_failure: tuple[BaseException, Failure] | None = None
        self.ending: str | None = None
        self.events: list[Event] | None = None
        self.links: tuple[Link, ...] = ()
        self.attributes: dict[str, Any] | None = None
        self.snapshots: dict[str, Any] = {}
        self.translate: Translate = no_content
        self.current: CurrentSpan | None = None
        self.on_close: Callable[[OpenOperation], object] | None = None
        self.resumes: Pause | None = None
        self.tree: TraceDecision | None = None
        self.before: Any = None  # OpenTelemetry's contexts around it and with it as the current span
        self.inside: Any = None

    def captured(self) -> CapturedOperation:
        """Return the frozen copy that is handed over; called once, when the operation has closed."""
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
            self.fields,
            self.mapping,
            self.snapshots,
            self.translate,
            self.failure,
            self.ending,
            tuple(self.events) if self.events else (),
            self.links,
            self.attributes or NOTHING,
            self.sampled,
            self.capture,
            self.size,
            self.tree,
        )
