"""Metrics end to end: what applications do is counted at 100 %, whatever share of traces is sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from opentelemetry import trace as otel

import spancast
from spancast import destinations
from spancast.langchain import SpancastCallbackHandler

from ..fakes.langchain import ScriptedChat
from ..receivers.metrics import points, totals
from ..receivers.recording import Answer, Receiver, recording_receiver

DURATION, TOKENS = "gen_ai.client.operation.duration", "gen_ai.client.token.usage"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Return a receiver of metrics on loopback."""
    with recording_receiver() as receiver:
        yield receiver


def otlp_metrics(receiver: Receiver, **options: Any) -> destinations.Destination:
    """Return a destination for metrics alone."""
    return destinations.otlp_metrics(f"{receiver.url}/v1/metrics", **options)


def answer(input_tokens: int = 5, output_tokens: int = 7, **details: Any) -> AIMessage:
    """Return a model's answer with its usage."""
    usage = {"input_tokens": input_tokens, "output_tokens": output_tokens, "total_tokens": input_tokens + output_tokens}
    return AIMessage("yes", usage_metadata={**usage, **details}, response_metadata={"model_name": "gpt-4o-2024"})


def ask(*answers: Any, **options: Any) -> None:
    """Ask a scripted model once for each answer."""
    model = ScriptedChat(script=list(answers))
    for _ in answers:
        model.invoke("question", config={"callbacks": [SpancastCallbackHandler()], **options})


def test_everything_is_counted_where_nothing_is_sampled(receiver: Receiver) -> None:
    """At a rate that keeps none of these traces, calls and tokens are all counted, and the report says so."""
    memory = destinations.memory(sampling_rate=0.0001)
    with spancast.Pipeline(memory, otlp_metrics(receiver)) as pipeline:
        ask(*[answer(index, 2 * index) for index in range(20)])
        assert pipeline.flush()
        report = pipeline.report()

    assert [] == memory.spans
    assert (20, 20, 20) == (report["memory"].sampled_out, report.metrics[0].counted, report["memory"].recorded)
    assert 20 == totals(receiver.requests, DURATION, operation_name="chat")[0]
    assert (20, sum(range(20))) == totals(receiver.requests, TOKENS, token_type="input")
    assert (20, 2 * sum(range(20))) == totals(receiver.requests, TOKENS, token_type="output")


def test_attributes_say_which_model_and_which_error(receiver: Receiver) -> None:
    """Operation, provider, both models and the type of the error stand on each series."""
    with spancast.Pipeline(otlp_metrics(receiver)):
        ask(answer())
        with pytest.raises(KeyError):
            ask(KeyError("no"))

    found = [point.attributes for point in points(receiver.requests) if point.name == DURATION]
    about = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
    assert [{**about, "gen_ai.response.model": "gpt-4o-2024"}, {**about, "error.type": "KeyError"}] == found


def test_a_destination_of_spans_takes_metrics_beside_them(receiver: Receiver) -> None:
    """`metrics=True` sends to /v1/metrics beside /v1/traces, with the same headers."""
    both = destinations.otlp(f"{receiver.url}/v1/traces", headers={"x-key": "k"}, metrics=True)
    with spancast.Pipeline(both):
        ask(answer())

    assert {"/v1/traces", "/v1/metrics"} == {request.path for request in receiver.requests}
    metrics = [request for request in receiver.requests if request.path == "/v1/metrics"]
    assert ("k", "application/x-protobuf") == (metrics[0].headers["x-key"], metrics[0].headers["content-type"])
    assert (1, 5) == totals(metrics, TOKENS, token_type="input")


def test_a_trace_that_is_only_counted_leaves_no_mark_on_the_application(receiver: Receiver) -> None:
    """Where no destination samples a trace, the current OpenTelemetry span stays the application's own."""
    seen = []
    before = otel.get_current_span()  # another test may have left an ended one
    with spancast.Pipeline(destinations.memory(sampling_rate=0.0001), otlp_metrics(receiver)):
        model = ScriptedChat(script=["yes"], inside=lambda: seen.append(otel.get_current_span()))
        with spancast.trace(trace_name="block") as block:
            model.invoke("question", config={"callbacks": [SpancastCallbackHandler()]})

    assert [before] == seen
    assert (False, "00") == (block.recorded, block.traceparent[-2:])


