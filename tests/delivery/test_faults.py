"""What a receiver can do wrong, one mode after the other, over real sockets: every span is where the ledger says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

import spancast
from spancast import destinations
from spancast.delivery import lane as module
from spancast.delivery.circuit import Backoff
from spancast.delivery.ledger import DestinationReport

from ..receivers.faulty import Faulty, answer, faulty_receiver, limited, partial, picky, step
from .test_lane import wait_until

SPANS = 8
HANG = 60.0


@pytest.fixture(scope="module")
def process() -> Iterator[Faulty]:
    """One process for all modes."""
    with faulty_receiver() as running:
        yield running


@pytest.fixture
def receiver(process: Faulty, monkeypatch: pytest.MonkeyPatch) -> Faulty:
    """The receiver, and a lane that does not wait long between tries."""
    monkeypatch.setattr(
        module, "Backoff", lambda: Backoff(initial_interval=0.02, max_interval=0.05, max_elapsed_time=5.0)
    )
    return process


class Run:
    """What one mode led to: the ledger, and what the receiver saw since the start."""

    def __init__(self, receiver: Faulty, report: DestinationReport, before: int, arrived_before: int) -> None:
        seen = receiver.seen()
        self.report = report
        self.tries = seen.tries[before:]
        self.paths = seen.paths[before:]
        self.arrived = seen.arrived[arrived_before:]

    @property
    def columns(self) -> tuple[int, int, int, int]:
        """Delivered, rejected, spooled, dropped."""
        report = self.report
        return report.delivered, report.rejected, report.spooled, report.dropped


def run(receiver: Faulty, *steps: dict[str, Any], then: dict[str, Any] | None = None, **settings: Any) -> Run:
    """Record spans while the receiver behaves by its plan, and end the pipeline; check what holds in every mode."""
    seen = receiver.seen()
    receiver.plan(*steps, then=then)
    wait = settings.pop("wait", 4.0)
    options = {"timeout": 0.5, **settings}
    with spancast.Pipeline(destinations.otlp(receiver.url, name="d", **options)) as pipeline:
        with spancast.trace(trace_name="span 0"):
            for number in range(1, SPANS):
                with spancast.trace(span_name=f"span {number}"):
                    pass
        pipeline.shutdown(wait)
    receiver.plan()
    done = Run(receiver, pipeline.report()["d"], len(seen.tries), len(seen.arrived))
    assert SPANS == done.report.recorded == sum(done.columns)
    assert done.report.delivered == len(done.arrived) == len(set(done.arrived))
    return done


# ---------------------------------------------------------------- it recovers
def in_two_seconds() -> str:
    """Return an HTTP date a moment ahead."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)


@pytest.mark.parametrize(
    ("steps", "tries"),
    [
        ([answer(503)] * 3, 4),
        ([answer(502), answer(504)], 3),
        ([answer(429, Retry_After="1")], 2),
        ([answer(429, Retry_After="0.1"), answer(503, Retry_After="soon")], 3),
        ([step("hang_before")], 2),
        ([step("hang_after")], 2),
        ([step("drip_head")], 2),
        ([step("reset")] * 2, 3),
        ([step("garbage")], 2),
        ([step("garbage"), answer(503), step("reset"), step("hang_after")], 5),
    ],
    ids=["503", "502-504", "429", "429-soon", "hang before", "hang after", "drip head", "reset", "garbage", "all"],
)
@pytest.mark.parametrize("protocol", ["http/json", "http/protobuf"])
def test_what_recovers_gets_every_span_once(
    receiver: Faulty, steps: list[dict[str, Any]], tries: int, protocol: Any
) -> None:
    """Retryable answers, timeouts and broken connections: the same batch again, until it is taken."""
    done = run(receiver, *steps, protocol=protocol)
    assert ((SPANS, 0, 0, 0), tries) == (done.columns, len(done.tries))


def test_a_date_to_come_back_at_is_kept(receiver: Faulty) -> None:
    """`Retry-After` as a date: not one try before it, and delivery after it."""
    receiver.plan(answer(429, Retry_After=in_two_seconds()))
    before = len(receiver.seen().tries)
    with spancast.Pipeline(destinations.otlp(receiver.url, name="d")) as pipeline:
        with spancast.trace(trace_name="a"):
            pass
        assert True is wait_until(lambda: not pipeline.report()["d"].queued, HANG)  # by itself: nobody flushes
    assert (1, 2) == (pipeline.report()["d"].delivered, len(receiver.seen().tries) - before)


# ---------------------------------------------------------------- it takes the spans, oddly
@pytest.mark.parametrize(
    "how",
    [answer(200), answer(202), answer(204), step("garbage_body"), step("huge"), step("drip_body")],
    ids=["200", "202", "204", "garbage", "huge", "drip"],
)
def test_any_success_is_success_and_is_not_sent_again(receiver: Faulty, how: dict[str, Any]) -> None:
    """2xx counts, whatever the body is, however long it takes."""
    done = run(receiver, then=how)
    assert ((SPANS, 0, 0, 0), [SPANS]) == (done.columns, done.tries)


@pytest.mark.parametrize("protocol", ["http/json", "http/protobuf"])
def test_a_partial_success_is_final(receiver: Faulty, protocol: Any) -> None:
    """What the receiver says it rejected is rejected; nothing is sent again."""
    done = run(receiver, then=partial(3, protobuf=protocol == "http/protobuf"), protocol=protocol)
    assert ((SPANS - 3, 3, 0, 0), [SPANS]) == (done.columns, done.tries)
    assert {"partial success": 3} == done.report.reasons


