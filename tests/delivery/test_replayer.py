"""The replayer by itself: when it looks into the spool, by a clock that the test moves, and what it tries first."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from spancast import destinations
from spancast.delivery import replayer as replayer_module
from spancast.delivery import spool as spool_module
from spancast.delivery.buffer import SpanBuffer
from spancast.delivery.circuit import Backoff
from spancast.delivery.ledger import Ledger
from spancast.delivery.replayer import LOOK_AGAIN, LOOK_LATER, NEVER, SpoolReplayer
from spancast.delivery.spill import SpoolWriter
from spancast.delivery.spool import Spool
from spancast.otlp import json as otlp_json

from ..receivers.recording import Answer, Receiver, recording_receiver
from .test_spool import lines, spans


class Bench:
    """A replayer, its spool, its ledger, and a clock that stands still."""

    def __init__(self, folder: Path, receiver: Receiver) -> None:
        self.now = 100.0
        self.spool = Spool(folder / "d", manifest={"name": "d", "url": receiver.url})
        self.ledger = Ledger("d")
        self.outbox = SpanBuffer(self.ledger)
        self.writer = SpoolWriter(self.spool, lambda: {"service.name": "shop"}, lambda payload: payload)
        destination = destinations.otlp(f"{receiver.url}/v1/traces", name="d")
        self.replayer = SpoolReplayer(
            destination, self.spool, self.ledger, self.writer, Backoff(), clock=lambda: self.now
        )

    def write(self, *numbers: int) -> None:
        """Let this process put spans to disk."""
        self.outbox.put([otlp_json.encode_span(span) for span in spans(*numbers)], self.now)
        claim = self.outbox.claim(100, revocable=False)
        assert claim is not None
        assert None is self.writer.write(claim, "receiver failing")

    def run(self) -> Any:
        """Look once."""
        return self.replayer.run_once(lambda: 10.0)


@pytest.fixture
def bench(tmp_path: Path, receiver: Receiver) -> Bench:
    """Return a replayer with an empty spool."""
    return Bench(tmp_path / "spool", receiver)


@pytest.fixture
def receiver() -> Any:
    """Return a receiver that takes everything."""
    with recording_receiver() as running:
        yield running


def test_nothing_is_looked_at_before_somebody_asks(bench: Bench) -> None:
    """A lane without anything on disk never touches it."""
    assert NEVER == bench.replayer.due_in(bench.now)


def test_an_empty_spool_is_looked_at_again_later(bench: Bench) -> None:
    """Other processes may leave something behind."""
    bench.write(1)
    bench.run()
    assert None is bench.run().result
    assert LOOK_LATER == bench.replayer.due_in(bench.now)
    assert 0.0 == bench.replayer.due_in(bench.now + LOOK_LATER)


def test_what_this_process_wrote_is_looked_at_again_soon(bench: Bench) -> None:
    """As long as it may lie there; sooner where somebody waits."""
    bench.replayer.look_at(bench.now)
    bench.run()
    bench.write(1)
    assert LOOK_AGAIN == bench.replayer.due_in(bench.now)
    assert LOOK_AGAIN > bench.replayer.due_in(bench.now, hurried=True)


def test_what_was_sent_is_counted_where_it_was_spooled(bench: Bench, receiver: Receiver) -> None:
    """The ledger moves them from `spooled` to `delivered`; nothing is pending any more."""
    bench.write(1, 2)
    assert (2, 0, True) == (bench.ledger.spooled, _delivered(bench), bench.replayer.pending)
    bench.run()
    assert (0, 2) == (bench.ledger.spooled, _delivered(bench))
    bench.run()
    assert not bench.replayer.pending
    assert 1 == len(receiver.requests)


def test_a_failing_receiver_is_left_alone_by_the_clock(bench: Bench, receiver: Receiver) -> None:
    """The replayer's own breaker says when the next file is tried; time passes for the test only."""
    receiver.answer = Answer(status=503)
    bench.write(1)
    bench.run()
    assert 0.0 < bench.replayer.breaker.wait(bench.now)
    bench.now += 3_600.0
    receiver.answer = Answer()
    assert 0.0 == bench.replayer.due_in(bench.now)
    bench.run()
    assert 1 == _delivered(bench)


def test_a_long_folder_is_not_listed_for_each_of_its_files(
    bench: Bench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many short processes leave many small files: with a listing for each, a hundred thousand would take days."""
    others = Spool(bench.spool.folder)
    for number in range(60):
        others.commit(others.stage(lines(number)))
    listings: list[object] = []
    original = os.listdir

    def counted(path: Any) -> list[str]:
        listings.append(path)
        return original(path)

    monkeypatch.setattr(spool_module.os, "listdir", counted)
    while bench.run().result is not None:
        pass
    assert (60, 0) == (len(receiver.requests), len(bench.spool.files()))
    assert len(listings) < 10


def test_a_file_that_another_process_has_sent_is_no_fault(bench: Bench, receiver: Receiver) -> None:
    """What was listed may be gone; the next one is sent."""
    others = Spool(bench.spool.folder)
    for number in (1, 2, 3):
        others.commit(others.stage(lines(number)))
    bench.run()
    others.remove(others.files()[0])
    while bench.run().result is None:
        pass
    assert [1, 3] == [int(span["spanId"], 16) for span in receiver.json_spans()]


def test_too_old_files_are_deleted_some_at_a_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One look holds the lane up for no longer than it takes to list some; then the next one goes on."""
    monkeypatch.setattr(replayer_module, "_LISTED", 4)
    old = Spool(bench.spool.folder, max_age=-10.0)
    destination = destinations.otlp("http://127.0.0.1:9/v1/traces", name="d")
    replayer = SpoolReplayer(destination, old, bench.ledger, bench.writer, Backoff(), clock=lambda: bench.now)
    for number in range(10):
        old.commit(old.stage(lines(number)))
    assert [4, 4, 2, 0] == [len(replayer.run_once(lambda: 10.0).messages) for _ in range(4)]
    assert [] == old.files()


def test_spans_of_others_are_not_in_this_process_columns(bench: Bench, tmp_path: Path) -> None:
    """What another process left is sent, and counted as replayed."""
    other = Spool(tmp_path / "spool" / "d", manifest={"name": "d"})
    other.commit(other.stage(lines(7)))
    bench.replayer.look_at(bench.now)
    bench.run()
    report = bench.ledger.report({}, {})
    assert (0, 1) == (report.spooled, report.replayed)


def _delivered(bench: Bench) -> int:
    return bench.ledger.report({}, {}).delivered
