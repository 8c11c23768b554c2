"""Questions to a Store: lists of traces by filters, one trace, a session, all as plain data (JSON's types)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .content import content_of
from .read import ViewSpan, parent_of
from .store import SCORES_ONLY, Store

MAX_LISTED = 1000
_INT64 = 2**63 - 1  # what SQLite's integers reach to
MAX_SCORES = 100  # of a session, the newest
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which traces are listed; what is None or False does not matter.

    Attributes:
        session, user: Exact ids.
        name, model: A part of the root's name, of a model's; upper and lower case are the same.
        error: Only traces in which something failed.
        since_ns: Only those that began at or after this time (Unix nanoseconds); *before_ns*: before it.
        slower: Only those that took longer, in seconds.
        search: Words that stand in any span.
    """

    session: str | None = None
    user: str | None = None
    name: str | None = None
    model: str | None = None
    error: bool = False
    since_ns: int | None = None
    before_ns: int | None = None
    slower: float | None = None
    search: str | None = None


def list_traces(
    store: Store, filters: Filters, *, limit: int = 50, only: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Return the newest traces first. *only*: ids among which to look, as a search of a file found them."""
    clauses: list[str] = ["kind IS NOT ?"]
    values: list[Any] = [SCORES_ONLY]
    for column, wanted in (("session", filters.session), ("user", filters.user)):
        if wanted is not None:
            clauses.append(f"{column} = ?")
            values.append(wanted)
    for column, part in (("name", filters.name), ("models", filters.model)):
        if part:
            clauses.append(f"{column} LIKE ? ESCAPE '\\'")
            values.append(f"%{_escaped(part)}%")
    if filters.error:
        clauses.append("error IS NOT NULL")
    for clause, number in (
        ("start_ns >= ?", filters.since_ns),
        ("start_ns < ?", filters.before_ns),
        ("end_ns - start_ns > ?", None if filters.slower is None else _nanoseconds(filters.slower)),
    ):
        if number is not None:
            clauses.append(clause)
            values.append(max(-_INT64, min(_INT64, number)))
    if only is not None:
        clauses.append(f"trace_id IN ({','.join('?' * len(only))})")
        values.extend(only)
    elif filters.search:
        clauses.append(
            "trace_id IN (SELECT trace_id FROM spans WHERE id IN (SELECT rowid FROM texts WHERE texts MATCH ? LIMIT 20000))"
        )
        values.append(_match(filters.search))
    query = f"SELECT * FROM traces WHERE {' AND '.join(clauses)} ORDER BY start_ns DESC LIMIT ?"  # noqa: S608
    return [_listed(row) for row in store.rows(query, [*values, max(1, min(limit, MAX_LISTED))])]


def find_trace(store: Store, wanted: str) -> str | None:
    """Return the id of the trace that *wanted* names: an id, the beginning of one, or a number (1 is the newest)."""
    if wanted.isdigit() and len(wanted) < 6:
        query = "SELECT trace_id FROM traces WHERE kind IS NOT ? ORDER BY start_ns DESC LIMIT 1 OFFSET ?"
        rows = store.rows(query, [SCORES_ONLY, int(wanted) - 1])
        if rows and int(wanted) > 0:
            return str(rows[0]["trace_id"])
    rows = store.rows(
        "SELECT trace_id FROM traces WHERE trace_id LIKE ? ESCAPE '\\' ORDER BY start_ns DESC LIMIT 2",
        [_escaped(wanted.lower()) + "%"],
    )
    exact = [row for row in rows if row["trace_id"] == wanted.lower()]
    return str((exact or rows)[0]["trace_id"]) if exact or len(rows) == 1 else None


def trace_data(spans: Sequence[ViewSpan]) -> dict[str, Any]:
    """Return one trace with its spans in the order of time, for the page, `--json` and other programs."""
    return {
        "trace_id": spans[0].trace_id if spans else "",
        "spans": [span_data(span) for span in spans],
    }


def span_data(span: ViewSpan) -> dict[str, Any]:
    """Return a span with its figures, what it shows, and its attributes."""
    return {
        "span_id": span.span_id,
        "parent_span_id": parent_of(span),
        "name": span.name,
        "kind": span.kind,
        "start_ns": span.start_ns,
        "end_ns": span.end_ns,
        "error": span.error,
        "ending": span.ending,
        "input_tokens": span.input_tokens,
        "output_tokens": span.output_tokens,
        "cost": span.cost,
        "first_token": span.first_token,
        "model": span.model,
        "user": span.user,
        "session_id": span.session_id,
        "service": span.service,
        "node": span.attributes.get("graph.node.id") or span.attributes.get("langgraph.node"),
        "content": content_of(span.attributes, span.events),
        "attributes": dict(span.attributes),
        "events": [dict(event) for event in span.events],
        "links": [dict(link) for link in span.links],
    }


def session_data(store: Store, session: str, *, limit: int = 200) -> dict[str, Any]:
    """Return the traces of a session, the oldest first: a conversation."""
    rows = store.rows(
        "SELECT * FROM (SELECT * FROM traces WHERE session = ? ORDER BY start_ns DESC LIMIT ?) ORDER BY start_ns",
        [session, limit],
    )
    traces = [row for row in rows if row["kind"] != SCORES_ONLY]
    alone = [row["trace_id"] for row in rows if row["kind"] == SCORES_ONLY][-MAX_SCORES:]
    found = [content_of(span.attributes, span.events) for trace_id in alone for span in store.spans(trace_id)]
    scores = [score for content in found for score in content.get("scores", ())]
    return {"session_id": session, "traces": [_listed(row) for row in traces], "scores": scores}


def since(text: str, now: datetime) -> int:
    """Return Unix nanoseconds of `15m`, `2h`, `3d` ago, or of an ISO date or time.

    Raises:
        ValueError: When *text* is neither; the sentence says what to give.
    """
    try:
        if found := re.fullmatch(r"(\d{1,9})([smhdw])", text.strip()):
            return int((now - timedelta(seconds=int(found[1]) * _UNITS[found[2]])).timestamp() * 1e9)
        moment = datetime.fromisoformat(text.strip())
        return int((moment if moment.tzinfo else moment.astimezone()).timestamp() * 1e9)
    except (ValueError, OverflowError):  # also a time before the year 1, or after the year 9999
        raise ValueError(f"{text[:80]!r} is no time: give 15m, 2h, 3d, or a date such as 2026-11-28T09:00.") from None


def _nanoseconds(seconds: float) -> int:
    """Return *seconds* in nanoseconds, within 64 bits; what is no number of seconds excludes nothing."""
    return int(max(-_INT64, min(_INT64, seconds * 1e9))) if seconds == seconds else -_INT64


def _listed(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "duration": (row["end_ns"] - row["start_ns"]) / 1e9, "session_id": row.pop("session")}


def _escaped(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)


def _match(text: str) -> str:
    """Return an FTS5 query of plain words, all of which must stand there; the last may be the beginning of one."""
    words = re.findall(r"\w+", text)[:20]
    return " ".join(f'"{word}"' for word in words) + "*" if words else '""'
