"""What a model call came to: answers, usage, cost, finish reasons, and why a run ended badly or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from ..capture.snapshot import Snapshot, plain_data
from ..record.cost import Cost, read_cost
from ..record.message import Message, Text
from ..record.usage import Usage, read_usage
from .messages import MessageSnapshot, hold_message, to_message


class AnswerSnapshot:
    """One generation as it was in the callback: a message, or the text of a completion model."""

    __slots__ = ("info", "message", "text")

    def __init__(self, message: MessageSnapshot | None, text: str, info: Mapping[str, Any]) -> None:
        self.message = message
        self.text = text
        self.info = info

    def make_plain(self) -> None:
        """Turn what the provider said into plain data, in the lane's thread: it may be anything."""
        self.info = plain_mapping(self.info)
        if self.message is not None:
            data = self.message.data
            data["response_metadata"] = plain_mapping(data.get("response_metadata"))
            usage = data.get("usage_metadata")
            if usage is not None and not _holds_counts_only(usage):
                data["usage_metadata"] = plain_data(usage)

    @property
    def about(self) -> Mapping[str, Any]:
        """What the provider said besides the answer."""
        return (self.message.data.get("response_metadata") if self.message else None) or {}


# All that is read of what providers say besides the answer; the rest (log probabilities, headers) may be long.
_READ = frozenset(
    {
        *("cost", "cost_details", "done_reason", "finish_reason", "id", "model", "model_id", "model_name"),
        *("stopReason", "stop_reason", "token_usage", "usage", "usage_metadata"),
    }
)


def plain_mapping(value: object) -> Mapping[str, Any]:
    """Return what is read of a mapping of anything, as plain data."""
    if not issubclass(type(value), dict):
        return {}
    items = dict.items(cast("dict[Any, Any]", value))
    return {
        key: item if type(item) is str or item is None else plain_data(item)
        for key, item in items
        if type(key) is str and key in _READ
    }


def _holds_counts_only(usage: object) -> bool:
    return type(usage) is dict and all([type(count) is int for count in usage.values()])


def hold_answers(response: Any, taken: Snapshot, *, content: bool) -> list[AnswerSnapshot]:
    """Copy what an LLMResult holds; without *content* only what the provider said besides the answer."""
    answers = []
    for generation in response.generations[0] if response.generations else ():
        held = generation.__dict__
        message = held.get("message")
        text = held.get("text")
        snapshot = None if message is None else hold_message(message, taken)
        if snapshot is not None and not content:
            snapshot.data.update(content="", tool_calls=(), invalid_tool_calls=(), additional_kwargs={})
        words = text if content and snapshot is None and isinstance(text, str) else ""
        taken.size += len(words)
        answers.append(AnswerSnapshot(snapshot, words, dict(held.get("generation_info") or {})))
    return answers


def output_messages(answers: list[AnswerSnapshot]) -> tuple[Message, ...]:
    """Return the answers as Messages, each with its finish reason."""
    found = []
    for answer in answers:
        reason = finish_reason(answer)
        if answer.message is not None:
            message = to_message(answer.message)
            if reason:
                message = Message(
                    role=message.role,
                    parts=message.parts,
                    name=message.name,
                    tool_call_id=message.tool_call_id,
                    finish_reason=reason,
                )
        else:
            parts = (Text(answer.text),) if answer.text else ()
            message = Message(role="assistant", parts=parts, finish_reason=reason)
        if message.parts or reason:
            found.append(message)
    return tuple(found)


def finish_reason(answer: AnswerSnapshot) -> str | None:
    """Return why the model stopped, under whichever name its provider says it."""
    for source in (answer.info, answer.about):
        for key in ("finish_reason", "stop_reason", "stopReason", "done_reason"):
            if source.get(key):
                return str(source[key])
    return None


def usage_of(answers: list[AnswerSnapshot], llm_output: Mapping[str, Any]) -> Usage | None:
    """Return the usage of one response. LangChain repeats it on every generation: it is counted once."""
    return next(filter(None, map(read_usage, _usage_sources(answers, llm_output))), None)


def _usage_sources(answers: list[AnswerSnapshot], llm_output: Mapping[str, Any]) -> Iterator[Any]:
    for answer in answers:
        if answer.message is not None:
            yield answer.message.data.get("usage_metadata")
    for answer in answers:
        for about in (answer.about, answer.info):
            for key in ("token_usage", "usage", "usage_metadata"):
                yield about.get(key)
    for key in ("token_usage", "usage", "usage_metadata"):
        yield llm_output.get(key)


def is_cached(answers: list[AnswerSnapshot]) -> bool:
    """Return whether the answer came from LangChain's own cache, which marks the usage with a total cost of 0."""
    for answer in answers:
        usage = answer.message.data.get("usage_metadata") if answer.message else None
        if isinstance(usage, Mapping) and usage.get("total_cost") == 0:
            return True
    return False


CACHED = Cost(total=0.0, input=0.0, output=0.0, source="cache")


def cost_of(answers: list[AnswerSnapshot], llm_output: Mapping[str, Any]) -> Cost | None:
    """Return what the provider billed (OpenRouter: `cost` and `cost_details`)."""
    for source in (*(answer.about for answer in answers), llm_output):
        usage = source.get("token_usage") or source.get("usage")
        cost = read_cost(source) or read_cost(usage)
        if cost is not None:
            return cost
    return None


def response_model(answers: list[AnswerSnapshot], llm_output: Mapping[str, Any]) -> str | None:
    """Return the model that answered."""
    for source in (*(answer.about for answer in answers), llm_output):
        for key in ("model_name", "model", "model_id"):
            if isinstance(source.get(key), str) and source[key]:
                return str(source[key])
    return None


def response_id(answers: list[AnswerSnapshot], llm_output: Mapping[str, Any]) -> str | None:
    """Return the provider's own id of the response; an id that LangChain made up is none."""
    for answer in answers:
        own = answer.message.data.get("id") if answer.message else None
        for value in (answer.about.get("id"), own):
            if isinstance(value, str) and value and not value.startswith(("run-", "lc_run-", "lc_")):
                return value
    value = llm_output.get("id")
    return value if isinstance(value, str) else None


# ---------------------------------------------------------------- how a run ended
def ending_of(error: BaseException) -> tuple[BaseException | None, str | None]:
    """Return the error when the run failed, or the ending when it was only stopped.

    LangGraph's control flow (interrupts, `Command` to a parent graph) comes as exceptions derived from GraphBubbleUp: by
    class, never by text. Cancelled and abandoned runs did not fail either.
    """
    names = {base.__name__ for base in type(error).__mro__ if base.__module__.startswith("langgraph")}
    if "GraphBubbleUp" in names:
        return None, "interrupted" if names & {"GraphInterrupt", "NodeInterrupt"} else "handed over"
    if isinstance(error, GeneratorExit):
        return None, "abandoned"
    if type(error).__name__ == "CancelledError":
        return None, "cancelled"
    return error, None
