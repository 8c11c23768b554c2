"""Whether a thread is inside of a garbage collection, where up to Python 3.11 no context variable may be set.

There a collection may begin inside of `ContextVar.set`, the application's or ours. A finalizer that sets a variable then, as
one that ends a span would, frees the table that the outer call reads, and leaves a cached value without an owner: the
process dies. From 3.12 on collections begin between two instructions only.
"""

from __future__ import annotations

import gc
import sys
from _thread import _local
from collections import OrderedDict
from typing import Any

_phases: OrderedDict[str, None] = OrderedDict.fromkeys(("start", "stop"))  # the last one comes last
_newest: dict[str, Any] = {}  # by phase, the object that the collector made for it


def native_local() -> type:
    """Return the interpreter's own class of thread-local objects: gevent puts one of greenlets in its place."""
    if _local.__module__ == "_thread":
        return _local
    return next(kind for kind in object.__subclasses__() if (kind.__module__, kind.__name__) == ("_thread", "_local"))


_in_this_thread: Any = native_local()()

if sys.version_info < (3, 12):
    # Functions in C, called with the phase and an object: in one of Python's a signal handler might run, and what it raises
    # would be lost, as all that a callback of the collector raises.
    gc.callbacks += [_newest.__setitem__, _in_this_thread.__setattr__, _phases.move_to_end]  # type: ignore[list-item]


def collects_here() -> bool:
    """Return whether this thread collects: its code is a finalizer's. Where no callback is installed, False."""
    if next(iter(_phases)) == "start":
        return False
    return getattr(_in_this_thread, "start", None) is _newest["start"]
