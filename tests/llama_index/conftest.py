"""What the tests of LlamaIndex share: our handlers installed, faults that the dispatcher would swallow, small defaults."""

from __future__ import annotations

import gc
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest

if find_spec("llama_index") is None:  # the extra is not installed
    collect_ignore_glob = ["*.py"]
else:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydantic 2.12 and later warn of models of LlamaIndex 0.14.5
        from llama_index.core import MockEmbedding, Settings
        from llama_index.core.llms import MockLLM

    from spancast import llama_index
    from spancast.llama_index import events, finalizers, install, pending, spans
    from spancast.recording import guard


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """LlamaIndex's own deprecations, and connections that its memory leaves to the garbage collector, are not ours."""
    for item in items:
        if "/llama_index/" in str(item.path):
            for kind in ("DeprecationWarning", "ResourceWarning", "pydantic.warnings.PydanticDeprecationWarning"):
                item.add_marker(pytest.mark.filterwarnings(f"ignore::{kind}"))
            for kind in ("PytestUnraisableExceptionWarning", "PytestUnhandledThreadExceptionWarning"):
                item.add_marker(pytest.mark.filterwarnings(f"ignore::pytest.{kind}"))


@pytest.fixture(autouse=True, scope="module")
def _collected() -> Iterator[None]:
    """Collect what LlamaIndex's memory leaves open while its warnings are still told apart from ours."""
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def _defaults() -> Iterator[None]:
    """Let LlamaIndex take mock models where nothing else is given."""
    held = dict(Settings.__dict__)
    Settings.embed_model = MockEmbedding(embed_dim=4)
    Settings.llm = MockLLM()
    Settings.tokenizer = str.split
    yield
    Settings.__dict__.update(held)


@pytest.fixture(autouse=True)
def _faults(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Exception]]:
    """Fail a test whose handlers failed: the dispatcher swallows what they raise."""
    found: list[Exception] = []

    def report(where: str, error: Exception) -> None:
        found.append(error)
        raise error

    for module in (guard, events, spans, pending, finalizers):
        monkeypatch.setattr(module, "report_fault", report)
    yield found
    if found:
        raise found[0]


@pytest.fixture
def instrumented(pipeline: Any, _defaults: None) -> Iterator[None]:
    """Trace LlamaIndex for the time of the test; in the end nothing is open."""
    llama_index.instrument()
    yield
    settled(lambda: pipeline.recorder.open_operations == install.unfinished_calls() == 0)
    unfinished = install.unfinished_calls()
    llama_index.uninstrument()
    assert (0, 0) == (pipeline.recorder.open_operations, unfinished)


def settled(condition: Callable[[], bool]) -> None:
    """Wait until *condition* holds: streams that were thrown away are ended by a thread."""
    until = time.monotonic() + 5
    while not condition() and time.monotonic() < until:
        time.sleep(0.002)


def all_ended(pipeline: Any) -> bool:
    """Return whether nothing is open, after collecting what is: the frames of an error's traceback may hold a stream.

    To be asked again and again: a collection that another thread is just making lets `gc.collect` return at once.
    """
    if pipeline.recorder.open_operations:
        gc.collect()
    return bool(pipeline.recorder.open_operations == 0)
