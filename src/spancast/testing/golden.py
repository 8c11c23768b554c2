"""Stored outlines of traces: written once, compared from then on."""

from __future__ import annotations

import difflib
from pathlib import Path

from .names import file_name

FOLDER = "__traces__"


def compare(outline: str, folder: Path, name: str, *, update: bool) -> str | None:
    """Return what differs from the stored outline *name* in *folder*, or None; with *update* it is written instead.

    An outline that is not stored yet is a difference: a test must not pass by itself.
    """
    path = folder / f"{file_name(name)}.txt"
    if update:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(outline, encoding="utf-8")
        return None
    if not path.is_file():
        return f"{path} is not there yet: run pytest with --spancast-update to write it.\n\n{outline}"
    stored = path.read_text(encoding="utf-8")
    if stored == outline:
        return None
    lines = difflib.unified_diff(stored.splitlines(), outline.splitlines(), "stored", "now", lineterm="")
    return f"the trace is not as {path} has it (--spancast-update writes it anew):\n" + "\n".join(lines)
