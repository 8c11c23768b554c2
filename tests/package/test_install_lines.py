"""Every line of README, docs and examples that installs something can be typed as it stands, in the shells there are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .environments import ROOT, Environment, environment

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").glob("*.*"))]
PUBLISHED = "Once it is published, "  # what will hold then is marked by these words
_LINE = re.compile(r'pip install (?:"[^"]*"|[^\s`&#|]+)(?: (?:"[^"]*"|[a-z][^\s`&#|)]*))*')
ELSEWHERE = {"pip install --quiet arize-phoenix", "pip install arize-phoenix"}  # tests/test_phoenix.py does that


def lines() -> dict[str, list[str]]:
    """Return each line that installs something, with the pages that show it."""
    found: dict[str, list[str]] = {}
    for page in PAGES:
        for line in page.read_text(encoding="utf-8").splitlines():
            if not line.startswith(PUBLISHED) and "error" not in page.stem:
                for command in _LINE.findall(line):
                    found.setdefault(command, []).append(page.name)
    return {line: pages for line, pages in found.items() if line not in ELSEWHERE}


def test_the_lines_are_found() -> None:
    """The pages name the clone, extras in double quotes: cmd.exe takes single ones for a part of the name."""
    assert 'pip install ".[langchain,cli]"' in lines()
    assert [] == [line for line in lines() if "'" in line or re.search(r"[^\"]\.\[|spancast\[", line)]


def test_what_will_hold_after_publication_is_said_where_one_installs() -> None:
    """In README and on the first page, once each."""
    said = [page.name for page in PAGES if PUBLISHED in page.read_text(encoding="utf-8")]
    assert ["README.md", "index.md"] == said


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder as a clone has it."""
    folder = tmp_path_factory.mktemp("fresh") / "spancast"
    skipped = shutil.ignore_patterns(".*", "__pycache__", "site", "dist", "build")
    shutil.copytree(ROOT, folder, ignore=skipped)
    return folder


@pytest.mark.parametrize("line", lines())
def test_the_line_installs(line: str, clone: Path, tmp_path: Path) -> None:
    """In the clone, in an environment that has nothing but pip; spancast is there where it asks for it."""
    made: Environment = environment(tmp_path / "environment", seed=True)
    path = os.pathsep.join([str(made.python.parent), os.environ.get("PATH", "")])
    environ = {**os.environ, "PATH": path, "PIP_NO_COMPILE": "1"}  # nothing is run long enough to be worth compiling
    done = subprocess.run(line, shell=True, cwd=clone, env=environ, capture_output=True, text=True)
    assert 0 == done.returncode, done.stdout + done.stderr
    if '".[' in line:
        assert made.run("python", "-c", "import spancast").status == 0
