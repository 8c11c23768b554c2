"""Memory: finished spans as tests read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...conventions.span import Span
from ...diagnostics.result import CheckResult, Step
from ...otlp.outcome import DELIVERED, Outcome
from ...record.fast_frozen import frozen
from ...record.operation import Kind
from ..destination import Destination, Exporter, ResourceSource
from ..factory import keywords_checked, local_destination

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords


class Status(str):
    """A span's status as text, `UNSET`, `OK` or `ERROR`, with its message.

    Attributes:
        code: OTLP's number.
        message: The status text.
    """

    code: int
    message: str

    def __new__(cls, code: int, message: str) -> Status:
        """Make the text from OTLP's number."""
        status = super().__new__(cls, ("UNSET", "OK", "ERROR")[code])
        status.code = code
        status.message = message
        return status


@frozen(kw_only=True)
class MemoryEvent:
    """An event of a finished span."""

    name: str
    time_ns: int
    attributes: Mapping[str, Any]


@frozen(kw_only=True)
class MemoryLink:
    """A link of a finished span; ids as hex."""

    trace_id: str
    span_id: str
    attributes: Mapping[str, Any]


@frozen(kw_only=True)
class MemorySpan:
    """A finished span as tests read it. Ids are hex; *span_kind* is OTLP's number."""

    name: str
    trace_id: str
    span_id: str
    parent_span_id: str | None
    kind: Kind
    span_kind: int
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Any]
    events: tuple[MemoryEvent, ...]
    links: tuple[MemoryLink, ...]
    status: Status


def memory_span(span: Span) -> MemorySpan:
    """Return *span* in the form that tests read."""
    return MemorySpan(
        name=span.name,
        trace_id=f"{span.trace_id:032x}",
        span_id=f"{span.span_id:016x}",
        parent_span_id=f"{span.parent_span_id:016x}" if span.parent_span_id else None,
        kind=span.operation_kind,
        span_kind=span.kind,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        attributes=dict(span.attributes),
        events=tuple(
            MemoryEvent(name=event.name, time_ns=event.time_ns, attributes=dict(event.attributes))
            for event in span.events
        ),
        links=tuple(
            MemoryLink(
                trace_id=f"{link.trace_id:032x}", span_id=f"{link.span_id:016x}", attributes=dict(link.attributes)
            )
            for link in span.links
        ),
        status=Status(span.status_code, span.status_message),
    )


class MemoryTarget:
    """A list in memory; *waits* let the lanes that fill it finish first.

    Its list is only extended, copied and cleared, each in one step: no lock, which a fork could leave closed.
    """

    def __init__(self) -> None:
        self.spans: list[MemorySpan] = []
        self.waits: list[Callable[[], object]] = []

    def exporter(self, resource: ResourceSource) -> Exporter:
        """Return an exporter that appends to the list."""
        return MemoryExporter(self)

    def describe(self) -> str:
        """Say so."""
        return "memory"

    def check(self, destination: Destination, timeout: float | None) -> CheckResult:
        """Say that there is no connection to test."""
        step = Step(name="here", detail="nothing to connect to")
        return CheckResult(destination=destination.name, where=self.describe(), steps=(step,))


class MemoryExporter:
    """Appends to a MemoryTarget."""

    def __init__(self, target: MemoryTarget) -> None:
        self._target = target

    def encode(self, span: Span) -> MemorySpan:
        """Return the span in the form that tests read."""
        return memory_span(span)

    def export(self, batch: Sequence[Any], timeout: float) -> Outcome:
        """Keep the batch."""
        self._target.spans.extend(batch)
        return DELIVERED

    def close(self) -> None:
        """The list stays for whoever reads it."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class MemoryDestination(Destination):
    """A destination that keeps finished spans, for tests."""

    store: MemoryTarget = field(default_factory=MemoryTarget)

    @property
    def spans(self) -> list[MemorySpan]:
        """The finished spans, in the order in which they ended; what is still on its way is waited for."""
        for wait in list(self.store.waits):
            wait()
        return list(self.store.spans)

    def clear(self) -> None:
        """Forget the spans so far."""
        for wait in list(self.store.waits):
            wait()
        self.store.spans.clear()


@keywords_checked
def memory(**common: Unpack[CommonKeywords]) -> MemoryDestination:
    """Keep finished spans in `.spans`."""
    store = MemoryTarget()
    plain = local_destination("memory", store, "openinference", common)
    settings = {name: getattr(plain, name) for name in Destination.__dataclass_fields__}
    return MemoryDestination(**settings, store=store)
