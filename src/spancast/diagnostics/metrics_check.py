"""Tests one OTLP/HTTP receiver of metrics, from its settings to one real data point."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ..clock import monotonic
from ..conventions.span import Attributes
from ..otlp.metrics import check_request
from ..otlp.outcome import Outcome
from . import known_mistakes
from .http_check import TEST_HEADER, Connection, HttpCheck
from .result import Step, failure


class MetricsCheck(HttpCheck):
    """The test of one receiver of metrics: the same way there, and a data point instead of a span. Used once."""

    def __init__(
        self, connection: Connection, *, name: str, where: str, form: str, resource: Callable[[], Attributes]
    ) -> None:
        """Prepare the test; *form* says how metrics are sent."""
        super().__init__(connection, name=name, where=where, form=form, span=lambda: None, resource=resource)

    def _posted(self, headers: Mapping[str, str]) -> None:
        exporter = self._exporter(self._connection.url, self._resource)
        body = check_request(self._resource(), time.time_ns())
        began = monotonic()
        outcome = exporter.post(body, self._connection.timeout, TEST_HEADER)
        exporter.close()
        if outcome.status is not None:
            self._latency = (monotonic() - began) * 1000
        self._judged(outcome, headers)

    def _refused(self, status: int, outcome: Outcome) -> None:
        code, fix = known_mistakes.refusal(status, outcome.text, self._connection.protocol, self._connection.url)
        if status in (404, 405):
            fix = "a receiver of metrics usually ends in /v1/metrics; does this one take metrics at all?"
        self._steps.append(failure("data point", code, outcome.text, fix=fix))

    def _accepted(self, status: int, outcome: Outcome) -> None:
        if outcome.reason == "web page":
            self._steps.append(failure("data point", "E601", f"HTTP {status} with a web page"))
            return
        self._steps.append(Step(name="data point", detail=f"HTTP {status}", milliseconds=self._latency))
        if outcome.rejected:
            self._steps.append(failure("partial success", "E600", f"it said: {outcome.words}"))
