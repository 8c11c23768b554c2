"""`instrument()` beside other tracers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from opentelemetry.sdk.trace import TracerProvider

from spancast import langchain
from spancast.langchain import install
from spancast.recording import guard

TWICE = "spancast: OpenInference traces the same LangChain runs: they arrive twice where both send to. Switch one off."
chain = RunnableLambda(str.upper, name="loud")


@pytest.fixture
def instrumented(pipeline: Any, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Trace every run for the length of a test."""
    caplog.set_level(logging.WARNING, "spancast")
    langchain.instrument(pipeline=pipeline)
    yield
    langchain.uninstrument()


@pytest.fixture
def other() -> Iterator[Any]:
    """Return OpenInference's instrumentor."""
    module = pytest.importorskip("openinference.instrumentation.langchain", reason="OpenInference is not installed")
    instrumentor = module.LangChainInstrumentor()
    yield instrumentor
    instrumentor.uninstrument()


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged since the last time."""
    messages = [record.getMessage() for record in caplog.records if record.name == "spancast"]
    caplog.clear()
    return messages


@pytest.mark.usefixtures("instrumented")
def test_a_tracer_that_is_switched_on_after_ours_is_named_at_the_first_run(
    other: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """As `opentelemetry-instrument` does, in any order: what is there is only known when runs begin. Said once."""
    other.instrument(tracer_provider=TracerProvider())
    assert [] == said(caplog)
    assert ("HI", [TWICE]) == (chain.invoke("hi"), said(caplog))
    assert ("HI", []) == (chain.invoke("hi"), said(caplog))


@pytest.mark.usefixtures("instrumented")
def test_alone_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """Installed is not switched on."""
    assert ("HI", []) == (chain.invoke("hi"), said(caplog))


@pytest.mark.usefixtures("instrumented")
def test_another_tracers_fault_does_not_reach_the_application(
    memory: Any, pipeline: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its class is asked inside the application's run: what it raises is counted, and the run is traced."""

    def broken(environ: Any) -> None:
        raise RuntimeError("another tracer's fault")

    monkeypatch.setattr(install, "warn_of_other_tracers", broken)
    monkeypatch.setattr(guard, "strict", False)
    before = guard.faults().get("instrument", 0)
    assert ("HI", before + 1) == (chain.invoke("hi"), guard.faults()["instrument"])
    assert (True, ["loud"]) == (pipeline.flush(), [span.name for span in memory.spans])
