"""However long a receiver takes, few operations wait: the others are packed, in their order, and none is lost by it."""

from __future__ import annotations

import gc
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from spancast.conventions import CONVENTIONS
from spancast.conventions.span import Span
from spancast.delivery import lane as module
from spancast.delivery.lane import MAX_BATCH, Lane
from spancast.delivery.spool import Spool
from spancast.destinations import Destination
from spancast.otlp import protobuf
from spancast.otlp.json import encode_span
from spancast.recording import guard
from spancast.recording.captured import CapturedOperation

from .test_lane import AGAIN, QUICK, Scripted, captured, total


class Stuck(Scripted):
    """Takes a request and does not answer before its gate is open; encodes as it was told."""

    def __init__(self, encoding: Callable[[Span], Any] = encode_span) -> None:
        super().__init__()
        self.gate.clear()
        self.encoding = encoding

    def encode(self, span: Span) -> Any:
        return self.encoding(span)


class Numbered:
    """Renders spans, and knows how often each was."""

    def __init__(self) -> None:
        self.rendered: Counter[int] = Counter()
        self.hold: dict[int, threading.Event] = {}
        self.held = threading.Event()
        self.broken: set[int] = set()

    def __call__(self, operation: Any) -> Span:
        self.rendered[operation.span_id] += 1
        if operation.span_id in self.hold:
            self.held.set()
            self.hold[operation.span_id].wait(60)
        if operation.span_id in self.broken:
            raise ValueError("cannot")
        return CONVENTIONS["gen_ai"](operation)


@pytest.fixture
def lane_of(tmp_path: Path) -> Iterator[Callable[..., Lane]]:
    """Return a maker of lanes, which are shut down after the test."""
    lanes: list[tuple[Lane, Any]] = []

    def make(target: Any, *, spooling: bool = False, render: Any = None, most: int = 10**8) -> Lane:
        where = Destination(name="d", target=target, convention="gen_ai", render=render or CONVENTIONS["gen_ai"])
        spool = lambda: Spool(tmp_path) if spooling else None  # noqa: E731
        lane = Lane(where, dict, max_queue_bytes=most, backoff=QUICK, spool=spool)
        lanes.append((lane, target))
        return lane

    yield make
    for lane, target in lanes:
        target.gate.set()
        lane.shutdown(10)


class Alive:
    """Counts which of the operations that were added still exist."""

    def __init__(self) -> None:
        self._ids: set[int] = set()

    def add(self, captured: CapturedOperation) -> None:
        self._ids.add(id(captured))

    def __ior__(self, other: Alive) -> Alive:
        self._ids |= other._ids
        return self

    def __len__(self) -> int:
        return len([x for x in gc.get_objects() if isinstance(x, CapturedOperation) and id(x) in self._ids])


def offer(lane: Lane, numbers: Any, filler: str = "", **settings: Any) -> Alive:
    """Offer a captured of each number; return those that are still alive."""
    alive: Alive = Alive()
    for number in numbers:
        one = captured(number, filler=filler, **settings)
        alive.add(one)
        lane.offer(one)
    return alive


def settled(lane: Lane, wanted: Callable[[], bool]) -> bool:
    """Wait until the keeper has done its work, and nothing of it is under way."""
    with lane._changed:
        return lane._changed.wait_for(lambda: wanted() and not lane._packing, 30)


def packed(lane: Lane) -> bool:
    """Wait until no more than a crowd of operations waits."""
    return settled(lane, lambda: len(lane._queue) < module._CROWD)


@pytest.mark.parametrize("spooling", [True, False])
@pytest.mark.parametrize("encoding", [encode_span, protobuf.encode_span, lambda span: span])
def test_few_drafts_wait_for_a_receiver_that_does_not_answer(
    lane_of: Callable[..., Lane], spooling: bool, encoding: Any
) -> None:
    """Of 4,000 no more than a crowd is alive, with a spool and without, for any kind of target; in the end all arrive."""
    target = Stuck(encoding)
    lane = lane_of(target, spooling=spooling)
    alive = offer(lane, [1])
    assert True is target.entered.wait(10)
    alive |= offer(lane, range(2, 4001))
    assert True is packed(lane)
    assert True is (len(alive) <= module._CROWD + 1)  # one may be the worker's local name
    assert (4000, 0) == (lane.ledger.report().queued, lane.ledger.report().dropped)
    target.gate.set()
    assert True is lane.flush(30)
    assert [encoding(CONVENTIONS["gen_ai"](captured(n).operation())) for n in range(1, 4001)] == target.delivered
    assert (4000, 4000) == (lane.ledger.report().delivered, total(lane.ledger.report()))
    assert True is (max(map(len, target.batches)) <= MAX_BATCH)
    assert (0, 0) == (lane._bytes, len(alive))


@pytest.mark.parametrize("spooling", [True, False])
def test_few_drafts_wait_for_a_receiver_that_is_to_be_left_alone(lane_of: Callable[..., Lane], spooling: bool) -> None:
    """The same while the worker pauses between two tries; with a spool the rest goes to disk meanwhile."""
    target = Scripted(AGAIN)
    lane = lane_of(target, spooling=spooling)
    lane._backoff = type(QUICK)(first=60.0, longest=60.0, deadline=600.0)
    alive = offer(lane, [1])
    assert True is target.entered.wait(10)
    alive |= offer(lane, range(2, 4001))
    assert True is packed(lane)
    assert True is (len(alive) <= module._CROWD + 1)
    assert True is settled(lane, lambda: not spooling or lane._waiting() < module._MANY)
    assert 4000 == total(lane.ledger.report())
    assert 0 == lane.ledger.report().dropped
    assert True is lane.shutdown(30)
    assert 4000 == lane.ledger.report().delivered
    assert {f"{n:016x}" for n in range(1, 4001)} == {orjson.loads(span)["spanId"] for span in target.delivered}


