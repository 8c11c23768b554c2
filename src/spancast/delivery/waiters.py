"""Who waits for a lane's spans to leave: the markers of flushes that the encoder has passed on."""

from __future__ import annotations

from collections import deque

from .inbox import Marker


class Waiters:
    """The encoder appends, the lane's thread forgets; each is one step of the deque, so there is no lock."""

    def __init__(self) -> None:
        self._markers: deque[Marker] = deque()

    def __bool__(self) -> bool:
        return bool(self._markers)

    def add(self, marker: Marker) -> None:
        """Somebody waits until *marker*'s deadline, or until it is done."""
        self._markers.append(marker)

    def until(self, now: float) -> float | None:
        """Return the latest deadline (monotonic seconds) of those who wait; None: nobody does. Forgets who has gone."""
        markers = self._markers
        while markers and (markers[0].done or markers[0].deadline <= now):
            markers.popleft()
        waiting = [marker.deadline for marker in list(markers) if not marker.done and marker.deadline > now]
        return max(waiting, default=None)
