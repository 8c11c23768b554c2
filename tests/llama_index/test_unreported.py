"""What LlamaIndex's dispatcher leaves out: answers of models without the callback decorator, and `predict_and_call`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.base import BaseLLM
from llama_index.core.llms import ChatMessage, ChatResponse, CompletionResponse
from llama_index.core.llms.llm import LLM
from llama_index.core.tools import FunctionTool

from spancast import llama_index
from spancast.testing import RecordedTraces

from ..fakes.llama_index import USAGE, ScriptedLLM, calls
from ..receivers.program import until

ASKED = [ChatMessage(role="user", content="hi")]


class _Bare(ScriptedLLM):
    """An integration that forgot the decorator on each of its streams."""

    fails: bool = False

    def _chat_pieces(self) -> Iterator[ChatResponse]:
        for text, delta in (("Hell", "Hell"), ("Hello", "o")):
            said = ChatMessage(role="assistant", content=text)
            yield ChatResponse(message=said, delta=delta, raw={"usage": dict(USAGE)})
            if self.fails:
                raise ConnectionError("gone")

    def stream_chat(self, messages: Any, **keywords: Any) -> Any:
        return self._chat_pieces()

    async def astream_chat(self, messages: Any, **keywords: Any) -> Any:
        async def pieces() -> AsyncIterator[ChatResponse]:
            for piece in self._chat_pieces():
                yield piece

        return pieces()

    def stream_complete(self, prompt: str, formatted: bool = False, **keywords: Any) -> Any:
        for piece in self._chat_pieces():
            yield CompletionResponse(text=piece.message.content or "", delta=piece.delta, raw=piece.raw)

    async def astream_complete(self, prompt: str, formatted: bool = False, **keywords: Any) -> Any:
        async def pieces() -> AsyncIterator[CompletionResponse]:
            for piece in self.stream_complete(prompt):
                yield piece

        return pieces()


async def _read(model: _Bare, way: str, most: int = 9) -> None:
    asked: Any = "hi" if way.endswith("complete") else ASKED
    stream = getattr(model, way)(asked)
    if way.startswith("astream"):
        stream = await stream
        while most and await anext(stream, None):
            most -= 1
        await stream.aclose()
    else:
        while most and next(stream, None):
            most -= 1
        stream.close()


WAYS = ["stream_chat", "stream_complete", "astream_chat", "astream_complete"]


@pytest.mark.parametrize("way", WAYS)
def test_a_stream_without_events_has_its_answer(way: str, traces: RecordedTraces) -> None:
    """Answer, token counts, and the time of the first piece; one model call."""
    asyncio.run(_read(_Bare(), way))
    (span,) = traces.last.spans
    assert ("LLM", "Hello", 150, None) == (
        span.kind,
        span.attributes["output.value"],
        span.attributes["llm.token_count.total"],
        span.attributes.get("spancast.ending"),
    )
    assert span.attributes["gen_ai.response.time_to_first_chunk"] >= 0


@pytest.mark.parametrize(("most", "ending"), [(0, "never started"), (1, "abandoned")])
@pytest.mark.parametrize("way", WAYS)
def test_such_a_stream_that_is_left_says_so(way: str, most: int, ending: str, traces: RecordedTraces) -> None:
    """How far it was read is known, and what was read is kept."""
    asyncio.run(_read(_Bare(), way, most))
    until(lambda: len(traces), bool)  # one that was never started ends when it is collected, in a thread of its own
    (span,) = traces.last.spans
    assert ending == span.attributes["spancast.ending"]
    assert ("Hell" if most else None) == span.attributes.get("output.value")


@pytest.mark.parametrize("way", WAYS)
def test_such_a_stream_that_breaks_has_failed(way: str, traces: RecordedTraces) -> None:
    """Also where the application itself reads it; what came before the error is kept."""
    with suppress(ConnectionError):
        asyncio.run(_read(_Bare(fails=True), way))
    (span,) = traces.last.spans
    assert ("ConnectionError", "Hell") == (span.attributes["error.type"], span.attributes["output.value"])


def test_an_agent_on_such_a_model_has_all_answers(traces: RecordedTraces) -> None:
    """An agent streams its model."""

    async def go() -> None:
        await FunctionAgent(tools=[], llm=_Bare()).run("hi")

    asyncio.run(go())
    assert ["Hello"] == [span.attributes["output.value"] for span in traces.last.spans if span.kind == "LLM"]


@pytest.mark.parametrize("way", ["sync", "async"])
def test_predict_and_call_is_one_trace(way: str, traces: RecordedTraces) -> None:
    """The model's call and the tool's lie beneath it, though LlamaIndex reports only those two."""

    def refund(order: int, reason: str) -> str:
        """Refund an order."""
        return f"refunded {order}"

    model, tool = ScriptedLLM(calls(("refund", {"order": 17, "reason": "late"}))), FunctionTool.from_defaults(refund)
    if way == "sync":
        model.predict_and_call([tool], user_msg="refund 17")
    else:
        asyncio.run(model.apredict_and_call([tool], user_msg="refund 17"))
    (trace,) = traces
    assert ("CHAIN", 1, 3) == (trace.root.kind, trace.llm_calls, len(trace.spans))
    trace.tool("refund").called_once_with(order=17, reason="late")
    assert "refund 17" in trace.root.attributes["input.value"]
    assert "refunded 17" in trace.root.attributes["output.value"]


def test_the_models_own_methods_come_back() -> None:
    """Without tracing no class is changed; a class that was made meanwhile has its own methods too."""
    llama_index.uninstrument()
    before = (_Bare.stream_chat, LLM.predict_and_call)
    llama_index.instrument()
    during = (_Bare.stream_chat, LLM.predict_and_call)

    class _Later(_Bare):
        def stream_chat(self, messages: Any, **keywords: Any) -> Any:
            return self._chat_pieces()

    replaced = _Later.stream_chat
    llama_index.uninstrument()
    assert before == (_Bare.stream_chat, LLM.predict_and_call)
    assert all(one is not other for one, other in zip(before, during, strict=True))
    assert replaced is not _Later.stream_chat
    assert not {"__init_subclass__"} & (set(vars(BaseLLM)) | set(vars(LLM)))
