"""Where in its life a lane is, and what follows from it for a request. Pure: the clock is an argument."""

from __future__ import annotations

from enum import Enum
from typing import Final

from ..record.fast_frozen import frozen
from .replayer import NEVER

LAST_TRIES: Final = (
    2.0  # seconds for which a shutdown goes on trying a failing receiver, where a spool can keep the spans
)
GRACE: Final = 0.25  # seconds for an answer that comes with the deadline: what it accepts must not go to disk as well
_LONGEST_REQUEST: Final = 3600.0  # seconds; the exporter has a shorter timeout of its own
_SHORTEST_REQUEST: Final = 0.05


class LaneState(Enum):
    """RUNNING; DRAINING: it sends what is there, until a deadline; CLOSED: its ledger does not change any more."""

    RUNNING = "running"
    DRAINING = "draining"
    CLOSED = "closed"


@frozen()
class Phase:
    """Where in its life a lane is; replaced whole by who shuts it down.

    Attributes:
        began: When that began (monotonic seconds).
        until: When requests have to be over.
        dropped_before: How many spans had been dropped by then.
    """

    state: LaneState = LaneState.RUNNING
    began: float = 0.0
    until: float = NEVER
    dropped_before: int = 0

    @property
    def is_draining(self) -> bool:
        """Whether it is being shut down."""
        return self.state is LaneState.DRAINING

    def last_tries_are_over(self, now: float) -> bool:
        """Return whether a receiver that fails during the shutdown has had its last tries."""
        return self.is_draining and now > self.began + LAST_TRIES


def draining(now: float, deadline: float, dropped: int, *, spooled: bool) -> Phase:
    """Return the phase of a shutdown before *deadline*; with a spool, its last part is for writing to disk."""
    reserve = min(1.5, 0.3 * max(0.0, deadline - now)) if spooled else 0.0
    return Phase(LaneState.DRAINING, now, deadline - reserve, dropped)


def request_time(phase: Phase, now: float, *, spooled: bool, failing: bool) -> float:
    """Return for how many seconds a request may last; 0: no more is to be tried.

    Args:
        spooled: Whether what is not sent can be kept on disk.
        failing: Whether the receiver fails.
    """
    if phase.state is LaneState.CLOSED:
        return 0.0
    if phase.state is LaneState.RUNNING:
        return _LONGEST_REQUEST
    if not spooled and not failing:
        return max(_SHORTEST_REQUEST, phase.until - now)  # one try, in any case: there is nowhere else to go
    if spooled and failing and phase.last_tries_are_over(now):
        return 0.0
    left = phase.until - now
    shortest = _SHORTEST_REQUEST if failing else 0.0  # a retry that is cut short says nothing of the receiver
    return left if left > shortest else 0.0
