"""The clocks of deadlines, waits and ages: the system's, also where a test has frozen those of `time` (freezegun).

With a frozen clock a flush to a dead receiver would wait for ever, and what lies on disk would be a hundred years old. The
times of spans are the application's: a test that freezes them wants to see them so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Final

_HAS_CLOCKS: Final = hasattr(time, "clock_gettime")  # not on Windows. freezegun replaces the others wherever they are

monotonic: Final[Callable[[], float]] = (
    partial(time.clock_gettime, time.CLOCK_MONOTONIC) if _HAS_CLOCKS else time.monotonic
)
"""Seconds that only grow: the same as `time.monotonic`."""

wall: Final[Callable[[], float]] = partial(time.clock_gettime, time.CLOCK_REALTIME) if _HAS_CLOCKS else time.time
"""Seconds since 1970: the same as `time.time`."""

wall_ns: Final[Callable[[], int]] = partial(time.clock_gettime_ns, time.CLOCK_REALTIME) if _HAS_CLOCKS else time.time_ns
"""Nanoseconds since 1970: the same as `time.time_ns`."""
