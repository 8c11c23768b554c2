"""Queue, split and spool as a state machine: whatever happens, no span is in two columns, and none is in none."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from spancast.conventions import CONVENTIONS
from spancast.delivery import lane as module
from spancast.delivery.lane import Lane
from spancast.delivery.ledger import COLUMNS
from spancast.delivery.spool import Spool
from spancast.destinations import Destination
from spancast.otlp.json import encode_span
from spancast.otlp.outcome import Outcome, Verdict

from .test_lane import AGAIN, QUICK, Scripted, captured

ROOMY, TIGHT = 10**6, 6000
BEHAVIOURS = ["take", "again", "refuse", "small", "picky", "partial", "slow down", "late", "late"]


class Receiver(Scripted):
    """Behaves as it is told; knows which spans it took, and which it refused for good."""

    def __init__(self) -> None:
        super().__init__()
        self.behaviour = "take"
        self.late_until = 0.0
        self.took: Counter[int] = Counter()
        self.refused: Counter[int] = Counter()

    def export(self, batch: Sequence[bytes], timeout: float) -> Outcome:
        ids = [int(orjson.loads(span)["spanId"], 16) for span in batch]
        return getattr(self, self.behaviour.replace(" ", "_"))(ids, batch)

    def take(self, ids: list[int], batch: Sequence[bytes]) -> Outcome:
        self.took.update(ids)
        return Outcome(verdict=Verdict.DELIVERED, status=200)

    def late(self, ids: list[int], batch: Sequence[bytes]) -> Outcome:
        self.late_until = time.monotonic() + 1.0
        time.sleep(0.03)  # meanwhile the keeper packs
        return self.take(ids, batch)

    def again(self, ids: list[int], batch: Sequence[bytes]) -> Outcome:
        return AGAIN

    def slow_down(self, ids: list[int], batch: Sequence[bytes]) -> Outcome:
        return Outcome(verdict=Verdict.RETRY, reason="HTTP 429", message="429", retry_after=1000.0, status=429)

    def refuse(self, ids: list[int], batch: Sequence[bytes]) -> Outcome:
        self.refused.update(ids)
        return Outcome(verdict=Verdict.REFUSED, reason="HTTP 401", message="401", status=401)

    def small(self, ids: list[int], batch: Sequence[bytes]) -> Outcome:
        if sum(map(len, batch)) <= 900:
            return self.take(ids, batch)
        return Outcome(verdict=Verdict.TOO_LARGE, reason="HTTP 413", message="413", status=413)

    def picky(self, ids: list[int], batch: Sequence[bytes]) -> Outcome:
        if not any(number % 5 == 0 for number in ids):
            return self.take(ids, batch)
        if len(ids) == 1:
            self.refused.update(ids)
        return Outcome(verdict=Verdict.REFUSED, reason="HTTP 400", message="400", status=400)

    def partial(self, ids: list[int], batch: Sequence[bytes]) -> Outcome:
        self.refused.update(ids[:1])
        self.took.update(ids[1:])
        return Outcome(verdict=Verdict.DELIVERED, rejected=1, reason="partial success", status=200)


class Delivery(RuleBasedStateMachine):
    """Several lives of one destination: lanes come and go, the folder stays."""

    @initialize(
        spooling=st.sampled_from([True, True, True, False]),
        queue=st.sampled_from([ROOMY, TIGHT]),
        limit=st.sampled_from([1200, 10**6]),
    )
    def begin(self, spooling: bool, queue: int, limit: int) -> None:
        """Choose the bounds."""
        self.folder = Path(tempfile.mkdtemp())
        self.spooling = spooling
        self.room = 10**8
        self.queue, self.limit = queue, limit
        self.receiver = Receiver()
        self.numbers = 0
        self.offered: set[int] = set()
        self.ended: list[Any] = []
        self.torn = 0
        self.lane = self.new_lane()

    def new_lane(self) -> Lane:
        """Return the lane of the next process."""
        target = Destination(
            name="d",
            target=self.receiver,
            convention="gen_ai",
            render=CONVENTIONS["gen_ai"],
            max_request_bytes=self.limit,
        )
        spool = lambda: Spool(self.folder, max_bytes=self.room) if self.spooling else None  # noqa: E731
        lane = Lane(target, dict, max_queue_bytes=self.queue, backoff=QUICK, spool=spool)
        lane.start_replay()
        return lane

    # ------------------------------------------------------------ what happens
    @rule(count=st.integers(1, 30), filler=st.sampled_from(["", "x" * 300, '["' + "y" * 2000 + '"]']))
    def record(self, count: int, filler: str) -> None:
        """Operations end."""
        for _ in range(count):
            self.numbers += 1
            self.offered.add(self.numbers)
            self.lane.offer(captured(self.numbers, size=len(filler), filler=filler))

    @rule()
    def skip(self) -> None:
        """The sampling rate leaves one out."""
        self.lane.skip()

    @rule(behaviour=st.sampled_from(["again", "again", "again", "again", *BEHAVIOURS]))
    def behave(self, behaviour: str) -> None:
        """The receiver changes its mind."""
        self.receiver.behaviour = behaviour

    @rule(seconds=st.sampled_from([0.0, 0.02, 0.2]))
    def flush(self, seconds: float) -> None:
        """Somebody waits for a while."""
        self.lane.flush(seconds)

    @rule()
    def keep_safe(self) -> None:
        """A signal has come."""
        self.lane.keep_safe(time.monotonic() + 1.0)

    @rule()
    def wait_for_the_keeper(self) -> None:
        """Whatever the receiver does, the keeper soon leaves few operations."""
        with self.lane._changed:
            few = lambda: len(self.lane._queue) < module._CROWD and not self.lane._packing  # noqa: E731
            assert True is self.lane._changed.wait_for(few, 20)

    @rule()
    def pass_time(self) -> None:
        """An outage goes on for a while."""
        time.sleep(0.05)

    @precondition(lambda self: self.spooling)
    @rule(room=st.sampled_from([10**8, 10**8, 10**8, 4000, 0]))
    def change_the_disk(self, room: int) -> None:
        """No more room, or room again."""
        self.room = room
        if self.lane._spool is not None:
            self.lane._spool._max_bytes = self.room

    @rule(seconds=st.sampled_from([0.0, 0.05, 2.0]))
    def next_process(self, seconds: float) -> None:
        """The process ends, and the next one begins; after a late answer, which else nobody hears any more."""
        late = self.receiver.behaviour == "late" or time.monotonic() < self.receiver.late_until
        self.lane.shutdown(2.0 if late else seconds)
        if self.lane._thread is not None:
            self.lane._thread.join(20)
        self.ended.append(self.lane.ledger.report())
        self.lane = self.new_lane()

    # ------------------------------------------------------------ what holds at any time
    @invariant()
    def every_span_is_in_one_column(self) -> None:
        """The columns add up to what was recorded, in each ledger, and none is negative."""
        for report in (self.lane.ledger.report(), *self.ended):
            columns = [getattr(report, column) for column in COLUMNS]
            assert report.recorded == sum(columns)
            assert min(columns) >= 0

    @invariant()
    def nothing_arrives_twice(self) -> None:
        """The receiver never lies here: a span it took is never sent again, nor one that it refused."""
        assert [] == [number for number, count in (self.receiver.took + self.receiver.refused).items() if count > 1]

    def teardown(self) -> None:
        """At the end, with a receiver that takes everything: the books of all lives agree with what arrived."""
        if not hasattr(self, "lane"):
            return
        self.receiver.behaviour = "take"
        self.lane.flush(20)
        with self.lane._changed:
            self.lane._changed.wait_for(lambda: not self.on_disk(), 20)
        self.lane.shutdown(20)
        reports = [*self.ended, self.lane.ledger.report()]
        try:
            self.every_span_is_in_one_column()
            self.nothing_arrives_twice()
            total = {column: sum(getattr(report, column) for report in reports) for column in COLUMNS}
            replayed = sum(report.replayed for report in reports)
            left = self.on_disk()
            assert len(self.offered) == sum(total.values()) - total["sampled_out"]
            assert 0 == total["queued"]
            assert self.receiver.took.total() == total["delivered"] + replayed
            assert total["spooled"] >= replayed + left
            if not self.spooling:
                assert (0, 0) == (total["spooled"], left)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def on_disk(self) -> int:
        """Return how many spans lie in the folder."""
        return sum(file.count for file in Spool(self.folder).files())


Delivery.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


@pytest.mark.usefixtures("quick")
class TestDelivery(Delivery.TestCase):  # type: ignore[misc,name-defined]
    pass


@pytest.fixture(scope="module")
def quick() -> Any:
    """Let outages be short, and waits between tries."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_OUTAGE", 0.02)
        patch.setattr(module, "_HURRIED_PAUSE", 0.005)
        patch.setattr(module, "_LAST_TRIES", 0.05)
        patch.setattr(module, "MAX_AGE", 0.01)
        patch.setattr(module, "_CROWD", 6)
        patch.setattr(module, "_THRONG", 12)
        patch.setattr(module, "_MANY", 40)
        patch.setattr(module, "HEAVY", 4)
        yield


def test_encoded_ids_are_read_back() -> None:
    """The receiver above tells spans apart by their ids."""
    span = CONVENTIONS["gen_ai"](captured(77).operation())
    assert 77 == int(orjson.loads(encode_span(span))["spanId"], 16)
