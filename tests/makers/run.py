"""Runs the makers' own tests of their instrumentations with spancast in their place, and prints a pass rate.

    scripts/makers-tests CHECKOUT...

A CHECKOUT is a folder in which, at any depth, the packages of OpenInference (`openinference-instrumentation-langchain`,
`-llama-index`) or of OpenTelemetry (`opentelemetry-instrumentation-genai-langchain`) stand with their tests: a clone, or an
unpacked source distribution. None of their code is here. `differences.json` says which results differ on purpose, by kind
and with a reason; what differs and is not in it makes the command fail, and so does what is in it and passes. What differs
on every span is set aside (`set_aside.py`), so that the tests look at the rest; how many pass without that is printed too.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
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
    """Results that differ from the makers' on purpose.

    Attributes:
        suite: Of which suite.
        tests: A pattern of test ids, in which `*` is any text.
        kind: What kind of difference it is: the summary counts by it.
        because: The reason, a sentence.
        sometimes: Threads or the clock decide whether these tests pass, so that they are not stale when they do.
    """

    suite: str
    tests: str
    kind: str
    because: str
    sometimes: bool = False

    def matches(self, test: str) -> bool:
        """Return whether the pattern has this test id."""
        return re.fullmatch(".*".join(map(re.escape, self.tests.split("*"))), test) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Everywhere:
    """A difference of every span, which is set aside by the function of this *name* in `set_aside.py`."""

    suite: str
    name: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How one suite went: test ids, those that differ each with what was seen, patterns of the list that are stale."""

    suite: str
    passed: tuple[str, ...]
    intended: tuple[tuple[str, Difference], ...]
    different: tuple[tuple[str, str], ...]
    stale: tuple[str, ...]
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
        elif found := next((each for each in own if each.matches(test)), None):
            intended.append((test, found))
        else:
            different.append((test, seen["why"]))
    differ = [test for test, _ in (*intended, *different)]
    files = {test.partition("::")[0] for test in results["tests"] if "::" in test}
    stale = [
        each.tests
        for each in own
        if each.tests.partition("::")[0] in files and not each.sometimes and not _is_needed(each, differ, passed)
    ]
    return Tally(
        suite=suite,
        passed=tuple(passed),
        intended=tuple(intended),
        different=tuple(different),
        stale=tuple(stale),
        not_asked=len(results["not_asked"]) + skipped,
        needs=tuple(needs),
    )


def _is_needed(listed: Difference, differ: list[str], passed: list[str]) -> bool:
    return any(map(listed.matches, differ)) and not any(map(listed.matches, passed))


def differences_in(path: Path) -> tuple[Difference, ...]:
    """Return the written list, whose entries are one pattern or several."""
    listed = []
    for each in json.loads(path.read_text())["differences"]:
        patterns = each.pop("tests")
        for pattern in [patterns] if isinstance(patterns, str) else patterns:
            listed.append(Difference(tests=pattern, **each))
    return tuple(listed)


def everywhere_in(path: Path) -> tuple[Everywhere, ...]:
    """Return what is set aside."""
    return tuple(Everywhere(**each) for each in json.loads(path.read_text())["everywhere"])


def suites_in(checkout: Path) -> Iterator[tuple[str, Path]]:
    """Yield the suites below *checkout*: name, and the folder of the package."""
    for suite in SUITES:
        for pattern in (suite, f"{suite.replace('-', '_')}-*"):
            for folder in sorted({checkout, *checkout.rglob(pattern)}):
                if fnmatch(folder.name, pattern) and (folder / "tests").is_dir():
                    yield suite, folder


def run(folder: Path, aside: Iterable[str] = ()) -> dict[str, Any]:
    """Run the tests in *folder* in a process of their own; return what the plugin wrote. *aside*: what is set aside."""
    with tempfile.TemporaryDirectory() as scratch:
        results = Path(scratch) / "results.json"
        path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "PYTHONPATH": path, "SPANCAST_MAKERS_RESULTS": str(results)}
        environment |= {"SPANCAST_HOME": scratch, "PYTHONDONTWRITEBYTECODE": "1"}
        environment["SPANCAST_MAKERS_SET_ASIDE"] = ",".join(aside)
        # OpenTelemetry's tests play their cassettes back by another plugin than OpenInference's
        recorder = ["-p", "no:recording"] if folder.name.startswith("opentelemetry") else []
        command = [sys.executable, "-m", "pytest", *_OPTIONS, *recorder, "tests"]
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
    listed = HERE / "differences.json"
    differences, everywhere = differences_in(listed), everywhere_in(listed)
    tallies = []
    for suite, folder in found:
        aside = [each for each in everywhere if each.suite == suite]
        tallies.append(each := tally(suite, run(folder, [one.name for one in aside]), differences))
        print(each)
        if aside:
            bare = tally(suite, run(folder), differences)
            print(f"  with {len(aside)} differences of every span set aside; without that {len(bare.passed)} pass")
        for kind, count in Counter(found.kind for _, found in each.intended).most_common():
            print(f"  {count:3} on purpose: {kind}")
        for pattern in each.stale:
            print(f"  STALE {pattern}: it passes, or is no more")
        for test, why in each.different:
            print(f"  DIFFERS {test}\n          {why}")
        for need in each.needs:
            print(f"  cannot be imported: {need}")
    return 1 if any(each.different or each.stale for each in tallies) else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
