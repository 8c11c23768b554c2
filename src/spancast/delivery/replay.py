"""Replay: sends what a spool holds, oldest first, one file after the other, until the receiver fails again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..conventions.span import Attributes, Span
from ..destinations.destination import Destination
from ..otlp.outcome import Outcome
from .sender import Fate, Parcel, Sender
from .spool import Spool, SpoolFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What became of one file's spans.

    Attributes:
        delivered: Accepted by the receiver.
        rejected: Refused for good, and deleted.
        lost: In lines that could not be read.
        left: Still on disk.
        reasons: How many were rejected for which reason.
    """

    file: SpoolFile
    delivered: int
    rejected: int
    lost: int
    left: int
    reasons: dict[str, int]


class _Host:
    """Collects the fates of one file's spans; a receiver that fails is left alone until the next time."""

    def __init__(self, time_left: Callable[[], float], failed: Callable[[Outcome], None]) -> None:
        self.time_left = time_left
        self.failed = failed
        self.counts = dict.fromkeys(Fate, 0)
        self.left: list[Span] = []
        self.reasons: dict[str, int] = {}

    def pause(self, tries: int, outcome: Outcome, began: float) -> bool:
        return False

    def settle(self, fate: Fate, parcels: Sequence[Parcel], reason: str | None) -> None:
        self.counts[fate] += len(parcels)
        if fate is Fate.UNDELIVERED:
            self.left.extend(parcel.span for parcel in parcels if parcel.span is not None)
        elif fate is Fate.REJECTED and parcels and reason:
            self.reasons[reason] = self.reasons.get(reason, 0) + len(parcels)


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
    if not remaining:
        spool.remove(file)
    elif remaining < file.count:
        spool.keep(file, left)
    return Replayed(
        file=file,
        delivered=host.counts[Fate.DELIVERED],
        rejected=host.counts[Fate.REJECTED],
        lost=contents.lost,
        left=remaining,
        reasons=host.reasons,
    )


def _send(destination: Destination, resource: Attributes, spans: Sequence[Span], host: Any) -> None:
    """Send the spans of one resource, in the destination's own encoding, over connections of their own."""
    source = lambda: resource  # noqa: E731
    exporter = destination.target.exporter(source)
    sender = Sender(exporter, source, destination.max_request_bytes, host)
    try:
        parcels = []
        for span in spans:
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
