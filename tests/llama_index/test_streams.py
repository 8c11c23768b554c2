"""Streams: open to the last token, with usage and time to first token, and ended however they are left."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import pytest
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.base.response.schema import AsyncStreamingResponse, StreamingResponse
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.chat_engine.types import StreamingAgentChatResponse
from llama_index.core.llms.callbacks import llm_completion_callback
from llama_index.core.prompts import PromptTemplate
from llama_index.core.query_engine import CustomQueryEngine, RetrieverQueryEngine
from llama_index_instrumentation import get_dispatcher
from opentelemetry import trace as otel

import spancast
from spancast.destinations import MemoryDestination
from spancast.llama_index import install
from spancast.llama_index.finalizers import FinalizerThread
from spancast.llama_index.streams import AsyncTokenStream, TokenStream, wrapped

from ..fakes.llama_index import USAGE, PlainLLM, PlainRetriever, ScriptedLLM
from ..langchain.trees import one, traces, tree
from .conftest import all_ended, settled
from .framework import DRAINS

pytestmark = pytest.mark.usefixtures("instrumented")
ASKED = [ChatMessage(role="user", content="hi")]
dispatcher = get_dispatcher(__name__)


def streaming_engine(llm: Any) -> RetrieverQueryEngine:
    """Return a query engine that streams."""
    return RetrieverQueryEngine.from_args(PlainRetriever(), llm=llm, streaming=True)


def spans_of(memory: MemoryDestination, pipeline: spancast.Pipeline) -> list[Any]:
    """Return the spans once everything has ended."""
    settled(lambda: all_ended(pipeline) and not install.unfinished_calls())
    return memory.spans


# ---------------------------------------------------------------- models
def test_a_stream_is_timed_to_its_last_token(memory: MemoryDestination) -> None:
    """Usage, finish reason and answer come from the last piece; the first one is timed."""
    seen = 0
    for _ in ScriptedLLM("a b c").stream_chat(ASKED):
        seen += 1
        assert [] == memory.spans
    span = one(memory.spans, "ScriptedLLM.stream_chat")
    assert 0 < span.attributes["gen_ai.response.time_to_first_chunk"] * 1e9 <= span.end_ns - span.start_ns
    assert ("a b c", 150, "stop") == tuple(
        span.attributes[key] for key in ("output.value", "llm.token_count.total", "llm.finish_reason")
    )
    assert 4 == seen


def test_usage_is_that_of_the_last_chunk_that_has_one(memory: MemoryDestination) -> None:
    """Some providers send the token counts before the last chunk; they are kept, also of an abandoned stream."""

    class Early(ScriptedLLM):
        def _pieces(self) -> Iterator[ChatResponse]:
            for raw in ({"usage": {"prompt_tokens": 1}}, {"usage": dict(USAGE)}, {"usage": None}):
                yield ChatResponse(message=ChatMessage(role="assistant", content="x"), delta="x", raw=raw)

    list(Early().stream_chat(ASKED))
    stream = Early().stream_chat(ASKED)
    next(stream), next(stream)
    stream.close()
    assert [150, 150] == [span.attributes["llm.token_count.total"] for span in memory.spans]
    assert [None, "abandoned"] == [span.attributes.get("spancast.ending") for span in memory.spans]


def test_texts_that_grow_from_block_to_block_are_one(memory: MemoryDestination) -> None:
    """An integration that adds the text so far as a block with each chunk (Mistral's) has one text; other blocks stay."""

    class Growing(ScriptedLLM):
        def _pieces(self) -> Iterator[ChatResponse]:
            blocks: list[Any] = []
            for text in ("a", "a b", "a b"):
                blocks.append(TextBlock(text=text))
                if text == "a":
                    blocks.append(ToolCallBlock(tool_name="look", tool_kwargs={}))
                yield ChatResponse(message=ChatMessage(role="assistant", blocks=blocks), delta="", raw={"id": "1"})

    list(Growing().stream_chat(ASKED))
    said = {key: value for key, value in memory.spans[0].attributes.items() if "output_messages" in key}
    assert ["a b"] == [value for key, value in said.items() if key.endswith("content")]
    assert ["look"] == [value for key, value in said.items() if key.endswith("function.name")]


@pytest.mark.parametrize("read", [0, 1, 4])
def test_a_models_stream_ends_when_it_is_left(
    read: int, memory: MemoryDestination, pipeline: spancast.Pipeline
) -> None:
    """Thrown away before, amid or after reading: it ends, and never as an error."""
    stream = ScriptedLLM("a b c").stream_chat(ASKED)
    for _ in range(read):
        next(stream)
    if read == 4:
        list(stream)
    del stream
    span = one(spans_of(memory, pipeline), "ScriptedLLM.stream_chat")
    assert {0: "never started", 1: "abandoned", 4: None}[read] == span.attributes.get("spancast.ending")
    assert ("OK" if read == 4 else "UNSET") == str(span.status)


@pytest.mark.parametrize("read", [0, 1, 4])
def test_an_async_models_stream_ends_when_it_is_left(
    read: int, memory: MemoryDestination, pipeline: spancast.Pipeline
) -> None:
    """The same for async streams; what the event loop closes is abandoned too."""

    async def go() -> None:
        stream = await ScriptedLLM("a b c").astream_chat(ASKED)
        for _ in range(read):
            await stream.__anext__()
        if read == 4:
            async for _ in stream:
                pass
        del stream
        await asyncio.sleep(0.02)  # the event loop closes it; at the loop's own end it would cancel that

    asyncio.run(go())
    span = one(spans_of(memory, pipeline), "ScriptedLLM.astream_chat")
    assert {0: "never started", 1: "abandoned", 4: None}[read] == span.attributes.get("spancast.ending")


def test_an_error_amid_a_stream_is_the_generations_failure(memory: MemoryDestination) -> None:
    """The dispatcher has ended the call long before; the error is found all the same."""

    class Breaking(ScriptedLLM):
        def _pieces(self) -> Iterator[ChatResponse]:
            yield ChatResponse(message=ChatMessage(role="assistant", content="x"), delta="x")
            raise ConnectionResetError("cut off")

    with pytest.raises(ConnectionResetError):
        list(Breaking().stream_chat(ASKED))
    span = one(memory.spans, "Breaking.stream_chat")
    assert ("ERROR: cut off", "ConnectionResetError") == (
        f"{span.status}: {span.status.message}",
        span.attributes["error.type"],
    )


def test_an_undecorated_models_stream_that_breaks_in_a_step_has_failed(
    memory: MemoryDestination, pipeline: spancast.Pipeline
) -> None:
    """Nothing reports the error but the step that read the stream: the generation beneath it is the one that failed."""

    class Broken(PlainLLM):
        def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
            def pieces() -> Iterator[CompletionResponse]:
                yield CompletionResponse(text="a", delta="a")
                raise ConnectionError("gone")

            return pieces()

    class Reads(CustomQueryEngine):
        def custom_query(self, query_str: str) -> str:
            return "".join(piece.delta or "" for piece in Broken().stream_complete(query_str))

    with pytest.raises(ConnectionError):
        Reads().query("q")
    spans = spans_of(memory, pipeline)
    assert {"ERROR"} == {str(span.status) for span in spans}
    assert "ConnectionError" == one(spans, "Broken.stream_complete").attributes["error.type"]


def test_an_undecorated_models_stream_ends_too(memory: MemoryDestination, pipeline: spancast.Pipeline) -> None:
    """It tells nothing of its end: its stream is passed through one that does, with the answer."""
    assert ["own", " answer"] == [piece.delta for piece in PlainLLM().stream_complete("q")]
    span = one(spans_of(memory, pipeline), "PlainLLM.stream_complete")
    assert ("OK", None) == (str(span.status), span.attributes.get("spancast.ending"))
    assert "own answer" == span.attributes["output.value"]
    assert "own-1" == span.attributes["llm.model_name"]


def test_layers_of_a_stream_are_one_generation(memory: MemoryDestination) -> None:
    """A chat that LlamaIndex makes of a completion is one model call, with that one's token counts."""

    class Completing(PlainLLM):
        @llm_completion_callback()
        def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Iterator[CompletionResponse]:
            def pieces() -> Iterator[CompletionResponse]:
                yield CompletionResponse(text="own", delta="own")
                yield CompletionResponse(text="own answer", delta=" answer", raw={"usage": dict(USAGE)})

            return pieces()

    list(Completing().stream_chat(ASKED))
    span = one(memory.spans, "Completing.stream_chat")
    assert ("own answer", 150) == (span.attributes["output.value"], span.attributes["llm.token_count.total"])


def test_a_predicted_stream_keeps_template_and_tree(memory: MemoryDestination) -> None:
    """`LLM.stream` is a layer: one generation, with the template."""
    assert "a b" == "".join(ScriptedLLM("a b").stream(PromptTemplate("Say {it}"), it="x"))
    span = one(memory.spans, "ScriptedLLM.stream_chat")
    assert ("Say {it}", '{"it":"x"}') == tuple(
        span.attributes[f"llm.prompt_template.{key}"] for key in ("template", "variables")
    )


class Like(ScriptedLLM):
    """As `OpenAILike` (Groq, OpenRouter): overrides without a decorator, so events bear the id of the layer beneath."""

    def stream_chat(self, messages: Any, **kwargs: Any) -> Any:
        return super().stream_chat(messages, **kwargs)

    async def astream_chat(self, messages: Any, **kwargs: Any) -> Any:
        return await super().astream_chat(messages, **kwargs)


def test_a_stream_that_only_its_layer_reports_is_whole(memory: MemoryDestination) -> None:
    """Answer, tokens and the time of the first chunk, sync and async; one generation each."""

    async def go() -> None:
        async for _ in await Like("a b").astream_chat(ASKED):
            pass

    list(Like("a b").stream_chat(ASKED))
    asyncio.run(go())
    for span in memory.spans:
        assert ("a b", 150, "stop") == tuple(
            span.attributes[key] for key in ("output.value", "llm.token_count.total", "llm.finish_reason")
        )
        assert span.attributes["gen_ai.response.time_to_first_chunk"]
    assert 2 == len(memory.spans)


@pytest.mark.parametrize(("read", "ending"), [(0, "never started"), (1, "abandoned")])
def test_a_stream_that_only_its_layer_reports_ends_when_it_is_left(
    read: int, ending: str, memory: MemoryDestination, pipeline: spancast.Pipeline
) -> None:
    """As any other stream; and its error is the generation's."""
    stream = Like("a b").stream_chat(ASKED)
    for _ in range(read):
        next(stream)
    del stream
    assert ending == one(spans_of(memory, pipeline), "Like.stream_chat").attributes["spancast.ending"]
    memory.clear()
    with suppress(TimeoutError):
        list(Like(TimeoutError("slow")).stream_chat(ASKED))
    assert "ERROR: slow" == f"{memory.spans[0].status}: {memory.spans[0].status.message}"


class Thinking(ScriptedLLM):
    """Begins with an empty chunk, thinks, then answers; *beside*: the thought stands beside the blocks."""

    beside: bool = False

    def _pieces(self) -> Iterator[ChatResponse]:
        yield ChatResponse(message=ChatMessage(role="assistant", content=""), delta="")
        thought = ChatMessage(role="assistant", blocks=[ThinkingBlock(content="Hm")])
        if self.beside:
            thought = ChatMessage(role="assistant", content="", additional_kwargs={"reasoning_content": "Hm"})
        yield ChatResponse(message=thought, delta="")
        yield ChatResponse(message=ChatMessage(role="assistant", content="yes"), delta="yes")


@pytest.mark.parametrize("beside", [False, True])
def test_the_first_thought_is_the_first_chunk(
    beside: bool, memory: MemoryDestination, pipeline: spancast.Pipeline
) -> None:
    """A stream that is left while the model thinks was abandoned, not never started."""
    for read in (1, 2, 3):
        stream = Thinking(beside=beside).stream_chat(ASKED)
        for _ in range(read):
            next(stream)
        del stream
        spans_of(memory, pipeline)
    seen = [
        (span.attributes.get("spancast.ending"), "gen_ai.response.time_to_first_chunk" in span.attributes)
        for span in memory.spans
    ]
    assert [("abandoned", False), ("abandoned", True), ("abandoned", True)] == seen


# ---------------------------------------------------------------- engines
def test_a_query_stays_open_to_the_last_token(memory: MemoryDestination) -> None:
    """Query, synthesis and generation end together, after the consumer has read the last token, in one trace.

    A model's stream that LlamaIndex itself has read to the end has ended with that.
    """
    response = streaming_engine(ScriptedLLM("a b c")).query("q")
    read = 0
    for _ in response.response_gen:
        read = max(read, *(span.end_ns for span in memory.spans))
    streamed = [span for span in memory.spans if span.kind.value in ("CHAIN", "LLM")]
    waited = [span.kind.value for span in streamed if span.end_ns > read]
    assert (["CHAIN", "CHAIN"] if DRAINS else ["LLM", "CHAIN", "CHAIN"]) == waited
    assert ["a b c"] * 3 == [span.attributes["output.value"] for span in streamed]
    assert 1 == traces(memory.spans)


def test_the_consumers_own_spans_are_not_inside_a_stream(memory: MemoryDestination) -> None:
    """Between two tokens the consumer is outside: neither our span is current, nor do its calls nest under it."""
    response = streaming_engine(ScriptedLLM("a b")).query("q")
    pieces = 0
    for _ in response.response_gen:
        pieces += 1
        assert not otel.get_current_span().get_span_context().is_valid
        ScriptedLLM("other").complete("x")
    assert ((1 if DRAINS else 3), 1 + pieces) == (pieces, traces(memory.spans))


def test_inside_a_streaming_model_its_span_is_current(memory: MemoryDestination) -> None:
    """LlamaIndex calls the model at the first token, in the consumer's context: an HTTP span there still is the model's."""
    inside: list[int] = []
    look = lambda: inside.append(otel.get_current_span().get_span_context().span_id)  # noqa: E731

    async def go() -> None:
        response = await streaming_engine(ScriptedLLM("a b", inside=look)).aquery("q")
        async for _ in response.response_gen:
            assert not otel.get_current_span().get_span_context().is_valid

    list(streaming_engine(ScriptedLLM("a b", inside=look)).query("q").response_gen)
    asyncio.run(go())
    models = [span.span_id for span in memory.spans if span.kind.value == "LLM"]
    assert models == [f"{span_id:016x}" for span_id in inside]


@pytest.mark.parametrize("mode", ["simple_summarize", "tree_summarize", "refine"])
def test_inside_a_model_that_a_synthesizer_streams_its_span_is_current(mode: str, memory: MemoryDestination) -> None:
    """Whether the synthesizer asks it before it returns or at the first token; the consumer stays outside."""
    inside: list[str] = []
    look = lambda: inside.append(f"{otel.get_current_span().get_span_context().span_id:016x}")  # noqa: E731
    llm = ScriptedLLM("a b", inside=look)
    engine = RetrieverQueryEngine.from_args(PlainRetriever(), llm=llm, streaming=True, response_mode=mode)
    for _ in engine.query("q").response_gen:
        assert not otel.get_current_span().get_span_context().is_valid
    assert [span.span_id for span in memory.spans if span.kind.value == "LLM"] == inside
    assert 1 == traces(memory.spans)


def test_an_async_model_ends_with_the_query_that_was_left(memory: MemoryDestination) -> None:
    """Closing the response closes no async stream inside it: the event loop does, some day, and would call it cancelled."""

    async def go() -> None:
        response = await streaming_engine(ScriptedLLM("a b c")).aquery("q")
        async for _ in response.response_gen:
            break
        await response.response_gen.aclose()
        assert 4 == len(memory.spans)

    asyncio.run(go())
    ended = {span.kind.value: span.attributes.get("spancast.ending") for span in memory.spans}
    assert {"RETRIEVER": None, "LLM": None if DRAINS else "abandoned", "CHAIN": "abandoned"} == ended


def test_a_response_can_be_read_in_llama_indexs_own_ways(memory: MemoryDestination, capsys: Any) -> None:
    """`str()`, `get_response()` and `print_response_stream()` read the wrapped stream."""
    answers = [streaming_engine(ScriptedLLM("a b")).query("q") for _ in range(3)]
    answers[2].print_response_stream()
    assert ("a b", "a b", "a b") == (str(answers[0]), answers[1].get_response().response, capsys.readouterr().out)
    assert 3 * 4 == len(memory.spans)


def test_a_stream_may_be_read_in_another_thread(memory: MemoryDestination) -> None:
    """Web servers read streams in threads of their own: the tree stays whole."""
    response = streaming_engine(ScriptedLLM("a b")).query("q")
    reader = threading.Thread(target=lambda: list(response.response_gen))
    reader.start()
    reader.join()
    assert (4, 1) == (len(memory.spans), traces(memory.spans))


def test_an_async_stream_may_be_read_in_another_task(memory: MemoryDestination) -> None:
    """The same for tasks; the reader's task stays the current one inside."""
    tasks: list[Any] = []

    async def read(response: Any) -> None:
        async for _ in response.response_gen:
            tasks.append(asyncio.current_task())

    async def go() -> None:
        llm = ScriptedLLM("a b", inside=lambda: tasks.append(asyncio.current_task()))
        response = await streaming_engine(llm).aquery("q")
        task = asyncio.create_task(read(response))
        await task
        assert ({asyncio.current_task(), task} if DRAINS else {task}) == set(tasks)

    asyncio.run(go())
    assert (4, 1) == (len(memory.spans), traces(memory.spans))


def test_a_cancelled_reader_ends_the_stream(memory: MemoryDestination, pipeline: spancast.Pipeline) -> None:
    """Cancelled amid the answer: cancelled, not failed."""

    class Stalling(ScriptedLLM):
        async def astream_chat(self, messages: Any, **kwargs: Any) -> AsyncIterator[ChatResponse]:  # type: ignore[override]
            async def pieces() -> AsyncIterator[ChatResponse]:
                yield ChatResponse(message=ChatMessage(role="assistant", content="x"), delta="x")
                await asyncio.sleep(30)

            return pieces()

    async def go() -> None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(ask_and_read(), 0.05)

    async def ask_and_read() -> None:
        response = await streaming_engine(Stalling()).aquery("q")
        async for _ in response.response_gen:
            pass

    asyncio.run(go())
    ended = {span.name: span.attributes.get("spancast.ending") for span in spans_of(memory, pipeline)}
    assert ("cancelled", "cancelled") == (ended["RetrieverQueryEngine.aquery"], ended["CompactAndRefine.asynthesize"])
    assert all(str(span.status) != "ERROR" for span in memory.spans)


class Streaming(CustomQueryEngine):
    """A user's own engine, which gives back a stream of its own."""

    def custom_query(self, query_str: str) -> Any:
        return StreamingResponse(response_gen=(word for word in ("own", " words")))

    async def acustom_query(self, query_str: str) -> Any:
        async def words() -> AsyncIterator[str]:
            yield "own"
            yield " words"

        return AsyncStreamingResponse(response_gen=words())


def test_a_users_own_streaming_engine(memory: MemoryDestination) -> None:
    """Whoever makes the response, its stream ends the query."""
    assert "own words" == str(Streaming().query("q"))

    async def go() -> None:
        response = await Streaming().aquery("q")
        assert "own words" == (await response.get_response()).response

    asyncio.run(go())
    assert ["CHAIN Streaming.query", "CHAIN Streaming.aquery"] == tree(memory.spans)
    assert {"own words"} == {span.attributes["output.value"] for span in memory.spans}


@dispatcher.span
def counting(n: int) -> Iterator[int]:
    """A user's own generator under LlamaIndex's decorator, which ends the call at once."""
    yield from range(n)


def test_a_users_own_generator_ends_when_it_is_gone(memory: MemoryDestination, pipeline: spancast.Pipeline) -> None:
    """It is not ended when it is made, but when it is thrown away."""
    numbers = counting(2)
    assert [] == memory.spans
    assert [0, 1] == list(numbers)
    del numbers
    assert "counting" == one(spans_of(memory, pipeline), "counting").name


@dispatcher.span
def failing_inside() -> Iterator[int]:
    """A user's own generator in which a model call fails."""
    yield 1
    ScriptedLLM(TimeoutError("slow")).chat(ASKED)


def test_a_users_own_generator_that_fails_ends(memory: MemoryDestination, pipeline: spancast.Pipeline) -> None:
    """The error's traceback holds the generator: nothing of ours may keep the error, or neither would ever end."""

    def read() -> None:
        with suppress(TimeoutError):
            list(failing_inside())

    read()
    assert {"failing_inside", "ScriptedLLM.chat"} == {span.name for span in spans_of(memory, pipeline)}


# ---------------------------------------------------------------- chat engines
def test_a_chat_engines_stream_never_read_ends(memory: MemoryDestination, pipeline: spancast.Pipeline) -> None:
    """LlamaIndex reads it in a thread of its own: the whole answer is there though nobody asked for it."""
    response = SimpleChatEngine.from_defaults(llm=ScriptedLLM("a b")).stream_chat("hi")
    del response
    assert ["CHAIN SimpleChatEngine.stream_chat", "  LLM ScriptedLLM.stream_chat"] == tree(spans_of(memory, pipeline))


class Chatting(SimpleChatEngine):
    """A user's own chat engine, which lets the user read the model's stream, as LlamaIndex's own ones once did."""

    def stream_chat(self, message: str, chat_history: Any = None) -> StreamingAgentChatResponse:
        stream = self._llm.stream_chat([ChatMessage(role="user", content=message)])
        return StreamingAgentChatResponse(chat_stream=stream, is_writing_to_memory=False)

    async def astream_chat(self, message: str, chat_history: Any = None) -> StreamingAgentChatResponse:
        stream = await self._llm.astream_chat([ChatMessage(role="user", content=message)])
        return StreamingAgentChatResponse(achat_stream=stream, is_writing_to_memory=False)


@pytest.mark.parametrize("read", [0, 1, 4])
def test_a_chat_that_nobody_writes_to_memory_ends_with_its_stream(
    read: int, memory: MemoryDestination, pipeline: spancast.Pipeline
) -> None:
    """There is no thread that reads it: the chat lasts as long as the user reads, and has the answer."""
    engine = Chatting.from_defaults(llm=ScriptedLLM("a b c"))

    def chat() -> None:
        stream = engine.stream_chat("hi").response_gen
        for _ in range(read):
            next(stream)
        if read == 4:
            list(stream)

    async def chat_async() -> None:
        stream = (await engine.astream_chat("hi")).async_response_gen()
        for _ in range(read):
            await stream.__anext__()
        if read == 4:
            async for _ in stream:
                pass
        await stream.aclose()

    chat()
    asyncio.run(chat_async())
    spans = [span for span in spans_of(memory, pipeline) if span.kind.value == "CHAIN"]
    ending = {0: "never started", 1: "abandoned", 4: None}[read]
    text = {0: None, 1: "a", 4: "a b c"}[read]
    assert [(ending, text)] * 2 == [
        (span.attributes.get("spancast.ending"), span.attributes.get("output.value")) for span in spans
    ]


def test_an_error_in_a_chat_engines_stream(memory: MemoryDestination, pipeline: spancast.Pipeline) -> None:
    """The thread's error is the chat's failure."""
    response = SimpleChatEngine.from_defaults(llm=ScriptedLLM(TimeoutError("slow"))).stream_chat("hi")
    with pytest.raises(TimeoutError):
        list(response.response_gen)
    assert {"ERROR"} == {str(span.status) for span in spans_of(memory, pipeline)}
    assert 2 == len(memory.spans)


# ---------------------------------------------------------------- the wrapper itself
def test_a_wrapped_stream_is_a_generator_still() -> None:
    """`send`, `throw` and `close` reach the stream inside, and each end is told once."""
    ends: list[Any] = []
    finish = lambda *end: ends.append(end)  # noqa: E731

    def talk() -> Iterator[str]:
        said = yield "a"
        try:
            yield f"heard {said}"
        except LookupError:
            yield "caught"

    stream = wrapped(talk(), finish, "c1", FinalizerThread())
    assert isinstance(stream, TokenStream)
    assert ["a", "heard me", "caught"] == [next(stream), stream.send("me"), stream.throw(LookupError())]
    stream.close()
    stream.close()
    assert [("c1", None, "abandoned", "aheard mecaught")] == ends
    assert None is wrapped(["no", "stream"], finish, "c2", FinalizerThread())


def test_a_wrapped_async_stream_is_an_async_generator_still() -> None:
    """The same for async ones."""
    ends: list[Any] = []

    async def talk() -> AsyncIterator[str]:
        said = yield "a"
        try:
            yield f"heard {said}"
        except LookupError:
            yield "caught"

    async def go() -> None:
        stream = wrapped(talk(), lambda *end: ends.append(end), "c1", FinalizerThread())
        assert isinstance(stream, AsyncTokenStream)
        assert "a" == await stream.asend(None)
        assert ["heard me", "caught"] == [await stream.asend("me"), await stream.athrow(LookupError())]
        await stream.aclose()

    asyncio.run(go())
    assert [("c1", None, "abandoned", "aheard mecaught")] == ends
