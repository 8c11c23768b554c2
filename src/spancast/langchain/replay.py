"""LangChain's stand-ins for a model in tests: a cache, and a copy of a chat model, that answer from a recording."""

from __future__ import annotations

import ast
import json
import operator
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import reduce
from typing import Any, ClassVar, Final

from langchain_core.caches import BaseCache
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.load import dumpd
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, message_chunk_to_message
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult, Generation
from langchain_core.utils.function_calling import convert_to_openai_tool

from ..capture.model_calls import Answer, ModelCalls, Request, filled, words_of

_ROLES: Final = {
    "human": "user",
    "ai": "assistant",
    "HumanMessage": "user",
    "AIMessage": "assistant",
    "SystemMessage": "system",
    "ToolMessage": "tool",
    "AIMessageChunk": "assistant",
}
_MOST_SETTINGS: Final = 1_000_000  # characters of a model's settings that are parsed
# Of a message: what has a field of its own in an answer, and what is another one in each run.
_FIELDS: Final = {"content", "tool_calls", "usage_metadata", "type", "id", "example", "name", "chunk_position"}
_ABOUT: Final = ("model_name", "finish_reason")


# ---------------------------------------------------------------- requests and answers
def request_of(messages: Sequence[Any], **settings: Any) -> Request:
    """Return a request: *messages* as LangChain serializes them."""
    return {"messages": [_message(each) for each in messages], **filled(settings)}


def _message(serialized: Any) -> dict[str, Any]:
    fields = serialized.get("kwargs", serialized)
    kind = str(fields.get("type") or serialized.get("id", ("message",))[-1])
    calls = [{name: call.get(name) for name in ("name", "args", "id")} for call in fields.get("tool_calls") or ()]
    role = fields.get("role") if kind in ("chat", "ChatMessage") else _ROLES.get(kind, kind)
    found = {"tool_calls": calls, **{name: fields.get(name) for name in ("tool_call_id", "name")}}
    return {"role": role, "content": fields.get("content") or "", **filled(found)}


def _answer(generation: Generation) -> Answer:
    message = getattr(generation, "message", None)
    if not isinstance(message, AIMessage):
        return {"content": generation.text}
    whole = message_chunk_to_message(message)
    about = whole.response_metadata or {}
    more = {name: value for name, value in whole.__dict__.items() if name not in _FIELDS}
    more |= {
        "response_metadata": {name: value for name, value in about.items() if name not in _ABOUT and value is not None}
    }
    calls = [{name: call.get(name) for name in ("name", "args", "id")} for call in getattr(whole, "tool_calls", ())]
    return {
        "content": whole.content,
        **filled(
            {
                "tool_calls": calls,
                "usage": getattr(whole, "usage_metadata", None),
                "model": about.get("model_name"),
                "finish_reason": about.get("finish_reason"),
                "langchain": filled(more),
            }
        ),
    }


def _ai_message(answer: Answer) -> AIMessage:
    more = dict(answer.get("langchain") or {})
    about = filled({"model_name": answer.get("model"), "finish_reason": answer.get("finish_reason")})
    more["response_metadata"] = {**about, **more.get("response_metadata", {})}
    if usage := answer.get("usage"):
        more["usage_metadata"] = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0, **usage}
    calls = [{"type": "tool_call", "id": None, **call} for call in answer.get("tool_calls", ())]
    return AIMessage(content=answer.get("content") or "", tool_calls=calls, **more)


