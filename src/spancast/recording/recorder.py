"""The Recorder opens and closes operations and knows who is whose parent."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from time import time_ns
from typing import Any, Final

from ..record.message import conversation
from ..record.operation import Generation, Kind, Link
from .captured import CapturedOperation, Content, Translate, no_content
from .current import ParentContext, activate, current_parent_context, deactivate, is_inside
from .failure import failure_of
from .fields import EMPTY, FieldScope, RawFields, TraceFields, field_scope, parse_raw_fields, raw_fields_in
from .identity import new_span_id, new_trace_id, read_span_id, read_trace_id
from .notice import warn_once
from .open_operation import OpenOperation
from .paused import Pause, Pauses
from .sampling import SamplingRule, TraceDecision, candidates_for_errors, sampled

Offer = Callable[[CapturedOperation], None]
MAX_OPEN: Final = 100_000  # open operations; beyond, the oldest is ended as incomplete
MAX_ENDED: Final = 4096  # ended operations whose place is remembered
MAX_AGE_NS: Final = 24 * 3600 * 10**9
_SWEEP_EVERY: Final = 1024


class Recorder:
    """Opens and closes operations and hands the closed ones to *offer*.

    Safe to use from many threads: each step is one atomic operation on a dict or a set. Holds only what is open, at most
    `MAX_OPEN` operations and none older than `MAX_AGE_NS`.
    """

    def __init__(self, offer: Offer, rules: Sequence[SamplingRule] = (), pauses: Pauses | None = None) -> None:
        """*rules* has one entry for each destination; their answers are the bits of an operation's `sampled`."""
        self._offer = offer
        self._rules = tuple(rules)
        self._all = (1 << len(self._rules)) - 1
        self._every_trace = all(rule.rate >= 1 for rule in self._rules)
        self._content = sum(1 << index for index, rule in enumerate(rules) if rule.content)
        self._open: dict[object, OpenOperation] = {}
        self._ended: dict[object, OpenOperation] = {}
        self._ended_keys: deque[object] = deque()
        self.pauses = pauses or Pauses(None)
        self._opened = 0

    # ------------------------------------------------------------------ looking up
    def find(self, key: object) -> OpenOperation | None:
        """Return the open operation of *key*, or, for a folded one, the operation that stands for it."""
        return self._open.get(key)

    def ended(self, key: object) -> OpenOperation | None:
        """Return what is remembered of an ended operation: enough to be the parent of what starts late."""
        return self._ended.get(key)

    def remember(self, key: object, operation: OpenOperation) -> None:
        """Let *key* lead to *operation*'s place in the tree after its end; the last `MAX_ENDED` keys are remembered."""
        self._ended[key] = placeholder(operation)
        self._ended_keys.append(key)
        if len(self._ended_keys) > MAX_ENDED:
            self._ended.pop(self._ended_keys.popleft(), None)

    def remote_parent(self, trace_id: int, span_id: int, fields: TraceFields, *, recorded: bool) -> OpenOperation:
        """Return what stands for an operation of another process or context; *recorded*: its trace is sampled there."""
        operation = OpenOperation(Kind.CHAIN, "", 0, trace_id, span_id)
        operation.fields = fields
        if recorded:
            operation.sampled = self._all if self._every_trace else sampled(self._rules, fields.session_id, trace_id)
        operation.capture = bool(operation.sampled & self._content)
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
    ) -> OpenOperation:
        """Open an operation.

        Args:
            key: What the framework calls it by, until `close`.
            parent: The operation that the framework names as its parent.
            mapping: The framework's metadata or tags, in which trace fields may stand.
            defaults: Fields that hold when nothing nearer says otherwise.
            origin: Who opens it; an adapter's own mark.
            passes: Which open operations count as surroundings when the framework names no parent.
            translate: Makes content of the operation's snapshots, later, in another thread.
            current: Whether it becomes the current OpenTelemetry span.
            resumes: The pause that a root ends: it joins that trace, or links to it where it already has another.
        """
        self._opened += 1
        if not self._opened % _SWEEP_EVERY or len(self._open) >= MAX_OPEN:
            self._sweep()
        said = raw_fields_in(mapping)
        scope = field_scope.get()
        start_ns = time_ns()
        within = None
        if parent is not None:
            operation = OpenOperation(kind, name, start_ns, parent.trace_id, new_span_id())
            if is_inside(parent):  # in most cases: then there are no surroundings to look at, 0.8 us
                operation.parent_span_id = parent.span_id
                within = parent
            else:
                operation.parent_span_id = _place_below(parent, current_parent_context(passes))
            self._inherit(operation, parent, said, scope)
        else:
            operation = self._root(
                kind, name, current_parent_context(passes), said, scope, defaults, origin, start_ns, resumes
            )
        operation.key = key
        operation.origin = origin
        operation.mapping = mapping
        operation.translate = translate
        self._open[key] = operation
        if current:
            activate(operation, within)
        return operation

    def _inherit(
        self,
        operation: OpenOperation,
        parent: OpenOperation,
        said: RawFields,
        scope: FieldScope | None,
        defaults: TraceFields = EMPTY,
    ) -> None:
        """Take over what the parent holds; what is said here for the first time is laid over it."""
        operation.parent = parent
        operation.sampled = parent.sampled
        operation.tree = parent.tree
        operation.capture = parent.capture
        operation.said = said or parent.said
        fields = parent.fields
        if defaults is not EMPTY:
            fields = fields.merged_over(defaults)
        if scope is not parent.scope and scope is not None:
            fields = scope.fields.merged_over(fields)
        if said and said != parent.said:
            fields = parse_raw_fields(said, parent.said).merged_over(fields).with_thread_session(said)
        if fields is not parent.fields:
            self._name(operation, fields, root=False)
            fields = fields.inherited()
        elif fields.generation_name and operation.kind is Kind.LLM:
            self._name(operation, fields, root=False)
        operation.fields = fields
        self._settle(operation, scope)

    def _root(
        self,
        kind: Kind,
        name: str,
        around: ParentContext,
        said: RawFields,
        scope: FieldScope | None,
        defaults: TraceFields,
        origin: object,
        now: int,
        resumes: Pause | None,
    ) -> OpenOperation:
        """Open an operation that the framework gives no parent: under what surrounds it, or as a root."""
        own = around.own
        if own is not None:
            defaults = EMPTY if own.origin is origin else defaults
            if not _leads_elsewhere(_fresh(said, scope, own), own.trace_id):
                operation = OpenOperation(kind, name, now, own.trace_id, new_span_id())
                operation.parent_span_id = around.span_id
                self._inherit(operation, own, said, scope, defaults)
                _resume(operation, resumes)
                return operation
            defaults = own.fields.merged_over(defaults)
        fields = (
            parse_raw_fields(said)
            .merged_over(scope.fields.merged_over(defaults) if scope else defaults)
            .with_thread_session(said)
        )
        operation = self._placed(kind, name, around, fields, now, resumes)
        operation.said = said
        fields = _with_original_id(fields)
        operation.sampled = self._sampled(operation, around, fields)
        operation.capture = bool(operation.sampled & self._content)
        self._name(operation, fields, root=True)
        if operation.tree is not None:
            operation.tree.last = outermost(operation).span_id
        operation.fields = fields.inherited()
        self._settle(operation, scope)
        return operation

    def _placed(
        self, kind: Kind, name: str, around: ParentContext, fields: TraceFields, now: int, resumes: Pause | None
    ) -> OpenOperation:
        """Give a root its trace and parent: `parent_span_id` with `trace_id`, a pause, the current span, or none."""
        if fields.trace_id:
            trace_id = read_trace_id(fields.trace_id)[0]
        else:
            trace_id = resumes.trace_id if resumes else around.trace_id or new_trace_id()
        operation = OpenOperation(kind, name, now, trace_id, new_span_id())
        if fields.parent_span_id:
            operation.parent_span_id, hashed = read_span_id(fields.parent_span_id)
            operation.parent_is_remote = True
            if hashed:
                warn_once("parent_span_id", "spancast: `parent_span_id` is not 16 hex digits: its sha256 is used.")
        elif resumes is not None and resumes.trace_id == trace_id:
            operation.parent_span_id = resumes.span_id
            operation.parent_is_remote = True
            if around.trace_id and around.trace_id != trace_id:
                operation.links = (Link(trace_id=around.trace_id, span_id=around.span_id),)
        elif around.trace_id and around.trace_id == trace_id:
            operation.parent_span_id = around.span_id
            operation.parent_is_remote = around.is_remote
        elif around.trace_id:
            operation.links = (Link(trace_id=around.trace_id, span_id=around.span_id),)
        _resume(operation, resumes)
        return operation

    def _sampled(self, operation: OpenOperation, around: ParentContext, fields: TraceFields) -> int:
        if around.trace_id and not around.sampled and operation.parent_span_id == around.span_id:
            return 0  # whoever began the trace decided that it is not recorded
        if self._every_trace:
            return self._all
        chosen = sampled(self._rules, fields.session_id, operation.trace_id)
        pending_mask = candidates_for_errors(self._rules, chosen)
        if pending_mask:
            operation.tree = TraceDecision(pending_mask)
        return chosen | pending_mask

    def _name(self, operation: OpenOperation, fields: TraceFields, *, root: bool) -> None:
        """Give the operation the name that the user chose, and put a span around it for each further name.

        OpenRouter: `trace_name` names the root, `span_name` a chain that holds the generations, `generation_name` them.
        """
        names = [fields.trace_name if root else None, fields.span_name]
        if operation.kind is Kind.LLM:
            names.append(fields.generation_name)
        chosen = [name for name in names if name]
        if not chosen:
            return
        operation.given_name = chosen.pop()
        for name in chosen:
            self._wrap(operation, name)

    def _wrap(self, operation: OpenOperation, name: str) -> None:
        """Put a chain named *name* between the operation and its parent, opened and closed with it."""
        wrapper = OpenOperation(Kind.CHAIN, name, operation.start_ns, operation.trace_id, new_span_id())
        wrapper.given_name = name
        wrapper.parent_span_id = operation.parent_span_id
        wrapper.parent_is_remote = operation.parent_is_remote
        wrapper.links = operation.links
        wrapper.wrapped_in = operation.wrapped_in
        operation.parent_span_id = wrapper.span_id
        operation.parent_is_remote = False
        operation.links = ()
        operation.wrapped_in = wrapper

    def _settle(self, operation: OpenOperation, scope: FieldScope | None) -> None:
        """Copy what the whole subtree shares onto the wrappers, and note the scope for the children to come."""
        wrapper = operation.wrapped_in
        while wrapper is not None:
            wrapper.fields = operation.fields
            wrapper.sampled = operation.sampled
            wrapper.tree = operation.tree
            wrapper.capture = operation.capture
            wrapper = wrapper.wrapped_in
        operation.scope = scope
        if operation.parent is not None and operation.parent.end_ns:
            operation.parent = None  # it has ended: it gave its place, no more
        if operation.parent is not None:
            siblings = operation.parent.children
            if siblings is None:
                siblings = operation.parent.children = set()
            siblings.add(operation)

    # ------------------------------------------------------------------ closing
    def close(
        self,
        operation: OpenOperation,
        *,
        error: BaseException | None = None,
        ending: str | None = None,
        end_ns: int | None = None,
        keep_children: bool = False,
    ) -> None:
        """Close an operation: end what is still open beneath it, then hand it on. A second close does nothing.

        *keep_children*: what is open beneath it goes on, as a task or a stream that outlives the call that began it.
        """
        if self._open.pop(operation.key, None) is None or operation.end_ns:
            return
        now = end_ns or time_ns()
        if operation.children:
            if keep_children:
                self._part_from_children(operation)
            else:
                self._close_children(operation, ending or "incomplete", now)
        if error is not None:
            self._fail(operation, error)
        if ending and not operation.ending:
            operation.ending = ending
        operation.end_ns = now
        if operation.current is not None:
            deactivate(operation)
        parent = operation.parent
        if parent is not None:
            if parent.children is not None:
                parent.children.discard(operation)
            operation.parent = None  # a closed operation must not keep its ancestors alive
        operation.seen_failure = None
        if operation.on_close is not None:
            operation.on_close(operation)
        self._hand_on(operation)

    def end(self, operation: OpenOperation, ending: str) -> None:
        """Close an operation that neither finished nor failed."""
        self.close(operation, ending=ending)

    def pause(self, operation: OpenOperation, thread: str) -> None:
        """Remember that *thread* paused in the trace of *operation*: who resumes it goes on under the trace's root."""
        root = operation
        while root.parent is not None:
            root = root.parent
        span_id = root.span_id
        wrapper = root.wrapped_in
        while wrapper is not None:
            span_id, wrapper = wrapper.span_id, wrapper.wrapped_in
        self.pauses.remember(thread, root.resumes or Pause(root.trace_id, span_id))

    def release(self, key: object) -> None:
        """Forget a folded key."""
        self._open.pop(key, None)

    def _hand_on(self, operation: OpenOperation) -> None:
        captured = operation.captured()
        self._offer(captured)
        wrapper = operation.wrapped_in
        while wrapper is not None:
            wrapper.end_ns = operation.end_ns
            wrapper.failure = operation.failure
            wrapper.ending = operation.ending
            wrapper.translate = _shows(captured)
            self._offer(wrapper.captured())
            wrapper = wrapper.wrapped_in

    def _fail(self, operation: OpenOperation, error: BaseException) -> None:
        seen = operation.seen_failure
        if seen is not None and seen[0] is error:
            operation.failure = seen[1]  # the child that raised it already read it: 100 us saved on each level
        else:
            operation.failure = failure_of(error, content=operation.capture)
        if operation.parent is not None:
            operation.parent.seen_failure = (error, operation.failure)

    def _close_children(self, operation: OpenOperation, ending: str, now: int) -> None:
        for child in list(operation.children or ()):
            self.close(child, ending=ending, end_ns=now)

    def _part_from_children(self, operation: OpenOperation) -> None:
        for child in list(operation.children or ()):
            child.parent = None
        operation.children = None

    def discard(self, operation: OpenOperation) -> None:
        """Forget an open operation that nothing came of, as if it had never been opened; it must have no children."""
        if self._open.pop(operation.key, None) is None:
            return
        deactivate(operation)
        if operation.parent is not None and operation.parent.children is not None:
            operation.parent.children.discard(operation)
        operation.parent = None

    def close_all(self, ending: str = "incomplete") -> int:
        """Close whatever is open (at exit); returns how many there were."""
        count = 0
        for operation in reversed(list(self._open.values())):
            if not operation.end_ns:
                count += 1
                self.close(operation, ending=ending)
        self._open.clear()
        return count

    def forget(self) -> None:
        """Forget all open operations without ending them: in a forked child they belong to the parent process."""
        self.pauses.after_fork_in_child()
        self._open = {}
        self._ended = {}
        self._ended_keys = deque()

    def _sweep(self) -> None:
        for key, operation in list(self._open.items())[:_SWEEP_EVERY]:
            if len(self._open) < MAX_OPEN and time_ns() - operation.start_ns < MAX_AGE_NS:
                return
            if operation.key is key or operation.key == key:
                self.close(operation, ending="incomplete")
            self._open.pop(key, None)


