"""Readers who check their types lose nothing by copying: `mypy --strict` accepts every block of README and docs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import given
from .pages import ROOT, Block, blocks, name_of, pages

README = ROOT / "README.md"


def modules(page: Path) -> Iterator[list[Block]]:
    """Yield a page's blocks of Python as modules: a new one begins where a name is imported from elsewhere than before."""
    module: list[Block] = []
    origins: dict[str, str] = {}
    for block in blocks(page):
        if block.language != "python" or block.skipped:
            continue
        found = imported(block)
        if any(origins.get(name, origin) != origin for name, origin in found.items()):
            yield module
            module, origins = [], {}
        module.append(block)
        origins.update(found)
    if module:
        yield module


def imported(block: Block) -> dict[str, str]:
    """Return the names that a block imports, and from where."""
    nodes = [node for node in ast.walk(ast.parse(block.text)) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {
        alias.asname or alias.name.partition(".")[0]: f"{getattr(node, 'module', '')}.{alias.name}"
        for node in nodes
        for alias in node.names
        if alias.asname or isinstance(node, ast.ImportFrom)
    }


def given_to_readers(page: Path) -> list[str]:
    """Return what stands for the reader's own objects, whose types nobody knows."""
    names = {"agent"} if page == README else set(given.names(name_of(page)))
    return ["from typing import Any", "import spancast", "from spancast import destinations"] + [
        f"{name}: Any = None" for name in sorted(names)
    ]


@pytest.mark.slow
def test_a_strict_type_checker_accepts_every_block(tmp_path: Path) -> None:
    """In one run: starting it takes longer than checking a page."""
    for page in [README, *pages()]:
        for number, module in enumerate(modules(page)):
            lines = given_to_readers(page)
            for block in module:
                lines += [f"# {block.where}", block.text]
            name = f"{page.relative_to(ROOT).with_suffix('').as_posix()}_{number}"
            (tmp_path / f"{name.replace('/', '_').replace('-', '_')}.py").write_text("\n".join(lines))
    # a cache that stays: the first run reads all of the frameworks
    options = [
        "--strict",
        "--config-file",
        "",
        "--cache-dir",
        str(ROOT / ".mypy_cache" / "pages"),
        "--no-error-summary",
    ]
    done = subprocess.run([sys.executable, "-m", "mypy", *options, str(tmp_path)], capture_output=True, text=True)
    found = [line for line in done.stdout.splitlines() if ": note: " not in line]
    assert (0, []) == (done.returncode, found), "\n".join(found) + done.stderr
