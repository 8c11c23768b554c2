"""How long to wait before the next try."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spancast.delivery.retry import Backoff


@pytest.mark.parametrize(("tries", "middle"), [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (7, 30.0), (1000, 30.0)])
def test_the_wait_doubles_up_to_the_longest(tries: int, middle: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second, one, two, and never above 30 seconds, before jitter."""
    monkeypatch.setattr("random.uniform", lambda low, high: (low + high) / 2)
    assert middle == Backoff().wait(tries, None)


@given(st.integers(1, 200), st.floats(0.001, 10), st.floats(0.001, 60))
def test_jitter_stays_within_a_fifth(tries: int, first: float, longest: float) -> None:
    """Clients that failed together come back apart, and none far from its time."""
    own = min(longest, first * 2.0 ** (tries - 1))
    assert True is (own * 0.79 <= Backoff(first=first, longest=longest).wait(tries, None) <= own * 1.21)


def test_waits_differ() -> None:
    """The jitter is there at all."""
    assert True is (len({Backoff().wait(3, None) for _ in range(50)}) > 1)


@given(st.integers(1, 20), st.floats(0, 1000))
def test_the_receivers_own_wish_is_a_lower_bound(tries: int, retry_after: float) -> None:
    """`Retry-After` is never cut short, also where it is longer than our longest wait."""
    assert True is (Backoff().wait(tries, retry_after) >= retry_after)
