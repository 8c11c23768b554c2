"""The sender by scripted answers, without a thread: one request, one result, and what is sent next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from spancast.delivery.buffer import Entry
from spancast.delivery.sender import MAX_BATCH, SMALLEST_REQUEST, Sender, SendResult
from spancast.otlp.outcome import DELIVERED, Outcome, Verdict

from .test_lane import AGAIN, NO, UNREADABLE, Scripted

BROKEN = Outcome(verdict=Verdict.RETRY, reason="connection broken", message="it broke", code="E209")


def entries(count: int, size: int = 10) -> list[Entry]:
    """Return encoded spans, each with its number in front."""
    return [(number, 0.0, f"{number:08d}".encode().ljust(size, b"x")) for number in range(1, count + 1)]


def sender(target: Any, limit: int = 4_000_000) -> Sender:
    """Return a sender."""
    return Sender(target, dict, limit)


def numbers(found: Sequence[Entry]) -> list[int]:
    """Return the numbers of spans."""
    return [entry[0] for entry in found]


def all_of(results: list[SendResult], what: str) -> list[int]:
    """Return the numbers of all spans that became *what*."""
    return [number for result in results for number in numbers(getattr(result, what))]


def test_a_success_delivers() -> None:
    """One request, everything delivered, no failure."""
    result = sender(Scripted()).send(entries(3), 10.0)
    assert ([1, 2, 3], [], [], None) == (
        numbers(result.delivered),
        numbers(result.rejected),
        numbers(result.retry),
        result.failure,
    )


@pytest.mark.parametrize(("rejected", "expected"), [(1, [1]), (3, [1, 2, 3]), (99, [1, 2, 3]), (-4, [])])
def test_a_partial_success_rejects_as_many_as_there_are(rejected: int, expected: list[int]) -> None:
    """How many is known, not which."""
    target = Scripted(Outcome(verdict=Verdict.DELIVERED, rejected=rejected, reason="partial success"))
    result = sender(target).send(entries(3), 10.0)
    assert expected == numbers(result.rejected)
    assert 3 == len(result.delivered) + len(result.rejected)


def test_it_stops_where_a_later_try_is_asked_for() -> None:
    """What was to follow is to be tried later as well, in its order."""
    target = Scripted(DELIVERED, AGAIN)
    results = list(sender(target).deliver(entries(3 * MAX_BATCH), lambda: 10.0))
    assert list(range(1, MAX_BATCH + 1)) == all_of(results, "delivered")
    assert list(range(MAX_BATCH + 1, 3 * MAX_BATCH + 1)) == all_of(results, "retry")
    assert 2 == len(target.batches)


def test_without_time_no_request_is_made() -> None:
    """All of it is to be tried later."""
    target = Scripted()
    (result,) = sender(target).deliver(entries(2), lambda: 0.0)
    assert ([1, 2], None, []) == (numbers(result.retry), result.outcome, target.batches)


def test_a_refusal_rejects_its_request_only() -> None:
    """The next request is made all the same."""
    target = Scripted(NO)
    results = list(sender(target).deliver(entries(MAX_BATCH + 5), lambda: 10.0))
    assert (MAX_BATCH, 5) == (len(all_of(results, "rejected")), len(all_of(results, "delivered")))


class Reader(Scripted):
    """Cannot read requests that have one of some spans."""

    def __init__(self, *bad: int) -> None:
        super().__init__()
        self.bad = bad

    def export(self, batch: Sequence[bytes], timeout: float) -> Outcome:
        self.batches.append(list(batch))
        return UNREADABLE if any(int(payload[:8]) in self.bad for payload in batch) else DELIVERED


@pytest.mark.parametrize(
    ("count", "bad"), [(120, (7,)), (120, (1, 2)), (120, (1, 61, 120)), (512, (3, 200, 201, 511)), (2, (2,))]
)
def test_the_spans_that_cannot_be_read_are_found(count: int, bad: tuple[int, ...]) -> None:
    """They take no others along, in a bounded number of requests."""
    target = Reader(*bad)
    results = list(sender(target).deliver(entries(count), lambda: 10.0))
    assert (sorted(bad), count - len(bad)) == (
        sorted(all_of(results, "rejected")),
        len(all_of(results, "delivered")),
    )
    assert len(target.batches) <= 64


@pytest.mark.parametrize(("count", "most"), [(8, 6), (120, 11), (512, 13)])
def test_a_receiver_that_reads_nothing_costs_few_requests(count: int, most: int) -> None:
    """All are rejected; and later batches are not searched, until something is accepted."""
    target = Reader(*range(1, count + 1))
    own = sender(target)
    assert count == len(all_of(list(own.deliver(entries(count), lambda: 10.0)), "rejected"))
    assert len(target.batches) <= most
    target.batches.clear()
    assert count == len(all_of(list(own.deliver(entries(count), lambda: 10.0)), "rejected"))
    assert 1 == len(target.batches)
    target.bad = ()
    list(own.deliver(entries(1), lambda: 10.0))
    target.bad = (5,)
    assert [5] == all_of(list(own.deliver(entries(8), lambda: 10.0)), "rejected")


def test_a_connection_that_breaks_above_a_size_teaches_it_and_larger_ones_are_tried_again() -> None:
    """As a 413 would, but a receiver that is only restarted breaks connections too: requests grow again."""
    target = Scripted(BROKEN, BROKEN)
    own = sender(target)
    batch = entries(40, 50_000)
    whole = own.room
    (result,) = own.deliver(batch, lambda: 10.0)
    assert 40 == len(result.retry)
    after = own.room
    assert after < whole
    list(own.deliver(batch, lambda: 10.0))
    assert SMALLEST_REQUEST <= own.room < after
    for _ in range(100):
        list(own.deliver(entries(1), lambda: 10.0))
    assert whole == own.room


def test_one_small_request_that_breaks_teaches_nothing() -> None:
    """The receiver is simply away."""
    own = sender(Scripted(*[BROKEN] * 50))
    before = own.room
    for _ in range(50):
        list(own.deliver(entries(3), lambda: 10.0))
    assert before == own.room
