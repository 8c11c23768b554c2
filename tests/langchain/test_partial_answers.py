"""An answer that is streamed and not finished: what had been said until then is on the model call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult

import spancast
from spancast import destinations
from spancast.langchain import SpancastCallbackHandler
from spancast.testing import RecordedTraces


class _Slow(BaseChatModel):
    """Says two words, and then breaks, or waits for ever."""

    error: Any = None

    @property
    def _llm_type(self) -> str:
        return "slow"

    def bind_tools(self, tools: Any, **keywords: Any) -> Any:
        return self

    def _generate(self, *arguments: Any, **keywords: Any) -> ChatResult:
        raise NotImplementedError

    def _pieces(self) -> Iterator[ChatGenerationChunk]:
        counts: Any = {"input_tokens": 9, "output_tokens": 1, "total_tokens": 10}
        facts = {"model_name": "slow-1"}
        yield ChatGenerationChunk(message=AIMessageChunk("", usage_metadata=counts, response_metadata=facts))
        yield ChatGenerationChunk(message=AIMessageChunk("two "))
        yield ChatGenerationChunk(message=AIMessageChunk([{"type": "text", "text": "words", "index": 0}]))

    def _stream(self, *arguments: Any, **keywords: Any) -> Iterator[ChatGenerationChunk]:
        yield from self._pieces()
        raise self.error

    async def _astream(self, *arguments: Any, **keywords: Any) -> AsyncIterator[ChatGenerationChunk]:
        for piece in self._pieces():
            yield piece
        if self.error is not None:
            raise self.error
        await asyncio.Event().wait()


ASKED: Any = {"messages": [("user", "q")]}


def _model_call(traces: RecordedTraces) -> dict[str, Any]:
    (call,) = [span for span in traces.last.spans if span.kind == "LLM"]
    return {
        "answer": call.attributes.get("output.value"),
        "tokens": call.attributes.get("llm.token_count.total"),
        "model": call.attributes.get("llm.response.model_name"),
        "ending": call.attributes.get("spancast.ending"),
        "error": call.attributes.get("error.type"),
    }


def test_a_client_that_leaves_has_seen_the_first_words(traces: RecordedTraces) -> None:
    """An agent's stream is cancelled in a model's stream; LangChain sends no last event of that."""

    async def client() -> None:
        said = []
        async for piece, _ in create_agent(_Slow(), []).astream(
            ASKED, {"callbacks": [SpancastCallbackHandler()]}, stream_mode="messages"
        ):
            said.append(piece.text)
            if "words" in said:
                here = asyncio.current_task()
                assert here is not None
                asyncio.get_running_loop().call_soon(here.cancel)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(client())
    assert {
        "answer": "two words",
        "tokens": 10,
        "model": "slow-1",
        "ending": "cancelled",
        "error": None,
    } == _model_call(traces)


@pytest.mark.parametrize("way", ["sync", "async"])
def test_a_stream_that_breaks_in_an_agent_keeps_its_beginning(way: str, traces: RecordedTraces) -> None:
    """LangChain's last event has the error, and of an agent's stream nothing of the answer."""
    agent = create_agent(_Slow(error=ConnectionError("gone")), [])
    config: Any = {"callbacks": [SpancastCallbackHandler()]}

    async def read() -> None:
        async for _ in agent.astream(ASKED, config, stream_mode="messages"):
            pass

    with pytest.raises(ConnectionError):
        list(agent.stream(ASKED, config, stream_mode="messages")) if way == "sync" else asyncio.run(read())
    assert {"answer": "two words", "tokens": 10, "model": "slow-1", "ending": None, "error": "ConnectionError"} == (
        _model_call(traces)
    )


def test_without_content_only_the_counts_are_kept() -> None:
    """In privacy mode no word of it leaves."""
    private = destinations.memory(privacy_mode=True)
    with spancast.Pipeline(private), pytest.raises(ConnectionError):
        list(_Slow(error=ConnectionError("gone")).stream("q", {"callbacks": [SpancastCallbackHandler()]}))
    (span,) = private.spans
    assert 10 == span.attributes["llm.token_count.total"]
    assert "words" not in str(dict(span.attributes))
