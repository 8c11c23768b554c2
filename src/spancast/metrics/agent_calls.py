"""How many calls of models and tools an agent made: counted upwards from each call to the agent around it."""

from __future__ import annotations

from typing import Final

from ..record.operation import AGENT, LLM, TOOL
from ..recording.captured import CapturedOperation

MAX_PARENTS: Final = 10_000  # spans that are open and have calls beneath them; beyond, the oldest counts nothing


class AgentCalls:
    """Counts the calls beneath each open span. Used by one thread, which sees children before their parents.

    Calls of an agent beneath another one are that agent's own.
    """

    def __init__(self) -> None:
        self._below: dict[int, tuple[int, int]] = {}

    def note(self, captured: CapturedOperation) -> tuple[int, int]:
        """Take a finished operation; return how many model and tool calls lay beneath it."""
        below = self._below
        models, tools = own = below.pop(captured.span_id, (0, 0))
        kind = captured.kind
        if kind is AGENT or captured.parent_span_id is None:
            return own
        models += kind is LLM
        tools += kind is TOOL
        if models or tools:
            before = below.get(captured.parent_span_id, (0, 0))
            if len(below) >= MAX_PARENTS and captured.parent_span_id not in below:
                below.pop(next(iter(below)))
            below[captured.parent_span_id] = (before[0] + models, before[1] + tools)
        return own