# ---------------------------------------------------------------- the cache
class RecordedCache(BaseCache):
    """A cache of LangChain that knows what a recording has. Where a model streams, LangChain does not ask its cache."""

    def __init__(self, calls: ModelCalls) -> None:
        self._calls = calls

    def lookup(self, prompt: str, llm_string: str) -> list[Generation] | None:
        """Return the recorded answers; None, so that the model is asked, while recording."""
        if self._calls.recording:
            return None
        request, is_chat = _cached_request(prompt, llm_string)
        found = self._calls.answers(request)
        if not is_chat:
            return [Generation(text=str(each.get("content") or "")) for each in found]
        return [ChatGeneration(message=_ai_message(each)) for each in found]

    def update(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """Keep what a model answered."""
        if self._calls.recording:
            self._calls.keep(_cached_request(prompt, llm_string)[0], [_answer(each) for each in return_val])

    async def alookup(self, prompt: str, llm_string: str) -> list[Generation] | None:
        """Return the recorded answers."""
        return self.lookup(prompt, llm_string)

    async def aupdate(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """Keep what a model answered."""
        self.update(prompt, llm_string, return_val)

    def clear(self, **kwargs: Any) -> None:
        """Do nothing: a recording is a file."""


def cache(calls: ModelCalls) -> BaseCache:
    """Return a cache that answers from *calls*."""
    return RecordedCache(calls)


def _cached_request(prompt: str, llm_string: str) -> tuple[Request, bool]:
    """Return the request that a cache is asked for, and whether it is one of a chat model."""
    settings = _settings(llm_string)
    try:
        messages = json.loads(prompt) if prompt.startswith('[{"lc"') else None
    except ValueError:
        messages = None
    if messages is None:
        return {"messages": [{"role": "user", "content": prompt}], **settings}, False
    return request_of(messages, **settings), True


def _settings(llm_string: str) -> dict[str, Any]:
    """Return what LangChain's text of a model's settings says: its name, its tools. Nothing where it cannot be read."""
    if len(llm_string) > _MOST_SETTINGS:
        return {}
    head, _, tail = llm_string.partition("---") if llm_string.startswith("{") else ("{}", "", llm_string)
    try:
        model = json.loads(head).get("kwargs", {})
    except (ValueError, AttributeError):
        model = {}
    try:
        options = dict(ast.literal_eval(tail))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):  # a class or an object among them
        options = {}
    return _known_settings({**model, **options})


def _known_settings(options: dict[str, Any]) -> dict[str, Any]:
    tools = [name for tool in options.get("tools") or () if (name := _tool_name(tool))]
    model = options.get("model_name") or options.get("model")
    return filled({"model": model, "tools": tools, "stop": options.get("stop")})


def _tool_name(tool: Any) -> str | None:
    if isinstance(tool, dict):
        inner = tool.get("function")
        return (inner if isinstance(inner, dict) else tool).get("name")
    return None


# ---------------------------------------------------------------- the model
class ReplayedChat(BaseChatModel):
    """A chat model without a provider: what it answers comes from a recording."""

    @property
    def _llm_type(self) -> str:
        return "replayed"

    def bind_tools(self, tools: Any, *, tool_choice: Any = None, **kwargs: Any) -> Any:
        """Return this model with tools, which only their names matter of."""
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], tool_choice=tool_choice, **kwargs)

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        raise NotImplementedError  # its copy does


def chat_model(calls: ModelCalls, model: BaseChatModel | None) -> BaseChatModel:
    """Return a copy of *model* that answers from *calls*; while recording it asks its provider, and keeps the answer."""
    copy = model.model_copy(update={"cache": False}) if model is not None else ReplayedChat(cache=False)
    object.__setattr__(copy, "__class__", _subclass(type(copy), calls))
    return copy


def _subclass(real: type[BaseChatModel], calls: ModelCalls) -> type[BaseChatModel]:
    """Return a subclass of *real* that differs in where its answers come from only."""
    streams = real._stream is not BaseChatModel._stream or real._astream is not BaseChatModel._astream
    mixin = _ReplayedStreams if streams or real is ReplayedChat else _Replayed
    made: Any = type(real.__name__, (mixin, real), {"__module__": real.__module__, "__qualname__": real.__qualname__})
    made.recorded_calls = calls
    made.own_model = real is ReplayedChat
    return made  # type: ignore[no-any-return]


class _Replayed:
    """The methods by which LangChain asks a provider, without one."""

    recorded_calls: ClassVar[ModelCalls]
    own_model: ClassVar[bool]  # whether nothing but a recording stands behind it
    _stream_chat_model_events = None  # events of the real model's own would come from the provider
    _astream_chat_model_events = None

    def _asked(self: Any, messages: Sequence[BaseMessage], stop: Any, kwargs: dict[str, Any]) -> Request:
        options = {**self._get_invocation_params(stop=stop, **kwargs), **kwargs, "stop": stop}
        if self.own_model:
            options.pop("model", None)
        return request_of([dumpd(each) for each in messages], **_known_settings(options))

    def _recorded(self, asked: Request, kwargs: dict[str, Any]) -> ChatResult:
        found = self.recorded_calls.answers(asked)
        answers = [_as_tool_call(each, kwargs) for each in found] if self.own_model else found
        return ChatResult(generations=[ChatGeneration(message=_ai_message(each)) for each in answers])

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        asked = self._asked(messages, stop, kwargs)
        if not self.recorded_calls.recording:
            return self._recorded(asked, kwargs)
        result = super()._generate(messages, stop=stop, run_manager=run_manager, **kwargs)  # type: ignore[misc]
        return _kept(self.recorded_calls, asked, result)

    async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        asked = self._asked(messages, stop, kwargs)
        if not self.recorded_calls.recording:
            return self._recorded(asked, kwargs)
        real = super()._agenerate  # type: ignore[misc]
        result = await real(messages, stop=stop, run_manager=run_manager, **kwargs)
        if real.__func__ is BaseChatModel._agenerate:  # it called `_generate`, which kept the answer
            return result  # type: ignore[no-any-return]
        return _kept(self.recorded_calls, asked, result)


