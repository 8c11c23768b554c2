"""Whether a thread is inside of a garbage collection, where up to Python 3.11 no context variable may be set.

There a collection may begin inside of `ContextVar.set`, the application's or ours. A finalizer that sets a variable then, as
one that ends a span would, frees the table that the outer call reads, and leaves a cached value without an owner: the
process dies. From 3.12 on collections begin between two instructions only.
"""

from __future__ import annotations

import gc
import sys
from _thread import get_ident
from typing import Any


class Collecting:
    """Which thread collects. Written by that thread, which is one: a collection begins where none runs."""

    __slots__ = ("thread",)

    def __init__(self) -> None:
        self.thread = 0
        """Its number; 0 where none does."""

    def __call__(self, phase: str, info: dict[str, Any]) -> None:
        """Called by the collector when it starts and when it stops."""
        self.thread = get_ident() if phase == "start" else 0

    def is_here(self) -> bool:
        """Return whether this thread collects: its code is a finalizer's."""
        return self.thread != 0 and self.thread == get_ident()


collecting = Collecting()
if sys.version_info < (3, 12):
    gc.callbacks.append(collecting)
