"""Which destinations see a trace: decided when its root opens, for the whole trace; or, to keep errors, when it closes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .captured import CapturedOperation

_RANGE = 2**64
COUNTED = 1 << 60
"""The bit of a trace's mask that says that its operations are counted in metrics, whatever the destinations sample."""
RECORDED = COUNTED - 1
"""The bits of the destinations that take spans."""
_DECIDE_TIMEOUT = 0.25  # seconds; a thread at work hands over one trace
_SPAN_BYTES = 700  # what a captured operation takes besides its content


@dataclass(frozen=True, slots=True)
class SamplingRule:
    """Keep this share (*rate*, 0 to 1) of all sessions; *salt* makes destinations choose independently.

    *content* says whether the destination may see content: where none may, none is captured. With *keep_errors* a trace that
    is not of that share is kept all the same when something in it failed.
    """

    rate: float
    salt: str
    content: bool = True
    keep_errors: bool = False

    def keeps(self, key: str) -> bool:
        """Return whether the session or trace *key* is kept: always the same answer for the same key."""
        if self.rate >= 1:
            return True
        digest = blake2b(f"{self.salt}\0{key}".encode("utf-8", "replace"), digest_size=8).digest()
        return int.from_bytes(digest, "big") < self.rate * _RANGE


def sampled(rules: Sequence[SamplingRule], session_id: str | None, trace_id: int) -> int:
    """Return a bit mask of the rules that keep the trace: by its session, else by its trace id."""
    key = session_id or f"{trace_id:032x}"
    return sum(1 << index for index, rule in enumerate(rules) if rule.keeps(key))


def candidates_for_errors(rules: Sequence[SamplingRule], chosen: int) -> int:
    """Return a bit mask of the rules that would keep the trace for its errors."""
    return sum(1 << index for index, rule in enumerate(rules) if rule.keep_errors and not chosen >> index & 1)


# ---------------------------------------------------------------- decided at the end
class TraceDecision:
    """What is known of a trace that is decided when its root closes. Its operations share it; the tail sampler writes to it.

    Attributes:
        pending_mask: The bits of the destinations that want it only for its errors.
        root_span_id: The id of the span that closes last, with the root.
        failed: Whether anything in it failed so far.
        keep: The decision, once the root has closed.
        waiting: The closed operations that wait for the decision, and `size` about how many bytes they take.
    """

    __slots__ = ("failed", "keep", "pending_mask", "root_span_id", "size", "waiting")

    def __init__(self, pending_mask: int, root_span_id: int = 0) -> None:
        self.pending_mask = pending_mask
        self.root_span_id = root_span_id
        self.failed = False
        self.keep: bool | None = None
        self.waiting: list[CapturedOperation] = []
        self.size = 0


_DECIDE_ALL = object()


class TailSampler:
    """Keeps the closed operations of open traces until each trace's root closes; bounded in bytes.

    Beyond the bound the oldest trace is decided early, as not kept: its operations are let go.

    Its state belongs to whoever has `_busy`, for which no callback ever waits: who comes while another thread, or the same
    one further up its stack (a finalizer, a signal handler), is at work leaves its operation in the queue for that one.
    """

    def __init__(self, max_bytes: int, decided: Callable[[CapturedOperation, int, bool], object]) -> None:
        """*decided* gets each operation, the destinations that waited for it, and whether they are to have it."""
        self._max_bytes = max_bytes
        self._decided = decided
        self.forget()

    def forget(self) -> None:
        """Keep nothing: in a forked child all of it belongs to the parent."""
        self._busy = threading.Lock()
        self._queue: deque[object] = deque()
        self._open: dict[TraceDecision, None] = {}
        self._size = 0

    def offer(self, captured: CapturedOperation) -> None:
        """Keep *captured* until its trace is decided; pass it on where that is done. Never waits."""
        self._queue.append(captured)
        self._work()

    def decide_all(self) -> None:
        """Decide by what is known: the process ends. Waits for another thread that is at work, for a moment."""
        self._queue.append(_DECIDE_ALL)
        self._work()
        if self._busy.acquire(timeout=_DECIDE_TIMEOUT):
            self._busy.release()
        self._work()

    def _work(self) -> None:
        while self._queue:  # looked at again after each release: what came in between is nobody else's
            if not self._busy.acquire(blocking=False):
                return
            try:
                self._drain()
            finally:
                self._busy.release()

    def _drain(self) -> None:
        while self._queue:
            item = self._queue.popleft()
            if item is _DECIDE_ALL:
                for decision in list(self._open):
                    self._decide(decision, decision.failed)
            else:
                self._take(item)  # type: ignore[arg-type]

    def _take(self, captured: CapturedOperation) -> None:
        decision = captured.decision
        if decision is None:
            return
        decision.failed = decision.failed or captured.failure is not None
        if decision.keep is not None:
            self._decided(captured, decision.pending_mask, decision.keep)
            return
        size = captured.size + _SPAN_BYTES
        decision.waiting.append(captured)
        decision.size += size
        self._size += size
        self._open[decision] = None
        if captured.span_id == decision.root_span_id:
            self._decide(decision, decision.failed)
        while self._size > self._max_bytes and self._open:
            self._decide(next(iter(self._open)), False)

    def _decide(self, decision: TraceDecision, keep: bool) -> None:
        decision.keep = keep
        operations, decision.waiting = decision.waiting, []
        self._size -= decision.size
        decision.size = 0
        self._open.pop(decision, None)
        for captured in operations:
            self._decided(captured, decision.pending_mask, keep)
