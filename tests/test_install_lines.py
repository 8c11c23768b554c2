"""Lines that say what to install can be pasted into every shell."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("src", "docs", "examples", "integrations")


def test_extras_stand_in_double_quotes() -> None:
    """cmd.exe takes single quotes for a part of the name; zsh expands brackets that stand in none."""
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".md", ".mdx")]
    lines = [(path.name, line) for path in files for line in path.read_text(encoding="utf-8").splitlines()]
    found = [
        (name, line.strip()) for name, line in lines if re.search(r"(pip install|uv add|or)\b.*\bspancast\[", line)
    ]
    assert len(found) > 10
    assert [] == [(name, line) for name, line in found if re.search(r"[' ]spancast\[", line)]
