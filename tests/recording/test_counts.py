"""What a block costs its thread, in counts that no machine moves; times are the benchmarks' matter."""

from __future__ import annotations

from typing import Any

import spancast
from spancast import destinations

from ..calls import python_calls


def calls_of_a_block(pipeline: spancast.Pipeline, fields: dict[str, Any]) -> int:
    """Return how many Python functions one block calls in its own thread."""

    def block() -> None:
        with pipeline.trace(trace_name="T", **fields):
            pass

    for _ in range(3):  # what is looked at once only
        block()
    return python_calls(block) - 1


def test_texts_of_metadata_cost_no_call_each() -> None:
    """Names are compared once, and nothing is searched for secrets in the callback: 30 names took a millisecond."""
    with spancast.Pipeline(destinations.memory()) as pipeline:
        few = calls_of_a_block(pipeline, {f"name_{index}": "x" * 50 for index in range(2)})
        many = calls_of_a_block(pipeline, {f"attribute.{index}": "x" * 50 for index in range(60)})
        long = calls_of_a_block(pipeline, {f"name_{index}": "x" * 200_000 for index in range(2)})
    assert many < few + 20  # 58 more names; a few calls are made now and then only
    assert long < few + 20
    assert few < 100
