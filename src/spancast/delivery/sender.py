"""Sending: one batch, tried, split and trimmed until each of its spans has found its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any, Protocol

from .. import _version
from ..conventions.limits import trim
from ..conventions.span import Attributes, Span
from ..destinations.destination import Exporter
from ..otlp import json
from ..otlp.outcome import Outcome, Verdict
from ..recording.captured import CapturedOperation
from .packed import unpack

FRAME_BYTES = 6  # what a request adds to each span: protobuf's tag and length; JSON's comma is less
_SMALLEST_REQUEST = 16_000  # bytes; below this, refusals of size teach nothing more
_UNREADABLE = frozenset({400, 422})  # one span may be why the receiver could not read the others


class Fate(Enum):
    """What became of spans: taken, refused for good, or still ours."""

    DELIVERED = "delivered"
    REJECTED = "rejected"
    UNDELIVERED = "undelivered"


class Parcel:
    """One span on its way: its captured, or what was packed of it; then the span, and what the exporter takes."""

    __slots__ = ("captured", "encoded", "packed", "size", "span")

    def __init__(self, captured: CapturedOperation | None, packed: bytes | Span | None = None) -> None:
        self.captured = captured
        self.packed = packed
        self.span: Span | None = None
        self.encoded: Any = None
        self.size = 0

    def unpacked(self) -> Span:
        """Return the span of a parcel that has no captured any more."""
        packed = self.packed
        if packed is None:
            assert self.span is not None  # noqa: S101  (a parcel has a captured, or was packed, or was rendered)
            return self.span
        span = self.span = unpack(packed)
        self.packed = None
        return span

    def let_go(self) -> None:
        """Hold nothing any more: the span has found its end."""
        self.captured = self.packed = self.span = self.encoded = None

    def encode(self, span: Span, exporter: Exporter) -> None:
        """Take *span* as what is sent."""
        self.span = span
        self.encoded = exporter.encode(span)
        self.size = _size(self.encoded)


def _size(encoded: Any) -> int:
    return len(encoded) + FRAME_BYTES if isinstance(encoded, bytes) else 0


class Host(Protocol):
    """Whose spans these are: what a sender asks, and whom it tells."""

    def time_left(self) -> float:
        """Return for how long a request may last; 0 means that no more is to be tried."""

    def held(self, parcels: list[Parcel]) -> list[Parcel]:
        """Return those that are still to be sent: others may have been taken over meanwhile."""

    def pause(self, tries: int, outcome: Outcome, began: float) -> bool:
        """Wait before the next try; return whether there is one."""

    def failed(self, outcome: Outcome) -> None:
        """Hear of an answer that was no success."""

    def settle(self, fate: Fate, parcels: Sequence[Parcel], reason: str | None) -> None:
        """Take back spans with what became of them."""


class Sender:
    """Sends batches through one exporter. *limit* is the largest request, before compression."""

    def __init__(self, exporter: Exporter, resource: Callable[[], Attributes], limit: int, host: Host) -> None:
        self._exporter = exporter
        self._resource = resource
        self._limit = limit
        self._host = host
        self._room: int | None = None
        self._unreadable = False

    @property
    def room(self) -> int:
        """How many bytes of spans fit into a request beside the resource; JSON's envelope is the larger one."""
        if self._room is None:
            self._room = self._limit - len(json.encode_request(self._resource(), "spancast", _version.VERSION, ())) - 1
        return self._room

    def encode(self, parcel: Parcel, span: Span) -> None:
        """Encode *span*; one that no request can hold is trimmed until it fits, or goes as it is where it cannot."""
        parcel.encode(span, self._exporter)
        self.fit(parcel)

    def fit(self, parcel: Parcel) -> None:
        """Trim an encoded span that no request can hold."""
        if parcel.size > self.room:
            self._trim(parcel, self.room)

    def _trim(self, parcel: Parcel, limit: int) -> bool:
        if not isinstance(parcel.encoded, bytes) or parcel.span is None:
            return False
        short = trim(parcel.span, limit, lambda span: _size(self._exporter.encode(span)))
        if short is not None:
            parcel.encode(short, self._exporter)
        return short is not None

    def batches(self, parcels: Iterable[Parcel]) -> Iterator[list[Parcel]]:
        """Cut encoded parcels into batches that fit into a request."""
        batch: list[Parcel] = []
        size = 0
        for parcel in parcels:
            if batch and size + parcel.size > self.room:
                yield batch
                batch, size = [], 0
            batch.append(parcel)
            size += parcel.size
        if batch:
            yield batch

    def send(self, batch: Sequence[Parcel]) -> None:
        """Send a batch until each span is settled. One refused request never stops the next.

        What is too large is halved, down to single spans, and these are trimmed. What the receiver cannot read is halved
        too, to find the span it stumbles over; but once: where nothing at all of a batch was readable, later batches are
        not searched again before something has been accepted.
        """
        parts = [list(batch)]
        began, tries, searched, accepted = time.monotonic(), 0, False, False
        while parts:
            part = self._host.held(parts.pop())
            if not part:
                continue
            left = self._host.time_left()
            if left <= 0:
                return self._host.settle(Fate.UNDELIVERED, _joined(part, parts), "shutdown deadline")
            outcome = self._exporter.export([parcel.encoded for parcel in part], left)
            tries += 1
            if outcome.verdict is Verdict.DELIVERED:
                self._delivered(part, outcome)
                accepted, self._unreadable = True, False
                began, tries = time.monotonic(), 0
                continue
            self._host.failed(outcome)
            if outcome.verdict is Verdict.RETRY:
                if not self._host.pause(tries, outcome, began):
                    return self._host.settle(Fate.UNDELIVERED, _joined(part, parts), outcome.reason)
                parts.append(part)
                continue
            tries = 0
            if outcome.verdict is Verdict.TOO_LARGE and self._smaller(part):
                parts.extend(_halves(part))
            elif len(part) > 1 and outcome.status in _UNREADABLE and not self._unreadable:
                searched = True
                parts.extend(_halves(part))
            else:
                self._host.settle(Fate.REJECTED, part, outcome.reason)
        if searched and not accepted:
            self._unreadable = True
        return None

    def _smaller(self, part: list[Parcel]) -> bool:
        """Return whether *part* can be sent smaller; remember that later requests have to be."""
        size = sum(parcel.size for parcel in part)
        if len(part) == 1:
            return self._trim(part[0], size // 2)
        if size:
            self._room = min(self.room, max(size // 2, _SMALLEST_REQUEST))
        return True

    def _delivered(self, part: list[Parcel], outcome: Outcome) -> None:
        rejected = min(len(part), max(0, outcome.rejected))
        if rejected:
            said = f"the receiver rejected {rejected} spans" + (f": {outcome.message}" if outcome.message else "")
            self._host.failed(replace(outcome, message=said))
        self._host.settle(Fate.DELIVERED, part[rejected:], None)
        self._host.settle(Fate.REJECTED, part[:rejected], outcome.reason)  # how many is known, not which


def _halves(part: list[Parcel]) -> list[list[Parcel]]:
    """Return the parts to send next, the first of them last: they are taken from the end. A single span stays whole."""
    middle = len(part) // 2
    return [part[middle:], part[:middle]] if middle else [part]


def _joined(part: list[Parcel], parts: list[list[Parcel]]) -> list[Parcel]:
    """Return what has not been settled, in its order."""
    return [*part, *(parcel for other in reversed(parts) for parcel in other)]
