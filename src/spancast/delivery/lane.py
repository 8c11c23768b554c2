"""A lane: one destination's outbox, and what empties it: requests, waits between them, and the spool.

The encoder's thread puts spans in and spills what is too much; the lane's own thread sends, waits and replays, one `step`
after the other; who shuts down takes over what is left. The outbox decides who has a span: only who has it may count it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from ..clock import monotonic
from ..conventions.span import Attributes
from ..destinations.destination import Destination
from .buffer import Claim, SpanBuffer, scores_of, size_of
from .circuit import Backoff, CircuitBreaker
from .disk import Disk
from .failures import FailureLog
from .inbox import Marker
from .ledger import Ledger
from .next_step import Do, Situation, next_step
from .phase import GRACE, LaneState, Phase, draining, request_time
from .requests import Requests
from .sender import MAX_BATCH, SEND_AT, Sender
from .spool import Spool
from .waiters import Waiters
from .worker import LONGEST_SLEEP, Worker


class Lane:
    """One destination's way out, in one process: a forked child makes lanes of its own.

    Attributes:
        disk: Where spans go that cannot be sent; None: nowhere, they are dropped and counted.
        waiters: Who waits for a flush.
        phase: Written by who shuts down.
    """

    def __init__(
        self,
        destination: Destination,
        resource: Callable[[], Attributes],
        *,
        max_bytes: int,
        backoff: Backoff | None = None,
        spool: Spool | None = None,
    ) -> None:
        backoff = backoff or Backoff()
        self.destination = destination
        self.ledger = Ledger(destination.name)
        self.outbox = SpanBuffer(self.ledger)
        self.breaker = CircuitBreaker(backoff)
        self.sender = Sender(destination.target.exporter(resource), resource, destination.max_request_bytes)
        self.failures = FailureLog(self.ledger, destination.name)
        self.requests = Requests(self.outbox, self.sender, self.breaker, self.failures)
        self.disk: Disk | None = None
        if spool is not None:
            self.disk = Disk(destination, resource, spool, self.ledger, backoff, self.failures)
        self.worker = Worker("lane", self.step, self.sender.close)
        self.waiters = Waiters()
        self.phase = Phase()
        self._max_bytes = max_bytes

    # ------------------------------------------------------------------ the encoder's side
    def put(self, payloads: Sequence[Any], offered_at: float) -> None:
        """Queue encoded spans that were offered at about *offered_at*, and see that the thread runs."""
        if self.phase.state is LaneState.CLOSED:
            return self.ledger.enter("dropped", len(payloads), "after shutdown", scores=scores_of(payloads))
        fitting = payloads if self.disk is not None else self._fitting(payloads)
        if fitting:
            self.outbox.put(fitting, offered_at)
            waiting = len(self.outbox)
            if waiting <= len(fitting) or waiting >= MAX_BATCH or self.outbox.bytes >= SEND_AT or self.waiters:
                self.worker.wake.set()
            self.worker.start()
        return None

    def _fitting(self, payloads: Sequence[Any]) -> Sequence[Any]:
        """Return those that fit into the outbox, and drop the others; one alone always fits."""
        room = self._max_bytes - self.outbox.bytes
        fitting: list[Any] = []
        for payload in payloads:
            room -= size_of(payload)
            if room >= 0 or not (fitting or len(self.outbox)):
                fitting.append(payload)
        if len(fitting) < len(payloads):
            lost = scores_of(payloads) - scores_of(fitting)
            self.ledger.enter("dropped", len(payloads) - len(fitting), "queue full", scores=lost)
        return fitting

    def prepare_for_end(self, ending: bool) -> None:
        """The server around has begun to end the process, or has not after all: bring what waits out of danger."""
        if self.disk is not None:
            self.disk.writer.is_urgent = ending
            if ending:
                self.spill(monotonic())
        elif ending and not self.outbox.is_empty:
            self.mark(Marker(monotonic() + GRACE))

    def spill(self, now: float) -> None:
        """Write the oldest spans to disk, as long as there is a reason."""
        if self.disk is not None and self.disk.spill(self.outbox, self.breaker, self._max_bytes, now):
            self.worker.wake.set()

    def mark(self, marker: Marker) -> int:
        """Let the thread send everything now, as somebody waits for it; return the number of the last span before."""
        self.waiters.add(marker)
        self.worker.wake.set()
        return self.outbox.accepted

    # ------------------------------------------------------------------ the lane's thread
    def step(self) -> float | None:
        """Do one thing; return after how many seconds there is more to do (0: immediately), or None: it is closed."""
        now = monotonic()
        phase = self.phase
        if phase.state is LaneState.CLOSED:
            return None
        self.spill(now)
        if self.disk is not None and self.disk.writer.is_urgent and phase.state is LaneState.RUNNING:
            return LONGEST_SLEEP
        found = self._situation(now, phase)
        step = next_step(now, found)
        if step.do is Do.SEND:
            self._send()
            return 0.0
        if (step.do is Do.WRITE and self._write(MAX_BATCH, "receiver failing")) or (
            step.do is Do.DROP and self._drop(now)
        ):
            return 0.0
        if self.disk is None or found.pause > 0:
            return step.after
        replayer = self.disk.replayer
        due = replayer.due_in(now, hurried=found.waited_for is not None, closing=phase.is_draining)
        if due <= 0:
            self.requests.note_replayed(replayer.run_once(self._time_left))
            return 0.0
        return min(step.after, due)

    def _situation(self, now: float, phase: Phase) -> Situation:
        waited_for = self.waiters.until(now)
        if phase.is_draining:
            waited_for = max(waited_for or phase.until, phase.until)
        return Situation(
            oldest=self.outbox.oldest(),
            full=len(self.outbox) >= MAX_BATCH or self.outbox.bytes >= min(SEND_AT, self.sender.room),
            pause=self.breaker.wait(now, hurried=waited_for is not None),
            asked=self.breaker.asked,
            patience=self.breaker.max_elapsed_time,
            waited_for=waited_for,
            phase=phase,
            disk=self.disk is not None,
        )

    def _drop(self, now: float) -> bool:
        """Drop spans that waited too long for a failing receiver; return whether any did."""
        oldest = now - self.breaker.max_elapsed_time
        claim = self.outbox.claim(MAX_BATCH, revocable=False, offered_before=oldest)
        if claim is not None:
            claim.settle(claim.entries, "dropped", self.breaker.reason or "receiver failing")
        return claim is not None

    def _write(self, most: int, reason: str) -> bool:
        """Write the oldest spans to disk, unless another thread has them; return whether any were there."""
        claim = self.outbox.claim(most, revocable=False) if self.disk is not None else None
        if claim is None or self.disk is None:
            return False
        self.disk.write(claim, reason)
        return True

    def _time_left(self, claim: Claim | None = None) -> float:
        """Return for how many seconds a request may last; 0: no more is to be tried."""
        if (claim is not None and not claim) or not self.worker.is_at_home:
            return 0.0
        failing = self.breaker.failing_since is not None
        return request_time(self.phase, monotonic(), spooled=self.disk is not None, failing=failing)

    def _send(self) -> None:
        sent = self.requests.send(self._time_left)
        if sent.recovered and self.disk is not None:
            self.disk.replayer.look_at(monotonic())
        if sent.breaks_connections:
            self._write(1, "connection breaks")

    def start_replay(self) -> None:
        """Start the thread where former processes have left something on disk; else look again later."""
        if self.disk is not None:
            replayer = self.disk.replayer
            if replayer.has_files():
                replayer.look_at(0.0)
                self.worker.start()
            else:
                replayer.look_later()

    # ------------------------------------------------------------------ who waits, and who shuts down
    @property
    def has_pending(self) -> bool:
        """Whether spans of this process wait on disk, as far as is known."""
        return self.disk is not None and self.disk.replayer.pending

    def has_sent(self, ticket: int) -> bool:
        """Return whether all spans up to *ticket* have left, and none of this process waits on disk, as far as is known."""
        return self.has_settled(ticket) and not self.has_pending

    def has_settled(self, ticket: int) -> bool:
        """Return whether all spans up to *ticket* have left the outbox, whatever became of them."""
        return self.outbox.settled_to >= ticket

    def left_behind(self) -> int:
        """Look on the disk; return how many spans of this process wait there: other processes may have sent them."""
        return self.disk.replayer.left_behind() if self.disk is not None and self.ledger.spooled else 0

    def cannot_send(self, marker: Marker) -> bool:
        """Return whether the receiver has asked to be left alone for longer than *marker*'s owner waits."""
        asked = self.breaker.asked and self.breaker.retry_at > marker.deadline
        return asked and (self.disk is None or not len(self.outbox))

    def begin_shutdown(self, deadline: float) -> None:
        """Send what is there before *deadline* (monotonic seconds); with a spool, its last part is for writing to disk."""
        if self.phase.state is LaneState.RUNNING:
            self.phase = draining(monotonic(), deadline, self.ledger.dropped, spooled=self.disk is not None)
        self.worker.wake.set()

    @property
    def is_drained(self) -> bool:
        """Whether nothing is left to send, on disk neither, as far as it can be sent now."""
        if not self.outbox.is_empty:
            return False
        waits = self.disk is not None and self.disk.replayer.due_in(monotonic(), closing=True) <= 0
        return not waits or self.breaker.failing_since is not None

    def spill_all(self, deadline: float) -> None:
        """Take over what could not be sent, also from a thread that is stuck in a request, and write it to disk."""
        if self.disk is not None:
            self.disk.spill_all(self.outbox, deadline)
            self.worker.wake.set()

    def abandon(self) -> None:
        """Let go, in a forked child, of the parent's lock on the spool."""
        if self.disk is not None:
            self.disk.replayer.after_fork_in_child()

    def _join(self, deadline: float) -> None:
        """Wait for the thread's end, which closes the exporter; a thread that is stuck in a request is left to it."""
        self.worker.wake.set()
        if not self.worker.is_running():
            return self.sender.close()
        while self.worker.is_running() and not self.worker.is_own_thread and monotonic() < deadline:
            time.sleep(0.001)
        return None

    def close(self, deadline: float) -> None:
        """End: what is left is dropped, and counted, and said."""
        before = self.phase.dropped_before
        self.phase = Phase(LaneState.CLOSED)
        if self.disk is not None:  # what is being written just now either has become a file, or never will
            self.disk.writer.seal(max(0.05, deadline - monotonic()))
        lost = self.ledger.dropped - before
        left = self.outbox.clear("dropped", "shutdown deadline")
        self._join(deadline)
        self.failures.ending(left, self.left_behind(), lost)
