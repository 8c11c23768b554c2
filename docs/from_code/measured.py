"""What the benchmarks printed: their Markdown files and pictures, where there are any."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = "benchmarks/results"
PAGE = "performance.md"
_PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?://|#)[^)\s]+\)")
_HEADING = re.compile(r"^(#+) ", re.MULTILINE)


def tables() -> str:
    """Return all files of results, one after the other, their headings beneath the page's own."""
    found = [_text(path) for path in sorted((ROOT / FOLDER).glob("*.md"))]
    return "\n\n".join(found) or "No results lie in `benchmarks/results` of this copy: run the commands below."


def _text(path: Path) -> str:
    text = path.read_text(encoding="utf-8").strip()
    if not text.startswith("#"):
        text = f"# {path.stem.replace('-', ' ').replace('_', ' ').capitalize()}\n\n{text}"
    text = _outside_code(text, lambda part: _HEADING.sub(lambda found: f"##{found[1]} ", part))
    text = _LINK.sub(lambda found: found[1], text)  # to files of the repository, which are no pages
    return _PICTURE.sub(lambda found: f"![{found[1]}](measured/{Path(found[2]).name})", text)


def _outside_code(text: str, change: object) -> str:
    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if index % 2 else change(part) for index, part in enumerate(parts))  # type: ignore[operator]


def pictures(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield the pictures that the results show, and where they lie."""
    for path in sorted((root / FOLDER).glob("*.md")):
        for found in _PICTURE.finditer(path.read_text(encoding="utf-8")):
            picture = (path.parent / found[2]).resolve()
            if picture.is_file():
                yield f"measured/{picture.name}", picture
