"""The encoder: makes bytes of what the application has offered, in one thread, and puts them into the outboxes.

An operation is translated once, and rendered and encoded once for all destinations that want the same bytes. This thread
never touches the network, so a stuck receiver stops nobody; the disk it does touch, where an outbox is too full.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from ..clock import monotonic
from ..conventions.limits import shorten
from ..conventions.span import Span
from ..destinations.rendering import cut_after_encoding, render_key, rendering_of
from ..otlp.repeated import forget_repeated
from ..own_threads import is_for_this_thread
from ..record.fast_frozen import frozen
from ..record.operation import EVALUATOR, Operation
from ..recording.captured import CapturedOperation
from ..recording.fields import metadata_bytes
from ..recording.guard import report_fault
from ..recording.message_cache import MEASURED_CALLS, MEASURED_STATES, MEASURED_TEXTS, MESSAGE_CACHE, TEMPLATES
from ..recording.sampling import COUNTED
from ..recording.tail_sampling import TailSampler
from ..recording.trace_decision import TraceDecision
from ..resource import import_for_decoding, import_for_sending
from .counting import Counter
from .inbox import MAX_AGE, Inbox, Marker
from .lane import Lane
from .sampling_marks import SamplingMarks
from .score_lanes import NOWHERE, Routed, ScoreLane, marked, routed, scores_captured
from .sender import SEND_AT
from .threads import thread_sleep

CHUNK: Final = 32  # spans that are encoded between two chances for the application's threads (5 ms: a switch interval)
IDLE: Final = 10.0  # seconds without a span after which no content is kept for the next ones
POLL: Final = 0.02  # seconds between two looks whether the server around ends; uvicorn takes 0.1 for its end at least
_NEVER: Final = 3600.0
_SPAN_BYTES: Final = 700  # what an operation takes besides its content (measured with sys.getsizeof: 600 to 800)


def weight(captured: CapturedOperation) -> int:
    """Return about how many bytes *captured* takes. Metadata counts for each span, though the spans of a trace share it."""
    return captured.size + metadata_bytes(captured.fields) + _SPAN_BYTES


@frozen()
class _Rendering:
    """One way to make bytes of an operation, and the lanes that want them.

    Attributes:
        limit: To how many characters the long values of a span that `render` makes are still to be cut; None: they are.
    """

    mask: int
    render: Callable[[Operation], Span]
    encode: Callable[[Span], Any]
    lanes: tuple[tuple[int, Lane], ...]
    limit: int | None = None

    def encoded(self, span: Span, size: int) -> tuple[Any, Span]:
        """Return what the exporter takes of *span*, of content of about *size* bytes, and the span, its long values cut.

        That there is none shows in the size of the bytes; looking at each value took 7 of a span's 320 thousand
        instructions, and a fifth of the rendering of 30 (benchmarks/instructions.py, drain.py).
        """
        limit = self.limit
        if limit is not None and size > limit:  # not all of a huge value is to be encoded
            span, limit = shorten(span, limit), None
        payload = self.encode(span)
        if limit is None or (type(payload) is bytes and len(payload) <= limit):
            return payload, span
        short = shorten(span, limit)
        return (payload, span) if short is span else (self.encode(short), short)


class Encoder:
    """Takes from the inbox, in order, and gives to the lanes. All of its state is its thread's own.

    Attributes:
        deadline: After it (monotonic seconds) nothing is rendered any more: what is left is dropped. Set by who shuts down.
        sampler: Decides what is kept when a trace's root closes.
        waiting: By destination how many spans wait for that.
        stopped: Whether what is in hand has been counted as lost already. Set by who shuts down.
        busy_since: Since when functions of the application's may have a span (monotonic seconds); None: none has.
    """

    def __init__(
        self,
        inbox: Inbox,
        lanes: Sequence[Lane],
        max_bytes: int,
        ending: Callable[[], bool | None] = lambda: None,
        counters: Sequence[Counter] = (),
        score_lanes: tuple[ScoreLane, ...] = (),
    ) -> None:
        """*ending* says whether the server around has begun to end the process; None: there is no server.

        *counters* count every operation, whatever is sampled. *score_lanes* stand behind *lanes* in the order of all.
        """
        self.deadline = float("inf")
        self.stopped = False
        self.busy_since: float | None = None
        self._inbox = inbox
        self._counters = tuple(counters)
        self._lanes = (*lanes, *[each.lane for each in score_lanes])
        self._score_lanes = score_lanes
        self._everyone = (1 << len(lanes)) - 1
        self._renderings = _renderings(lanes)
        self._ending = ending
        self.sampler = TailSampler([lane.destination.keep_rules for lane in lanes], max_bytes, self._decided)
        self.waiting: tuple[int, ...] = (0,) * len(lanes)
        self._marks = [SamplingMarks(lane.destination) for lane in lanes]
        self._made = _Made(len(self._lanes))
        self._offered_at = 0.0
        self._idle_since = monotonic()
        self._is_warm = self._was_ending = False

    # ------------------------------------------------------------------ the thread
    def step(self) -> float | None:
        """Wait for something to encode, and encode all that is there. None: there will be nothing more."""
        watched = self._ending() is not None
        if not self._is_warm:
            self.warm_up(watched)
        busy = watched and any([not lane.outbox.is_empty for lane in self._lanes])
        since = self._inbox.wait(MAX_AGE, POLL if busy else _NEVER, POLL if watched else _NEVER, self._wanted)
        if since is not None:
            self._offered_at = since
            self.encode_all()
        self._look_at_server()
        if since is None:
            self._rest()
        return None if self.stopped else 0.0

    def warm_up(self, fully: bool) -> None:
        """Import what the first span needs before it is due: a process may end soon after its first spans.

        *fully*: also what sending and the disk need. Before the thread runs, anybody may call it.
        """
        self._is_warm = True
        for lane in self._lanes:
            lane.sender.warm_up()
            if fully and lane.disk is not None:
                import_for_decoding()
                import_for_sending()

    def _wanted(self) -> bool:
        return self._ending() is True

    def _look_at_server(self) -> None:
        ending = self._wanted()
        if ending or self._was_ending:
            self._was_ending = ending
            for lane in self._lanes:
                lane.prepare_for_end(ending)

    def _rest(self) -> None:
        """Forget content that nobody has used for a while."""
        now = self.busy_since = monotonic()
        self.sampler.expire()
        self.busy_since = None
        if any(self._made.ready) or any(self._made.skipped):
            self._hand_over()
        if now - self._idle_since > IDLE:
            MESSAGE_CACHE.forget_unused()
            MEASURED_TEXTS.forget_unused()
            MEASURED_STATES.forget_unused()
            MEASURED_CALLS.forget_unused()
            TEMPLATES.forget_unused()
            forget_repeated()
            self._idle_since = now

    def encode_all(self) -> None:
        """Encode until the inbox is empty."""
        while self._inbox.items and not self.stopped:
            claimed = self._inbox.claim(CHUNK)[::-1]
            try:
                while claimed:
                    self._encode(claimed.pop())
                    if self._made.bytes >= SEND_AT:  # large spans leave while the next ones are made
                        self._hand_over()
                        thread_sleep(0)
            finally:
                for item in claimed:  # a bug in spancast: the rest of the chunk
                    if type(item) is not Marker:
                        self._drop(item.sampled, "fault")
                self._hand_over()
            thread_sleep(0)
        self._idle_since = monotonic()

    # ------------------------------------------------------------------ encoding
    def _encode(self, item: Any) -> None:
        now = self.busy_since = monotonic()
        if type(item) is Marker:
            return self._mark(item)
        self._made.count += 1
        if now > self.deadline:
            return self._drop(item.sampled, "shutdown deadline")
        if self._counters and item.sampled & COUNTED:
            self._made.finished.append(item)
        if item.kind is EVALUATOR:
            self.sampler.note_score(item)
        decision = item.decision
        if decision is None:
            return self._render(item, item.sampled, self._everyone)
        pending = decision.pending_mask
        self.sampler.offer(item)  # some destinations decide when the root closes
        return self._render(item, item.sampled & ~pending, self._everyone & ~pending)

    def _decided(self, captured: CapturedOperation, decision: TraceDecision) -> None:
        self._render(captured, decision.kept_mask(), decision.pending_mask, decision.reasons)

    def _mark(self, marker: Marker) -> None:
        if marker.decides:
            self.sampler.decide_all()
        self._hand_over()
        if marker.metrics:
            marker.counted = tuple([each.mark(marker.deadline, ends=marker.ends) for each in self._counters])
        marker.tickets = tuple([lane.mark(marker) for lane in self._lanes])

    def _render(
        self, captured: CapturedOperation, chosen: int, asked: int, reasons: Mapping[int, str] = MappingProxyType({})
    ) -> None:
        """Make bytes for the destinations that are *chosen*; for the others that were *asked* it is sampled out.

        *reasons*: by destination why its rules keep the trace.
        """
        for index in range(len(self._lanes)):
            if asked >> index & 1 and not chosen >> index & 1:
                self._made.skipped[index] += 1
                self._made.judged[index] += scores_captured(captured)
        operation: Operation | None = None
        routes = NOWHERE
        if self._score_lanes and chosen and scores_captured(captured):
            try:
                operation = captured.operation()
                routes = self._route(operation, chosen)
            except BaseException as error:
                if is_for_this_thread(error):
                    raise
                self._drop(chosen, "could not be rendered")
                report_fault("render", error)
                return
        for rendering in self._renderings:
            wanted = chosen & rendering.mask & ~routes.taken
            if not wanted:
                continue
            try:
                operation = operation or captured.operation()
                self._make(rendering, operation, captured.size, wanted, reasons, routes.unmarked)
            except BaseException as error:  # one span that cannot be rendered affects no other
                if is_for_this_thread(error):
                    raise
                self._drop(wanted, "could not be rendered")
                report_fault("render", error)

    def _make(
        self,
        rendering: _Rendering,
        operation: Operation,
        size: int,
        wanted: int,
        reasons: Mapping[int, str],
        unmarked: int,
    ) -> None:
        plain = rendering.render(operation)
        fitted = []
        made: list[tuple[Any, Any, Span]] = []  # what spans were marked with, the bytes, and the span
        for index, lane in rendering.lanes:
            if wanted >> index & 1:
                mark = self._marks[index].of(reasons.get(index))
                same = next((each for each in made if each[0] is mark or each[0] == mark), None)
                if same is None:
                    span = plain if mark is None else replace(plain, attributes={**plain.attributes, **mark})
                    same = (mark, *rendering.encoded(span, size))
                    made.append(same)
                fitted.append((index, lane.sender.fit(same[1], same[2])))
        for index, own in fitted:
            self._made.bytes += len(own) if type(own) is bytes else 0
            self._made.ready[index].append(own if unmarked >> index & 1 else marked(own, plain, operation))

    def _route(self, operation: Operation, chosen: int) -> Routed:
        """Make what the backends' own APIs take of an operation's scores."""
        routes = routed(self._score_lanes, operation, chosen)
        for index, payload in routes.ready:
            self._made.ready[index].append(payload)
        for index in routes.refused:
            self._made.dropped.append((index, "kind of score not taken", 1))
        return routes

    def _drop(self, mask: int, reason: str) -> None:
        self._made.dropped += [(index, reason, 0) for index in range(len(self._lanes)) if mask >> index & 1]

    def _hand_over(self) -> None:
        """Put what is ready into the outboxes; from here on the lanes count it."""
        self.busy_since = None
        made, self._made = self._made, _Made(len(self._lanes))
        if self.stopped:  # it has been counted as lost
            return
        inbox = self._inbox
        inbox.version += 1
        for index, lane in enumerate(self._lanes):
            if made.skipped[index]:
                lane.ledger.enter("sampled_out", made.skipped[index], scores=made.judged[index])
            if made.ready[index]:
                lane.put(made.ready[index], self._offered_at)
        for index, reason, scores in made.dropped:
            self._lanes[index].ledger.enter("dropped", 1, reason, scores=scores)
        inbox.in_hand -= made.count
        self.waiting = tuple(self.sampler.waiting)
        inbox.version += 1
        if made.finished:
            for counter in self._counters:
                counter.count(made.finished)
        now = monotonic()
        for lane in self._lanes:
            lane.spill(now)


class _Made:
    """What has been made of the spans in hand: for each lane what is ready and how many it skips; and what was dropped.

    *bytes*: how many are ready, for all lanes together.

    *finished*: what metrics count.
    """

    __slots__ = ("bytes", "count", "dropped", "finished", "judged", "ready", "skipped")

    def __init__(self, lanes: int) -> None:
        self.bytes = self.count = 0
        self.ready: list[list[Any]] = [[] for _ in range(lanes)]
        self.skipped = [0] * lanes
        self.finished: list[CapturedOperation] = []
        self.judged = [0] * lanes  # scores among what a lane skips
        self.dropped: list[tuple[int, str, int]] = []


def _renderings(lanes: Sequence[Lane]) -> list[_Rendering]:
    """Put lanes that want the same bytes together."""
    groups: dict[Any, list[tuple[int, Lane]]] = {}
    for index, lane in enumerate(lanes):
        key = render_key(lane.destination)
        groups.setdefault(("alone", index) if key is None else key, []).append((index, lane))
    return [_rendering(group) for group in groups.values()]


def _rendering(group: Sequence[tuple[int, Lane]]) -> _Rendering:
    first = group[0][1]
    limit = cut_after_encoding(first.destination)
    return _Rendering(
        mask=sum([1 << index for index, _ in group]),
        render=rendering_of(first.destination, cuts=limit is None),
        encode=first.sender.encode,
        lanes=tuple(group),
        limit=limit,
    )
