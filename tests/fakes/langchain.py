"""Scripted models and small applications for the tests; real LangChain and LangGraph, no network."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

USAGE = {"input_tokens": 120, "output_tokens": 30, "total_tokens": 150}
ABOUT = {"model_name": "gpt-4o-2024", "finish_reason": "stop", "id": "chatcmpl-1"}


class ScriptedChat(BaseChatModel):
    """Answers with the messages of its script, in turn; `inside` is called within each model call."""

    script: list[Any] = []
    inside: Callable[[], Any] | None = None
    model_name: str = "gpt-4o"
    temperature: float = 0.2
    turn: int = 0

    @property
    def _llm_type(self) -> str:
        return "scripted"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, "temperature": self.temperature}

    def _get_ls_params(self, stop: Any = None, **kwargs: Any) -> Any:
        return {"ls_provider": "openai", "ls_model_name": self.model_name, "ls_model_type": "chat"}

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        from langchain_core.utils.function_calling import convert_to_openai_tool

        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def _next(self, messages: list[BaseMessage]) -> AIMessage:
        if self.inside is not None:
            self.inside()
        said = self.script[self.turn % len(self.script)] if self.script else "hello"
        self.turn += 1
        if isinstance(said, BaseException):
            raise said
        if isinstance(said, str):
            return AIMessage(said, usage_metadata=dict(USAGE), response_metadata=dict(ABOUT))
        return said.model_copy(deep=True)

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._next(messages))])

    def _chunks(self, messages: Any) -> Iterator[ChatGenerationChunk]:
        message = self._next(messages)
        words = str(message.content).split()
        for index, word in enumerate(words):
            yield ChatGenerationChunk(message=AIMessageChunk(content=word if index == 0 else f" {word}"))
        yield ChatGenerationChunk(
            message=AIMessageChunk(
                content="",
                tool_calls=message.tool_calls,
                usage_metadata=message.usage_metadata,
                response_metadata=message.response_metadata,
            )
        )

    def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Iterator[Any]:
        for chunk in self._chunks(messages):
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    async def _astream(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        for chunk in self._chunks(messages):
            if run_manager:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._next(messages))])


def call(name: str, arguments: dict[str, Any], id: str = "call_1") -> AIMessage:
    """Return an answer that asks for one tool."""
    return AIMessage(
        "",
        tool_calls=[{"name": name, "args": arguments, "id": id}],
        usage_metadata=dict(USAGE),
        response_metadata=dict(ABOUT, finish_reason="tool_calls"),
    )
