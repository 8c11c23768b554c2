"""A lane: bounded, patient with receivers, never in anyone's way, and honest in its ledger."""

from __future__ import annotations

import dataclasses
import logging
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import spancast
from spancast import destinations
from spancast.conventions import CONVENTIONS
from spancast.delivery.circuit import Backoff
from spancast.delivery.delivery import Delivery
from spancast.delivery.lane import Lane
from spancast.delivery.ledger import COLUMNS, DestinationReport
from spancast.delivery.sender import MAX_BATCH
from spancast.delivery.spool import Spool
from spancast.destinations import Destination
from spancast.otlp import protobuf
from spancast.otlp.json import encode_span
from spancast.otlp.json_decoding import decode_span
from spancast.otlp.outcome import DELIVERED, Outcome, Verdict
from spancast.record.operation import Kind
from spancast.recording import guard
from spancast.recording.captured import CapturedOperation, Content
from spancast.recording.fields import TraceFields
from spancast.recording.open_operation import OpenOperation

from ..receivers.recording import Answer, Receiver, recording_receiver

QUIET = ("-W", "ignore:This process:DeprecationWarning")  # Python 3.12 warns of every fork beside threads
QUICK = Backoff(initial_interval=0.001, max_interval=0.002, max_elapsed_time=30.0)
AGAIN = Outcome(verdict=Verdict.RETRY, reason="HTTP 503", message="HTTP 503: the receiver is failing")
NO = Outcome(verdict=Verdict.REFUSED, reason="HTTP 401", message="HTTP 401: the key was refused")
UNREADABLE = Outcome(verdict=Verdict.REFUSED, reason="HTTP 400", message="HTTP 400: unreadable", status=400)
LARGE = Outcome(verdict=Verdict.TOO_LARGE, reason="HTTP 413", message="HTTP 413: too large")


class Scripted:
    """Target and exporter in one: answers from a list, then always delivers. Keeps what was delivered."""

    def __init__(self, *outcomes: Outcome | Exception) -> None:
        self.outcomes = list(outcomes)
        self.batches: list[list[bytes]] = []
        self.delivered: list[bytes] = []
        self.closed = 0
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def exporter(self, resource: Any) -> Scripted:
        return self

    def describe(self) -> str:
        return "script"

    def encode(self, span: Any) -> bytes:
        return encode_span(span)

    def decode(self, payload: bytes) -> Any:
        return decode_span(payload)

    def export(self, batch: Sequence[bytes], timeout: float) -> Outcome:
        self.entered.set()
        self.gate.wait(60)
        self.batches.append(list(batch))
        outcome = self.outcomes.pop(0) if self.outcomes else DELIVERED
        if isinstance(outcome, Exception):
            raise outcome
        if outcome.verdict is Verdict.DELIVERED:
            self.delivered.extend(batch)
        return outcome

    def close(self) -> None:
        self.closed += 1


def destination(target: Any, **settings: Any) -> Destination:
    """Return a destination that sends to *target*."""
    return Destination(name="d", target=target, convention="gen_ai", render=CONVENTIONS["gen_ai"], **settings)


class OneLane:
    """One lane with the inbox and the encoder in front of it, as a pipeline with one destination has them."""

    def __init__(
        self,
        target: Any,
        *,
        backoff: Backoff = QUICK,
        max_queue_bytes: int = 10**6,
        spool: Spool | None = None,
        **settings: Any,
    ) -> None:
        made = destination(target, **settings)
        self.lane = Lane(made, dict, max_bytes=max_queue_bytes, backoff=backoff, spool=spool)
        self.delivery = Delivery([self.lane], max_queue_bytes)
        self.offer = self.delivery.offer
        self.flush = self.delivery.flush
        self.wait = self.delivery.wait

    def shutdown(self, timeout: float) -> bool:
        return self.delivery.inbox.closed or self.delivery.shutdown(time.monotonic() + timeout)

    def report(self) -> DestinationReport:
        return self.delivery.report()[0]


def wait_until(done: Callable[[], object], seconds: float = 20.0) -> bool:
    """Wait until *done*; return whether that came about."""
    until = time.monotonic() + seconds
    while not done() and time.monotonic() < until:
        time.sleep(0.005)
    return bool(done())


@pytest.fixture
def lane_of() -> Iterator[Callable[..., OneLane]]:
    """Return a maker of lanes, which are shut down after the test."""
    lanes: list[tuple[OneLane, Any]] = []

    def make(target: Any, backoff: Backoff = QUICK, max_queue_bytes: int = 10**6, **settings: Any) -> OneLane:
        lane = OneLane(target, backoff=backoff, max_queue_bytes=max_queue_bytes, **settings)
        lanes.append((lane, target))
        return lane

    yield make
    for lane, target in lanes:
        target.gate.set()
        lane.shutdown(10)


