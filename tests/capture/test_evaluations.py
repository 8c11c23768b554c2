"""What an evaluator of the application's own returns, read as a score."""

from __future__ import annotations

from typing import Any

import pytest

import spancast
from spancast.testing import RecordedTraces


@pytest.mark.parametrize(
    ("output", "score"),
    [
        (0.5, {"name": "is_short", "value": 0.5}),
        (True, {"name": "is_short", "value": 1.0}),
        (
            {"key": "short", "score": False, "comment": "Too long."},
            {"name": "short", "value": 0.0, "explanation": "Too long."},
        ),
        ([{"key": "tone", "value": "kind"}], {"name": "tone", "label": "kind"}),
        ("yes", None),
        ({}, None),
        ([1, 2], None),
    ],
)
def test_a_traced_evaluator_has_its_score(output: Any, score: dict[str, Any] | None, traces: RecordedTraces) -> None:
    """A number, True or False, or a mapping as openevals and LangSmith have it; what is no result is none."""

    @spancast.trace(kind="EVALUATOR")
    def is_short(answer: str) -> Any:
        return output

    is_short("hi")
    traces.last.evaluator("is_short").called_once()
    assert ([{**score, "annotator_kind": "CODE"}] if score else []) == traces.last.scores
