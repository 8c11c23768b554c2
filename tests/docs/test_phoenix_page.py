"""Whoever follows "Phoenix in five minutes" sees what its pictures show: a real Phoenix, the page's lines, a browser."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..browser import needs_chromium, picture, running_chromium
from ..receivers.arize_phoenix import Phoenix, running_phoenix
from .pages import DOCS, blocks, commands_in

pytest.importorskip("playwright.sync_api")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="the virtual environment's layout is Unix's"),
    needs_chromium,
]
PAGE = DOCS / "start" / "phoenix.md"


@pytest.fixture(scope="module")
def phoenix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phoenix]:
    """Return a Phoenix as `phoenix serve` starts it: without keys."""
    with running_phoenix(tmp_path_factory.mktemp("phoenix")) as phoenix:
        yield phoenix


@pytest.fixture(scope="module")
def tab() -> Iterator[Any]:
    """Return a browser's tab."""
    with running_chromium() as browser:
        context = browser.new_context(viewport={"width": 1400, "height": 850}, color_scheme="light")
        yield context.new_page()
        context.close()


def followed(phoenix: Phoenix, folder: Path, *command: str) -> None:
    """Run a command of the page in *folder*; Phoenix's port differs, nothing else."""
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SPANCAST_", "OTEL_"))}
    environ = {**kept, "PATH": programs, "PHOENIX_COLLECTOR_ENDPOINT": phoenix.url}
    subprocess.run(command, cwd=folder, env=environ, check=True, capture_output=True, timeout=120)


def project(phoenix: Phoenix, name: str) -> str:
    """Return the address of a project's pages."""
    (found,) = [each["id"] for each in phoenix.get("/v1/projects")["data"] if each["name"] == name]
    return f"{phoenix.url}/projects/{found}"


def test_the_demos_trace_is_there(phoenix: Phoenix, tab: Any, tmp_path: Path) -> None:
    """The command of the page's second step; Phoenix shows the tree, and the failed tool."""
    (line,) = [line for block in blocks(PAGE) for line in commands_in(block.text) if line.endswith("spancast demo")]
    followed(phoenix, tmp_path, "sh", "-c", line)
    (root,) = phoenix.get("/v1/projects/default/spans?limit=1&parent_id=null")["data"]
    assert 24 == len(phoenix.stored("default", root["context"]["trace_id"], 24))
    tab.goto(f"{project(phoenix, 'default')}/traces/{root['context']['trace_id']}")
    for name in ("Support request", "Answer the customer", "search_policy"):
        tab.get_by_text(name).first.wait_for()
    tab.get_by_text("Think").first.click()  # a model call: its messages
    tab.get_by_text("You help customers of a shop.").first.wait_for()
    picture(tab, "phoenix-trace")


def test_the_session_is_a_conversation(phoenix: Phoenix, tab: Any, tmp_path: Path) -> None:
    """The program of the page's third step; Phoenix's session view shows both questions and both answers."""
    (program,) = [block.text for block in blocks(PAGE) if block.language == "python"]
    (tmp_path / "app.py").write_text(program)
    followed(phoenix, tmp_path, sys.executable, "app.py")
    sessions = phoenix.get("/v1/projects/shop/sessions")["data"]
    (session,) = [each["id"] for each in sessions if each["session_id"] == "chat-1"]
    tab.goto(f"{project(phoenix, 'shop')}/sessions/{session}")
    for text in ("Where is my order 17?", "It is on its way.", "And order 18?", "It arrives on Friday."):
        tab.get_by_text(text).first.wait_for()
    picture(tab, "phoenix-session")
