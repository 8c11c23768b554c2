"""The command line, from outside."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import spancast
from spancast import cli, destinations


def run(*arguments: str, cwd: Path, width: int = 100) -> subprocess.CompletedProcess[str]:
    """Run `spancast` with *arguments*."""
    return subprocess.run(
        [sys.executable, "-c", "from spancast.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=cwd,
        env={**os.environ, "COLUMNS": str(width), "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
    )


def traces(path: Path, *names: str) -> None:
    """Write a trace for each name."""
    with spancast.Pipeline(destinations.file(path)):
        for name in names:
            with spancast.trace(trace_name=name), spancast.trace(span_name=f"inside {name}"):
                pass


def test_help_names_the_commands(tmp_path: Path) -> None:
    """Plain text with what there is, and a sentence for each."""
    done = run("--help", cwd=tmp_path)
    assert (0, "") == (done.returncode, done.stderr)
    for part in (
        "Traces of LangChain",
        "demo",
        "scripted LangGraph agent",
        "view",
        "Show traces from a file of OTLP JSON lines.",
    ):
        assert True is (part in done.stdout)


@pytest.mark.parametrize(
    ("command", "parts"),
    [("view", ["A file of OTLP JSON lines", "--last", ".spancast/traces.jsonl"]), ("demo", ["--file", "Needs no key"])],
)
def test_help_of_a_command_names_its_options(command: str, parts: list[str], tmp_path: Path) -> None:
    """Options with their defaults."""
    done = run(command, "--help", cwd=tmp_path)
    assert (0, "") == (done.returncode, done.stderr)
    assert [] == [part for part in parts if part not in done.stdout]


def test_without_a_command_the_help_is_shown(tmp_path: Path) -> None:
    """Nobody is left with an empty screen."""
    done = run(cwd=tmp_path)
    assert True is ("Usage: " in done.stdout + done.stderr and "view" in done.stdout + done.stderr)


def test_view_without_a_file_says_what_to_do(tmp_path: Path) -> None:
    """A missing file is a plain sentence and exit status 2."""
    done = run("view", cwd=tmp_path)
    expected = "spancast: there is no file .spancast/traces.jsonl: run your application first, or `spancast demo`.\n"
    assert (2, "", expected) == (done.returncode, done.stdout, done.stderr)


def test_view_of_a_folder_says_that_it_is_no_file(tmp_path: Path) -> None:
    """A folder is not a file of lines."""
    done = run("view", ".", cwd=tmp_path)
    assert (2, "") == (done.returncode, done.stdout)
    assert True is done.stderr.startswith("spancast: there is no file .:")


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"garbage\n", b"\x00\xff\xfe", b'{"resourceSpans":[]}\n', b'{"a":1}\n[1]\n3\n']
)
def test_view_of_a_file_without_spans_says_so(content: bytes, tmp_path: Path) -> None:
    """An empty or foreign file is a plain sentence and exit status 2, never a traceback."""
    (tmp_path / "t.jsonl").write_bytes(content)
    done = run("view", "t.jsonl", cwd=tmp_path)
    expected = "spancast: t.jsonl holds no spans in OTLP JSON lines.\n"
    assert (2, "", expected) == (done.returncode, done.stdout, done.stderr)


def test_view_shows_the_newest_trace(tmp_path: Path) -> None:
    """The last one, as a tree; the default file needs no argument."""
    traces(tmp_path / ".spancast" / "traces.jsonl", "early", "second")
    done = run("view", cwd=tmp_path)
    assert (0, "") == (done.returncode, done.stderr)
    assert (True, True, False) == (
        "CHAIN second" in done.stdout,
        "└─ CHAIN inside second" in done.stdout,
        "early" in done.stdout,
    )


def test_view_shows_as_many_traces_as_asked_for(tmp_path: Path) -> None:
    """`--last 2` shows two, the newest last; more than there are shows all."""
    traces(tmp_path / "t.jsonl", "early", "second", "third")
    two, all_of_them = (run("view", "t.jsonl", "--last", count, cwd=tmp_path).stdout for count in ("2", "99"))
    assert (False, True) == ("early" in two, two.index("CHAIN second") < two.index("CHAIN third"))
    assert [True] * 3 == [f"CHAIN {name}" in all_of_them for name in ("early", "second", "third")]


@pytest.mark.parametrize(
    "arguments", [("view", "--last", "0"), ("view", "--last", "x"), ("nothing",), ("view", "--no")]
)
def test_wrong_arguments_are_said_and_end_with_2(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """The usual exit status, and no traceback."""
    done = run(*arguments, cwd=tmp_path)
    assert (2, False) == (done.returncode, "Traceback" in done.stderr)
    assert True is ("Usage: " in done.stderr)


def test_without_the_cli_extra_the_user_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The core package has no typer; the command says which extra does."""
    monkeypatch.setitem(sys.modules, "typer", None)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert (2, 'The command line needs more packages: pip install "spancast[cli]"\n') == (
        caught.value.code,
        capsys.readouterr().err,
    )
