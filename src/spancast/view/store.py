"""Store: spans in one SQLite file, with a row a trace that is kept up to date, and a full-text index.

Two uses share it. `spancast serve` keeps whole spans, bounded in bytes and age. For `spancast view` it is the index beside a
file of OTLP JSON lines: then a span's row holds the offset of its line, and the line is read from the file when it is shown.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from .content import question_and_answer_of
from .read import ViewSpan, read_line

MAX_BYTES = 1024 * 1024 * 1024  # of a server's database; the oldest traces go first
_SEARCH_CHARS = 20_000  # characters of a span that the full-text index holds
_PREVIEW_CHARS = 400
_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE spans (
  id INTEGER PRIMARY KEY, trace_id TEXT NOT NULL, span_id TEXT NOT NULL, parent TEXT, name TEXT, kind TEXT,
  start_ns INTEGER, end_ns INTEGER, error TEXT, input_tokens INTEGER, output_tokens INTEGER, cost REAL, model TEXT,
  user TEXT, session TEXT, service TEXT, input TEXT, output TEXT, data BLOB, line_offset INTEGER,
  UNIQUE (trace_id, span_id));
CREATE TABLE traces (
  trace_id TEXT PRIMARY KEY, start_ns INTEGER, end_ns INTEGER, name TEXT, kind TEXT, error TEXT, spans INTEGER,
  input_tokens INTEGER, output_tokens INTEGER, cost REAL, models TEXT, user TEXT, session TEXT, service TEXT,
  input TEXT, output TEXT, received REAL);
CREATE INDEX traces_start ON traces (start_ns);
CREATE INDEX traces_session ON traces (session);
CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT);
CREATE VIRTUAL TABLE texts USING fts5 (text, tokenize = 'unicode61');
"""
_INT64 = 2**63 - 1
SCORES_ONLY = (
    "SCORES"  # the kind of a trace of which nothing but scores is here, as that of a session's: no list has it
)


