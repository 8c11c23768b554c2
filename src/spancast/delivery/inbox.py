"""The inbox: what the application has offered and the encoder has not taken yet.

`put` and `mark` run in the application's threads, at any line: in a garbage collection, in a signal handler, in a
greenlet, inside of another `put` of the same thread. So they take no lock, start no thread and wait for nothing; every step
that has to be whole is one call in C (`deque.append`, `lock.release`, `next`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from ..clock import monotonic
from .threads import Tally, WakeUp

ENCODE_AT: Final = 128  # spans that wake the encoder before the oldest is MAX_AGE old
MAX_AGE: Final = 0.5  # seconds from the offer of a span until it leaves, at most
NEVER: Final = 1 << 60
_LONGEST_SLEEP: Final = (
    5.0  # seconds; should an exception fall between `append` and the wake-up, nothing waits for longer
)


class Marker:
    """A place in the order of spans: all that were offered before it stand before it.

    Attributes:
        deadline: Until when who put it waits (monotonic seconds).
        ends: Whether nothing follows: the pipeline is shut down.
        decides: Whether traces that wait for their roots are decided now: the process may end.
        metrics: Whether metrics are waited for as well.
        tickets: For each lane, the number of the last span before the marker; None until the encoder has come to it.
        counted: The tickets of the metrics' exports; written before `tickets`.
        done: Whether nobody waits for it any more.
    """

    __slots__ = ("counted", "deadline", "decides", "done", "ends", "metrics", "tickets")

    def __init__(self, deadline: float, *, ends: bool = False, metrics: bool = True, decides: bool = False) -> None:
        self.decides = decides or ends
        self.deadline = deadline
        self.ends = ends
        self.metrics = metrics
        self.counted: tuple[int, ...] = ()
        self.tickets: tuple[int, ...] | None = None
        self.done = False


class Level:
    """How full an inbox is, in bytes, and how many items wake the encoder.

    Attributes:
        full: Bytes that may wait; `half` of them wake the encoder.
        added: Written by every offering thread; an update that two threads lose between them is made good when the inbox is
            empty next.
        removed: Written by the encoder alone.
        wake_at: At how many items the encoder is woken: 1 it sleeps, ENCODE_AT it gathers, NEVER it works. Written by both.
    """

    __slots__ = ("added", "full", "half", "removed", "wake_at")

    def __init__(self, full: int) -> None:
        self.full = full
        self.half = full // 2
        self.added = self.removed = 0
        self.wake_at = 1


class Inbox:
    """A queue of captured operations and markers, bounded in bytes.

    Writers: of the `Level` as it says; `in_hand`, `version` the encoder alone. All else changes by single steps.
    """

    def __init__(self, max_bytes: int, weight: Callable[[Any], int]) -> None:
        self.items: deque[Any] = deque()
        self.closed = False
        self._hurry = (Tally(), [0])  # how often somebody was in a hurry, and how much of it the encoder has seen
        self.refused_full, self.refused_late, self.skipped = Tally(), Tally(), Tally()
        self.in_hand = 0  # spans that the encoder has claimed and not handed over yet
        self.version = 0  # odd while spans change hands: who reads counts meanwhile reads them again
        self._weight = weight
        self._level = Level(max_bytes)
        self._wake = WakeUp()

    # ------------------------------------------------------------------ the application's side
    def put(self, operation: Any) -> int:
        """Take *operation*, or refuse it where it does not fit; return how many wait."""
        items, level = self.items, self._level
        weight = self._weight
        size = weight(operation)
        there = level.added + size - level.removed
        if self.closed:
            self.refused_late.add()
            return 0
        if there > level.full and items:
            self.refused_full.add()
            return 0
        level.added += size
        items.append(operation)
        waiting = len(items)
        if waiting >= level.wake_at or (there > level.half and level.wake_at != NEVER):
            level.wake_at = NEVER  # before the wake-up: after it the encoder may sleep again
            self._wake.set()
        return waiting

    def mark(self, marker: Marker) -> None:
        """Put *marker* behind all that was offered so far, and let the encoder come to it immediately."""
        self.items.append(marker)
        self.wake()

    def wake(self) -> None:
        """Let the encoder look immediately."""
        self._hurry[0].add()
        self._level.wake_at = NEVER
        self._wake.set()

    # ------------------------------------------------------------------ the encoder's side
    @property
    def hurried(self) -> bool:
        """Whether somebody waits for what is queued."""
        hurries, seen = self._hurry
        return hurries.value != seen[0]

    @property
    def waiting(self) -> int:
        """How many spans are not handed over yet."""
        return sum([type(item) is not Marker for item in list(self.items)]) + self.in_hand

    @property
    def bytes(self) -> int:
        """About how many bytes wait."""
        return max(0, self._level.added - self._level.removed)

    def claim(self, most: int) -> list[Any]:
        """Take up to *most* of the oldest items out; the encoder calls `handed_over` when they are with the lanes."""
        items = self.items
        self.version += 1
        claimed = [items.popleft() for _ in range(min(len(items), most))]
        self.in_hand = sum([type(item) is not Marker for item in claimed])
        self.version += 1
        level = self._level
        if items:
            level.removed += sum([self._weight(item) for item in claimed if type(item) is not Marker])
        else:
            level.removed = level.added  # also forgets what two concurrent threads have miscounted
        return claimed

    def take_all(self) -> int:
        """Empty it at the end, also of what the encoder has in hand; return how many spans that were."""
        self.version += 1
        left = self.waiting
        self.items.clear()
        self.in_hand = 0
        self.version += 1
        return left

    def wait(self, age: float, idle: float, poll: float, wanted: Callable[[], bool]) -> float | None:
        """Sleep until there is something to encode; return since when the oldest has waited (monotonic seconds).

        That is the case when `ENCODE_AT` items wait, or half of the bytes that may, when the oldest is *age* seconds old,
        when somebody flushes, or when *wanted*, asked every *poll* seconds, says so. None: nothing came for *idle* seconds.
        """
        wake, level = self._wake, self._level
        if not self.items:
            wake.clear()
            level.wake_at = 1
            if not (self.items or self.hurried):
                wake.wait(min(idle, _LONGEST_SLEEP))
            hurries = self._hurry[0].value
            if not self.items:
                self._hurry[1][0] = hurries
                return None
        since = monotonic()
        while not (self.hurried or len(self.items) >= ENCODE_AT or self.bytes > level.half or wanted()):
            left = since + age - monotonic()
            if left <= 0:
                break
            wake.clear()
            level.wake_at = ENCODE_AT
            # looked at again after that was set
            if len(self.items) < ENCODE_AT and self.bytes <= level.half and not self.hurried:
                wake.wait(min(left, poll))
        level.wake_at = NEVER
        self._hurry[1][0] = self._hurry[0].value  # a marker stands in the queue before its hurry is counted
        return since
