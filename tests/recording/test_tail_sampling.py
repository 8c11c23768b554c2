"""Tail sampling: which traces are kept whatever the rate, why, and what bounds the traces that wait."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from opentelemetry.context import attach, detach
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

import spancast
from spancast import destinations
from spancast.destinations import MemoryDestination, TraceSummary
from spancast.langchain import SpancastCallbackHandler
from spancast.record.operation import Failure, Kind
from spancast.recording.captured import CapturedOperation
from spancast.recording.open_operation import OpenOperation, TraceState
from spancast.recording.sampling import SamplingRule
from spancast.recording.tail_sampling import KeepRules, TailSampler
from spancast.recording.trace_decision import TraceDecision

from ..fakes.langchain import ScriptedChat

ERRORS = KeepRules(errors=True)


def pipeline_of(**settings: Any) -> tuple[spancast.Pipeline, MemoryDestination, MemoryDestination]:
    """Return a pipeline with a destination that sees everything, and one that keeps (almost) only errors."""
    everything = destinations.memory(name="everything")
    errors = destinations.memory(name="errors", sampling_rate=0.0001, keep_errors=True)
    return spancast.Pipeline(everything, errors, **settings), everything, errors


def test_a_trace_with_an_error_is_kept_whole() -> None:
    """Also what came before the error, and what lies beside it; other traces are sampled out."""
    pipeline, everything, errors = pipeline_of()
    for number in range(3):
        with suppress(KeyError), pipeline.trace(trace_name="root", span_name="inner", session_id=f"s{number}"):
            with pipeline.trace(span_name="before"):
                pass
            with suppress(ValueError), pipeline.trace(span_name="fails"):
                if number == 1:
                    raise ValueError("no")
            with pipeline.trace(span_name="after"):
                pass
    assert True is pipeline.shutdown()
    assert {"before", "fails", "after", "root"} <= {span.name for span in errors.spans}
    assert {"s1"} == {span.attributes["session.id"] for span in errors.spans}
    kept = [span.span_id for span in everything.spans if span.attributes["session.id"] == "s1"]
    assert kept == [span.span_id for span in errors.spans]
    every, some = pipeline.report()
    assert (every.recorded, len(kept), every.recorded - len(kept)) == (some.recorded, some.delivered, some.sampled_out)


def test_an_error_at_the_root_keeps_the_trace() -> None:
    """The root closes last; its own failure counts."""
    pipeline, _, errors = pipeline_of()
    with suppress(KeyError), pipeline.trace(trace_name="root"):
        with pipeline.trace(span_name="inner"):
            pass
        raise KeyError("no")
    pipeline.shutdown()
    assert ["inner", "root"] == [span.name for span in errors.spans]


def closed(
    name: str, span_id: int, decision: TraceDecision, *, failed: bool = False, size: int = 0
) -> CapturedOperation:
    """Return a closed operation of a trace that is decided at its end."""
    operation = OpenOperation(Kind.CHAIN, name, 1, 1, span_id)
    operation.state = TraceState(decision=decision)
    operation.size = size
    operation.failure = Failure(type="E", message="m") if failed else None
    return operation.captured()


def test_an_open_trace_is_decided_at_the_end_of_the_process() -> None:
    """With an error in it so far it is kept."""
    pipeline, _, errors = pipeline_of()
    block = pipeline.trace(trace_name="open")
    block.__enter__()
    with suppress(ValueError), pipeline.trace(span_name="fails"):
        raise ValueError("no")
    pipeline.shutdown()
    assert ["fails", "open"] == [span.name for span in errors.spans]


def test_an_unsampled_remote_parent_is_respected() -> None:
    """Whoever began the trace decided that it is not recorded, errors included."""
    pipeline, everything, errors = pipeline_of()
    outside = NonRecordingSpan(SpanContext(7, 8, True, TraceFlags(0)))
    token = attach(set_span_in_context(outside))
    try:
        with suppress(ValueError), pipeline.trace(trace_name="root"):
            raise ValueError("no")
    finally:
        detach(token)
    pipeline.shutdown()
    assert ([], []) == (everything.spans, errors.spans)
    assert (1, 1) == tuple(report.sampled_out for report in pipeline.report())


def test_keep_errors_is_a_flag() -> None:
    """Text is refused: `"false"` would count as true."""
    wrong: Any = "false"
    with pytest.raises(spancast.SettingsError, match="keep_errors"):
        destinations.memory(keep_errors=wrong)


# ---------------------------------------------------------------- the sampler itself
def sampler_of(
    decided: list[tuple[Any, bool]], rules: KeepRules = ERRORS, max_bytes: int = 10**6, max_age: float = 600.0
) -> TailSampler:
    """Return a sampler for one destination that notes what is decided."""
    return TailSampler(
        [rules], max_bytes, lambda captured, decision: decided.append((captured.span_id, bool(decision.keep))), max_age
    )


def test_what_ends_after_its_root_follows_the_roots_decision() -> None:
    """A late child of a kept trace is kept, one of another is not."""
    decided: list[tuple[int, bool]] = []
    sampler = sampler_of(decided)
    for failing in (True, False):
        decision = TraceDecision(0b1, root_span_id=1)
        for span_id in (2, 1, 3):
            sampler.offer(closed("c", span_id, decision, failed=failing and span_id == 2))
    assert [(2, True), (1, True), (3, True), (2, False), (1, False), (3, False)] == decided


def test_what_waits_is_bounded_in_bytes() -> None:
    """The oldest open trace is decided first, by what is known of it; each operation is decided once, and it is counted."""
    decided: list[tuple[int, bool]] = []
    sampler = sampler_of(decided, max_bytes=10_000)
    decisions = [TraceDecision(0b1, root_span_id=99) for _ in range(4)]
    for number, decision in enumerate(decisions):
        for part in range(3):
            sampler.offer(closed("c", 10 * number + part, decision, size=800, failed=number == 1))
    assert [(0, False), (1, False), (2, False)] == decided[:3]
    assert (2, 6) == (sampler.early[0], sampler.waiting[0])
    sampler.decide_all()
    assert sorted(10 * number + part for number in range(4) for part in range(3)) == sorted(i for i, _ in decided)
    assert ({"error": 1}, 0) == (sampler.kept[0], sampler.waiting[0])


def test_what_waits_is_bounded_in_age() -> None:
    """A root that never closes keeps nothing waiting for ever: with an age of nothing each trace is decided as it comes."""
    decided: list[tuple[int, bool]] = []
    sampler = sampler_of(decided, max_age=-1.0)
    sampler.offer(closed("c", 5, TraceDecision(0b1, root_span_id=99), failed=True))
    assert ([(5, True)], [1]) == (decided, sampler.early)


def test_a_trace_that_the_rate_has_chosen_is_never_lost_to_a_bound() -> None:
    """What is decided early keeps what the sampling rate has chosen."""
    decided: list[tuple[int, bool]] = []
    sampler = sampler_of(decided, max_bytes=1)
    sampler.offer(closed("c", 5, TraceDecision(0b1, root_span_id=99, chosen_mask=0b1)))
    assert ([(5, True)], {"sampling_rate": 1}) == (decided, sampler.kept[0])


# ---------------------------------------------------------------- the rules, end to end
def answer(tokens: int, cost: float) -> AIMessage:
    """Return a model's answer that used *tokens* and cost *cost* dollars."""
    usage = {"input_tokens": tokens, "output_tokens": 0, "total_tokens": tokens}
    return AIMessage("yes", usage_metadata=usage, response_metadata={"cost": cost, "model_name": "m"})


