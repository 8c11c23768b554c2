"""Reads what a caller gave for a score: a Score and its target, or one sentence that says what cannot be used. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from numbers import Real
from typing import Final, cast
from uuid import UUID

from ..capture.snapshot import plain_data
from ..record.fast_frozen import frozen
from ..record.json import JSON
from ..record.operation import NOTHING, Score
from ..recording.field_names import without_secret_values
from ..recording.identity import read_trace_id

ANNOTATORS: Final = ("human", "llm", "code")
MAX_NAME: Final = 256  # characters of name, label and identifier; what is beyond is cut
_MAX_SESSION = 256
_MAX_SHOWN = 40  # characters of a value in a sentence
_HEX16 = re.compile(r"[0-9a-fA-F]{16}")


class UnusableScoreError(ValueError):
    """A score that cannot be used; the message is a sentence for the user, *key* the argument it is about."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


@frozen(kw_only=True)
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
) -> tuple[Score, UnusableScoreError | None]:
    """Return the score that these arguments make, and what is wrong with a part of it that was cut or left out.

    Raises:
        UnusableScoreError: When one of them cannot be used, or there is no result: no value, no label and no explanation.
    """
    if not isinstance(name, str) or not name.strip():
        raise UnusableScoreError("name", f"`name` is {_shown(name)}: give a text, such as 'helpful'.")
    value = _scalar(value)
    if isinstance(value, str) and label is None:  # a category that stands where the value should
        value, label = None, value
    kind = annotator.lower() if isinstance(annotator, str) else ""
    if kind not in ANNOTATORS:
        raise UnusableScoreError("annotator", f"`annotator` is {_shown(annotator)}: give 'human', 'llm' or 'code'.")
    number, problem = _number(value)
    category, reason = _text("label", label), _text("explanation", explanation, None)
    if number is None and category is None and reason is None:
        raise problem or UnusableScoreError(
            "value", "there is no result: give a `value`, a `label` or an `explanation`."
        )
    if len(name.strip()) > MAX_NAME:
        problem = UnusableScoreError("name", f"`name` has {len(name)} characters: only the first {MAX_NAME} are sent.")
    judgement = Score(
        name=name.strip()[:MAX_NAME],
        value=number,
        label=category,
        explanation=reason,
        annotator=kind,
        identifier=_text("identifier", identifier),
        metadata=_metadata(metadata),
    )
    return judgement, problem


def _shown(value: object) -> str:
    """Return how a sentence names a value that cannot be used: what it is, without what it contains."""
    if value is None or isinstance(value, (bool, float)):
        return str(value)
    if isinstance(value, str):
        return repr(value[:_MAX_SHOWN]) if value.strip() else "empty"
    return f"of type {type(value).__name__[:_MAX_SHOWN]}"


def _scalar(value: object) -> object:
    """Return what an enum's member stands for, and the number or text in a scalar of numpy, pandas or torch."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, (str, bool, int, float, Decimal)):
        return value
    item = getattr(value, "item", None)
    try:
        return item() if callable(item) and not isinstance(value, type) else value
    except Exception:  # an array of several
        return value


def _number(value: object) -> tuple[float | None, UnusableScoreError | None]:
    """Return a number as a float, so that one attribute has one type: True is 1.0. What is not finite is left out.

    Raises:
        UnusableScoreError: When it is no number.
    """
    if value is None:
        return None, None
    try:
        number = float(cast("float", value)) if isinstance(value, Real) or hasattr(value, "__float__") else None
    except OverflowError:
        number = math.inf
    except Exception:  # of a number of others: an array of several, a `__float__` that fails
        number = None
    if number is None:
        raise UnusableScoreError(
            "value", f"`value` is {_shown(value)}: give a number, True or False; a category is the `label`."
        )
    if not math.isfinite(number):
        return None, UnusableScoreError("value", f"`value` is {number}: it is left out; give a finite number.")
    return number, None


def _text(key: str, value: object, limit: int | None = MAX_NAME) -> str | None:
    """Return a text; of a number, a date or another scalar what it reads like."""
    if value is None or (isinstance(value, str) and not value):
        return None
    if not isinstance(value, str):
        plain = plain_data(_scalar(value))
        if plain is None or isinstance(plain, (list, Mapping)) or str(plain).startswith("<"):
            raise UnusableScoreError(key, f"`{key}` is {_shown(value)}: give a text.")
        value = str(plain)
    return str(value[:limit])


def _metadata(metadata: object) -> Mapping[str, JSON]:
    if metadata is None:
        return NOTHING
    plain = plain_data(metadata) if isinstance(metadata, Mapping) else None
    if not isinstance(metadata, Mapping) or not isinstance(plain, Mapping):
        raise UnusableScoreError("metadata", f"`metadata` is {_shown(metadata)}: give a mapping, such as a dict.")
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
    raise UnusableScoreError(
        "trace_id", f"`trace_id` is {_shown(text)}: give 32 hex digits, as `trace.trace_id` has them, or a UUID."
    )


def _span_id(text: object) -> int:
    if text is None:
        return 0
    if isinstance(text, str) and _HEX16.fullmatch(text.strip()) and (number := int(text, 16)):
        return number
    raise UnusableScoreError(
        "span_id", f"`span_id` is {_shown(text)}: give 16 hex digits, as `trace.span_id` has them."
    )


def _session(text: object) -> str | None:
    if text is None:
        return None
    if isinstance(text, (UUID, int)) and not isinstance(text, bool):
        text = str(text)
    if not isinstance(text, str) or not text.strip():
        raise UnusableScoreError("session_id", f"`session_id` is {_shown(text)}: give a text, such as 'chat-17'.")
    return text.strip()[:_MAX_SESSION]
