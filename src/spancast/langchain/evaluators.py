"""The evaluators of langchain-classic, by the exact names of their classes, which are the names of their runs."""

from __future__ import annotations

EVALUATORS = frozenset(
    {
        *("CriteriaEvalChain", "LabeledCriteriaEvalChain", "ScoreStringEvalChain", "LabeledScoreStringEvalChain"),
        *("QAEvalChain", "ContextQAEvalChain", "CotQAEvalChain", "TrajectoryEvalChain"),
        *("PairwiseStringEvalChain", "LabeledPairwiseStringEvalChain"),
        *("EmbeddingDistanceEvalChain", "PairwiseEmbeddingDistanceEvalChain"),
        *("StringDistanceEvalChain", "PairwiseStringDistanceEvalChain"),
    }
)
