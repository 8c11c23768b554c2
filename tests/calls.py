"""How many Python functions something calls: a count that no machine moves, unlike a time."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any


def python_calls(function: Callable[[], object]) -> int:
    """Return how many Python functions *function*, itself among them, calls in this thread."""
    found = 0

    def see(frame: Any, event: str, _: Any) -> None:
        nonlocal found
        found += event == "call"

    gc.collect()
    gc.disable()  # finalizers of other tests would be counted
    sys.setprofile(see)
    try:
        function()
    finally:
        sys.setprofile(None)
        gc.enable()
    return found
