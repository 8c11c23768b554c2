"""Every page's code runs, its commands exist, its settings load, and what it shows as printed is what was printed."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from spancast.config import project_file, schema
from spancast.config.sources import Sources

from ..receivers.recording import recording_receiver
from . import given
from .pages import ROOT, Block, blocks, holds, name_of, pages, plain_lines
from .program import Program, clean_up, forget_settings, only_to

WIDTH = 100
UPDATE = "UPDATE_GOLDENS" in os.environ
WITH_CODE = [page for page in pages() if any(block.language in ("python", "sh") for block in blocks(page))]
TOML = [block for page in pages() for block in blocks(page) if block.language == "toml"]


@pytest.mark.parametrize("page", WITH_CODE, ids=name_of)
def test_the_pages_code_runs_and_prints_what_it_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In order, in one program and one folder, as a reader would; marked blocks are what was printed before them."""
    forget_settings(monkeypatch, tmp_path)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    written: list[tuple[Block, str]] = []
    with recording_receiver() as receiver:
        only_to(receiver, monkeypatch)
        program = Program(receiver, given.names(name_of(page)), monkeypatch)
        try:
            for block in blocks(page):
                if block.skipped:
                    continue
                if block.language == "text" and (block.mark or "").startswith("printed"):
                    written.append((block, program.shown()))
                program.run(block)
        finally:
            clean_up()
    if UPDATE:
        update(page, written)
        written = []
    for block, printed in written:
        shown, seen = plain_lines(block.text), plain_lines(printed)
        if block.mark == "printed: part":
            assert holds(shown, seen), f"{block.where} shows lines that were not printed:\n{printed}"
        else:
            assert shown == seen, block.where
    paths = ("/traces", "/v0.9", "/metrics")
    assert [] == [request.path for request in receiver.requests if not request.path.endswith(paths)]


def update(page: Path, written: list[tuple[Block, str]]) -> None:
    """Write what was printed into the page, where all of it is shown."""
    source = page.read_text(encoding="utf-8")
    for block, printed in reversed(written):
        if block.mark == "printed" and plain_lines(block.text) != plain_lines(printed):
            text = "".join(line.rstrip() + "\n" for line in printed.strip("\n").splitlines())
            source = source[: block.span[0]] + text + source[block.span[1] :]
    page.write_text(source, encoding="utf-8")


@pytest.mark.parametrize("block", TOML, ids=lambda block: block.where)
def test_the_settings_load(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block of TOML is read as a project's file, and its destinations are made."""
    for name in ("COLLECTOR_TOKEN", "ARIZE_API_KEY", "ARIZE_SPACE_ID", "HONEYCOMB_API_KEY"):
        monkeypatch.setenv(name, "U3BhY2U6MTpzYW1wbGU=")
    table = tomllib.loads(block.text)
    table = table.get("tool", {}).get("spancast", table)
    project = project_file.read_table(table, block.where, schema.FILE_NAMES)
    assert project.general or project.entries
    found = Sources(environ={}, project=project)
    for setting in schema.GENERAL:
        found.of_file(setting)
    for entry in project.entries:
        assert entry.name == entry.destination().name


def test_nothing_is_marked_in_vain() -> None:
    """Every mark is one that the tests know, and whoever skips a block says why."""
    for page in pages():
        for block in blocks(page):
            known = block.mark in (None, "printed", "printed: part") or block.skipped
            assert known, block.where
            assert block.language, f"{block.where} names no language"


def test_no_line_of_code_is_cut() -> None:
    """A column of the site has room for 100 characters."""
    code = [block for page in pages() for block in blocks(page) if block.language != "text"]
    assert [] == [block.where for block in code if any(len(line) > WIDTH for line in block.text.splitlines())]


def test_the_code_is_formatted(tmp_path: Path) -> None:
    """As the project's own, in shorter lines."""
    for page in pages():
        for block in blocks(page):
            if block.language == "python":
                (tmp_path / f"{page.stem}_{block.line}.py").write_text(block.text, encoding="utf-8")
    arguments = ["format", "--check", "--line-length", "96", "--config", str(ROOT / "pyproject.toml"), str(tmp_path)]
    done = subprocess.run([sys.executable, "-m", "ruff", *arguments], capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout
