"""What the recording and replaying of model calls in tests asks of an adapter, and what it offers to it."""

from __future__ import annotations

from typing import Any, Protocol

Request = dict[str, Any]
"""`messages` (each `role`, `content`, and `tool_calls`, `tool_call_id`, `name` where it has them); `model`, `tools` (names),
`stop` where they are known."""

Answer = dict[str, Any]
"""`content`, `tool_calls`, `usage`, `finish_reason`, `model`, and under the framework's name what only that one has."""


class ModelCalls(Protocol):
    """Where an adapter's stand-in for a model finds recorded answers, and where it puts new ones."""

    @property
    def recording(self) -> bool:
        """Whether real models are called, and their answers are kept."""

    def answers(self, request: Request) -> list[Answer]:
        """Return what was recorded for this request.

        Raises:
            UnrecordedCallError: When there is no such call, or each was replayed already.
        """

    def keep(self, request: Request, answers: list[Answer]) -> None:
        """Add a call to the recording."""


def filled(fields: dict[str, Any]) -> dict[str, Any]:
    """Return *fields* without those that are empty."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {}, ())}


def words_of(text: str) -> list[str]:
    """Return a text in the pieces that a stream of it has: each word with the space before it."""
    pieces = text.split(" ")
    return [pieces[0], *(f" {piece}" for piece in pieces[1:])] if text else []