def _place_below(parent: OpenOperation, around: ParentContext) -> int:
    """Return the span under which a child of *parent* lies: an application's span between the two keeps its place."""
    if not around.span_is_own and around.operation is parent and around.trace_id == parent.trace_id:
        return around.span_id
    return parent.span_id


def outermost(operation: OpenOperation) -> OpenOperation:
    """Return the last of the chains that stand around *operation* and close with it."""
    while operation.wrapped_in is not None:
        operation = operation.wrapped_in
    return operation


def placeholder(operation: OpenOperation) -> OpenOperation:
    """Return an operation's place in the tree without what it holds: ids, fields, sampling."""
    left = OpenOperation(operation.kind, operation.name, operation.start_ns, operation.trace_id, operation.span_id)
    left.fields = operation.fields
    left.said = operation.said
    left.scope = operation.scope
    left.sampled = operation.sampled
    left.tree = operation.tree
    left.capture = operation.capture
    left.origin = operation.origin
    left.end_ns = operation.end_ns or 1
    return left


def _fresh(said: RawFields, scope: FieldScope | None, own: OpenOperation) -> TraceFields:
    """Return what is said here and was not said yet where *own* was opened."""
    fields = parse_raw_fields(said, own.said)
    if scope is None or scope is own.scope:
        return fields
    before = own.scope.fields if own.scope else EMPTY
    inside = TraceFields(
        trace_id=scope.fields.trace_id if scope.fields.trace_id != before.trace_id else None,
        parent_span_id=scope.fields.parent_span_id if scope.fields.parent_span_id != before.parent_span_id else None,
    )
    return fields.merged_over(inside)


