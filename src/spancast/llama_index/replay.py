"""LlamaIndex's stand-in for a model in tests: a copy of a model that answers from a recording."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse, LLMMetadata, TextBlock
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import LLM, ToolSelection
from llama_index_instrumentation import get_dispatcher

from ..capture.model_calls import Answer, ModelCalls, Request, filled
from .recorded import (
    answer_of,
    chat_pieces,
    chat_response,
    completion,
    completion_pieces,
    raw_fields,
    request_of,
    settings_of,
    text_of,
    tool_calls,
    tool_name,
)

dispatcher = get_dispatcher(__name__)
_inside: ContextVar[bool] = ContextVar(
    "spancast_recorded_model", default=False
)  # a model's method that calls another one
_END = object()  # of a stream


class ReplayedModel(FunctionCallingLLM):
    """A model without a provider: what it answers comes from a recording."""

    @property
    def metadata(self) -> LLMMetadata:
        """A chat model that calls functions."""
        return LLMMetadata(
            model_name="replayed", is_chat_model=True, is_function_calling_model=True, context_window=10**6
        )

    def _prepare_chat_with_tools(  # type: ignore[override]
        self, tools: Any, user_msg: Any = None, chat_history: Any = None, tool_required: bool = False, **kwargs: Any
    ) -> dict[str, Any]:
        messages = list(chat_history or [])
        if user_msg:
            messages.append(ChatMessage(role="user", content=user_msg) if isinstance(user_msg, str) else user_msg)
        definitions = [tool.metadata.to_openai_tool(skip_length_check=True) for tool in tools or ()]
        return {"messages": messages, "tools": definitions, "tool_required": tool_required}

    def get_tool_calls_from_response(
        self, response: ChatResponse, error_on_no_tool_call: bool = True, **kwargs: Any
    ) -> list[ToolSelection]:
        """Return the calls in a response."""
        calls = tool_calls(response.message)
        if not calls and error_on_no_tool_call:
            raise ValueError("Expected at least one tool call, but got 0 tool calls.")
        return [
            ToolSelection(tool_id=call["id"] or "", tool_name=call["name"], tool_kwargs=call["args"]) for call in calls
        ]

    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Its copy answers."""
        raise NotImplementedError

    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Its copy answers."""
        raise NotImplementedError

    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> Any:
        """Its copy answers."""
        raise NotImplementedError

    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> Any:
        """Its copy answers."""
        raise NotImplementedError

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Its copy answers."""
        raise NotImplementedError

    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Its copy answers."""
        raise NotImplementedError

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        """Its copy answers."""
        raise NotImplementedError

    async def astream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        """Its copy answers."""
        raise NotImplementedError


def chat_model(calls: ModelCalls, model: LLM | None) -> LLM:
    """Return a copy of *model* that answers from *calls*; while recording it asks its provider, and keeps the answer."""
    copy = model.model_copy() if model is not None else ReplayedModel()
    real = type(copy)
    names = {"__module__": real.__module__, "__qualname__": real.__qualname__}
    made: Any = type(real.__name__, (_Replayed, real), names)
    made.recorded_calls = calls
    made.own_model = real is ReplayedModel
    object.__setattr__(copy, "__class__", made)
    return copy


def _asked(self: Any, messages: Sequence[ChatMessage], kwargs: Mapping[str, Any]) -> Request:
    return request_of(messages, **settings_of(self, kwargs, known=not self.own_model))


def _prompted(self: Any, prompt: str, kwargs: Mapping[str, Any]) -> Request:
    return _asked(self, [ChatMessage(role="user", content=prompt)], kwargs)


def _recorded(self: Any, request: Request, kwargs: Mapping[str, Any]) -> Answer:
    found: Answer = self.recorded_calls.answers(request)[0]
    return _as_tool_call(found, kwargs) if self.own_model else found


# What answers while replaying; LlamaIndex's decorators send the events of a call, as those of the real methods do.
@llm_chat_callback()
def _chat(self: Any, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
    return chat_response(_recorded(self, _asked(self, messages, kwargs), kwargs))


@llm_chat_callback()
async def _achat(self: Any, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
    return chat_response(_recorded(self, _asked(self, messages, kwargs), kwargs))


@llm_chat_callback()
def _stream_chat(self: Any, messages: Sequence[ChatMessage], **kwargs: Any) -> Iterator[ChatResponse]:
    return chat_pieces(_recorded(self, _asked(self, messages, kwargs), kwargs))


@llm_chat_callback()
async def _astream_chat(self: Any, messages: Sequence[ChatMessage], **kwargs: Any) -> AsyncIterator[ChatResponse]:
    return _asynchronous(chat_pieces(_recorded(self, _asked(self, messages, kwargs), kwargs)))


@llm_completion_callback()
def _complete(self: Any, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
    return completion(_recorded(self, _prompted(self, prompt, kwargs), kwargs))


@llm_completion_callback()
async def _acomplete(self: Any, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
    return completion(_recorded(self, _prompted(self, prompt, kwargs), kwargs))


@llm_completion_callback()
def _stream_complete(self: Any, prompt: str, formatted: bool = False, **kwargs: Any) -> Iterator[CompletionResponse]:
    return completion_pieces(_recorded(self, _prompted(self, prompt, kwargs), kwargs))


@llm_completion_callback()
async def _astream_complete(
    self: Any, prompt: str, formatted: bool = False, **kwargs: Any
) -> AsyncIterator[CompletionResponse]:
    return _asynchronous(completion_pieces(_recorded(self, _prompted(self, prompt, kwargs), kwargs)))


class _Replayed:
    """The methods by which LlamaIndex asks a provider. Each has its one span; its events come from what is called inside."""

    recorded_calls: ClassVar[ModelCalls]
    own_model: ClassVar[bool]  # whether nothing but a recording stands behind it

    def _kept(self, request: Request, response: Any, is_inner: bool = False) -> Any:
        if not is_inner:
            self.recorded_calls.keep(request, [answer_of(response)])
        return response

    @dispatcher.span
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> Any:
        if not self.recorded_calls.recording:
            return _chat(self, messages, **kwargs)
        found, is_inner = _called(super().chat, messages, **kwargs)  # type: ignore[misc]
        return self._kept(_asked(self, messages, kwargs), found, is_inner)

    @dispatcher.span
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> Any:
        if not self.recorded_calls.recording:
            return await _achat(self, messages, **kwargs)
        found, is_inner = await _awaited(super().achat, messages, **kwargs)  # type: ignore[misc]
        return self._kept(_asked(self, messages, kwargs), found, is_inner)

    @dispatcher.span
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> Any:
        if not self.recorded_calls.recording:
            return _stream_chat(self, messages, **kwargs)
        found, is_inner = _called(super().stream_chat, messages, **kwargs)  # type: ignore[misc]
        return found if is_inner else _kept_stream(found, _asked(self, messages, kwargs), self._kept)

    @dispatcher.span
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> Any:
        if not self.recorded_calls.recording:
            return await _astream_chat(self, messages, **kwargs)
        found, is_inner = await _awaited(super().astream_chat, messages, **kwargs)  # type: ignore[misc]
        return found if is_inner else _kept_async_stream(found, _asked(self, messages, kwargs), self._kept)

    @dispatcher.span
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        if not self.recorded_calls.recording:
            return _complete(self, prompt, formatted=formatted, **kwargs)
        found, is_inner = _called(super().complete, prompt, formatted=formatted, **kwargs)  # type: ignore[misc]
        return self._kept(_prompted(self, prompt, kwargs), found, is_inner)

    @dispatcher.span
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        if not self.recorded_calls.recording:
            return await _acomplete(self, prompt, formatted=formatted, **kwargs)
        found, is_inner = await _awaited(super().acomplete, prompt, formatted=formatted, **kwargs)  # type: ignore[misc]
        return self._kept(_prompted(self, prompt, kwargs), found, is_inner)

    @dispatcher.span
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        if not self.recorded_calls.recording:
            return _stream_complete(self, prompt, formatted=formatted, **kwargs)
        found, is_inner = _called(super().stream_complete, prompt, formatted=formatted, **kwargs)  # type: ignore[misc]
        return found if is_inner else _kept_stream(found, _prompted(self, prompt, kwargs), self._kept)

    @dispatcher.span
    async def astream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        if not self.recorded_calls.recording:
            return await _astream_complete(self, prompt, formatted=formatted, **kwargs)
        found, is_inner = await _awaited(super().astream_complete, prompt, formatted=formatted, **kwargs)  # type: ignore[misc]
        return found if is_inner else _kept_async_stream(found, _prompted(self, prompt, kwargs), self._kept)


def _without_span(method: Any) -> Callable[..., Any]:
    """Return a bound method without the span that LlamaIndex's dispatcher puts around it: the copy's own has one."""
    inner = getattr(method, "__wrapped__", None)
    return inner if callable(inner) else method  # type: ignore[no-any-return]


@contextmanager
def _inside_the_model() -> Iterator[None]:
    """Mark that a method of the real model runs: what it calls of itself is not kept once more."""
    mark = _inside.set(True)
    try:
        yield
    finally:
        _inside.reset(mark)


def _called(method: Any, *arguments: Any, **kwargs: Any) -> tuple[Any, bool]:
    """Call the real method; return as well whether another one of the model called this: that one is kept."""
    if _inside.get():
        return method(*arguments, **kwargs), True
    with _inside_the_model():
        return _without_span(method)(*arguments, **kwargs), False


async def _awaited(method: Any, *arguments: Any, **kwargs: Any) -> tuple[Any, bool]:
    if _inside.get():
        return await method(*arguments, **kwargs), True
    with _inside_the_model():
        return await _without_span(method)(*arguments, **kwargs), False


def _kept_stream(pieces: Iterator[Any], request: Request, kept: Callable[[Request, Any], Any]) -> Iterator[Any]:
    """Pass a stream on, and keep the whole. What the model's own methods do for a piece is inside of it."""
    whole = _Pieces()
    while True:
        with _inside_the_model():
            piece = next(pieces, _END)
        if piece is _END:
            break
        whole.add(piece)
        yield piece
    whole.keep(request, kept)


