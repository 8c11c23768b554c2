"""When a failing receiver is tried again: tables of events with a clock that is an argument."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spancast.delivery.circuit import HURRIED_INTERVAL, MAX_RETRY_AFTER, Backoff, CircuitBreaker, clamped

BACKOFF = Backoff(initial_interval=1.0, max_interval=8.0, max_elapsed_time=60.0)


def breaker() -> CircuitBreaker:
    """Return a breaker without jitter."""
    return CircuitBreaker(BACKOFF, lambda: 1.0)


@pytest.mark.parametrize(
    ("failures", "wait"), [(0, 0.0), (1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 8.0), (5000, 8.0)]
)
def test_the_wait_doubles_up_to_its_bound(failures: int, wait: float) -> None:
    """However often it failed."""
    tried = breaker()
    for _ in range(failures):
        tried.failed(100.0)
    assert wait == tried.wait(100.0)
    assert max(0.0, wait - 3.0) == tried.wait(103.0)


@pytest.mark.parametrize(
    ("retry_after", "is_limited", "wait", "hurried"),
    [
        (None, False, 1.0, HURRIED_INTERVAL),
        (0.0, False, 1.0, HURRIED_INTERVAL),
        (0.5, False, 1.0, 1.0),
        (30.0, False, 30.0, 30.0),
        (3600.0, False, 3600.0, 3600.0),
        (3600.0, True, 3600.0, HURRIED_INTERVAL),  # it asked for more: no promise to keep while somebody waits
        (9_999_999_999.0, False, MAX_RETRY_AFTER, HURRIED_INTERVAL),
        (1e300, False, MAX_RETRY_AFTER, HURRIED_INTERVAL),
        (math.inf, False, MAX_RETRY_AFTER, HURRIED_INTERVAL),
        (math.nan, False, 1.0, HURRIED_INTERVAL),
        (-5.0, False, 1.0, HURRIED_INTERVAL),
    ],
)
def test_a_receiver_that_asks_for_a_pause_gets_it(
    retry_after: float | None, is_limited: bool, wait: float, hurried: float
) -> None:
    """Also in a hurry, as far as it can be believed; never for longer than an hour."""
    tried = breaker()
    tried.failed(100.0, retry_after, "HTTP 429", is_limited=is_limited)
    assert (wait, hurried) == (tried.wait(100.0), tried.wait(100.0, hurried=True))


def test_a_success_forgets_the_failures() -> None:
    """It tells whether the receiver was failing before."""
    tried = breaker()
    assert not tried.succeeded()
    tried.failed(100.0, 30.0, "HTTP 503")
    tried.failed(130.0, None, "HTTP 503")
    assert (2, 100.0, "HTTP 503", 40.0) == (tried.failures, tried.failing_since, tried.reason, tried.outage(140.0))
    assert tried.succeeded()
    assert (0, None, "", 0.0, 0.0) == (
        tried.failures,
        tried.failing_since,
        tried.reason,
        tried.outage(140.0),
        tried.wait(140.0),
    )


@given(st.floats() | st.none())
def test_no_number_from_outside_is_a_wait_beyond_an_hour(retry_after: float | None) -> None:
    """Nor a negative one, nor none at all."""
    assert 0.0 <= clamped(retry_after) <= MAX_RETRY_AFTER


@given(failures=st.integers(-10, 10**6), jitter=st.floats(0.8, 1.2))
def test_jitter_spreads_clients_within_a_fifth(failures: int, jitter: float) -> None:
    """And never beyond the longest interval and a fifth."""
    assert 0.8 * BACKOFF.initial_interval <= BACKOFF.interval(failures, jitter) <= 1.2 * BACKOFF.max_interval
