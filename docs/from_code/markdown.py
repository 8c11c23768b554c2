"""Tables and code in Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells may hold Markdown."""
    lines = [_row(headings), _row(["---"] * len(headings)), *map(_row, rows)]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def code(text: object) -> str:
    """Return *text* as code; nothing for nothing."""
    return f"`{text}`" if text not in (None, "") else ""


def codes(texts: Iterable[object]) -> str:
    """Return several pieces of code, one a line of the cell."""
    return "<br>".join(code(text) for text in texts if text)


def described(docstring: str | None, section: str = "Args") -> dict[str, str]:
    """Return what a section of a docstring says of each name, with its code marks."""
    held = inspect.cleandoc(docstring or "").partition(f"{section}:\n")[2].partition("\n\n")[0]
    found: dict[str, str] = {}
    name = ""
    for line in held.splitlines():
        begins = re.match(r" {4}(\w+): (.*)", line)
        if begins:
            name = begins[1]
            found[name] = begins[2]
        elif name:
            found[name] += " " + line.strip()
    return found
