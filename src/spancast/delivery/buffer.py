"""The outbox: encoded spans that wait for one destination. The only place where they are queued, claimed, and counted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from .ledger import Ledger
from .threads import allocate_lock

FRAME_BYTES = 6  # what a request adds to each span: protobuf's tag and length; JSON's comma is less
_OBJECT_BYTES = 1000  # about what a span weighs that is no bytes: those of memory, console and SDK destinations

_NEVER = float("inf")

Entry = tuple[int, float, Any]
"""A span in the buffer: its number, counting from 1; when it was offered (monotonic seconds); and what the exporter takes.

A plain tuple of atoms: the garbage collector looks at it once and then never again.
"""


class Scored:
    """An encoded span that carries scores, on its way into the buffer, which counts them.

    Attributes:
        payload: What the exporter takes.
        scores: How many.
    """

    __slots__ = ("payload", "scores")

    def __init__(self, payload: Any, scores: int) -> None:
        self.payload = payload
        self.scores = scores


def size_of(payload: Any) -> int:
    """Return how many bytes an encoded span takes, in a request and, nearly, in memory."""
    if type(payload) is bytes:
        return len(payload) + FRAME_BYTES
    return size_of(payload.payload) if type(payload) is Scored else _OBJECT_BYTES


def scores_of(payloads: Sequence[Any]) -> int:
    """Return how many scores *payloads* carry, before they are in a buffer."""
    return sum([payload.scores for payload in payloads if type(payload) is Scored])


class Claim:
    """Spans that one thread works on. What it reports of them counts only while the claim has not been revoked."""

    __slots__ = ("_buffer", "_left", "revocable")

    def __init__(self, buffer: SpanBuffer, entries: Iterable[Entry], revocable: bool) -> None:
        self._buffer = buffer
        self._left: dict[int, Entry] = {entry[0]: entry for entry in entries}
        self.revocable = revocable

    @property
    def entries(self) -> list[Entry]:
        """The spans that are still this claim's, the oldest first."""
        return list(self._left.values())

    def __bool__(self) -> bool:
        """Return whether any span is left in it."""
        return bool(self._left)

    def settle(self, entries: Sequence[Entry], column: str, reason: str | None = None) -> int:
        """Count *entries* in *column* of the ledger, those that are still this claim's; return how many that were."""
        with self._buffer.lock:
            settled = [entry[0] for entry in entries if self._left.pop(entry[0], None) is not None]
            self._buffer.ledger.move(column, len(settled), reason, scores=self._buffer.scores_among(settled))
            self._buffer.look(self)
        return len(settled)

    def give_back(self) -> None:
        """Put what is left of the claim back to the front of the queue."""
        with self._buffer.lock:
            entries, self._left = list(self._left.values()), {}
            self._buffer.take_back(entries)
            self._buffer.look(self)


