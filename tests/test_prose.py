"""The checker of phrases reads English where people read it, and no code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "prose.py"


def found(path: Path, text: str) -> list[str]:
    """Return what the checker says of a file with *text*, by line number."""
    path.write_text(text, encoding="utf-8")
    done = subprocess.run([sys.executable, str(SCRIPT), str(path)], capture_output=True, text=True, check=False)
    assert ("", 1 if done.stdout else 0) == (done.stderr, done.returncode)
    return [line.removeprefix(f"{path}:") for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("page.md", "# A page\n\nIt mends the tree.\n", ["3: 'mends': fix"]),
        ("page.md", "```python\nmend = 1\n```\n\n`mend` and [a link](mend.md)\n", []),
        (
            "code.py",
            'mend = 1  # mend it\n\n\ndef f():\n    """Return\n\n    a cure."""\n',
            ["1: 'mend': fix", "7: 'cure': fix"],
        ),
        ("code.py", "cure = {'x': 1}\n", []),
        ("code.py", "raise ValueError(f'mend {1}: it')\n", ["1: 'mend': fix"]),
    ],
)
def test_phrases_are_found_in_prose_alone(name: str, text: str, expected: list[str], tmp_path: Path) -> None:
    """In Markdown outside of code; in Python in comments, docstrings and texts."""
    assert expected == found(tmp_path / name, text)
