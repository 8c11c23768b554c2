"""The audit of privacy mode: canaries through every form of destination, searched for in raw bytes.

For each framework that is installed its programs run once through one pipeline, whose destinations are all in privacy
mode, except the controls: files without it, in which each canary has to be found, or the search proves nothing.
What is searched: everything that came over the wire (as it came, and decompressed), every file that was written, the spool
among them, and what was logged at DEBUG.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

from ..clock import monotonic
from ..runtime.pipeline import Pipeline
from .canaries import Canaries, forms_of
from .receivers import CONTROL, Received, destinations_of_every_form, receiver
from .report import AuditReport, ContentLocation

_FRAMEWORKS = {"LangChain": ("langchain", "langgraph"), "LlamaIndex": ("llama_index",)}
_PROGRAMS = {"LangChain": "langchain", "LlamaIndex": "llama_index"}


def audit(folder: Path, *, progress: Callable[[str], None] = lambda text: None) -> AuditReport:
    """Run every audit application and search what it sent and wrote. *folder* takes the files; it should be empty."""
    locations: list[ContentLocation] = []
    frameworks, absent = [], []
    runs = spans = size = 0
    forms: set[str] = set()
    empty: dict[str, tuple[str, ...]] = {}
    for framework in _FRAMEWORKS:
        application = _application(framework)
        if application is None:
            absent.append(framework)
            continue
        frameworks.append(framework)
        progress(f"{framework}: running its audit application")
        canaries = Canaries()
        received, count, recorded = _recorded(application, canaries, folder / framework)
        runs, spans = runs + count, spans + recorded
        progress(f"{framework}: searching")
        size += sum(len(data) for pieces in received.data.values() for data in pieces)
        forms.update(form for form in received.data if not form.startswith(CONTROL))
        kept = [
            needle for name, word in canaries.words.items() if name in application.KEPT for needle in forms_of(word)
        ]
        if nothing := tuple(form for form in sorted(received.expected) if not _holds(received, form, kept)):
            empty[framework] = nothing
        locations += [
            _location(framework, name, word, received, application.KEPT) for name, word in canaries.words.items()
        ]
    return AuditReport(
        locations=tuple(locations),
        forms=tuple(sorted(forms)),
        runs=runs,
        spans=spans,
        bytes_searched=size,
        frameworks=tuple(frameworks),
        absent=tuple(absent),
        empty=empty,
    )


def _application(framework: str) -> Any:
    if any(find_spec(name) is None for name in _FRAMEWORKS[framework]):
        return None
    try:
        return import_module(f".{_PROGRAMS[framework]}", __package__)
    except ImportError:
        return None


def _recorded(application: Any, canaries: Canaries, folder: Path) -> tuple[Received, int, int]:
    received, printed = Received(), StringIO()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    variables = {
        "SPANCAST_STATE_DIR": str(folder / "state"),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1"),  # a proxy would take what is meant for the receiver
    }
    with receiver(received) as url, _logged() as lines, _variables(**variables):
        destinations = destinations_of_every_form(url, folder, received, printed)
        received.expected = {"spool" if each.name.startswith("spool-") else each.name for each in destinations}
        pipeline = Pipeline(*destinations, service_name="spancast-privacy-audit", spool=folder / "spool")
        with pipeline:
            count = application.run(pipeline, canaries)
            _wait_for(pipeline)
        recorded = max(line.recorded for line in pipeline.report())
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            relative = path.relative_to(folder)
            form = path.stem if len(relative.parts) == 1 else relative.parts[0]
            received.add(form, str(relative).encode())
            received.add(form, path.read_bytes())
    received.add("console", printed.getvalue().encode())
    received.add("log", "\n".join(lines).encode())
    return received, count, recorded


def _wait_for(pipeline: Pipeline) -> None:
    """Wait until everything is out, or on disk where nobody takes it."""
    deadline = monotonic() + 60.0
    while any(line.queued for line in pipeline.report()) and monotonic() < deadline:
        pipeline.flush(0.2)


def _location(framework: str, name: str, word: str, received: Received, kept: tuple[str, ...]) -> ContentLocation:
    needles = forms_of(word)
    found = [form for form in sorted(received.data) if _holds(received, form, needles)]
    return ContentLocation(
        framework=framework,
        name=name,
        kept=name in kept,
        seen=any(form.startswith(CONTROL) for form in found),
        hits=tuple(form for form in found if not form.startswith(CONTROL)),
    )


def _holds(received: Received, form: str, needles: Sequence[bytes]) -> bool:
    return any(needle in data for data in received.data.get(form, ()) for needle in needles)


@contextmanager
def _logged() -> Iterator[list[str]]:
    """Collect what spancast logs, down to DEBUG, in place of the application's handlers."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(logging.Formatter("%(message)s %(exc_info)s").format(record))

    logger = logging.getLogger("spancast")
    before = logger.handlers[:], logger.level, logger.propagate
    logger.handlers, logger.propagate = [Keep()], False
    logger.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        logger.handlers, logger.propagate = before[0], before[2]
        logger.setLevel(before[1])


@contextmanager
def _variables(**values: str) -> Iterator[None]:
    """Set variables of the environment for a block."""
    before: Mapping[str, str | None] = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
