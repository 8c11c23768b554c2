"""What a model said, end to end with LlamaIndex: wrapped models, chunks, buffers, estimates, what integrations leave out."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import genai_prices
import numpy as np
import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    ImageBlock,
    LLMMetadata,
    TextBlock,
    ThinkingBlock,
)
from llama_index.core.llms import CustomLLM
from llama_index.core.llms.callbacks import llm_chat_callback
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

import spancast
from spancast import langchain
from spancast.destinations import MemoryDestination
from spancast.record import prices

from ..fakes.llama_index import PlainRetriever, ScriptedLLM

pytestmark = pytest.mark.usefixtures("instrumented")
ASKED = [ChatMessage(role="user", content="hi")]


def counts(memory: MemoryDestination, name: str = "llm.token_count.total") -> list[int | None]:
    spancast.flush()
    return [span.attributes.get(name) for span in memory.spans if span.kind.value == "LLM"]


class Fallback(ScriptedLLM):
    """Asks the first model, and the second where that fails: the answer is handed on as it came."""

    first: Any = None
    second: Any = None

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        try:
            return self.first.chat(messages, **kwargs)  # type: ignore[no-any-return]
        except ConnectionError:
            return self.second.chat(messages, **kwargs)  # type: ignore[no-any-return]


def test_a_fallback_counts_once(memory: MemoryDestination) -> None:
    """The tokens stand on the model that spent them."""
    Fallback(first=ScriptedLLM(ConnectionError("down")), second=ScriptedLLM("hello")).chat(ASKED)
    assert [150] == [count for count in counts(memory) if count is not None]
    assert 3 == len(counts(memory))


class Bridge(CustomLLM):
    """Hands on to a LangChain model, and its token counts where LlamaIndex expects them."""

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="bridge-1", is_chat_model=False)

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        def answers() -> Iterator[AIMessage]:
            yield AIMessage("x", usage_metadata={"input_tokens": 12, "output_tokens": 3, "total_tokens": 15})

        answer: Any = GenericFakeChatModel(messages=answers()).invoke(prompt)
        return CompletionResponse(text=answer.content, raw={"usage": dict(answer.usage_metadata)})

    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        raise NotImplementedError


def test_a_langchain_model_inside_counts_once(memory: MemoryDestination) -> None:
    """Across both frameworks: the inner call has the tokens."""
    langchain.instrument()
    try:
        Bridge().complete("hi")
    finally:
        langchain.uninstrument()
    assert [15] == [count for count in counts(memory) if count is not None]
    assert 2 == len(counts(memory))


class Chunks(ScriptedLLM):
    """Streams its raw chunks, each with a piece of text."""

    raws: list[Any] = []

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> Any:
        return self._stream()

    def _stream(self) -> Iterator[ChatResponse]:
        for raw in self.raws:
            yield ChatResponse(message=ChatMessage(role="assistant", content="x"), delta="x", raw=raw)


def test_an_earlier_chunk_is_not_lost(memory: MemoryDestination) -> None:
    """Id and model come first, the reason before the usage: the span has all of them."""
    raws = [
        {"type": "message_start", "message": {"id": "msg_1", "model": "m-1", "usage": {"input_tokens": 9}}},
        {"choices": [SimpleNamespace(finish_reason="length", delta=None)]},
        {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3}},
        {"choices": [], "usage": None},
    ]
    for _ in Chunks(raws=raws).stream_chat(ASKED):
        pass
    spancast.flush()
    (span,) = memory.spans
    names = ("llm.finish_reason", "llm.response.model_name", "llm.token_count.total")
    assert ["length", "m-1", 12] == [span.attributes.get(name) for name in names]


class Raw(ScriptedLLM):
    """Answers with a raw completion of which its integration hands on the text alone."""

    raw: Any = None

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return ChatResponse(message=ChatMessage(role="assistant", blocks=[]), raw=self.raw)


def test_what_an_integration_leaves_out(memory: MemoryDestination) -> None:
    """A refusal and a sound stand in the raw choice alone."""
    sound = {"id": "a1", "data": "eHg=", "transcript": "hello"}
    choice = {"message": {"content": None, "refusal": "I cannot.", "audio": sound}, "finish_reason": "stop"}
    Raw(raw={"choices": [choice]}).chat(ASKED)
    spancast.flush()
    (span,) = memory.spans
    held = {key: value for key, value in span.attributes.items() if key.startswith("llm.output_messages.0")}
    assert "I cannot." in held.values()
    assert "hello" in held.values()
    assert "data:application/octet-stream;base64,eHg=" in held.values()


def test_thoughts_in_pieces_are_one(memory: MemoryDestination) -> None:
    """Gemini's stream makes a block of each piece; in a message of the history as well."""
    blocks = [ThinkingBlock(content="9.9 is "), ThinkingBlock(content="larger."), TextBlock(text="9.9")]
    ScriptedLLM().chat([ChatMessage(role="assistant", blocks=blocks), *ASKED])
    spancast.flush()
    (span,) = memory.spans
    place = "llm.input_messages.0.message.contents"
    assert "9.9 is larger." == span.attributes[f"{place}.0.message_content.text"]
    assert "9.9" == span.attributes[f"{place}.1.message_content.text"]


def test_a_buffer_is_an_image(memory: MemoryDestination) -> None:
    """Its bytes are read without moving it; they are not base64 yet."""
    buffer = BytesIO(b"\x89PNG")
    buffer.read(2)
    ScriptedLLM().chat([ChatMessage(role="user", blocks=[ImageBlock(image=buffer, image_mimetype="image/png")])])
    spancast.flush()
    (span,) = memory.spans
    data = base64.b64encode(b"\x89PNG").decode()
    assert f"data:image/png;base64,{data}" in span.attributes.values()
    assert 2 == buffer.tell()


def test_the_estimate_is_langchain_s(memory: MemoryDestination, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same model and usage cost the same in both frameworks."""
    monkeypatch.setattr(prices, "_prices", lambda: genai_prices)
    ScriptedLLM().chat(ASKED)
    (cost,) = counts(memory, "llm.cost.total")
    usage = prices.Usage(input_tokens=120, output_tokens=30)
    expected = prices.estimate(usage, ("gpt-4o",), "openai")
    assert expected is not None
    assert expected.total == cost


@pytest.mark.parametrize("score", [np.float32(0.5), np.float64(0.5), np.int64(1)])
def test_numpy_s_numbers_are_scores(score: Any, memory: MemoryDestination) -> None:
    """A retriever that sets them past pydantic."""
    node = NodeWithScore(node=TextNode(text="x"), score=0.0)
    node.score = score

    class Scored(PlainRetriever):
        def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
            return [node]

    Scored().retrieve("q")
    spancast.flush()
    span = next(span for span in memory.spans if span.kind.value == "RETRIEVER")
    assert float(score) == span.attributes["retrieval.documents.0.document.score"]
    assert json.loads(span.attributes["output.value"])[0]["score"] == float(score)
