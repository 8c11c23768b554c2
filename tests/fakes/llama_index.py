"""Scripted models and undecorated components; real LlamaIndex, no network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    LLMMetadata,
    ToolCallBlock,
)
from llama_index.core.llms import CustomLLM
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from pydantic import PrivateAttr

USAGE = {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150}


class ScriptedLLM(FunctionCallingLLM):
    """Answers with the turns of its script, round and round: a text, `call(...)`s, or an exception.

    `inside` is called within each model call; streams give their usage with the last piece only.
    """

    model: str = "gpt-4o"
    temperature: float = 0.2
    api_key: str = "sk-secret"
    _script: list[Any] = PrivateAttr()
    _turn: int = PrivateAttr(default=0)
    _inside: Callable[[], Any] | None = PrivateAttr(default=None)

    def __init__(self, *script: Any, inside: Callable[[], Any] | None = None, **fields: Any) -> None:
        super().__init__(**fields)
        self._script = list(script) or ["hello"]
        self._inside = inside

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(
            model_name=self.model, is_chat_model=True, is_function_calling_model=True, context_window=100_000
        )

    def _next(self) -> ChatMessage:
        if self._inside is not None:
            self._inside()
        said = self._script[self._turn % len(self._script)]
        self._turn += 1
        if isinstance(said, BaseException):
            raise said
        if isinstance(said, list):
            return ChatMessage(role="assistant", blocks=said)
        return ChatMessage(role="assistant", content=said)

    def _response(self, message: ChatMessage) -> ChatResponse:
        reason = "tool_calls" if any(isinstance(block, ToolCallBlock) for block in message.blocks) else "stop"
        choice = {"finish_reason": reason}
        raw = {"id": "chatcmpl-1", "model": "gpt-4o-2024", "usage": dict(USAGE), "choices": [choice]}
        return ChatResponse(message=message, raw=raw)

    def _pieces(self) -> Iterator[ChatResponse]:
        message = self._next()
        words = (message.content or "").split(" ") if message.content else []
        whole = ""
        for index, word in enumerate(words):
            piece = word if index == 0 else f" {word}"
            whole += piece
            so_far = ChatMessage(role="assistant", content=whole)
            yield ChatResponse(message=so_far, delta=piece, raw={"model": "gpt-4o-2024", "usage": None})
        last = self._response(message)
        last.delta = ""
        yield last

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return self._response(self._next())

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        await asyncio.sleep(0)
        return self._response(self._next())

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> Iterator[ChatResponse]:
        return self._pieces()

    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> AsyncIterator[ChatResponse]:
        async def pieces() -> AsyncIterator[ChatResponse]:
            for piece in self._pieces():
                await asyncio.sleep(0)
                yield piece

        return pieces()

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return CompletionResponse(text=str(self._next().content), additional_kwargs=dict(USAGE))

    @llm_completion_callback()
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return CompletionResponse(text=str(self._next().content), additional_kwargs=dict(USAGE))

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Iterator[CompletionResponse]:
        def pieces() -> Iterator[CompletionResponse]:
            whole = ""
            for word in str(self._next().content).split():
                whole += word
                yield CompletionResponse(text=whole, delta=word)

        return pieces()

    @llm_completion_callback()
    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> AsyncIterator[CompletionResponse]:
        async def pieces() -> AsyncIterator[CompletionResponse]:
            yield CompletionResponse(text="hello", delta="hello")

        return pieces()

    def _prepare_chat_with_tools(  # type: ignore[override]
        self, tools: Any, user_msg: Any = None, chat_history: Any = None, **kwargs: Any
    ) -> dict[str, Any]:
        messages = list(chat_history or [])
        if user_msg:
            messages.append(ChatMessage(role="user", content=user_msg) if isinstance(user_msg, str) else user_msg)
        return {"messages": messages, "tools": [tool.metadata.to_openai_tool() for tool in tools]}

    def get_tool_calls_from_response(
        self, response: ChatResponse, error_on_no_tool_call: bool = True, **kwargs: Any
    ) -> list[ToolSelection]:
        calls = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
        return [
            ToolSelection(tool_id=str(call.tool_call_id), tool_name=call.tool_name, tool_kwargs=dict(call.tool_kwargs))
            for call in calls
        ]


def calls(*asked: tuple[str, dict[str, Any]], first: int = 1) -> list[ToolCallBlock]:
    """Return an answer that asks for tools."""
    return [
        ToolCallBlock(tool_call_id=f"call_{index}", tool_name=name, tool_kwargs=arguments)
        for index, (name, arguments) in enumerate(asked, first)
    ]


class PlainLLM(CustomLLM):
    """A user's own model: no decorators, no events, an API of its own."""

    model_name: str = "own-1"

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name=self.model_name)

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return CompletionResponse(text="own answer", raw={"usage": dict(USAGE)})

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Iterator[CompletionResponse]:  # type: ignore[override]
        for word in ("own", " answer"):
            yield CompletionResponse(text=word, delta=word)


class PlainEmbedding(BaseEmbedding):
    """A user's own embedding."""

    model_name: str = "own-embedding"

    def _get_query_embedding(self, query: str) -> list[float]:
        return [1.0, 0.0]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return [1.0, 0.0]

    def _get_text_embedding(self, text: str) -> list[float]:
        return [0.5, 0.5]


class PlainRetriever(BaseRetriever):
    """A user's own retriever: two nodes."""

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [
            NodeWithScore(node=TextNode(text="alpha", id_="n1", metadata={"page": 3}), score=0.5),
            NodeWithScore(node=TextNode(text="beta", id_="n2"), score=0.4),
        ]


class PlainReranker(BaseNodePostprocessor):
    """A user's own reranker: turns the order round and keeps *top_n*."""

    top_n: int = 1

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        return [NodeWithScore(node=nodes[-1].node, score=0.9)]
