"""When a failing receiver is tried again. Pure: the clock is an argument, nothing waits here.

The names are the OpenTelemetry Collector's (`retry_on_failure`): `initial_interval`, `max_interval`, `max_elapsed_time`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from ..record.fast_frozen import frozen

MAX_RETRY_AFTER: Final = 3600.0  # seconds; no receiver, and no proxy before it, makes us wait longer
HURRIED_INTERVAL: Final = 0.5  # seconds between two tries while somebody waits for a flush


@frozen(kw_only=True)
class Backoff:
    """How long to wait before the next try, in seconds.

    Attributes:
        initial_interval: Before the second try; doubled for each one after.
        max_interval: No wait is longer, unless the receiver asks for it.
        max_elapsed_time: From the first failure on; then what waits is given up where there is no spool.
    """

    initial_interval: float = 0.5
    max_interval: float = 30.0
    max_elapsed_time: float = 120.0

    def interval(self, failures: int, jitter: float) -> float:
        """Return the wait after *failures* failures in a row; *jitter*, 0.8 to 1.2, spreads many clients."""
        return jitter * min(self.max_interval, self.initial_interval * 2.0 ** min(max(failures, 1) - 1, 16))


def clamped(retry_after: float | None) -> float:
    """Return what a receiver asks to wait as seconds between 0 and `MAX_RETRY_AFTER`, whatever it says."""
    if retry_after is None or not retry_after > 0:  # not a number is not more than 0 either
        return 0.0
    return min(retry_after, MAX_RETRY_AFTER)


def _jitter() -> float:
    return random.uniform(0.8, 1.2)  # noqa: S311  (spreads clients, hides nothing)


class CircuitBreaker:
    """Remembers the failures of one receiver. Written by one thread, its lane's or its replayer's; read by any.

    Attributes:
        failures: How many tries failed in a row.
        failing_since: When the first of them failed (monotonic seconds); None while the receiver answers.
        retry_at: Not before this moment is it tried again.
        reason: Why the last try failed, in a few words.
        asked: Whether the receiver itself said so, with a believable `Retry-After`: that is kept also in a hurry.
    """

    def __init__(self, backoff: Backoff, jitter: Callable[[], float] = _jitter) -> None:
        self._backoff = backoff
        self._jitter = jitter
        self.failures = 0
        self.failing_since: float | None = None
        self.last_failure = 0.0
        self.retry_at = 0.0
        self.asked = False
        self.reason = ""

    @property
    def max_elapsed_time(self) -> float:
        """For how many seconds something is tried again, where it can be kept in memory only."""
        return self._backoff.max_elapsed_time

    def succeeded(self) -> bool:
        """The receiver has answered: it is up. Return whether it was failing before."""
        was_failing = self.failing_since is not None
        self.failures = 0
        self.failing_since = None
        self.retry_at = 0.0
        self.asked = False
        self.reason = ""
        return was_failing

    def failed(
        self, now: float, retry_after: float | None = None, reason: str = "", *, is_limited: bool = False
    ) -> None:
        """A try failed at *now* for *reason*; the receiver asks to be left alone for *retry_after* seconds.

        *is_limited*: it asks for longer than that. What had to be limited is no promise to keep in a hurry.
        """
        self.reason = reason
        self.failures += 1
        self.last_failure = now
        if self.failing_since is None:
            self.failing_since = now
        asked = clamped(retry_after)
        self.retry_at = now + max(asked, self._backoff.interval(self.failures, self._jitter()))
        self.asked = 0 < asked == retry_after and not is_limited

    def wait(self, now: float, *, hurried: bool = False) -> float:
        """Return for how many seconds the receiver is left alone from *now* on; 0: try."""
        if self.failing_since is None:
            return 0.0
        at = self.retry_at
        if hurried and not self.asked:
            at = min(at, self.last_failure + HURRIED_INTERVAL)
        return max(0.0, at - now)

    def outage(self, now: float) -> float:
        """Return for how many seconds it has been failing."""
        return 0.0 if self.failing_since is None else max(0.0, now - self.failing_since)
