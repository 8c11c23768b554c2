"""Destinations on this machine: a file of OTLP JSON lines, the console, and memory for tests."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from typing_extensions import Unpack

from .. import _version
from ..conventions.span import Span
from ..otlp import json
from ..otlp.outcome import DELIVERED, Outcome, Verdict
from ..record.operation import Kind
from . import validation
from .destination import (
    CommonKeywords,
    Destination,
    Exporter,
    ResourceSource,
    assembled,
    checked,
)

DEFAULT_FILE = ".spancast/traces.jsonl"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")  # and what turns the direction


# ---------------------------------------------------------------- file
class FileExporter:
    """Appends one line a batch: a whole OTLP `TracesData` object (the OpenTelemetry file exporter's form)."""

    def __init__(self, path: Path, resource: ResourceSource) -> None:
        self._path = path
        self._resource = resource
        self._torn = False
        self.encode: Callable[[Span], bytes] = json.encode_span

    def export(self, batch: Sequence[Any], timeout: float) -> Outcome:
        """Append the batch; a full disk or a missing right is tried again later."""
        line = json.encode_request(self._resource(), "spancast", _version.VERSION, batch) + b"\n"
        try:
            self._append(line)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            return Outcome(verdict=Verdict.RETRY, reason="file", message=f"cannot write {self._path}: {reason}")
        return DELIVERED

    def _append(self, line: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # One write of a whole line in append mode: several processes may share the file. 0600: prompts may be inside.
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            # What a full disk cut short ends here, or the whole line would be unreadable with it.
            view = memoryview(b"\n" + line if self._torn else line)
            while view:
                view = view[os.write(handle, view) :]
                self._torn = bool(view)
        finally:
            os.close(handle)

    def close(self) -> None:
        """Nothing stays open between batches."""


@dataclass(frozen=True, slots=True)
class FileTarget:
    """A file of OTLP JSON lines."""

    path: Path

    def exporter(self, resource: ResourceSource) -> Exporter:
        """Return an exporter that appends to the file."""
        return FileExporter(self.path, resource)

    def describe(self) -> str:
        """Return the path."""
        return str(self.path)


def file(path: str | os.PathLike[str] = DEFAULT_FILE, **common: Unpack[CommonKeywords]) -> Destination:
    """Write OTLP JSON lines to *path*, for `spancast view` and every reader of that format.

    Raises:
        SettingsError: When *path* is no path or names a folder.
    """
    if not isinstance(path, (str, os.PathLike)) or not str(path):
        raise validation.SettingsError(f"path is {path!r}: give a file name such as {DEFAULT_FILE!r}.")
    target = Path(path).expanduser().absolute()
    if target.is_dir():
        raise validation.SettingsError(f"path={str(path)!r} is a folder: name a file in it, such as traces.jsonl.")
    return local_destination("file", FileTarget(target), "gen_ai", common)


# ---------------------------------------------------------------- console
class ConsoleExporter:
    """Prints one line a span."""

    def __init__(self, out: TextIO | None) -> None:
        self._out = out

    def encode(self, span: Span) -> Span:
        """Keep the span as it is."""
        return span

    def export(self, batch: Sequence[Any], timeout: float) -> Outcome:
        """Print the batch; a closed console is no reason to try again."""
        out = self._out or sys.stderr
        try:
            out.write("".join(line_of(span) + "\n" for span in batch))
            out.flush()
        except (OSError, ValueError) as error:
            return Outcome(verdict=Verdict.REFUSED, reason="console", message=f"cannot print: {type(error).__name__}")
        return DELIVERED

    def close(self) -> None:
        """The console is not ours to close."""


def line_of(span: Span) -> str:
    """Return one span as one line: trace, kind, name, duration, status."""
    seconds = (span.end_ns - span.start_ns) / 1e9
    status = ("", " ok", " ERROR")[span.status_code]
    text = f" {span.status_message}" if span.status_message else ""
    where = f"{span.trace_id:032x}"[:8]
    line = f"[{where}] {span.operation_kind.value:<9} {span.name}  {seconds:.3f} s{status}{text}"
    return _CONTROL.sub(" ", line)  # texts come from anywhere, and escape sequences act on the terminal


@dataclass(frozen=True, slots=True)
class ConsoleTarget:
    """The console: standard error, unless another stream was given."""

    out: TextIO | None = None

    def exporter(self, resource: ResourceSource) -> Exporter:
        """Return an exporter that prints."""
        return ConsoleExporter(self.out)

    def describe(self) -> str:
        """Say so."""
        return "console"


def console(out: TextIO | None = None, **common: Unpack[CommonKeywords]) -> Destination:
    """Print one line a span, to standard error or to *out*."""
    return local_destination("console", ConsoleTarget(out), "gen_ai", common)


# ---------------------------------------------------------------- memory
class Status(str):
    """A span's status as text, `UNSET`, `OK` or `ERROR`, with what was said of it.

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


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryEvent:
    """An event of a finished span."""

    name: str
    time_ns: int
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLink:
    """A link of a finished span; ids as hex."""

    trace_id: str
    span_id: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
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
        self.held: list[MemorySpan] = []
        self.waits: list[Callable[[], object]] = []

    def exporter(self, resource: ResourceSource) -> Exporter:
        """Return an exporter that appends to the list."""
        return MemoryExporter(self)

    def describe(self) -> str:
        """Say so."""
        return "memory"


class MemoryExporter:
    """Appends to a MemoryTarget."""

    def __init__(self, target: MemoryTarget) -> None:
        self._target = target

    def encode(self, span: Span) -> MemorySpan:
        """Return the span in the form that tests read."""
        return memory_span(span)

    def export(self, batch: Sequence[Any], timeout: float) -> Outcome:
        """Keep the batch."""
        self._target.held.extend(batch)
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
        return list(self.store.held)

    def clear(self) -> None:
        """Forget the spans so far."""
        for wait in list(self.store.waits):
            wait()
        self.store.held.clear()


def memory(**common: Unpack[CommonKeywords]) -> MemoryDestination:
    """Keep finished spans in `.spans`."""
    store = MemoryTarget()
    plain = local_destination("memory", store, "openinference", common)
    settings = {name: getattr(plain, name) for name in Destination.__dataclass_fields__}
    return MemoryDestination(**settings, store=store)


def local_destination(preset: str, target: Any, convention: str, common: Mapping[str, Any]) -> Destination:
    """Return a checked destination that is no HTTP receiver."""
    return assembled(checked(preset, common), target, convention)
