"""Replay: sends what a spool has, oldest first, one file after the other. Nothing here starts a thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from ..clock import monotonic
from ..conventions.results import scores_in
from ..conventions.span import Attributes, Span
from ..destinations.destination import Destination
from ..otlp.outcome import Outcome, Verdict
from .buffer import Entry
from .circuit import Backoff, CircuitBreaker
from .sender import Sender
from .spool import Spool, SpoolFile
from .threads import thread_sleep

MAX_TRIES: Final = 3  # of one file that fails while the receiver answers others; then it comes after all others
_SHORTEST_RETRY: Final = 0.1  # seconds: a request that has less would only say that its time is over, not what fails
_TURN: Final = 32  # spans that are encoded between two chances for the application's threads


@dataclass(slots=True, kw_only=True)
class ReplayResult:
    """The outcome of one file's spans.

    Attributes:
        delivered: Accepted by the receiver.
        rejected: Refused for good, and deleted.
        lost: In lines that could not be read, or that could not be encoded.
        left: Still on disk, in *kept*.
        reasons: How many were rejected for which reason.
        failure: The last answer that was no success.
        learned: How large a request may be, as far as refusals have taught (`Sender.learned`).
        scores: How many scores were in what was delivered, rejected or lost, by column.
    """

    file: SpoolFile
    delivered: int = 0
    rejected: int = 0
    lost: int = 0
    left: int = 0
    kept: SpoolFile | None = None
    reasons: dict[str, int] = field(default_factory=dict)
    failure: Outcome | None = None
    learned: int | None = None
    scores: dict[str, int] = field(default_factory=dict)

    @property
    def answered(self) -> bool:
        """Whether the receiver decided on any span."""
        return bool(self.delivered or self.rejected)


def replay_file(
    destination: Destination,
    spool: Spool,
    file: SpoolFile,
    time_left: Callable[[], float],
    learned: int | None = None,
) -> ReplayResult:
    """Send one file; what arrived or was refused leaves the disk. The caller has the spool's lock.

    Raises:
        OSError: When the file cannot be read any more.
    """
    contents = spool.read(file)
    result = ReplayResult(file=file, lost=contents.lost, kept=file, learned=learned)
    left: list[tuple[Attributes, Sequence[Span]]] = []
    for resource, spans in contents.groups:
        remaining = spans if result.left else _send(destination, resource, spans, time_left, result)
        result.left += len(remaining)
        if remaining:
            left.append((resource, remaining))
    if not left:
        spool.remove(file)
        result.kept = None
    elif result.left < file.count:
        result.kept = spool.rewrite(file, left)
    return result


def _send(
    destination: Destination,
    resource: Attributes,
    spans: Sequence[Span],
    time_left: Callable[[], float],
    result: ReplayResult,
) -> Sequence[Span]:
    """Send the spans of one resource, in the destination's own encoding, over connections of their own; return the rest."""
    exporter = destination.target.exporter(lambda: resource)
    sender = Sender(exporter, lambda: resource, destination.max_request_bytes)
    sender.learned = result.learned
    entries: list[Entry] = []
    left: set[int] = set()
    try:
        for number, span in enumerate(spans):
            if number % _TURN == _TURN - 1:
                thread_sleep(0)
            try:
                entries.append((number, 0.0, sender.fit(exporter.encode(span), span)))
            except Exception:  # what flipped bits have made of a span: it alone is lost
                result.lost += 1
        for sent in sender.deliver(entries, time_left):
            for column, settled in (("delivered", sent.delivered), ("rejected", sent.rejected)):
                judged = sum([scores_in(spans[entry[0]]) for entry in settled])
                result.scores[column] = result.scores.get(column, 0) + judged
            result.delivered += len(sent.delivered)
            result.rejected += len(sent.rejected)
            if sent.failure is not None:
                result.failure = sent.failure
            if sent.rejected:
                why = (sent.outcome.reason if sent.outcome else "") or "refused"
                result.reasons[why] = result.reasons.get(why, 0) + len(sent.rejected)
            left.update([entry[0] for entry in sent.retry])
        result.learned = sender.learned
    finally:
        exporter.close()
    return [spans[number] for number in sorted(left)]


