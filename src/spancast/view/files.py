"""Opens a file of OTLP JSON lines for questions: an index beside it, brought up to date, and a search through its lines."""

from __future__ import annotations

import hashlib
import mmap
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

from ..private_files import has_foreign_owner
from .read import ViewSpan, read_line
from .store import Store

_HEAD_BYTES = 4096  # of the file's beginning, by which another file under the same name is noticed
_MAX_LINE = 256 * 1024 * 1024  # bytes of a line; a longer one is passed over
_BATCH = 2000  # spans that are written in one transaction
_MAX_FOUND = 2000  # traces that a search returns

Progress = Callable[[int, int], object]
"""Called with the bytes that were read and the bytes there are."""


def open_file(path: Path, *, progress: Progress | None = None) -> Store:
    """Return a store of the traces in *path*; the lines that were appended since the last time are read.

    The index lies beside the file (`traces.jsonl.index`), or in memory where the folder cannot be written. It is made anew
    when the file has become shorter or begins otherwise.

    Raises:
        OSError: When the file cannot be read.
    """
    store = _index_of(path)
    try:
        update(store, path, progress=progress)
    except sqlite3.Error:  # an index that was damaged, or that something else wrote
        store.close()
        store = Store(None, source=path)
        update(store, path, progress=progress)
    return store


def update(store: Store, path: Path, *, progress: Progress | None = None) -> None:
    """Bring the index of *path* up to date.

    Raises:
        OSError: When the file cannot be read.
    """
    with path.open("rb") as file:
        head = hashlib.sha256(file.read(_HEAD_BYTES)).hexdigest()
    size = path.stat().st_size
    read = int(store.get_state("read") or 0)
    known = store.get_state("head")
    is_other = known is not None and known != head and read >= _HEAD_BYTES
    if read > size or is_other or (known is None and read):
        store.clear()
        read = 0
    if read < size:
        read = _append(store, path, read, size, progress)
        store.set_state("read", str(read))
        store.set_state("head", head)


def _index_of(path: Path) -> Store:
    beside = path.with_name(path.name + ".index")
    if has_foreign_owner(path.parent) or (beside.exists() and has_foreign_owner(beside)):
        return Store(None, source=path)  # another user may have written the index, or read the one that we would make
    try:
        return Store(beside, source=path)
    except (OSError, sqlite3.Error):
        return Store(None, source=path)


def _append(store: Store, path: Path, read: int, size: int, progress: Progress | None) -> int:
    """Index the whole lines from *read* on; returns up to where."""
    waiting: list[tuple[int, list[ViewSpan]]] = []
    count = 0
    with path.open("rb") as file:
        file.seek(read)
        while read < size:
            line = file.readline(_MAX_LINE)
            spans = read_line(line)
            is_open = not line.endswith(b"\n") and len(line) < _MAX_LINE and read + len(line) >= size
            if is_open and not spans:
                break  # the last line, still being written
            waiting.append((read, spans))
            count += len(spans)
            read += len(line)
            if count >= _BATCH or read >= size:
                store.add_lines(waiting)
                waiting, count = [], 0
                if progress is not None:
                    progress(read, size)
    store.add_lines(waiting)
    return read


def search_lines(path: Path, text: str) -> list[str]:
    """Return the ids of the traces in whose lines *text* stands, whatever its case, the first 2,000.

    The file is mapped, not read into memory. A span counts only if the text stands in its own values.
    """
    if not path.stat().st_size:
        return []
    needle = text.casefold()
    raw = re.compile(_pattern(text), re.IGNORECASE)
    found: dict[str, None] = {}
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        position = 0
        while (match := raw.search(mapped, position)) is not None and len(found) < _MAX_FOUND:
            start = mapped.rfind(b"\n", 0, match.start()) + 1
            end = mapped.find(b"\n", match.end())
            end = len(mapped) if end < 0 else end
            for span in read_line(mapped[start:end]):
                if any(needle in str(value).casefold() for value in (span.name, span.error, *span.attributes.values())):
                    found[span.trace_id] = None
            position = end
            if position >= len(mapped):
                break
    return list(found)


def _pattern(text: str) -> bytes:
    """Return what to look for in the file's bytes: the longest run of plain letters and digits, which no JSON escapes."""
    runs = re.findall(r"[A-Za-z0-9]+", text)
    return max(runs, key=len).encode() if runs else re.escape(text[:1]).encode()
