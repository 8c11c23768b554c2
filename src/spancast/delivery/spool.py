"""The spool: spans on disk that could not be delivered yet. One folder a destination, files of OTLP JSON lines.

A file is written whole under another name and then renamed: nobody ever reads half of one. Its name says when it was
written, by whom, and how many spans it holds, so that what a torn line costs is known. One span a line. Several processes
may write concurrently, each its own files; one at a time sends, whoever has the lock of the folder.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count as counter
from itertools import islice
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import orjson

from .. import _version
from ..clock import monotonic, wall, wall_ns
from ..conventions.span import Attributes, Span
from ..otlp import json
from ..otlp.json_decoding import decode_request
from ..private_files import make_private_folder, open_lock, read_private, why_not_ours, write_new
from ..record.fast_frozen import frozen
from .identity import folder_of as folder_of
from .threads import thread_sleep

MAX_BYTES: Final = 256 * 1024 * 1024  # a destination
MAX_AGE: Final = 7 * 24 * 3600.0  # seconds; many backends take no older spans
_MERGE_BELOW = 256 * 1024  # bytes; small files grow: a long outage with few spans is not a hundred thousand files
_STALE_PART: Final = 3600.0  # seconds after which nobody finishes an unfinished file any more
_CLOCK_JUMP: Final = 3600.0
_MOST_SPANS: Final = 100_000  # that a file's name is believed; we write some hundreds
_NAME: Final = re.compile(r"(?P<written>\d{20})-(?P<owner>\d+-[0-9a-f]{8})-(?P<number>\d+)-(?P<count>\d+)\.jsonl")
_TAIL: Final = b"]}]}]}"  # how a request ends after its spans
_MANIFEST: Final = "destination.json"
_LOCK: Final = "lock"
_TURN: Final = 64  # lines that are read between two chances for the application's threads


class SpoolFullError(OSError):
    """The spool has as many bytes as it may."""


@frozen(kw_only=True)
class SpoolFile:
    """One file of spans: where, of whom, how many, and since when (Unix nanoseconds)."""

    path: Path
    owner: str
    count: int
    written_ns: int


@frozen(kw_only=True)
class Contents:
    """What stands in a file: spans by the resource that recorded them, and how many were lost to torn lines."""

    groups: tuple[tuple[Attributes, tuple[Span, ...]], ...]
    lost: int


@frozen(kw_only=True)
class Staged:
    """A file that is written and not yet to be seen: *part* becomes *file*, in place of *replaces*."""

    part: Path
    file: SpoolFile
    replaces: SpoolFile | None
    size: int


def lines_of(spans: Sequence[bytes], resource: Attributes) -> list[bytes]:
    """Return each span, as `json.encode_span` made it, as a line: a whole request, for every reader of OTLP JSON lines."""
    head = json.encode_request(resource, "spancast", _version.VERSION, ()).removesuffix(_TAIL)
    return [b"%b%b%b\n" % (head, span, _TAIL) for span in spans]


class Spool:
    """One destination's folder. Opens and makes nothing before the first use; what the disk refuses is raised as OSError.

    Used by one thread at a time: SpoolWriter and SpoolReplayer see to that, each with a Spool or a lock of its own.
    """

    def __init__(
        self,
        folder: Path | Callable[[], Path],
        *,
        base: Path | None = None,
        manifest: Mapping[str, Any] | None = None,
        max_bytes: int = MAX_BYTES,
        max_age: float = MAX_AGE,
    ) -> None:
        """*folder* may be a function that finds it when it is needed: not before *base* is there, or a span is written.

        *manifest* is kept beside the files for people: it says whose spans these are, without secrets.
        """
        self.owner = f"{os.getpid()}-{uuid4().hex[:8]}"
        self.max_bytes = max_bytes
        self._folder, self._base = folder, base
        self._manifest = dict(manifest or {})
        self._max_age = max_age
        self._number = counter(1)
        self._before: tuple[SpoolFile, int] | None = None  # the last two files that it wrote, and their bytes
        self._newest: tuple[SpoolFile, int] | None = None
        self._lock: int | None = None
        self._made = False
        self._parts = 0.0  # when unfinished files are looked for again (monotonic seconds)
        self._measured = (0.0, 0)  # until when the folder's size is good enough, and what it is
        self._clocks = wall() - monotonic()

    @property
    def folder(self) -> Path:
        """The folder; OSError where it cannot even be named."""
        if callable(self._folder):
            self._folder = self._folder()
        return self._folder

    # ------------------------------------------------------------------ writing
    def stage(self, lines: Sequence[bytes]) -> Staged:
        """Write *lines*, one a span, to a file that nobody sees before `commit`.

        Raises:
            SpoolFullError: When the bound in bytes is reached.
            OSError: When the disk is full, or the folder cannot be written or is not ours.
        """
        data = b"".join(lines)
        self._make()
        if self._about_size() + len(data) > self.max_bytes:  # several processes may exceed the bound by a file each
            raise SpoolFullError(f"the spool has {self.max_bytes:,} bytes already")
        return self._stage(data, len(lines), wall_ns(), self.owner, None)

    def _stage(self, data: bytes, count: int, written_ns: int, owner: str, replaces: SpoolFile | None) -> Staged:
        name = f"{written_ns:020d}-{owner}-{next(self._number)}-{count}.jsonl"
        file = SpoolFile(path=self.folder / name, owner=owner, count=count, written_ns=written_ns)
        part = self.folder / f"{name}.{os.getpid()}.part"
        try:
            write_new(part, data)
        except OSError:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
        return Staged(part=part, file=file, replaces=replaces, size=len(data))

    def commit(self, staged: Staged) -> None:
        """Let a staged file be seen, in one step."""
        _appear(staged)
        until, size = self._measured
        self._measured = (until, size + staged.size)
        self._before, self._newest = self._newest, (staged.file, staged.size)

    def discard(self, staged: Staged) -> None:
        """Forget a staged file."""
        with suppress(OSError):
            staged.part.unlink(missing_ok=True)

    def merge_small(self) -> None:
        """Join the newest file of this process with the one before while they are small. Call it between two writes.

        The folder is not listed: it may have thousands of files, and this comes after each of them.
        """
        if self._newest is None or self._before is None or self._newest[1] + self._before[1] > _MERGE_BELOW:
            return
        (before, _), (file, size) = self._before, self._newest
        with self.try_lock() as alone:
            if not alone:
                return
            with suppress(OSError):
                data = read_private(before.path, limit=_MERGE_BELOW)
                if len(data) + size <= _MERGE_BELOW and data.endswith(b"\n"):
                    data += read_private(file.path, limit=_MERGE_BELOW)
                    staged = self._stage(data, before.count + file.count, before.written_ns, self.owner, before)
                    self.commit(staged)
                    file.path.unlink(missing_ok=True)

    def _make(self) -> None:
        if self._made and self.folder.is_dir():
            return
        make_private_folder(self.folder)
        if stat.S_IMODE(self.folder.stat().st_mode) & 0o077:
            self.folder.chmod(0o700)
        if self._manifest and not (self.folder / _MANIFEST).exists():
            part = self.folder / f"{_MANIFEST}.{self.owner}.{next(self._number)}.part"
            write_new(part, orjson.dumps(self._manifest) + b"\n")
            os.replace(part, self.folder / _MANIFEST)
        self._made = True

    def remove_if_empty(self) -> None:
        """Remove the folder where nothing waits in it: one that is no other process's stays empty for ever."""
        with suppress(OSError):
            if (callable(self._folder) and not self._made) or self.files():
                return
            with self.try_lock() as alone:
                if alone and not self.files():
                    for name in (_MANIFEST, _LOCK):
                        (self.folder / name).unlink(missing_ok=True)
            self.folder.rmdir()

    # ------------------------------------------------------------------ reading
    def files(self, owner: str = "", most: int | None = None, last: Container[str] = ()) -> list[SpoolFile]:
        """Return what waits, of one *owner* or of all, the oldest first; nothing where the folder is not usable.

        *most*: no more than so many; a folder may have a hundred thousand. The names in *last* come after all others.
        """
        try:
            if callable(self._folder) and self._base is not None and not self._base.is_dir():
                return []
            folder = self.folder
            own = f"-{owner}-" if owner else ""
            names = sorted([name for name in os.listdir(folder) if own in name], key=lambda name: (name in last, name))
            if folder.is_symlink() or why_not_ours(folder.stat()):
                return []
        except OSError:
            return []
        found = (file for name in names if (file := _file(folder / name)) is not None)
        return list(islice(found, most))

    def mine(self) -> list[SpoolFile]:
        """Return what this process has left and nobody has sent."""
        return self.files(self.owner)

    def _about_size(self) -> int:
        """Return about how many bytes lie in the folder: measuring it takes no more than a tenth of the time."""
        until, size = self._measured
        began = monotonic()
        if began >= until:
            size = self.size()
            now = monotonic()
            self._measured = (now + 9 * (now - began), size)
        return size

    def size(self) -> int:
        """Return how many bytes lie in the folder."""
        try:
            with os.scandir(self.folder) as entries:
                return sum(_size(entry) for entry in entries)
        except OSError:
            return 0

    def read(self, file: SpoolFile) -> Contents:
        """Return a file's spans; what cannot be read is counted.

        Raises:
            OSError: When it is no file of this user's, or is gone.
        """
        groups: dict[bytes, tuple[Attributes, list[Span]]] = {}
        found = 0
        data = read_private(file.path, limit=max(self.max_bytes, MAX_BYTES))
        for number, line in enumerate(data.splitlines(), 1):
            if number % _TURN == 0:
                thread_sleep(0)
            try:
                for resource, spans in decode_request(line):
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

    def rewrite(self, file: SpoolFile, groups: Sequence[tuple[Attributes, Sequence[Span]]]) -> SpoolFile:
        """Leave only *groups* of a file, in its place in the order. A crash in the middle leaves both: ids are the same."""
        lines = [line for resource, spans in groups for line in lines_of(list(map(json.encode_span, spans)), resource)]
        staged = self._stage(b"".join(lines), len(lines), file.written_ns, file.owner, file)
        _appear(staged)
        return staged.file

    def too_old(self, files: Sequence[SpoolFile]) -> list[SpoolFile]:
        """Return those of *files* that are beyond the age; none while the clock has jumped since the start."""
        if abs(wall() - monotonic() - self._clocks) > _CLOCK_JUMP:
            return []
        oldest = (wall() - self._max_age) * 1e9
        return [file for file in files if file.written_ns < oldest]

    def remove_stale_parts(self) -> None:
        """Delete unfinished files whose writers are gone."""
        with suppress(OSError), os.scandir(self.folder) as entries:
            for entry in entries:
                stale = wall() - entry.stat(follow_symlinks=False).st_mtime > _STALE_PART
                if entry.name.endswith(".part") and stale:
                    os.unlink(entry.path)

    @contextmanager
    def try_lock(self) -> Iterator[bool]:
        """Take the folder's lock for a block; yields False where another has it. It ends with its process."""
        try:
            handle = open_lock(self.folder / _LOCK)
        except OSError:
            yield False
            return
        try:
            if not _lock(handle):
                yield False
                return
            self._lock = handle
            if monotonic() >= self._parts:  # what killed writers left behind counts for no one and would stay for ever
                self._parts = monotonic() + _STALE_PART / 2
                self.remove_stale_parts()
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
        handle, self._lock = self._lock, None
        if handle is not None:
            with suppress(OSError):
                os.close(handle)


def _appear(staged: Staged) -> None:
    os.rename(staged.part, staged.file.path)
    if staged.replaces is not None:
        staged.replaces.path.unlink(missing_ok=True)


def manifest_of(folder: Path) -> dict[str, Any]:
    """Return what is kept beside the files about their destination."""
    try:
        found = orjson.loads(read_private(folder / _MANIFEST, limit=65536))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _file(path: Path) -> SpoolFile | None:
    found = _NAME.fullmatch(path.name)
    if found is None:
        return None
    count = min(int(found["count"][:12]), _MOST_SPANS)
    return SpoolFile(path=path, owner=found["owner"], count=count, written_ns=int(found["written"]))


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except OSError:  # sent and deleted meanwhile
        return 0


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