# ---------------------------------------------------------------- it refuses
@pytest.mark.parametrize("status", [401, 403, 404, 405, 415, 500, 501])
def test_a_refusal_is_final_and_asked_once(receiver: Faulty, status: int) -> None:
    """No other code is sent again; nothing goes to disk that would only be refused again."""
    done = run(receiver, then=answer(status))
    assert ((0, SPANS, 0, 0), [SPANS], {f"HTTP {status}": SPANS}) == (done.columns, done.tries, done.report.reasons)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver: Faulty, status: int) -> None:
    """Nothing arrives elsewhere, and nobody counts it as success."""
    done = run(receiver, then=answer(status, Location="/stolen"))
    assert ((0, SPANS, 0, 0), ["/v1/traces"]) == (done.columns, done.paths)


def test_a_batch_refused_with_400_loses_only_its_bad_span(receiver: Faulty) -> None:
    """The batch is searched: 8, 4 good, 4 bad, 2 good, 2 bad, 1 bad, 1 good."""
    done = run(receiver, then=picky("span 2"))
    assert (SPANS - 1, 1, 0, 0) == done.columns
    assert True is (len(done.tries) <= 7)


def test_a_receiver_that_reads_nothing_rejects_everything(receiver: Faulty) -> None:
    """It is searched down to two single spans and one more request; then all are rejected."""
    done = run(receiver, then=answer(400))
    assert ((0, SPANS, 0, 0), [8, 4, 2, 1, 1, 2]) == (done.columns, done.tries)


# ---------------------------------------------------------------- it is too small
@pytest.mark.parametrize(
    ("status", "body"), [(413, ""), (400, "http: request body too large"), (400, "message larger than max (64 vs 32)")]
)
def test_too_large_is_halved_until_it_fits(receiver: Faulty, status: int, body: str) -> None:
    """413, and the 400 that means it: smaller requests, nothing lost."""
    done = run(receiver, then=limited(1000, status, body))
    assert ((SPANS, 0, 0, 0), [8, 4, 2, 2, 4, 2, 2]) == (done.columns, done.tries)


def test_a_receiver_that_is_too_small_for_any_span_rejects_each(receiver: Faulty) -> None:
    """Down to single spans, which cannot be trimmed further; the count of tries is bounded."""
    done = run(receiver, then=limited(10))
    assert ((0, SPANS, 0, 0), 2 * SPANS - 1) == (done.columns, len(done.tries))


# ---------------------------------------------------------------- it is gone
@pytest.mark.parametrize(
    "how",
    [
        answer(503),
        answer(429, Retry_After="3600"),
        step("hang_before"),
        step("hang_after"),
        step("drip_head"),
        step("reset"),
    ],
    ids=["503", "429", "hang before", "hang after", "drip head", "reset"],
)
def test_what_never_recovers_goes_to_disk(receiver: Faulty, how: dict[str, Any]) -> None:
    """At the end of the pipeline everything lies in the spool, and the next start delivers it, once."""
    done = run(receiver, then=how, wait=1.0)
    assert ((0, 0, SPANS, 0), 0) == (done.columns, len(done.arrived))
    before = len(receiver.seen().arrived)
    with spancast.Pipeline(destinations.otlp(receiver.url, name="d", timeout=0.5)) as pipeline:
        _until_replayed(pipeline, SPANS)
    arrived = receiver.seen().arrived[before:]
    assert (SPANS, SPANS) == (len(arrived), len(set(arrived)))
    assert (0, SPANS) == (pipeline.report()["d"].recorded, pipeline.report()["d"].replayed)


@pytest.mark.parametrize("how", [answer(503), step("hang_after")], ids=["503", "hang after"])
def test_without_a_spool_it_is_dropped_and_counted(
    receiver: Faulty, how: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Off with one setting; then the ledger says dropped."""
    monkeypatch.setenv("SPANCAST_SPOOL", "off")
    assert (0, 0, 0, SPANS) == run(receiver, then=how, wait=1.0).columns


def test_what_was_spooled_during_an_outage_is_delivered_when_it_ends(
    receiver: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one process: spooled first; then the receiver answers, and the columns move to delivered."""
    monkeypatch.setattr(
        module, "Backoff", lambda: Backoff(initial_interval=0.02, max_interval=0.05, max_elapsed_time=0.1)
    )
    before = len(receiver.seen().arrived)
    receiver.plan(then=answer(503))
    with spancast.Pipeline(destinations.otlp(receiver.url, name="d")) as pipeline:
        for number in range(3):
            with spancast.trace(trace_name=f"outage {number}"):
                pass
            assert True is wait_until(lambda: not pipeline.report()["d"].queued, HANG)
        report = pipeline.report()["d"]
        assert (3, 3) == (report.recorded, report.spooled)
        receiver.plan()
        assert True is pipeline.flush(HANG)
        report = pipeline.report()["d"]
        assert (3, 3, 0, 0) == (report.recorded, report.delivered, report.spooled, report.replayed)
    arrived = receiver.seen().arrived[before:]
    assert (3, 3) == (len(arrived), len(set(arrived)))


def _until_replayed(pipeline: spancast.Pipeline, count: int) -> None:
    assert True is wait_until(lambda: pipeline.report()["d"].replayed >= count, HANG)
