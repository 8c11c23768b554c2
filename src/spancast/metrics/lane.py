"""A destination's metrics: what the encoder counts, and the thread that sends the sums at an interval."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from ..clock import monotonic
from ..conventions.span import Attributes
from ..delivery.counting import MetricsReport
from ..delivery.threads import allocate_lock
from ..delivery.worker import Worker
from ..destinations.destination import Destination
from ..destinations.metrics import MetricsTarget
from ..otlp.http import HttpExporter
from ..otlp.metrics import DELTA, batches, encode_request, import_encoder, metrics_data
from ..otlp.outcome import Outcome, Verdict
from ..record.fast_frozen import frozen
from ..record.operation import AGENT
from ..recording.captured import CapturedOperation
from ..recording.guard import report_fault
from ..recording.identity import new_span_id
from ..recording.sampling import RECORDED
from ..safe_log import log
from .agent_calls import AgentCalls
from .aggregation import Aggregator, Origin
from .collecting import metrics_of
from .measuring import MODEL_CALLS, TOOL_CALLS, is_measured, measured, naming

MAX_POINTS: Final = 1000  # data points a request: some 400 kB
_FIRST_RETRY: Final = 0.5  # seconds; doubled with each failure, up to the interval
_GRACE: Final = 0.25  # seconds for an answer that comes with the deadline
_INSTANCE: Final = "service.instance.id"

_logger = logging.getLogger("spancast")


@frozen()
class _State:
    """What the lane's thread has come to; replaced whole by it, so that who reads it needs no lock.

    Attributes:
        done: The newest ticket whose export is over; `arrived`: the newest that the receiver has.
        due: When the next export is due (monotonic seconds).
        failures: Failed attempts in a row.
    """

    done: int = 0
    arrived: int = 0
    due: float = 0.0
    failures: int = 0
    exports: int = 0
    failed: int = 0
    lost: int = 0
    last_error: str | None = None


class MetricsLane:
    """Counts finished operations for one destination, and sends the sums.

    `_lock` guards the aggregator: the encoder's thread adds, the lane's own thread collects, both without any I/O and for
    a few milliseconds at most; no callback ever takes it. `_asked` is written by the encoder's thread, `_state` and
    `_unsent` by the lane's own, or by who shuts down where that cannot be started any more.
    """

    def __init__(self, destination: Destination, target: MetricsTarget, resource: Callable[[], Attributes]) -> None:
        self.name = destination.name
        self.worker = Worker("metrics", self.step, self._let_go)
        self._target = target
        self._exporter = _exporter(target)
        self._resource = resource
        self._lock = allocate_lock()
        named = naming(target.attributes, destination.privacy_mode, destination.redact)
        self._calls = AgentCalls()
        self._sums = Aggregator(named, time.time_ns())
        self._counts = [0, 0]  # operations counted; of them, those that have been collected
        self._asked = (0, 0.0, False)  # the newest ticket, the deadline of who waits for it, and whether it ends
        self._state = _State(due=monotonic() + target.interval)
        self._unsent: deque[tuple[bytes, int]] = deque()  # delta: requests that have to be sent again, and their points

    # ------------------------------------------------------------------ the encoder's side
    def count(self, finished: Sequence[CapturedOperation]) -> None:
        """Count finished operations."""
        keys, latest = self._target.attributes, self._target.names == "latest"
        found = []
        for captured in finished:
            below = self._calls.note(captured)
            if is_measured(captured):
                try:
                    values = measured(captured.operation(), keys, latest)
                except Exception as error:  # one operation that cannot be read affects no other
                    report_fault("metrics", error)
                    continue
                if values is not None:
                    if captured.kind is AGENT:
                        values[1].extend(((MODEL_CALLS, below[0]), (TOOL_CALLS, below[1])))
                    found.append((*values, self._origin(captured)))
        if not found:
            return
        with self._lock:
            for facts, measurements, origin in found:
                self._sums.add(facts, measurements, origin)
            self._counts[0] += len(found)
        if not self.worker.is_running():
            self.worker.start()

    def _origin(self, captured: CapturedOperation) -> Origin | None:
        """Return the span of an operation, for exemplars: where its trace is kept, or may be."""
        how = self._target.exemplars
        if how == "always_off":
            return None
        decision = captured.decision if how == "trace_based" else None
        if how == "trace_based" and not captured.sampled & RECORDED:
            return None
        if decision is not None and captured.sampled & RECORDED & ~decision.pending_mask:
            decision = None  # one destination has it whatever the others decide
        return Origin(captured.end_ns, captured.trace_id, captured.span_id, decision)

    def mark(self, deadline: float, *, ends: bool) -> int:
        """Let what was counted so far be exported by *deadline*; return a ticket for it."""
        ticket = self._asked[0]
        if self._counts[0] == 0:
            return ticket
        self._asked = (ticket + 1, deadline, ends or self._asked[2])
        self.worker.start()
        self.worker.wake.set()
        return ticket + 1

    # ------------------------------------------------------------------ who waits
    def is_done(self, ticket: int) -> bool:
        """Return whether the export of a ticket is over."""
        return self._state.done >= ticket

    def has_arrived(self, ticket: int) -> bool:
        """Return whether the receiver has what was counted before the ticket was given out."""
        return self._state.arrived >= ticket

    def is_own_thread(self, ident: int) -> bool:
        """Return whether *ident* is its thread."""
        return self.worker.ident == ident

    def drive(self) -> bool:
        """Where no thread can be started any more, do its work here; return whether there was any."""
        if self._asked[0] > self._state.done and not self.worker.start():
            return self.step() == 0
        return False

    def close(self, deadline: float) -> None:
        """End; what was never sent is lost, and counted."""
        ticket, _, _ = self._asked
        self._asked = (ticket, 0.0, True)
        self.worker.wake.set()
        while self.worker.is_running() and not self.worker.is_own_thread and monotonic() < deadline:
            time.sleep(0.001)
        state = self._state
        points = sum([count for _, count in self._unsent])
        if self._counts[0] > self._counts[1]:
            with self._lock:
                points += sum([len(group.series) for group in self._sums.groups()])
        if points:
            self._state = replace(state, lost=state.lost + points)
            log(
                _logger.warning,
                "spancast: destination %s: metrics of the last operations could not be sent before the shutdown deadline.",
                self.name,
            )

    def abandon(self) -> None:
        """Let go, in a forked child, of the parent's connections."""
        self._exporter.close()

    def report(self, missed: int) -> MetricsReport:
        """Return what happened to it."""
        state = self._state
        return MetricsReport(
            name=self.name,
            counted=self._counts[0],
            missed=missed,
            exports=state.exports,
            failed=state.failed,
            lost=state.lost,
            overflowed=self._sums.overflowed,
            last_error=state.last_error,
        )

    # ------------------------------------------------------------------ the lane's thread
    def step(self) -> float | None:
        """Export where that is due; return after how many seconds there is more to do, or None: it has ended."""
        now = monotonic()
        (ticket, deadline, ends), state = self._asked, self._state
        waited_for = ticket > state.done
        if ends and not waited_for:
            return None
        if not waited_for and now < state.due:
            return state.due - now
        if waited_for and state.failures and (pause := min(state.due, deadline) - now) > 0:
            return pause  # between two attempts for somebody who waits
        failure = self._export(deadline - now if waited_for else self._target.timeout, waited_for)
        self._settle(ticket, failure, waits_until=deadline if waited_for else None)
        return 0.0

    def _settle(self, ticket: int, failure: Outcome | None, waits_until: float | None) -> None:
        """Write down what happened to an export, and when the next one is due."""
        now, state, interval = monotonic(), self._state, self._target.interval
        if failure is None:
            self._state = replace(state, done=ticket, arrived=ticket, due=now + interval, failures=0)
            return
        pause = min(max(failure.retry_after or 0.0, _FIRST_RETRY * 2.0 ** min(state.failures, 10)), interval)
        again = failure.verdict is Verdict.RETRY and waits_until is not None and now + pause < waits_until
        self._state = replace(
            state,
            done=state.done if again else ticket,
            due=now + (pause if failure.verdict is Verdict.RETRY else interval),
            failures=state.failures + 1,
        )
        if waits_until is not None and not again:
            self._state = replace(self._state, failures=0)

    def _export(self, timeout: float, waits: bool) -> Outcome | None:
        """Send all that has been counted, within *timeout* seconds; return the failure, if there was one.

        *waits*: for somebody who waits; then nothing is sent again that the receiver has.
        """
        deadline = monotonic() + max(timeout, _GRACE)
        if not self._unsent:
            self._collect(again=not waits)
        failure = None
        while self._unsent:
            left = deadline - monotonic()
            body, points = self._unsent[0]
            outcome = (
                self._exporter.post(body, min(left, self._target.timeout))
                if left > 0
                else Outcome(verdict=Verdict.RETRY, reason="timeout", message="no time was left for the export")
            )
            failure = self._judged(outcome, points)
            if outcome.verdict is Verdict.RETRY:
                break
            self._unsent.popleft()
        if failure is not None and self._target.temporality != DELTA:
            self._unsent.clear()  # the next collection has all of it
        return failure

    def _judged(self, outcome: Outcome, points: int) -> Outcome | None:
        """Count an answer; return it where it was a failure."""
        state = self._state
        if outcome.verdict is Verdict.DELIVERED and not outcome.rejected:
            self._state = replace(state, exports=state.exports + 1)
            return None
        rejected = outcome.rejected if outcome.verdict is Verdict.DELIVERED else points
        is_lost = outcome.verdict is not Verdict.RETRY and (
            self._target.temporality == DELTA or outcome.verdict is Verdict.DELIVERED
        )
        if not state.failed:
            log(
                _logger.warning,
                "spancast: destination %s: metrics were not accepted: %s. spancast.report() counts what follows.",
                self.name,
                outcome.message or outcome.reason,
            )
        self._state = replace(
            state,
            failed=state.failed + 1,
            lost=state.lost + (rejected if is_lost else 0),
            last_error=outcome.text or outcome.reason,
        )
        return outcome

    def _collect(self, *, again: bool) -> None:
        """Make requests of all that has been counted; *again*: sums that the receiver has as well.

        A cumulative series that is not sent for some minutes counts as ended in backends of Prometheus's kind.
        """
        import_encoder()
        is_delta = self._target.temporality == DELTA
        with self._lock:
            counted = self._counts[0]
            if counted == self._counts[1] and (is_delta or not (again or self._state.failures)):
                return
            now_ns = time.time_ns()
            groups = self._sums.take(now_ns) if is_delta else self._sums.groups()
            metrics = metrics_of(groups, now_ns, self._target.temporality)
            self._counts[1] = counted
        resource = self._resource()
        for batch in batches(metrics, MAX_POINTS):
            points = sum([len(metric.data.data_points) for metric in batch])
            self._unsent.append((encode_request(metrics_data(resource, batch)), points))

    def _let_go(self) -> None:
        self._exporter.close()


def _exporter(target: MetricsTarget) -> HttpExporter:
    return HttpExporter(
        target.url,
        headers=target.headers,
        protocol="http/protobuf",
        compression=target.compression,
        timeout=target.timeout,
        resource=dict,
        tls=target.tls,
    )


def with_instance(resource: Callable[[], Attributes], *, forked: bool) -> Callable[[], Attributes]:
    """Return the resource with a `service.instance.id` of this process: two processes must not write one series.

    An id that the user gave stays; in a forked child the process id is added to it, as the parent goes on writing.
    """
    own = f"{new_span_id():016x}{new_span_id():016x}"

    def source() -> Mapping[str, Any]:
        attributes = resource()
        chosen = attributes.get(_INSTANCE)
        if chosen is None:
            return {**attributes, _INSTANCE: own}
        return {**attributes, _INSTANCE: f"{chosen}-{os.getpid()}"} if forked else attributes

    return source
