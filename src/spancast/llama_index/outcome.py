"""What a model call came to: the answer, and what the provider said besides it; why a call ended badly or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llama_index.core.base.llms.types import ChatResponse

from ..capture.snapshot import Snapshot
from ..record.cost import Cost, read_cost
from ..record.usage import Usage, read_usage
from .messages import SHAPES, MessageSnapshot

# What is held of a provider's raw answer; the answer itself stands in the message.
_ABOUT = (
    "done_reason",
    "eval_count",
    "finish_reason",
    "id",
    "meta",
    "model",
    "model_name",
    "model_version",
    "prompt_eval_count",
    "response_id",
    "stopReason",
    "stop_reason",
    "usage",
    "usageMetadata",
    "usage_metadata",
    "x_groq",
)
_COUNTED = frozenset({"usage", "usage_metadata", "usageMetadata", "x_groq", "meta", "prompt_eval_count"})
_REASONS = ("finish_reason", "stop_reason", "stopReason", "done_reason")


class AnswerSnapshot:
    """A model's answer as it was in the callback: a message or a text, and what the provider said besides."""

    __slots__ = ("about", "further", "message", "text")

    def __init__(
        self, message: MessageSnapshot | None, text: str, about: Mapping[str, Any], further: Mapping[str, Any]
    ) -> None:
        self.message = message
        self.text = text
        self.about = about
        self.further = further


def hold_answer(response: Any, raw: Any, taken: Snapshot, *, content: bool) -> AnswerSnapshot:
    """Copy a ChatResponse or CompletionResponse; *raw* may come from an earlier chunk, which had the usage."""
    data = response.__dict__ if response is not None else {}
    message = text = None
    if content and isinstance(response, ChatResponse):
        message = taken.take(data.get("message"))
    elif content:
        text = data.get("text")
        taken.size += len(text) if isinstance(text, str) else 0
    about = _about(data.get("raw"), taken)
    if raw is not None and raw is not data.get("raw"):
        about = {**about, **{key: item for key, item in _about(raw, taken).items() if key in _COUNTED}}
    further = {key: value for key, value in _fields(data.get("additional_kwargs")).items() if type(value) in _SCALARS}
    return AnswerSnapshot(
        message if isinstance(message, MessageSnapshot) else None, text if isinstance(text, str) else "", about, further
    )


_SCALARS = (str, int, float)


def counts(raw: Any) -> bool:
    """Return whether a chunk's raw answer has token counts; called for every chunk, so it copies nothing."""
    fields = raw if type(raw) is dict else _fields(raw)
    return not _COUNTED.isdisjoint(fields) and any(fields.get(key) is not None for key in _COUNTED)


def _fields(raw: Any) -> Mapping[str, Any]:
    """Return the fields of a provider's answer, a mapping or an object, without running code of its own."""
    kind = type(raw)
    if isinstance(raw, dict):
        return raw
    if raw is None or kind in _SCALARS:
        return {}
    try:
        held = object.__getattribute__(raw, "__dict__")
    except AttributeError:
        return {}
    extra = held.get("__pydantic_extra__")
    if extra is None and "__pydantic_fields__" in vars(kind):
        extra = object.__getattribute__(raw, "__pydantic_extra__")
    return {**held, **extra} if extra else held


def _about(raw: Any, taken: Snapshot) -> dict[str, Any]:
    fields = _fields(raw)
    about = {key: taken.take(fields[key], 5) for key in _ABOUT if fields.get(key) is not None}
    if "finish_reason" not in about:
        for key in ("choices", "candidates"):
            listed = fields.get(key)
            if isinstance(listed, list) and listed:
                reason = taken.take(_fields(listed[0]).get("finish_reason"))
                if reason is not None:
                    about["finish_reason"] = reason
    if not any(key in about for key in _COUNTED):
        nested = _fields(fields.get("_raw_response")).get("usage_metadata")  # Vertex
        if nested is not None:
            about["usage_metadata"] = taken.take(nested, 5)
    return about


# ---------------------------------------------------------------- later, in a lane's thread
def usage_of(answer: AnswerSnapshot) -> Usage | None:
    """Return the usage, wherever the provider's integration put it."""
    return next(filter(None, map(read_usage, _usage_sources(answer))), None)


def _usage_sources(answer: AnswerSnapshot) -> Iterator[object]:
    about = answer.about
    for key in ("usage", "usage_metadata", "usageMetadata"):
        yield about.get(key)
    for outer, inner in (("x_groq", "usage"), ("meta", "tokens"), ("meta", "billed_units")):
        nested = about.get(outer)
        yield nested.get(inner) if isinstance(nested, Mapping) else None
    yield about
    yield answer.further
    if answer.message is not None:
        yield answer.message.further


def cost_of(answer: AnswerSnapshot) -> Cost | None:
    """Return what the provider billed, where it says so."""
    return read_cost(answer.about.get("usage"))


def finish_reason(answer: AnswerSnapshot) -> str | None:
    """Return why the model stopped, under whichever name its provider says it."""
    sources = (answer.about, answer.further, answer.message.further if answer.message else {})
    return next((str(source[key]) for source in sources for key in _REASONS if source.get(key)), None)


def response_model(answer: AnswerSnapshot) -> str | None:
    """Return the model that answered."""
    return _first_text(answer.about, ("model", "model_name", "model_version"))


def response_id(answer: AnswerSnapshot) -> str | None:
    """Return the provider's own id of the response."""
    return _first_text(answer.about, ("id", "response_id"))


def _first_text(values: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    return next((values[key] for key in keys if isinstance(values.get(key), str) and values[key]), None)


def snapshot() -> Snapshot:
    """Return a new snapshot with LlamaIndex's shapes."""
    return Snapshot(SHAPES)


# ---------------------------------------------------------------- how a call ended
def ending_of(error: BaseException | None) -> tuple[BaseException | None, str | None]:
    """Return the error when the call failed, or the ending when it was only stopped."""
    if error is None:
        return None, None
    if isinstance(error, GeneratorExit):
        return None, "abandoned"
    name = type(error).__name__
    if name in ("CancelledError", "WorkflowCancelledByUser"):
        return None, "cancelled"
    if name == "WaitingForEvent":  # a tool asks a person; it is called again when the answer is there
        return None, "interrupted"
    if type(error) is RuntimeError and error.args == ("dispatcher shutdown",):
        return None, "incomplete"
    return error, None
