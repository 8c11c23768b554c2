"""The Recorder opens and closes operations: it finds each one's parent, trace, names and sampling."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from time import time_ns
from typing import Any, Final

from ..record.operation import CHAIN, Kind
from .captured import CapturedOperation, Translate, no_content
from .current import activate, deactivate, running
from .field_names import SHORT_BYTES, all_plain, all_short, bytes_of
from .fields import (
    EMPTY,
    NO_FIELDS,
    FieldScope,
    RawFields,
    TraceFields,
    field_scope,
    fields_in,
    metadata_bytes,
    parse_raw_fields,
)
from .identity import new_span_id, new_trace_id, random_bits
from .inherited import inherit
from .open_operation import (
    OpenOperation,
    Place,
    TraceState,
    join_parent,
    leave_parent,
    new_operation,
    note_ending,
    open_beneath,
    outermost,
    place_of,
    placed,
)
from .parent_context import NOTHING_AROUND, ParentContext, current_parent_context
from .paused import Pause, Pauses
from .redactors import register
from .resumed import keep_question, left_root, pause, written_root
from .retired import finish, retired_here
from .roots import (
    block_below,
    fields_said_here,
    leads_elsewhere,
    note_resumed,
    placed_root,
    span_below,
    with_original_id,
)
from .sampling import COUNTED, SamplingRule, decided_at_the_end, sampled
from .trace_decision import TraceDecision
from .wrappers import closed_wrappers, name_operation, share_with_wrappers

Offer = Callable[[CapturedOperation], None]
MAX_OPEN: Final = 100_000  # open operations; beyond, the oldest is ended as incomplete
MAX_ENDED: Final = 4096  # ended operations whose place is remembered
MAX_AGE_NS: Final = 24 * 3600 * 10**9
_SWEEP_EVERY: Final = 32  # calls of `open`
_SWEEP_MOST: Final = 64  # operations that one call ends, at most


class Recorder:
    """Opens and closes operations and hands the closed ones to *offer*.

    Safe to use from many threads, and from within itself: a finalizer in a garbage collection, a signal handler or another
    greenlet may open and close operations while the same thread is inside. No lock is taken; each step on the shared
    tables (`_open`, `_ended`, the set of an operation's children) is one atomic operation. Keeps only what is open, at most
    `MAX_OPEN` operations and none older than `MAX_AGE_NS`.
    """

    def __init__(
        self, offer: Offer, rules: Sequence[SamplingRule] = (), pauses: Pauses | None = None, *, counted: bool = False
    ) -> None:
        """*rules* has one entry for each destination; their answers are the bits of an operation's `sampled`.

        *counted*: every operation is handed over, for metrics, also where no destination records its trace.
        """
        self.redactors: tuple[Callable[[str], str], ...] = ()
        """Of its destinations, for what leaves beside spans; set once by the pipeline."""
        self._offer = offer
        self._rules = tuple(rules)
        self._counted = COUNTED if counted else 0
        self._all = (1 << len(self._rules)) - 1 | self._counted
        self._tail = decided_at_the_end(rules)
        # what most traces share, where every destination records every trace: nothing is ever written to it
        self._usual = TraceState(sampled=self._all, recorder=self) if all(rule.rate >= 1 for rule in rules) else None
        self._content = sum(1 << index for index, rule in enumerate(rules) if rule.content)
        self._open: OrderedDict[object, OpenOperation] = OrderedDict()  # oldest first: the oldest is found in one step
        self.find: Callable[[object], OpenOperation | None] = self._open.get
        """Returns the open operation of a key, or the one that stands for it. The table's own method: the quickest."""
        self._ended: dict[object, Place] = {}
        self._ended_keys: deque[object] = deque()
        self.pauses = pauses or Pauses(None)
        register(self)
        self._opened = 0
        self.retired = False  # its pipeline was replaced: it takes only what belongs to a trace that is open in it

    # ------------------------------------------------------------------ looking up
    def ended(self, key: object) -> OpenOperation | None:
        """Return what is remembered of an ended operation: enough to be the parent of what starts late."""
        place = self._ended.get(key)
        return None if place is None else placed(place)

    def remember(self, key: object, operation: OpenOperation) -> None:
        """Let *key* lead to *operation*'s place in the tree after its end; the last `MAX_ENDED` keys are remembered."""
        self._ended[key] = place_of(operation)
        keys = self._ended_keys
        keys.append(key)
        if len(keys) > MAX_ENDED:
            self._ended.pop(keys.popleft(), None)

    def remote_parent(self, trace_id: int, span_id: int, fields: TraceFields, *, recorded: bool) -> OpenOperation:
        """Return what stands for an operation of another process or context; *recorded*: its trace is sampled there."""
        operation = OpenOperation(CHAIN, "", 0, trace_id, span_id)
        everywhere = self._all if self._usual or not recorded else sampled(self._rules, fields.session_id, trace_id)
        chosen = self._counted | (everywhere if recorded else 0)
        operation.state = TraceState(fields, sampled=chosen, recorder=self)
        operation.capture = bool(chosen & self._content)
        operation.end_ns = 1
        return operation

    @property
    def open_operations(self) -> int:
        """How many operations are open now (folded ones included)."""
        return len(self._open)

    def fold(self, key: object, into: OpenOperation) -> None:
        """Give *key* no span of its own: what it holds becomes a child of *into*."""
        self._open[key] = into

    # ------------------------------------------------------------------ opening
    def open(
        self,
        key: object,
        kind: Kind,
        name: str,
        parent: OpenOperation | None = None,
        mapping: Mapping[str, Any] | None = None,
        defaults: TraceFields = EMPTY,
        origin: object = None,
        passes: Callable[[OpenOperation], bool] | None = None,
        translate: Translate = no_content,
        current: bool = True,
        resumes: Pause | None = None,
        scope: FieldScope | None = None,
    ) -> OpenOperation:
        """Open an operation.

        Args:
            key: What the framework calls it by, until `close`.
            parent: The operation that the framework names as its parent.
            mapping: The framework's metadata or tags, in which trace fields may stand.
            defaults: Fields that hold when nothing nearer says otherwise.
            origin: Who opens it; an adapter's own mark.
            passes: Which open operations may be the parent where the framework names none; always the same for each.
            translate: Makes content of the operation's snapshots, later, in another thread.
            current: Whether it becomes the current OpenTelemetry span.
            resumes: The pause that a root ends: it joins that trace, or links to it where it already has another.
            scope: The `trace` block that opens it; else the one around.
        """
        owner = parent.state.recorder if parent is not None else retired_here()
        if owner is not self and owner is not None and owner.retired:  # the trace ends where it began
            return owner.open(
                key, kind, name, parent, mapping, defaults, origin, passes, translate, current, resumes, scope
            )
        self._opened += 1
        if not self._opened % _SWEEP_EVERY or len(self._open) >= MAX_OPEN:
            self._end_oldest()
        raw = NO_FIELDS
        size = 0
        if mapping:
            usual = all_plain(mapping)
            raw = NO_FIELDS if usual else fields_in(mapping)
            if parent is None or parent.mapping is None or len(mapping) != len(parent.mapping):
                # its descendants share the values
                size = SHORT_BYTES * len(mapping) if usual or all_short(mapping) else bytes_of(mapping)
        scope = field_scope.get() if scope is None else scope
        within = around = None
        if parent is not None:
            within = parent.current
            if (
                within is not None and within.inside is running.get()
            ):  # in most cases: then nothing else is around, 0.8 us
                span_id = parent.span_id
            else:
                within = None
                around = current_parent_context(passes)
                span_id = span_below(parent, around)
                parent = block_below(parent, around)
            operation = new_operation(OpenOperation)
            OpenOperation.__init__(
                operation, kind, name, time_ns(), parent.trace_id, random_bits(64) or 1, span_id,
                key, origin, mapping, translate, size,
            )  # fmt: skip
            operation.capture = parent.capture
            state = parent.state
            if raw or state.fields.generation_name or (scope is not None and scope is not state.scope):
                inherit(operation, state, self, raw, scope)
            else:  # in most cases: nothing is set anew
                operation.state = state
            if not parent.end_ns:  # `join_parent`, without its call
                operation.parent = parent
                siblings = parent.children = set() if parent.children is None else parent.children
                siblings.add(operation)
        else:
            start_ns = time_ns()
            around = current_parent_context(passes)
            operation = self._root(kind, name, around, raw, scope, defaults, origin, start_ns, resumes)
            operation.key = key
            operation.origin = origin
            operation.mapping = mapping
            operation.translate = translate
            operation.size = size + metadata_bytes(operation.state.fields)
        if around is not None and around.suppressed:
            operation.state, operation.capture = operation.state.unrecorded(), False
        self._open[key] = operation
        if current:
            span = activate(operation, within)
            if around is not None and around.skipped and passes is not None and parent is None:
                around.note_skipped(span, passes)
        return operation

    def _root(
        self,
        kind: Kind,
        name: str,
        around: ParentContext,
        raw: RawFields,
        scope: FieldScope | None,
        defaults: TraceFields,
        origin: object,
        now: int,
        resumes: Pause | None,
    ) -> OpenOperation:
        """Open an operation that the framework gives no parent: under what surrounds it, or as a root."""
        own = None if around is NOTHING_AROUND else around.own
        if own is not None:
            defaults = EMPTY if own.origin is origin else defaults
            if not leads_elsewhere(fields_said_here(raw, scope, own), own.trace_id):
                operation = OpenOperation(kind, name, now, own.trace_id, new_span_id())
                operation.parent_span_id = around.span_id
                operation.capture = own.capture
                inherit(operation, own.state, self, raw, scope, defaults)
                join_parent(operation, own)
                note_resumed(operation, resumes)
                return operation
            defaults = own.state.fields.merged_over(defaults)
        fields = scope.fields.merged_over(defaults) if scope else defaults
        if raw:
            fields = parse_raw_fields(raw).merged_over(fields).with_thread_session(raw)
        usual = self._usual
        if around is NOTHING_AROUND and fields is EMPTY and scope is None and resumes is None and not raw and usual:
            operation = OpenOperation(kind, name, now, new_trace_id(), new_span_id())
            operation.state = usual
            operation.capture = usual.sampled & self._content != 0
            return operation
        operation = placed_root(kind, name, around, fields, now, resumes, scope.reserved if scope else None)
        if fields.trace_id:
            fields = with_original_id(fields)
        chosen, pending = self._sample(operation, around, fields)
        if fields is not EMPTY:
            name_operation(operation, fields, root=True)
            fields = fields.inherited()
        decision = TraceDecision(pending, outermost(operation).span_id, chosen) if pending else None
        chosen |= pending
        operation.state = TraceState(fields, raw, scope, chosen, decision, self)
        operation.capture = bool(chosen & self._content)
        if operation.wrapped_in is not None:
            share_with_wrappers(operation)
        return operation

    def _sample(self, operation: OpenOperation, around: ParentContext, fields: TraceFields) -> tuple[int, int]:
        """Return the destinations whose rates choose the trace of a root, and those that decide at its end."""
        if around.trace_id and not around.sampled and operation.parent_span_id == around.span_id:
            return self._counted, 0  # whoever began the trace decided that it is not recorded
        if self._usual is not None:
            return self._all, 0
        chosen = sampled(self._rules, fields.session_id, operation.trace_id) | self._counted
        return chosen, self._tail

    # ------------------------------------------------------------------ closing
    def close(
        self,
        operation: OpenOperation,
        error: BaseException | None = None,
        ending: str | None = None,
        end_ns: int | None = None,
        keep_children: bool = False,
        keep_place: bool = False,
    ) -> None:
        """Close an operation: end what is still open beneath it, then hand it on. A second close does nothing.

        Args:
            keep_children: What is open beneath it goes on, as a task or a stream that outlives the call that began it.
            keep_place: Tasks and threads that were begun inside and outlive it begin their operations beneath it.
        """
        owner = operation.state.recorder
        if owner is not None and owner is not self and owner.find(operation.key) is operation:
            owner.close(operation, error, ending, end_ns, keep_children, keep_place)
            return
        if self._open.pop(operation.key, None) is None or operation.end_ns:
            return
        now = end_ns or time_ns()
        captured = None
        try:
            if operation.children and not keep_children:
                self._close_children(operation, ending or "incomplete", now)
            if error is not None or ending:
                note_ending(operation, error, ending)
            operation.end_ns = now
            deactivate(operation, keep_place)
            parent = operation.parent
            if parent is not None:
                operation.parent = None  # `leave_parent`, without its call
                if parent.children is not None:
                    parent.children.discard(operation)
            operation.seen_failure = operation.children = None
            if operation.on_close is not None:
                operation.on_close(operation)
            captured = operation.captured()
            # of an ended operation only its place is used; its content must not live as long as a child that outlives it
            operation.snapshots = {}
            offer = self._offer
            offer(captured)
        except BaseException:  # what a signal handler of the application has raised
            self._end_interrupted(operation, now, captured)
            raise
        if operation.wrapped_in is not None or operation.pause is not None or operation.resumes is not None:
            self._offer_further(operation, captured)
        if parent is not None and parent.on_child_closed is not None and not parent.end_ns:
            parent.on_child_closed(captured)
        if self.retired and not self._open:
            finish(self)

    def _end_interrupted(self, operation: OpenOperation, now: int, captured: CapturedOperation | None) -> None:
        """Leave nothing behind of an operation whose closing was interrupted: what comes next must not lie beneath it."""
        operation.end_ns = now
        deactivate(operation)
        leave_parent(operation)
        if captured is None:
            self._offer(operation.captured())

    def end(self, operation: OpenOperation, ending: str) -> None:
        """Close an operation that neither finished nor failed."""
        self.close(operation, ending=ending)

    def pause(self, operation: OpenOperation, thread: str, checkpoint_id: str | None = None) -> None:
        """Remember that *thread* paused in the trace of *operation*: the run that answers goes on in it."""
        pause(self.pauses, operation, thread, checkpoint_id)

    def leave(self, unanswered: Pause, operation: OpenOperation) -> None:
        """Write the root of a paused trace that nobody goes on with; *operation*: the thread's next turn, which is open."""
        root = left_root(self.pauses, unanswered, operation)
        if root is not None:
            self._offer(root)

    def release(self, key: object) -> None:
        """Forget a folded key."""
        self._open.pop(key, None)

    def hand_over(self, captured: CapturedOperation) -> None:
        """Hand over an operation that was never open, and lies beside the tree: a score."""
        self._offer(captured)

    def sees_content(self, sampled: int) -> bool:
        """Return whether one of the destinations *sampled*, a bit mask, may see content."""
        return bool(sampled & self._content)

    def _offer_further(self, operation: OpenOperation, captured: CapturedOperation) -> None:
        """Offer what closes with an operation: the chains around it, and the root of a trace that pauses."""
        for wrapper in closed_wrappers(operation, captured):
            self._offer(wrapper)
        if operation.pause is None and operation.resumes is None:
            return
        keep_question(self.pauses, operation, captured)
        root = written_root(self.pauses, operation, captured)
        if root is not None:
            self._offer(root)

    def _close_children(self, operation: OpenOperation, ending: str, now: int) -> None:
        for child in reversed(open_beneath(operation)):
            self.close(child, None, ending, now, keep_children=True)

    def discard(self, operation: OpenOperation) -> None:
        """Forget an open operation that nothing came of, as if it had never been opened; it must have no children."""
        if self._open.pop(operation.key, None) is None:
            return
        deactivate(operation)
        leave_parent(operation)

    def close_all(self, ending: str = "incomplete") -> int:
        """Close whatever is open (at exit); returns how many there were."""
        count = 0
        for operation in reversed(list(self._open.values())):
            if not operation.end_ns:
                count += 1
                self.close(operation, ending=ending)
        self._open.clear()
        self.pauses.flush()
        return count

    def forget(self) -> None:
        """Forget all open operations without ending them: in a forked child they belong to the parent process."""
        self.pauses.after_fork_in_child()
        self._open = OrderedDict()
        self.find = self._open.get
        self._ended, self._ended_keys = {}, deque()

    def _end_oldest(self) -> None:
        """End the oldest operations, where there are too many or they are too old: a bounded number of steps a call.

        What is open beneath one goes on: it is younger, and its turn comes.
        """
        for _ in range(_SWEEP_MOST):
            try:
                key, operation = next(iter(self._open.items()))
            except (StopIteration, RuntimeError):  # empty; or another thread has changed the table just now
                return
            if len(self._open) < MAX_OPEN and time_ns() - operation.start_ns < MAX_AGE_NS:
                return
            if operation.key is key or operation.key == key:
                self.close(operation, ending="incomplete", keep_children=True)
            self._open.pop(key, None)
