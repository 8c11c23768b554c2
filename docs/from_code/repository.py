"""Pages that are files at the repository's root: architecture, changelog, contributing, security."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAGES = {
    "architecture.md": "ARCHITECTURE.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "security.md": "SECURITY.md",
}
ABOUT = {  # of pages that carry no description themselves
    "architecture.md": "The way of the data, the rooms of the code, and why things are as they are.",
    "changelog.md": "What changed.",
    "contributing.md": "Where a change goes, and how to test it.",
    "security.md": "How to report a vulnerability.",
    "connection-errors.md": "Every fault of a connection: what is read, the cause, and the line that mends it.",
}
_LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def existing(entry: Any, root: Path) -> Any:
    """Return an entry of the navigation without the pages whose file is not there."""
    if isinstance(entry, dict):
        return {title: existing(below, root) for title, below in entry.items()}
    if isinstance(entry, list):
        return [existing(each, root) for each in entry if not isinstance(each, str) or _is_there(each, root)]
    return entry


def _is_there(page: str, root: Path) -> bool:
    return page not in PAGES or (root / PAGES[page]).is_file()


def pages(root: Path) -> Iterator[tuple[str, str]]:
    """Yield page and text of each file that is there, its links turned into links between pages."""
    for page, name in PAGES.items():
        if (root / name).is_file():
            yield page, _LINK.sub(_linked, (root / name).read_text(encoding="utf-8"))


def _linked(found: re.Match[str]) -> str:
    text, target, anchor = found[1], found[2], found[3] or ""
    if "://" in target:
        return found[0]
    page = next((page for page, name in PAGES.items() if name == target), None)
    if page is None and target.startswith("docs/"):
        page = target.removeprefix("docs/")
    return f"[{text}]({page}{anchor})" if page else text  # a file of the repository that is no page: its name is enough
