"""The ledger: what became of every span, per destination. Every recorded span is in exactly one column."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

COLUMNS = ("delivered", "rejected", "spooled", "dropped", "sampled_out", "queued")


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationReport:
    """What became of the spans of one destination; recorded is the sum of the other columns.

    Attributes:
        recorded: All spans that ended.
        delivered: Accepted by the receiver.
        rejected: Refused by the receiver.
        spooled: Put on disk, to be sent later. What this process sends from there is delivered then; what another process
            sends for it stays here, and is that one's replayed.
        dropped: Given up.
        sampled_out: Not chosen by the sampling rate.
        queued: Still on their way.
        replayed: Delivered from the disk for other processes; no part of recorded.
        reasons: How many spans were rejected, spooled or dropped for which reason.
        last_error: The newest failure, in plain words.
    """

    name: str
    recorded: int = 0
    delivered: int = 0
    rejected: int = 0
    spooled: int = 0
    dropped: int = 0
    sampled_out: int = 0
    queued: int = 0
    replayed: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    last_error: str | None = None

    def __str__(self) -> str:
        """Say it in one line, leaving out empty columns."""
        parts = [f"{count} {column.replace('_', ' ')}" for column in COLUMNS if (count := getattr(self, column))]
        if self.replayed:
            parts.append(f"{self.replayed} replayed for other processes")
        text = f"{self.name}: {', '.join(parts) or 'nothing recorded'}"
        return f"{text} ({self.last_error})" if self.last_error else text

    __repr__ = __str__


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What became of every span, per destination: `report["collector"].delivered`.

    Attributes:
        destinations: One report each.
        problems: Settings that could not be used, in sentences.
    """

    destinations: tuple[DestinationReport, ...] = ()
    problems: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> DestinationReport:
        """Return the report of the destination *name*; KeyError when there is none."""
        for report in self.destinations:
            if report.name == name:
                return report
        raise KeyError(name)

    def __iter__(self) -> Iterator[DestinationReport]:
        """Go through the destinations in their order."""
        return iter(self.destinations)

    def __len__(self) -> int:
        """Return how many destinations there are."""
        return len(self.destinations)

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """Return plain data, for scripts."""
        names = ("recorded", *COLUMNS, "replayed", "reasons", "last_error")
        return {report.name: {name: getattr(report, name) for name in names} for report in self.destinations}

    def __repr__(self) -> str:
        """Say it in one line a destination."""
        lines = [*map(str, self.destinations or ("no destination",)), *(f"problem: {each}" for each in self.problems)]
        return "\n".join(lines)


class Ledger:
    """Counts what becomes of the spans of one destination. Safe to use from many threads.

    Attributes:
        taken_in: Spans that entered the queue. Its lane adds them, under the queue's own lock: a second lock in the
            application's thread costs 0.4 us a span.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.taken_in = 0
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(COLUMNS, 0)
        self._replayed = 0
        self._reasons: dict[str, int] = {}
        self._last_error: str | None = None

    def enter(self, column: str, count: int = 1, reason: str | None = None) -> None:
        """Record *count* new spans, straight into *column*."""
        with self._lock:
            self._counts[column] += count
            self._note(count, reason)

    def move(self, column: str, count: int, reason: str | None = None, *, origin: str = "queued") -> None:
        """Move *count* spans from *origin* to *column*; *reason* says why, where it is not their delivery."""
        if count:
            with self._lock:
                self._counts[origin] -= count
                self._counts[column] += count
                self._note(count, reason)

    def replay(self, count: int) -> None:
        """Count spans of other processes that were delivered from the disk."""
        with self._lock:
            self._replayed += count

    def _note(self, count: int, reason: str | None) -> None:
        if reason is not None:
            self._reasons[reason] = self._reasons.get(reason, 0) + count

    def fail(self, message: str) -> None:
        """Remember the newest failure."""
        with self._lock:
            self._last_error = message

    @property
    def queued(self) -> int:
        """How many spans are still on their way."""
        return self.taken_in + self._counts["queued"]

    @property
    def dropped(self) -> int:
        """How many spans were given up so far."""
        return self._counts["dropped"]

    @property
    def spooled(self) -> int:
        """How many spans of this process wait on the disk."""
        return self._counts["spooled"]

    def report(self) -> DestinationReport:
        """Return the counts as they are now."""
        with self._lock:
            counts = dict(self._counts)
            counts["queued"] += self.taken_in
            return DestinationReport(
                name=self.name,
                recorded=sum(counts.values()),
                replayed=self._replayed,
                reasons=dict(self._reasons),
                last_error=self._last_error,
                **counts,
            )
