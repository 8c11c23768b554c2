"""What the span of a `trace` block shows: the input and output that were given, else those of the runs inside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..capture.evaluations import judgement_in
from ..record.json import JSON
from ..record.message import conversation
from ..record.operation import (
    AGENT,
    TOOL,
    Agent,
    Detail,
    Generation,
    Kind,
    Operation,
    ToolUse,
)
from . import block_details
from .captured import CapturedOperation, Content
from .open_operation import OpenOperation


class ShownRuns:
    """The runs inside a block whose input and output it shows: the one that began first, the one that ended last.

    Written by the threads that close those runs: each step stores one reference.
    """

    __slots__ = ("_first", "_last")

    def __init__(self) -> None:
        self._first: CapturedOperation | None = None
        self._last: CapturedOperation | None = None

    def note(self, captured: CapturedOperation) -> None:
        """A run directly beneath the block has ended."""
        first = self._first
        if first is None or captured.start_ns < first.start_ns:
            self._first = captured
        self._last = captured

    def show_in(self, operation: OpenOperation) -> None:
        """Let the block's operation, which is about to close, show them where it has nothing of its own."""
        shown = operation.snapshots
        if "input" not in shown:
            first = self._first
            open_now = operation.children and [child for child in list(operation.children) if child.snapshots]
            if open_now:  # a stream that is read after the block: its question is there already
                child = min(open_now, key=lambda each: each.start_ns)
                if first is None or child.start_ns < first.start_ns:
                    first = child.captured_so_far()
            if first is not None:
                shown["first_run"] = first
        if "output" not in shown and self._last is not None:
            shown["last_run"] = self._last


def translate_block(captured: CapturedOperation) -> Content:
    """Translate the snapshots of a `trace` block."""
    given = captured.snapshots
    asked, answered = given.get("input"), given.get("output")
    if "first_run" in given:
        asked = shown_io(given["first_run"].operation())[0]
    if "last_run" in given:
        answered = shown_io(given["last_run"].operation())[1]
    name = captured.given_name or captured.name
    agent = name if captured.kind is AGENT else None
    return Content(asked, answered, _detail(captured.kind, name, given, asked, answered), agent=agent)


def shown_io(operation: Operation) -> tuple[JSON, JSON]:
    """Return the input and output of an operation as another one shows them: conversations in the form people read."""
    detail = operation.detail
    if isinstance(detail, Generation):
        return conversation(detail.input_messages), conversation(detail.output_messages)
    return operation.input, operation.output


def _detail(kind: Kind, name: str, given: Mapping[str, Any], asked: JSON, answered: JSON) -> Detail:
    if kind is TOOL:
        return ToolUse(name=name, description=given.get("description"))
    if kind is AGENT:
        return Agent(name=name)
    if kind is Kind.EVALUATOR:
        return judgement_in(name, answered)
    if asked is None and answered is None:
        return None
    read = _READ.get(kind)
    return read(asked, answered) if read is not None else None


_READ: Mapping[Kind, Callable[[JSON, JSON], Detail]] = {
    Kind.LLM: block_details.generation,
    Kind.RETRIEVER: block_details.retrieval,
    Kind.RERANKER: block_details.reranking,
    Kind.EMBEDDING: block_details.embedding,
}