class _ReplayedStreams(_Replayed):
    """Those of a model that streams."""

    def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Iterator[Any]:
        asked = self._asked(messages, stop, kwargs)
        if not self.recorded_calls.recording:
            yield from _chunks(self._recorded(asked, kwargs))
            return
        pieces = []
        for chunk in super()._stream(messages, stop=stop, run_manager=run_manager, **kwargs):  # type: ignore[misc]
            pieces.append(_copied(chunk))
            yield chunk
        _keep_stream(self.recorded_calls, asked, pieces)

    async def _astream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        asked = self._asked(messages, stop, kwargs)
        if not self.recorded_calls.recording:
            for chunk in _chunks(self._recorded(asked, kwargs)):
                yield chunk
            return
        real = super()._astream  # type: ignore[misc]
        pieces = []
        async for chunk in real(messages, stop=stop, run_manager=run_manager, **kwargs):
            pieces.append(_copied(chunk))
            yield chunk
        if real.__func__ is not BaseChatModel._astream:  # else it called `_stream`, which kept the answer
            _keep_stream(self.recorded_calls, asked, pieces)


def _kept(calls: ModelCalls, asked: Request, result: ChatResult) -> ChatResult:
    """Keep a result as LangChain gives it out: what the provider says of the whole belongs to the message as well."""
    generations = []
    for generation in result.generations:
        about = {
            **(result.llm_output or {}),
            **(generation.generation_info or {}),
            **generation.message.response_metadata,
        }
        message = generation.message.model_copy(update={"response_metadata": about})
        generations.append(_answer(ChatGeneration(message=message)))
    calls.keep(asked, generations)
    return result


def _copied(chunk: ChatGenerationChunk) -> ChatGenerationChunk:
    """Return a copy: LangChain writes into the chunks that it passes on."""
    message = chunk.message.model_copy(update={"response_metadata": dict(chunk.message.response_metadata)})
    return ChatGenerationChunk(message=message, generation_info=chunk.generation_info)


def _keep_stream(calls: ModelCalls, asked: Request, pieces: list[ChatGenerationChunk]) -> None:
    if pieces:
        whole = reduce(operator.add, pieces)
        about = {**(whole.generation_info or {}), **whole.message.response_metadata}
        message = whole.message.model_copy(update={"response_metadata": about})
        calls.keep(asked, [_answer(ChatGeneration(message=message_chunk_to_message(message)))])


def _chunks(result: ChatResult) -> Iterator[ChatGenerationChunk]:
    """Yield an answer as a stream has it: word by word, and with the last chunk everything that is no text."""
    message = result.generations[0].message
    text = message.content if isinstance(message.content, str) else ""
    for word in words_of(text):
        yield ChatGenerationChunk(message=AIMessageChunk(content=word))
    fields = {name: value for name, value in message.__dict__.items() if name not in ("type", "content", "id")}
    last: Any = "" if isinstance(message.content, str) else message.content
    yield ChatGenerationChunk(message=AIMessageChunk(content=last, chunk_position="last", **fields))


def _as_tool_call(answer: Answer, kwargs: dict[str, Any]) -> Answer:
    """Return an answer in JSON as a call of the one tool there is: structured output, whatever way it was recorded."""
    names = [name for tool in kwargs.get("tools") or () if (name := _tool_name(tool))]
    if answer.get("tool_calls") or len(names) != 1 or not kwargs.get("tool_choice"):
        return answer
    try:
        arguments = json.loads(str(answer.get("content")))
    except ValueError:
        return answer
    return {**answer, "content": "", "tool_calls": [{"name": names[0], "args": arguments, "id": "call_1"}]}