def captured(number: int = 1, *, size: int = 0, filler: str = "") -> CapturedOperation:
    """Return a closed operation."""
    made = OpenOperation(Kind.CHAIN, f"span {number}", 1, 7, number)
    made.end_ns = 2
    made.size = size
    if filler:
        made.translate = lambda _: Content(input=filler)
    return dataclasses.replace(made.captured(), sampled=1)


def offer(lane: OneLane, count: int, **settings: Any) -> None:
    """Offer *count* operations."""
    for number in range(1, count + 1):
        lane.offer(captured(number, **settings))


def total(report: DestinationReport) -> int:
    """Return the sum of all columns."""
    return sum(getattr(report, column) for column in COLUMNS)


# ---------------------------------------------------------------- bounded
def test_a_full_queue_drops_and_counts(lane_of: Callable[..., OneLane]) -> None:
    """The queue is bounded in bytes; what does not fit is dropped, at once, and said in the report."""
    target = Scripted()
    target.gate.clear()
    lane = lane_of(target, max_queue_bytes=100_000)
    lane.offer(captured(1))
    assert True is target.entered.wait(10)  # the worker holds the first span; the queue is empty
    offer(lane, 100, size=9_300)
    report = lane.report()
    assert (101, 101) == (report.recorded, report.queued + report.dropped)
    assert True is (10 <= report.queued <= 21)  # ten in the inbox, and ten more where the encoder was quick
    target.gate.set()
    assert lane.wait(10)
    report = lane.report()
    assert {"queue full": report.dropped} == report.reasons
    assert (101, 0) == (report.delivered + report.dropped, report.queued)
    assert True is (11 <= report.delivered <= 21)


def test_a_span_larger_than_the_whole_queue_is_taken_when_it_is_empty(lane_of: Callable[..., OneLane]) -> None:
    """One span alone is always accepted; a bound must not make a large span undeliverable."""
    lane = lane_of(Scripted(), max_queue_bytes=1000)
    lane.offer(captured(1, size=50_000))
    assert lane.wait(10)
    assert 1 == lane.report().delivered


def test_metadata_counts_against_the_bound(lane_of: Callable[..., OneLane]) -> None:
    """What a user says about a trace may be long; it is held in memory as well."""
    target = Scripted()
    target.gate.clear()
    lane = lane_of(target, max_queue_bytes=100_000)
    lane.offer(captured(1))
    assert True is target.entered.wait(10)
    for number in range(2, 32):
        one = dataclasses.replace(captured(number), fields=TraceFields(metadata={"text": "x" * 9_200, "number": 1}))
        lane.offer(one)
    report = lane.report()
    assert 31 == report.queued + report.dropped
    assert True is (10 <= report.queued <= 21)
    target.gate.set()
    assert lane.wait(10)


def test_room_is_given_back(lane_of: Callable[..., OneLane]) -> None:
    """What was sent no longer counts against the bound."""
    lane = lane_of(Scripted(), max_queue_bytes=20_000)
    for _ in range(20):
        lane.offer(captured(1, size=15_000))
        assert lane.wait(10)
    assert (20, 0) == (lane.report().delivered, lane.report().dropped)


def test_a_request_holds_at_most_512_spans(lane_of: Callable[..., OneLane]) -> None:
    """Large queues go out in several requests, in order."""
    target = Scripted()
    lane = lane_of(target, max_queue_bytes=10**8)
    offer(lane, 3 * MAX_BATCH)
    assert lane.wait(20)
    assert True is (max(map(len, target.batches)) <= MAX_BATCH)
    assert [encode_span(CONVENTIONS["gen_ai"](captured(n).operation())) for n in range(1, 3 * MAX_BATCH + 1)] == (
        target.delivered
    )


@pytest.mark.parametrize("protocol", ["http/json", "http/protobuf"])
@pytest.mark.parametrize("limit", [1200, 4000, 8000])
def test_requests_stay_below_max_request_bytes(protocol: str, limit: int) -> None:
    """The whole body counts, resource and envelope included, before compression."""
    with recording_receiver() as receiver:
        target = destinations.otlp(
            receiver.url, protocol=protocol, max_request_bytes=limit, resource={"team": "t" * 50}
        )
        with spancast.Pipeline(target) as pipeline:
            for index in range(120):
                with spancast.trace(trace_name="t", filler="x" * (index * 3 % 100)):
                    pass
        assert 120 == pipeline.report()["otlp"].delivered
        assert True is (max(len(request.raw) for request in receiver.requests) <= limit)
        assert True is (len(receiver.requests) > 1)


