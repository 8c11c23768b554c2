"""The evaluators of langchain-classic, by the exact names of their classes, which are the names of their runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

EVALUATORS = frozenset(
    {
        *("CriteriaEvalChain", "LabeledCriteriaEvalChain", "ScoreStringEvalChain", "LabeledScoreStringEvalChain"),
        *("QAEvalChain", "ContextQAEvalChain", "CotQAEvalChain", "TrajectoryEvalChain"),
        *("PairwiseStringEvalChain", "LabeledPairwiseStringEvalChain"),
        *("EmbeddingDistanceEvalChain", "PairwiseEmbeddingDistanceEvalChain"),
        *("StringDistanceEvalChain", "PairwiseStringDistanceEvalChain"),
    }
)


def result_in(outputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the result in an evaluator's outputs: they are it, or have it under the one key that its class names."""
    if "score" in outputs or "value" in outputs:
        return outputs
    inner = [each for each in outputs.values() if isinstance(each, Mapping) and ("score" in each or "value" in each)]
    return inner[0] if len(inner) == 1 else {}
