"""Captures what a call is given and makes, as bounded snapshots; called in the callback."""

from __future__ import annotations

from ..capture.small import LEVELS
from ..capture.snapshot import Snapshot
from ..recording.open_operation import OpenOperation
from ..signal_errors import is_from_signal_handler
from .messages import SHAPES
from .small import copy_small, small_mapping


def capture(value: object, operation: OpenOperation) -> object:
    """Return a snapshot of *value* for *operation*, and count its size."""
    kind = type(value)
    if kind is str:
        operation.size += str.__sizeof__(value)
        return value
    if value is None:
        return None
    try:  # most are mappings: for them a call less
        found = small_mapping(value, LEVELS) if kind is dict else copy_small(value)  # type: ignore[arg-type]
    except Exception as error:  # an object that cannot be looked at: the snapshot says so
        if is_from_signal_handler(error):
            raise
        found = None
    if found is not None:
        operation.size += found[1]
        return found[0]
    snapshot = Snapshot(SHAPES)
    captured = snapshot.capture(value)
    operation.size += snapshot.size
    return captured
