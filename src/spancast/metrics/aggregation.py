"""Aggregation: measurements of many operations become a histogram or a sum for each set of attributes, in bounded memory.

The SDK's own instruments take 10 to 22 us a measurement, and a model call makes up to eight of them; here it is 0.5
(benchmarks/metrics.py). What is collected is the SDK's data, which the SDK's encoder takes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from ..record.fast_frozen import frozen
from .instruments import Instrument, Stream

CARDINALITY_LIMIT: Final = 2000  # sets of attributes a family of instruments; the SDK's default for one instrument
OVERFLOW: Final = (("otel.metric.overflow", True),)
_INDEXED: Final = 4  # times the limit: so many raw sets of facts are remembered
_LONGEST: Final = 256  # characters of a fact that is remembered

AttributePairs = tuple[tuple[str, Any], ...]
Facts = tuple[Any, ...]
"""What an operation says about itself: the name of its family, then values in the order of the family's attributes."""


class Origin(NamedTuple):
    """The span that a measurement comes from, for exemplars.

    Attributes:
        time_ns: When it ended, in Unix nanoseconds.
        decision: What says in `keep` whether the trace is kept, True, False or not known yet; None: it is kept.
    """

    time_ns: int
    trace_id: int
    span_id: int
    decision: Any = None

    @property
    def is_kept(self) -> bool | None:
        """Whether its trace is kept; None: that is not decided yet."""
        return True if self.decision is None else self.decision.keep


@frozen()
class Exemplar:
    """One measurement, and its span."""

    value: float
    origin: Origin


class Series:
    """What was measured of one stream under one set of attributes, since *start_ns* (Unix nanoseconds).

    Attributes:
        counts: How many measurements fell into each bucket; empty for a counter.
        exemplars: By bucket the newest measurement of a trace that is kept, and the newest of one that waits for that.
    """

    __slots__ = ("count", "counts", "exemplars", "highest", "lowest", "start_ns", "total")

    def __init__(self, instrument: Instrument, start_ns: int) -> None:
        self.start_ns = start_ns
        self.count = 0
        self.total: float = 0
        self.lowest, self.highest = float("inf"), float("-inf")
        self.counts = [0] * (len(instrument.buckets) + 1) if instrument.buckets else []
        self.exemplars: dict[int, list[Exemplar | None]] = {}

    def add(self, bounds: tuple[float, ...], value: float, origin: Origin | None) -> None:
        """Count one measurement."""
        self.count += 1
        self.total += value
        bucket = 0
        if bounds:
            bucket = bisect_left(bounds, value)  # an upper bound belongs to its bucket
            self.counts[bucket] += 1
            if value < self.lowest:
                self.lowest = value
            if value > self.highest:
                self.highest = value
        if origin is not None:
            self._remember(bucket, Exemplar(value, origin))

    def _remember(self, bucket: int, exemplar: Exemplar) -> None:
        two = self.exemplars.get(bucket)
        if two is None:
            two = self.exemplars[bucket] = [None, None]
        else:
            _decide(two)
        two[0 if exemplar.origin.decision is None else 1] = exemplar

    def take_exemplars(self) -> list[Exemplar]:
        """Return the exemplars whose traces are kept, and forget them; those that wait stay."""
        found = []
        for two in self.exemplars.values():
            _decide(two)
            if two[0] is not None:
                found.append(two[0])
                two[0] = None
        return found


def _decide(two: list[Exemplar | None]) -> None:
    """Put the exemplar that waits before the other once its trace is kept; forget it once it is not."""
    waiting = two[1]
    if waiting is not None and (kept := waiting.origin.is_kept) is not None:
        two[1] = None
        if kept:
            two[0] = waiting


class Group:
    """All series of one set of attributes. *is_overflow*: it stands for all sets beyond the limit."""

    __slots__ = ("attributes", "is_overflow", "series")

    def __init__(self, attributes: AttributePairs, is_overflow: bool = False) -> None:
        self.attributes = attributes
        self.is_overflow = is_overflow
        self.series: dict[Stream, Series] = {}


class Aggregator:
    """The series of one destination.

    Whoever owns it guards it: `MetricsLane`, with a lock of its own. At most `limit` sets of attributes a family are
    counted apart; the others are counted together under `otel.metric.overflow`, as the SDK does it.
    """

    def __init__(self, named: Callable[[Facts], AttributePairs], now_ns: int, limit: int = CARDINALITY_LIMIT) -> None:
        """*named* makes attributes of an operation's facts: names, bounded and without what may not leave."""
        self.overflowed = 0
        self._named = named
        self._limit = limit
        self._start_ns = now_ns
        self._groups: dict[Facts, Group] = {}
        self._index: dict[Facts, Group] = {}  # by raw facts, so that these are made into attributes once
        self._sizes: dict[str, int] = {}
        self._whole: dict[Instrument, Stream] = {}  # the streams of overflow: without attributes of their own

    def add(self, facts: Facts, values: Sequence[tuple[Stream, float]], origin: Origin | None = None) -> None:
        """Count the measurements of one operation."""
        group = self._index.get(facts) or self._group(facts)
        if group.is_overflow:
            self.overflowed += 1
            values = [(self._whole_of(stream.instrument), value) for stream, value in values]
        there = group.series
        for stream, value in values:
            series = there.get(stream)
            if series is None:
                series = there[stream] = Series(stream.instrument, self._start_ns)
            series.add(stream.instrument.buckets, value, origin)

    def _whole_of(self, instrument: Instrument) -> Stream:
        return self._whole.setdefault(instrument, Stream(instrument))

    def _group(self, facts: Facts) -> Group:
        family = facts[0]
        attributes = self._named(facts)
        found = self._groups.get((family, attributes))
        if found is None:
            found = self._new_group(family, attributes)
        if max([len(fact) for fact in facts if isinstance(fact, str)]) <= _LONGEST:
            if len(self._index) >= _INDEXED * self._limit:
                self._index.clear()
            self._index[facts] = found
        return found

    def _new_group(self, family: str, attributes: AttributePairs) -> Group:
        size = self._sizes.get(family, 0)
        if size < self._limit or attributes == OVERFLOW:
            self._sizes[family] = size + (attributes != OVERFLOW)
            group = self._groups[family, attributes] = Group(attributes, attributes == OVERFLOW)
            return group
        return self._groups.get((family, OVERFLOW)) or self._new_group(family, OVERFLOW)

    def groups(self) -> list[Group]:
        """Return all groups; they go on changing: cumulative temporality."""
        return list(self._groups.values())

    def take(self, now_ns: int) -> list[Group]:
        """Return all groups and begin anew: delta temporality."""
        taken = self.groups()
        self._groups, self._index, self._sizes = {}, {}, {}
        self._start_ns = now_ns
        return taken
