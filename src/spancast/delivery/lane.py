"""A destination's queue and worker: offers never wait, the queue is bounded in bytes, the ledger knows every span."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, detach, set_value

from .. import _version
from ..conventions.limits import shorten
from ..conventions.span import Attributes, Span
from ..destinations.destination import Destination, Exporter
from ..otlp import json
from ..otlp.outcome import Outcome, Verdict
from ..privacy import Redaction, only_safe, without_content
from ..record.operation import Operation
from ..recording.draft import Draft
from ..recording.guard import report_fault
from .ledger import Ledger
from .retry import Backoff

MAX_QUEUE_BYTES = 64 * 1024 * 1024
MAX_BATCH = 512  # spans a request
MAX_AGE = 0.5  # seconds until a span leaves, at most
_HURRIED_PAUSE = 0.5  # seconds between two tries while someone waits for them
_SLICE = 64  # spans between two chances for the application's threads to run
_FRAME_BYTES = 6  # what a request adds to each span: protobuf's tag and length; JSON's comma is less
_SPAN_BYTES = 700  # what a draft holds besides its content (measured with sys.getsizeof: 600 to 800)

_logger = logging.getLogger("spancast")


class Lane:
    """One destination's queue and worker thread. The thread starts with the first span."""

    def __init__(
        self,
        destination: Destination,
        resource: Callable[[], Attributes],
        *,
        max_queue_bytes: int = MAX_QUEUE_BYTES,
        backoff: Backoff | None = None,
    ) -> None:
        self.destination = destination
        self.ledger = Ledger(destination.name)
        self._resource = resource
        self._exporter: Exporter = destination.target.exporter(resource)
        self._backoff = backoff or Backoff()
        self._max_bytes = max_queue_bytes
        self._prepare = preparation(destination)
        self._warned = False
        self._envelope: int | None = None
        self._start_clean()

    def _start_clean(self) -> None:
        self._queue: deque[Draft] = deque()
        self._bytes = 0
        self._changed = threading.Condition(threading.Lock())
        self._hurry = False
        self._closing = False
        self._gone = False
        self._deadline: float | None = None
        self._thread: threading.Thread | None = None

    # ------------------------------------------------------------------ the application's side
    def offer(self, draft: Draft) -> None:
        """Take a closed operation, or drop it when the queue is full. Never waits."""
        size = draft.size + _SPAN_BYTES
        with self._changed:
            if self._gone or (self._queue and self._bytes + size > self._max_bytes):
                self.ledger.enter("dropped", 1, "after shutdown" if self._gone else "queue full")
                return
            self.ledger.enter("queued")
            self._queue.append(draft)
            self._bytes += size
            waiting = len(self._queue)
            if waiting == 1 or waiting == MAX_BATCH:
                self._changed.notify_all()
        if self._thread is None:
            self._start()

    def skip(self) -> None:
        """Count an operation that the sampling rate left out."""
        self.ledger.enter("sampled_out")

    def flush(self, timeout: float) -> bool:
        """Send what is queued now; return whether all of it left the queue within *timeout* seconds."""
        deadline = time.monotonic() + timeout
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            while self.ledger.queued and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            self._hurry = False
            return not self.ledger.queued

    def hurry(self) -> None:
        """Send what is queued without waiting for more."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()

    def close_by(self, deadline: float) -> None:
        """Send what is queued and stop, before *deadline* (monotonic seconds); does not wait for it."""
        with self._changed:
            self._closing = self._hurry = True
            self._deadline = deadline
            self._changed.notify_all()

    def shutdown(self, timeout: float) -> bool:
        """Send what is queued, within *timeout* seconds, and stop. What is left then is dropped, and counted."""
        deadline = time.monotonic() + timeout
        self.close_by(deadline)
        if self._thread is None or (self._queue and not self._alive()):
            self._start()
        thread = self._thread
        if thread is None:  # the interpreter is exiting and starts no threads any more
            self._work()
        elif thread is not threading.current_thread():
            thread.join(max(0.0, deadline - time.monotonic()))
        return self._let_go()

    def _let_go(self) -> bool:
        with self._changed:
            self._gone = True
            self._queue.clear()
            self._bytes = 0
            left = self.ledger.queued
            self.ledger.move("dropped", left, "shutdown deadline")
        if left:
            self._say(f"{left} spans could not be sent before the shutdown deadline")
        return not left

    def after_fork_in_child(self) -> None:
        """Start clean in a forked child: what is queued belongs to the parent, and the thread did not come along."""
        ended = self._closing
        self.ledger = Ledger(self.destination.name)
        self._exporter = self.destination.target.exporter(self._resource)
        self._start_clean()
        self._closing = self._gone = ended  # what was shut down stays so

    # ------------------------------------------------------------------ the worker's side
    def _alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _start(self) -> None:
        with self._changed:
            if self._alive():
                return
            thread = threading.Thread(target=self._work, name=f"spancast-{self.destination.name}", daemon=True)
            self._thread = thread
            try:
                thread.start()
            except RuntimeError:  # at interpreter exit
                self._thread = None

    def _work(self) -> None:
        token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))  # our own requests are no part of any trace
        try:
            while drafts := self._next():
                try:
                    self._deliver(drafts)
                except Exception as error:  # the worker outlives any fault of ours; the ledger keeps count
                    self._give_up("fault")
                    report_fault("lane", error)
            self._exporter.close()
        finally:
            detach(token)

    def _give_up(self, reason: str) -> None:
        """Drop what was taken from the queue and has not been settled."""
        with self._changed:
            taken = self.ledger.queued - len(self._queue)
            if not self._gone:
                self.ledger.move("dropped", taken, reason)
            self._changed.notify_all()

    def _next(self) -> list[Draft]:
        """Wait for spans; return the next ones when they are many, old enough, or wanted now. Nothing means: stop."""
        with self._changed:
            while not self._queue and not self._closing:
                self._changed.wait()
            ripe = time.monotonic() + MAX_AGE
            while len(self._queue) < MAX_BATCH and not (self._hurry or self._closing):
                left = ripe - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            taken = [self._queue.popleft() for _ in range(min(len(self._queue), MAX_BATCH))]
            self._bytes -= sum(draft.size + _SPAN_BYTES for draft in taken)
            return taken

    def _deliver(self, drafts: list[Draft]) -> None:
        batch: list[Any] = []
        size = 0
        for index, draft in enumerate(drafts):
            if index % _SLICE == _SLICE - 1:
                time.sleep(0)
            encoded = self._encoded(draft)
            if encoded is None:
                continue
            length = len(encoded) + _FRAME_BYTES if isinstance(encoded, bytes) else 0
            if batch and size + length > self._room():
                self._send(batch)
                batch, size = [], 0
            batch.append(encoded)
            size += length
        if batch:
            self._send(batch)

    def _room(self) -> int:
        """Return how many bytes of spans fit into a request beside the resource; JSON's envelope is the larger one."""
        if self._envelope is None:
            self._envelope = len(json.encode_request(self._resource(), "spancast", _version.VERSION, ())) + 1
        return self.destination.max_request_bytes - self._envelope

    def _encoded(self, draft: Draft) -> Any:
        try:
            return self._exporter.encode(self._prepare(draft.operation()))
        except Exception as error:
            self._settle("dropped", 1, "could not be rendered")
            report_fault("render", error)
            return None

    def _send(self, batch: Sequence[Any]) -> None:
        """Send a batch until it is delivered, refused, or too old. One refused request never stops the next."""
        began = time.monotonic()
        tries = 0
        while not self._gone:
            outcome = self._exporter.export(batch, self._time_left())
            tries += 1
            if outcome.verdict is Verdict.DELIVERED:
                return self._delivered(len(batch), outcome)
            self._failed(outcome)
            if outcome.verdict is Verdict.TOO_LARGE and len(batch) > 1:
                middle = len(batch) // 2
                self._send(batch[:middle])
                return self._send(batch[middle:])
            if outcome.verdict is not Verdict.RETRY:
                return self._settle("rejected", len(batch), outcome.reason)
            if not self._pause(self._backoff.wait(tries, outcome.retry_after), began):
                if self._closing:
                    return None  # still in the queue's column: `shutdown` counts what is left
                return self._settle("dropped", len(batch), outcome.reason)
        return None

    def _delivered(self, count: int, outcome: Outcome) -> None:
        rejected = min(count, max(0, outcome.rejected))
        if rejected:
            self._failed(replace(outcome, message=f"the receiver rejected {rejected} spans: {outcome.message}"))
        self._settle("delivered", count - rejected)
        self._settle("rejected", rejected, outcome.reason)

    def _settle(self, column: str, count: int, reason: str | None = None) -> None:
        with self._changed:
            if not self._gone:  # after the shutdown deadline the ledger is closed
                self.ledger.move(column, count, reason)
            self._changed.notify_all()

    def _pause(self, seconds: float, began: float) -> bool:
        """Wait before the next try; return whether there is time for one. A flush cuts the wait short."""
        now = time.monotonic()
        with self._changed:
            limit = began + self._backoff.deadline
            if self._deadline is not None:
                limit = min(limit, self._deadline)
            if now + seconds >= limit:
                return False
            # in a loop: each new span wakes the worker too, and must not cut the receiver's `Retry-After` short
            while not self._gone:
                until = now + (min(seconds, _HURRIED_PAUSE) if self._hurry else seconds)
                if (left := until - time.monotonic()) <= 0:
                    break
                self._changed.wait(left)
            return not self._gone

    def _time_left(self) -> float:
        return max(0.05, self._deadline - time.monotonic()) if self._deadline is not None else 3600.0

    def _failed(self, outcome: Outcome) -> None:
        self.ledger.fail(outcome.message)
        self._say(outcome.message)

    def _say(self, message: str) -> None:
        """Warn about the first failure of this destination; the ledger knows of the others."""
        if not self._warned:
            self._warned = True
            _logger.warning(
                "spancast: destination %s: %s. Later failures are only counted: see spancast.report().",
                self.destination.name,
                message,
            )


def preparation(destination: Destination) -> Callable[[Operation], Span]:
    """Return what this destination makes of an operation: redact, render, limit, and let only safe names leave."""
    hide = without_content if destination.privacy_mode else None
    redact = Redaction(destination.redact) if destination.redact and not destination.privacy_mode else None
    render, extra, limit = destination.render, destination.span_attributes, destination.max_attribute_length

    def prepare(operation: Operation) -> Span:
        if hide is not None:
            operation = hide(operation)
        elif redact is not None:
            operation = redact(operation)
        span = shorten(render(operation), limit)
        if extra:
            span = replace(span, attributes={**span.attributes, **extra})
        return only_safe(span) if hide is not None else span

    return prepare
