"""CapturedOperation: what the recorder hands over when an operation closes. Frozen: nothing writes to it afterwards.

Translating it into the record's Operation is left to a spancast thread: in the callback it would cost the application 2 to 4
times as much.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any, Final

from ..own_threads import is_for_this_thread
from ..record.fast_frozen import frozen, positional
from ..record.json import JSON
from ..record.operation import NOTHING, Detail, Event, Failure, Generation, Kind, Link, Operation
from ..record.prompt import KEYS, prompt_in, without_prompt
from .field_names import without_secret_values
from .fields import TraceFields
from .guard import report_fault

if TYPE_CHECKING:
    from .trace_decision import TraceDecision

SCORES: Final = "scores"  # of snapshots: judgements of the operation while it was open, a tuple of Score

_operation = positional(Operation)


class Content:
    """What an adapter's translation makes of the snapshots of an operation."""

    __slots__ = (
        *("agent", "attributes", "detail", "events", "input", "metadata"),
        *("node", "node_parent", "output", "tags", "workflow"),
    )

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
        node_parent: str | None = None,
        workflow: bool = False,
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
        self.node_parent = node_parent
        self.workflow = workflow


Translate = Callable[["CapturedOperation"], Content]


def no_content(captured: CapturedOperation) -> Content:
    """Translate an operation that has no content of its own."""
    return Content()


@frozen(eq=False)
class CapturedOperation:
    """One closed operation: ids, times, fields, bounded snapshots, and the function that translates them.

    Attributes:
        start_ns, end_ns, first_token_ns: Nanoseconds since the epoch; `first_token_ns` is 0 where nothing was streamed.
        mapping: The framework's metadata or tags, as they were given.
        sampled: A bit mask of the destinations that record it.
        capture: Whether a destination may see content.
        size: About how many bytes the snapshots take.
        decision: What decides whether its trace is kept, where that is still open.
    """

    kind: Kind
    name: str
    given_name: str | None
    trace_id: int
    span_id: int
    parent_span_id: int | None
    parent_is_remote: bool
    start_ns: int
    end_ns: int
    first_token_ns: int
    fields: TraceFields
    mapping: Mapping[str, Any] | None
    snapshots: Mapping[str, Any]
    translate: Translate
    failure: Failure | None
    ending: str | None
    events: tuple[Event, ...]
    links: tuple[Link, ...]
    attributes: Mapping[str, JSON]
    sampled: int
    capture: bool
    size: int
    decision: TraceDecision | None
    _operation: Operation | None = field(default=None, init=False, repr=False)

    def operation(self) -> Operation:
        """Return the Operation; translated at the first call, in the encoder's thread.

        No lock: a process that is forked meanwhile would inherit it locked. Two threads may make two equal ones.
        """
        operation = self._operation
        if operation is None:
            operation = _finished(self)
            object.__setattr__(self, "_operation", operation)
        return operation


captured_operation = positional(CapturedOperation)


def _finished(captured: CapturedOperation) -> Operation:
    attributes = captured.attributes
    try:
        content = captured.translate(captured)
    except BaseException as error:  # a span without content beats no span; the attribute says what happened
        if is_for_this_thread(error):
            raise
        report_fault("translate", error)
        attributes = {**attributes, "spancast.fault": f"translate: {type(error).__name__}"}
        content = Content()
    fields = captured.fields
    metadata = content.metadata
    if fields.metadata:
        metadata = {**fields.metadata, **metadata}
    detail = content.detail
    if metadata and not metadata.keys().isdisjoint(KEYS):
        if isinstance(detail, Generation) and (prompt := prompt_in(metadata)) is not None:
            detail = replace(detail, prompt=prompt)
        metadata = without_prompt(metadata)
    if metadata:
        metadata = without_secret_values(metadata)
    if attributes:
        attributes = without_secret_values(attributes)
    if content.attributes:
        attributes = {**content.attributes, **attributes}
    return _operation(  # in the order of Operation's fields
        captured.kind,
        captured.name,
        captured.given_name,
        captured.trace_id,
        captured.span_id,
        captured.parent_span_id,
        captured.parent_is_remote,
        captured.start_ns,
        max(captured.end_ns, captured.start_ns),
        fields.user,
        fields.session_id,
        metadata,
        content.tags,
        content.input,
        content.output,
        detail,
        content.agent,
        content.node,
        captured.failure,
        captured.ending,
        (*captured.events, *content.events),
        captured.links,
        attributes,
        content.node_parent,
        content.workflow,
        captured.snapshots.get(SCORES, ()),
    )
