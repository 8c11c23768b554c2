"""The pytest plugin: the fixture `traces`, the tree in the report of a failed test, its page in a folder.

Nothing of spancast is imported before a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from . import recording_mode
from .names import file_name

_ASKED = pytest.StashKey[Any]()
_MOST_TREES = 5  # of one test in its report


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("spancast")
    group.addoption(
        "--spancast-html", metavar="DIR", default=None, help="keep the page of each failed test's traces in this folder"
    )
    group.addoption("--spancast-update", action="store_true", help="write the stored outlines of traces anew")
    group.addoption(
        "--spancast-record", action="store_true", help="call real models, and write the recordings of their calls anew"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Say whether recordings are made."""
    recording_mode.begin(config.getoption("--spancast-record"))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Forget it."""
    recording_mode.end()


@pytest.fixture
def recording(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The test's model calls: replayed from `__recordings__` beside the test, or recorded with `--spancast-record`."""
    from .replaying import replay

    path = Path(request.path)
    with replay(path.parent / "__recordings__" / path.stem / f"{file_name(request.node.name)}.jsonl") as replaying:
        yield replaying


@pytest.fixture
def traces(request: pytest.FixtureRequest) -> Iterator[Any]:
    """What the test's LangChain and LlamaIndex runs, and `spancast.trace` blocks, did: the spans that production exports."""
    from .traces import RecordedTraces, record

    class TestTraces(RecordedTraces):
        """The traces of this test."""

        def golden(self, name: str) -> bool:
            """Check that kinds and names of the last trace are as stored; `--spancast-update` stores them."""
            from .golden import FOLDER, compare

            path = Path(request.path)
            update = bool(request.config.getoption("--spancast-update"))
            difference = compare(self.last.outline(), path.parent / FOLDER / path.stem, name, update=update)
            if difference is not None:
                raise AssertionError(difference)
            return True

    with record() as recorded:
        own = TestTraces(recorded.destination)
        request.node.stash[_ASKED] = own
        yield own


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Put the trees into the report of a failed test that asked for the fixture."""
    outcome: Any = yield
    report = outcome.get_result()
    recorded = item.stash.get(_ASKED, None)
    if recorded is None or call.when != "call" or not report.failed:
        return
    found = list(recorded)
    for trace in found[-_MOST_TREES:]:
        report.sections.append((f"spancast trace {trace.trace_id[:8]}", str(trace)))
    folder = item.config.getoption("--spancast-html")
    if folder and found:
        path = _write_page(Path(folder), item.nodeid, found)
        report.sections.append(("spancast page", str(path)))


def _write_page(folder: Path, test: str, found: list[Any]) -> Path:
    from ..view.export import write_page

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{file_name(test)}.html"
    write_page(path, [list(trace.spans) for trace in found])
    return path
