"""Captures what a run is given and makes, as bounded snapshots; called in the callback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..capture.small import capturing
from ..recording.open_operation import OpenOperation
from .messages import SHAPES
from .small import copy_small, small_state

_SCALARS = frozenset({str, int, float, bool, type(None)})
_TOOLS = ("tools", "functions")


capture = capturing(copy_small, small_state, SHAPES)
"""Returns a snapshot of a value for an open operation, and counts its size."""


def capture_parameters(parameters: Mapping[str, Any], operation: OpenOperation) -> dict[str, Any]:
    """Capture what a model was asked for. Tools are kept as they are: nobody changes them, and they are long."""
    captured = dict(parameters)
    for key, value in captured.items():
        if type(value) not in _SCALARS:
            captured[key] = value.copy() if type(value) is list and key in _TOOLS else capture(value, operation)
    return captured
