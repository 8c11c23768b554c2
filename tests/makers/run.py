"""Runs the makers' own tests of their instrumentations with spancast in their place, and prints a pass rate.

    scripts/makers-tests CHECKOUT...

A CHECKOUT is a folder in which, at any depth, the packages of OpenInference (`openinference-instrumentation-langchain`,
`-llama-index`) or of OpenTelemetry (`opentelemetry-instrumentation-genai-langchain`) stand with their tests: a clone, or an
unpacked source distribution. None of their code is here. `differences.json` says which results differ on purpose, and why;
what differs and is not in it makes the command fail.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SUITES = (
    "openinference-instrumentation-langchain",
    "openinference-instrumentation-llama-index",
    "opentelemetry-instrumentation-genai-langchain",
)
_OPTIONS = (
    "-q",
    "--continue-on-collection-errors",
    "--tb=short",
    "-p",
    "no:cacheprovider",
    "-p",
    "spancast_in_place",
    "-o",
    "asyncio_mode=auto",
)
_TIMEOUT = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Results that differ from the makers' on purpose: *tests* is a pattern of test ids, *because* the reason."""

    suite: str
    tests: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How one suite went: test ids, those that differ each with what was seen."""

    suite: str
    passed: tuple[str, ...]
    intended: tuple[tuple[str, str], ...]
    different: tuple[tuple[str, str], ...]
    not_asked: int
    needs: tuple[str, ...]

    @property
    def asked(self) -> int:
        """Return how many tests could be asked of us."""
        return len(self.passed) + len(self.intended) + len(self.different)

    def __str__(self) -> str:
        share = 100 * len(self.passed) / self.asked if self.asked else 0.0
        return (
            f"{self.suite}: {len(self.passed)} of {self.asked} pass ({share:.0f} %), "
            f"{len(self.intended)} differ on purpose, {len(self.different)} differ; {self.not_asked} not asked"
        )


def tally(suite: str, results: dict[str, Any], differences: tuple[Difference, ...]) -> Tally:
    """Return what *results*, as the plugin wrote them, come to. Pure."""
    passed, intended, different, needs = [], [], [], []
    skipped = 0
    own = [each for each in differences if each.suite == suite]
    for test, seen in results["tests"].items():
        if seen["outcome"] in ("passed", "expected failure"):
            passed.append(test)
        elif seen["outcome"] == "skipped":
            skipped += 1
        elif seen["outcome"] == "not importable":
            needs.append(f"{test}: {seen['why']}")
        elif because := next((each.because for each in own if fnmatch(test, each.tests)), None):
            intended.append((test, because))
        else:
            different.append((test, seen["why"]))
    return Tally(
        suite=suite,
        passed=tuple(passed),
        intended=tuple(intended),
        different=tuple(different),
        not_asked=len(results["not_asked"]) + skipped,
        needs=tuple(needs),
    )


def differences_in(path: Path) -> tuple[Difference, ...]:
    """Return the written list."""
    return tuple(Difference(**each) for each in json.loads(path.read_text())["differences"])


def suites_in(checkout: Path) -> Iterator[tuple[str, Path]]:
    """Yield the suites below *checkout*: name, and the folder of the package."""
    for suite in SUITES:
        for pattern in (suite, f"{suite.replace('-', '_')}-*"):
            for folder in sorted({checkout, *checkout.rglob(pattern)}):
                if fnmatch(folder.name, pattern) and (folder / "tests").is_dir():
                    yield suite, folder


def run(folder: Path) -> dict[str, Any]:
    """Run the tests in *folder* in a process of their own; return what the plugin wrote."""
    with tempfile.TemporaryDirectory() as scratch:
        results = Path(scratch) / "results.json"
        path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "PYTHONPATH": path, "SPANCAST_MAKERS_RESULTS": str(results)}
        environment |= {"SPANCAST_HOME": scratch, "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "pytest", *_OPTIONS, "tests"]
        done = subprocess.run(
            command, cwd=folder, env=environment, timeout=_TIMEOUT, capture_output=True, text=True, check=False
        )
        if not results.exists():
            raise SystemExit(
                f"{folder}: pytest ended with {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
            )
        return dict(json.loads(results.read_text()))


def main(arguments: list[str]) -> int:
    """Run every suite in the checkouts; 1 where a result differs that is not on the list."""
    found = [each for argument in arguments for each in suites_in(Path(argument).resolve())]
    if not found:
        print(__doc__)
        return 2
    differences = differences_in(HERE / "differences.json")
    tallies = [tally(suite, run(folder), differences) for suite, folder in found]
    for each in tallies:
        print(each)
        for reason, count in Counter(because for _, because in each.intended).most_common():
            print(f"  {count:3} on purpose: {reason}")
        for test, why in each.different:
            print(f"  DIFFERS {test}\n          {why}")
        for need in each.needs:
            print(f"  cannot be imported: {need}")
    return 1 if any(each.different for each in tallies) else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
