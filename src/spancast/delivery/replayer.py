"""Sends what lies in a destination's spool, one file at a time, between the lane's own requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ..clock import monotonic
from ..destinations.destination import Destination
from ..record.fast_frozen import frozen
from ..recording.guard import report_fault
from .circuit import HURRIED_INTERVAL, Backoff, CircuitBreaker
from .ledger import Ledger
from .replay import MAX_TRIES, ReplayResult, replay_file
from .spill import SpoolWriter
from .spool import Spool, SpoolFile
from .words import spans

LOOK_AGAIN: Final = 30.0  # seconds until a spool that another process is sending is looked at again
LOOK_LATER: Final = 600.0  # seconds until an empty one is: other processes may leave something behind
NEVER: Final = float("inf")
_LISTED: Final = 512  # files that are listed and then sent one after the other


@frozen()
class Replayed:
    """What one look into the spool has led to; *messages* say what was lost on the disk."""

    result: ReplayResult | None = None
    messages: Sequence[str] = ()


class SpoolReplayer:
    """Knows when to look into the spool, and which file to try. Used by one thread, its lane's.

    A file that fails while the receiver takes others steps aside after a few tries. Failures here have a CircuitBreaker of
    their own: what lies on disk and cannot be sent does not hold up what the application records now.
    """

    def __init__(
        self,
        destination: Destination,
        spool: Spool,
        ledger: Ledger,
        writer: SpoolWriter,
        backoff: Backoff,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """In the *ledger* are the spans of this process; of others' it counts only what was delivered for them.

        *clock* returns monotonic seconds.
        """
        self._clock = clock
        self.breaker = CircuitBreaker(backoff)
        self._destination = destination
        self._spool = spool
        self._ledger = ledger
        self._writer = writer
        self._look_at = NEVER
        self._looked_at = 0.0
        self._seen_written = 0  # how many files had been written when nothing of this process was left
        self._listed: list[SpoolFile] = []  # what comes next, the oldest last
        self._own_due, self._own_written = 0.0, 0  # when the files of this process are looked for again
        self._tries: dict[str, int] = {}
        self._unreadable: set[str] = set()
        self._learned: int | None = None

    @property
    def pending(self) -> bool:
        """Whether files of this process wait there, as far as is known: other processes may send them."""
        return self._writer.written != self._seen_written

    def has_files(self) -> bool:
        """Return whether anything waits there, of whichever process."""
        return bool(self._spool.files(most=1))

    def look_later(self) -> None:
        """Look again in a while: other processes may leave something behind."""
        self.look_at(self._clock() + LOOK_LATER)

    def after_fork_in_child(self) -> None:
        """Let go of the parent's lock on the folder."""
        self._spool.after_fork_in_child()

    def left_behind(self) -> int:
        """Return how many spans of this process lie there."""
        return sum(file.count for file in self._spool.mine())

    def look_at(self, when: float) -> None:
        """Look at *when* (monotonic seconds), if not before."""
        self._look_at = min(self._look_at, when)

    def due_in(self, now: float, *, hurried: bool = False, closing: bool = False) -> float:
        """Return after how many seconds there is something to do here; 0: now. At the end, only what this process left."""
        if closing:
            return 0.0 if self.pending and not self.breaker.failures else NEVER
        at = self._look_at
        if self.pending:
            at = min(at, self._looked_at + (HURRIED_INTERVAL if hurried else LOOK_AGAIN))
        return max(0.0, self.breaker.wait(now, hurried=hurried and self.pending), at - now)

    def run_once(self, time_left: Callable[[], float]) -> Replayed:
        """Send the next file, unless another process is sending."""
        spool, written = self._spool, self._writer.written
        messages: list[str] = []
        self._looked_at = self._clock()
        replayed: Replayed | None = None
        try:
            with spool.try_lock() as alone:
                while alone and replayed is None and len(messages) < _LISTED and (file := self._next()) is not None:
                    if spool.too_old([file]):
                        messages.append(self._expire(file))
                    else:
                        replayed = self._replay(file, time_left, messages)
                if replayed is None and not messages:
                    later = LOOK_LATER if alone else LOOK_AGAIN
                    self._look_at = self._looked_at + (later if self._writer.written == written else 0.0)
        finally:
            self._look_at_own(written)
        return replayed or Replayed(messages=messages)

    def _next(self) -> SpoolFile | None:
        """Return the oldest file. The folder is listed when what was listed before is through: it may be long."""
        if not self._listed:
            stuck = {name for name, tries in self._tries.items() if tries >= MAX_TRIES}
            most = _LISTED + len(self._unreadable)
            found = self._spool.files(most=most, last=stuck | self._unreadable)
            self._listed.extend([file for file in found if file.path.name not in self._unreadable][::-1])
            self._own_due = 0.0
        return self._listed[-1] if self._listed else None

    def _look_at_own(self, written: int) -> None:
        """Note whether nothing of this process is left, of the *written* files; not with each of a hundred thousand."""
        now = self._clock()
        if not self.pending or (now < self._own_due and written == self._own_written):
            return
        began = monotonic()
        if not any(file.path.name not in self._unreadable for file in self._spool.mine()):
            self._seen_written = written  # a file that was written meanwhile keeps it pending
        self._own_due, self._own_written = now + 9 * (monotonic() - began), written

    def _expire(self, file: SpoolFile) -> str:
        self._listed.pop()
        self._spool.remove(file)
        self._account(file, "dropped", file.count, "too old")
        were = "was" if file.count == 1 else "were"
        return f"{spans(file.count)} that lay on disk {were} too old and {were} deleted"

    def _replay(self, file: SpoolFile, time_left: Callable[[], float], messages: list[str]) -> Replayed:
        name = file.path.name
        try:
            done = replay_file(self._destination, self._spool, file, time_left, self._learned)
        except FileNotFoundError:  # another process has sent it
            self._listed.pop()
            return Replayed(messages=messages)
        except Exception as error:  # a file of another user, or one that only a bug in spancast cannot read
            self._listed.pop()
            self._unreadable.add(name)
            if not isinstance(error, OSError):
                report_fault("replay", error)
            return Replayed(messages=messages)
        self._listed.pop()
        if done.left and done.kept is not None:
            self._listed.append(done.kept)
        self._learned = done.learned
        tries = self._tries.pop(name, 0) + 1
        if done.left and done.kept is not None and not done.answered:
            self._tries[done.kept.path.name] = tries
            if tries >= MAX_TRIES:  # it comes after all others
                self._listed.clear()
        self._book(done)
        if done.lost:
            messages.append(f"{spans(done.lost)} in torn lines on disk {'is' if done.lost == 1 else 'are'} lost")
        return Replayed(result=done, messages=messages)

    def _book(self, done: ReplayResult) -> None:
        now = self._clock()
        if done.answered or not done.left:
            self.breaker.succeeded()
        elif done.failure is not None:
            self.breaker.failed(now, done.failure.retry_after, is_limited=done.failure.is_limited)
        self._account(done.file, "delivered", done.delivered, None, done.scores.get("delivered", 0))
        judged = done.scores.get("rejected", 0)
        for reason, count in done.reasons.items():
            self._account(done.file, "rejected", count, reason, judged)
            judged = 0
        self._account(done.file, "dropped", done.lost, "torn line on disk")

    def _account(self, file: SpoolFile, column: str, count: int, reason: str | None, scores: int = 0) -> None:
        if file.owner == self._spool.owner:
            self._ledger.move(column, count, reason, origin="spooled", scores=scores)
        elif column == "delivered":
            self._ledger.replay(count)
