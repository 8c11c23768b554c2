"""Applications whose trees are golden: streams that break, are left or time out; sparse embeddings; evaluators."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse
from llama_index.core.evaluation import CorrectnessEvaluator
from llama_index.core.llms.callbacks import llm_chat_callback
from llama_index.core.sparse_embeddings.mock_sparse_embedding import MockSparseEmbedding

from ..fakes.llama_index import PlainLLM, ScriptedLLM
from .applications import application, engine

ASKED = [ChatMessage(role="user", content="Where is Berlin?")]


class Breaking(ScriptedLLM):
    """Says one word, then the connection is gone."""

    def _pieces(self) -> Iterator[ChatResponse]:
        yield ChatResponse(message=ChatMessage(role="assistant", content="In"), delta="In")
        raise ConnectionResetError("cut off")


class Hanging(ScriptedLLM):
    """Says one word, then nothing more."""

    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> AsyncIterator[ChatResponse]:
        async def pieces() -> AsyncIterator[ChatResponse]:
            yield ChatResponse(message=ChatMessage(role="assistant", content="In"), delta="In")
            await asyncio.sleep(60)

        return pieces()


@application
def stream_breaks() -> None:
    with suppress(ConnectionResetError):
        list(Breaking().stream_chat(ASKED))


@application
async def stream_breaks_async() -> None:
    with suppress(ConnectionResetError):
        async for _ in await Breaking().astream_chat(ASKED):
            pass


@application
def query_stream_breaks() -> None:
    with suppress(ConnectionResetError):
        list(engine(Breaking(), streaming=True).query("Where is Berlin?").response_gen)


@application
async def query_stream_breaks_async() -> None:
    with suppress(ConnectionResetError):
        response = await engine(Breaking(), streaming=True).aquery("Where is Berlin?")
        async for _ in response.async_response_gen():
            pass


@application
def stream_left() -> None:
    stream = ScriptedLLM("In Germany").stream_chat(ASKED)
    next(stream)
    stream.close()
    del stream
    gc.collect()


@application
async def stream_left_async() -> None:
    stream: Any = await ScriptedLLM("In Germany").astream_chat(ASKED)
    async for _ in stream:
        break
    await stream.aclose()


@application
async def stream_times_out_async() -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(0.05):
            async for _ in await Hanging().astream_chat(ASKED):
                pass


SPARSE = {"Berlin is in Germany": {3: 0.5, 17: 1.5}, "Paris is in France": {4: 1.0}}


@application
def sparse_embedding() -> None:
    model = MockSparseEmbedding(text_to_embedding=SPARSE)
    model.get_query_embedding("Where is Berlin?")
    model.get_text_embedding("Berlin is in Germany")
    model.get_text_embedding_batch(list(SPARSE))


@application
async def sparse_embedding_async() -> None:
    model = MockSparseEmbedding(text_to_embedding=SPARSE)
    await model.aget_query_embedding("Where is Berlin?")
    await model.aget_text_embedding("Berlin is in Germany")
    await model.aget_text_embedding_batch(list(SPARSE))


class _Judge(PlainLLM):
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return CompletionResponse(text="4.5\nIt is right.")


@application
def evaluated() -> None:
    CorrectnessEvaluator(llm=_Judge()).evaluate(query="Where?", response="Berlin", reference="Berlin")


@application
async def evaluated_async() -> None:
    await CorrectnessEvaluator(llm=_Judge()).aevaluate(query="Where?", response="Berlin", reference="Berlin")
