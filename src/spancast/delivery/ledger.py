"""The ledger: what happened to every span, per destination. Every recorded span is in exactly one column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from types import MappingProxyType
from typing import Any

from ..record.fast_frozen import frozen
from .counting import MetricsReport
from .threads import allocate_lock

COLUMNS = ("delivered", "rejected", "spooled", "dropped", "sampled_out", "queued")


@frozen(kw_only=True)
class ScoreReport:
    """What happened to the scores of one destination, in the columns of spans; recorded is their sum.

    Where the backend has an API of its own for scores, these are requests to it; elsewhere a score is part of a span.

    Attributes:
        reasons: How many were rejected, spooled or dropped for which reason, by that API.
    """

    recorded: int = 0
    delivered: int = 0
    rejected: int = 0
    spooled: int = 0
    dropped: int = 0
    sampled_out: int = 0
    queued: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        """Say it in one line, leaving out empty columns."""
        return _columns(self) or "none recorded"

    __repr__ = __str__

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, for scripts."""
        return {name: getattr(self, name) for name in ("recorded", *COLUMNS, "reasons")}


def _columns(report: ScoreReport | DestinationReport) -> str:
    return ", ".join(f"{count} {column.replace('_', ' ')}" for column in COLUMNS if (count := getattr(report, column)))