@pytest.mark.parametrize("protocol", [encode_span, protobuf.encode_span])
def test_a_span_above_the_limit_is_trimmed(lane_of: Callable[..., OneLane], protocol: Any) -> None:
    """Its longest values are cut until a request can hold it, with a mark; its neighbours arrive as they are."""

    class Encoding(Scripted):
        def encode(self, span: Any) -> bytes:
            spans.append(span)
            return protocol(span)

    spans: list[Any] = []
    target = Encoding()
    lane = lane_of(target, max_request_bytes=3000)
    for number in range(1, 6):
        lane.offer(captured(number, filler="x" * 5000 if number == 3 else ""))
    assert lane.wait(10)
    assert (5, 5) == (len(target.delivered), lane.report().delivered)
    assert True is (max(sum(map(len, batch)) for batch in target.batches) <= 3000)
    (cut,) = [span for span in spans if span.attributes.get("span.input.truncated")][-1:]
    assert True is ("[truncated]" in cut.attributes["span.input"])
    assert True is (2000 < len(cut.attributes["span.input"]) < 3000)


# ---------------------------------------------------------------- answers
def test_a_retryable_answer_is_tried_again_and_delivered_once(lane_of: Callable[..., OneLane]) -> None:
    """503, 503, 200: each span is delivered exactly once."""
    target = Scripted(AGAIN, AGAIN)
    lane = lane_of(target)
    offer(lane, 3)
    assert lane.wait(10)
    assert (3, 3, 0) == (len(target.delivered), lane.report().delivered, lane.report().dropped)
    assert {3} == {len(batch) for batch in target.batches[-1:]}


def test_a_receiver_that_recovers_gets_the_same_spans_over_http() -> None:
    """503 with `Retry-After`, then 200: two requests with the same body, one delivery."""
    with recording_receiver() as receiver:
        receiver.answers = [Answer(503, {"Retry-After": "0"})]
        with spancast.Pipeline(destinations.otlp(receiver.url)) as pipeline, spancast.trace(trace_name="a"):
            pass
        first, second = receiver.requests
    assert first.raw == second.raw
    assert (1, 0) == (pipeline.report()["otlp"].delivered, pipeline.report()["otlp"].dropped)


def test_new_spans_do_not_cut_a_wait_short(lane_of: Callable[..., OneLane]) -> None:
    """A receiver that asks for a pause gets it, also while the application goes on."""
    target = Scripted(Outcome(verdict=Verdict.RETRY, reason="HTTP 429", message="slow down", retry_after=60.0))
    lane = lane_of(target, Backoff(initial_interval=0.001, max_interval=0.001, max_elapsed_time=300.0))
    lane.offer(captured(1))
    until = time.monotonic() + 10
    while not target.batches and time.monotonic() < until:
        time.sleep(0.01)
    for number in range(2, 5):
        lane.offer(captured(number))
        time.sleep(0.05)
    assert (1, 4) == (len(target.batches), lane.report().queued)
    target.outcomes.clear()


def test_what_has_waited_for_too_long_is_given_up(lane_of: Callable[..., OneLane]) -> None:
    """Without a spool: after the longest time of retries spans are dropped, with the reason; the next are tried."""
    target = Scripted(*[AGAIN] * 1000)
    lane = lane_of(target, Backoff(initial_interval=0.01, max_interval=0.01, max_elapsed_time=0.2))
    offer(lane, 3)
    assert lane.wait(20)
    assert (3, {"HTTP 503": 3}) == (lane.report().dropped, lane.report().reasons)
    target.outcomes.clear()
    lane.offer(captured(4))
    assert lane.wait(20)
    assert (3, 1) == (lane.report().dropped, lane.report().delivered)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 415, 500, 501, 302])
def test_a_refusal_is_final(status: int) -> None:
    """Only 429, 502, 503 and 504 may be sent again: any other status rejects."""
    with recording_receiver() as receiver:
        receiver.answer = Answer(status, {"Location": "/elsewhere"})
        with spancast.Pipeline(destinations.otlp(receiver.url)) as pipeline, spancast.trace(trace_name="a"):
            pass
        assert 1 == len(receiver.requests)
    report = pipeline.report()["otlp"]
    assert (1, {f"HTTP {status}": 1}) == (report.rejected, report.reasons)