def kept(run: Callable[[], object], **rules: Any) -> dict[str, Any]:
    """Run something in traces of which the rate keeps none; return why each that was kept was kept, by its root's name."""
    memory = destinations.memory(sampling_rate=0.0001, **rules)
    with spancast.Pipeline(memory):
        run()
        spans = memory.spans
    return {span.name: span.attributes["spancast.kept_by"] for span in spans if span.parent_span_id is None}


def models(*answers: AIMessage) -> Callable[[], None]:
    """Return what asks a model in one trace for each answer; the traces are called by their number."""

    def run() -> None:
        for number, each in enumerate(answers):
            with spancast.trace(trace_name=str(number), user=f"u{number}", plan="free"):
                for _ in range(2):
                    ScriptedChat(script=[each]).invoke("q", config={"callbacks": [SpancastCallbackHandler()]})

    return run


def test_the_tokens_of_a_whole_trace_count() -> None:
    """Two calls of 60 tokens are more than 100."""
    assert {"1": "tokens"} == kept(models(answer(40, 0), answer(60, 0)), keep_tokens_over=100)


def test_the_cost_of_a_whole_trace_counts() -> None:
    """Two calls of 20 cents cost more than 25."""
    assert {"1": "cost"} == kept(models(answer(1, 0.1), answer(1, 0.2)), keep_costlier_than=0.25)


def test_a_slow_root_keeps_its_trace() -> None:
    """Every trace takes longer than no time at all, and none takes an hour."""
    assert {"0": "slow"} == kept(models(answer(1, 0)), keep_slower_than=0.0)
    assert {} == kept(models(answer(1, 0)), keep_slower_than=3600.0)


