"""A file of OTLP JSON lines on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import _version, setting, validation
from ...conventions.span import Span
from ...diagnostics.result import CheckResult, Step, failure
from ...local_file import DEFAULT_FILE
from ...otlp import json
from ...otlp.outcome import DELIVERED, Outcome, Verdict
from ...private_files import ForeignFileError, make_private_folder, opened_to_append
from ...record.fast_frozen import frozen
from ..destination import Destination, Exporter, ResourceSource
from ..factory import keywords_checked, local_destination
from ..registry import LOCAL

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords

MAX_FILE_BYTES = 256 * 1024 * 1024  # then the file becomes `traces.jsonl.1`, and a new one is begun
KEPT_FILES = 3  # older ones that are kept


class FileExporter:
    """Appends one line a batch: a whole OTLP `TracesData` object (the OpenTelemetry file exporter's form)."""

    def __init__(self, target: FileTarget, resource: ResourceSource) -> None:
        self._path = target.path
        self._named = target.named
        self._max_bytes = target.max_file_bytes
        self._kept = target.kept_files
        self._resource = resource
        self._torn = False
        self.encode: Callable[[Span], bytes] = json.encode_span

    def export(self, batch: Sequence[Any], timeout: float) -> Outcome:
        """Append the batch; a full disk or a missing right is tried again later."""
        line = json.encode_request(self._resource(), "spancast", _version.VERSION, batch) + b"\n"
        try:
            self._append(line)
        except ForeignFileError as error:
            return Outcome(verdict=Verdict.REFUSED, reason="file", message=str(error))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            return Outcome(verdict=Verdict.RETRY, reason="file", message=f"cannot write {self._path}: {reason}")
        return DELIVERED

    def _append(self, line: bytes) -> None:
        make_private_folder(self._path.parent, named=self._named)
        # One write of a whole line in append mode: several processes may share the file. 0600: prompts may be inside.
        with opened_to_append(self._path, named=self._named) as handle:
            # What a full disk cut short ends here, or the whole line would be unreadable with it.
            view = memoryview(b"\n" + line if self._torn else line)
            while view:
                view = view[os.write(handle, view) :]
                self._torn = bool(view)
            if self._max_bytes and os.fstat(handle).st_size >= self._max_bytes:
                rotate(self._path, handle, self._kept)

    def close(self) -> None:
        """Nothing stays open between batches."""


@frozen()
class FileTarget:
    """A file of OTLP JSON lines. *named*: the user chose the path; else file and folder have to be ours."""

    path: Path
    named: bool = True
    max_file_bytes: int = MAX_FILE_BYTES
    kept_files: int = KEPT_FILES

    def exporter(self, resource: ResourceSource) -> Exporter:
        """Return an exporter that appends to the file."""
        return FileExporter(self, resource)

    def describe(self) -> str:
        """Return the path."""
        return str(self.path)

    def check(self, destination: Destination, timeout: float | None) -> CheckResult:
        """Test whether the file can be written; nothing is written."""
        return CheckResult(destination=destination.name, where=self.describe(), steps=(self._writable(),))

    def _writable(self) -> Step:
        try:
            make_private_folder(self.path.parent, named=self.named)
            there = self.path.exists()
            with opened_to_append(self.path, named=self.named):
                pass
            if not there:
                self.path.unlink()
        except ForeignFileError as error:
            return failure("file", "E702", str(error))
        except OSError as error:
            return failure("file", "E700", f"{self.path}: {error.strerror}")
        return Step(name="file", detail="can be written")


def rotate(path: Path, handle: int, kept: int) -> None:
    """Move the full file behind *handle* to `NAME.1`, older ones one further; *kept* of them stay.

    Several processes may write to the file: whoever holds its lock moves it, and only if it is still the one at *path*.
    """
    try:
        import fcntl
    except ImportError:  # Windows moves no open file: there it grows on
        return
    with suppress(OSError):  # another process is at it, or the folder cannot be written: the next batch tries again
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        opened, there = os.fstat(handle), os.stat(path)
        if (opened.st_dev, opened.st_ino) != (there.st_dev, there.st_ino):
            return
        names = [path, *[path.with_name(f"{path.name}.{number}") for number in range(1, kept + 1)]]
        if kept == 0:
            path.unlink()
        for older, newer in zip(reversed(names[1:]), reversed(names[:-1]), strict=True):
            if newer.exists():
                newer.replace(older)


@keywords_checked
def file(
    path: str | os.PathLike[str] = DEFAULT_FILE,
    *,
    max_file_bytes: int = MAX_FILE_BYTES,
    kept_files: int = KEPT_FILES,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Write OTLP JSON lines to *path*, for `spancast view` and every reader of that format.

    The default file is written only if it and its folder belong to this user: prompts may be inside.

    Args:
        max_file_bytes: A larger file is moved to `NAME.1`, and a new one is begun. 0: it grows for ever.
        kept_files: How many moved files are kept; the oldest is deleted.

    Raises:
        SettingsError: When *path* is no path or names a folder, or a number cannot be used.
    """
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path) or isinstance(os.fspath(path), bytes):
        raise validation.SettingsError(f"path is {path!r}: give a file name such as {DEFAULT_FILE!r}.")
    for name, number in (("max_file_bytes", max_file_bytes), ("kept_files", kept_files)):
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 2**63:
            raise validation.SettingsError(f"{name} is {number!r}: give a whole number, 0 or more.")
    named = os.fspath(path) != DEFAULT_FILE
    target = FileTarget(_absolute(path), named=named, max_file_bytes=max_file_bytes, kept_files=min(kept_files, 1000))
    return local_destination("file", target, "gen_ai", common)


def _absolute(path: str | os.PathLike[str]) -> Path:
    target = setting.expanded(os.fspath(path), "path")
    try:
        target = target.absolute()
        folder = target.is_dir()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no path"
        raise validation.SettingsError(
            f"path={setting.shortened(str(path))!r} cannot be used ({reason}): give a whole path, or set SPANCAST_FILE."
        ) from None
    if folder:
        raise validation.SettingsError(f"path={str(path)!r} is a folder: name a file in it, such as traces.jsonl.")
    return target


LOCAL["file"] = file