class Store:
    """One SQLite file of spans.

    State: the connection, used by one thread at a time under `_lock`; every method takes it, none calls another that does.
    """

    def __init__(self, path: Path | None, *, max_bytes: int = MAX_BYTES, source: Path | None = None) -> None:
        """Open or make the database at *path* (None: in memory); *source*: the file whose lines it indexes."""
        self._lock = threading.Lock()
        self._source = source
        self._max_bytes = max_bytes
        self._connection = _opened(path)

    # ------------------------------------------------------------------ writing
    def add(self, spans: Sequence[ViewSpan]) -> list[str]:
        """Store *spans*; one that is there already is replaced. Returns the ids of the traces they belong to."""
        return self._add([(None, spans)])

    def add_lines(self, lines: Sequence[tuple[int, Sequence[ViewSpan]]]) -> list[str]:
        """Store where spans are: each line's offset in the file that is indexed, and the spans on it."""
        return self._add(lines)

    def _add(self, groups: Sequence[tuple[int | None, Sequence[ViewSpan]]]) -> list[str]:
        """Store spans in one transaction, and write the row of each of their traces once: many lines cost less together."""
        trace_ids: dict[str, None] = {}
        parents = {span.span_id: span.parent_span_id for _, spans in groups for span in spans}
        with self._lock, self._connection:
            for line_offset, spans in groups:
                for span in spans:
                    self._insert(span, line_offset, previewed=_may_be_near_the_root(span, parents))
                    trace_ids[span.trace_id] = None
            for trace_id in trace_ids:
                self._summarise(trace_id)
        return list(trace_ids)

    def _insert(self, span: ViewSpan, line_offset: int | None, *, previewed: bool) -> None:
        """Write a span; called with `_lock` held."""
        is_whole = line_offset is None
        row = (
            *(span.trace_id, span.span_id, span.parent_span_id, span.name, span.kind),
            *(_bounded(span.start_ns), _bounded(span.end_ns), span.error),
            *(_bounded(span.input_tokens), _bounded(span.output_tokens), span.cost, span.model),
            *(span.user, span.session_id, span.service, *(previews(span) if previewed else (None, None))),
            _packed(span) if is_whole else None,
            line_offset,
        )
        execute = self._connection.execute
        written = execute(_INSERT_SPAN, row)
        if not written.rowcount:  # it is there already
            ids = (span.trace_id, span.span_id)
            execute("DELETE FROM texts WHERE rowid IN (SELECT id FROM spans WHERE trace_id = ? AND span_id = ?)", ids)
            execute("DELETE FROM spans WHERE trace_id = ? AND span_id = ?", ids)
            written = execute(_INSERT_SPAN, row)
        if is_whole:
            execute("INSERT INTO texts (rowid, text) VALUES (?, ?)", (written.lastrowid, _searchable(span)))

    def _summarise(self, trace_id: str) -> None:
        """Write the row of a trace anew from its spans; called with `_lock` held."""
        rows = self._connection.execute(_TRACE_SUMMARY, (trace_id,)).fetchall()
        if not rows:
            self._connection.execute("DELETE FROM traces WHERE trace_id = ?", (trace_id,))
            return
        known = {row["span_id"] for row in rows}
        counting = {row["span_id"] for row in rows if row["kind"] == "LLM" and row["input_tokens"] is not None}
        # a score comes when it comes, maybe days later: the trace is what was before it
        timed = [row for row in rows if not _is_score(row)]
        kind = None if timed else SCORES_ONLY
        timed = timed or rows
        root = next((row for row in timed if row["parent"] not in known), timed[0])
        counted = [row for row in rows if row["kind"] != "LLM" or row["parent"] not in counting]
        costs = [row["cost"] for row in counted if row["cost"] is not None]
        failed = root["error"] or next((row["error"] for row in rows if row["error"]), None)
        near = [root, *[row for row in rows if row["parent"] == root["span_id"]][:5]]
        self._connection.execute(
            _INSERT_TRACE,
            (
                *(trace_id, min(row["start_ns"] for row in timed), max(row["end_ns"] for row in timed)),
                *(root["name"], kind or root["kind"], failed, len(rows)),
                *(sum(row["input_tokens"] or 0 for row in counted), sum(row["output_tokens"] or 0 for row in counted)),
                sum(costs) if costs else None,
                ", ".join(dict.fromkeys(row["model"] for row in rows if row["model"]))[:300] or None,
                *(_any(rows, "user"), _any(rows, "session"), _any(rows, "service")),
                *(_any(near, "input"), _any(near, "output"), time.time()),
            ),
        )

    def prune(self, *, max_age: float | None = None) -> int:
        """Delete the oldest traces while the database is larger than its bound, or older than *max_age* seconds."""
        removed = 0
        with self._lock, self._connection:
            if max_age is not None:
                oldest = time.time() - max_age
                removed += self._delete("SELECT trace_id FROM traces WHERE received < ?", (oldest,))
            while self._used() > self._max_bytes:
                some = self._connection.execute("SELECT max(1, count(*) / 20) FROM traces").fetchone()[0]
                count = self._delete("SELECT trace_id FROM traces ORDER BY start_ns LIMIT ?", (some,))
                removed += count
                if not count:
                    break
        return removed

    def _delete(self, query: str, values: tuple[Any, ...]) -> int:
        found = [row[0] for row in self._connection.execute(query, values)]
        for trace_id in found:
            self._connection.execute(
                "DELETE FROM texts WHERE rowid IN (SELECT id FROM spans WHERE trace_id = ?)", (trace_id,)
            )
            self._connection.execute("DELETE FROM spans WHERE trace_id = ?", (trace_id,))
            self._connection.execute("DELETE FROM traces WHERE trace_id = ?", (trace_id,))
        return len(found)

    def _used(self) -> int:
        """Return the bytes in use; pages that were freed are used again before the file grows."""
        pages, free, size = (
            self._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    # ------------------------------------------------------------------ reading
    def rows(self, query: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Return what a SELECT finds."""
        with self._lock:
            return [dict(row) for row in self._connection.execute(query, tuple(values))]

    def spans(self, trace_id: str) -> list[ViewSpan]:
        """Return the whole spans of a trace, the oldest first."""
        with self._lock:
            rows = self._connection.execute(_TRACE_SPANS, (trace_id,)).fetchall()
        stored = [_unpacked(row) for row in rows if row["data"] is not None]
        offsets = sorted({row["line_offset"] for row in rows if row["data"] is None})
        return sorted([*stored, *self._from_lines(trace_id, offsets)], key=lambda span: (span.start_ns, -span.end_ns))

    def _from_lines(self, trace_id: str, offsets: Iterable[int]) -> Iterator[ViewSpan]:
        if self._source is None:
            return
        once: dict[str, ViewSpan] = {}
        with self._source.open("rb") as file:
            for offset in offsets:
                file.seek(offset)
                for span in read_line(file.readline()):
                    if span.trace_id == trace_id:
                        once[span.span_id] = span
        yield from once.values()

    def get_state(self, key: str) -> str | None:
        """Return what `set_state` kept."""
        rows = self.rows("SELECT value FROM state WHERE key = ?", (key,))
        return rows[0]["value"] if rows else None

    def set_state(self, key: str, value: str) -> None:
        """Keep a value of the store's user beside the spans."""
        with self._lock, self._connection:
            self._connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (key, value))

    def clear(self) -> None:
        """Delete every span."""
        with self._lock, self._connection:
            for table in ("spans", "traces", "state", "texts"):
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608  (names of our own)

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        with self._lock:
            self._connection.close()

    def __del__(self) -> None:
        """Close a store that nobody needs any more: `view` ends with its command, and Python warns of an open database."""
        connection = getattr(self, "_connection", None)  # missing where the file could not be opened
        if connection is not None:
            connection.close()


_COLUMNS = (
    "trace_id, span_id, parent, name, kind, start_ns, end_ns, error, input_tokens, output_tokens, cost, model, user, "
    "session, service, input, output, data, line_offset"
)
_INSERT_SPAN = f"INSERT OR IGNORE INTO spans ({_COLUMNS}) VALUES ({','.join('?' * 19)})"  # noqa: S608  (names of our own)


def _is_score(row: Mapping[str, Any]) -> bool:
    return row["kind"] == "EVALUATOR" and not row["parent"] and row["start_ns"] == row["end_ns"]


_INSERT_TRACE = f"INSERT OR REPLACE INTO traces VALUES ({','.join('?' * 17)})"  # noqa: S608
_TRACE_SUMMARY = (
    "SELECT span_id, parent, name, kind, start_ns, end_ns, error, input_tokens, output_tokens, cost, model, user, session, "
    "service, input, output FROM spans WHERE trace_id = ? ORDER BY start_ns, end_ns DESC, id LIMIT 50000"
)
_TRACE_SPANS = "SELECT * FROM spans WHERE trace_id = ? ORDER BY start_ns, end_ns DESC, id LIMIT 50000"


def _opened(path: Path | None) -> sqlite3.Connection:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # prompts may be inside: made with the owner's rights only, before SQLite opens it
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600))
    connection = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level="DEFERRED")
    try:
        _prepare(connection)
    except sqlite3.Error:  # a file that is no database of this form
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != _SCHEMA_VERSION:
        with connection:
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('spans', 'traces', 'state', 'texts')"
            ).fetchall():
                connection.execute(f"DROP TABLE {name}")
        connection.executescript(_SCHEMA)
        connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")


