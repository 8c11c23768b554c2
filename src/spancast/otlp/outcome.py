"""Outcome: what became of one request."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What a sender has to do next: nothing, send again later, send smaller, or give up."""

    DELIVERED = "delivered"
    RETRY = "retry"
    TOO_LARGE = "too large"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one request.

    Attributes:
        rejected: Of a delivered request, how many spans the receiver says it rejected (OTLP partial success).
        reason: In a few words, to count by: `HTTP 401`, `timeout`, `no connection`.
        message: In plain words, for a person.
        retry_after: Seconds that the receiver asks to wait.
        status: The HTTP status, where there was one.
        content_type: Of a success: what the answer says it is; a web page is no receiver's answer.
    """

    verdict: Verdict
    rejected: int = 0
    reason: str = ""
    message: str = ""
    retry_after: float | None = None
    status: int | None = None
    content_type: str = ""


DELIVERED = Outcome(verdict=Verdict.DELIVERED)
