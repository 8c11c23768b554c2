"""Reads what a caller gave for a score: a Score and its target, or one sentence that says what cannot be used. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Final, cast
from uuid import UUID

from ..capture.snapshot import plain_data
from ..record.json import JSON
from ..record.operation import NOTHING, Score
from ..recording.field_names import without_secret_values
from ..recording.identity import read_trace_id

ANNOTATORS: Final = ("human", "llm", "code")
MAX_NAME: Final = 256  # characters of name, label and identifier; what is beyond is cut
_MAX_SESSION = 256
_HEX16 = re.compile(r"[0-9a-fA-F]{16}")


class UnusableScoreError(ValueError):
    """A score that cannot be used; the message is a sentence for the user, *key* the argument it is about."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is judged, as far as the caller named it; an id that was not given is 0, the session None."""

    trace_id: int = 0
    span_id: int = 0
    session_id: str | None = None


def read_score(
    name: object,
    value: object,
    label: object,
    explanation: object,
    annotator: object,
    identifier: object,
    metadata: object,
) -> Score:
    """Return the score that these arguments make.

    Raises:
        UnusableScoreError: When one of them cannot be used, or there is no result: no value, no label and no explanation.
    """
    if not isinstance(name, str) or not name.strip():
        raise UnusableScoreError("name", "`name` has to be a text that is not empty, such as 'helpful'.")
    if isinstance(value, str) and label is None:  # a category that was given as the value
        value, label = None, value
    kind = annotator.lower() if isinstance(annotator, str) else ""
    if kind not in ANNOTATORS:
        raise UnusableScoreError("annotator", "`annotator` has to be 'human', 'llm' or 'code'.")
    number = _number(value)
    category, reason = _text("label", label), _text("explanation", explanation, None)
    if number is None and category is None and reason is None:
        raise UnusableScoreError("value", "there is no result: give a `value`, a `label` or an `explanation`.")
    return Score(
        name=name.strip()[:MAX_NAME],
        value=number,
        label=category,
        explanation=reason,
        annotator=kind,
        identifier=_text("identifier", identifier),
        metadata=_metadata(metadata),
    )


def _number(value: object) -> float | None:
    """Return a number as a float, so that one attribute has one type: True is 1.0."""
    if value is None:
        return None
    try:
        number = float(cast("float", value)) if isinstance(value, Real) or hasattr(value, "__float__") else math.nan
    except Exception:  # of a number of others: too large for a float, an array of several, a `__float__` that fails
        number = math.nan
    if not math.isfinite(number):
        raise UnusableScoreError(
            "value", "`value` has to be a finite number, True or False; a category is the `label`."
        )
    return number


def _text(key: str, value: object, limit: int | None = MAX_NAME) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise UnusableScoreError(key, f"`{key}` has to be a text.")
    return str(value[:limit])


def _metadata(metadata: object) -> Mapping[str, JSON]:
    if metadata is None:
        return NOTHING
    plain = plain_data(metadata) if isinstance(metadata, Mapping) else None
    if not isinstance(plain, Mapping):
        raise UnusableScoreError("metadata", "`metadata` has to be a mapping.")
    return without_secret_values(plain)


def read_target(trace_id: object, span_id: object, session_id: object) -> Target:
    """Return the ids of what is judged.

    Raises:
        UnusableScoreError: When an id is not one that a trace, a handle or a log line shows.
    """
    return Target(trace_id=_trace_id(trace_id), span_id=_span_id(span_id), session_id=_session(session_id))


def _trace_id(text: object) -> int:
    if text is None:
        return 0
    if isinstance(text, UUID):
        text = text.hex
    if isinstance(text, str):
        number, hashed = read_trace_id(text.strip())
        if not hashed:
            return number
    raise UnusableScoreError("trace_id", "`trace_id` has to be 32 hex digits, as `trace.trace_id` has them, or a UUID.")


def _span_id(text: object) -> int:
    if text is None:
        return 0
    if isinstance(text, str) and _HEX16.fullmatch(text.strip()) and (number := int(text, 16)):
        return number
    raise UnusableScoreError("span_id", "`span_id` has to be 16 hex digits, as `trace.span_id` has them.")


def _session(text: object) -> str | None:
    if text is None:
        return None
    if isinstance(text, (UUID, int)) and not isinstance(text, bool):
        text = str(text)
    if not isinstance(text, str) or not text.strip():
        raise UnusableScoreError("session_id", "`session_id` has to be a text that is not empty.")
    return text.strip()[:_MAX_SESSION]