def test_a_refused_key_is_said_once_in_a_plain_sentence(caplog: pytest.LogCaptureFixture) -> None:
    """401: one warning that says what to change; every span is counted as rejected."""
    caplog.set_level(logging.WARNING, "spancast")
    with recording_receiver() as receiver:
        receiver.answer = Answer(401, body=b"invalid api key")
        with spancast.Pipeline(destinations.otlp(receiver.url, name="collector")) as pipeline:
            for _ in range(3):
                with spancast.trace(trace_name="a"):
                    pass
                assert False is pipeline.flush(10)
    assert (3, 0) == (pipeline.report()["collector"].rejected, pipeline.report()["collector"].delivered)
    expected = (
        "spancast: destination collector: HTTP 401: the key was refused; check the key or token. "
        "Later failures are only counted: see spancast.report()."
    )
    assert [expected] == [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    ("protocol", "answer"),
    [
        ("http/json", Answer(200, {"Content-Type": "application/json"}, b'{"partialSuccess":{"rejectedSpans":"2"}}')),
        ("http/protobuf", Answer(200, {"Content-Type": "application/x-protobuf"}, b"\n\x02\x08\x02")),
    ],
)
def test_a_partial_success_is_counted_and_not_sent_again(protocol: str, answer: Answer) -> None:
    """The receiver's word on how many spans it rejected goes into the ledger."""
    with recording_receiver() as receiver:
        receiver.answer = answer
        with spancast.Pipeline(destinations.otlp(receiver.url, protocol=protocol)) as pipeline:
            for _ in range(5):
                with spancast.trace(trace_name="a"):
                    pass
        assert 1 == len(receiver.requests)
    report = pipeline.report()["otlp"]
    assert (3, 2, {"partial success": 2}) == (report.delivered, report.rejected, report.reasons)


def test_a_receiver_cannot_reject_more_than_it_got(lane_of: Callable[..., OneLane]) -> None:
    """A nonsense count is cut to the batch, so the columns still add up."""
    lane = lane_of(Scripted(Outcome(verdict=Verdict.DELIVERED, rejected=99, reason="partial success")))
    offer(lane, 2)
    assert lane.wait(10)
    assert (2, 2, 0) == (lane.report().recorded, lane.report().rejected, lane.report().delivered)


def test_too_large_halves_the_batch_until_it_fits() -> None:
    """413 is answered with smaller requests; nothing is lost and nothing is sent twice to success."""
    with recording_receiver() as receiver:
        receiver.answers = [Answer(413), Answer(413), Answer(200), Answer(413), Answer(200), Answer(200)]
        with spancast.Pipeline(destinations.otlp(receiver.url)) as pipeline:
            for _ in range(8):
                with spancast.trace(trace_name="a"):
                    pass
        counts = [len(request.json["resourceSpans"][0]["scopeSpans"][0]["spans"]) for request in receiver.requests]
    assert [8, 4, 2, 2, 1, 1, 4] == counts
    assert (8, 0) == (pipeline.report()["otlp"].delivered, pipeline.report()["otlp"].rejected)


class Small(Scripted):
    """Takes no span of more than *most* bytes."""

    most = 5000

    def export(self, batch: Sequence[bytes], timeout: float) -> Outcome:
        if any(len(span) > self.most for span in batch):
            self.batches.append(list(batch))
            return LARGE
        return super().export(batch, timeout)


def test_one_span_that_is_too_large_for_the_receiver_is_trimmed_alone(lane_of: Callable[..., OneLane]) -> None:
    """413 for a single span: its content is halved until the receiver takes it; the rest arrives whole."""
    target = Small()
    lane = lane_of(target)
    for number in range(1, 10):
        lane.offer(captured(number, filler="x" * 15000 if number == 4 else ""))
    assert lane.wait(10)
    assert (9, 0) == (lane.report().delivered, lane.report().rejected)
    assert 1 == sum(b"[truncated]" in span for span in target.delivered)


def test_one_span_that_cannot_be_trimmed_is_rejected_alone(lane_of: Callable[..., OneLane]) -> None:
    """Nothing is left to cut, and it is still too large: it alone is given up."""
    target = Small()
    target.most = 500
    lane = lane_of(target)
    for number in range(1, 10):
        one = captured(number)
        if number == 4:
            one = dataclasses.replace(one, attributes={f"k{index}": index for index in range(50)})
        lane.offer(one)
    assert lane.wait(10)
    report = lane.report()
    assert (8, 1, {"HTTP 413": 1}) == (report.delivered, report.rejected, report.reasons)


