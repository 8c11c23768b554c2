"""Turns: long work of ours lets the application's threads run in between.

A thread that computes keeps the interpreter for 5 ms at a stretch when another one wants it (`sys.getswitchinterval`), and
a callback that waits for it is late by as much.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
HEAVY = 32  # items between two turns where each is translated and rendered: about 1 ms; turns cost 8 us a span at 8
LIGHT = 64  # where each is only read or encoded


def by_turns(items: Iterable[Item], most: int) -> Iterator[Item]:
    """Yield *items*; after every *most* of them let another thread run."""
    for index, item in enumerate(items, 1):
        yield item
        if index % most == 0:
            time.sleep(0)
