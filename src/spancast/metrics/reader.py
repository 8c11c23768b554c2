"""Metrics for a reader of OpenTelemetry's SDK: it asks for the sums when it wants them, as Prometheus's does at a scrape."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..clock import monotonic
from ..conventions.span import Attributes
from ..destinations.destination import Destination
from ..destinations.metrics import MetricsTarget
from ..otlp.metrics import CUMULATIVE, DELTA, import_encoder, metrics_data
from ..otlp.outcome import Outcome, Verdict
from ..own_threads import is_for_this_thread
from .collecting import metrics_of
from .lane import MetricsLane


class ReaderLane(MetricsLane):
    """Counts like any lane; the sums are collected by the reader, in whichever thread it works, under the lane's lock."""

    def __init__(self, destination: Destination, target: MetricsTarget, resource: Callable[[], Attributes]) -> None:
        """Let the reader collect from here from now on; in a forked child a new lane takes over."""
        super().__init__(destination, target, resource)
        self._reader = target.reader
        self._reader._set_collect_callback(self._collected)

    def step(self) -> float | None:
        """Export for who waits for it; at other times the reader does so by itself."""
        self._state = replace(self._state, due=monotonic() + self._target.interval)
        return super().step()

    def _collected(self, reader: Any, timeout_millis: float = 10_000) -> Any:
        """Return all that has been counted, as the SDK's data; None where there is nothing."""
        import_encoder()
        is_delta = temporality_of(reader) == DELTA
        with self._lock:
            self._counts[1] = self._counts[0]
            now_ns = time.time_ns()
            groups = self._sums.take(now_ns) if is_delta else self._sums.groups()
            metrics = metrics_of(groups, now_ns, DELTA if is_delta else CUMULATIVE)
        return metrics_data(self._resource(), metrics) if metrics else None

    def _export(self, timeout: float, waits: bool) -> Outcome | None:
        try:
            self._reader.force_flush(timeout_millis=max(1.0, timeout * 1000))
        except BaseException as error:  # a reader and its exporter are foreign code
            if is_for_this_thread(error):
                raise
            message = f"the metric reader raised {type(error).__name__}"
            return self._judged(Outcome(verdict=Verdict.REFUSED, reason="reader", message=message), 0)
        self._state = replace(self._state, exports=self._state.exports + 1)
        return None


def temporality_of(reader: Any) -> str:
    """Return the temporality that *reader* wants counters and histograms in."""
    from opentelemetry.sdk.metrics.export import AggregationTemporality

    wanted = getattr(reader, "_instrument_class_temporality", {})
    kinds = {kind.__name__.strip("_"): each for kind, each in wanted.items()}
    return DELTA if kinds.get("Histogram") is AggregationTemporality.DELTA else CUMULATIVE
