"""A model's answer as LlamaIndex gives it: what is captured of a response and its raw answer."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from llama_index.core.base.llms.types import ChatResponse

from ..capture.answer import ModelAnswer, read_answer
from ..capture.facts import ChunkFacts, Take, facts_in
from ..capture.items import beside_in, output_items, with_items
from ..capture.lookup import fields_of
from ..capture.messages import BESIDE, with_further
from ..capture.small import LEVELS
from ..capture.snapshot import Snapshot
from ..record.message import Message, Part, Text
from .messages import SHAPES, MessageSnapshot, further_of, to_message
from .small import copy_message, small_mapping


class AnswerSnapshot:
    """A model's answer as it was in the callback: a message or a text, and what the provider said besides."""

    __slots__ = ("_answer", "about", "beside", "further", "items", "message", "streamed", "text")

    def __init__(
        self,
        message: MessageSnapshot | None,
        text: str,
        about: Mapping[str, Any],
        further: Mapping[str, Any],
        items: list[Any],
        beside: Mapping[str, Any],
        streamed: bool,
    ) -> None:
        self.message = message
        self.streamed = streamed
        self.beside = beside
        self.items = items
        self.text = text
        self.about = about
        self.further = further
        self._answer: ModelAnswer | None = None

    def read(self) -> ModelAnswer:
        """Return what it says; read once, in the thread that translates."""
        answer = self._answer
        if answer is None:
            answer = self._answer = self._read()
        return answer

    def _read(self) -> ModelAnswer:
        beside: Mapping[str, Any] = {}
        if self.message is not None:
            beside = further_of(self.message)
            if BESIDE.issuperset(beside):  # content, which is read with the message: looked through for nothing else
                beside = {}
            said = to_message(self.message).parts
            parts = with_items(_without_earlier(said) if self.streamed else said, self.items)
            message = Message(role="assistant", parts=tuple(with_further(list(parts), self.beside)))
        else:
            message = Message(role="assistant", parts=(Text(self.text),) if self.text else ())
        return read_answer([message], [(self.about, self.further, beside)], ())


def hold_answer(response: Any, raw: Any, taken: Snapshot, *, content: bool) -> AnswerSnapshot:
    """Copy a ChatResponse or CompletionResponse; *raw*: an earlier chunk's raw answer, or the ChunkFacts of its stream."""
    data = response.__dict__ if response is not None else {}
    message = text = None
    if content and isinstance(response, ChatResponse):
        message, size = copy_message(data.get("message"))
        taken.size += size
    elif content:
        text = data.get("text")
        taken.size += len(text) if isinstance(text, str) else 0
    chunks = raw if type(raw) is ChunkFacts else noted(None, raw)
    last = data.get("raw")
    take = _taking(taken)
    about = facts_in(last, take) if chunks is None else chunks.read(last, take)
    further = {key: value for key, value in fields_of(data.get("additional_kwargs")).items() if type(value) in _SCALARS}
    return AnswerSnapshot(
        message if isinstance(message, MessageSnapshot) else None,
        text if isinstance(text, str) else "",
        about,
        further,
        [taken.capture(item, 6) for item in output_items(last)] if content else [],
        {name: taken.capture(value, 6) for name, value in beside_in(last).items()} if content else {},
        chunks is not None,
    )


def _without_earlier(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Return the parts of a streamed message; of texts that grow from block to block (Mistral's integration) the last."""
    texts = [part.text for part in parts if type(part) is Text]
    if len(texts) < 2 or any([not text.startswith(before) for before, text in pairwise(texts)]):
        return parts
    first = next(part for part in parts if type(part) is Text)
    kept = [part for part in parts if part is first or type(part) is not Text]
    return tuple([Text(texts[-1], first.citations) if part is first else part for part in kept])


_SCALARS = (str, int, float)


def _taking(taken: Snapshot) -> Take:
    def take(value: Any) -> object:
        if type(value) is dict:  # token counts
            found = small_mapping(value, LEVELS)
            if found is not None:
                taken.size += found[1]
                return found[0]
        return taken.capture(value, 5)

    return take


def noted(chunks: ChunkFacts | None, raw: Any) -> ChunkFacts | None:
    """Return *chunks* with a chunk's raw answer noted; called for each token, nothing is copied."""
    if raw is not None:
        if chunks is None:
            chunks = ChunkFacts()
        chunks.add(raw)
    return chunks


def snapshot() -> Snapshot:
    """Return a new snapshot with LlamaIndex's shapes."""
    return Snapshot(SHAPES)
