"""Callbacks and helpers that are called by hand, with what no framework gives them: none raises, none works for ever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import numpy
import pytest
from langchain_core.runnables import RunnableLambda
from opentelemetry import trace as otel

import spancast
from spancast import destinations
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler


class Unbound:
    """As werkzeug's and Flask's proxies outside of a request: even its class cannot be asked for."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError("working outside of request context")


@pytest.fixture
def pipeline(memory: MemoryDestination) -> Iterator[spancast.Pipeline]:
    """Return a pipeline that keeps its spans in memory."""
    with spancast.Pipeline(memory) as made:
        yield made


@pytest.fixture
def memory() -> MemoryDestination:
    """Return a destination in memory."""
    return destinations.memory()


def test_the_trace_of_a_run_is_found_by_the_text_of_its_id(pipeline: spancast.Pipeline) -> None:
    """Ids travel as text through queues and web pages; what is no id has no trace."""
    handler = SpancastCallbackHandler(pipeline=pipeline)
    run_id = UUID(int=7)
    RunnableLambda(str).invoke(1, config={"callbacks": [handler], "run_id": run_id})
    assert handler.trace_id_for(run_id) == handler.trace_id_for(str(run_id)) is not None
    for other in ("nobody", None, 7, b"x", Unbound()):
        assert handler.trace_id_for(other) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [lambda: None, lambda: "text", lambda: 7, Unbound])
def test_a_token_of_a_run_without_an_id_raises_nothing(
    make: Any, pipeline: spancast.Pipeline, monkeypatch: Any
) -> None:
    """Some programs call handlers themselves."""
    monkeypatch.setattr("spancast.recording.guard.strict", False)
    SpancastCallbackHandler(pipeline=pipeline).on_llm_new_token("x", run_id=make())


def test_a_decorated_function_may_return_an_unbound_proxy(
    pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """The caller gets what the function returned; the span is there."""
    proxy = Unbound()

    @spancast.trace(kind="TOOL")
    def current() -> Any:
        return proxy

    assert current() is proxy
    assert ["current"] == [span.name for span in memory.spans]


def test_what_is_not_wanted_for_certain_is_not_captured(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """`capture_input` of an array, or of 0."""
    for wanted in (numpy.zeros(3), 0, None):

        @spancast.trace(kind="TOOL", capture_input=wanted)
        def tool(text: str) -> None:
            pass

        tool("secret")
    assert 3 == len(memory.spans)
    assert "secret" not in repr(memory.spans)


def test_odd_arguments_of_a_span_and_of_flush_raise_nothing(pipeline: spancast.Pipeline) -> None:
    """The current span takes what OpenTelemetry's own would refuse with a warning."""
    with spancast.trace("block"):
        otel.get_current_span().set_status(Unbound())  # type: ignore[arg-type]
    assert pipeline.flush(Unbound())  # type: ignore[arg-type]


class Endless:
    """It never ends."""

    def __iter__(self) -> Endless:
        return self

    def __next__(self) -> str:
        return "x"

    def __len__(self) -> int:
        return 10**9


def test_metadata_of_many_keys_is_looked_at_in_part(pipeline: spancast.Pipeline, monkeypatch: Any) -> None:
    """A callback's work is bounded, whatever stands there."""
    monkeypatch.setattr("spancast.recording.guard.strict", False)
    handler = SpancastCallbackHandler(pipeline=pipeline)
    handler.on_chain_start({}, {}, run_id=uuid4(), metadata=Endless())  # type: ignore[arg-type]
