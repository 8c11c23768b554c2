"""Whoever follows "Add a backend in 15 minutes" has a backend: its preset, its command, its page, its tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Add a backend in 15 minutes\n")[2].partition("\n## Debug a lane")[0]
NEEDED = ("src", "tests", "docs", "examples", "integrations", "benchmarks", "scripts")


def blocks(step: str) -> str:
    """Return the first code block of a step."""
    text = SECTION.partition(f"**{step}.**")[2]
    found = re.search(r"^(```+)\w*\n(.*?)^\1$", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[2]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the project in a folder of its own, with the steps done."""
    folder = tmp_path_factory.mktemp("clone")
    for name in NEEDED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in [*ROOT.glob("*.md"), ROOT / "pyproject.toml", ROOT / "mkdocs.yml"]:
        shutil.copy(file, folder)
    package = folder / "src" / "spancast" / "destinations"
    (package / "backends" / "acme.py").write_text(blocks("1"))
    init = (package / "__init__.py").read_text()
    (package / "__init__.py").write_text(
        init.replace("from .backends.arize import", blocks("2") + "from .backends.arize import", 1).replace(
            '    "arize",\n', '    "acme",\n    "arize",\n', 1
        )
    )
    table = folder / "tests" / "destinations" / "test_backends.py"
    table.write_text(
        re.sub(r"(?m)^(TABLE: .* = \[\n)", lambda found: found[1] + blocks("3"), table.read_text(), count=1)
    )
    (folder / "docs" / "backends" / "acme.md").write_text(blocks("4"))
    nav = folder / "mkdocs.yml"
    nav.write_text(
        nav.read_text().replace("      - backends/arize.md\n", "      - backends/acme.md\n      - backends/arize.md\n")
    )
    return folder


def run(clone: Path, *command: str, **environ: str) -> str:
    """Run *command* in the clone, whose package comes before the installed one."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=clone,
        env={**os.environ, "PYTHONPATH": str(clone / "src"), **environ},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_its_steps_make_a_backend(clone: Path) -> None:
    """The commands of step 5 pass, and the public API has the preset and its command."""
    commands = [line for line in blocks("5").splitlines() if "scripts/test" in line]
    assert 3 == len(commands)
    for line in commands:
        goldens = {"UPDATE_GOLDENS": "1"} if line.startswith("UPDATE_GOLDENS=1 ") else {}
        arguments = line.partition("scripts/test ")[2].replace('"', "").split(" ", 2)
        run(clone, "-m", "pytest", "-q", "-m", "not slow", *arguments, **goldens)
    written = (clone / "tests" / "public_api.txt").read_text()
    assert "acme(*, token: str | None = None" in written
    assert "spancast destinations add acme" in written
    assert "--dataset" in run(clone, "-m", "spancast", "destinations", "add", "acme", "--help")


@pytest.mark.slow
def test_the_file_is_written_as_the_project_wants_it(clone: Path) -> None:
    """Style and types."""
    file = "src/spancast/destinations/backends/acme.py"
    run(clone, "-m", "ruff", "check", file, "src/spancast/destinations/__init__.py")
    run(clone, "-m", "ruff", "format", "--check", file)
    run(clone, "-m", "mypy", file, "--cache-dir", str(ROOT / ".mypy_cache" / "contributing"))
