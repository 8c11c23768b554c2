"""What one request came to: delivered, refused, or to be tried again."""

from __future__ import annotations

from enum import Enum

from ..record.fast_frozen import frozen


class Verdict(Enum):
    """What a sender has to do next: nothing, send again later, send smaller, or give up."""

    DELIVERED = "delivered"
    RETRY = "retry"
    TOO_LARGE = "too large"
    REFUSED = "refused"


@frozen(kw_only=True)
class Outcome:
    """The outcome of one request.

    Attributes:
        rejected: Of a delivered request, how many spans the receiver says it rejected (OTLP partial success).
        reason: In a few words, to count by: `HTTP 401`, `timeout`, `no connection`, `connection broken`, `web page`.
        message: In plain words, for a human; without the receiver's own.
        words: The receiver's own: one printable line without keys. They may repeat what was sent, so they do not belong
            into a log when that had content.
        code: Where there was no answer: why, for `spancast explain`.
        retry_after: Seconds that the receiver asks to wait, at most an hour.
        status: The HTTP status, where there was one.
        parts: What happened to each of a batch, where each had an answer of its own; else empty.
        content_type: Of a success: what the answer says it is; a web page is no receiver's answer.
    """

    verdict: Verdict
    rejected: int = 0
    reason: str = ""
    message: str = ""
    words: str = ""
    code: str = ""
    retry_after: float | None = None
    is_limited: bool = False
    status: int | None = None
    content_type: str = ""
    parts: tuple[Outcome, ...] = ()

    @property
    def is_broken(self) -> bool:
        """Whether the connection broke after it had been made; some gateways do that to a request that is too large."""
        return self.code == "E209"

    @property
    def text(self) -> str:
        """The message with the receiver's own words, for whoever asked for it."""
        if not self.words:
            return self.message
        return f"{self.message} (it said: {self.words})" if self.message else self.words


DELIVERED = Outcome(verdict=Verdict.DELIVERED)
