"""Type checkers know each way of calling `spancast.trace`: mypy reads this file as it reads users' code."""

from __future__ import annotations

from typing import assert_type

import spancast
from spancast.recording.trace import trace


def test_each_way_of_calling_it_has_a_type(pipeline: spancast.Pipeline) -> None:
    """Bare or with arguments a decorator keeps the function's type; a name may stand alone."""

    @spancast.trace
    def bare(number: int) -> int:
        return number

    @spancast.trace(kind="TOOL", user="u1")
    def named(number: int) -> str:
        return str(number)

    assert 1 == assert_type(bare(1), int)
    assert "1" == assert_type(named(1), str)
    with assert_type(spancast.trace("Nightly report"), trace) as handle:
        assert_type(handle, spancast.TraceHandle)
    with spancast.trace(session_id="s1"):
        pass