def test_a_remote_parent_that_is_not_sampled_is_counted(receiver: Receiver) -> None:
    """Whoever began a trace decides whether it is recorded; what it used is counted all the same."""
    parent = otel.NonRecordingSpan(otel.SpanContext(1, 2, True, otel.TraceFlags(0)))
    memory = destinations.memory()
    with spancast.Pipeline(memory, otlp_metrics(receiver)), otel.use_span(parent):
        ask(answer())

    assert ([], 1) == (memory.spans, totals(receiver.requests, DURATION)[0])


def test_cumulative_sums_go_on_and_delta_sums_begin_anew(receiver: Receiver) -> None:
    """Two exports of a series add up to the same with either temporality; each process is an instance of its own."""
    for temporality in ("cumulative", "delta"):
        receiver.requests.clear()
        with spancast.Pipeline(otlp_metrics(receiver, temporality=temporality)) as pipeline:
            for _ in range(2):
                ask(answer())
                assert pipeline.flush()
        found = [point for point in points(receiver.requests) if point.name == DURATION]
        assert (temporality == "delta", [1, 1] if temporality == "delta" else [1, 2]) == (
            found[0].is_delta,
            [point.count for point in found],
        )
        assert (2, 10) == totals(receiver.requests, TOKENS, token_type="input")
        assert 1 == len({point.resource["service.instance.id"] for point in found})


@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_an_outage_loses_no_counts(receiver: Receiver, temporality: str) -> None:
    """What a failing receiver did not take is in the sums of a later export, once."""
    with spancast.Pipeline(otlp_metrics(receiver, temporality=temporality)) as pipeline:
        receiver.answer = Answer(status=503)
        ask(answer())
        assert not pipeline.flush(timeout=0.3)
        failed = pipeline.report().metrics[0]
        receiver.answer = Answer()
        refused = len(receiver.requests)
        ask(answer(), answer())
        assert pipeline.flush()

    assert failed.failed >= 1
    assert "503" in (failed.last_error or "")
    assert (3, 15) == totals(receiver.requests[refused:], TOKENS, token_type="input")


def test_what_a_receiver_refuses_is_said_and_counted(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    """A key that is refused: one warning, the reason in the report, and flush returns False."""
    receiver.answer = Answer(status=401)
    with spancast.Pipeline(otlp_metrics(receiver, temporality="delta")) as pipeline:
        ask(answer())
        assert not pipeline.flush()
        ask(answer())
        assert not pipeline.flush()
        report = pipeline.report().metrics[0]

    assert (2, 0) == (report.failed, report.exports)
    assert report.lost > 0
    assert 1 == len([record for record in caplog.records if "metrics were not accepted" in record.message])


def test_exemplars_lead_to_traces_that_are_kept(receiver: Receiver) -> None:
    """Of two calls, one in a trace that is kept for its error: its ids stand on the histogram, the other's do not."""
    memory = destinations.memory(sampling_rate=0.0001, keep_errors=True)
    with spancast.Pipeline(memory, otlp_metrics(receiver)):
        ask(answer())
        with pytest.raises(KeyError):
            ask(KeyError("no"))
        kept = {span.trace_id for span in memory.spans}

    found = {trace for point in points(receiver.requests) for _, trace, _ in point.exemplars}
    assert 1 == len(kept)
    assert kept == found


def test_calls_of_an_agent_are_counted_on_it(receiver: Receiver) -> None:
    """Model and tool calls beneath it; those of an agent inside it are that one's own."""
    with (
        spancast.Pipeline(destinations.memory(), otlp_metrics(receiver)),
        spancast.trace(span_name="outer", kind="AGENT"),
    ):
        ask(answer())
        with spancast.trace(span_name="look", kind="TOOL"), spancast.trace(span_name="inner", kind="AGENT"):
            ask(answer(), answer())

    def of(name: str, agent: str) -> float:
        return totals(receiver.requests, f"gen_ai.invoke_agent.{name}", agent_name=agent)[1]

    assert (1, 1) == (of("inference_calls", "outer"), of("tool_calls", "outer"))
    assert (2, 0) == (of("inference_calls", "inner"), of("tool_calls", "inner"))
