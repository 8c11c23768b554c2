"""How long a request may last, by the phase of its lane: a table, without a clock."""

from __future__ import annotations

import pytest

from spancast.delivery.failures import ending_text
from spancast.delivery.phase import LaneState, Phase, draining, request_time

DRAINING = Phase(LaneState.DRAINING, began=10.0, until=20.0)


@pytest.mark.parametrize(
    ("phase", "now", "spooled", "failing", "expected"),
    [
        (Phase(), 5.0, True, True, 3600.0),
        (Phase(LaneState.CLOSED), 5.0, False, False, 0.0),
        (DRAINING, 15.0, False, False, 5.0),
        (DRAINING, 25.0, False, False, 0.05),  # one try, in any case: there is nowhere else to go
        (DRAINING, 25.0, False, True, 0.0),
        (DRAINING, 11.0, True, True, 9.0),
        (DRAINING, 12.5, True, True, 0.0),  # a failing receiver has two seconds, where a spool can keep the spans
        (DRAINING, 12.5, True, False, 7.5),
        (DRAINING, 25.0, True, False, 0.0),
    ],
)
def test_how_long_a_request_may_last(phase: Phase, now: float, spooled: bool, failing: bool, expected: float) -> None:
    """While it runs an hour; in a shutdown until the deadline; after it nothing."""
    assert expected == request_time(phase, now, spooled=spooled, failing=failing)


def test_a_shutdown_with_a_spool_keeps_time_to_write() -> None:
    """Its last part, 30 % or a second and a half, is for the disk."""
    assert (8.5, 10.0) == (draining(0.0, 10.0, 0, spooled=True).until, draining(0.0, 10.0, 0, spooled=False).until)
    assert 0.7 == draining(0.0, 1.0, 0, spooled=True).until


def test_what_a_shutdown_leaves_behind_is_said_in_words() -> None:
    """One span is not several."""
    assert "1 span stays on disk, to be sent at the next start or by `spancast replay`" == ending_text(0, 1, 0)
    assert "2 spans could not be sent before the shutdown deadline and are lost" == ending_text(2, 0, 0)
    assert ending_text(1, 0, 1).endswith("1 span was dropped while it shut down: spancast.report() says why")
