"""The spool: spans on disk that could not be delivered yet. One folder a destination, files of OTLP JSON lines.

A file is written whole under another name and then renamed: nobody ever reads half of one. Its name says when it was
written, by whom, and how many spans it holds, so that what a torn line costs is known. One span a line. Several processes
may write at once, each its own files; one at a time sends, whoever holds the lock of the folder.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from itertools import count as counter
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson

from .. import _version
from ..conventions.span import Attributes, Span
from ..destinations.destination import Destination
from ..destinations.targets.http import HttpTarget
from ..otlp import json
from .turns import LIGHT, by_turns

MAX_BYTES = 256 * 1024 * 1024  # a destination
MAX_AGE = 7 * 24 * 3600.0  # seconds; many backends take no older spans
_MERGE_BELOW = 256 * 1024  # bytes; small files grow: a long outage with few spans is not a hundred thousand files
_STALE_PART = 3600.0  # seconds after which an unfinished file has nobody any more
_CLOCK_JUMP = 3600.0
_NAME = re.compile(r"(?P<written>\d{20})-(?P<owner>\d+-[0-9a-f]{8})-(?P<number>\d+)-(?P<count>\d+)\.jsonl")
_TAIL = b"]}]}]}"  # how a request ends after its spans
_ABOUT = "destination.json"
_LOCK = "lock"


class SpoolFullError(OSError):
    """The spool holds as much as it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolFile:
    """One file of spans: where, of whom, how many, and since when (Unix nanoseconds)."""

    path: Path
    owner: str
    count: int
    written_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What stands in a file: spans by the resource that recorded them, and how many were lost to torn lines."""

    groups: tuple[tuple[Attributes, tuple[Span, ...]], ...]
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A file that is written and not yet to be seen: *part* becomes *file*, in place of *replaces*."""

    part: Path
    file: SpoolFile
    replaces: SpoolFile | None
    size: int


def folder_of(base: Path, destination: Destination) -> Path | None:
    """Return the spool's folder for *destination*; None when it is no HTTP receiver.

    Spans go only to where they would have gone, with the same rights and the same privacy: name, URL, headers and privacy
    mode make the folder's name, as a hash. A callable's headers change with time and are left out.
    """
    target = destination.target
    if not isinstance(target, HttpTarget):
        return None
    headers = ["called"] if callable(target.headers) else sorted(f"{n.lower()}:{v}" for n, v in target.headers.items())
    said = "\0".join([destination.name, target.url, str(destination.privacy_mode), *headers])
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", destination.name)[:40]
    return base / f"{plain}-{sha256(said.encode('utf-8', 'replace')).hexdigest()[:16]}"


def lines_of(spans: Sequence[Span], resource: Attributes) -> list[bytes]:
    """Return each span as a line: a whole request, for every reader of OTLP JSON lines."""
    head = json.encode_request(resource, "spancast", _version.VERSION, ()).removesuffix(_TAIL)
    return [b"%b%b%b\n" % (head, json.encode_span(span), _TAIL) for span in by_turns(spans, LIGHT)]


