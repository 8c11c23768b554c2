"""What a lane does next: a table, without a clock, a thread or a receiver."""

from __future__ import annotations

import pytest

from spancast.delivery.inbox import Marker
from spancast.delivery.next_step import Do, Next, Situation, next_step
from spancast.delivery.phase import LaneState, Phase
from spancast.delivery.waiters import Waiters

NOW = 1_000.0
DRAINING = Phase(LaneState.DRAINING, began=NOW - 1.0, until=NOW + 8.0)
LAST_TRIES_OVER = Phase(LaneState.DRAINING, began=NOW - 3.0, until=NOW + 8.0)
FRESH = Situation(
    oldest=NOW, full=False, pause=0.0, asked=False, patience=120.0, waited_for=None, phase=Phase(), disk=True
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"oldest": None}, Next(Do.WAIT, 5.0)),
        ({}, Next(Do.WAIT, 0.5)),  # more may come to one request
        ({"oldest": NOW - 0.4}, Next(Do.WAIT, 0.1)),
        ({"oldest": NOW - 0.5}, Next(Do.SEND, 0.0)),
        ({"full": True}, Next(Do.SEND, 0.0)),
        ({"waited_for": NOW + 3}, Next(Do.SEND, 0.0)),
        # the receiver fails
        ({"full": True, "pause": 2.0}, Next(Do.WAIT, 2.0)),
        ({"full": True, "pause": 60.0}, Next(Do.WAIT, 5.0)),  # a lost wake-up costs no more
        # nowhere to put them
        ({"full": True, "pause": 2.0, "disk": False}, Next(Do.WAIT, 2.0)),
        ({"oldest": NOW - 119, "pause": 2.0, "disk": False}, Next(Do.WAIT, 1.0)),
        ({"oldest": NOW - 121, "pause": 2.0, "disk": False}, Next(Do.DROP, 0.01)),
        ({"oldest": NOW - 121, "pause": 0.0, "disk": False}, Next(Do.SEND, 0.0)),
        # somebody waits
        ({"pause": 2.0, "waited_for": NOW + 3}, Next(Do.WAIT, 2.0)),  # there is time for a try
        ({"pause": 2.0, "waited_for": NOW + 1}, Next(Do.WAIT, 2.0)),  # the receiver is tried again in half a second
        ({"pause": 2.0, "waited_for": NOW + 1, "asked": True}, Next(Do.WRITE, 2.0)),
        ({"pause": 2.0, "waited_for": NOW + 3, "asked": True}, Next(Do.WAIT, 2.0)),
        # the end
        ({"pause": 2.0, "waited_for": NOW + 8, "phase": DRAINING}, Next(Do.WAIT, 2.0)),
        ({"pause": 9.0, "waited_for": NOW + 8, "phase": DRAINING}, Next(Do.WRITE, 9.0)),
        ({"pause": 0.2, "waited_for": NOW + 8, "phase": LAST_TRIES_OVER}, Next(Do.WRITE, 0.2)),
        ({"pause": 0.0, "waited_for": NOW + 8, "phase": LAST_TRIES_OVER}, Next(Do.SEND, 0.0)),
    ],
)
def test_the_next_step_follows_from_the_situation(changes: dict[str, object], expected: Next) -> None:
    """Sent when ripe and the receiver takes something; written when waiting is in vain; dropped where there is no disk."""
    found = next_step(NOW, FRESH._replace(**changes))
    assert expected.do is found.do
    assert pytest.approx(expected.after) == found.after


def test_who_has_gone_is_waited_for_no_more() -> None:
    """The latest deadline counts, of those that are still there."""
    waiters = Waiters()
    assert not waiters
    assert waiters.until(NOW) is None
    first, last, gone = Marker(NOW + 1), Marker(NOW + 5), Marker(NOW + 9)
    for marker in (first, last, gone):
        waiters.add(marker)
    gone.done = True
    assert NOW + 5 == waiters.until(NOW)
    assert waiters.until(NOW + 6) is None
    assert waiters.until(NOW + 20) is None
    assert not waiters
