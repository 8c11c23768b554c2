"""A lane's requests: one batch is sent, each of its spans is counted as soon as its answer is there, the answer is noted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ..clock import monotonic
from ..otlp.outcome import Outcome, Verdict
from ..own_threads import is_for_this_thread
from ..record.fast_frozen import frozen
from ..recording.guard import report_fault
from ..resource import import_for_sending
from .buffer import Claim, SpanBuffer
from .circuit import CircuitBreaker
from .failures import FailureLog
from .replayer import Replayed
from .sender import MAX_BATCH, Sender, SendResult
from .words import spans

_BREAKS: Final = 3  # connections that break under one span until it steps aside

TimeLeft = Callable[[Claim | None], float]  # for how many seconds a request may last; 0: it is not made


@frozen()
class Sent:
    """What a batch has led to.

    Attributes:
        recovered: Whether the receiver answers again, after it had failed.
        breaks_connections: Whether the batch was one span under which connection after connection broke.
    """

    recovered: bool = False
    breaks_connections: bool = False


class Requests:
    """Sends what waits in an outbox. Used by one thread, its lane's.

    Attributes:
        since: When the request under way began (monotonic seconds); None: none is. Anybody may read it.
    """

    def __init__(self, outbox: SpanBuffer, sender: Sender, breaker: CircuitBreaker, failures: FailureLog) -> None:
        self.since: float | None = None
        self._outbox = outbox
        self._sender = sender
        self._breaker = breaker
        self._failures = failures

    def send(self, time_left: TimeLeft) -> Sent:
        """Send one batch, and count each of its spans as soon as its answer is there."""
        import_for_sending()
        claim = self._outbox.claim(MAX_BATCH, self._sender.room)
        if claim is None:
            return Sent()
        broken = recovered = False
        try:
            if time_left(None) <= 0:
                return Sent()
            self.since = monotonic()
            for result in self._sender.deliver(claim.entries, lambda: time_left(claim)):
                self.since = monotonic()
                recovered = self._count(claim, result) or recovered
                broken = result.outcome is not None and result.outcome.is_broken
        except BaseException as error:  # an exporter that breaks its word and raises costs its batch
            if is_for_this_thread(error):
                raise
            claim.settle(claim.entries, "dropped", "fault")
            report_fault("sender", error)
        finally:
            self.since = None
            alone = len(claim.entries) == 1
            claim.give_back()
        return Sent(recovered, broken and alone and self._breaker.failures >= _BREAKS)

    def _count(self, claim: Claim, result: SendResult) -> bool:
        outcome = result.outcome
        claim.settle(result.delivered, "delivered")
        if result.rejected:
            claim.settle(result.rejected, "rejected", (outcome.reason if outcome else "") or "refused")
        return outcome is not None and self._note(outcome, len(result.rejected))

    def _note(self, outcome: Outcome, rejected: int = 0) -> bool:
        """Note an answer: whether the receiver is up, and what it says. Return whether it answers again."""
        recovered = False
        if outcome.verdict is Verdict.RETRY:
            self._breaker.failed(monotonic(), outcome.retry_after, outcome.reason, is_limited=outcome.is_limited)
        else:
            recovered = self._breaker.succeeded()
        if rejected and outcome.verdict is Verdict.DELIVERED:
            rest = f": {outcome.message}" if outcome.message else ""
            outcome = replace(outcome, message=f"the receiver rejected {spans(rejected)}{rest}")
        if rejected or outcome.verdict is not Verdict.DELIVERED:
            self._failures.add(outcome.message, outcome.text)
        return recovered

    def note_replayed(self, replayed: Replayed) -> None:
        """Note what a look into the spool has led to."""
        done = replayed.result
        failure = done.failure if done is not None else None
        if done is not None and done.answered:
            self._breaker.succeeded()
        if failure is not None:
            if done is not None and not done.answered and self._breaker.failing_since is not None:
                self._note(failure)  # it was tried in place of spans that are recorded now
            else:
                self._failures.add(failure.message, failure.text)
        for message in replayed.messages:
            self._failures.add(message)
