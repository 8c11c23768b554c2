"""A model's answer as LangChain gives it: what is captured of an LLMResult, and where in it the table is to look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..capture.answer import ModelAnswer, read_answer
from ..capture.lookup import fields_of
from ..record.message import Message, Text
from ..record.operation import NOTHING
from .messages import MessageSnapshot, to_message
from .small import copy_message


class ChoiceSnapshot:
    """One generation as it was in the callback: a message, or the text of a completion model."""

    __slots__ = ("info", "message", "text")

    def __init__(self, message: MessageSnapshot | None, text: str, info: Mapping[str, Any]) -> None:
        self.message = message
        self.text = text
        self.info = info

    def read(self) -> Message:
        """Return it as a Message."""
        if self.message is not None:
            return to_message(self.message)
        return Message(role="assistant", parts=(Text(self.text),) if self.text else ())


class AnswerSnapshot:
    """An LLMResult as it was in the callback. What the provider says besides the content is read where it stands."""

    __slots__ = ("_answer", "choices", "llm_output")

    def __init__(self, choices: list[ChoiceSnapshot], llm_output: Mapping[str, Any]) -> None:
        self.choices = choices
        self.llm_output = llm_output
        self._answer: ModelAnswer | None = None

    def read(self) -> ModelAnswer:
        """Return what it says; read once, in the thread that translates."""
        answer = self._answer
        if answer is None:
            answer = self._answer = self._read()
        return answer

    def _read(self) -> ModelAnswer:
        facts: list[Sequence[Mapping[str, Any]]] = []
        shared = [self.llm_output]
        usages, identity = [], None
        for choice in self.choices:
            message = choice.message
            if message is None:
                facts.append((choice.info,))
                continue
            data = message.data
            facts.append((fields_of(data.get("response_metadata")), choice.info))
            usage = data.get("usage_metadata")
            if usage:
                usages.append(usage)
            elif beside := _usage_beside(data.get("additional_kwargs")):
                shared.append(beside)
            identity = identity or data.get("id")
        return read_answer([choice.read() for choice in self.choices], facts, shared, usages, identity)


_USAGE_BESIDE = ("usage", "token_usage", "usage_metadata")


def _usage_beside(further: object) -> dict[str, Any]:
    """Return the token counts that older integrations (Bedrock, Qianfan) put beside the content."""
    return {name: further[name] for name in _USAGE_BESIDE if further.get(name)} if type(further) is dict else {}


def _without_content(message: Any) -> MessageSnapshot:
    """Copy only what the provider says besides the answer: counts, its own names, its id."""
    data = message.__dict__
    further = data.get("additional_kwargs")
    kept = {
        "content": "",
        "type": data.get("type"),
        "id": data.get("id"),
        "response_metadata": data.get("response_metadata"),
        "usage_metadata": data.get("usage_metadata"),
        "additional_kwargs": _usage_beside(further) if further else None,
    }
    return MessageSnapshot(type(message), kept)


def hold_answer(response: Any, content: bool) -> tuple[AnswerSnapshot, int]:
    """Copy what an LLMResult holds; without *content* only what the provider says besides the answer.

    Returns the copy, and the bytes that it keeps alive.
    """
    choices = []
    size = 0
    generations = response.generations
    for generation in generations[0] if generations else ():
        held = generation.__dict__
        message = held.get("message")
        snapshot, words = None, ""
        if message is not None:
            if content:
                snapshot, more = copy_message(message)
                size += more
            else:
                snapshot = _without_content(message)
        elif content and isinstance(held.get("text"), str):
            words = held["text"]
            size += len(words)
        info = held.get("generation_info")
        choices.append(ChoiceSnapshot(snapshot, words, dict(info) if info else NOTHING))
    output = response.llm_output
    return AnswerSnapshot(choices, dict(output) if output else NOTHING), size
