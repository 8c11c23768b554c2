"""What cannot be sent goes to the spool: the policy, which is pure, and the writer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from ..clock import monotonic
from ..conventions.span import Attributes
from ..private_files import ForeignFileError
from ..recording.guard import report_fault
from .buffer import Claim, Entry
from .spool import Spool, SpoolFullError, lines_of
from .threads import allocate_lock

OUTAGE: Final = 5.0  # seconds of failures after which what waits goes to disk instead of waiting in memory
MANY: Final = 2048  # spans that wait for a failing receiver in memory; more of them go to disk


def spill_reason(
    *, used: int, bound: int, waiting: int, outage: float, patience: float = OUTAGE, ending: bool = False
) -> str | None:
    """Return why the oldest spans of an outbox are to go to disk, or None: they can wait in memory.

    Args:
        used: Bytes that wait.
        bound: Bytes that may wait.
        waiting: Spans that wait.
        outage: For how many seconds the receiver will have been failing when it is tried next; 0: it answers.
        patience: For how long what waits for it may stay in memory, in seconds.
        ending: Whether the server has begun to end the process, which may be over at any moment.
    """
    if not waiting:
        return None
    if ending:
        return "server ending"
    if outage > 0 and (waiting >= MANY or outage > patience):
        return "receiver failing"
    if used > bound // 4 * 3:
        return "receiver failing" if outage > 0 else "queue full"
    return None


class SpoolWriter:
    """Writes encoded spans to a spool and counts them. Used by the encoder, the sender and who shuts down.

    `_lock` guards the spool, `_sealed`, and that a file appears and its spans are counted, or neither. It is waited for
    while another thread writes a file, so no thread of the application takes it but one that shuts down.

    Attributes:
        written: How many files were written so far.
        is_urgent: Whether all spans go to disk immediately and nothing is sent: the server has begun to end the process,
            which may be over at any moment. Sent as well, some would arrive twice. Set by the encoder.
    """

    def __init__(self, spool: Spool, resource: Callable[[], Attributes], as_json: Callable[[bytes], bytes]) -> None:
        """*as_json* makes OTLP JSON of a span in the destination's own encoding."""
        self.written = 0
        self.is_urgent = False
        self._spool = spool
        self._resource = resource
        self._as_json = as_json
        self._lock = allocate_lock()
        self._sealed = False

    def write(self, claim: Claim, reason: str | None) -> str | None:
        """Write what is claimed to a file of its own; what cannot be written is dropped. Both are counted.

        Returns why it could not be written, in one sentence; None where it was.
        """
        good: list[Entry] = []
        bad: list[Entry] = []
        spans: list[bytes] = []
        fault: Exception | None = None
        for entry in claim.entries:
            try:
                spans.append(self._as_json(entry[2]))
                good.append(entry)
            except Exception as error:  # one span that cannot be read back affects no other
                bad.append(entry)
                fault = fault or error
        with self._lock:
            if self._sealed:  # the ledger is closed: these were counted as dropped
                return None
            claim.settle(bad, "dropped", "could not be rendered")
            failure = self._written(claim, good, spans, reason) if good else None
        if fault is not None:
            report_fault("spool", fault)
        return failure

    def _written(self, claim: Claim, entries: list[Entry], spans: list[bytes], reason: str | None) -> str | None:
        """Write *spans*, those of *entries*, and count them. Call it with the lock taken."""
        try:
            staged = self._spool.stage(lines_of(spans, self._resource()))
            try:
                self._spool.commit(staged)
            except OSError:
                self._spool.discard(staged)
                raise
        except Exception as error:  # a full disk, a folder that is not ours, a bound, a resource that no JSON can have
            why = "spool full" if isinstance(error, SpoolFullError) else f"spool: {_words(error)}"
            claim.settle(entries, "dropped", why)
            return f"spans that could not be sent cannot be kept on disk either: {why.removeprefix('spool: ')}"
        self.written += 1  # before they are counted: a flush must not find them gone and nothing on disk
        claim.settle(entries, "spooled", reason)
        if not self.is_urgent:  # a process that is killed in between leaves both files
            self._spool.merge_small()
        return None

    def seal(self, timeout: float) -> bool:
        """Write nothing more; return whether no file was being written that long."""
        until = monotonic() + timeout
        while not self._lock.acquire(False):
            if monotonic() >= until:
                self._sealed = True
                return False
            time.sleep(0.005)
        self._sealed = True
        self._lock.release()
        return True


def _words(error: Exception) -> str:
    if isinstance(error, ForeignFileError):
        return str(error)
    return getattr(error, "strerror", None) or type(error).__name__