class Picky(Scripted):
    """Answers 400 to a request with a span whose name it does not like; counts requests in `batches`."""

    dislikes: tuple[bytes, ...] = ()

    def export(self, batch: Sequence[bytes], timeout: float) -> Outcome:
        if any(f'"{name}"'.encode() in span for span in batch for name in map(bytes.decode, self.dislikes)):
            self.batches.append(list(batch))
            return UNREADABLE
        return super().export(batch, timeout)


@pytest.mark.parametrize("bad", [(5,), (1,), (16,), (3, 4), (1, 9, 16), tuple(range(2, 17))])
def test_one_refused_span_never_takes_others_along(lane_of: Callable[..., OneLane], bad: tuple[int, ...]) -> None:
    """400: the batch is halved until the spans are found that the receiver cannot read; all others arrive."""
    target = Picky()
    target.dislikes = tuple(f"span {number}".encode() for number in bad)
    lane = lane_of(target)
    offer(lane, 16)
    assert lane.wait(10)
    report = lane.report()
    assert (16 - len(bad), len(bad), {"HTTP 400": len(bad)}) == (report.delivered, report.rejected, report.reasons)
    assert True is (len(target.batches) <= 2 * 16 - 1)


def test_a_receiver_that_reads_nothing_is_searched_once(lane_of: Callable[..., OneLane]) -> None:
    """When not one span of a batch was readable, the next batches are not taken apart, until something is accepted."""
    target = Scripted(*[UNREADABLE] * 6)
    lane = lane_of(target)
    for count in (4, 4, 4):
        offer(lane, count)
        assert lane.wait(10)
    assert [4, 2, 1, 1, 2, 4, 4] == [len(batch) for batch in target.batches]
    report = lane.report()
    assert (8, 4) == (report.rejected, report.delivered)


def test_a_refused_request_does_not_stop_the_next(lane_of: Callable[..., OneLane]) -> None:
    """Each request is judged by its own answer."""
    target = Scripted(NO)
    lane = lane_of(target)
    for number in (1, 2):
        lane.offer(captured(number))
        assert lane.wait(10)
    assert (1, 1) == (lane.report().rejected, lane.report().delivered)