@frozen(kw_only=True)
class DestinationReport:
    """The outcome of the spans of one destination; recorded is the sum of the other columns.

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
        kept_by: Where rules beside the sampling rate keep traces: how many traces were kept for which reason.
        decided_early: How many traces had to be decided before their root closed: too many waited, or for too long.
        scores: What happened to the scores.
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
    kept_by: Mapping[str, int] = field(default_factory=dict)
    decided_early: int = 0
    scores: ScoreReport = ScoreReport()

    def __str__(self) -> str:
        """Say it in one line, leaving out empty columns."""
        parts = [columns] if (columns := _columns(self)) else []
        if self.kept_by:
            why = ", ".join(f"{count} {reason}" for reason, count in self.kept_by.items())
            parts.append(f"traces kept by {why}")
        if self.decided_early:
            parts.append(f"{self.decided_early} traces decided early")
        if self.replayed:
            parts.append(f"{self.replayed} replayed for other processes")
        text = f"{self.name}: {', '.join(parts) or 'nothing recorded'}"
        if self.scores.recorded:
            text += f"; scores: {self.scores}"
        why = self.last_error or ", ".join([f"{count} {reason}" for reason, count in self.reasons.items()])
        return f"{text} ({why})" if why else text

    __repr__ = __str__


@frozen()
class DeliveryReport:
    """What happened to every span, per destination: `report["collector"].delivered`.

    Attributes:
        destinations: One report each.
        problems: In sentences: settings that could not be used, variables of OpenTelemetry that have no effect, and a
            function of the application's (`redact`, `keep`, `headers`) that has not returned.
        metrics: What happened to the metrics, one report for each destination that takes some.
    """

    destinations: tuple[DestinationReport, ...] = ()
    problems: tuple[str, ...] = ()
    metrics: tuple[MetricsReport, ...] = ()

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
        names = ("recorded", *COLUMNS, "replayed", "reasons", "last_error", "kept_by", "decided_early")
        return {
            report.name: {**{name: getattr(report, name) for name in names}, "scores": report.scores.as_dict()}
            for report in self.destinations
        }

    def __repr__(self) -> str:
        """Say it in one line a destination."""
        lines = [*map(str, self.destinations or (() if self.metrics else ("no destination",)))]
        lines += [*map(str, self.metrics), *(f"problem: {each}" for each in self.problems)]
        return "\n".join(lines)


@frozen()
class _Counts:
    """One moment of a ledger; replaced whole, so that who reads it needs no lock."""

    columns: Mapping[str, int]
    scores: Mapping[str, int]
    reasons: Mapping[str, int] = field(default_factory=dict)
    replayed: int = 0
    last_error: str | None = None


_MAX_REASONS = 100  # a receiver's words are among them


class Ledger:
    """Counts what becomes of the spans of one destination.

    Its state is one frozen record, replaced under `_lock` by spancast threads and by who shuts down. Reading takes no lock:
    a report may be asked for in a signal handler, or in a finalizer that runs in the middle of a change.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = allocate_lock()
        self._counts = _Counts(dict.fromkeys(COLUMNS, 0), dict.fromkeys(COLUMNS, 0))

    # ------------------------------------------------------------------ writing
    def enter(self, column: str, count: int = 1, reason: str | None = None, *, scores: int = 0) -> None:
        """Record *count* new spans, straight into *column*; they carry so many *scores*."""
        self._change({column: count}, reason, {column: scores} if scores else None)

    def move(
        self, column: str, count: int, reason: str | None = None, *, origin: str = "queued", scores: int = 0
    ) -> None:
        """Move *count* spans from *origin* to *column*; *reason* says why, where it is not their delivery."""
        if count:
            self._change({column: count, origin: -count}, reason, {column: scores, origin: -scores} if scores else None)

    def _change(self, changes: Mapping[str, int], reason: str | None, scores: Mapping[str, int] | None) -> None:
        with self._lock:
            before = self._counts
            columns = _sums(before.columns, changes)
            judged = before.scores if scores is None else _sums(before.scores, scores)
            reasons = before.reasons
            if reason is not None:
                if reason not in reasons and len(reasons) >= _MAX_REASONS:
                    reason = "other reasons"
                reasons = {**reasons, reason: reasons.get(reason, 0) + max(changes.values())}
            self._counts = replace(before, columns=columns, scores=judged, reasons=reasons)

    def replay(self, count: int) -> None:
        """Count spans of other processes that were delivered from the disk."""
        with self._lock:
            self._counts = replace(self._counts, replayed=self._counts.replayed + count)

    def fail(self, message: str) -> None:
        """Remember the newest failure."""
        with self._lock:
            self._counts = replace(self._counts, last_error=message)

    # ------------------------------------------------------------------ reading
    @property
    def queued(self) -> int:
        """How many spans wait in the outbox or are being sent."""
        return self._counts.columns["queued"]

    @property
    def lost(self) -> int:
        """How many spans were rejected or dropped so far."""
        return self._counts.columns["dropped"] + self._counts.columns["rejected"]

    @property
    def dropped(self) -> int:
        """How many spans were given up so far."""
        return self._counts.columns["dropped"]

    @property
    def spooled(self) -> int:
        """How many spans of this process wait on the disk."""
        return self._counts.columns["spooled"]

    def report(
        self, more: Mapping[str, int] = MappingProxyType({}), reasons: Mapping[str, int] | None = None
    ) -> DestinationReport:
        """Return the counts as they are now, with those of spans that have not come here yet: *more*, for *reasons*."""
        counts = self._counts
        columns: dict[str, Any] = {name: count + more.get(name, 0) for name, count in counts.columns.items()}
        both = dict(counts.reasons)
        for reason, count in (reasons or {}).items():
            both[reason] = both.get(reason, 0) + count
        return DestinationReport(
            name=self.name,
            recorded=sum(columns.values()),
            replayed=counts.replayed,
            reasons=both,
            last_error=counts.last_error,
            scores=_score_report(counts.scores),
            **columns,
        )


def _score_report(columns: Mapping[str, int], reasons: Mapping[str, int] | None = None) -> ScoreReport:
    return ScoreReport(recorded=sum(columns.values()), reasons=reasons or {}, **columns)


def with_own_scores(report: DestinationReport, api: DestinationReport) -> DestinationReport:
    """Return *report* with the scores that went by the backend's own API beside those that are parts of spans."""
    sums = {name: getattr(report.scores, name) + getattr(api, name) for name in COLUMNS}
    scores = _score_report(sums, api.reasons)
    return replace(report, scores=scores, last_error=report.last_error or api.last_error)


def _sums(columns: Mapping[str, int], changes: Mapping[str, int]) -> dict[str, int]:
    return {**columns, **{name: columns[name] + count for name, count in changes.items()}}