def _bounded(number: Any) -> int | None:
    return None if number is None else max(-_INT64, min(_INT64, int(number)))


def _packed(span: ViewSpan) -> bytes:
    whole = {"attributes": span.attributes, "events": span.events, "links": span.links, "first_token": span.first_token}
    return orjson.dumps({**whole, "ending": span.ending}, default=str, option=orjson.OPT_NON_STR_KEYS)


def _unpacked(row: sqlite3.Row) -> ViewSpan:
    data = orjson.loads(row["data"])
    return ViewSpan(
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        parent_span_id=row["parent"],
        name=row["name"] or "",
        kind=row["kind"],
        start_ns=row["start_ns"],
        end_ns=row["end_ns"],
        attributes=data["attributes"],
        error=row["error"],
        ending=data["ending"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        cost=row["cost"],
        first_token=data["first_token"],
        model=row["model"],
        user=row["user"],
        session_id=row["session"],
        service=row["service"],
        events=tuple(data["events"]),
        links=tuple(data["links"]),
    )


def _searchable(span: ViewSpan) -> str:
    parts = [span.name, span.error or ""]
    left = _SEARCH_CHARS
    for value in span.attributes.values():
        if isinstance(value, str) and left > 0:
            parts.append(value[:left])
            left -= len(value)
    return " ".join(parts)


def _any(rows: Sequence[sqlite3.Row], name: str) -> str | None:
    return next((row[name] for row in rows if row[name]), None)


def _may_be_near_the_root(span: ViewSpan, parents: Mapping[str, str | None]) -> bool:
    """Return whether a trace's row may show what *span* has: not when its parent's parent is there as well."""
    parent = span.parent_span_id
    return parent is None or parents.get(parents.get(parent) or "", "") == ""


def previews(span: ViewSpan) -> tuple[str | None, str | None]:
    """Return the question and the answer that a span shows, cut to what a list has room for."""
    content = question_and_answer_of(span.attributes)
    return (
        _preview_of(content.get("input_messages"), content.get("input", content.get("query")), "user"),
        _preview_of(content.get("output_messages"), content.get("output"), "assistant"),
    )


def _preview_of(messages: Any, whole: Any, role: str) -> str | None:
    """Return a short text: of messages, the last of that role; else the value itself, a single text in it alone."""
    if isinstance(messages, list) and messages:
        wanted = [message for message in messages if message.get("role") == role] or messages
        texts = [part.get("text") for part in wanted[-1].get("parts", ()) if part.get("type") == "text"]
        text = " ".join(each for each in texts if each)
        if text:
            return text[:_PREVIEW_CHARS]
    if whole is None:
        return None
    if isinstance(whole, dict):
        if len(whole) == 1:
            whole = next(iter(whole.values()))
    text = whole if isinstance(whole, str) else orjson.dumps(whole, default=str).decode("utf-8", "replace")
    return text[:_PREVIEW_CHARS] or None
