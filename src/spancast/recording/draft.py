"""Draft: an operation between its first and its last event, and until a lane's thread has translated it.

Two callbacks fill a draft with ids, times and snapshots; the Operation is made of it later, in the thread of the first
lane that needs it, once for all lanes. Translating in the callback instead costs the application 2 to 4 times as much
(ARCHITECTURE.md, "what the callback does").
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any

from ..record.json import JSON
from ..record.operation import NOTHING, Detail, Event, Failure, Kind, Link, Operation
from ..record.quick import in_order
from .fields import EMPTY, UNSAID, FieldScope, Said, TraceFields

if TYPE_CHECKING:
    from .current import CurrentSpan
    from .paused import Pause
    from .sampling import Tree


_operation = in_order(Operation)


class Content:
    """What an adapter's translation makes of a draft's snapshots."""

    __slots__ = ("agent", "attributes", "detail", "events", "input", "metadata", "node", "output", "tags")

    def __init__(
        self,
        input: JSON = None,
        output: JSON = None,
        detail: Detail = None,
        metadata: Mapping[str, JSON] = NOTHING,
        tags: tuple[str, ...] = (),
        events: tuple[Event, ...] = (),
        agent: str | None = None,
        node: str | None = None,
        attributes: Mapping[str, JSON] = NOTHING,
    ) -> None:
        self.input = input
        self.output = output
        self.detail = detail
        self.metadata = metadata
        self.tags = tags
        self.events = events
        self.agent = agent
        self.node = node
        self.attributes = attributes


Translate = Callable[["Draft"], Content]


def nothing(draft: Draft) -> Content:
    """Translate a draft that has no content of its own."""
    return Content()


class Draft:
    """One open or just closed operation. Filled by the recorder and one adapter, read by the lanes."""

    __slots__ = (
        "__weakref__",
        "_operation",
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
        "made",
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
        self.parent: Draft | None = None
        self.children: set[Draft] | None = None
        self.wrapped_in: Draft | None = None
        self.origin: object = None
        self.fields: TraceFields = EMPTY
        self.said: Said = UNSAID
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
        self.translate: Translate = nothing
        self.current: CurrentSpan | None = None
        self.on_close: Callable[[Draft], object] | None = None
        self.resumes: Pause | None = None
        self.tree: Tree | None = None
        self.before: Any = None  # OpenTelemetry's contexts around it and with it as the current span
        self.inside: Any = None
        self.made: dict[Hashable, Any] | None = None  # what lanes of the same form have made of it
        self._operation: Operation | None = None

    def operation(self) -> Operation:
        """Return the finished Operation; made at the first call. Two threads at once make two equal ones: harmless."""
        operation = self._operation
        if operation is None:
            operation = self._operation = self._finish()
            self.snapshots = {}
        return operation

    def _finish(self) -> Operation:
        content = self._translated()
        fields = self.fields
        metadata, attributes = content.metadata, content.attributes
        if fields.metadata:
            metadata = {**fields.metadata, **metadata}
        if self.attributes:
            attributes = {**attributes, **self.attributes}
        return _operation(  # in the order of Operation's fields
            self.kind,
            self.name,
            self.given_name,
            self.trace_id,
            self.span_id,
            self.parent_span_id,
            self.parent_is_remote,
            self.start_ns,
            max(self.end_ns, self.start_ns),
            fields.user,
            fields.session_id,
            metadata,
            content.tags,
            content.input,
            content.output,
            content.detail,
            content.agent,
            content.node,
            self.failure,
            self.ending,
            (*self.events, *content.events) if self.events else content.events,
            self.links,
            attributes,
        )

    def _translated(self) -> Content:
        try:
            return self.translate(self)
        except Exception as error:  # a span without content beats no span; the attribute says what happened
            from .guard import report_fault

            report_fault("translate", error)
            self.attributes = {**(self.attributes or {}), "spancast.fault": f"translate: {type(error).__name__}"}
            return Content()
