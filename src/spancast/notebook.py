"""`spancast.show()`: the last trace of the pipeline in use, as a tree in a script and as the page in a notebook."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from .destinations.destination import Destination
from .destinations.targets.file import FileTarget
from .destinations.targets.memory import MemorySpan, MemoryTarget
from .runtime.default import flush, in_use
from .view.notebook import ShownTrace, trace_in_file
from .view.read import ViewSpan, is_score, view_span

_FLUSH_TIMEOUT = 5.0  # seconds for spans that are still on their way


def show(trace_id: str | None = None, *, file: str | Path | None = None) -> ShownTrace | None:
    """Show a trace: its tree in a script, the page in a notebook. None, with a sentence, where there is none.

    In a notebook and an interactive shell the result shows itself, where it is the last expression.

    Args:
        trace_id: Its id or the beginning of one; else the newest trace.
        file: A file of OTLP JSON lines; else what the pipeline in use writes to a file or keeps in memory.
    """
    spans: list[ViewSpan] = []
    if file is not None:
        spans = trace_in_file(Path(file), trace_id)
    else:
        flush(_FLUSH_TIMEOUT)
        for destination in in_use().destinations:
            spans = spans or _spans_of(destination, trace_id)
    if not spans:
        print(_nothing(trace_id))  # noqa: T201  (an answer to who typed this in a notebook or a shell)
        return None
    shown = ShownTrace(spans)
    if not _shows_results():
        print(shown)  # noqa: T201  (who calls this in a script wants to see it)
    return shown


def _shows_results() -> bool:
    """Return whether what an expression returns is shown: in a notebook, IPython or Python's own shell."""
    running = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return hasattr(sys, "ps1") or (running is not None and running() is not None)


def _nothing(trace_id: str | None) -> str:
    what = f"no trace {trace_id!r}" if trace_id else "no trace yet"
    return f"spancast: {what} in a file or in memory. Add destinations.file() or destinations.memory() to configure()."


def _spans_of(destination: Destination, trace_id: str | None) -> list[ViewSpan]:
    target = destination.target
    if isinstance(target, FileTarget):
        return trace_in_file(target.path, trace_id)
    if not isinstance(target, MemoryTarget) or not target.spans:
        return []
    kept = list(target.spans)
    if trace_id:
        matching = [span for span in kept if span.trace_id.startswith(trace_id.lower())]
    else:  # a score may come days later, and that of a session is no trace
        matching = [next((span for span in reversed(kept) if not is_score(span_of_memory(span))), kept[-1])]
    wanted = matching[-1].trace_id if matching else None
    return [span_of_memory(span) for span in kept if span.trace_id == wanted]


def span_of_memory(span: MemorySpan) -> ViewSpan:
    """Return a span of a memory destination as the reading side has it."""
    written: dict[str, Any] = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "parentSpanId": span.parent_span_id,
        "name": span.name,
        "startTimeUnixNano": span.start_ns,
        "endTimeUnixNano": span.end_ns,
        "status": {"code": span.status.code, "message": span.status.message},
        "read_events": tuple(
            {"name": event.name, "time_ns": event.time_ns, "attributes": dict(event.attributes)}
            for event in span.events
        ),
        "read_links": tuple(
            {"trace_id": link.trace_id, "span_id": link.span_id, "attributes": dict(link.attributes)}
            for link in span.links
        ),
    }
    return view_span(written, dict(span.attributes))
