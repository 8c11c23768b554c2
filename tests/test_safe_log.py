"""What the application's logging handlers raise stays out of callbacks and constructors."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from langchain_core.runnables import RunnableLambda

import spancast
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler
from spancast.recording import guard, notice
from spancast.safe_log import log


class Broken(logging.Handler):
    """A handler that fails."""

    def emit(self, record: logging.LogRecord) -> None:
        raise RuntimeError(record.getMessage())


@pytest.fixture
def broken_logging() -> Iterator[None]:
    """Let the root logger have a handler that fails."""
    handler = Broken()
    logging.getLogger().addHandler(handler)
    notice.forget()
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


@pytest.mark.usefixtures("broken_logging")
def test_a_warning_that_cannot_be_logged_is_no_fault(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """Neither where a handler is made nor in a run; the span is there."""
    handler = SpancastCallbackHandler(sesion_id="x")
    chain = RunnableLambda(lambda text: text, name="step")
    assert "q" == chain.invoke("q", {"callbacks": [handler], "metadata": {"trace_id": ["x"]}})
    pipeline.flush()
    assert ["step"] == [span.name for span in memory.spans]


@pytest.mark.usefixtures("broken_logging")
def test_a_fault_that_cannot_be_logged_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting does not depend on the log."""
    monkeypatch.setattr(guard, "strict", False)
    monkeypatch.setattr(guard, "_faults", {})
    guard.report_fault("here", ValueError("x"))
    guard.report_fault("here", ValueError("x"))
    assert {"here": 2} == guard.faults()


def test_only_exceptions_are_ignored() -> None:
    """Ctrl-C while a line is written goes on."""

    def interrupted(message: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        log(interrupted, "x")
