"""A destination's queue and worker: offers never wait, the queue is bounded in bytes, the ledger knows every span.

Three threads meet here. The application's offers, and waits for nothing. The worker takes batches, renders and sends them,
and replays what lies on disk. The keeper makes light what waits while the worker cannot take it: of more than a crowd of
operations it renders and packs the oldest, for the garbage collector's sake (`packed`). And it carries spans to disk when
the queue is nearly full, or when the receiver has been failing for a while. A span is in exactly one pair of hands, the
queue's, a thread's that works on it (`_hand`), or the one thread's that took it from there, under one lock; only who holds
it may settle it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, detach, set_value

from ..conventions.span import Attributes, Span
from ..destinations.destination import Destination, Exporter
from ..destinations.rendering import preparation
from ..otlp.outcome import Outcome, Verdict
from ..recording.captured import CapturedOperation
from ..recording.guard import report_fault
from ..recording.message_cache import MESSAGE_CACHE
from .ledger import Ledger
from .packed import pack, packed_weight
from .replay import Replayed, replay
from .retry import Backoff
from .sender import Fate, Parcel, Sender
from .spool import Spool, SpoolFile, SpoolFullError
from .turns import HEAVY, LIGHT, by_turns

MAX_QUEUE_BYTES = 64 * 1024 * 1024
MAX_BATCH = 512  # spans a request
MAX_AGE = 0.5  # seconds until a span leaves, at most
_HURRIED_PAUSE = 0.5  # seconds between two tries while someone waits for them
_SPAN_BYTES = 700  # what an operation holds besides its content (measured with sys.getsizeof: 600 to 800)
# Operations that wait as such. Python's garbage collector walks them, in the application's thread too: 4 to 6 us each.
_CROWD = MAX_BATCH + 128
_THRONG = _CROWD + MAX_BATCH // 2  # from here on the application lets our threads run with each span that it adds
_PATIENCE = 0.02  # seconds for which a crowd waits for a worker that is busy sending: a healthy request is shorter
_MANY = 4 * MAX_BATCH  # spans that wait for a failing receiver in memory; more of them go to disk
_OUTAGE = 5.0  # seconds of failures after which what is queued goes to disk instead of waiting in memory
_LAST_TRIES = 2.0  # seconds for which a shutdown goes on trying a failing receiver, where a spool can keep the spans
_GRACE = 0.25  # seconds for an answer that comes with the deadline: what it takes must not go to disk as well
_IDLE = 10.0  # seconds without a span after which no content is kept for the next ones
_LOOK_AGAIN = 30.0  # seconds until a spool that another process is sending is looked at again
_LOOK_LATER = 600.0  # seconds until an empty one is

_logger = logging.getLogger("spancast")


class Lane:
    """One destination's queue and worker thread. The thread starts with the first span, or for what waits on disk."""

    def __init__(
        self,
        destination: Destination,
        resource: Callable[[], Attributes],
        *,
        max_queue_bytes: int = MAX_QUEUE_BYTES,
        backoff: Backoff | None = None,
        spool: Callable[[], Spool | None] = lambda: None,
    ) -> None:
        """*spool* returns where spans are kept that cannot be delivered: a new one for each process; None keeps none."""
        self.destination = destination
        self._resource = resource
        self._backoff = backoff or Backoff()
        self._max_bytes = max_queue_bytes
        self._high = max_queue_bytes // 4 * 3
        self._prepare = preparation(destination)
        self._spool_source = spool
        self._warned = False
        self._start_clean()

    def _start_clean(self) -> None:
        self.ledger = Ledger(self.destination.name)
        self._exporter: Exporter = self.destination.target.exporter(self._resource)
        self._sender = Sender(self._exporter, self._resource, self.destination.max_request_bytes, self)
        self._spool = self._spool_source()
        self._packed: deque[bytes | Span] = deque()  # older than all in the queue
        self._queue: deque[CapturedOperation] = deque()
        self._packing = 0  # spans in the keeper's hand, which come back
        self._away_since: float | None = 0.0  # since when the worker has rendered nothing; None: it does
        self._hand: dict[Parcel, None] = {}  # None: held
        self._bytes = 0
        self._lock = lock = threading.Lock()  # itself, where nobody waits: a Condition's `with` is Python code
        self._changed = threading.Condition(lock)  # for the worker, and for who waits for it
        self._overfull = threading.Condition(lock)  # for the keeper
        self._settling = threading.Lock()  # a file appears and its spans are counted, or neither
        self._hurry = False
        self._closing = False
        self._dropped_before = 0  # when the shutdown began
        self._gone = False
        self._sealed = False
        self._deadline: float | None = None
        self._last_tries: float | None = None
        self._failures = 0
        self._last_failure = 0.0
        self._failing_since: float | None = None
        self._down = False
        self._next_try = 0.0
        self._looked_at = 0.0
        self._look_at = self._next_look()
        self._unreadable: set[str] = set()
        self._written = 0
        self._on_disk = False  # whether files of this process wait there, as far as is known: others may send them
        self._thread: threading.Thread | None = None
        self._keeper: threading.Thread | None = None

    # ------------------------------------------------------------------ the application's side
    def offer(self, captured: CapturedOperation) -> None:
        """Take a closed operation, or drop it when the queue is full. Never waits, and never touches the disk.

        Where operations end faster than they can be rendered, it gives its turn to the threads that render them: else the
        garbage collector would stop the application for longer than that.
        """
        size = weight(captured)
        with self._lock:
            if self._gone or (self._bytes + size > self._max_bytes and self._bytes):
                self.ledger.enter("dropped", 1, "after shutdown" if self._gone else "queue full")
                return
            self.ledger.taken_in += 1
            self._queue.append(captured)
            self._bytes += size
            waiting = len(self._queue)
            if waiting == 1 or waiting == MAX_BATCH:
                self._changed.notify_all()
            if self._bytes > self._high or waiting == _CROWD:  # of a larger crowd the keeper knows
                self._overfull.notify()
        if self._thread is None:
            self._start()
        elif waiting >= _THRONG:
            time.sleep(0)

    def skip(self) -> None:
        """Count an operation that the sampling rate left out."""
        self.ledger.enter("sampled_out")

    def flush(self, timeout: float) -> bool:
        """Send what is queued, and what this process has on disk; return whether all is out within *timeout* seconds.

        After a shutdown nobody sends any more: it only looks whether something of this process still lies on disk.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            while self._unsent() and not self._gone and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            self._hurry = False
            if not (self._gone and self._on_disk):
                return not self._unsent()
        return not self._mine()

    def _unsent(self) -> bool:
        return bool(self.ledger.queued) or self._on_disk

    def hurry(self) -> None:
        """Send what is queued without waiting for more."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()

    def close_by(self, deadline: float) -> None:
        """Send what is queued and stop, before *deadline* (monotonic seconds); does not wait for it.

        With a spool, the last part of the time is for writing there what could not be sent.
        """
        now = time.monotonic()
        with self._changed:
            if not self._closing:
                self._dropped_before = self.ledger.dropped
            self._closing = self._hurry = True
            reserve = min(1.5, 0.3 * max(0.0, deadline - now)) if self._spool is not None else 0.0
            self._deadline = deadline - reserve
            self._last_tries = now + _LAST_TRIES
            self._changed.notify_all()
            self._overfull.notify_all()

    def shutdown(self, timeout: float) -> bool:
        """Send what is queued, within *timeout* seconds, and stop. What is left then is spooled or dropped, and counted.

        Returns whether all is out: False when a span was dropped meanwhile, or lies on disk.
        """
        deadline = time.monotonic() + timeout
        self.close_by(deadline)
        if self._thread is None or (self._waiting() and not self._alive()):
            self._start()
        thread = self._thread
        if thread is None:  # the interpreter is exiting and starts no threads any more
            self._work()
        elif thread is not threading.current_thread():
            thread.join(max(0.0, (self._deadline or deadline) - time.monotonic()))
            if thread.is_alive() and self._spool is not None:
                self._rescue(deadline)
                thread.join(max(0.0, deadline - time.monotonic()) if self.ledger.queued else 0.0)
        return self._let_go(deadline)

    def keep_safe(self, deadline: float) -> None:
        """Write to disk what could not be sent so far, before *deadline*: the process may be killed."""
        if self._spool is not None:
            self._rescue(deadline)

    def _rescue(self, deadline: float) -> None:
        """Take over what the worker could not send, from whatever it is stuck in, and write it to disk."""
        patience = max(time.monotonic() + _GRACE, deadline - 2 * _GRACE)
        first = True
        while (first or time.monotonic() < deadline) and (parcels := self._taken(patience)):
            self._to_disk(parcels, "shutdown deadline")
            first = False

    def _taken(self, patience: float) -> list[Parcel]:
        """Return some of what is queued, else what the worker still holds after *patience*: an answer may be on its way."""
        with self._changed:
            while self._hand and not self._waiting() and (left := patience - time.monotonic()) > 0:
                self._changed.wait(left)
            if self._waiting():
                return self._take()
            parcels = list(self._hand)
            self._hand.clear()
            return parcels

    def _let_go(self, deadline: float) -> bool:
        keeper = self._keeper
        with self._changed:
            self._gone = True
            self._packed.clear()
            self._queue.clear()
            self._hand.clear()
            self._bytes = 0
            self._changed.notify_all()
            self._overfull.notify_all()
        if keeper is not None and keeper is not threading.current_thread():
            keeper.join(max(0.0, deadline - time.monotonic()))
        held = self._settling.acquire(timeout=max(0.05, deadline - time.monotonic()))
        try:  # what is being written just now either has become a file, or never will
            self._sealed = True
            lost = self.ledger.dropped - self._dropped_before
            left = self.ledger.queued
            self.ledger.move("dropped", left, "shutdown deadline")
        finally:
            if held:
                self._settling.release()
        spooled = sum(file.count for file in self._mine()) if self.ledger.spooled else 0
        if left or spooled or lost:
            _logger.warning("spancast: destination %s: %s.", self.destination.name, _ending(left, spooled, lost))
        return not (left or spooled or lost)

    def after_fork_in_child(self) -> None:
        """Start clean in a forked child: what is queued belongs to the parent, and the threads did not come along."""
        ended = self._closing
        if self._spool is not None:
            self._spool.after_fork_in_child()
        self._start_clean()
        self._closing = self._gone = ended  # what was shut down stays so

    # ------------------------------------------------------------------ the worker's side
    def start_replay(self) -> None:
        """Start the worker when former processes left something on disk."""
        if self._spool is not None and self._look_at <= time.monotonic():
            self._start()

    def _next_look(self) -> float:
        """Return when to look for files: now when there are some; later, as other processes may leave some behind."""
        now = time.monotonic()
        return now if self._spool is not None and self._spool.files() else now + _LOOK_LATER

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

    def _start_keeper(self) -> None:
        if self._closing:
            return
        keeper = threading.Thread(target=self._keep, name=f"spancast-{self.destination.name}-keeper", daemon=True)
        with suppress(RuntimeError):  # at interpreter exit
            keeper.start()
            self._keeper = keeper

    def _work(self) -> None:
        token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))  # our own requests are no part of any trace
        try:
            self._start_keeper()
            while (parcels := self._next()) is not None:
                try:
                    self._deliver(parcels) if parcels else self._replay_next()
                except Exception as error:  # the worker outlives any fault of ours; the ledger keeps count
                    self._give_up(parcels, "fault")
                    report_fault("lane", error)
                parcels.clear()  # while it waits for the next spans, an idle worker must not hold the last ones' prompts
            self._exporter.close()
        finally:
            detach(token)

    def _give_up(self, parcels: Sequence[Parcel], reason: str) -> None:
        """Drop what was taken from the queue and has not been settled."""
        with self._changed:
            self.ledger.move("dropped", self._released(parcels), reason)
            self._changed.notify_all()

    def _next(self) -> list[Parcel] | None:
        """Wait for spans; return the next ones when they are many, old enough, or wanted now.

        An empty list means that a file on disk is due; None means: stop.
        """
        while not self._await_work():
            MESSAGE_CACHE.clear()
        with self._changed:
            if not self._waiting():
                return [] if self._replay_due() else None
            ripe = time.monotonic() + MAX_AGE
            while self._waiting() < MAX_BATCH and not (self._hurry or self._closing):
                left = ripe - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            parcels = self._take()
            self._hand.update(dict.fromkeys(parcels))
            return parcels

    def _await_work(self) -> bool:
        """Wait until there is something to do; return False when nothing has come for a while."""
        with self._changed:
            while (wait := self._wait_for_work()) > 0:
                rest = min(wait, _IDLE) if MESSAGE_CACHE else wait
                if not self._changed.wait(rest) and rest < wait:
                    return False
            return True

    def _wait_for_work(self) -> float:
        """Return how long there is nothing to do, in seconds; 0 when there is something."""
        if self._gone:
            return 0.0
        if self._closing:  # what the keeper is packing comes back
            return 0.0 if self._waiting() or not self._packing else 3600.0
        now = time.monotonic()
        if self._down:
            next_try = min(self._next_try, self._last_failure + _HURRIED_PAUSE) if self._hurry else self._next_try
            if next_try > now:
                return next_try - now
        if self._waiting() or self._replay_due():
            return 0.0
        if self._spool is None:
            return 3600.0
        return _HURRIED_PAUSE if self._hurry and self._on_disk else max(0.01, self._look_at - now)

    def _replay_due(self) -> bool:
        if self._spool is None or self._gone:
            return False
        if self._closing:  # only what this process could not send, and only while the receiver answers
            return self._on_disk and not self._failures and self.time_left() > 0 and bool(self._files())
        look_at = self._look_at
        if self._hurry and self._on_disk:  # somebody waits for them
            look_at = min(look_at, self._looked_at + _HURRIED_PAUSE)
        return time.monotonic() >= look_at

    def _mine(self) -> list[SpoolFile]:
        return [file for file in self._files() if self._spool is not None and file.owner == self._spool.owner]

    def _files(self) -> list[SpoolFile]:
        files = self._spool.files() if self._spool is not None else []
        return [file for file in files if file.path.name not in self._unreadable]

    def _waiting(self) -> int:
        return len(self._packed) + len(self._queue)

    def _take(self) -> list[Parcel]:
        """Take a batch out of the queue, the oldest first."""
        parcels: list[Parcel] = []
        while self._packed and len(parcels) < MAX_BATCH:
            packed = self._packed.popleft()
            self._bytes -= packed_weight(packed)
            parcels.append(Parcel(None, packed))
        parcels += self._waiting_operations(MAX_BATCH - len(parcels))
        return parcels

    def _waiting_operations(self, most: int) -> list[Parcel]:
        taken = [self._queue.popleft() for _ in range(min(len(self._queue), most))]
        self._bytes -= sum(map(weight, taken))
        return [Parcel(captured) for captured in taken]

    def _deliver(self, parcels: list[Parcel]) -> None:
        if self.time_left() <= 0:
            return self._put_by(parcels, "shutdown deadline")
        self._away_since = None
        try:
            for batch in self._sender.batches(self._encoded(parcels)):
                self._away_since = time.monotonic()
                self._sender.send(batch)
                self._away_since = None
        finally:
            self._away_since = time.monotonic()
        return None

    def _encoded(self, parcels: Iterable[Parcel]) -> Iterable[Parcel]:
        for parcel in by_turns(parcels, HEAVY):
            try:
                self._encode(parcel)
            except Exception as error:  # one span that cannot be rendered takes no other along
                with self._changed:
                    self.ledger.move("dropped", self._released([parcel]), "could not be rendered")
                    self._changed.notify_all()
                report_fault("render", error)
                continue
            yield parcel

    def _encode(self, parcel: Parcel) -> None:
        self._sender.encode(parcel, self._span(parcel))

    def _span(self, parcel: Parcel) -> Span:
        """Return the parcel's span, rendered when it is first needed; the captured is let go then."""
        captured, span = parcel.captured, parcel.span  # in this order: another thread may do the same
        if span is None:
            span = parcel.span = parcel.unpacked() if captured is None else self._prepare(captured.operation())
            parcel.captured = None
        return span

    def _replay_next(self) -> None:
        """Send the oldest file on disk, unless another process is sending."""
        spool = self._spool
        if spool is None:
            return None
        self._looked_at = time.monotonic()
        try:
            with spool.exclusively() as alone:
                files = self._files() if alone else []
                if not files:
                    self._look_at = time.monotonic() + (_LOOK_LATER if alone else _LOOK_AGAIN)
                    return None
                old = {file.path for file in spool.too_old()}
                for file in files:
                    if file.path in old:
                        self._expire(spool, file)
                        continue
                    return self._replay(spool, file)
        finally:
            written = self._written
            mine = bool(self._mine()) if self._on_disk else False
            with self._changed:
                self._on_disk = mine or written != self._written  # the keeper may have written meanwhile
                self._changed.notify_all()

    def _expire(self, spool: Spool, file: SpoolFile) -> None:
        spool.remove(file)
        self._account(file, "dropped", file.count, "too old")
        self._failed_on_disk(f"{file.count} spans that lay on disk were too old and were deleted")

    def _replay(self, spool: Spool, file: SpoolFile) -> None:
        try:
            done = replay(self.destination, spool, file, self.time_left, self.failed)
        except Exception as error:  # a file of another user, or one that only a fault of ours cannot read
            self._unreadable.add(file.path.name)
            if not isinstance(error, OSError):
                report_fault("replay", error)
            return
        self._book(done)

    def _book(self, done: Replayed) -> None:
        with self._changed:
            if done.delivered or done.rejected:
                self._up()
            self._account(done.file, "delivered", done.delivered, None)
            for reason, count in done.reasons.items():
                self._account(done.file, "rejected", count, reason)
            self._account(done.file, "dropped", done.lost, "torn line on disk")
            if done.left:
                self._down = True
                self._next_try = time.monotonic() + self._backoff.wait(max(1, self._failures), None)
        if done.lost:
            self._failed_on_disk(f"{done.lost} spans lay in torn lines on disk and are lost")

    def _account(self, file: SpoolFile, column: str, count: int, reason: str | None) -> None:
        if self._spool is not None and file.owner == self._spool.owner:
            self.ledger.move(column, count, reason, origin="spooled")
        elif column == "delivered":
            self.ledger.replay(count)

    def _failed_on_disk(self, message: str) -> None:
        self.ledger.fail(message)
        self._say(message)

    # ------------------------------------------------------------------ what a sender asks and tells
    def time_left(self) -> float:
        """Return for how long a request may last; 0 means that no more is to be tried."""
        if self._gone:
            return 0.0
        if self._deadline is None:
            return 3600.0
        now = time.monotonic()
        if self._spool is None:
            return max(0.05, self._deadline - now)  # one more try: there is nowhere else to go
        if self._down and self._last_tries is not None and now > self._last_tries:
            return 0.0
        return max(0.0, self._deadline - now)

    def held(self, parcels: list[Parcel]) -> list[Parcel]:
        """Return those that nobody has taken over to write them to disk: only these may be sent."""
        with self._changed:
            return [parcel for parcel in parcels if parcel in self._hand]

    def pause(self, tries: int, outcome: Outcome, began: float) -> bool:
        """Wait before the next try; return whether there is time for one. A flush cuts the wait short."""
        seconds = self._backoff.wait(tries, outcome.retry_after)
        now = time.monotonic()
        with self._changed:
            soon = now + (min(seconds, _HURRIED_PAUSE) if self._hurry else seconds)
            over = self._deadline is not None and soon >= self._deadline
            if self._down or over or self._too_long(began, now + seconds):
                return self._turn_down(now, outcome)
            # in a loop: each new span wakes the worker too, and must not cut the receiver's `Retry-After` short
            while not self._gone:
                if self._spool is not None and self._last_tries is not None and time.monotonic() > self._last_tries:
                    return self._turn_down(now, outcome)
                until = now + (min(seconds, _HURRIED_PAUSE) if self._hurry else seconds)
                if (left := until - time.monotonic()) <= 0:
                    break
                self._changed.wait(left)
            return not self._gone

    def _too_long(self, began: float, until: float) -> bool:
        """Return whether a batch cannot wait in memory until then; with a spool it need not, and is safer on disk."""
        if self._spool is not None and self._failing_since is not None and until - self._failing_since > _OUTAGE:
            return True
        return until >= began + self._backoff.deadline

    def _turn_down(self, now: float, outcome: Outcome) -> bool:
        """With a spool to keep what comes, leave the receiver alone until its time; returns False."""
        if self._spool is not None:
            self._down = True
            self._next_try = now + self._backoff.wait(max(1, self._failures), outcome.retry_after)
        return False

    def failed(self, outcome: Outcome) -> None:
        """Hear of an answer that was no success."""
        now = time.monotonic()
        with self._changed:
            if outcome.verdict is Verdict.RETRY:
                self._failures += 1
                self._last_failure = now
                if self._failing_since is None:
                    self._failing_since = now
                self._overfull.notify_all()
        self.ledger.fail(outcome.text)
        self._say(outcome.message)

    def settle(self, fate: Fate, parcels: Sequence[Parcel], reason: str | None) -> None:
        """Write down what became of spans, of those that are still the worker's."""
        if fate is Fate.UNDELIVERED:
            return self._put_by(parcels, reason)
        with self._changed:
            self._up()
            mine = self._mine_of(parcels)
            self.ledger.move(fate.value, len(mine), reason)
            self._changed.notify_all()
        for parcel in mine:  # of a batch of long prompts only what is being sent is held twice
            parcel.let_go()
        return None

    def _up(self) -> None:
        """The receiver has answered: what waits on disk can follow."""
        if self._failing_since is not None or self._down:
            self._failing_since = None
            self._failures = 0
            self._down = False
            self._look_at = time.monotonic()

    def _released(self, parcels: Sequence[Parcel]) -> int:
        return len(self._mine_of(parcels))

    def _mine_of(self, parcels: Sequence[Parcel]) -> list[Parcel]:
        """Take parcels out of the hand; return those that were still in it."""
        return [parcel for parcel in parcels if self._hand.pop(parcel, False) is None]

    def _put_by(self, parcels: Sequence[Parcel], reason: str | None) -> None:
        """Keep on disk what could not be delivered; without a spool it is dropped."""
        with self._changed:
            if self._spool is None and self._closing:
                return  # still in the queue's column: `shutdown` counts what is left
            mine = self._mine_of(parcels)
            if self._spool is None:
                self.ledger.move("dropped", len(mine), reason)
                self._changed.notify_all()
        if self._spool is not None:
            self._to_disk(mine, reason)

    # ------------------------------------------------------------------ the keeper's side
    def _keep(self) -> None:
        """Pack operations that wait, and carry spans to disk, while the worker cannot keep up (the keeper's thread)."""
        attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
        while True:
            with self._changed:
                while not (self._gone or self._crowded() or self._must_keep()):
                    self._overfull.wait(self._until_asked_again())
                if self._gone:
                    return
                crowd = self._waiting_operations(HEAVY) if self._crowded() else []
                self._hand.update(dict.fromkeys(crowd))
                self._packing = len(crowd)
                full = self._bytes > self._high  # else the disk can wait until no crowd is left
                parcels = self._take() if (full or not crowd) and self._must_keep() else []
                why = "queue full" if self._failing_since is None else "receiver failing"
            try:
                self._pack(crowd)
                if parcels:
                    self._to_disk(parcels, why)
            except Exception as error:  # the keeper outlives any fault of ours
                self._packing = 0
                self._give_up(crowd, "fault")
                report_fault("keeper", error)
            crowd.clear()  # while it waits it must not hold anyone's prompts
            parcels.clear()
            time.sleep(0)

    def _until_asked_again(self) -> float | None:
        """Return after how many seconds the keeper looks again, when nobody calls it; None: only then."""
        if len(self._queue) >= _CROWD and not self._closing:
            return _PATIENCE
        return _OUTAGE / 2 if self._failing_since is not None else None

    def _crowded(self) -> bool:
        """Return whether operations pile up while the worker is away: with a receiver, at the disk, or waiting for its time.

        A worker that renders gets on with them itself: packing them meanwhile costs 10 us a span, for nothing.
        """
        away = self._away_since
        crowd = len(self._queue) >= _CROWD and not self._closing
        return crowd and away is not None and time.monotonic() - away > _PATIENCE

    def _pack(self, parcels: Sequence[Parcel]) -> None:
        """Put operations back into the queue as what the garbage collector does not walk."""
        if not parcels:
            return
        made: dict[Parcel, bytes | Span] = {}
        fault: Exception | None = None
        for parcel in parcels:
            try:
                made[parcel] = pack(self._span(parcel))
            except Exception as error:  # one span that cannot be rendered takes no other along
                fault = fault or error
        with self._changed:
            self._packing = 0
            failed = full = 0
            for parcel in parcels:
                if self._hand.pop(parcel, False) is not None:
                    continue  # somebody has taken it over
                packed = made.get(parcel)
                size = 0 if packed is None else packed_weight(packed)
                if packed is None:
                    failed += 1
                elif self._bytes + size > self._max_bytes and self._bytes:
                    full += 1
                else:
                    self._packed.append(packed)
                    self._bytes += size
            self.ledger.move("dropped", failed, "could not be rendered")
            self.ledger.move("dropped", full, "queue full")
            self._changed.notify_all()
        if fault is not None:
            report_fault("render", fault)

    # ------------------------------------------------------------------ the disk
    def _say(self, message: str) -> None:
        """Warn about the first failure of this destination; the ledger knows of the others."""
        if not self._warned:
            self._warned = True
            _logger.warning(
                "spancast: destination %s: %s. Later failures are only counted: see spancast.report().",
                self.destination.name,
                message,
            )

    def _must_keep(self) -> bool:
        if self._spool is None or not self._waiting():
            return False
        if self._bytes > self._high:
            return True
        failing = self._failing_since
        if failing is None:
            return False
        return self._closing or self._waiting() >= _MANY or time.monotonic() - failing > _OUTAGE

    def _to_disk(self, parcels: Sequence[Parcel], reason: str | None) -> None:
        """Write spans, which nobody else holds, to the spool; what cannot be written is dropped, and counted."""
        spans, fault = self._spans(parcels)
        self.ledger.move("dropped", len(parcels) - len(spans), "could not be rendered")
        try:
            if spans and self._spool is not None:
                self._write(self._spool, spans, reason)
        finally:
            with self._changed:
                self._changed.notify_all()
        if fault is not None:
            report_fault("render", fault)

    def _spans(self, parcels: Sequence[Parcel]) -> tuple[list[Span], Exception | None]:
        spans: list[Span] = []
        fault: Exception | None = None
        heavy = any(parcel.captured is not None for parcel in parcels)
        for parcel in by_turns(parcels, HEAVY if heavy else LIGHT):
            try:
                spans.append(self._span(parcel))
            except Exception as error:  # one span that cannot be rendered takes no other along
                fault = fault or error
        return spans, fault

    def _write(self, spool: Spool, spans: list[Span], reason: str | None) -> None:
        try:
            staged = spool.stage(spans, self._resource())
        except Exception as error:  # a full disk, a folder that is not ours, a bound, or a value that no JSON can hold
            return self._lost(len(spans), error)
        with self._settling:
            if self._sealed:  # the ledger is closed: these were counted as dropped
                return spool.discard(staged)
            try:
                spool.commit(staged)
            except OSError as error:
                spool.discard(staged)
                return self._lost(len(spans), error)
            self.ledger.move("spooled", len(spans), reason)
            self._on_disk = True
            self._written += 1
        self._look_at = min(self._look_at, time.monotonic())
        return spool.tidy()

    def _lost(self, count: int, error: Exception) -> None:
        said = "spool full" if isinstance(error, SpoolFullError) else getattr(error, "strerror", None)
        why = said or type(error).__name__
        if not self._sealed:
            self.ledger.move("dropped", count, why if why == "spool full" else f"spool: {why}")
        self._failed_on_disk(f"spans that could not be sent cannot be kept on disk either: {why}")
        if not isinstance(error, OSError):
            report_fault("spool", error)


def weight(captured: CapturedOperation) -> int:
    """Return about how many bytes *captured* holds. Metadata counts for each span, though the spans of a trace share it."""
    metadata = captured.fields.metadata
    if not metadata:
        return captured.size + _SPAN_BYTES
    return captured.size + _SPAN_BYTES + sum([len(value) for value in metadata.values() if type(value) is str])


def _ending(left: int, spooled: int, lost: int) -> str:
    """Say what a shutdown leaves behind."""
    parts = []
    if spooled:
        parts.append(f"{spooled} spans stay on disk, to be sent at the next start or by `spancast replay`")
    if left:
        parts.append(f"{left} spans could not be sent before the shutdown deadline and are lost")
    if lost:
        parts.append(f"{lost} spans were dropped while it shut down: spancast.report() says why")
    return "; ".join(parts)
