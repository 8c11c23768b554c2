"""What a streamed model call has said so far: its answer where no last event brings one, as of a client that left.

A model that is streamed inside of a graph or an agent is cancelled without a last event, and its pieces are gone with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from langchain_core.messages import AIMessage

from ..record.operation import LLM, NOTHING
from ..recording.guard import report_fault
from ..recording.open_operation import OpenOperation
from .messages import MessageSnapshot
from .outcome import AnswerSnapshot, ChoiceSnapshot

_PIECES = "pieces"  # in an open operation's snapshots; never handed over
_MAX_PIECES = 50_000  # that are read
_MAX_CHARACTERS = 262_144


def add_to(operation: OpenOperation, handler: object) -> Callable[[Any], object]:
    """Return what takes a piece of the answer of *operation*. LangChain itself keeps the pieces as long: none is copied.

    Of several handlers the one that comes first brings them all.
    """
    if operation.kind is not LLM or not operation.sampled:
        return forget
    held: tuple[object, list[Any]] | None = operation.snapshots.get(_PIECES)
    if held is None:
        held = operation.snapshots[_PIECES] = (handler, [])
        before = operation.on_close

        def closed(operation: OpenOperation) -> None:
            _keep(operation)
            if before is not None:
                before(operation)

        operation.on_close = closed
    owner, pieces = held
    return pieces.append if owner is handler else forget


def forget(piece: Any) -> None:
    """Take a piece of what is not recorded."""


def _keep(operation: OpenOperation) -> None:
    """Let the pieces be the answer of an operation that closes without one; drop them."""
    held = operation.snapshots.pop(_PIECES, None)
    if held is None:
        return
    _, pieces = held
    try:
        answer = operation.snapshots.get("answer")
        if answer is None or not answer.choices:
            made, size = _answer_of(pieces, operation.capture)
            operation.snapshots["answer"] = made
            operation.size += size
    except Exception as error:
        report_fault("a part of an answer", error)
    pieces.clear()  # the handler still has the way into the list


def _answer_of(pieces: list[Any], content: bool) -> tuple[AnswerSnapshot, int]:
    """Return what the pieces say together, and the bytes that it keeps alive."""
    words: list[str] = []
    size = 0
    facts: dict[str, Any] = {}
    usage: dict[str, Any] = {}
    identity = None
    for piece in pieces[:_MAX_PIECES]:
        held: Mapping[str, Any] = {"text": piece} if type(piece) is str else getattr(piece, "__dict__", NOTHING)
        message = held.get("message")
        said: Mapping[str, Any] = getattr(message, "__dict__", NOTHING)
        for text in _texts(said.get("content") if message is not None else held.get("text")):
            if content and size < _MAX_CHARACTERS:
                words.append(text)
                size += len(text)
        identity = identity or said.get("id")
        facts.update(said.get("response_metadata") or {})
        _add_counts(usage, said.get("usage_metadata"))
    kept = {
        "content": "".join(words)[:_MAX_CHARACTERS],
        "type": "ai",
        "id": identity,
        "response_metadata": facts,
        "usage_metadata": usage or None,
    }
    return AnswerSnapshot([ChoiceSnapshot(MessageSnapshot(AIMessage, kept), "", NOTHING)], NOTHING), size


def _texts(content: object) -> list[str]:
    if type(content) is str:
        return [content]
    blocks = content if type(content) is list else []
    found = [block.get("text") if type(block) is dict and block.get("type") == "text" else block for block in blocks]
    return [text for text in found if type(text) is str]


def _add_counts(sums: dict[str, Any], counts: object) -> None:
    """Add token counts: providers say those of the input with the first piece, those of the output with the last."""
    if type(counts) is not dict:
        return
    for name, count in counts.items():
        if type(count) is int:
            sums[name] = sums.get(name, 0) + count
        elif type(count) is dict:
            _add_counts(sums.setdefault(name, {}), count)