def test_what_waits_counts_as_what_it_takes(lane_of: Callable[..., Lane]) -> None:
    """Packed spans weigh what their bytes do; where they need more room than there is, the rest is dropped and counted."""
    target = Stuck()
    room = 1_000_000
    lane = lane_of(target, most=room)
    offer(lane, [1])
    assert True is target.entered.wait(10)
    offer(lane, range(2, 1301), filler="x" * 1500)  # each claims to be small, and is not
    assert True is packed(lane)
    report = lane.ledger.report()
    assert True is (lane._bytes <= room)
    assert True is (0 < report.dropped < 700)
    assert ({"queue full": report.dropped}, 1300) == (report.reasons, total(report))
    target.gate.set()
    assert True is lane.flush(30)
    assert (1300 - report.dropped, 0) == (lane.ledger.report().delivered, lane._bytes)


def test_a_span_that_cannot_be_rendered_takes_no_other_along(
    lane_of: Callable[..., Lane], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keeper drops and counts it; its neighbours arrive."""
    monkeypatch.setattr(guard, "strict", False)
    target, render = Stuck(), Numbered()
    render.broken = {7, 300}
    lane = lane_of(target, render=render)
    offer(lane, [1])
    assert True is target.entered.wait(10)
    offer(lane, range(2, 1301))
    assert True is packed(lane)
    target.gate.set()
    assert True is lane.flush(30)
    report = lane.ledger.report()
    assert (1298, 2, {"could not be rendered": 2}) == (report.delivered, report.dropped, report.reasons)


def test_a_fault_of_the_keeper_is_counted_and_survived(
    lane_of: Callable[..., Lane], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it held then is dropped; it goes on with the next, and the worker's spans are not touched."""
    monkeypatch.setattr(guard, "strict", False)
    target = Stuck()
    lane = lane_of(target)
    real, calls = lane._pack, []

    def pack(parcels: Any) -> None:
        calls.append(len(parcels))
        if len(calls) == 1:
            raise RuntimeError("fault")
        real(parcels)

    monkeypatch.setattr(lane, "_pack", pack)
    offer(lane, [1])
    assert True is target.entered.wait(10)
    offer(lane, range(2, 1301))
    assert True is packed(lane)
    target.gate.set()
    assert True is lane.flush(30)
    report = lane.ledger.report()
    assert (1300 - calls[0], {"fault": calls[0]}) == (report.delivered, report.reasons)


# ---------------------------------------------------------------- the end
def until_held(lane: Lane, target: Stuck, render: Numbered) -> threading.Event:
    """Bring the keeper to render span 2 and stay there; return what lets it go on."""
    go_on = render.hold[2] = threading.Event()
    offer(lane, [1])
    assert True is target.entered.wait(10)
    offer(lane, range(2, 2 + module._CROWD))
    assert True is render.held.wait(10)
    return go_on


def test_a_shutdown_waits_for_what_the_keeper_holds(lane_of: Callable[..., Lane]) -> None:
    """What is being packed comes back, and is sent."""
    target, render = Stuck(), Numbered()
    lane = lane_of(target, render=render)
    go_on = until_held(lane, target, render)
    target.gate.set()
    ended: list[bool] = []
    ending = threading.Thread(target=lambda: ended.append(lane.shutdown(30)), daemon=True)
    ending.start()
    with lane._changed:
        assert True is lane._changed.wait_for(lambda: lane._packing and lane.ledger.queued == lane._packing, 30)
    go_on.set()
    ending.join(30)
    assert ([True], 1 + module._CROWD) == (ended, lane.ledger.report().delivered)


@pytest.mark.parametrize(("spooling", "column"), [(True, "spooled"), (False, "dropped")])
def test_a_shutdown_keeps_its_deadline_while_the_keeper_is_held_up(
    lane_of: Callable[..., Lane], spooling: bool, column: str
) -> None:
    """What it holds is counted as the rest is, and changes no column when it comes back."""
    target, render = Stuck(), Numbered()
    lane = lane_of(target, spooling=spooling, render=render)
    go_on = until_held(lane, target, render)
    keeper = lane._keeper
    release = threading.Timer(1.0, go_on.set)  # who takes over what the keeper holds renders it too
    release.start()
    assert False is lane.shutdown(0.5)
    report = lane.ledger.report()
    assert (1 + module._CROWD, 0) == (total(report), report.queued)
    assert report.recorded == report.dropped + report.spooled
    assert True is (getattr(report, column) > 0)
    release.join()
    assert keeper is not None
    keeper.join(10)
    assert (False, report.queued, total(report)) == (
        keeper.is_alive(),
        lane.ledger.report().queued,
        total(lane.ledger.report()),
    )
    assert 0 == lane._waiting()


def test_what_the_keeper_holds_can_be_taken_over_to_disk(lane_of: Callable[..., Lane]) -> None:
    """A signal comes while it packs: all spans lie on disk once, and arrive once."""
    target, render = Stuck(), Numbered()
    lane = lane_of(target, spooling=True, render=render)
    go_on = until_held(lane, target, render)
    threading.Timer(0.2, go_on.set).start()
    lane.keep_safe(time.monotonic() + 2)
    assert (1 + module._CROWD, 0) == (lane.ledger.report().spooled, lane.ledger.report().queued)
    target.gate.set()
    assert True is lane.flush(30)
    arrived = Counter(orjson.loads(span)["spanId"] for span in target.delivered)
    assert 1 + module._CROWD == len(arrived)
    assert [("0000000000000001", 2)] == [pair for pair in arrived.items() if pair[1] > 1]  # its request was under way
