"""What delivery knows of metrics: somebody counts what the encoder has come to, and sends the sums by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..record.fast_frozen import frozen
from ..recording.captured import CapturedOperation


@frozen(kw_only=True)
class MetricsReport:
    """What happened to the metrics of one destination.

    Attributes:
        name: The destination's.
        counted: Finished operations that are in the sums.
        missed: Finished operations that could not be counted: the queue was full, or the process had to end.
        exports: Requests that the receiver accepted.
        failed: Requests that failed; with delta temporality they are sent again, with cumulative the next one makes up for
            them.
        lost: Data points that are in no sum of the receiver: rejected by it, or never sent before the end.
        overflowed: Operations counted under `otel.metric.overflow`, as there were too many sets of attributes.
        last_error: The newest failure, in plain words.
    """

    name: str
    counted: int = 0
    missed: int = 0
    exports: int = 0
    failed: int = 0
    lost: int = 0
    overflowed: int = 0
    last_error: str | None = None

    def __str__(self) -> str:
        """Say it in one line, leaving out empty counts."""
        parts = [f"{self.counted:,} operations counted", f"{self.exports:,} exports"]
        parts += [
            f"{count:,} {name}" for name in ("missed", "failed", "lost", "overflowed") if (count := getattr(self, name))
        ]
        text = f"{self.name}: metrics: {', '.join(parts)}"
        return f"{text} ({self.last_error})" if self.last_error else text

    __repr__ = __str__


class Counter(Protocol):
    """Counts for one destination. `count` and `mark` are called by the encoder's thread."""

    def count(self, finished: Sequence[CapturedOperation]) -> None:
        """Count finished operations."""

    def mark(self, deadline: float, *, ends: bool) -> int:
        """Let what was counted so far be exported by *deadline* (monotonic seconds); return a ticket for it.

        *ends*: nothing follows.
        """

    def is_done(self, ticket: int) -> bool:
        """Return whether the export of a ticket is over, whatever became of it."""

    def has_arrived(self, ticket: int) -> bool:
        """Return whether the receiver has what was counted before the ticket was given out."""

    def drive(self) -> bool:
        """Where no thread can be started any more, do its work here; return whether there was any."""

    def close(self, deadline: float) -> None:
        """End; what is left is lost, and counted."""

    def abandon(self) -> None:
        """Let go, in a forked child, of the parent's connections."""

    def is_own_thread(self, ident: int) -> bool:
        """Return whether *ident* is its thread."""

    def report(self, missed: int) -> MetricsReport:
        """Return what happened to it; *missed*: operations that never came here."""
