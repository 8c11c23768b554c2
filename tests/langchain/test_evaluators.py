"""The runs of langchain-classic's evaluators are EVALUATOR operations with their score."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda

from spancast import Pipeline, destinations
from spancast.langchain import SpancastCallbackHandler
from spancast.testing import RecordedTraces

# The outputs of langchain-classic's evaluators, whose runs have the names of their classes.
OUTPUTS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "CriteriaEvalChain",
        {"results": {"reasoning": "It is short.", "value": "Y", "score": 1}},
        {"name": "criteria", "value": 1.0, "label": "Y", "explanation": "It is short.", "annotator_kind": "LLM"},
    ),
    (
        "ScoreStringEvalChain",
        {"results": {"reasoning": "Good.", "score": 7}},
        {"name": "score_string", "value": 7.0, "explanation": "Good.", "annotator_kind": "LLM"},
    ),
    ("StringDistanceEvalChain", {"score": 0.25}, {"name": "string_distance", "value": 0.25, "annotator_kind": "CODE"}),
    (
        "QAEvalChain",
        {"results": {"reasoning": "GRADE: CORRECT", "value": "CORRECT", "score": 1}},
        {"name": "qa", "value": 1.0, "label": "CORRECT", "explanation": "GRADE: CORRECT", "annotator_kind": "LLM"},
    ),
]


@pytest.mark.parametrize(("name", "outputs", "score"), OUTPUTS, ids=[name for name, _, _ in OUTPUTS])
def test_an_evaluators_run_has_its_score(
    name: str, outputs: dict[str, Any], score: dict[str, Any], traces: RecordedTraces
) -> None:
    """Value, category and reason stand as an evaluation on the run, beside its input and output."""
    RunnableLambda(lambda _: outputs).invoke({"prediction": "hi"}, {"run_name": name})
    trace = traces.last
    trace.evaluator(name).called_once()
    assert [score] == trace.scores
    assert {"prediction": "hi"} == trace.input


@pytest.mark.parametrize("outputs", [{"results": "Y"}, {"results": {"score": None}}, {}, "Y"])
def test_an_evaluator_without_a_result_has_no_score(outputs: Any, traces: RecordedTraces) -> None:
    """What is no result is none: the run is there."""
    RunnableLambda(lambda _: outputs).invoke({}, {"run_name": "CriteriaEvalChain"})
    assert ([], 1) == (traces.last.scores, len(traces.last.spans))


def test_the_score_leaves_in_privacy_mode_without_its_reason() -> None:
    """No content is captured where no destination may see it; value and category are none."""
    memory = destinations.memory(privacy_mode=True)
    outputs = {"results": {"reasoning": "Ada was rude.", "value": "N", "score": 0}}
    with Pipeline(memory):
        RunnableLambda(lambda _: outputs).invoke(
            "q", {"run_name": "CriteriaEvalChain", "callbacks": [SpancastCallbackHandler()]}
        )
    (span,) = memory.spans
    assert (0.0, "N") == (
        span.attributes["evaluations.0.evaluation.score"],
        span.attributes["evaluations.0.evaluation.label"],
    )
    assert "Ada" not in repr(span)