def test_a_function_of_the_summary_decides() -> None:
    """It sees the whole trace; off the application's thread."""
    seen: list[TraceSummary] = []

    def keep(trace: TraceSummary) -> bool:
        seen.append(trace)
        return trace.user == "u1"

    assert {"1": "keep"} == kept(models(answer(40, 0.5), answer(60, 0.25)), keep=keep)
    assert [("0", 80, 1.0, 3), ("1", 120, 0.5, 3)] == [
        (trace.name, trace.tokens, trace.cost, trace.operations) for trace in seen
    ]
    assert [{"plan": "free"}, {"plan": "free"}] == [dict(trace.metadata) for trace in seen]


def test_a_function_that_raises_keeps() -> None:
    """A trace too many is better than one too few."""
    assert {"0": "keep"} == kept(models(answer(1, 0)), keep=lambda trace: 1 / 0)


def test_a_low_score_keeps_a_trace_that_still_waits() -> None:
    """A thumb down, before the root closes; a good one keeps nothing."""

    def run() -> None:
        for name, value in (("bad", 0.0), ("good", 1.0)):
            with spancast.trace(trace_name=name):
                spancast.score("helpful", value)

    assert {"bad": "score"} == kept(run, keep_errors=True)


def test_kept_spans_say_their_weight() -> None:
    """What a rule keeps stands for itself, also where the rate had chosen it; what the rate has chosen stands for more."""
    rule = SamplingRule(0.5, "half")
    inside = [f"s{number}" for number in range(100) if rule.keeps(f"s{number}")][:2]
    half = destinations.memory(name="half", sampling_rate=0.5, keep_errors=True)
    with spancast.Pipeline(half) as pipeline:
        for number, session in enumerate(inside):
            with suppress(ValueError), spancast.trace(trace_name=str(number), session_id=session):
                if number:
                    raise ValueError("no")
        found = [(span.attributes["spancast.kept_by"], span.attributes["sampling.rate"]) for span in half.spans]
        report = pipeline.report()["half"]

    assert [("sampling_rate", 0.5), ("error", 1.0)] == found
    assert {"sampling_rate": 1, "error": 1} == report.kept_by


def test_destinations_that_share_their_bytes_say_their_own_reasons() -> None:
    """Each span has what its own destination decided; one that gets everything says nothing."""
    errors = destinations.memory(name="errors", sampling_rate=0.0001, keep_errors=True)
    slow = destinations.memory(name="slow", sampling_rate=0.0001, keep_slower_than=0.0)
    everything = destinations.memory(name="everything")
    with spancast.Pipeline(errors, slow, everything), suppress(ValueError), spancast.trace(trace_name="root"):
        raise ValueError("no")

    told = [[span.attributes.get("spancast.kept_by") for span in each.spans] for each in (errors, slow, everything)]
    assert [["error"], ["slow"], [None]] == told


def test_honeycomb_reads_its_own_rate() -> None:
    """`SampleRate` is how many traces one stands for."""
    from spancast.delivery.sampling_marks import SamplingMarks

    marks = SamplingMarks(destinations.honeycomb(api_key="hcaik_1", sampling_rate=0.05, keep_errors=True))
    assert {"spancast.kept_by": "sampling_rate", "sampling.rate": 0.05, "SampleRate": 20} == marks.of(None)
    assert {"spancast.kept_by": "error", "sampling.rate": 1.0, "SampleRate": 1} == marks.of("error")


def test_what_waits_is_counted_as_queued() -> None:
    """Each recorded span is in one column, also while its trace waits for its root."""
    memory = destinations.memory(sampling_rate=0.0001, keep_errors=True)
    with spancast.Pipeline(memory) as pipeline:
        with spancast.trace(trace_name="root"):
            with spancast.trace(span_name="inner"):
                pass
            pipeline.flush()
            open_ = pipeline.report()["memory"]
        pipeline.flush()
        ended = pipeline.report()["memory"]

    assert (1, 1) == (open_.recorded, open_.queued)
    assert (2, 0, 2) == (ended.recorded, ended.queued, ended.sampled_out)


@pytest.mark.parametrize("name", ["keep_slower_than", "keep_costlier_than", "keep_tokens_over"])
def test_a_threshold_is_a_number(name: str) -> None:
    """Below 0, text and what is no number are refused by name."""
    for wrong in (-1, "10", float("nan"), True):
        with pytest.raises(spancast.SettingsError, match=name):
            destinations.memory(**{name: wrong})


def test_keep_is_a_function() -> None:
    """What cannot be called is refused."""
    wrong: Any = "errors"
    with pytest.raises(spancast.SettingsError, match="keep is 'errors': it is a function"):
        destinations.memory(keep=wrong)
