"""A lane: one destination's outbox, and what empties it: requests, waits between them, and the spool.

The encoder's thread puts spans in and spills what is too much; the lane's own thread sends, waits and replays, one `step`
after the other; who shuts down takes over what is left. The outbox decides who has a span: only who has it may count it.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final

from ..conventions.span import Attributes
from ..destinations.destination import Destination
from ..otlp.encoding import ENCODINGS
from ..otlp.json import encode_span
from ..otlp.outcome import Outcome, Verdict
from ..recording.guard import report_fault
from ..resource import import_for_decoding, import_for_sending
from .buffer import Claim, SpanBuffer, scores_of, size_of
from .circuit import Backoff, CircuitBreaker
from .inbox import MAX_AGE, Marker
from .ledger import Ledger
from .replayer import NEVER, SpoolReplayer
from .sender import MAX_BATCH, Sender, SendResult
from .spill import OUTAGE, SpoolWriter, spill_reason
from .spool import Spool
from .words import spans
from .worker import LONGEST_SLEEP, Worker

LAST_TRIES: Final = (
    2.0  # seconds for which a shutdown goes on trying a failing receiver, where a spool can keep the spans
)
GRACE: Final = 0.25  # seconds for an answer that comes with the deadline: what it accepts must not go to disk as well
_LONGEST_REQUEST: Final = 3600.0  # seconds; the exporter has a shorter timeout of its own
_BREAKS: Final = 3  # connections that break under one span until it steps aside

_logger = logging.getLogger("spancast")


class LaneState(Enum):
    """RUNNING; DRAINING: it sends what is there, until a deadline; CLOSED: its ledger does not change any more."""

    RUNNING = "running"
    DRAINING = "draining"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Phase:
    """Where in its life a lane is; replaced whole by who shuts it down.

    Attributes:
        began: When that began (monotonic seconds).
        until: When requests have to be over.
        dropped_before: How many spans had been dropped by then.
    """

    state: LaneState = LaneState.RUNNING
    began: float = 0.0
    until: float = NEVER
    dropped_before: int = 0


class Lane:
    """One destination's way out, in one process: a forked child makes lanes of its own.

    Attributes:
        flushes: The markers of those who wait for a flush: the encoder appends, the lane's thread forgets.
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
        self.destination = destination
        self.ledger = Ledger(destination.name)
        self.outbox = SpanBuffer(self.ledger)
        self.breaker = CircuitBreaker(backoff or Backoff())
        self.sender = Sender(destination.target.exporter(resource), resource, destination.max_request_bytes)
        self.writer: SpoolWriter | None = None
        self.replayer: SpoolReplayer | None = None
        if spool is not None:
            self.writer = SpoolWriter(spool, resource, json_maker(destination))
            self.replayer = SpoolReplayer(destination, spool, self.ledger, self.writer, backoff or Backoff())
        self.worker = Worker("lane", self.step, self.sender.close)
        self.flushes: deque[Marker] = deque()
        self.phase = Phase()
        self._max_bytes = max_bytes
        self._warned = False

    # ------------------------------------------------------------------ the encoder's side
    def put(self, payloads: Sequence[Any], offered_at: float) -> None:
        """Queue encoded spans that were offered at about *offered_at*, and see that the thread runs."""
        if self.phase.state is LaneState.CLOSED:
            return self.ledger.enter("dropped", len(payloads), "after shutdown", scores=scores_of(payloads))
        fitting = payloads if self.writer is not None else self._fitting(payloads)
        if fitting:
            self.outbox.put(fitting, offered_at)
            waiting = len(self.outbox)
            if waiting <= len(fitting) or waiting >= MAX_BATCH or self.flushes:
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
        if self.writer is not None:
            self.writer.is_urgent = ending
            if ending:
                self.spill(time.monotonic())
        elif ending and not self.outbox.is_empty:
            self.mark(Marker(time.monotonic() + GRACE))

    def spill(self, now: float) -> None:
        """Write the oldest spans to disk, as long as there is a reason."""
        outage = self.breaker.outage(now + self.breaker.wait(now)) if self.breaker.failing_since is not None else 0.0
        patience = min(OUTAGE, self.breaker.max_elapsed_time)
        while self.writer is not None:
            reason = spill_reason(
                used=self.outbox.bytes,
                bound=self._max_bytes,
                waiting=len(self.outbox),
                outage=outage,
                patience=patience,
                ending=self.writer.is_urgent,
            )
            claim = self.outbox.claim(MAX_BATCH, revocable=False) if reason else None
            if claim is None:
                return
            self._write(claim, reason)

    def mark(self, marker: Marker) -> int:
        """Let the thread send everything now, as somebody waits for it; return the number of the last span before."""
        self.flushes.append(marker)
        self.worker.wake.set()
        return self.outbox.accepted

    # ------------------------------------------------------------------ the lane's thread
    def step(self) -> float | None:
        """Do one thing; return after how many seconds there is more to do (0: immediately), or None: it is closed."""
        now = time.monotonic()
        phase = self.phase
        if phase.state is LaneState.CLOSED:
            return None
        waited_for = self._waited_for(now)
        hurried = waited_for is not None
        self.spill(now)
        if self.writer is not None and self.writer.is_urgent and phase.state is LaneState.RUNNING:
            return LONGEST_SLEEP
        pause = self.breaker.wait(now, hurried=hurried)
        wait = LONGEST_SLEEP
        if len(self.outbox):
            if pause > 0 and self._gives_up(now, pause, waited_for):
                return 0.0
            wait = min(wait, max(pause, self._ripe_in(now, hurried)))
            if self.writer is None and pause > 0:
                wait = min(wait, self._too_old_in(now))
            if wait <= 0:
                self._send()
                return 0.0
        if self.replayer is not None and pause <= 0:
            due = self.replayer.due_in(now, hurried=hurried, closing=phase.state is LaneState.DRAINING)
            if due <= 0:
                self._replay(self.replayer)
                return 0.0
            wait = min(wait, due)
        return wait

    def _waited_for(self, now: float) -> float | None:
        """Return the latest deadline of those who wait for spans to leave; None: nobody does."""
        while self.flushes and (self.flushes[0].done or self.flushes[0].deadline <= now):
            self.flushes.popleft()
        waiting = [marker.deadline for marker in list(self.flushes) if not marker.done and marker.deadline > now]
        if self.phase.state is LaneState.DRAINING:
            waiting.append(self.phase.until)
        return max(waiting) if waiting else None

    def _ripe_in(self, now: float, hurried: bool) -> float:
        oldest = self.outbox.oldest()
        if hurried or oldest is None or len(self.outbox) >= MAX_BATCH or self.outbox.bytes >= self.sender.room:
            return 0.0
        return max(0.0, oldest + MAX_AGE - now)

    def _gives_up(self, now: float, pause: float, waited_for: float | None) -> bool:
        """Where waiting for the receiver is in vain, bring the spans to their end; return whether that was so."""
        if self.writer is None:
            oldest = now - self.breaker.max_elapsed_time
            claim = self.outbox.claim(MAX_BATCH, revocable=False, offered_before=oldest)
            if claim is not None:
                claim.settle(claim.entries, "dropped", self.breaker.reason or "receiver failing")
            return claim is not None
        draining = self.phase.state is LaneState.DRAINING
        too_late = waited_for is not None and now + pause >= waited_for and (draining or self.breaker.asked)
        if not too_late and not (draining and now > self.phase.began + LAST_TRIES):
            return False
        claim = self.outbox.claim(MAX_BATCH, revocable=False)
        if claim is not None:
            self._write(claim, "receiver failing")
        return claim is not None

    def _too_old_in(self, now: float) -> float:
        oldest = self.outbox.oldest()
        return LONGEST_SLEEP if oldest is None else max(0.01, oldest + self.breaker.max_elapsed_time - now)

    def _time_left(self, claim: Claim | None = None) -> float:
        """Return for how many seconds a request may last; 0: no more is to be tried."""
        phase = self.phase
        if phase.state is LaneState.CLOSED or (claim is not None and not claim) or not self.worker.is_at_home:
            return 0.0
        if phase.state is LaneState.RUNNING:
            return _LONGEST_REQUEST
        now = time.monotonic()
        failing = self.breaker.failing_since is not None
        if self.writer is None and not failing:
            return max(0.05, phase.until - now)  # one try, in any case: there is nowhere else to go
        if self.writer is not None and failing and now > phase.began + LAST_TRIES:
            return 0.0
        return max(0.0, phase.until - now)

    # ------------------------------------------------------------------ requests
    def _send(self) -> None:
        """Send one batch, and count each of its spans as soon as its answer is there."""
        import_for_sending()
        claim = self.outbox.claim(MAX_BATCH, self.sender.room)
        if claim is None:
            return
        broken = False
        try:
            if self._time_left() <= 0:
                return
            for result in self.sender.deliver(claim.entries, lambda: self._time_left(claim)):
                self._count(claim, result)
                broken = result.outcome is not None and result.outcome.is_broken
        except Exception as error:  # an exporter that breaks its word and raises costs its batch
            claim.settle(claim.entries, "dropped", "fault")
            report_fault("sender", error)
        finally:
            alone = len(claim.entries) == 1
            claim.give_back()
        if broken and alone and self.breaker.failures >= _BREAKS and self.writer is not None:
            aside = self.outbox.claim(1, revocable=False)
            if aside is not None:
                self._write(aside, "connection breaks")

    def _count(self, claim: Claim, result: SendResult) -> None:
        outcome = result.outcome
        claim.settle(result.delivered, "delivered")
        if result.rejected:
            claim.settle(result.rejected, "rejected", (outcome.reason if outcome else "") or "refused")
        if outcome is not None:
            self._hear(outcome, len(result.rejected))

    def _hear(self, outcome: Outcome, rejected: int = 0) -> None:
        """Note an answer: whether the receiver is up, and what it says."""
        now = time.monotonic()
        if outcome.verdict is Verdict.RETRY:
            self.breaker.failed(now, outcome.retry_after, outcome.reason, is_limited=outcome.is_limited)
        elif self.breaker.succeeded() and self.replayer is not None:
            self.replayer.look_at(now)
        if rejected and outcome.verdict is Verdict.DELIVERED:
            rest = f": {outcome.message}" if outcome.message else ""
            outcome = replace(outcome, message=f"the receiver rejected {spans(rejected)}{rest}")
        if rejected or outcome.verdict is not Verdict.DELIVERED:
            self._fail(outcome.message, outcome.text)

    def _fail(self, message: str, text: str | None = None) -> None:
        """Remember the newest failure, *text* with the receiver's own words, and warn about the first, without them."""
        self.ledger.fail(text or message)
        if not self._warned:
            self._warned = True
            _logger.warning(
                "spancast: destination %s: %s. Later failures are only counted: see spancast.report().",
                self.destination.name,
                message,
            )

    # ------------------------------------------------------------------ the disk
    def _write(self, claim: Claim, reason: str | None) -> None:
        """Write spans, which nobody else has, to disk."""
        failure = self.writer.write(claim, reason) if self.writer is not None else None
        if failure is not None:
            self._fail(failure)
        elif self.replayer is not None:
            self.replayer.look_at(time.monotonic())  # it is sent from there as soon as the receiver takes anything
            self.worker.wake.set()

    def _replay(self, replayer: SpoolReplayer) -> None:
        replayed = replayer.run_once(self._time_left)
        done = replayed.result
        if done is not None and (done.failure is not None or done.answered):
            if self.breaker.failing_since is not None and done.failure is not None and not done.answered:
                self._hear(done.failure)  # it was tried in place of spans that are recorded now
            elif done.answered:
                self.breaker.succeeded()
                if done.failure is not None:
                    self._fail(done.failure.message, done.failure.text)
            elif done.failure is not None:
                self._fail(done.failure.message, done.failure.text)
        for message in replayed.messages:
            self._fail(message)

    def start_replay(self) -> None:
        """Start the thread where former processes have left something on disk; else look again later."""
        if self.replayer is not None:
            if self.replayer.has_files():
                self.replayer.look_at(0.0)
                self.worker.start()
            else:
                self.replayer.look_later()

    # ------------------------------------------------------------------ who waits, and who shuts down
    @property
    def has_pending(self) -> bool:
        """Whether spans of this process wait on disk, as far as is known."""
        return self.replayer is not None and self.replayer.pending

    def has_sent(self, ticket: int) -> bool:
        """Return whether all spans up to *ticket* have left, and none of this process waits on disk, as far as is known."""
        return self.has_settled(ticket) and not self.has_pending

    def has_settled(self, ticket: int) -> bool:
        """Return whether all spans up to *ticket* have left the outbox, whatever became of them."""
        return self.outbox.settled_to >= ticket

    def left_behind(self) -> int:
        """Look on the disk; return how many spans of this process wait there: other processes may have sent them."""
        return self.replayer.left_behind() if self.replayer is not None and self.ledger.spooled else 0

    def cannot_send(self, marker: Marker) -> bool:
        """Return whether the receiver has asked to be left alone for longer than *marker*'s owner waits."""
        return (
            self.breaker.asked
            and self.breaker.retry_at > marker.deadline
            and (self.writer is None or not len(self.outbox))
        )

    def begin_shutdown(self, deadline: float) -> None:
        """Send what is there before *deadline* (monotonic seconds); with a spool, its last part is for writing to disk."""
        now = time.monotonic()
        reserve = min(1.5, 0.3 * max(0.0, deadline - now)) if self.writer is not None else 0.0
        if self.phase.state is LaneState.RUNNING:
            self.phase = Phase(LaneState.DRAINING, now, deadline - reserve, self.ledger.dropped)
        self.worker.wake.set()

    @property
    def is_drained(self) -> bool:
        """Whether nothing is left to send, on disk neither, as far as it can be sent now."""
        if not self.outbox.is_empty:
            return False
        replayer = self.replayer
        waits = replayer is not None and replayer.due_in(time.monotonic(), closing=True) <= 0
        return not waits or self.breaker.failing_since is not None

    def spill_all(self, deadline: float) -> None:
        """Take over what could not be sent, also from a thread that is stuck in a request, and write it to disk.

        What is in a request gets until `2 * GRACE` before *deadline*: an answer may be on its way.
        """
        patience = min(max(time.monotonic() + GRACE, deadline - 2 * GRACE), deadline + GRACE / 2)
        while self.writer is not None and not self.outbox.is_empty:
            claim = self.outbox.claim(MAX_BATCH, revocable=False)
            if claim is None and time.monotonic() < patience:
                time.sleep(0.005)
                continue
            claim = claim or self.outbox.revoke()
            if claim is None:  # the encoder is writing the rest
                return
            self._write(claim, "shutdown deadline")
            if time.monotonic() >= deadline + GRACE:
                return

    def abandon(self) -> None:
        """Let go, in a forked child, of the parent's lock on the spool."""
        if self.replayer is not None:
            self.replayer.after_fork_in_child()

    def _join(self, deadline: float) -> None:
        """Wait for the thread's end, which closes the exporter; a thread that is stuck in a request is left to it."""
        self.worker.wake.set()
        if not self.worker.is_running():
            return self.sender.close()
        while self.worker.is_running() and not self.worker.is_own_thread and time.monotonic() < deadline:
            time.sleep(0.001)
        return None

    def close(self, deadline: float) -> None:
        """End: what is left is dropped, and counted, and said."""
        before = self.phase.dropped_before
        self.phase = Phase(LaneState.CLOSED)
        if self.writer is not None:  # what is being written just now either has become a file, or never will
            self.writer.seal(max(0.05, deadline - time.monotonic()))
        lost = self.ledger.dropped - before
        left = self.outbox.clear("dropped", "shutdown deadline")
        self._join(deadline)
        spooled = self.left_behind()
        if left or spooled or lost:
            _logger.warning("spancast: destination %s: %s.", self.destination.name, _ending(left, spooled, lost))


def json_maker(destination: Destination) -> Callable[[bytes], bytes]:
    """Return the function that makes OTLP JSON, for the disk, of a span in the destination's own encoding."""
    protocol = getattr(destination.target, "protocol", "http/json")
    if protocol == "http/json":
        return lambda payload: payload
    decode = ENCODINGS[protocol].decode

    def as_json(payload: bytes) -> bytes:
        import_for_decoding()
        return encode_span(decode(payload))

    return as_json


def _ending(left: int, spooled: int, lost: int) -> str:
    """Say what a shutdown leaves behind."""
    parts = []
    if spooled:
        stay = "stays" if spooled == 1 else "stay"
        parts.append(f"{spans(spooled)} {stay} on disk, to be sent at the next start or by `spancast replay`")
    if left:
        are = "is" if left == 1 else "are"
        parts.append(f"{spans(left)} could not be sent before the shutdown deadline and {are} lost")
    if lost:
        were = "was" if lost == 1 else "were"
        parts.append(f"{spans(lost)} {were} dropped while it shut down: spancast.report() says why")
    return "; ".join(parts)
