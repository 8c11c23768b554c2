"""What goes to disk, and when: the policy as a table, and the writer's one rule."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from spancast.delivery.buffer import Claim, SpanBuffer
from spancast.delivery.ledger import Ledger
from spancast.delivery.spill import MANY, OUTAGE, SpoolWriter, spill_reason
from spancast.delivery.spool import Spool
from spancast.recording import guard

BOUND = 1000


@pytest.mark.parametrize(
    ("situation", "reason"),
    [
        ({"used": 0, "waiting": 0, "outage": 99.0, "ending": True}, None),
        ({"used": 10, "waiting": 1, "outage": 0.0}, None),
        ({"used": 750, "waiting": 1, "outage": 0.0}, None),
        ({"used": 751, "waiting": 1, "outage": 0.0}, "queue full"),
        ({"used": 751, "waiting": 1, "outage": 0.1}, "receiver failing"),
        ({"used": 10, "waiting": MANY - 1, "outage": 0.1}, None),
        ({"used": 10, "waiting": MANY, "outage": 0.1}, "receiver failing"),
        ({"used": 10, "waiting": MANY, "outage": 0.0}, None),
        ({"used": 10, "waiting": 1, "outage": OUTAGE}, None),
        ({"used": 10, "waiting": 1, "outage": OUTAGE + 0.1}, "receiver failing"),
        ({"used": 10, "waiting": 1, "outage": 0.3, "patience": 0.2}, "receiver failing"),
        ({"used": 10, "waiting": 1, "outage": 0.0, "ending": True}, "server ending"),
    ],
)
def test_the_policy(situation: dict[str, Any], reason: str | None) -> None:
    """Full, failing for long, failing with many, or a server that ends: else spans wait in memory."""
    assert reason == spill_reason(bound=BOUND, **situation)


def claimed(*payloads: bytes) -> tuple[Claim, Ledger]:
    """Return a claim on *payloads*, and the ledger that counts them."""
    ledger = Ledger("d")
    buffer = SpanBuffer(ledger)
    buffer.put(payloads, offered_at=0.0)
    claim = buffer.claim(100, revocable=False)
    assert claim is not None
    return claim, ledger


def writer(spool: Spool) -> SpoolWriter:
    """Return a writer for spans that are JSON already, but for `bad`."""

    def as_json(payload: bytes) -> bytes:
        if payload == b"bad":
            raise ValueError("no span")
        return payload

    return SpoolWriter(spool, dict, as_json)


def test_what_is_written_is_counted(tmp_path: Path) -> None:
    """The claim is over, and the file's name has the count."""
    spool = Spool(tmp_path / "d")
    claim, ledger = claimed(b'{"a":1}', b'{"a":2}')
    assert writer(spool).write(claim, "receiver failing") is None
    assert [2] == [file.count for file in spool.files()]
    assert (2, 0, {"receiver failing": 2}) == (ledger.spooled, ledger.queued, ledger.report().reasons)
    assert not claim


def test_a_span_that_cannot_be_read_back_takes_no_other_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is dropped and counted."""
    monkeypatch.setattr(guard, "strict", False)
    spool = Spool(tmp_path / "d")
    claim, ledger = claimed(b"{}", b"bad", b"{}")
    assert writer(spool).write(claim, "queue full") is None
    assert (2, 1, 0) == (ledger.spooled, ledger.dropped, ledger.queued)


def test_after_the_seal_no_file_appears_and_nothing_is_counted(tmp_path: Path) -> None:
    """Who shut down has counted these as lost: they must not be sent by the next process as well."""
    spool = Spool(tmp_path / "d")
    claim, ledger = claimed(b"{}")
    sealed = writer(spool)
    assert sealed.seal(1.0)
    assert sealed.write(claim, "shutdown deadline") is None
    assert ([], 0, 1) == (spool.files(), ledger.spooled, ledger.queued)


def test_the_seal_waits_for_a_file_that_is_being_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file appears and its spans are counted, or neither; and a disk that hangs does not hold up the end for ever."""
    spool = Spool(tmp_path / "d")
    claim, ledger = claimed(b"{}")
    slow = writer(spool)
    begun, go = threading.Event(), threading.Event()
    stage = spool.stage

    def hang(lines: Any) -> Any:
        begun.set()
        go.wait(20)
        return stage(lines)

    monkeypatch.setattr(spool, "stage", hang)
    thread = threading.Thread(target=slow.write, args=(claim, "receiver failing"))
    thread.start()
    assert begun.wait(20)
    assert not slow.seal(0.05)
    go.set()
    thread.join(20)
    assert (1, 1) == (len(spool.files()), ledger.spooled)


@pytest.mark.skipif(os.name != "posix", reason="owners and modes")
def test_a_folder_that_is_a_link_is_not_written(tmp_path: Path) -> None:
    """Somebody may have put it there: one sentence, and the spans are counted as dropped."""
    (tmp_path / "elsewhere").mkdir(mode=0o777)
    (tmp_path / "d").symlink_to(tmp_path / "nowhere")
    claim, ledger = claimed(b"{}")
    failure = writer(Spool(tmp_path / "d")).write(claim, "queue full")
    assert failure is not None
    assert failure.startswith("spans that could not be sent cannot be kept on disk either: ")
    assert (1, 0) == (ledger.dropped, ledger.spooled)
