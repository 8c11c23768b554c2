"""Workers that get a handler in a pickle: where their spans go, when they have not called `configure` themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import multiprocessing, sys
import spancast
from langchain_core.runnables import RunnableLambda
from spancast import destinations
from spancast.langchain import SpancastCallbackHandler

def work(handler):
    RunnableLambda(str).invoke(1, {"callbacks": [handler]})
    spancast.flush(5)
    return repr(spancast.report())

if __name__ == "__main__":
    if sys.argv[1] == "configured":
        spancast.configure(destinations.memory())
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply(work, (SpancastCallbackHandler(),)))
"""


@pytest.mark.parametrize(
    ("parent", "named", "recorded", "file"),
    [
        ("configured", {}, "a handler came to this worker from a process that has called spancast.configure()", False),
        ("configured", {"SPANCAST_FILE": "mine.jsonl"}, "file: 1 delivered", False),
        ("not configured", {}, "file: 1 delivered", True),
    ],
)
def test_a_workers_spans_make_no_file_that_nobody_asked_for(
    parent: str, named: dict[str, str], recorded: str, file: bool, tmp_path: Path
) -> None:
    """Its parent's destinations do not come along: that is said, and the local file is for who has none anywhere."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, program, parent],
        cwd=tmp_path,
        env={**os.environ, **named},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert recorded in done.stdout, done.stderr
    assert file is (tmp_path / ".spancast").exists()
