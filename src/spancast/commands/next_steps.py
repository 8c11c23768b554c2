"""What one may type after the demo: lines that work where the reader stands."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

APPLICATION = """\
from langchain_core.runnables import RunnableLambda
from spancast.langchain import SpancastCallbackHandler

shout = RunnableLambda(str.upper, name="shout")  # your chain, agent or graph
tracing = {"callbacks": [SpancastCallbackHandler()]}
print(shout.invoke("hello", tracing))
"""


def command(program: str | None = None) -> str:
    """Return how this command line is called from the folder in which the reader stands.

    Its name alone where the shell finds it, else the path to it; `python -m spancast` where it was started like that.
    """
    called = Path(program or sys.argv[0])
    if called.name == "__main__.py" and called.parent.name == "spancast":
        return f"{python()} -m spancast"
    return _reachable(called) if called.stem == "spancast" else "spancast"


def python() -> str:
    """Return how this interpreter is called from the folder in which the reader stands."""
    return _reachable(Path(sys.executable))


def next_steps(file: Path) -> str:
    """Return three things to do after the demo, whose trace lies in *file*: each line can be pasted as it stands."""
    phoenix = _in_environment(".phoenix", "phoenix")
    install = f"{python()} -m venv .phoenix && {_in_environment('.phoenix', 'pip')} install --quiet arize-phoenix"
    return "\n".join(
        (
            "",
            "1. This trace again, in the terminal and as a page for the browser:",
            f"{command()} view {shlex.quote(str(file))}",
            f"{command()} view {shlex.quote(str(file))} --html trace.html",
            "",
            "2. An application of your own, in six lines:",
            *_saved_as("app.py"),
            f"{python()} app.py && {command()} view",
            "",
            "3. To Phoenix, in the browser at http://localhost:6006; it takes a terminal of its own:",
            f"{install} && {phoenix} serve",
            f"{_setting('SPANCAST_DESTINATIONS', 'phoenix')} {command()} demo",
        )
    )


def _saved_as(name: str) -> tuple[str, ...]:
    """Return what puts the application into a file."""
    lines = APPLICATION.rstrip("\n").split("\n")
    return (f"(save as {name})", *lines, "") if os.name == "nt" else (f"cat >{name} <<'END'", *lines, "END")


def _in_environment(folder: str, program: str) -> str:
    return f"{folder}\\Scripts\\{program}" if os.name == "nt" else f"{folder}/bin/{program}"


def _reachable(program: Path) -> str:
    """Return the name of a program where the shell finds this very one, else a path that leads to it from here."""
    found = shutil.which(program.name)
    if found is not None and Path(found).absolute() == program.absolute():
        return program.name
    path = os.path.relpath(program) if program.is_relative_to(Path.cwd()) else str(program)
    return shlex.quote(path)


def _setting(name: str, value: str) -> str:
    """Return what sets an environment variable for one command, in this system's shell."""
    return f"set {name}={value}&&" if os.name == "nt" else f"{name}={value}"
