"""Whether a function's work grows as its input does: no absolute times, which say more about the machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

FACTOR = 16  # by how much the second input is larger
MOST = 6 * FACTOR  # a quadratic function takes 256 times as long
_FLOOR = 2e-3  # seconds: below it fixed costs and thresholds say more than the size


def growth(function: Callable[[Any], object], make: Callable[[int], Any], size: int) -> float:
    """Return how many times as long *function* takes for an input that is `FACTOR` times as large as *size*.

    Both are measured several times, in this thread's own processor time, and the least counts.
    """
    return _least(function, make(size * FACTOR), 3) / max(_least(function, make(size), 7), _FLOOR)


def _least(function: Callable[[Any], object], value: Any, rounds: int) -> float:
    found = []
    for _ in range(rounds):
        began = time.thread_time()
        function(value)
        found.append(time.thread_time() - began)
    return min(found)
