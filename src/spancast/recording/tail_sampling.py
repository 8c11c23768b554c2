"""Tail sampling: a trace is kept or let go when its root closes, by the rules of each destination."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import time_ns
from typing import Final

from ..own_threads import is_for_this_thread, untraced
from ..record.fast_frozen import frozen
from ..record.json import JSON
from ..record.operation import Embedding, Generation, Kind, Operation, Score
from .captured import SCORES, CapturedOperation
from .guard import report_fault
from .trace_decision import TraceDecision

MAX_AGE: Final = 600.0  # seconds that a trace waits for its root, at most
LOW_SCORE: Final = 0.5  # a score below it keeps a trace that still waits
_SPAN_BYTES: Final = 700  # what a captured operation takes besides its content
_BAD_LABELS: Final = frozenset({"no", "bad", "fail", "failed", "incorrect", "wrong", "negative", "thumbs_down", "down"})
_MEASURED: Final = frozenset({Kind.LLM, Kind.EMBEDDING})

ERROR, SLOW, COSTLY, TOKENS, LOW, CHOSEN, BY_RATE = (
    *("error", "slow", "cost", "tokens", "score", "keep", "sampling_rate"),
)
"""Why a trace is kept: what `spancast.kept_by` says."""


@frozen(kw_only=True)
class TraceSummary:
    """A finished trace as a `keep=` function sees it.

    Attributes:
        name: The root's.
        trace_id: 32 hex digits.
        duration: Seconds from the root's start to its end.
        cost: US dollars of all model calls whose cost is known.
        tokens: Input and output tokens of all model calls.
        errors: How many operations failed.
        operations: How many operations it has.
        user, session_id, metadata: The root's.
    """

    name: str
    trace_id: str
    duration: float
    cost: float
    tokens: int
    errors: int
    operations: int
    user: str | None
    session_id: str | None
    metadata: Mapping[str, JSON]


@frozen(kw_only=True)
class KeepRules:
    """Which traces a destination keeps whatever its sampling rate.

    Attributes:
        errors: In which something failed.
        slower_than: Whose root takes more seconds.
        costlier_than: Whose model calls cost more US dollars.
        tokens_over: Whose model calls use more tokens.
        keep: For which this function is true; where it raises, the trace is kept.
    """

    errors: bool = False
    slower_than: float | None = None
    costlier_than: float | None = None
    tokens_over: int | None = None
    keep: Callable[[TraceSummary], object] | None = None

    @property
    def are_active(self) -> bool:
        """Whether there is any rule."""
        numbers = (self.slower_than, self.costlier_than, self.tokens_over)
        return self.errors or self.keep is not None or any([number is not None for number in numbers])

    @property
    def read_models(self) -> bool:
        """Whether they ask what model calls used."""
        return self.keep is not None or self.costlier_than is not None or self.tokens_over is not None

    def reason(
        self, trace: WaitingTrace, low_score: bool, seconds: float, summary: Callable[[], TraceSummary]
    ) -> str | None:
        """Return why the trace is kept; None where no rule keeps it. *seconds*: how long it took."""
        if self.errors and trace.errors:
            return ERROR
        if self.slower_than is not None and seconds > self.slower_than:
            return SLOW
        if self.costlier_than is not None and trace.cost > self.costlier_than:
            return COSTLY
        if self.tokens_over is not None and trace.tokens > self.tokens_over:
            return TOKENS
        if low_score:
            return LOW
        if self.keep is not None and _asked(self.keep, summary):
            return CHOSEN
        return None


def _asked(keep: Callable[[TraceSummary], object], summary: Callable[[], TraceSummary]) -> bool:
    try:
        return bool(untraced(keep, summary()))
    except BaseException as error:  # the user's function: a trace too many is better than one too few
        if is_for_this_thread(error):
            raise
        from .notice import warn_once

        warn_once("keep", "spancast: keep= raised %s: the trace is kept.", type(error).__name__)
        return True


class WaitingTrace:
    """What the sampler knows of a trace that is not decided yet.

    Attributes:
        operations, errors, tokens, cost: Of its closed operations: how many, how many failed, what model calls used.
        started_ns: When the first of them began; `since_ns` since when the trace waits.
        waiting: The closed operations that wait for the decision, and `size` about how many bytes they take.
        root: The one that closes last, once it has.
    """

    __slots__ = (
        *("cost", "errors", "operations", "root", "since_ns"),
        *("size", "started_ns", "tokens", "waiting"),
    )

    def __init__(self, since_ns: int) -> None:
        self.since_ns = since_ns
        self.waiting: list[CapturedOperation] = []
        self.size = self.errors = self.tokens = self.operations = self.started_ns = 0
        self.cost = 0.0
        self.root: CapturedOperation | None = None


Decided = Callable[[CapturedOperation, TraceDecision], object]


class TailSampler:
    """Keeps the closed operations of open traces until each trace's root closes; bounded in bytes and in age.

    Beyond a bound the oldest trace is decided early, by what is known of it. All of its state belongs to the encoder.

    Attributes:
        waiting: By destination how many operations wait.
        early: By destination how many traces had to be decided before their root closed.
        kept: By destination how many traces were kept for which reason.
    """

    def __init__(self, rules: Sequence[KeepRules], max_bytes: int, decided: Decided, max_age: float = MAX_AGE) -> None:
        """*rules*: one entry a destination; *decided* gets each operation once its trace is decided."""
        self._rules = tuple(rules)
        self._max_bytes = max_bytes
        self._max_age_ns = int(max_age * 1e9)
        self._decided = decided
        self._reads_models = any([rule.read_models for rule in rules])
        self._open: dict[TraceDecision, WaitingTrace] = {}  # the oldest first
        self._by_trace: dict[int, TraceDecision] = {}
        self._size = 0
        self.waiting = [0] * len(rules)
        self.early = [0] * len(rules)
        self.kept: list[dict[str, int]] = [{} for _ in rules]

    def offer(self, captured: CapturedOperation) -> None:
        """Keep *captured* until its trace is decided; pass it on where that is done."""
        decision = captured.decision
        if decision is None:
            return
        if decision.keep is not None:
            self._decided(captured, decision)
            return
        trace = self._open.get(decision)
        if trace is None:
            trace = self._open[decision] = WaitingTrace(time_ns())
            self._by_trace[captured.trace_id] = decision
        self._note(decision, trace, captured)
        size = captured.size + _SPAN_BYTES
        trace.waiting.append(captured)
        trace.size += size
        self._size += size
        self._count(decision, 1)
        if captured.span_id == decision.root_span_id:
            trace.root = captured
            self._decide(decision)
        while self._size > self._max_bytes and self._open:
            self._decide(next(iter(self._open)), early=True)
        self.expire()

    def note_score(self, captured: CapturedOperation) -> None:
        """Let a low score keep the trace that it judges, where that still waits."""
        decision = captured.decision or self._by_trace.get(captured.trace_id)
        if decision is not None and decision.keep is None and is_low(captured.operation().detail):
            decision.has_low_score = True

    def expire(self) -> None:
        """Decide what has waited for too long, by what is known."""
        limit = time_ns() - self._max_age_ns
        while self._open:
            decision, trace = next(iter(self._open.items()))
            if trace.since_ns >= limit:
                return
            self._decide(decision, early=True)

    def decide_all(self) -> None:
        """Decide by what is known: the process ends."""
        for decision in list(self._open):
            self._decide(decision)

    # ------------------------------------------------------------------ what is known
    def _note(self, decision: TraceDecision, trace: WaitingTrace, captured: CapturedOperation) -> None:
        trace.operations += 1
        trace.errors += captured.failure is not None
        scores = captured.snapshots.get(SCORES)  # judgements that the span carries itself
        if scores and any([is_low(score) for score in scores]):
            decision.has_low_score = True
        if not trace.started_ns or captured.start_ns < trace.started_ns:
            trace.started_ns = captured.start_ns
        if self._reads_models and captured.kind in _MEASURED:
            try:
                tokens, cost = used(captured.operation())
            except Exception as error:  # an operation that cannot be read has no cost that is known
                report_fault("tail sampling", error)
                return
            trace.tokens += tokens
            trace.cost += cost

    def _decide(self, decision: TraceDecision, *, early: bool = False) -> None:
        trace = self._open.pop(decision)
        seconds = ((trace.root.end_ns if trace.root is not None else time_ns()) - trace.started_ns) / 1e9
        for index, rules in enumerate(self._rules):
            bit = 1 << index
            if decision.pending_mask & bit:
                reason = rules.reason(trace, decision.has_low_score, seconds, lambda: summary_of(trace, seconds))
                if reason is None and decision.chosen_mask & bit:
                    reason = BY_RATE
                if reason is not None:
                    decision.reasons[index] = reason
                    self.kept[index][reason] = self.kept[index].get(reason, 0) + 1
                self.early[index] += early
        decision.keep = bool(decision.reasons)
        self._let_go(decision, trace)

    def _let_go(self, decision: TraceDecision, trace: WaitingTrace) -> None:
        self._size -= trace.size
        self._count(decision, -len(trace.waiting))
        trace_id = trace.waiting[0].trace_id
        if self._by_trace.get(trace_id) is decision:
            del self._by_trace[trace_id]
        for captured in trace.waiting:
            self._decided(captured, decision)

    def _count(self, decision: TraceDecision, operations: int) -> None:
        for index in range(len(self.waiting)):
            if decision.pending_mask >> index & 1:
                self.waiting[index] += operations


def used(operation: Operation) -> tuple[int, float]:
    """Return tokens and cost, in US dollars, of one model call."""
    detail = operation.detail
    usage = detail.usage if isinstance(detail, (Generation, Embedding)) else None
    tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0) if usage is not None else 0
    cost = detail.cost if isinstance(detail, Generation) else None
    return tokens, cost.total or 0.0 if cost is not None else 0.0


def summary_of(trace: WaitingTrace, seconds: float) -> TraceSummary:
    """Return what a `keep=` function sees; of a trace that is decided before its root closes, what is known of it."""
    operation = (trace.root or trace.waiting[-1]).operation()
    return TraceSummary(
        name=operation.given_name or operation.name,
        trace_id=f"{operation.trace_id:032x}",
        duration=seconds,
        cost=trace.cost,
        tokens=trace.tokens,
        errors=trace.errors,
        operations=trace.operations,
        user=operation.user,
        session_id=operation.session_id,
        metadata=operation.metadata,
    )


def is_low(detail: object) -> bool:
    """Return whether a score is a bad one: below a half, or with a label that says so."""
    if not isinstance(detail, Score):
        return False
    if detail.value is not None:
        return detail.value < LOW_SCORE
    return (detail.label or "").strip().lower().replace("-", "_") in _BAD_LABELS