# ---------------------------------------------------------------- faults of ours
def test_an_exporter_that_breaks_its_word_and_raises_costs_its_batch_only(
    lane_of: Callable[..., OneLane], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker outlives it, the spans are counted, and the next ones arrive."""
    monkeypatch.setattr(guard, "strict", False)
    target = Scripted(RuntimeError("fault"))
    lane = lane_of(target)
    offer(lane, 2)
    assert lane.wait(10)
    lane.offer(captured(3))
    assert lane.wait(10)
    report = lane.report()
    assert (2, 1, {"fault": 2}) == (report.dropped, report.delivered, report.reasons)


def test_a_span_that_cannot_be_rendered_does_not_take_its_batch_along(
    lane_of: Callable[..., OneLane], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is dropped and counted; its neighbours arrive."""
    monkeypatch.setattr(guard, "strict", False)

    class Picky(Scripted):
        def encode(self, span: Any) -> bytes:
            if span.span_id == 2:
                raise ValueError("cannot")
            return super().encode(span)

    lane = lane_of(Picky())
    offer(lane, 3)
    assert lane.wait(10)
    report = lane.report()
    assert (2, 1, {"could not be rendered": 1}) == (report.delivered, report.dropped, report.reasons)


@given(
    outcomes=st.lists(
        st.one_of(
            st.sampled_from([DELIVERED, AGAIN, NO, LARGE, RuntimeError("fault")]),
            st.builds(lambda n: Outcome(verdict=Verdict.DELIVERED, rejected=n, reason="partial"), st.integers(-3, 30)),
        ),
        max_size=12,
    ),
    bursts=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    limit=st.sampled_from([1000, 1500, 4_000_000]),
    queue=st.sampled_from([1000, 4000, 10**6]),
    skipped=st.integers(0, 3),
    ends=st.sampled_from(["flush", "shutdown", "shutdown at once"]),
)
def test_the_columns_always_add_up(
    outcomes: list[Any], bursts: list[int], limit: int, queue: int, skipped: int, ends: str
) -> None:
    """Whatever a receiver answers and whenever it ends, every span is in exactly one column."""
    target = Scripted(*outcomes)
    lane = OneLane(target, backoff=QUICK, max_queue_bytes=queue, max_request_bytes=limit)
    before, guard.strict = guard.strict, False
    try:
        for burst in bursts:
            offer(lane, burst)
            if ends == "flush":
                assert lane.wait(20)
        for _ in range(skipped):
            lane.offer(dataclasses.replace(captured(), sampled=0))
        lane.shutdown(0.0 if ends == "shutdown at once" else 20)
        offer(lane, 1)
    finally:
        guard.strict = before
    report = lane.report()
    assert sum(bursts) + skipped + 1 == report.recorded == total(report)
    assert (0, skipped) == (report.queued, report.sampled_out)
    assert report.dropped + report.rejected == sum(report.reasons.values())
    if ends != "shutdown at once":
        assert True is (report.delivered <= len(target.delivered))


# ---------------------------------------------------------------- flush and shutdown
@pytest.fixture
def hanging() -> Iterator[Receiver]:
    """A receiver that takes requests and does not answer before the test is over."""
    with recording_receiver() as receiver:
        receiver.answer = Answer(delay=60.0)
        yield receiver


def test_flush_keeps_its_deadline_with_a_hanging_receiver(hanging: Receiver) -> None:
    """It returns False in its time; the spans are still on their way."""
    pipeline = spancast.Pipeline(destinations.otlp(hanging.url))
    with pipeline.trace(trace_name="a"):
        pass
    began = time.monotonic()
    assert False is pipeline.flush(0.3)
    assert True is (time.monotonic() - began < 5)
    assert 1 == pipeline.report()["otlp"].queued
    pipeline.shutdown(0.1)


@pytest.mark.parametrize(("spool", "column"), [(True, "spooled"), (False, "dropped")])
def test_shutdown_keeps_its_deadline_with_a_hanging_receiver(hanging: Receiver, spool: bool, column: str) -> None:
    """It returns False in its time; what is left goes to disk, or, without a spool, is dropped, and is counted."""
    pipeline = spancast.Pipeline(destinations.otlp(hanging.url), spool=spool)
    with pipeline.trace(trace_name="a"):
        pass
    began = time.monotonic()
    assert False is pipeline.shutdown(0.3)
    assert True is (time.monotonic() - began < 5)
    report = pipeline.report()["otlp"]
    assert (1, 0, 1) == (report.recorded, report.queued, getattr(report, column))


@pytest.mark.parametrize(
    ("spool", "column", "ending"),
    [
        (True, "spooled", "1 span stays on disk, to be sent at the next start or by `spancast replay`."),
        (False, "dropped", "1 span could not be sent before the shutdown deadline and is lost."),
    ],
)
def test_flush_and_shutdown_keep_their_deadline_with_a_dead_receiver(
    caplog: pytest.LogCaptureFixture, spool: bool, column: str, ending: str
) -> None:
    """Nothing listens: False in time, one warning that names the address, one at the end, and every span counted."""
    caplog.set_level(logging.WARNING, "spancast")
    with recording_receiver() as receiver:
        url = receiver.url
    pipeline = spancast.Pipeline(destinations.otlp(url), spool=spool)
    with pipeline.trace(trace_name="a"):
        pass
    assert False is pipeline.flush(0.3)
    assert False is pipeline.shutdown(0.3)
    report = pipeline.report()["otlp"]
    assert (1, 1) == (report.recorded, getattr(report, column))
    said, last = [record.getMessage() for record in caplog.records]
    assert True is (f"nothing listens at {url.removeprefix('http://')} (connection refused)" in said)
    assert f"spancast: destination otlp: {ending}" == last


def test_a_flush_after_the_shutdown_waits_for_nothing(tmp_path: Path) -> None:
    """Nobody sends any more: False at once while spans of this process lie on disk, True when another has sent them."""
    with recording_receiver() as receiver:
        url = receiver.url
    pipeline = spancast.Pipeline(destinations.otlp(url), spool=tmp_path)
    with pipeline.trace(trace_name="a"):
        pass
    assert False is pipeline.shutdown(0.3)
    began = time.monotonic()
    assert False is pipeline.flush(60)
    assert True is (time.monotonic() - began < 30)
    (file,) = tmp_path.glob("*/*.jsonl")
    file.unlink()
    assert True is pipeline.flush(60)


def test_a_flush_beside_a_shutdown_waits_for_it(lane_of: Callable[..., OneLane]) -> None:
    """Another thread shuts down, as where `configure` replaces a pipeline: what it still sends has arrived afterwards."""
    target = Scripted()
    target.gate.clear()
    lane = lane_of(target)
    lane.offer(captured(1))
    assert True is target.entered.wait(10)
    ending = threading.Thread(target=lane.delivery.shutdown, args=(time.monotonic() + 20,))
    ending.start()
    assert wait_until(lambda: lane.delivery.inbox.closed)
    threading.Timer(0.05, target.gate.set).start()
    assert lane.wait(20)
    assert 1 == len(target.delivered)
    ending.join()


def test_a_shutdown_that_drops_a_span_returns_false(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What can be neither sent nor kept on disk is lost, and said."""
    caplog.set_level(logging.WARNING, "spancast")
    (tmp_path / "file").touch()
    with recording_receiver() as receiver:
        url = receiver.url
    pipeline = spancast.Pipeline(destinations.otlp(url), spool=tmp_path / "file" / "spool")
    with pipeline.trace(trace_name="a"):
        pass
    assert False is pipeline.shutdown(1.0)
    report = pipeline.report()["otlp"]
    assert (1, 1) == (report.recorded, report.dropped)
    ending = "spancast: destination otlp: 1 span was dropped while it shut down: spancast.report() says why."
    assert ending == caplog.records[-1].getMessage()


def test_a_flush_sends_without_waiting_for_more(lane_of: Callable[..., OneLane]) -> None:
    """What is queued leaves at once, and a flush of nothing is True."""
    lane = lane_of(Scripted())
    assert lane.wait(0.0)
    offer(lane, 2)
    assert lane.wait(10)
    assert 2 == lane.report().delivered


def test_spans_leave_without_a_flush(lane_of: Callable[..., OneLane]) -> None:
    """A span that is old enough is sent by itself."""
    target = Scripted()
    lane = lane_of(target)
    lane.offer(captured(1))
    until = time.monotonic() + 20
    while lane.report().queued and time.monotonic() < until:
        time.sleep(0.01)
    assert 1 == lane.report().delivered


def test_shutdown_ends_a_long_wait(lane_of: Callable[..., OneLane]) -> None:
    """A lane that waits for a receiver tries once more at shutdown instead of sleeping on."""
    target = Scripted(AGAIN)
    lane = lane_of(target, Backoff(initial_interval=50.0, max_interval=50.0, max_elapsed_time=300.0))
    lane.offer(captured(1))
    until = time.monotonic() + 10
    while not target.batches and time.monotonic() < until:
        time.sleep(0.01)
    assert True is lane.shutdown(20)
    assert 1 == lane.report().delivered
    assert True is wait_until(lambda: target.closed == 1)


def test_after_shutdown_spans_are_dropped_and_counted(lane_of: Callable[..., OneLane]) -> None:
    """Nothing is taken any more, and nothing raises."""
    target = Scripted()
    lane = lane_of(target)
    assert True is lane.shutdown(10)
    lane.offer(captured(1))
    report = lane.report()
    assert (1, 1, {"after shutdown": 1}) == (report.recorded, report.dropped, report.reasons)


def test_a_ledger_is_closed_after_the_deadline(lane_of: Callable[..., OneLane]) -> None:
    """An answer that comes after the deadline changes no column, and nothing more is sent."""
    target = Scripted()
    target.gate.clear()
    lane = lane_of(target, max_request_bytes=1000)
    offer(lane, 20, filler="x" * 300)
    assert True is target.entered.wait(10)
    assert False is lane.shutdown(0.1)
    target.gate.set()
    assert True is wait_until(lambda: not lane.lane.worker.is_running())
    report = lane.report()
    assert (20, 20, 0, 0) == (report.recorded, report.dropped, report.delivered, report.queued)
    assert 1 == len(target.batches)


def test_what_was_taken_over_to_disk_is_not_sent_by_the_worker_as_well(tmp_path: Path) -> None:
    """A worker that waits for a failing receiver loses its spans to `keep_safe`: they arrive once, from the disk."""
    target = Scripted(*[AGAIN] * 3)
    lane = OneLane(
        target, backoff=Backoff(initial_interval=0.4, max_interval=0.4, max_elapsed_time=30.0), spool=Spool(tmp_path)
    )
    offer(lane, 5)
    assert True is target.entered.wait(10)
    lane.delivery.keep_safe(0.3)
    assert (5, 0) == (lane.report().spooled, lane.report().queued)
    assert lane.wait(30)
    assert (5, 5, 0) == (lane.report().delivered, len(set(target.delivered)), len(target.delivered) - 5)
    lane.shutdown(5)


def test_a_dead_destination_does_not_hold_up_another(hanging: Receiver) -> None:
    """Each lane has its own queue and thread; flush and shutdown hurry all of them from their start."""
    memory = destinations.memory()
    pipeline = spancast.Pipeline(destinations.otlp(hanging.url), memory)
    with pipeline.trace(trace_name="a"):
        pass
    assert False is pipeline.flush(0.4)
    assert (1, 1) == (pipeline.report()["otlp"].queued, pipeline.report()["memory"].delivered)
    with pipeline.trace(trace_name="b"):
        pass
    assert False is pipeline.shutdown(0.4)
    assert (2, 2) == (pipeline.report()["otlp"].spooled, pipeline.report()["memory"].delivered)


def test_offers_do_not_wait_for_a_hanging_destination(lane_of: Callable[..., OneLane]) -> None:
    """The application's side returns although the worker is stuck in a request."""
    target = Scripted()
    target.gate.clear()
    lane = lane_of(target)
    lane.offer(captured(1))
    assert True is target.entered.wait(10)
    done = threading.Event()

    def work() -> None:
        offer(lane, 200)
        done.set()

    threading.Thread(target=work, daemon=True).start()
    assert True is done.wait(10)
    assert 201 == lane.report().queued


def test_threads_start_with_the_first_span_only(lane_of: Callable[..., OneLane]) -> None:
    """An idle lane costs no thread, and a flush or a shutdown of nothing starts none."""
    lane = lane_of(Scripted())
    assert lane.flush(10)
    assert [False, False] == [lane.delivery.worker.is_running(), lane.lane.worker.is_running()]
    lane.offer(captured(1))
    assert lane.wait(10)
    assert [True, True] == [lane.delivery.worker.is_running(), lane.lane.worker.is_running()]


# ---------------------------------------------------------------- fork
forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


def run(script: str, *arguments: str) -> str:
    """Run *script* in a new interpreter and return what it printed; its failure is ours."""
    done = subprocess.run(
        [sys.executable, *QUIET, "-c", textwrap.dedent(script), *arguments], capture_output=True, text=True, timeout=60
    )
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


@forking
def test_a_forked_child_starts_clean_and_the_parent_loses_nothing() -> None:
    """What was queued at the fork belongs to the parent; the child's own spans arrive once, each side with its ledger."""
    with recording_receiver() as receiver:
        printed = run(
            """
            import os, sys, spancast
            pipeline = spancast.Pipeline(spancast.destinations.otlp(sys.argv[1]))
            for _ in range(50):
                with pipeline.trace(trace_name="parent before"):
                    pass
            child = os.fork()
            side = "parent" if child else "child"
            for _ in range(20):
                with pipeline.trace(trace_name=side):
                    pass
            complete = pipeline.shutdown(20)
            report = pipeline.report()["otlp"]
            os.write(1, f"{side} {complete} {report.recorded} {report.delivered}\\n".encode())
            if child:
                os.waitpid(child, 0)
            else:
                os._exit(0)
            """,
            receiver.url,
        )
        names = [span["name"] for span in receiver.json_spans()]
    assert ["child True 20 20", "parent True 70 70"] == sorted(printed.splitlines())
    assert (50, 20, 20) == tuple(names.count(name) for name in ("parent before", "parent", "child"))


@forking
def test_a_fork_while_the_lane_is_at_work_harms_neither_side() -> None:
    """Locks and connections of the parent's threads are not the child's; an open operation ends once."""
    with recording_receiver() as receiver:
        run(
            """
            import os, sys, spancast
            pipeline = spancast.Pipeline(spancast.destinations.otlp(sys.argv[1]))
            children = []
            for round in range(8):
                with pipeline.trace(trace_name="parent"):
                    for _ in range(100):
                        with pipeline.trace(span_name="busy"):
                            pass
                    child = os.fork()
                    if not child:
                        with pipeline.trace(trace_name="child"):
                            pass
                        os._exit(0 if pipeline.shutdown(20) else 1)
                    children.append(child)
            codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
            assert codes == [0] * 8, codes
            assert pipeline.shutdown(20)
            """,
            receiver.url,
        )
        names = [span["name"] for span in receiver.json_spans()]
    assert (8, 800, 8) == tuple(names.count(name) for name in ("parent", "busy", "child"))


@forking
def test_what_was_shut_down_stays_shut_down_in_a_child() -> None:
    """A child of a process that has ended its pipeline records nothing new into it."""
    printed = run(
        """
        import os, spancast
        pipeline = spancast.Pipeline(spancast.destinations.memory())
        pipeline.shutdown()
        child = os.fork()
        if child:
            os.waitpid(child, 0)
        else:
            with pipeline.trace(trace_name="late"):
                pass
            print(pipeline.report(), flush=True)
            os._exit(0)
        """
    )
    assert "memory: 1 dropped (1 after shutdown)\n" == printed
