"""What a sampled span says about why it is there, so that sums over spans can be reweighted."""

from __future__ import annotations

from collections.abc import Mapping

from ..conventions.span import AttributeValue
from ..destinations.destination import Destination
from ..recording.tail_sampling import BY_RATE

KEPT_BY, RATE = "spancast.kept_by", "sampling.rate"


class SamplingMarks:
    """The attributes of one destination's spans that say why their trace is kept. Pure, but for what it remembers.

    `spancast.kept_by` has the reason; `sampling.rate` the probability with which a trace like this one is kept: the
    destination's rate, or 1 for what a rule keeps. A backend that reads a rate of its own gets it under its own name.
    """

    def __init__(self, destination: Destination) -> None:
        self._rate = destination.sampling_rate
        self._name = destination.rate_attribute
        self._made: dict[str, Mapping[str, AttributeValue]] = {}

    def of(self, reason: str | None) -> Mapping[str, AttributeValue] | None:
        """Return the attributes; None where every trace is sent. *reason*: None for what the rate has chosen."""
        if self._rate >= 1:
            return None
        reason = reason or BY_RATE
        return self._made.get(reason) or self._made.setdefault(reason, self._attributes(reason))

    def _attributes(self, reason: str) -> Mapping[str, AttributeValue]:
        rate = self._rate if reason == BY_RATE and self._rate > 0 else 1.0
        attributes: dict[str, AttributeValue] = {KEPT_BY: reason, RATE: rate}
        if self._name is not None:
            attributes[self._name] = max(1, round(1 / rate))
        return attributes
