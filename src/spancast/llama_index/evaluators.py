"""LlamaIndex's evaluators: what they judge is captured from their calls, which `unreported` lets its dispatcher report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llama_index.core.evaluation.base import EvaluationResult

from ..capture.evaluations import judgement_of
from ..recording.open_operation import OpenOperation


def capture_evaluation(instance: object, result: object, operation: OpenOperation) -> None:
    """Capture the score of an evaluator's call."""
    fields: Mapping[str, Any] = vars(result) if isinstance(result, EvaluationResult) else {}
    if not fields.get("invalid_result"):
        operation.snapshots["judgement"] = judgement_of(type(instance).__name__, fields, content=operation.capture)
