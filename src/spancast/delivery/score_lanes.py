"""Scores on their way to backends that have an API of their own for them: each such destination has a second lane."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..conventions.results import scores_in
from ..conventions.span import Span
from ..destinations.rendering import rendering_of
from ..destinations.scores import ScoreApi, Way
from ..destinations.targets.scores import ScoreTarget
from ..record.carrier import carrier_of, is_carrier
from ..record.fast_frozen import frozen
from ..record.operation import Operation, Score
from ..recording.captured import SCORES, CapturedOperation
from ..recording.identity import new_span_id
from ..recording.notice import warn_once
from .buffer import Scored
from .lane import Lane


@frozen(kw_only=True)
class ScoreLane:
    """The lane of a destination's own API for scores.

    Attributes:
        owner: The bit of the destination in an operation's `sampled`.
        index: The lane's place among all lanes.
    """

    owner: int
    index: int
    lane: Lane
    api: ScoreApi
    render: Callable[[Operation], Span]

    def payload(self, carrier: Operation) -> Scored:
        """Return what the lane takes of *carrier*."""
        return Scored(self.lane.sender.encode(self.render(carrier)), 1)


def score_lane(owner: int, index: int, lane: Lane) -> ScoreLane:
    """Return *lane*, whose target is an API for scores, as the one of the destination *owner*."""
    target = lane.destination.target
    assert isinstance(target, ScoreTarget)  # noqa: S101  (made from `Destination.scores`)
    return ScoreLane(owner=1 << owner, index=index, lane=lane, api=target.api, render=rendering_of(lane.destination))


def scores_captured(captured: CapturedOperation) -> int:
    """Return how many scores an operation has, before it is translated."""
    return len(captured.snapshots.get(SCORES, ())) or int("score" in captured.snapshots)


def marked(payload: Any, span: Span, operation: Operation) -> Any:
    """Return *payload*, marked where it carries scores."""
    if not operation.scores and not isinstance(operation.detail, Score):
        return payload
    scores = scores_in(span)
    return Scored(payload, scores) if scores else payload


@dataclass(slots=True)
class Routed:
    """Where the scores of an operation go beside the spans.

    Attributes:
        taken: The destinations, a bit mask, that do not get the operation as a span.
        unmarked: Those that get its scores by their API: what its span repeats of them is not counted.
        ready: For lanes, by index, what they take.
        refused: How many scores a lane, by index, cannot take.
    """

    taken: int = 0
    unmarked: int = 0
    ready: tuple[tuple[int, Scored], ...] = ()
    refused: tuple[int, ...] = ()


NOWHERE = Routed()


def routed(lanes: tuple[ScoreLane, ...], operation: Operation, chosen: int) -> Routed:
    """Return where the scores of *operation* go, of the destinations that are *chosen*."""
    alone = is_carrier(operation)
    if not alone and not operation.scores:
        return NOWHERE
    carriers = [operation] if alone else [carrier_of(operation, each, new_span_id()) for each in operation.scores]
    found = Routed()
    for lane in lanes:
        if not chosen & lane.owner:
            continue
        for carrier in carriers:
            way = lane.api.way(carrier)
            if way is Way.SPAN:
                continue
            found.taken |= lane.owner if alone else 0
            found.unmarked |= lane.owner
            if way is Way.API:
                found.ready = (*found.ready, (lane.index, lane.payload(carrier)))
            else:
                name = lane.lane.destination.name
                warn_once(f"score-kind:{name}:{way}", "spancast: destination %s cannot take a score: %s.", name, way)
                found.refused = (*found.refused, lane.index)
    return found


def with_score_lanes(lanes: tuple[Lane, ...], made: Mapping[int, Lane]) -> tuple[ScoreLane, ...]:
    """Return the lanes *made* for scores, by the place of their destination's own lane among *lanes*."""
    return tuple(score_lane(owner, len(lanes) + place, lane) for place, (owner, lane) in enumerate(made.items()))
