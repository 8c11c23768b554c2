"""The scoreboard in benchmarks/: its command runs, spancast is right in every case, and the docs show these cases."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_spancast_is_right_in_every_case(tmp_path: Path) -> None:
    """The command measures spancast here and prints a table without a single wrong mark."""
    kept = tmp_path / "measured.json"
    command = [sys.executable, str(ROOT / "benchmarks" / "nesting.py"), "--peers", "spancast", "--json", str(kept)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=300, cwd=tmp_path)
    measured = json.loads(kept.read_text())["spancast"]
    assert {"✓"} == {mark for marks in measured["marks"].values() for mark in marks.split()}
    assert [] == measured["logged"]
    page = (ROOT / "docs" / "why.md").read_text()
    assert [] == [title for title in measured["marks"] if f"| {title}" not in page or f"| {title}" not in done.stdout]


def test_an_unknown_tracer_is_named() -> None:
    """A misspelt name ends the command with the names that there are."""
    command = [sys.executable, str(ROOT / "benchmarks" / "nesting.py"), "--peers", "opnllmetry"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert 2 == done.returncode
    assert "opnllmetry" in done.stderr
    assert "openllmetry" in done.stderr
