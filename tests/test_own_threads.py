"""What functions of the application's do in spancast's own threads: neither errors nor traces of theirs go on from there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, detach, set_value
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

import spancast
from spancast import destinations
from spancast.langchain import SpancastCallbackHandler
from spancast.privacy.redaction import Redaction
from spancast.record.operation import Kind, Operation


@pytest.fixture(params=[SystemExit, KeyboardInterrupt, GeneratorExit])
def stop(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Return a function that raises what ends a thread."""

    def raises(*args: object) -> Any:
        raise request.param

    return raises


def run(pipeline: spancast.Pipeline) -> None:
    """Run a chain."""
    RunnableLambda(str).invoke("secret", config={"callbacks": [SpancastCallbackHandler(pipeline=pipeline)]})


def test_a_redact_that_exits_costs_the_content_and_nothing_else(stop: Callable[..., Any]) -> None:
    """The span goes without content, the other destination has all of it, and the next spans arrive too."""
    without, whole = destinations.memory(redact=stop), destinations.memory()
    with spancast.Pipeline(without, whole) as pipeline:
        for _ in range(2):
            run(pipeline)
            assert pipeline.flush()
    assert 2 == len(without.spans) == len(whole.spans)
    assert "secret" not in repr(without.spans)
    assert "secret" in repr(whole.spans)


def test_a_keep_that_exits_keeps_the_trace(stop: Callable[..., Any]) -> None:
    """A trace too many is better than one too few, and better than no more traces at all."""
    memory = destinations.memory(sampling_rate=0.0001, keep=stop)
    with spancast.Pipeline(memory) as pipeline:
        run(pipeline)
        assert pipeline.flush()
    assert 1 == len(memory.spans)


def test_an_exporter_that_exits_is_a_failed_request(stop: Callable[..., Any]) -> None:
    """It is counted and reported, and the destination beside it goes on."""

    class Exits(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            return stop()  # type: ignore[no-any-return]

    memory = destinations.memory()
    with spancast.Pipeline(destinations.sdk(Exits(), name="exits"), memory) as pipeline:
        run(pipeline)
        assert not pipeline.flush()
        report = pipeline.report().as_dict()["exits"]
    assert 1 == report["dropped"] + report["rejected"]
    assert 1 == len(memory.spans)


def test_headers_that_exit_are_a_failed_request(stop: Callable[..., Any]) -> None:
    """The report says so, and the thread lives on."""
    destination = destinations.otlp("http://127.0.0.1:9/v1/traces", headers=stop, name="exits")
    pipeline = spancast.Pipeline(destination, spool=False)
    run(pipeline)
    assert not pipeline.flush(0.5)
    assert "headers" in str(pipeline.report().as_dict()["exits"])
    pipeline.shutdown(0.5)


def test_a_redact_that_is_traced_itself_makes_no_spans() -> None:
    """Else each of its spans would be redacted in turn, for ever."""
    handlers: list[SpancastCallbackHandler] = []

    def redact(text: str) -> str:
        with spancast.trace(trace_name="inside"):
            return RunnableLambda(str).invoke(text, config={"callbacks": list(handlers)})

    memory = destinations.memory(redact=redact)
    with spancast.Pipeline(memory) as pipeline:
        handlers.append(SpancastCallbackHandler(pipeline=pipeline))
        run(pipeline)
        assert pipeline.flush()
        assert pipeline.flush()
    assert ["str"] == [span.name for span in memory.spans]


def test_what_opentelemetry_suppresses_is_not_recorded() -> None:
    """As with other instrumentations: inside `suppress_instrumentation` no run makes a span, beneath another neither."""
    memory = destinations.memory()
    with spancast.Pipeline(memory) as pipeline:
        handler = SpancastCallbackHandler(pipeline=pipeline)

        def quietly(value: str) -> str:
            token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
            try:
                return RunnableLambda(str, name="inner").invoke(value)
            finally:
                detach(token)

        quietly("alone")
        RunnableLambda(quietly, name="outer").invoke("below", config={"callbacks": [handler]})
        RunnableLambda(str, name="after").invoke("x", config={"callbacks": [handler]})
        pipeline.flush()
    assert ["outer", "after"] == [span.name for span in memory.spans]


def test_ctrl_c_in_a_thread_of_the_application_goes_through() -> None:
    """There it is meant for the thread."""

    def redact(text: str) -> str:
        raise KeyboardInterrupt

    operation = Operation(kind=Kind.CHAIN, name="n", trace_id=1, span_id=2, start_ns=1, end_ns=2)
    with pytest.raises(KeyboardInterrupt):
        Redaction(redact)(operation)
