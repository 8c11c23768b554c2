"""Who shuts a pipeline down, and how it went, for those who wait for that meanwhile."""

from __future__ import annotations

import time
from typing import Final

from ..clock import monotonic
from .threads import allocate_lock, get_ident

_LOOK: Final = 0.002  # seconds between two looks whether it is over


class Ending:
    """One shutdown. The thread that begins it writes here; any other may wait, without a lock: it polls.

    Attributes:
        complete: What the shutdown has returned; None before its end.
    """

    __slots__ = ("_begun", "_by", "complete")

    def __init__(self) -> None:
        self.complete: bool | None = None
        self._by: int | None = None
        self._begun = allocate_lock()  # whoever gets it is the one

    def begin(self) -> bool:
        """Begin, unless somebody has; return whether it was this call that did."""
        is_first = self._begun.acquire(False)
        if is_first:
            self._by = get_ident()
        return is_first

    @property
    def has_begun(self) -> bool:
        """Whether anybody has begun."""
        return self._begun.locked()

    def wait(self, deadline: float) -> None:
        """Wait for the end until *deadline* (monotonic seconds); not in the thread that is at it, a signal handler's say."""
        while self.complete is None and self._by != get_ident() and monotonic() < deadline:
            time.sleep(_LOOK)
