"""From `offer` to the destinations, for one process: the inbox, the encoder, the lanes, and who waits for them.

`offer`, `flush` and `report` may be called at any line of the application: by a finalizer in a garbage collection, by a
signal handler, in a greenlet. They take no lock; who waits polls.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from ..clock import monotonic
from ..recording.captured import CapturedOperation
from .counting import Counter, MetricsReport
from .encoder import Encoder, weight
from .ending import Ending
from .hangs import encoder_hangs, request_hangs
from .inbox import Inbox, Marker
from .lane import Lane
from .ledger import DestinationReport, with_own_scores
from .score_lanes import with_score_lanes
from .threads import ARE_GREENLETS, get_ident, thread_sleep
from .worker import Worker

# Waiting spans from which on `offer` lets our threads run: else they could not keep up, and a garbage collection would walk
# through all that waits (12 objects a span). 256 in place of 1024: benchmarks/dead_collector.py, results/redesign.md.
YIELD_AT = 256
YIELD_EVERY = 8  # of them, one in so many does: a pause costs 10 us
INTERRUPTED = 0.5  # seconds that the rest of a shutdown gets after Ctrl-C


class Delivery:
    """The ways out of one process: a forked child makes its own."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        max_bytes: int,
        ending: Callable[[], bool | None] = lambda: None,
        counters: Sequence[Counter] = (),
        score_lanes: Mapping[int, Lane] = MappingProxyType({}),
        shutdown: Ending | None = None,
    ) -> None:
        """*score_lanes*: the lanes of backends' own APIs for scores, by the place of the destination's lane in *lanes*.

        *shutdown*: who shuts down may have begun it before.
        """
        own = tuple(lanes)
        self.score_lanes = with_score_lanes(own, score_lanes)
        self.lanes = (*own, *[each.lane for each in self.score_lanes])
        self.counters = tuple(counters)
        self.inbox = Inbox(max_bytes, weight)
        self.encoder = Encoder(self.inbox, own, max_bytes, ending, counters, self.score_lanes)
        self.worker = Worker("encoder", self.encoder.step)
        self._seen_losses = 0
        self._shutdown = shutdown or Ending()

    # ------------------------------------------------------------------ the application's side
    def offer(self, captured: CapturedOperation) -> None:
        """Take a closed operation, or count that it could not be taken. Never waits, touches no disk, takes no lock."""
        if not captured.sampled:
            return self.inbox.skipped.add()
        waiting = self.inbox.put(captured)
        is_running = self.worker.is_running
        if not is_running():
            self.worker.start()
        elif waiting >= YIELD_AT and not waiting % YIELD_EVERY and not ARE_GREENLETS:
            thread_sleep(0)
        return None

    def flush(self, timeout: float) -> bool:
        """Send what was offered so far, within *timeout* seconds; return whether everything has arrived.

        False as well when something was rejected or dropped since the flush before, or lies on disk.
        """
        before = self._seen_losses
        complete = self.wait(timeout)
        losses = self._losses()
        self._seen_losses = max(self._seen_losses, losses)
        return complete and losses <= before

    def wait(self, timeout: float, lanes: Sequence[Lane] | None = None) -> bool:
        """Wait until what was offered so far has left *lanes* (all); return whether it has within *timeout* seconds.

        Without *lanes* the metrics of what was offered are sent and waited for as well. While another thread shuts down,
        its end is waited for.
        """
        if self.is_own_thread(get_ident()):  # a finalizer in a spancast thread: it would wait for itself
            return False
        chosen = self.lanes if lanes is None else lanes
        deadline = monotonic() + timeout
        if self.inbox.closed:
            self._shutdown.wait(deadline)
            return not any([lane.left_behind() for lane in chosen])
        if not self.worker.is_running() and not self.inbox.items:  # nothing was ever offered
            return not any([lane.has_pending for lane in chosen])
        marker = Marker(deadline, metrics=lanes is None)
        self.inbox.mark(marker)
        try:
            self._run(lambda: self._is_over(marker, chosen), deadline)
        finally:
            marker.done = True
        return self._has_left(marker, chosen)

    def _has_left(self, marker: Marker, lanes: Sequence[Lane]) -> bool:
        tickets = marker.tickets
        if any([not each.has_arrived(ticket) for each, ticket in zip(self.counters, marker.counted, strict=False)]):
            return False
        return tickets is not None and all(
            [
                lane.has_sent(ticket) or (lane.has_settled(ticket) and not lane.left_behind())
                for lane, ticket in zip(self.lanes, tickets, strict=True)
                if lane in lanes
            ]
        )

    def _is_over(self, marker: Marker, lanes: Sequence[Lane]) -> bool:
        tickets = marker.tickets
        if tickets is None or not self._are_exported(marker):
            return False
        return all(
            [
                lane.has_sent(ticket) or lane.cannot_send(marker)
                for lane, ticket in zip(self.lanes, tickets, strict=True)
                if lane in lanes
            ]
        )

    def _are_exported(self, marker: Marker) -> bool:
        return all([each.is_done(ticket) for each, ticket in zip(self.counters, marker.counted, strict=False)])

    def _run(self, done: Callable[[], bool], deadline: float) -> None:
        """Poll until *done*, or *deadline*; where threads cannot be started any more, do their work here."""
        pause = 0.0005
        while not done() and (left := deadline - monotonic()) > 0:
            if self._drive():
                continue
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, 0.01)

    def _drive(self) -> bool:
        """Where the interpreter is exiting and a thread is not there, do some of its work; return whether there was any."""
        worked = False
        if self.inbox.items and not self.worker.start():
            self.encoder.encode_all()
            worked = True
        for lane in self.lanes:
            if (not lane.outbox.is_empty or lane.has_pending) and not lane.worker.start():
                wait = lane.step()
                worked = worked or wait == 0
        for counter in self.counters:
            worked = counter.drive() or worked
        return worked

    # ------------------------------------------------------------------ the end
    def shutdown(self, deadline: float) -> bool:
        """Send everything before *deadline* (monotonic seconds) and stop; what is left goes to disk or is dropped.

        Returns whether everything has arrived since the last flush.
        """
        self._shutdown.begin()
        complete = False
        try:
            complete = self._shut_down(deadline)
        finally:
            self._shutdown.complete = complete
        return complete

    def _shut_down(self, deadline: float) -> bool:
        before = self._seen_losses
        now = monotonic()
        self.inbox.closed = True
        self.encoder.deadline = deadline - 0.1 * max(0.0, deadline - now)
        for lane in self.lanes:
            lane.begin_shutdown(deadline)
        marker = Marker(deadline, ends=True)
        self.inbox.mark(marker)
        if not self.worker.is_running() and len(self.inbox.items) == 1:
            self.encoder.encode_all()  # it never ran: no thread is started for the end only
        until = max([lane.phase.until for lane in self.lanes], default=deadline)
        try:
            self._run(lambda: marker.tickets is not None and self._is_drained(marker), until)
        except BaseException:  # Ctrl-C, a signal's time limit: nobody waits any longer, but what is here goes to disk
            deadline = min(deadline, monotonic() + INTERRUPTED)
            raise
        finally:
            self._end(deadline)
            marker.done = True
        left = [lane.left_behind() for lane in self.lanes]
        left += [not each.has_arrived(ticket) for each, ticket in zip(self.counters, marker.counted, strict=False)]
        return not any(left) and self._losses() <= before

    def _end(self, deadline: float) -> None:
        """Stop everything; what has not been sent goes to disk, or is dropped and counted."""
        for lane in self.lanes:
            lane.spill_all(deadline)
        self._stop()
        for lane in self.lanes:
            lane.close(deadline)
        for counter in self.counters:
            counter.close(deadline)

    def _is_drained(self, marker: Marker) -> bool:
        return self._are_exported(marker) and all([lane.is_drained for lane in self.lanes])

    def _stop(self) -> None:
        """Stop the encoder; what it has not handed over is lost, and counted."""
        inbox = self.inbox
        self.encoder.stopped = True
        left = inbox.take_all()
        for lane in self._span_lanes:
            if left:
                lane.ledger.enter("dropped", left, "shutdown deadline")
        self.inbox.wake()

    def keep_safe(self, timeout: float) -> bool:
        """Send what was offered so far; what could not be sent by then goes to disk. It goes on afterwards."""
        deadline = monotonic() + timeout
        self.inbox.mark(Marker(deadline, metrics=False, decides=True))
        complete = self.flush(timeout * 0.7)
        for lane in self.lanes:
            lane.spill_all(deadline)
        return complete

    def abandon(self) -> None:
        """Let go, in a forked child, of what came along with the parent's delivery and must not stay alive there."""
        for lane in self.lanes:
            lane.abandon()
        for counter in self.counters:
            counter.abandon()

    # ------------------------------------------------------------------ counts
    def is_own_thread(self, ident: int) -> bool:
        """Return whether *ident* is a spancast thread."""
        return ident in self._threads() or any([each.is_own_thread(ident) for each in self.counters])

    def _threads(self) -> list[int | None]:
        return [self.worker.ident, *[lane.worker.ident for lane in self.lanes]]

    def _losses(self) -> int:
        refused = self.inbox.refused_full.value + self.inbox.refused_late.value
        return sum([lane.ledger.lost for lane in self.lanes]) + refused

    def metrics_report(self) -> tuple[MetricsReport, ...]:
        """Return what happened to the metrics, per destination."""
        missed = self.inbox.refused_full.value + self.inbox.refused_late.value
        return tuple([counter.report(missed) for counter in self.counters])

    def report(self) -> tuple[DestinationReport, ...]:
        """Return what happened to every span, per destination. Where counts change meanwhile, it reads again: no lock."""
        inbox = self.inbox
        for _ in range(100):
            version = inbox.version
            full, late, skipped = inbox.refused_full.value, inbox.refused_late.value, inbox.skipped.value
            queued, sampler = inbox.waiting, self.encoder.sampler
            more = {"dropped": full + late, "sampled_out": skipped}
            reasons = {name: count for name, count in (("queue full", full), ("after shutdown", late)) if count}
            found = [
                replace(
                    lane.ledger.report({**more, "queued": queued + waiting}, reasons),
                    kept_by=dict(kept),
                    decided_early=early,
                )
                for lane, waiting, kept, early in zip(
                    self._span_lanes, self.encoder.waiting, list(sampler.kept), list(sampler.early), strict=True
                )
            ]
            for each in self.score_lanes:
                place = each.owner.bit_length() - 1
                found[place] = with_own_scores(found[place], each.lane.ledger.report())
            if version == inbox.version and not version % 2:
                break
        return tuple(found)

    def hangs(self) -> tuple[str, ...]:
        """Return, in sentences, which functions of the application's have not returned."""
        now = monotonic()
        found = encoder_hangs(self.encoder.busy_since, now, [lane.destination for lane in self._span_lanes])
        for lane in self.lanes:
            found += request_hangs(lane.requests.since, now, lane.destination)
        return found

    @property
    def _span_lanes(self) -> tuple[Lane, ...]:
        return self.lanes[: len(self.lanes) - len(self.score_lanes)]
