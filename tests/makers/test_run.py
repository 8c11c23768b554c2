"""The command that runs the makers' own tests: what it finds in a checkout, and what its results come to."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from . import run
from .run import SUITES, Difference, differences_in, everywhere_in, suites_in, tally

RESULTS = {
    "tests": {
        "tests/test_a.py::test_right": {"outcome": "passed", "why": ""},
        "tests/test_a.py::test_theirs[1]": {"outcome": "failed", "why": "assert 1 == 2"},
        "tests/test_a.py::test_wrong": {"outcome": "failed", "why": "assert 3 == 4"},
        "tests/test_a.py::test_odd": {"outcome": "skipped", "why": ""},
        "tests/test_b.py": {"outcome": "not importable", "why": "No module named 'boto3'"},
    },
    "not_asked": ["tests/test_a.py::test_private"],
    "absent": [],
}
ON_PURPOSE = (
    Difference(suite=SUITES[0], tests="tests/test_a.py::test_theirs[*]", kind="a", because="Ours is otherwise."),
    Difference(suite=SUITES[1], tests="*", kind="b", because="Of another suite."),
)


def test_results_become_a_pass_rate() -> None:
    """What passed of what could be asked; what differs on purpose has its reason, what differs otherwise what was seen."""
    found = tally(SUITES[0], RESULTS, ON_PURPOSE)
    assert (("tests/test_a.py::test_theirs[1]", ON_PURPOSE[0]),) == found.intended
    assert () == found.stale
    assert (("tests/test_a.py::test_wrong", "assert 3 == 4"),) == found.different
    assert (3, 2, 1) == (found.asked, found.not_asked, len(found.needs))
    assert f"{SUITES[0]}: 1 of 3 pass (33 %), 1 differ on purpose, 1 differ; 2 not asked" == str(found)


@pytest.mark.parametrize(
    ("pattern", "is_stale"),
    [
        ("tests/test_a.py::test_theirs[1]", False),
        ("tests/test_a.py::test_right", True),  # it passes
        ("tests/test_a.py::test_*", True),  # it has one that passes
        ("tests/test_a.py::test_gone", True),  # there is none any more
        ("tests/test_a.py::test_odd", True),  # skipped: it differs in nothing
        ("tests/test_c.py::test_elsewhere", False),  # of a file that is not in the checkout
    ],
)
def test_an_entry_that_is_not_needed_is_stale(pattern: str, is_stale: bool) -> None:
    """A listed difference that passes, or that no test has, is named; an entry for a file that was not run is not."""
    listed = Difference(suite=SUITES[0], tests=pattern, kind="a", because="Ours is otherwise.")
    assert is_stale == (pattern in tally(SUITES[0], RESULTS, (listed,)).stale)


def test_brackets_of_a_pattern_are_brackets() -> None:
    """A test id has its parameters in brackets; only `*` stands for any text."""
    listed = Difference(suite=SUITES[0], tests="a::b[*-1]", kind="a", because="c.")
    assert [True, False, False] == [listed.matches(test) for test in ("a::b[x-1]", "a::b*-", "a::b[x-1]2")]


def test_nothing_that_could_be_asked_is_no_division() -> None:
    """A suite of which nothing could be imported."""
    assert "0 of 0 pass (0 %)" in str(tally(SUITES[0], {"tests": {}, "not_asked": []}, ()))


@pytest.mark.parametrize(
    ("folder", "suite"),
    [
        ("python/instrumentation/openinference-instrumentation-langchain", SUITES[0]),
        ("openinference-instrumentation-llama-index", SUITES[1]),
        ("opentelemetry_instrumentation_genai_langchain-1.3b0", SUITES[2]),
    ],
)
def test_a_clone_and_a_source_distribution_are_checkouts(folder: str, suite: str, tmp_path: Path) -> None:
    """At any depth; a package without tests is none."""
    (tmp_path / folder / "tests").mkdir(parents=True)
    (tmp_path / "elsewhere" / "openinference-instrumentation-langchain").mkdir(parents=True)
    assert [(suite, tmp_path / folder)] == list(suites_in(tmp_path))
    assert [(suite, tmp_path / folder)] == list(suites_in(tmp_path / folder))


def test_the_list_of_differences_says_why() -> None:
    """Each has a suite that there is, a pattern of its own, and a sentence."""
    listed = differences_in(Path(run.__file__).with_name("differences.json"))
    assert {each.suite for each in listed} <= set(SUITES)
    assert all(each.because.endswith(".") and "::" in each.tests and each.kind for each in listed)
    assert len(listed) == len({(each.suite, each.tests) for each in listed})


def test_what_is_set_aside_has_a_function_and_a_reason() -> None:
    """Each name in the list is one of the functions, and each function is in the list."""
    aside = everywhere_in(Path(run.__file__).with_name("differences.json"))
    functions = re.findall(
        r"^def (\w+)\(spans: Spans\)", Path(run.__file__).with_name("set_aside.py").read_text(), re.M
    )
    assert {*functions, "expired_spans"} == {each.name for each in aside}
    assert all(each.because.endswith(".") for each in aside)


@pytest.mark.slow
def test_a_suite_is_run_with_spancast_in_place(tmp_path: Path) -> None:
    """A package with a test in the makers' manner: its instrumentor is ours, and its exporter has the spans."""
    tests = tmp_path / SUITES[0] / "tests"
    tests.mkdir(parents=True)
    (tests / "test_own.py").write_text(
        "from langchain_core.runnables import RunnableLambda\n"
        "from openinference.instrumentation.langchain import LangChainInstrumentor\n"
        "def test_a_run_is_a_span(tracer_provider, span_exporter):\n"
        "    LangChainInstrumentor().instrument(tracer_provider=tracer_provider)\n"
        "    RunnableLambda(lambda x: x, name='step').invoke(1)\n"
        "    LangChainInstrumentor().uninstrument()\n"
        "    (span,) = span_exporter.get_finished_spans()\n"
        "    assert ('step', 'spancast') == (span.name, span.instrumentation_scope.name)\n"
        "def test_private():\n"
        "    assert False\n"
    )
    command = [sys.executable, str(Path(run.__file__)), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert f"{SUITES[0]}: 1 of 1 pass (100 %), 0 differ on purpose, 0 differ; 1 not asked" in done.stdout, json.dumps(
        [done.stdout[-2000:], done.stderr[-2000:]]
    )
    assert 0 == done.returncode
