"""Captures what a run is given and makes, as bounded snapshots; called in the callback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..capture.small import LEVELS
from ..capture.snapshot import Snapshot
from ..recording.open_operation import OpenOperation
from ..signal_errors import is_from_signal_handler
from .messages import SHAPES
from .small import copy_small, small_state

_SCALARS = frozenset({str, int, float, bool, type(None)})
_TOOLS = ("tools", "functions")


def capture(value: object, operation: OpenOperation) -> object:
    """Return a snapshot of *value* for *operation*, and count its size."""
    kind = type(value)
    if kind is str:
        operation.size += str.__sizeof__(value)
        return value
    try:  # most are mappings: for them a call less
        found = small_state(value, LEVELS) if kind is dict else copy_small(value)  # type: ignore[arg-type]
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


def capture_parameters(parameters: Mapping[str, Any], operation: OpenOperation) -> dict[str, Any]:
    """Capture what a model was asked for. Tools are kept as they are: nobody changes them, and they are long."""
    captured = dict(parameters)
    for key, value in captured.items():
        if type(value) not in _SCALARS:
            captured[key] = value.copy() if type(value) is list and key in _TOOLS else capture(value, operation)
    return captured
