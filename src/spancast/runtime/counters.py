"""What counts for the destinations that take metrics: made anew in each process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..destinations.destination import Destination
from ..metrics.lane import MetricsLane, with_instance
from ..metrics.reader import ReaderLane
from ..resource import resource_source


def metrics_lane(
    destination: Destination, service_name: str | None, resource: Mapping[str, Any], *, forked: bool
) -> MetricsLane:
    """Return what counts for *destination* in this process."""
    if destination.metrics is None:
        raise ValueError(f"destination {destination.name} takes no metrics")
    source = resource_source(service_name, resource, destination.resource)
    kind = MetricsLane if destination.metrics.reader is None else ReaderLane
    return kind(destination, destination.metrics, with_instance(source, forked=forked))
