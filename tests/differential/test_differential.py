"""The same applications under spancast and under two other tracers: all differences are known, and each has a reason."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from .compare import Found, differences
from .intended import OPENINFERENCE, OTEL, Intended, rendered
from .record import Record

ROOT = Path(__file__).parents[2]
ALL = frozenset({"CHAIN", "AGENT", "LLM", "TOOL", "RETRIEVER", "PROMPT"})
# chains have no span in the conventions for generative AI: compared is what has one
NAMED = frozenset({"AGENT", "LLM", "TOOL", "RETRIEVER"})
PAIRS = [
    pytest.param("openinference", "spancast-openinference", ALL, OPENINFERENCE, id="openinference"),
    pytest.param("otel", "spancast-gen_ai", NAMED, OTEL, id="opentelemetry"),
]
MODULES = {
    "openinference": "openinference.instrumentation.langchain",
    "otel": "opentelemetry.instrumentation.genai.langchain",
}


def recorded(tracer: str) -> Record:
    """Return what a tracer records, in a process of its own."""
    command = [sys.executable, "-m", "tests.differential.record", tracer]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "LANG"))}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=300
    )
    record: Record = json.loads(done.stdout.splitlines()[-1])
    return record


def covers(intended: Intended, found: Found) -> bool:
    return (
        intended.side == found.side
        and fnmatchcase(found.kind, intended.kind)
        and fnmatchcase(found.what, intended.what)
    )


@pytest.mark.parametrize(("peer", "ours", "kinds", "intended"), PAIRS)
def test_every_difference_is_intended(
    peer: str, ours: str, kinds: frozenset[str], intended: tuple[Intended, ...]
) -> None:
    """Trees and attributes are the same but for the listed differences; a listed one that is gone is taken off the list."""
    try:
        installed = importlib.util.find_spec(MODULES[peer])
    except ModuleNotFoundError:
        installed = None
    if installed is None:
        pytest.skip(f"{MODULES[peer]} is not installed")
    found = differences(recorded(peer), recorded(ours), kinds)
    unknown = {one: examples[0] for one, examples in found.items() if not any(covers(known, one) for known in intended)}
    assert {} == unknown
    gone = [known for known in intended if not any(covers(known, one) for one in found)]
    assert [] == gone


def test_the_written_list_is_the_one_that_is_compared() -> None:
    """DIFFERENCES.md says what the lists say."""
    path = Path(__file__).parent / "DIFFERENCES.md"
    if os.environ.get("UPDATE_GOLDENS"):
        path.write_text(rendered())
    assert path.read_text() == rendered()
