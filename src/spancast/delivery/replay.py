"""Replay: sends what a spool holds, oldest first, one file after the other, until the receiver fails again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..conventions.span import Attributes, Span
from ..destinations.destination import Destination
from ..otlp.outcome import Outcome
from .retry import Backoff
from .sender import Fate, Parcel, Sender
from .spool import Spool, SpoolFile
from .turns import LIGHT, by_turns


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What became of one file's spans.

    Attributes:
        delivered: Accepted by the receiver.
        rejected: Refused for good, and deleted.
        lost: In lines that could not be read.
        left: Still on disk, in *kept*.
        reasons: How many were rejected for which reason.
    """

    file: SpoolFile
    delivered: int
    rejected: int
    lost: int
    left: int
    kept: SpoolFile | None
    reasons: dict[str, int]


class _Host:
    """Collects the fates of one file's spans; a receiver that fails is left alone until the next time."""

    def __init__(self, time_left: Callable[[], float], failed: Callable[[Outcome], None]) -> None:
        self.time_left = time_left
        self.failed = failed
        self.counts = dict.fromkeys(Fate, 0)
        self.left: list[Span] = []
        self.reasons: dict[str, int] = {}

    def held(self, parcels: list[Parcel]) -> list[Parcel]:
        return parcels

    def pause(self, tries: int, outcome: Outcome, began: float) -> bool:
        return False

    def settle(self, fate: Fate, parcels: Sequence[Parcel], reason: str | None) -> None:
        self.counts[fate] += len(parcels)
        if fate is Fate.UNDELIVERED:
            self.left.extend(parcel.span for parcel in parcels if parcel.span is not None)
        elif fate is Fate.REJECTED and parcels:
            why = reason or "refused"
            self.reasons[why] = self.reasons.get(why, 0) + len(parcels)


def replay(
    destination: Destination,
    spool: Spool,
    file: SpoolFile,
    time_left: Callable[[], float],
    failed: Callable[[Outcome], None],
) -> Replayed:
    """Send one file; what arrived or was refused leaves the disk. The caller holds the spool's lock.

    Raises:
        OSError: When the file cannot be read any more.
    """
    contents = spool.read(file)
    host = _Host(time_left, failed)
    left: list[tuple[Attributes, Sequence[Span]]] = []
    for resource, spans in contents.groups:
        host.left = []
        _send(destination, resource, spans, host)
        if host.left:
            left.append((resource, host.left))
    remaining = sum(len(spans) for _, spans in left)
    kept: SpoolFile | None = file
    if not remaining:
        spool.remove(file)
        kept = None
    elif remaining < file.count:
        kept = spool.keep(file, left)
    return Replayed(
        file=file,
        delivered=host.counts[Fate.DELIVERED],
        rejected=host.counts[Fate.REJECTED],
        lost=contents.lost,
        left=remaining,
        kept=kept,
        reasons=host.reasons,
    )


def _send(destination: Destination, resource: Attributes, spans: Sequence[Span], host: Any) -> None:
    """Send the spans of one resource, in the destination's own encoding, over connections of their own."""
    source = lambda: resource  # noqa: E731
    exporter = destination.target.exporter(source)
    sender = Sender(exporter, source, destination.max_request_bytes, host)
    try:
        parcels = []
        for span in by_turns(spans, LIGHT):
            parcel = Parcel(None)
            sender.encode(parcel, span)
            parcels.append(parcel)
        for batch in sender.batches(parcels):
            if host.left:  # it failed a moment ago
                host.settle(Fate.UNDELIVERED, batch, None)
            else:
                sender.send(batch)
    finally:
        exporter.close()


# ---------------------------------------------------------------- a whole folder
@dataclass(slots=True, kw_only=True)
class Tally:
    """What a replay of a whole spool has led to so far."""

    delivered: int = 0
    rejected: int = 0
    lost: int = 0
    expired: int = 0
    waiting: int = 0
    error: str | None = None


def replay_all(destination: Destination, spool: Spool, timeout: float, backoff: Backoff | None = None) -> Tally:
    """Send everything in *spool*, trying again while the receiver fails, within *timeout* seconds."""
    tally = Tally()
    deadline = time.monotonic() + timeout
    with spool.exclusively() as alone:
        if alone:
            _send_files(destination, spool, deadline, backoff or Backoff(), tally)
        elif spool.files():
            tally.error = "another process is sending these"
    tally.waiting = sum(file.count for file in spool.files())
    return tally


def _send_files(destination: Destination, spool: Spool, deadline: float, backoff: Backoff, tally: Tally) -> None:
    for file in spool.too_old():
        spool.remove(file)
        tally.expired += file.count
    failures = 0
    for file in spool.files():
        answers: list[Outcome] = []
        while (left := deadline - time.monotonic()) > 0:
            try:
                done = replay(destination, spool, file, lambda: max(0.0, deadline - time.monotonic()), answers.append)
            except OSError as error:
                tally.error = f"{file.path.name} cannot be read: {error.strerror or type(error).__name__}"
                break
            tally.delivered += done.delivered
            tally.rejected += done.rejected
            tally.lost += done.lost
            tally.error = answers[-1].message if answers else tally.error
            if not done.left or done.kept is None:
                failures = 0
                break
            failures, file = failures + 1, done.kept
            time.sleep(min(backoff.wait(failures, answers[-1].retry_after if answers else None), max(0.0, left)))
        else:
            return
