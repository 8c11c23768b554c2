"""Which destinations see a trace: decided when its root opens, for the whole trace; or, to keep errors, when it closes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .captured import CapturedOperation

_RANGE = 2**64
_SPAN_BYTES = 700  # what an captured holds besides its content


@dataclass(frozen=True, slots=True)
class SamplingRule:
    """Keep this share (*rate*, 0 to 1) of all sessions; *salt* makes destinations choose independently.

    *content* says whether the destination may see content: where none may, none is held. With *keep_errors* a trace that is
    not of that share is kept all the same when something in it failed.
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
    """What is known of a trace whose fate is open: its operations share it.

    Attributes:
        pending_mask: The bits of the destinations that want it only for its errors.
        last: The id of the span that closes last, with the root.
        failed: Whether anything in it failed so far.
        kept: The decision, once the root has closed.
    """

    __slots__ = ("failed", "held", "kept", "last", "pending_mask", "size")

    def __init__(self, pending_mask: int) -> None:
        self.pending_mask = pending_mask
        self.last = 0
        self.failed = False
        self.kept: bool | None = None
        self.held: list[CapturedOperation] = []
        self.size = 0


class TailSampler:
    """Holds the closed operations of open traces until each trace's root closes; bounded in bytes.

    Beyond the bound the oldest trace is decided early, as not kept: its operations are let go.
    """

    def __init__(self, most_bytes: int, decided: Callable[[CapturedOperation, int, bool], object]) -> None:
        """*decided* gets each captured, the destinations that waited for it, and whether they are to have it."""
        self._most_bytes = most_bytes
        self._decided = decided
        self.forget()

    def forget(self) -> None:
        """Hold nothing: in a forked child all of it belongs to the parent."""
        self._lock = threading.Lock()
        self._trees: dict[TraceDecision, None] = {}
        self._size = 0

    def take(self, captured: CapturedOperation, tree: TraceDecision) -> None:
        """Hold *operation* until its trace is decided; pass it on where that is done."""
        ready: list[CapturedOperation] = []
        with self._lock:
            tree.failed = tree.failed or captured.failure is not None
            if tree.kept is not None:
                ready = [captured]
            else:
                self._hold(captured, tree)
                if captured.span_id == tree.last:
                    ready = self._decide(tree, tree.failed)
                while self._size > self._most_bytes and self._trees:
                    ready += self._decide(next(iter(self._trees)), False)
        self._pass_on(ready)

    def decide_all(self) -> None:
        """Decide by what is known: the process ends."""
        with self._lock:
            ready = [captured for tree in list(self._trees) for captured in self._decide(tree, tree.failed)]
        self._pass_on(ready)

    def _hold(self, captured: CapturedOperation, tree: TraceDecision) -> None:
        tree.held.append(captured)
        size = captured.size + _SPAN_BYTES
        tree.size += size
        self._size += size
        self._trees[tree] = None

    def _decide(self, tree: TraceDecision, kept: bool) -> list[CapturedOperation]:
        tree.kept = kept
        operations, tree.held = tree.held, []
        self._size -= tree.size
        tree.size = 0
        self._trees.pop(tree, None)
        return operations

    def _pass_on(self, operations: list[CapturedOperation]) -> None:
        for captured in operations:
            tree = captured.tree
            if tree is not None:
                self._decided(captured, tree.pending_mask, bool(tree.kept))
