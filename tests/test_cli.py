"""The command line, from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import spancast
from spancast import cli, destinations

from .shell import run_here


def run(
    *arguments: str, cwd: Path, width: int | None = 100, encoding: str = "utf-8", stdin: bytes = b""
) -> subprocess.CompletedProcess[str]:
    """Run `spancast` with *arguments*; without a *width*, as a pipe that knows of no terminal."""
    environ = {**os.environ, "NO_COLOR": "1", "PYTHONIOENCODING": encoding}
    environ.pop("COLUMNS", None)
    if width is not None:
        environ["COLUMNS"] = str(width)
    if width is not None and encoding == "utf-8":
        return run_here(*arguments, cwd=cwd, environ=environ, stdin=stdin)
    done = subprocess.run(
        [sys.executable, "-c", "from spancast.cli import main; main()", *arguments],
        capture_output=True,
        input=stdin,
        timeout=60,
        cwd=cwd,
        env=environ,
    )
    texts = (text.decode(encoding).replace(os.linesep, "\n") for text in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(done.args, done.returncode, *texts)


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
        "Show traces from a file of OTLP JSON lines",
        "serve",
        "diff",
        "mcp",
    ):
        assert True is (part in done.stdout)


@pytest.mark.parametrize(
    ("command", "parts"),
    [("view", ["A file (- is standard input)", "--last", "--search", "--html"]), ("demo", ["--file", "Needs no key"])],
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


def test_view_of_a_folder_names_a_file_in_it(tmp_path: Path) -> None:
    """A folder is not a file of lines: one sentence that says what to type."""
    done = run("view", ".", cwd=tmp_path)
    expected = "spancast: . is a folder: name a file of OTLP JSON lines in it, such as traces.jsonl.\n"
    assert (2, "", expected) == (done.returncode, done.stdout, done.stderr)


def test_view_reads_standard_input(tmp_path: Path) -> None:
    """`-` is standard input, as in other commands."""
    traces(tmp_path / "t.jsonl", "piped")
    done = run("view", "-", cwd=tmp_path, stdin=(tmp_path / "t.jsonl").read_bytes())
    assert (0, "") == (done.returncode, done.stderr)
    assert "CHAIN piped" in done.stdout
    nothing = run("view", "-", cwd=tmp_path)
    expected = "spancast: there are no spans in OTLP JSON lines in standard input.\n"
    assert (2, expected) == (nothing.returncode, nothing.stderr)


def test_the_demo_says_at_once_that_it_cannot_write_its_file(tmp_path: Path) -> None:
    """Before it runs, in one sentence with what to type instead."""
    (tmp_path / "blocked").write_text("a file, where a folder is wanted")
    done = run("demo", "--file", "blocked/traces.jsonl", cwd=tmp_path)
    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("spancast: cannot write blocked/traces.jsonl: ")
    assert done.stderr.endswith("Name another file: spancast demo --file PATH.\n")


def test_the_version_is_printed(tmp_path: Path) -> None:
    """`spancast --version`, as of every command."""
    done = run("--version", cwd=tmp_path)
    assert (0, f"spancast {spancast.__version__}\n", "") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("encoding", "lead"), [("ascii", "`- "), ("cp1252", "`- "), ("cp437", "└─ "), ("utf-8", "└─ ")]
)
def test_a_tree_is_written_in_any_encoding(encoding: str, lead: str, tmp_path: Path) -> None:
    """What an encoding does not have is replaced by something plainer of the same width; nothing fails."""
    traces(tmp_path / "t.jsonl", "café 名")
    done = run("view", "t.jsonl", cwd=tmp_path, encoding=encoding)
    assert (0, "") == (done.returncode, done.stderr)
    assert f"{lead}CHAIN inside caf" in done.stdout


def test_doctor_is_written_in_any_encoding(tmp_path: Path) -> None:
    """Its check marks, too."""
    doctor = run("doctor", cwd=tmp_path, encoding="ascii")
    assert (0, "") == (doctor.returncode, doctor.stderr)


def test_a_pipe_is_120_wide(tmp_path: Path) -> None:
    """Where there is no terminal and no COLUMNS, a tree is not cut at 80."""
    traces(tmp_path / "t.jsonl", "n" * 200)
    done = run("view", "t.jsonl", cwd=tmp_path, width=None)
    assert 120 == max(len(line.rstrip()) for line in done.stdout.splitlines())


HOSTILE = "\x1b[2J\x1b]0;owned\x07[bold red]x[/]\u202e\x00"


@pytest.mark.parametrize(
    "changes",
    [
        {"name": HOSTILE},
        {"traceId": HOSTILE},
        {"spanId": {"a": 1}},
        {"traceId": ["a"]},
        {"parentSpanId": ["a"]},
        {"parentSpanId": HOSTILE},
        {"startTimeUnixNano": "9" * 4000, "endTimeUnixNano": "-5"},
        {"startTimeUnixNano": 1e300},
        {"startTimeUnixNano": {"a": 1}},
        {"status": {"code": 2, "message": HOSTILE}},
        {"status": ["x"]},
        {"attributes": [{"key": "openinference.span.kind", "value": {"stringValue": HOSTILE}}]},
        {"attributes": [{"key": "gen_ai.operation.name", "value": {"arrayValue": {}}}]},
        {"attributes": [{"key": "llm.cost.total", "value": {"doubleValue": "NaN"}}]},
        {"attributes": [{"key": "llm.cost.total", "value": {"doubleValue": "Infinity"}}]},
        {"attributes": [{"key": "llm.cost.total", "value": {"doubleValue": 1e-300}}]},
        {"attributes": [{"key": "llm.token_count.prompt", "value": {"intValue": "9" * 4000}}]},
        {"attributes": [{"key": "llm.token_count.prompt", "value": {"doubleValue": "Infinity"}}]},
        {"attributes": [{"key": "user.id", "value": {"stringValue": HOSTILE}}]},
        {"attributes": [{"key": "session.id", "value": {"kvlistValue": {"values": []}}}]},
        {"attributes": {"a": 1}},
    ],
)
def test_hostile_lines_neither_fail_nor_reach_the_terminal(changes: dict[str, Any], tmp_path: Path) -> None:
    """No escape sequence, no markup and no traceback, whatever stands in a file; the good span is shown all the same."""
    good = {"traceId": "a", "spanId": "1", "name": "good", "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
    lines = ({**good, "spanId": "2", **changes}, {**good, "traceId": "b"})
    written = "\n".join(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [line]}]}]}) for line in lines)
    (tmp_path / "t.jsonl").write_text(written)
    done = CliRunner().invoke(
        cli.commands(), ["view", str(tmp_path / "t.jsonl"), "--last", "9"], env={"COLUMNS": "100"}
    )
    assert (0, None) == (done.exit_code, done.exception)
    assert "CHAIN good" in done.output
    assert set() == {char for char in done.output if not char.isprintable()} - {"\n"}
    assert 100 >= max(map(len, done.output.splitlines()))


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"garbage\n", b"\x00\xff\xfe", b'{"resourceSpans":[]}\n', b'{"a":1}\n[1]\n3\n']
)
def test_view_of_a_file_without_spans_says_so(content: bytes, tmp_path: Path) -> None:
    """An empty or foreign file is a plain sentence and exit status 2, never a traceback."""
    (tmp_path / "t.jsonl").write_bytes(content)
    done = run("view", "t.jsonl", cwd=tmp_path)
    expected = "spancast: there are no spans in OTLP JSON lines in t.jsonl.\n"
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


def test_a_list_of_commands_has_whole_clauses(tmp_path: Path) -> None:
    """In a terminal of 80 columns no line ends in the middle of a sentence, and arguments are named as options."""
    for arguments in ([], ["destinations"], ["destinations", "add"]):
        done = run(*arguments, "--help", cwd=tmp_path, width=80)
        listed = done.stdout.partition("Commands:\n")[2].splitlines()
        assert listed
        assert [] == [line for line in listed if not line.endswith(".") or line.endswith("...")]
    done = run("destinations", "add", "signoz", "--help", cwd=tmp_path)
    assert "--base-url to a SigNoz of your own" in done.stdout
    assert "*" not in done.stdout.replace("\n  * ", "\n")
