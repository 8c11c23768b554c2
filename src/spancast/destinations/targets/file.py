"""A file of OTLP JSON lines on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import _version, setting, validation
from ...conventions.span import Span
from ...diagnostics.result import CheckResult, Step, failure
from ...otlp import json
from ...otlp.outcome import DELIVERED, Outcome, Verdict
from ...private_files import ForeignFileError, make_private_folder, opened_to_append
from ..destination import Destination, Exporter, ResourceSource
from ..factory import local_destination
from ..registry import LOCAL

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords

DEFAULT_FILE = ".spancast/traces.jsonl"


class FileExporter:
    """Appends one line a batch: a whole OTLP `TracesData` object (the OpenTelemetry file exporter's form)."""

    def __init__(self, path: Path, resource: ResourceSource, named: bool = True) -> None:
        self._path = path
        self._named = named
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

    def close(self) -> None:
        """Nothing stays open between batches."""


@dataclass(frozen=True, slots=True)
class FileTarget:
    """A file of OTLP JSON lines. *named*: the user chose the path; else file and folder have to be ours."""

    path: Path
    named: bool = True

    def exporter(self, resource: ResourceSource) -> Exporter:
        """Return an exporter that appends to the file."""
        return FileExporter(self.path, resource, self.named)

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


def file(path: str | os.PathLike[str] = DEFAULT_FILE, **common: Unpack[CommonKeywords]) -> Destination:
    """Write OTLP JSON lines to *path*, for `spancast view` and every reader of that format.

    The default file is written only if it and its folder belong to this user: prompts may be inside.

    Raises:
        SettingsError: When *path* is no path or names a folder.
    """
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path) or isinstance(os.fspath(path), bytes):
        raise validation.SettingsError(f"path is {path!r}: give a file name such as {DEFAULT_FILE!r}.")
    target = FileTarget(_absolute(path), named=os.fspath(path) != DEFAULT_FILE)
    return local_destination("file", target, "gen_ai", common)


def _absolute(path: str | os.PathLike[str]) -> Path:
    target = setting.expanded(os.fspath(path), "path")
    try:
        target = target.absolute()
        folder = target.is_dir()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no path"
        raise validation.SettingsError(
            f"path={str(path)!r} cannot be used ({reason}): give a whole path, or set SPANCAST_FILE."
        ) from None
    if folder:
        raise validation.SettingsError(f"path={str(path)!r} is a folder: name a file in it, such as traces.jsonl.")
    return target


LOCAL["file"] = file
