"""Sending: one request, one answer, one result; and what to send next after an answer that asks for smaller requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from .. import _version
from ..conventions.limits import trim
from ..conventions.span import Attributes, Span
from ..destinations.destination import Exporter
from ..otlp import json
from ..otlp.outcome import Outcome, Verdict
from ..record.fast_frozen import frozen
from ..recording.guard import report_fault
from .buffer import Entry, size_of

MAX_BATCH: Final = 512  # spans a request
SEND_AT: Final = 1_000_000  # bytes that are sent without waiting for more: what waits is memory (the history workload)
SMALLEST_REQUEST: Final = 16_000  # bytes; below this, refusals of size teach nothing more
_UNREADABLE: Final = frozenset({400, 422})  # one span may be why the receiver could not read the others
_MAX_REQUESTS: Final = 64  # requests for one batch that the receiver cannot read
_GROWS_AFTER: Final = 8  # requests that arrive until a larger one is tried again


@frozen(kw_only=True)
class SendResult:
    """The outcome of the spans of one request.

    Attributes:
        delivered: Accepted by the receiver.
        rejected: Refused for good.
        retry: To be sent again later: of this request and of all that was to follow it.
        outcome: The receiver's answer; None where no request was made, because there was no time left for one.
    """

    delivered: Sequence[Entry] = ()
    rejected: Sequence[Entry] = ()
    retry: Sequence[Entry] = ()
    outcome: Outcome | None = None

    @property
    def failure(self) -> Outcome | None:
        """The answer, where it was no plain success."""
        if self.outcome is None or (self.outcome.verdict is Verdict.DELIVERED and not self.rejected):
            return None
        return self.outcome


class Sender:
    """Sends encoded spans through one exporter, and learns how large a request may be.

    `fit` is called by the encoder's thread, everything else by one sender's thread.

    Attributes:
        encode: Makes what the exporter takes of one span.
        limit: The largest request, before compression, in bytes.
        learned: How many bytes of spans a request may have, as refusals have taught; None: as many as fit.
    """

    def __init__(self, exporter: Exporter, resource: Callable[[], Attributes], limit: int) -> None:
        self.limit = limit
        self.encode = exporter.encode
        self._exporter = exporter
        self._resource = resource
        self._envelope: int | None = None
        self.learned: int | None = None
        self._arrived = 0  # requests since a connection last broke under a large one
        self._grows = False
        self._reads_nothing = False

    def warm_up(self) -> None:
        """Do what the first span would wait for: the resource imports OpenTelemetry's SDK."""
        try:
            self._envelope = self._envelope_size()
        except Exception as error:  # a detector of the platform's; the first span meets it again, and is counted
            report_fault("resource", error)

    # ------------------------------------------------------------------ sizes
    def _envelope_size(self) -> int:
        return len(json.encode_request(self._resource(), "spancast", _version.VERSION, ())) + 1

    @property
    def whole(self) -> int:
        """How many bytes of spans fit into a request beside the resource; JSON's envelope is the larger one."""
        if self._envelope is None:
            self._envelope = self._envelope_size()
        return self.limit - self._envelope

    @property
    def room(self) -> int:
        """How many bytes of spans the next request may have."""
        return self.whole if self.learned is None else min(self.whole, self.learned)

    def fit(self, payload: Any, span: Span) -> Any:
        """Return *payload*, the encoded *span*; where no request could hold it, with its longest values trimmed."""
        if type(payload) is not bytes or size_of(payload) <= self.whole:
            return payload
        return self._trimmed(span, self.whole) or payload

    def _trimmed(self, span: Span, limit: int) -> bytes | None:
        short = trim(span, limit, lambda each: size_of(self._exporter.encode(each)))
        return self._exporter.encode(short) if short is not None else None

    def batches(self, entries: Iterable[Entry]) -> Iterator[list[Entry]]:
        """Cut *entries* into batches that fit into a request."""
        batch: list[Entry] = []
        size = 0
        for entry in entries:
            own = size_of(entry[2])
            if batch and (size + own > self.room or len(batch) >= MAX_BATCH):
                yield batch
                batch, size = [], 0
            batch.append(entry)
            size += own
        if batch:
            yield batch

    def close(self) -> None:
        """Let go of connections and files."""
        self._exporter.close()

    # ------------------------------------------------------------------ one request
    def send(self, entries: Sequence[Entry], timeout: float) -> SendResult:
        """Send *entries* in one request, within *timeout* seconds. What asks for a smaller request is in `retry`."""
        outcome = self._exporter.export([entry[2] for entry in entries], timeout)
        if outcome.parts:
            return _result_of_parts(entries, outcome)
        if outcome.verdict is Verdict.DELIVERED:
            self._has_arrived()
            rejected = min(len(entries), max(0, outcome.rejected))
            return SendResult(delivered=entries[rejected:], rejected=entries[:rejected], outcome=outcome)
        if outcome.verdict is Verdict.RETRY and outcome.is_broken:
            self._learn(entries, grows=True)
        if outcome.verdict is Verdict.REFUSED:
            return SendResult(rejected=entries, outcome=outcome)
        return SendResult(retry=entries, outcome=outcome)

    def _has_arrived(self) -> None:
        self._reads_nothing = False
        if self._grows and self.learned is not None:
            self._arrived += 1
            if self._arrived >= _GROWS_AFTER:
                self._arrived = 0
                self.learned = self.learned * 2 if self.learned * 2 < self.whole else None

    def _learn(self, entries: Sequence[Entry], *, grows: bool) -> bool:
        """Remember that a request of this size was too large; return whether there is a smaller one.

        Some gateways break the connection under a large request instead of answering 413. A receiver that is restarted
        breaks it as well: so later requests *grow* again.
        """
        size = sum([size_of(entry[2]) for entry in entries])
        if len(entries) < 2 or size <= SMALLEST_REQUEST:
            return len(entries) > 1 and not grows
        self.learned = min(self.room, max(size // 2, SMALLEST_REQUEST))
        self._arrived, self._grows = 0, grows
        return True

    # ------------------------------------------------------------------ a batch
    def deliver(self, entries: Sequence[Entry], time_left: Callable[[], float]) -> Iterator[SendResult]:
        """Send *entries*, in as many requests as it takes, and yield each result; stop where a later try is asked for.

        What is too large is halved, down to single spans, and these are trimmed. What the receiver cannot read is halved
        too, to find the spans it stumbles over: but where it reads nothing at all, down to two single spans, all of it is
        rejected, and so are later batches, unsearched, until something is accepted. *time_left* says for how many seconds a
        request may last; 0 ends it.
        """
        parts = list(self.batches(entries))[::-1]
        search = _Search()
        while parts:
            part = parts.pop()
            left = time_left()
            if left <= 0:
                yield SendResult(retry=_joined(part, parts))
                return
            result = self.send(part, left)
            outcome = result.outcome
            verdict = outcome.verdict if outcome is not None else Verdict.REFUSED
            if outcome is not None and outcome.parts:
                if result.retry:
                    yield replace(result, retry=_joined(list(result.retry), parts))
                    return
                yield result
            elif verdict is Verdict.TOO_LARGE:
                smaller = self._smaller(part)
                parts.extend(smaller)
                yield SendResult(outcome=outcome) if smaller else SendResult(rejected=part, outcome=outcome)
            elif outcome is not None and outcome.status in _UNREADABLE and not self._reads_nothing:
                search.refused(part)
                if search.is_hopeless:
                    self._reads_nothing = search.read_nothing
                    yield SendResult(rejected=_joined(part, parts), outcome=outcome)
                    return
                if len(part) > 1:
                    parts.extend(_halves(part))
                    yield SendResult(outcome=outcome)
                else:
                    yield result
            elif verdict is Verdict.RETRY:
                yield SendResult(retry=_joined(part, parts), outcome=outcome)
                return
            else:
                search.found_any = search.found_any or verdict is Verdict.DELIVERED
                yield result
        self._reads_nothing = self._reads_nothing or search.read_nothing

    def _smaller(self, part: list[Entry]) -> list[list[Entry]]:
        """Return the parts to send instead of one that was too large; none where it cannot be made smaller."""
        if len(part) > 1:
            self._learn(part, grows=False)
            return _halves(part)
        number, offered_at, payload = part[0]
        decode = getattr(self._exporter, "decode", None)
        if type(payload) is not bytes or decode is None:
            return []
        short = self._trimmed(decode(payload), size_of(payload) // 2)
        return [[(number, offered_at, short)]] if short is not None else []


def _result_of_parts(entries: Sequence[Entry], outcome: Outcome) -> SendResult:
    """Return the result of a batch each of which had an answer of its own."""
    pairs = list(zip(entries, outcome.parts, strict=True))
    return SendResult(
        delivered=[entry for entry, part in pairs if part.verdict is Verdict.DELIVERED],
        rejected=[entry for entry, part in pairs if part.verdict in (Verdict.REFUSED, Verdict.TOO_LARGE)],
        retry=[entry for entry, part in pairs if part.verdict is Verdict.RETRY],
        outcome=outcome,
    )


class _Search:
    """The search for the spans of a batch that a receiver cannot read.

    Attributes:
        found_any: Whether it has read anything of the batch.
    """

    def __init__(self) -> None:
        self.found_any = False
        self._singles = 0
        self._further = 0
        self._requests = 0

    def refused(self, part: Sequence[Entry]) -> None:
        """Count a refusal."""
        self._requests += 1
        self._further += self._singles > 1
        self._singles += len(part) == 1

    @property
    def read_nothing(self) -> bool:
        """Whether two single spans were refused and nothing of the batch was read."""
        return self._singles > 1 and not self.found_any

    @property
    def is_hopeless(self) -> bool:
        """Whether what came after two refused spans was refused as well, or too many requests were made."""
        return (self.read_nothing and self._further > 0) or self._requests >= _MAX_REQUESTS


def _halves(part: list[Entry]) -> list[list[Entry]]:
    """Return the parts to send next, the first of them last: they are taken from the end."""
    middle = len(part) // 2
    return [part[middle:], part[:middle]] if middle else [part]


def _joined(part: list[Entry], parts: list[list[Entry]]) -> list[Entry]:
    """Return what has not been sent, in its order."""
    return [*part, *(entry for other in reversed(parts) for entry in other)]
