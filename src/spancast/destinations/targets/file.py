"""A file of OTLP JSON lines on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import _version, validation
from ...conventions.span import Span
from ...diagnostics.result import CheckResult, Step, failure
from ...otlp import json
from ...otlp.outcome import DELIVERED, Outcome, Verdict
from ..destination import Destination, Exporter, ResourceSource
from ..factory import local_destination
from ..registry import LOCAL

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords

DEFAULT_FILE = ".spancast/traces.jsonl"


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

    def check(self, destination: Destination, timeout: float | None) -> CheckResult:
        """Test whether the file can be written; nothing is written."""
        return CheckResult(destination=destination.name, where=self.describe(), steps=(self._writable(),))

    def _writable(self) -> Step:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            there = self.path.exists()
            os.close(os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
            if not there:
                self.path.unlink()
        except OSError as error:
            return failure("file", "E700", f"{self.path}: {error.strerror}")
        return Step(name="file", detail="can be written")


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


LOCAL["file"] = file
