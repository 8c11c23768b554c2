"""A model call around another one: the inner one's answer is shown to the outer, whose usage may be the same."""

from __future__ import annotations

from typing import Any

from ..record.operation import LLM
from .open_operation import OpenOperation

MAX_INNER = 64  # answers that an outer call keeps
_MAX_DEPTH = 64


def note_inner(operation: OpenOperation, answer: Any) -> None:
    """Let the nearest model call around *operation*, which ends with *answer*, know of that answer."""
    above = operation.parent
    for _ in range(_MAX_DEPTH):
        if above is None:
            return
        if above.kind is LLM:
            inner = above.snapshots.setdefault("inner", [])
            if len(inner) < MAX_INNER:
                inner.append(answer)
            return
        above = above.parent
