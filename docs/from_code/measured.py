"""What the benchmarks printed, their Markdown files and plots where there are any; and what each of them measures."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from from_code.markdown import code, table

ROOT = Path(__file__).parents[2]
FOLDER = "benchmarks/results"
PLOTS = "benchmarks/plots"
_PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?://|#)[^)\s]+\)")
_HEADING = re.compile(r"^(#+) ", re.MULTILINE)


def tables() -> str:
    """Return all files of results, one after the other, their headings beneath the page's own."""
    found = [_text(path) for path in sorted((ROOT / FOLDER).glob("*.md"))]
    shown = "".join(found)
    plots = [path for path in sorted((ROOT / PLOTS).glob("*.svg")) if f"measured/{path.name}" not in shown]
    if plots:
        pictures = (f"![{path.stem.replace('_', ' ')}](measured/{path.name})" for path in plots)
        found.append("\n\n".join(["### How the cost grows", *pictures]))
    return "\n\n".join(found) or "No results lie in `benchmarks/results` of this copy: run the commands below."


def scripts() -> str:
    """Return a table of the scripts that measure something, each with what it measures, in its own words."""
    rows = []
    for path in sorted((ROOT / "benchmarks").glob("*.py")):
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        if f"python benchmarks/{path.name}" in said:
            first = said.partition("\n\n")[0].replace("\n", " ")
            rows.append([code(f"python benchmarks/{path.name}"), first])
    return table(["command", "what it measures"], rows)


def _text(path: Path) -> str:
    text = path.read_text(encoding="utf-8").strip()
    if not text.startswith("#"):
        text = f"# {path.stem.replace('-', ' ').replace('_', ' ').capitalize()}\n\n{text}"
    text = _outside_code(text, lambda part: _HEADING.sub(lambda found: f"##{found[1]} ", part))
    text = _LINK.sub(lambda found: found[1], text)  # to files of the repository, which are no pages
    return _PICTURE.sub(lambda found: f"![{found[1]}](measured/{Path(found[2]).name})", text)


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if index % 2 else change(part) for index, part in enumerate(parts))


def pictures(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield the pictures that the results show, and the plots, each with its place on the site."""
    shown = (
        (path.parent / found[2]).resolve()
        for path in sorted((root / FOLDER).glob("*.md"))
        for found in _PICTURE.finditer(path.read_text(encoding="utf-8"))
    )
    for picture in dict.fromkeys([*shown, *sorted((root / PLOTS).resolve().glob("*.svg"))]):
        if picture.is_file():
            yield f"measured/{picture.name}", picture
