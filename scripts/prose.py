"""Finds phrases in the project's English that readers stumbled over, and says what to write instead.

    python scripts/prose.py            # README, documentation, integrations; comments, docstrings and texts of src/
    python scripts/prose.py FILE...    # these only

The phrases are in `docs/phrases.txt`: a regular expression, `->`, what to write. Code in Markdown is not read.
"""

from __future__ import annotations

import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PHRASES = ROOT / "docs" / "phrases.txt"
_CODE = re.compile(r"^( *)```.*?^\1```|<!--.*?-->|`[^`\n]+`|\]\([^)\s]*\)|^\s*::: .*?$", re.MULTILINE | re.DOTALL)
_TEXTS = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


def phrases() -> list[tuple[re.Pattern[str], str]]:
    """Return what is looked for, and what to write instead."""
    lines = [line for line in PHRASES.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    pairs = [line.split(" -> ", 1) for line in lines]
    return [(re.compile(rf"\b(?:{found})\b", re.IGNORECASE), instead) for found, instead in pairs]


def files() -> Iterator[Path]:
    """Yield what people read."""
    yield from sorted(ROOT.glob("*.md"))
    yield ROOT / "benchmarks" / "README.md"
    for folder in ("docs", "integrations", "examples"):
        yield from sorted((ROOT / folder).rglob("*.md"))
    yield from sorted((ROOT / "src").rglob("*.py"))


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line number and text of what is English in a file."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type in _TEXTS:
                for number, line in enumerate(token.string.splitlines()):
                    yield token.start[0] + number, line
        return
    blank = _CODE.sub(lambda found: "".join(each if each == "\n" else " " for each in found[0]), source)
    yield from enumerate(blank.splitlines(), 1)


def main() -> int:
    """Print what is found; return the exit status."""
    wanted = phrases()
    count = 0
    for path in map(Path, sys.argv[1:]) if sys.argv[1:] else files():
        for number, line in prose(path):
            for pattern, instead in wanted:
                for found in pattern.finditer(line):
                    shown = path.resolve().relative_to(ROOT) if path.resolve().is_relative_to(ROOT) else path
                    print(f"{shown}:{number}: {found[0]!r}: {instead}")
                    count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
