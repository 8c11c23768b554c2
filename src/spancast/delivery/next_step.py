"""What a lane does next with the spans in its outbox. Pure: all that decides it is an argument, nothing waits here."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from .inbox import MAX_AGE
from .phase import Phase
from .worker import LONGEST_SLEEP

_SHORTEST_WAIT: Final = 0.01  # seconds


class Do(Enum):
    """SEND a batch; WRITE the oldest to disk; DROP those that waited too long, where there is no disk; or WAIT."""

    SEND = "send"
    WRITE = "write"
    DROP = "drop"
    WAIT = "wait"


class Next(NamedTuple):
    """What to do, and after how many seconds to ask again where nothing came of it."""

    do: Do
    after: float


class Situation(NamedTuple):
    """What the next step is decided by; times are monotonic seconds.

    Attributes:
        oldest: When the oldest waiting span was offered; None: none waits.
        full: Whether a whole batch waits.
        pause: For how many seconds the receiver is left alone.
        asked: Whether the receiver itself has asked for that.
        patience: For how many seconds a span is kept for a failing receiver, where there is no disk.
        waited_for: The latest deadline of those who wait for spans to leave; None: nobody does.
        phase: Where in its life the lane is.
        disk: Whether spans can go to disk.
    """

    oldest: float | None
    full: bool
    pause: float
    asked: bool
    patience: float
    waited_for: float | None
    phase: Phase
    disk: bool


def next_step(now: float, found: Situation) -> Next:
    """Return what to do at *now*."""
    if found.oldest is None:
        return Next(Do.WAIT, LONGEST_SLEEP)
    ripe = found.full or found.waited_for is not None
    wait = max(found.pause, 0.0 if ripe else found.oldest + MAX_AGE - now)
    if found.pause > 0 and not found.disk:
        left = found.oldest + found.patience - now
        wait = min(wait, max(_SHORTEST_WAIT, left))
        if left <= 0:
            return Next(Do.DROP, wait)
    elif found.pause > 0 and _waits_in_vain(now, found):
        return Next(Do.WRITE, wait)
    return Next(Do.WAIT, min(wait, LONGEST_SLEEP)) if wait > 0 else Next(Do.SEND, 0.0)


def _waits_in_vain(now: float, found: Situation) -> bool:
    """Return whether who waits for the spans, or for the lane's end, will not see them sent."""
    in_time = found.waited_for is None or now + found.pause < found.waited_for
    too_late = not in_time and (found.phase.is_draining or found.asked)
    return too_late or found.phase.last_tries_are_over(now)
