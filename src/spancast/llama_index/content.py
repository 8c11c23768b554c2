"""Captures what a call is given and makes, as bounded snapshots; called in the callback."""

from __future__ import annotations

from ..capture.small import capturing
from .messages import SHAPES
from .small import copy_small, small_mapping

capture = capturing(copy_small, small_mapping, SHAPES)
"""Returns a snapshot of a value for an open operation, and counts its size."""