def _resume(operation: OpenOperation, pause: Pause | None) -> None:
    """Note which pause a root ends; where it lies in another trace, a link leads to the first."""
    if pause is None:
        return
    if operation.trace_id == pause.trace_id:
        operation.resumes = pause
    else:
        operation.links = (*operation.links, Link(trace_id=pause.trace_id, span_id=pause.span_id))


def _leads_elsewhere(fields: TraceFields, trace_id: int) -> bool:
    """Return whether fields said for the first time ask for another trace or parent than the surrounding one."""
    if fields.parent_span_id:
        return True
    return bool(fields.trace_id) and read_trace_id(fields.trace_id or "")[0] != trace_id


def _with_original_id(fields: TraceFields) -> TraceFields:
    """Keep a `trace_id` that had to be hashed as metadata, so that it can still be searched for."""
    if not fields.trace_id or not read_trace_id(fields.trace_id)[1]:
        return fields
    return TraceFields(metadata={"trace_id": fields.trace_id}).merged_over(fields)


def _shows(inner: CapturedOperation) -> Translate:
    """Let a wrapper show its inner operation's input and output, not its details."""

    def translate(_: CapturedOperation) -> Content:
        inside = inner.operation()
        detail = inside.detail
        if not isinstance(detail, Generation):
            return Content(input=inside.input, output=inside.output, metadata=inside.metadata, tags=inside.tags)
        return Content(
            input=conversation(detail.input_messages),
            output=conversation(detail.output_messages),
            metadata=inside.metadata,
            tags=inside.tags,
        )

    return translate
