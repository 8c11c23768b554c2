"""A backend's API for scores as a target: the carriers of a batch become its requests."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson

from ...clock import monotonic
from ...conventions import openinference
from ...conventions.span import Span
from ...otlp import json
from ...otlp.http import HttpExporter
from ...otlp.json_decoding import decode_span
from ...otlp.outcome import DELIVERED, Outcome, Verdict
from ...record.fast_frozen import frozen
from ..destination import Destination, Exporter, ResourceSource
from ..scores import ScoreApi, SentScore, score_in
from .http import HttpTarget

NOTHING_LEFT = Outcome(
    verdict=Verdict.REFUSED,
    reason="no result",
    message="privacy mode leaves nothing of a score that is an explanation only",
)


@frozen(kw_only=True)
class ScoreTarget(HttpTarget):
    """An API for scores below one URL."""

    api: ScoreApi

    def exporter(self, resource: ResourceSource) -> Exporter:
        """Return an exporter that makes the API's requests."""
        return ScoreExporter(self)


class ScoreExporter:
    """Sends scores by the API of a backend. What waits, and lies in the spool, is the carrier as OTLP JSON."""

    def __init__(self, target: ScoreTarget) -> None:
        self._target = target
        self._connections: dict[str, HttpExporter] = {}
        self._until = 0.0

    def encode(self, span: Span) -> bytes:
        """Return the carrier as OTLP JSON, which the spool keeps as it is."""
        return json.encode_span(span)

    def decode(self, payload: bytes) -> Span:
        """Return the carrier again."""
        return decode_span(payload)

    def export(self, batch: Sequence[Any], timeout: float) -> Outcome:
        """Send a batch of carriers, each of them once; `parts` says what happened to each."""
        self._until = monotonic() + timeout
        found = [score_in(decode_span(payload)) for payload in batch]
        sent = iter(self._sent([score for score in found if score is not None]))
        parts = tuple([NOTHING_LEFT if score is None else next(sent) for score in found])
        worst = next((each for verdict in _WORST_FIRST for each in parts if each.verdict is verdict), DELIVERED)
        return replace(worst, parts=parts)

    def _sent(self, scores: Sequence[SentScore]) -> Sequence[Outcome]:
        return self._target.api.send(scores, self._call) if scores else ()

    def _call(self, method: str, path: str, body: object) -> tuple[Outcome, Any]:
        """Make one request in the time that is left, and read its answer."""
        target = self._target
        url = target.url.rstrip("/") + path
        connection = self._connections.get(url)
        if connection is None:
            connection = HttpExporter(
                url,
                headers=target.headers,
                protocol="http/json",
                compression=None,
                timeout=target.timeout,
                resource=dict,
                tls=target.tls,
            )
            self._connections[url] = connection
        left = min(target.timeout, self._until - monotonic())
        if left <= 0:
            return Outcome(verdict=Verdict.RETRY, reason="timeout", message="no time was left for all requests"), None
        data = b"" if body is None else orjson.dumps(body)
        outcome, answer = connection.exchange(method, data, left)
        try:
            return outcome, orjson.loads(answer)
        except ValueError:
            return outcome, None

    def close(self) -> None:
        """Close the connections."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()


_WORST_FIRST = (Verdict.RETRY, Verdict.TOO_LARGE, Verdict.REFUSED, Verdict.DELIVERED)


def score_destination(destination: Destination) -> Destination | None:
    """Return the destination of *destination*'s scores: the same, by its API; None where it has none."""
    target = destination.scores
    if target is None:
        return None
    settings = {name: getattr(destination, name) for name in Destination.__dataclass_fields__}
    own = {"target": target, "render": openinference.render, "convention": "openinference", "span_attributes": {}}
    return Destination(**{**settings, **own, "scores": None, "metrics": None})


def waits_for_its_span(outcome: Outcome, score: SentScore, patience: float) -> Outcome:
    """Return *outcome*; where the backend does not know the judged span yet, and the score is young, to be tried again.

    Args:
        patience: For how many seconds after it was given a score may wait for its span to be stored.
    """
    if outcome.status != 404 or time.time_ns() - score.given_ns > patience * 1e9:
        return outcome
    return replace(outcome, verdict=Verdict.RETRY, message="the judged span is not stored yet (HTTP 404)")
