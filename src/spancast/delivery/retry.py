"""When to send again: exponential backoff with jitter, the receiver's own `Retry-After`, under a deadline."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to wait before the next try, in seconds.

    Attributes:
        first: Before the second try; doubled for each one after.
        longest: No wait is longer, unless the receiver asks for it.
        deadline: From the first try on; a batch that is older is given up.
    """

    first: float = 0.5
    longest: float = 30.0
    deadline: float = 120.0

    def wait(self, tries: int, retry_after: float | None) -> float:
        """Return the wait after *tries* failed tries: at least what the receiver asked for, with 20 % jitter."""
        own = min(self.longest, self.first * 2.0 ** min(tries - 1, 16))
        jittered = own * random.uniform(0.8, 1.2)  # noqa: S311  (spreads clients, hides nothing)
        return max(jittered, retry_after or 0.0)
