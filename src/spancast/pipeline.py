"""The former place of `spancast.runtime`; it goes when nothing imports it any more."""

from __future__ import annotations

from .runtime.default import configure, current_trace, flush, in_use, report, shutdown, trace
from .runtime.default import pipeline_in_context as surrounding
from .runtime.pipeline import Pipeline

__all__ = ["Pipeline", "configure", "current_trace", "flush", "in_use", "report", "shutdown", "surrounding", "trace"]
