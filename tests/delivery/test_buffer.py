"""The outbox as a state machine, without threads: every span is queued, claimed or counted, and in one of them only."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from spancast.delivery.buffer import Claim, SpanBuffer, size_of
from spancast.delivery.ledger import Ledger

COLUMNS = st.sampled_from(["delivered", "rejected", "dropped", "spooled"])


class Outbox(RuleBasedStateMachine):
    """What each thread does is one step under one lock, so the order of these steps is all there is to try."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger("d")
        self.buffer = SpanBuffer(self.ledger)
        self.claims: list[tuple[Claim, set[int]]] = []
        self.revoked: list[tuple[Claim, list[Any]]] = []
        self.queued: list[int] = []
        self.settled: set[int] = set()
        self.put_in = 0

    def in_claims(self) -> set[int]:
        return {number for _, numbers in self.claims for number in numbers}

    @rule(sizes=st.lists(st.integers(0, 50), min_size=1, max_size=5))
    def put(self, sizes: list[int]) -> None:
        """The encoder puts spans in."""
        self.buffer.put([b"x" * size for size in sizes], offered_at=1.0)
        self.queued += range(self.put_in + 1, self.put_in + len(sizes) + 1)
        self.put_in += len(sizes)

    @rule(most=st.integers(1, 6), most_bytes=st.one_of(st.none(), st.integers(0, 200)), revocable=st.booleans())
    def claim(self, most: int, most_bytes: int | None, revocable: bool) -> None:
        """A thread takes the oldest."""
        claim = self.buffer.claim(most, most_bytes, revocable=revocable)
        if not self.queued:
            assert claim is None
            return
        assert claim is not None
        numbers = [entry[0] for entry in claim.entries]
        assert 1 <= len(numbers) <= most
        assert numbers == self.queued[: len(numbers)]
        size = sum(size_of(entry[2]) for entry in claim.entries)
        assert most_bytes is None or len(numbers) == 1 or size <= most_bytes
        del self.queued[: len(numbers)]
        self.claims.append((claim, set(numbers)))

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), column=COLUMNS)
    def settle(self, data: st.DataObject, column: str) -> None:
        """A thread reports what became of some of its spans."""
        claim, numbers = data.draw(st.sampled_from(self.claims))
        chosen = data.draw(st.sets(st.sampled_from(sorted(numbers)))) if numbers else set()
        entries = [entry for entry in claim.entries if entry[0] in chosen]
        assert len(chosen) == claim.settle(entries, column, "why")
        assert 0 == claim.settle(entries, column, "why")  # a second report of the same counts for nothing
        numbers -= chosen
        self.settled |= chosen

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        """A thread could not send them now: they are the oldest again."""
        claim, numbers = data.draw(st.sampled_from(self.claims))
        claim.give_back()
        self.queued = sorted([*numbers, *self.queued])
        numbers.clear()

    @rule()
    def revoke(self) -> None:
        """Who shuts down takes over what threads are stuck with; a late report of theirs counts for nothing."""
        before = [(claim, claim.entries) for claim, _ in self.claims if claim.revocable]
        taken: set[int] = set()
        for claim, numbers in self.claims:
            if claim.revocable:
                taken |= numbers
                numbers.clear()
        claim = self.buffer.revoke()
        assert (claim is None) == (not taken)
        for late, entries in before:
            assert 0 == late.settle(entries, "delivered")
            assert not late
        if claim is not None:
            assert sorted(taken) == [entry[0] for entry in claim.entries]
            self.claims.append((claim, taken))

    @rule()
    def clear(self) -> None:
        """The end: whatever is left is counted as dropped."""
        left = len(self.queued) + len(self.in_claims())
        assert left == self.buffer.clear("dropped", "deadline")
        self.settled |= {*self.queued, *self.in_claims()}
        self.queued.clear()
        for _, numbers in self.claims:
            numbers.clear()

    @invariant()
    def every_span_is_in_one_place(self) -> None:
        """Queued, claimed or counted; bytes are those of the queue; the ledger agrees; nothing old is forgotten."""
        claimed = self.in_claims()
        assert self.put_in == len(self.queued) + len(claimed) + len(self.settled)
        assert (len(self.queued), len(claimed)) == (len(self.buffer), self.buffer.in_flight)
        report = self.ledger.report()
        assert (self.put_in, len(self.queued) + len(claimed)) == (report.recorded, report.queued)
        assert self.buffer.bytes >= 0
        assert (self.buffer.bytes == 0) == (not self.queued)
        waiting = [*self.queued, *claimed]
        assert self.buffer.settled_to == (min(waiting) - 1 if waiting else self.put_in)
        assert self.buffer.is_empty == (not waiting)


TestOutbox = Outbox.TestCase


def test_an_age_limits_a_claim() -> None:
    """Only what was offered before a moment is taken."""
    buffer = SpanBuffer(Ledger("d"))
    buffer.put([b"old", b"old"], offered_at=1.0)
    buffer.put([b"new"], offered_at=5.0)
    claim = buffer.claim(10, offered_before=2.0)
    assert claim is not None
    assert [b"old", b"old"] == [entry[2] for entry in claim.entries]
    assert buffer.claim(10, offered_before=2.0) is None
    assert 5.0 == buffer.oldest()
