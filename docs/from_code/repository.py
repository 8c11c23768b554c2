"""Pages that are files of the repository: architecture, changelog, the integrations' own pages; and the list of examples."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from from_code.markdown import code, table

ROOT = Path(__file__).parents[2]

PAGES = {
    "architecture.md": "ARCHITECTURE.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "security.md": "SECURITY.md",
    "machines/collector.md": "integrations/collector/README.md",
    "machines/sizing.md": "integrations/collector/sizing.md",
    "machines/backends.md": "integrations/backends/README.md",
    "machines/grafana.md": "integrations/grafana/README.md",
}
ABOUT = {  # of pages that carry no description themselves
    "architecture.md": "The way of the data, the rooms of the code, and why things are as they are.",
    "changelog.md": "What changed.",
    "contributing.md": "Where a change goes, and how to test it.",
    "security.md": "How to report a vulnerability.",
    "machines/collector.md": "Collector configurations that compose: agent, gateway with tail sampling, Kafka, exporters.",
    "machines/sizing.md": "From one process to thousands of machines: what each tier carries.",
    "machines/backends.md": "Compose files for a Collector, Jaeger, Tempo with Grafana, and Phoenix.",
    "machines/grafana.md": "A Grafana dashboard for Tempo: tokens, cost, latency, errors.",
    "connection-errors.md": "Every fault of a connection: what is read, the cause, and the line that fixes it.",
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
            text = (root / name).read_text(encoding="utf-8")
            text = _LINK.sub(partial(_linked, page, name), text)
            folder = posixpath.dirname(name)
            if folder:
                title, _, rest = text.partition("\n")
                text = f"{title}\n\nThe files that this page names are in the repository's folder `{folder}`.\n{rest}"
            yield page, text


def _linked(page: str, name: str, found: re.Match[str]) -> str:
    text, target, anchor = found[1], found[2], found[3] or ""
    if "://" in target:
        return found[0]
    path = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
    other = next((place for place, file in PAGES.items() if path in (file, posixpath.dirname(file) or file)), None)
    if other is None and path.startswith("docs/"):
        other = path.removeprefix("docs/")
    if other is None:
        return text  # a file of the repository that is no page: its name is enough
    return f"[{text}]({posixpath.relpath(other, posixpath.dirname(page) or '.')}{anchor})"


def examples() -> str:
    """Return a table of the examples, each with what it shows, in its own words."""
    rows = []
    for path in sorted((ROOT / "examples").glob("*.py")):
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        rows.append([code(f"examples/{path.name}"), said.partition("\n")[0]])
    return table(["file", "what it shows"], rows)
