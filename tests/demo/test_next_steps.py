"""The lines that the demo ends with work as they stand, in the folder in which the reader stands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spancast.commands import next_steps

from ..receivers.recording import recording_receiver

SPANCAST = Path(sys.executable).with_name("spancast")
BARE = {**os.environ, "PATH": "/usr/bin:/bin", "NO_COLOR": "1", "COLUMNS": "100"}  # no virtual environment is active


def typed(line: str, folder: Path, **environ: str) -> str:
    """Run a line as it would be typed, and return what it printed."""
    shell = ["sh", "-c", line]
    done = subprocess.run(shell, cwd=folder, env={**BARE, **environ}, capture_output=True, text=True, timeout=120)
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


def steps(printed: str) -> dict[str, str]:
    """Return what the demo tells to type, by the number of the step."""
    found: dict[str, list[str]] = {}
    for line in printed.partition("delivery: ")[2].splitlines():
        if line[:2] in ("1.", "2.", "3."):
            found[line[0]] = []
        elif found:
            found[max(found)].append(line)
    return {number: "\n".join(lines).strip() for number, lines in found.items()}


@pytest.fixture(scope="module")
def demonstrated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Return a folder in which the demo ran, and what it said to type."""
    folder = tmp_path_factory.mktemp("demo folder")
    return folder, steps(typed(f"'{SPANCAST}' demo", folder))


def test_the_first_step_shows_the_trace_again(demonstrated: tuple[Path, dict[str, str]]) -> None:
    """The same file: the same tree, and a page that holds it."""
    folder, lines = demonstrated
    assert "CHAIN Support request" in typed(lines["1"], folder)
    assert "Support request" in (folder / "trace.html").read_text("utf-8")


@pytest.mark.slow
def test_the_second_step_is_an_application_of_ones_own(demonstrated: tuple[Path, dict[str, str]]) -> None:
    """Saved, run and shown by pasting the lines; six of them are Python."""
    folder, lines = demonstrated
    printed = typed(lines["2"], folder)
    assert ("HELLO", "CHAIN shout") == (printed.splitlines()[0], printed.split("  ")[-1].strip())
    assert 6 == len((folder / "app.py").read_text().splitlines())


@pytest.mark.slow
def test_the_third_step_sends_to_phoenix(demonstrated: tuple[Path, dict[str, str]]) -> None:
    """The demo's trace arrives where Phoenix listens."""
    folder, lines = demonstrated
    send = lines["3"].splitlines()[-1]
    with recording_receiver() as phoenix:
        printed = typed(send, folder, PHOENIX_COLLECTOR_ENDPOINT=phoenix.url)
        assert "phoenix: 24 delivered" in printed
        assert {"/v1/traces"} == {request.path for request in phoenix.requests}


@pytest.mark.parametrize(
    ("program", "path", "expected"),
    [
        ("{here}/.venv/bin/spancast", "", ".venv/bin/spancast"),
        ("{here}/.venv/bin/spancast", "{here}/.venv/bin", "spancast"),
        ("{here}/.venv/bin/spancast", "{here}/other/bin", ".venv/bin/spancast"),
        (".venv/bin/spancast", "", ".venv/bin/spancast"),
        ("/usr/bin/pytest", "", "spancast"),
        ("{here}/spancast/__main__.py", "", "{python} -m spancast"),
    ],
)
def test_the_command_is_named_as_the_reader_can_call_it(
    program: str, path: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its name only where the shell finds this very one."""
    for folder in (".venv/bin", "other/bin"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "spancast").write_text("#!/bin/sh\n")
        (tmp_path / folder / "spancast").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", path.format(here=tmp_path))
    words = {"here": tmp_path, "python": next_steps.python()}
    assert expected.format(**words) == next_steps.command(program.format(**words))
