"""Traces as one self-contained HTML file: the page with its data inside, to attach to an issue or to keep from a test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..private_files import atomic_write
from .page import page_with
from .query import Filters, list_traces, session_data, trace_data
from .read import ViewSpan
from .store import Store


def page_of(traces: Sequence[Sequence[ViewSpan]], *, diff: dict[str, Any] | None = None) -> str:
    """Return a page that shows *traces*; with *diff*, what differs between the first two."""
    store = Store(None)
    for spans in traces:
        store.add(spans)
    rows = list_traces(store, Filters(), limit=1000)
    sessions = dict.fromkeys(row["session_id"] for row in rows if row["session_id"])
    scores = {session: session_data(store, session)["scores"] for session in sessions}
    data: dict[str, Any] = {
        "traces": rows,
        "session_scores": {session: found for session, found in scores.items() if found},
        "details": {spans[0].trace_id: trace_data(spans) for spans in traces if spans},
    }
    store.close()
    if diff is not None:
        data["diff"] = {**diff, "a": traces[0][0].trace_id, "b": traces[1][0].trace_id}
    return page_with(data)


def write_page(path: Path, traces: Sequence[Sequence[ViewSpan]], *, diff: dict[str, Any] | None = None) -> None:
    """Write `page_of` to *path*, readable by its owner only: prompts are inside.

    Raises:
        OSError: When it cannot be written.
    """
    text = page_of(traces, diff=diff).encode("utf-8", "replace")
    if path.is_file() or not path.exists():
        atomic_write(path.resolve(), text)  # a file that is there, and readable by others, does not pass its mode on
    else:
        path.write_bytes(text)  # a device, such as /dev/stdout