# ---------------------------------------------------------------- a whole folder
@dataclass(slots=True, kw_only=True)
class ReplaySummary:
    """What a replay of a whole spool has led to so far."""

    delivered: int = 0
    rejected: int = 0
    lost: int = 0
    expired: int = 0
    waiting: int = 0
    error: str | None = None


def replay_all(
    destination: Destination,
    spool: Spool,
    *,
    timeout: float,
    wait: float,
    backoff: Backoff | None = None,
    trying: Callable[[str], object] = lambda message: None,
) -> ReplaySummary:
    """Send everything in *spool* within *timeout* seconds; give a receiver that fails up after *wait* seconds.

    *trying* hears in plain words of each failure after which it is tried again.
    """
    summary = ReplaySummary()
    with spool.try_lock() as alone:
        if alone:
            for file in spool.too_old(spool.files()):
                spool.remove(file)
                summary.expired += file.count
            _Rounds(destination, spool, summary, backoff or Backoff(), trying).run(monotonic() + timeout, wait)
        elif spool.files():
            summary.error = "another process is sending these"
    summary.waiting = sum(file.count for file in spool.files())
    return summary


class _Rounds:
    """Goes through the files of a folder until all are sent, or the receiver has failed for long enough."""

    def __init__(
        self,
        destination: Destination,
        spool: Spool,
        summary: ReplaySummary,
        backoff: Backoff,
        trying: Callable[[str], object],
    ) -> None:
        self._destination = destination
        self._spool = spool
        self._summary = summary
        self._trying = trying
        self._breaker = CircuitBreaker(backoff)
        self._learned: int | None = None
        self._unreadable: set[str] = set()

    def run(self, deadline: float, wait: float) -> None:
        """Send until *deadline* (monotonic seconds), or until the receiver has failed for *wait* seconds."""
        while monotonic() < deadline:
            files = [file for file in self._spool.files() if file.path.name not in self._unreadable]
            if not files:
                return
            failed = [file for file in files if not self._sent(file, deadline)]
            if not failed or len(failed) < len(files):
                continue
            now = monotonic()
            pause = self._breaker.wait(now)
            if self._breaker.outage(now) + pause > wait or now + pause + _SHORTEST_RETRY > deadline:
                return
            self._trying(f"{self._summary.error}; trying again in {pause:.1f} s")
            time.sleep(pause)

    def _sent(self, file: SpoolFile, deadline: float) -> bool:
        """Send one file; return whether anything of it has left the disk, or it never will."""
        if self._breaker.wait(monotonic()) and self._breaker.failures >= MAX_TRIES:
            return False  # the receiver answers nothing: the other files have to wait as well
        if self._summary.error and deadline - monotonic() < _SHORTEST_RETRY:
            return False
        try:
            time_left = lambda: max(0.0, deadline - monotonic())  # noqa: E731
            done = replay_file(self._destination, self._spool, file, time_left, self._learned)
        except OSError as error:
            self._summary.error = f"{file.path.name} cannot be read: {error.strerror or type(error).__name__}"
            self._unreadable.add(file.path.name)
            return True
        summary = self._summary
        self._learned = done.learned
        summary.delivered += done.delivered
        summary.rejected += done.rejected
        summary.lost += done.lost
        if done.failure is not None:
            summary.error = done.failure.text
        if done.answered or not done.left:
            self._breaker.succeeded()
        elif done.failure is not None and done.failure.verdict is Verdict.RETRY:
            self._breaker.failed(monotonic(), done.failure.retry_after, is_limited=done.failure.is_limited)
        return done.left < file.count
