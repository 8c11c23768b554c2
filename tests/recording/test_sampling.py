"""Sampling: whole traces, by session, the same answer every time, each destination for itself."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import pytest
from opentelemetry.context import attach, detach
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

import spancast
from spancast import destinations
from spancast.destinations import MemoryDestination
from spancast.record.operation import Failure, Kind
from spancast.recording.captured import CapturedOperation
from spancast.recording.open_operation import OpenOperation, TraceState
from spancast.recording.sampling import SamplingRule, TailSampler, TraceDecision, sampled


def test_the_same_session_is_always_in_or_out() -> None:
    """With a session id all traces of the session share one answer."""
    rule = SamplingRule(0.3, "collector")
    for session in map(str, range(50)):
        answers = {sampled([rule], session, trace_id) for trace_id in range(1, 20)}
        assert 1 == len(answers)


def test_the_share_is_about_the_rate() -> None:
    """Of 20,000 sessions a rate of 0.1 keeps about a tenth."""
    rule = SamplingRule(0.1, "collector")
    kept = sum(rule.keeps(f"session-{index}") for index in range(20_000))
    assert 1_800 < kept < 2_200


def test_destinations_choose_independently() -> None:
    """Two destinations with the same rate keep different sessions: their names salt the choice."""
    one, other = SamplingRule(0.5, "one"), SamplingRule(0.5, "other")
    kept = [(one.keeps(str(index)), other.keeps(str(index))) for index in range(2_000)]
    assert 400 < sum(a and b for a, b in kept) < 600


def test_each_rule_is_one_bit() -> None:
    """The answer has a bit for each destination."""
    assert 0b11 == sampled([SamplingRule(1.0, "a"), SamplingRule(1.0, "b")], None, 7)
    assert 0 == sampled([], None, 7)


def test_a_smaller_rate_keeps_a_subset() -> None:
    """What 1 % keeps, 10 % keeps as well."""
    small, large = SamplingRule(0.01, "x"), SamplingRule(0.1, "x")
    assert all(large.keeps(str(index)) for index in range(20_000) if small.keeps(str(index)))


# ---------------------------------------------------------------- keep_errors
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


def test_what_is_chosen_by_the_rate_does_not_wait() -> None:
    """A destination that samples a session gets its spans as they end."""
    chosen = destinations.memory(name="half", sampling_rate=0.5, keep_errors=True)
    rule = SamplingRule(0.5, "half")
    inside = next(f"s{number}" for number in range(100) if rule.keeps(f"s{number}"))
    outside = next(f"s{number}" for number in range(100) if not rule.keeps(f"s{number}"))
    with spancast.Pipeline(chosen):
        for session in (inside, outside):
            with spancast.trace(trace_name="root", session_id=session):
                with spancast.trace(span_name="inner"):
                    pass
                assert (session == inside) == ("inner" in [span.name for span in chosen.spans])
                chosen.clear()


def closed(
    name: str, span_id: int, decision: TraceDecision, *, failed: bool = False, size: int = 0
) -> CapturedOperation:
    """Return a closed operation of a trace that is decided at its end."""
    operation = OpenOperation(Kind.CHAIN, name, 1, 1, span_id)
    operation.state = TraceState(decision=decision)
    operation.size = size
    operation.failure = Failure(type="E", message="m") if failed else None
    return operation.captured()


def test_what_ends_after_its_root_shares_the_roots_fate() -> None:
    """A late child of a kept trace is kept, one of another is not."""
    decided: list[tuple[str, bool]] = []
    sampler = TailSampler(10**6, lambda captured, mask, keep: decided.append((captured.name, keep)))
    for failing in (True, False):
        decision = TraceDecision(0b1, root_span_id=1)
        for name, span_id in (("c", 2), ("r", 1), ("l", 3)):
            sampler.offer(closed(name, span_id, decision, failed=failing and name == "c"))
    assert [("c", True), ("r", True), ("l", True), ("c", False), ("r", False), ("l", False)] == decided


def test_what_waits_is_bounded_in_bytes() -> None:
    """The oldest open trace is let go first; each operation is decided once."""
    decided: list[tuple[int, bool]] = []
    sampler = TailSampler(10_000, lambda captured, mask, keep: decided.append((captured.span_id, keep)))
    decisions = [TraceDecision(0b1, root_span_id=99) for _ in range(4)]
    for number, decision in enumerate(decisions):
        for part in range(3):
            sampler.offer(closed("c", 10 * number + part, decision, size=800))
    assert [(0, False), (1, False), (2, False)] == decided[:3]
    sampler.decide_all()
    assert sorted(10 * number + part for number in range(4) for part in range(3)) == sorted(i for i, _ in decided)


def test_the_tail_sampler_may_be_called_from_within_itself() -> None:
    """A finalizer or a signal handler closes operations while the same thread hands others over: all are decided, once."""
    decided: list[str] = []
    inner, outer = TraceDecision(0b1, root_span_id=1), TraceDecision(0b1, root_span_id=2)

    def hand_over(captured: CapturedOperation, mask: int, keep: bool) -> None:
        decided.append(captured.name)
        if captured.name == "outer":
            sampler.offer(closed("child", 3, inner, failed=True))
            sampler.offer(closed("inner", 1, inner))
            sampler.decide_all()

    sampler = TailSampler(10**6, hand_over)
    sampler.offer(closed("outer", 2, outer))
    assert ["outer", "child", "inner"] == decided
    assert (False, True) == (outer.keep, inner.keep)


def test_many_threads_share_the_tail_sampler() -> None:
    """Each operation is decided once, whoever was at work when it came, and nobody is left in the queue."""
    decided: list[int] = []
    sampler = TailSampler(10**9, lambda captured, mask, keep: decided.append(captured.span_id))

    def work(first: int) -> None:
        for number in range(first, first + 300):
            decision = TraceDecision(0b1, root_span_id=2 * number + 1)
            sampler.offer(closed("child", 2 * number, decision))
            sampler.offer(closed("root", 2 * number + 1, decision))

    threads = [threading.Thread(target=work, args=(300 * index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(range(2400)) == sorted(decided)


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