class Spool:
    """One destination's folder. Opens nothing before the first use; what the disk refuses is raised as OSError."""

    def __init__(
        self,
        folder: Path,
        *,
        about: Mapping[str, Any] | None = None,
        max_bytes: int = MAX_BYTES,
        max_age: float = MAX_AGE,
    ) -> None:
        """*about* is kept beside the files for people: it says whose spans these are, without secrets."""
        self.folder = folder
        self.owner = f"{os.getpid()}-{uuid4().hex[:8]}"
        self._about = dict(about or {})
        self._max_bytes = max_bytes
        self._max_age = max_age
        self._number = counter(1)
        self._newest: tuple[SpoolFile, int] | None = None
        self._lock: int | None = None
        self._writing = threading.Lock()
        self._made = False
        self._clocks = time.time() - time.monotonic()

    # ------------------------------------------------------------------ writing
    def stage(self, spans: Sequence[Span], resource: Attributes) -> Staged:
        """Write *spans* to a file that nobody sees before `commit`.

        Raises:
            SpoolFullError: When the bound in bytes is reached.
            OSError: When the disk is full or the folder cannot be written.
        """
        data = b"".join(lines_of(spans, resource))
        with self._writing:  # of one process's threads; several processes may exceed the bound by a file each
            self._make()
            if self.size() + len(data) > self._max_bytes:
                raise SpoolFullError(f"the spool holds {self._max_bytes:,} bytes already")
            return self._stage(data, len(spans), time.time_ns(), self.owner, None)

    def _stage(self, data: bytes, count: int, written_ns: int, owner: str, replaces: SpoolFile | None) -> Staged:
        name = f"{written_ns:020d}-{owner}-{next(self._number)}-{count}.jsonl"
        file = SpoolFile(path=self.folder / name, owner=owner, count=count, written_ns=written_ns)
        part = self.folder / f"{name}.{os.getpid()}.part"
        try:
            _write(part, data)
        except OSError:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
        return Staged(part=part, file=file, replaces=replaces, size=len(data))

    def commit(self, staged: Staged) -> None:
        """Let a staged file be seen, in one step."""
        os.rename(staged.part, staged.file.path)
        if staged.replaces is not None:
            staged.replaces.path.unlink(missing_ok=True)
        self._newest = (staged.file, staged.size)

    def discard(self, staged: Staged) -> None:
        """Forget a staged file."""
        with suppress(OSError):
            staged.part.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Join the newest file of this process with the one before while they are small. Call it between two writes."""
        newest, self._newest = self._newest, None
        if newest is None:
            return
        file, size = newest
        mine = [each for each in self.files() if each.owner == self.owner and each.path != file.path]
        before = mine[-1] if mine else None
        if before is None or size > _MERGE_BELOW:
            return
        with self.exclusively() as alone:
            if not alone:
                return
            with suppress(OSError):
                data = before.path.read_bytes()
                if len(data) + size <= _MERGE_BELOW and data.endswith(b"\n"):
                    data += file.path.read_bytes()
                    count = before.count + file.count
                    staged = self._stage(data, count, before.written_ns, self.owner, before)
                    self.commit(staged)
                    file.path.unlink(missing_ok=True)

    def _make(self) -> None:
        if self._made and self.folder.is_dir():
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._about and not (self.folder / _ABOUT).exists():
            part = self.folder / f"{_ABOUT}.{self.owner}.part"
            _write(part, orjson.dumps(self._about) + b"\n")
            os.replace(part, self.folder / _ABOUT)
        self._made = True

    # ------------------------------------------------------------------ reading
    def files(self) -> list[SpoolFile]:
        """Return what waits, the oldest first."""
        try:
            names = sorted(os.listdir(self.folder))
        except OSError:
            return []
        return [file for name in names if (file := _file(self.folder / name)) is not None]

    def size(self) -> int:
        """Return how many bytes lie in the folder."""
        try:
            with os.scandir(self.folder) as entries:
                return sum(_size(entry) for entry in entries)
        except OSError:
            return 0

    def read(self, file: SpoolFile) -> Contents:
        """Return a file's spans; what cannot be read is counted."""
        groups: dict[bytes, tuple[Attributes, list[Span]]] = {}
        found = 0
        for line in by_turns(file.path.read_bytes().splitlines(), LIGHT):
            try:
                for resource, spans in json.decode_request(line):
                    key = repr(resource).encode("utf-8", "replace")
                    groups.setdefault(key, (resource, []))[1].extend(spans)
                    found += len(spans)
            except ValueError:
                continue  # a torn line
        return Contents(
            groups=tuple((resource, tuple(spans)) for resource, spans in groups.values()),
            lost=max(0, file.count - found),
        )

    def remove(self, file: SpoolFile) -> None:
        """Delete a file whose spans have arrived, or never will."""
        with suppress(OSError):
            file.path.unlink(missing_ok=True)

    def keep(self, file: SpoolFile, groups: Sequence[tuple[Attributes, Sequence[Span]]]) -> SpoolFile:
        """Leave only *groups* of a file, in its place in the order. A crash in the middle leaves both: ids are the same."""
        lines = [line for resource, spans in groups for line in lines_of(spans, resource)]
        staged = self._stage(b"".join(lines), len(lines), file.written_ns, file.owner, file)
        self.commit(staged)
        self._newest = None
        return staged.file

    def too_old(self) -> list[SpoolFile]:
        """Return the files that are beyond the age; none while the clock has jumped since the start."""
        if abs(time.time() - time.monotonic() - self._clocks) > _CLOCK_JUMP:
            return []
        oldest = (time.time() - self._max_age) * 1e9
        return [file for file in self.files() if file.written_ns < oldest]

    def sweep(self) -> None:
        """Delete unfinished files whose writers are gone."""
        with suppress(OSError), os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name.endswith(".part") and time.time() - entry.stat().st_mtime > _STALE_PART:
                    os.unlink(entry.path)

    @contextmanager
    def exclusively(self) -> Iterator[bool]:
        """Hold the folder's lock for a block; yields False where somebody else holds it. Ends with its process."""
        try:
            handle = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            yield False
            return
        try:
            if not _lock(handle):
                yield False
                return
            self._lock = handle
            self.sweep()  # what killed writers left behind counts for no one and would stay for ever
            try:
                yield True
            finally:
                self._lock = None
                _unlock(handle)
        finally:
            with suppress(OSError):
                os.close(handle)

    def after_fork_in_child(self) -> None:
        """Let go of the parent's lock, which the child has inherited and must not keep alive."""
        if self._lock is not None:
            with suppress(OSError):
                os.close(self._lock)


def about(folder: Path) -> dict[str, Any]:
    """Return what is kept beside the files about their destination."""
    try:
        said = orjson.loads((folder / _ABOUT).read_bytes())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _file(path: Path) -> SpoolFile | None:
    found = _NAME.fullmatch(path.name)
    if found is None:
        return None
    return SpoolFile(path=path, owner=found["owner"], count=int(found["count"]), written_ns=int(found["written"]))


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except OSError:  # sent and deleted meanwhile
        return 0


def _write(path: Path, data: bytes) -> None:
    """Write a new file, 0600. Never synced: it has to survive the process, not the machine."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
    finally:
        os.close(handle)


if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _lock(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(handle: int) -> None:
        with suppress(OSError):
            msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _unlock(handle: int) -> None:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_UN)