class SpanBuffer:
    """A queue of encoded spans with claims.

    One lock guards all of it and the columns of what is in it, for a few steps at a time: the encoder, the sender and who
    shuts down take it, never an application's thread that offers or flushes. `settled_to`, `accepted` and `bytes` may be
    read without it.

    Attributes:
        ledger: Where its spans are counted; its own lock is taken with the buffer's lock taken, never the other way.
        accepted: The number of the newest span that was put in.
        settled_to: All spans up to this number have left, whatever became of them.
        bytes: The size of all that is queued; what is claimed is not counted.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.lock = allocate_lock()
        self.ledger = ledger
        self.accepted = 0
        self.settled_to = 0
        self.bytes = 0
        self._queue: deque[Entry] = deque()
        self._claims: dict[int, Claim] = {}
        self._scores: dict[int, int] = {}  # of what is in it, by number: how many scores a span carries

    def __len__(self) -> int:
        """Return how many spans are queued."""
        return len(self._queue)

    @property
    def in_flight(self) -> int:
        """How many spans are claimed."""
        return sum([len(claim.entries) for claim in list(self._claims.values())])

    @property
    def is_empty(self) -> bool:
        """Whether nothing is queued or claimed."""
        return self.settled_to == self.accepted

    def oldest(self) -> float | None:
        """Return when the oldest queued span was offered; None when nothing is queued."""
        try:
            return self._queue[0][1]
        except IndexError:
            return None

    def put(self, payloads: Sequence[Any], offered_at: float) -> None:
        """Queue encoded spans that were offered at about *offered_at*. It has no bound: `spill` decides what may stay."""
        with self.lock:
            self.ledger.enter("queued", len(payloads), scores=scores_of(payloads))
            number = self.accepted
            for payload in payloads:
                number += 1
                if type(payload) is Scored:
                    self._scores[number] = payload.scores
                    payload = payload.payload
                self._queue.append((number, offered_at, payload))
                self.bytes += size_of(payload)
            self.accepted = number

    def claim(
        self, most: int, most_bytes: int | None = None, *, revocable: bool = True, offered_before: float = _NEVER
    ) -> Claim | None:
        """Take up to *most* of the oldest spans, of up to *most_bytes* together but at least one; None when there is none.

        With *offered_before* only those that were offered before that moment (monotonic seconds).
        What is claimed for the disk is not *revocable*: nobody else may write it as well.
        """
        with self.lock:
            entries: list[Entry] = []
            size = 0
            while self._queue and len(entries) < most and self._queue[0][1] < offered_before:
                own = size_of(self._queue[0][2])
                if most_bytes is not None and entries and size + own > most_bytes:
                    break
                entries.append(self._queue.popleft())
                size += own
            if not entries:
                return None
            self.bytes -= size
            return self._claimed(entries, revocable)

    def revoke(self) -> Claim | None:
        """Take over what other threads have claimed and may be stuck with: what they report later counts for nothing."""
        with self.lock:
            entries: list[Entry] = []
            for claim in [claim for claim in self._claims.values() if claim.revocable]:
                entries += claim._left.values()
                claim._left = {}
                self._claims.pop(id(claim), None)
            return self._claimed(sorted(entries, key=_number), False) if entries else None

    def clear(self, column: str, reason: str) -> int:
        """Count everything in *column* and forget it: what threads report of their claims counts for nothing any more."""
        with self.lock:
            left = len(self._queue) + sum([len(claim._left) for claim in self._claims.values()])
            self.ledger.move(column, left, reason, scores=sum(self._scores.values()))
            self._scores = {}
            for claim in self._claims.values():
                claim._left = {}
            self._claims = {}
            self._queue.clear()
            self.bytes = 0
            self.settled_to = self.accepted
        return left

    # ------------------------------------------------------------------ with the lock taken
    def scores_among(self, numbers: Sequence[int]) -> int:
        """Return how many scores the spans carry that leave now. Call it with the lock taken."""
        return sum([self._scores.pop(number, 0) for number in numbers]) if self._scores else 0

    def _claimed(self, entries: list[Entry], revocable: bool) -> Claim:
        claim = Claim(self, entries, revocable)
        self._claims[id(claim)] = claim
        return claim

    def take_back(self, entries: list[Entry]) -> None:
        """Put *entries* in front of the queue. Call it with the lock taken."""
        if entries and self._queue and self._queue[0][0] < entries[-1][0]:
            self._queue = deque(sorted([*entries, *self._queue], key=_number))
        else:
            self._queue.extendleft(reversed(entries))
        self.bytes += sum([size_of(entry[2]) for entry in entries])

    def look(self, claim: Claim) -> None:
        """Find out up to which span all have left, now that *claim* has changed. Call it with the lock taken."""
        if not claim._left:
            self._claims.pop(id(claim), None)
        oldest = [next(iter(other._left)) for other in self._claims.values() if other._left]
        if self._queue:
            oldest.append(self._queue[0][0])
        self.settled_to = min(oldest) - 1 if oldest else self.accepted


def _number(entry: Entry) -> int:
    return entry[0]
