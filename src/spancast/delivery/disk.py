"""A lane's disk: which spans of its outbox go there, and when; and what lies there and is sent later."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from ..clock import monotonic
from ..conventions.span import Attributes
from ..destinations.destination import Destination
from ..otlp.encoding import ENCODINGS
from ..otlp.json import encode_span
from ..resource import import_for_decoding
from .buffer import Claim, SpanBuffer
from .circuit import Backoff, CircuitBreaker
from .failures import FailureLog
from .ledger import Ledger
from .phase import GRACE
from .replayer import SpoolReplayer
from .sender import MAX_BATCH
from .spill import OUTAGE, SpoolWriter, spill_reason
from .spool import Spool

_LOOK: Final = 0.005  # seconds between two looks whether an answer has come


class Disk:
    """The spool of one lane. Has no lock: its writer and its outbox have theirs; the replayer is the lane's thread's own.

    Attributes:
        writer, replayer: What writes spans there, and what sends them later.
    """

    def __init__(
        self,
        destination: Destination,
        resource: Callable[[], Attributes],
        spool: Spool,
        ledger: Ledger,
        backoff: Backoff,
        failures: FailureLog,
    ) -> None:
        self.writer = SpoolWriter(spool, resource, json_maker(destination))
        self.replayer = SpoolReplayer(destination, spool, ledger, self.writer, backoff)
        self._failures = failures

    def write(self, claim: Claim, reason: str | None) -> None:
        """Write spans, which nobody else has, to disk."""
        failure = self.writer.write(claim, reason)
        if failure is not None:
            self._failures.add(failure)
        else:
            self.replayer.look_at(monotonic())  # it is sent from there as soon as the receiver takes anything

    def spill(self, outbox: SpanBuffer, breaker: CircuitBreaker, max_bytes: int, now: float) -> bool:
        """Write the oldest spans of *outbox*, as long as there is a reason; return whether any were written."""
        outage = breaker.outage(now + breaker.wait(now)) if breaker.failing_since is not None else 0.0
        wrote = False
        while True:
            reason = spill_reason(
                used=outbox.bytes,
                bound=max_bytes,
                waiting=len(outbox),
                outage=outage,
                patience=min(OUTAGE, breaker.max_elapsed_time),
                ending=self.writer.is_urgent,
            )
            claim = outbox.claim(MAX_BATCH, revocable=False) if reason else None
            if claim is None:
                return wrote
            self.write(claim, reason)
            wrote = True

    def spill_all(self, outbox: SpanBuffer, deadline: float) -> None:
        """Take over what could not be sent, also from a thread that is stuck in a request, and write it.

        What is in a request gets until `2 * GRACE` before *deadline*: an answer may be on its way.
        """
        patience = min(max(monotonic() + GRACE, deadline - 2 * GRACE), deadline + GRACE / 2)
        while not outbox.is_empty:
            claim = outbox.claim(MAX_BATCH, revocable=False)
            if claim is None and monotonic() < patience:
                time.sleep(_LOOK)
                continue
            claim = claim or outbox.revoke()
            if claim is None:  # the encoder is writing the rest
                return
            self.write(claim, "shutdown deadline")
            if monotonic() >= deadline + GRACE:
                return


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