async def _kept_async_stream(
    pieces: AsyncIterator[Any], request: Request, kept: Callable[[Request, Any], Any]
) -> AsyncIterator[Any]:
    whole = _Pieces()
    while True:
        with _inside_the_model():
            piece = await anext(pieces, _END)
        if piece is _END:
            break
        whole.add(piece)
        yield piece
    whole.keep(request, kept)


class _Pieces:
    """What the pieces of a stream are together: the last message, all text, and what any piece says besides."""

    def __init__(self) -> None:
        self._last: Any = None
        self._deltas: list[str] = []
        self._raw: dict[str, Any] = {}
        self._more: dict[str, Any] = {}

    def add(self, piece: Any) -> None:
        """Add the next piece."""
        self._last = piece
        self._deltas.append(piece.delta or "")
        self._raw |= filled(raw_fields(piece.raw))
        self._more |= piece.additional_kwargs

    def keep(self, request: Request, kept: Callable[[Request, Any], Any]) -> None:
        """Keep the whole, if there is any."""
        if self._last is None:
            return
        text = "".join(self._deltas)
        whole = self._last.model_copy(update={"raw": self._raw, "additional_kwargs": self._more})
        if isinstance(whole, CompletionResponse):
            whole.text = max(whole.text, text, key=len)
        elif len(whole.message.content or "") < len(text):  # a model whose messages are its pieces
            rest = [block for block in whole.message.blocks if block.block_type != "text"]
            whole.message = ChatMessage(role="assistant", blocks=[TextBlock(text=text), *rest])
        kept(request, whole)


async def _asynchronous(pieces: Iterator[Any]) -> AsyncIterator[Any]:
    for piece in pieces:
        yield piece


def _as_tool_call(answer: Answer, kwargs: Mapping[str, Any]) -> Answer:
    """Return an answer in JSON as a call of the one tool there is: structured output, whatever way it was recorded."""
    names = [name for tool in kwargs.get("tools") or () if (name := tool_name(tool))]
    if answer.get("tool_calls") or len(names) != 1 or not kwargs.get("tool_required"):
        return answer
    try:
        arguments = json.loads(text_of(answer))
    except ValueError:
        return answer
    call = {"name": names[0], "args": arguments, "id": "call_1"}
    own = {name: value for name, value in (answer.get("llama_index") or {}).items() if name != "blocks"}
    return {**answer, "content": "", "tool_calls": [call], "llama_index": own}
