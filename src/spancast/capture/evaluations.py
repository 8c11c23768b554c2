"""The result of an evaluator's run as a score, for both frameworks: their spellings of value, category and reason."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ..record.operation import Score

_VALUES: Final = ("score", "value")
_REASONS: Final = ("reasoning", "feedback", "explanation", "comment")
_MAX_LABEL: Final = 256  # characters
_MAX_REASON: Final = 100_000
_ENDINGS: Final = re.compile(r"(EvalChain|Evaluator)$")
_HUMPS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BY_CODE: Final = ("Distance", "Similarity")  # in the names of evaluators that compare, and ask no model


def criterion_of(class_name: str) -> str:
    """Return what an evaluator judges, by its class: `FaithfulnessEvaluator` judges `faithfulness`."""
    return _HUMPS.sub("_", _ENDINGS.sub("", class_name)).lower() or class_name


def judgement_of(class_name: str, result: Mapping[str, Any], *, content: bool) -> Score | None:
    """Return the score in an evaluator's *result*, or None; without the reason unless *content* is captured."""
    value = next((number for key in _VALUES if (number := _number(result.get(key))) is not None), None)
    label = result.get("value", result.get("label"))
    passing = result.get("passing")
    if isinstance(passing, bool):
        label = "pass" if passing else "fail"
        value = float(passing) if value is None else value
    reason = next((text for key in _REASONS if isinstance(text := result.get(key), str) and text), None)
    score = Score(
        name=criterion_of(class_name),
        value=value,
        label=label[:_MAX_LABEL] if isinstance(label, str) and label else None,
        explanation=reason[:_MAX_REASON] if reason and content else None,
        annotator="code" if any(part in class_name for part in _BY_CODE) else "llm",
        scope="evaluator",
    )
    return score if score.value is not None or score.label or score.explanation else None


def judgement_in(name: str, output: object) -> Score | None:
    """Return the score that an evaluator of the application's own returned: a number, True or False, or a mapping.

    Mappings are those of LangSmith's and openevals' evaluators: `key`, `score`, `value`, `comment`; one in a list too.
    """
    if isinstance(output, (list, tuple)) and len(output) == 1:
        output = output[0]
    if isinstance(output, (bool, int, float)):
        output = {"score": output}
    if not isinstance(output, Mapping):
        return None
    found = judgement_of(name, output, content=True)
    if found is None:
        return None
    key, annotator = output.get("key"), output.get("annotator")
    return replace(
        found,
        name=key[:_MAX_LABEL] if isinstance(key, str) and key else found.name,
        annotator=annotator if annotator in ("human", "llm") else "code",
    )


def _number(value: object) -> float | None:
    if isinstance(value, (int, float)) and math.isfinite(value):
        return float(value)
    return None
