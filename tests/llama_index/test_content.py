"""What spans hold: messages and their blocks, parameters, token counts of every provider, documents, vectors, errors."""

from __future__ import annotations

import asyncio
import copy
import pickle
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.base.llms.types import (
    AudioBlock,
    CacheControl,
    CachePoint,
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    DocumentBlock,
    ImageBlock,
    LLMMetadata,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.llms import LLM, MockLLM
from llama_index.core.prompts import ChatPromptTemplate
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.tools import FunctionTool, ToolOutput
from llama_index_instrumentation import get_dispatcher
from pydantic import BaseModel, ConfigDict
from workflows import Context

import spancast
from spancast import llama_index
from spancast.destinations import MemoryDestination
from spancast.llama_index.classify import family
from spancast.llama_index.models import provider_of
from spancast.record.usage import Usage
from spancast.recording import guard

from ..fakes.llama_index import USAGE, PlainEmbedding, PlainLLM, PlainReranker, PlainRetriever, ScriptedLLM
from ..langchain.trees import one
from ..receivers.program import until
from .applications import FanOut, two_tool_agent

pytestmark = pytest.mark.usefixtures("instrumented")
ASKED = [ChatMessage(role="user", content="hi")]
dispatcher = get_dispatcher(__name__)


# ---------------------------------------------------------------- messages
def test_blocks_become_parts(memory: MemoryDestination) -> None:
    """Text, images, sound, documents, thoughts and tool calls, each as what it is; cache marks are no content."""
    message = ChatMessage(
        role="user",
        blocks=[
            TextBlock(text="look"),
            ImageBlock(url="https://example.com/a.png"),
            ImageBlock(image=b"\x89PNG\r\n\x1a\n", image_mimetype="image/png"),
            AudioBlock(audio=b"RIFF0000WAVEfmt ", format="wav"),
            DocumentBlock(data=b"%PDF-1.7", document_mimetype="application/pdf"),
            CachePoint(cache_control=CacheControl(type="ephemeral")),
        ],
    )
    thought = ChatMessage(
        role="assistant",
        blocks=[
            ThinkingBlock(content="hm", additional_information={"signature": "sig"}),
            ToolCallBlock(tool_call_id="c1", tool_name="look", tool_kwargs='{"x": 1}'),
        ],
    )
    ScriptedLLM().chat([message, thought])
    held = memory.spans[0].attributes
    prefix = "llm.input_messages.0.message.contents."
    found = {key.removeprefix(prefix): value for key, value in held.items() if key.startswith(prefix)}
    assert "https://example.com/a.png" == found["1.message_content.image.image.url"]
    assert found["2.message_content.image.image.url"].startswith("data:image/png;base64,")
    assert ("audio", "audio/wav") == (
        found["3.message_content.type"],
        found["3.message_content.audio.audio.mime_type"],
    )
    assert "document" == found["4.message_content.type"]
    assert "5.message_content.type" not in found
    prefix = "llm.input_messages.1.message."
    assert ("reasoning", "sig") == tuple(
        held[f"{prefix}contents.0.message_content.{key}"] for key in ("type", "signature")
    )
    assert ("c1", "look", '{"x":1}') == tuple(
        held[f"{prefix}tool_calls.0.tool_call.{key}"] for key in ("id", "function.name", "function.arguments")
    )


def test_a_completions_prompt_is_read_however_it_is_given(memory: MemoryDestination) -> None:
    """LlamaIndex's own decorator hides the prompt behind `*args, **kwargs`: by place, by name, streamed."""
    model = MockLLM(max_tokens=2)
    model.complete("by place")
    model.complete(prompt="by name")
    list(model.stream_complete("streamed"))
    asyncio.run(model.acomplete("awaited"))
    prompts = [span.attributes["llm.prompts.0.prompt.text"] for span in memory.spans]
    assert ["by place", "by name", "streamed", "awaited"] == prompts


def test_older_tool_calls_beside_the_message(memory: MemoryDestination) -> None:
    """Integrations that put OpenAI's tool calls into further arguments, and tool answers with their id."""
    call = {"id": "c1", "function": {"name": "look", "arguments": '{"x": 1}'}}
    asked = ChatMessage(role="assistant", content=None, additional_kwargs={"tool_calls": [call]})
    answered = ChatMessage(role="tool", content="seen", additional_kwargs={"tool_call_id": "c1", "name": "look"})
    ScriptedLLM().chat([asked, answered])
    held = memory.spans[0].attributes
    assert "look" == held["llm.input_messages.0.message.tool_calls.0.tool_call.function.name"]
    assert ("tool", "c1", "seen") == tuple(
        held[f"llm.input_messages.1.message.{key}"] for key in ("role", "tool_call_id", "content")
    )


def test_messages_are_held_as_they_were(memory: MemoryDestination) -> None:
    """What the application changes after the call is not seen."""
    asked = [ChatMessage(role="user", content="before")]
    ScriptedLLM(inside=lambda: setattr(asked[0], "blocks", [TextBlock(text="after")])).chat(asked)
    assert "before" == memory.spans[0].attributes["llm.input_messages.0.message.content"]


# ---------------------------------------------------------------- parameters
def test_parameters_come_from_a_list_and_secrets_never(memory: MemoryDestination) -> None:
    """Parameters of the instance and of the call; keys and further fields of the instance stay where they are."""
    ScriptedLLM(temperature=0.7).chat(ASKED, max_tokens=5, top_p=0.9, user_secret="x")
    text = repr(memory.spans)
    assert "sk-secret" not in text
    assert "user_secret" not in text
    assert {"temperature": 0.7, "max_tokens": 5, "top_p": 0.9} == orjson.loads(
        memory.spans[0].attributes["llm.invocation_parameters"]
    )


def test_a_component_as_an_argument_is_only_named(memory: MemoryDestination) -> None:
    """A user's function that is given a model or a retriever does not spill what is in it."""

    @dispatcher.span
    def work(llm: Any, retriever: Any, tool: Any, plain: Any) -> int:
        return plain

    assert 3 == work(ScriptedLLM(), PlainRetriever(), FunctionTool.from_defaults(abs), plain=3)
    held = one(memory.spans, "work").attributes
    expected = {"llm": "<ScriptedLLM>", "retriever": "<PlainRetriever>", "tool": "<FunctionTool>", "plain": 3}
    assert expected == orjson.loads(held["input.value"])
    assert "3" == held["output.value"]


def test_templates_of_messages(memory: MemoryDestination) -> None:
    """A chat template is written message by message."""
    template = ChatPromptTemplate(
        [ChatMessage(role="system", content="be {how}"), ChatMessage(role="user", content="{q}")]
    )
    ScriptedLLM().predict(template, how="kind", q="hi")
    held = memory.spans[0].attributes
    assert "system: be {how}\nuser: {q}" == held["llm.prompt_template.template"]
    assert {"how": "kind", "q": "hi"} == orjson.loads(held["llm.prompt_template.variables"])


# ---------------------------------------------------------------- answers
class Answering(ScriptedLLM):
    """Answers with the raw answer that it is given."""

    raw: Any = None
    further: dict[str, Any] = {}

    def _response(self, message: ChatMessage) -> ChatResponse:
        return ChatResponse(message=message, raw=self.raw, additional_kwargs=self.further)


class OpenAIUsage(BaseModel):
    model_config = ConfigDict(extra="allow")
    prompt_tokens: int = 11
    completion_tokens: int = 7


class AnthropicUsage(BaseModel):
    input_tokens: int = 11
    output_tokens: int = 7


class OpenAICompletion(BaseModel):
    model_config = ConfigDict(extra="allow")
    id: str = "chatcmpl-9"
    model: str = "gpt-4o-2024"
    usage: OpenAIUsage | None = OpenAIUsage()
    choices: list[Any] = []


RAWS: dict[str, tuple[Any, dict[str, Any]]] = {
    "openai object": (OpenAICompletion(), {}),
    "openai dict": ({"usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}}, {}),
    "anthropic": ({"usage": AnthropicUsage()}, {}),
    "anthropic dict": ({"usage": {"input_tokens": 11, "output_tokens": 7}}, {}),
    "gemini": ({"usage_metadata": {"prompt_token_count": 11, "candidates_token_count": 7}}, {}),
    "vertex": (
        SimpleNamespace(_raw_response=OpenAICompletion(usage_metadata=OpenAIUsage())),
        {},
    ),
    "bedrock": ({"usage": {"inputTokens": 11, "outputTokens": 7}}, {}),
    "ollama": ({"prompt_eval_count": 11, "eval_count": 7}, {}),
    "groq": (OpenAICompletion(usage=None, x_groq={"usage": {"prompt_tokens": 11, "completion_tokens": 7}}), {}),
    "cohere": ({"meta": {"tokens": {"input_tokens": 11.0, "output_tokens": 7.0}}}, {}),
    "further arguments": (None, {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}),
}


@pytest.mark.parametrize("name", RAWS)
@pytest.mark.parametrize("streamed", [False, True])
def test_token_counts_of_every_providers_shape(name: str, streamed: bool, memory: MemoryDestination) -> None:
    """Wherever an integration puts them: in the raw answer, an object or a dict, or beside it; also in streams."""
    raw, further = RAWS[name]
    llm = Answering("hi", raw=raw, further=further)
    list(llm.stream_chat(ASKED)) if streamed else llm.chat(ASKED)
    held = memory.spans[0].attributes
    assert (11, 7) == (held["llm.token_count.prompt"], held["llm.token_count.completion"])


def test_what_a_provider_says_besides(memory: MemoryDestination) -> None:
    """Model, id, finish reason and the price that OpenRouter bills."""
    usage = {**USAGE, "cost": 0.002, "cost_details": {"upstream_inference_prompt_cost": 0.001}}
    raw = {"id": "gen-1", "model": "m-2", "usage": usage, "choices": [SimpleNamespace(finish_reason="length")]}
    Answering("hi", raw=raw).chat(ASKED)
    held = memory.spans[0].attributes
    assert ("m-2", "length", 0.002, 0.001) == tuple(
        held[key] for key in ("llm.response.model_name", "llm.finish_reason", "llm.cost.total", "llm.cost.prompt")
    )


class Hostile:
    """Raises at whatever it is asked."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError("repr")

    def __bool__(self) -> bool:
        raise RuntimeError("bool")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")

    __hash__ = None  # type: ignore[assignment]


def test_hostile_objects_do_no_harm(memory: MemoryDestination) -> None:
    """A raw answer, arguments and results whose own code raises: the call goes on, the span is there."""

    @dispatcher.span
    def work(value: Any) -> Any:
        return value

    Answering("hi", raw=Hostile()).chat(ASKED)
    work(Hostile())
    assert ["Answering.chat", "work"] == [span.name.rpartition(">.")[2] for span in memory.spans]
    assert '{"value":"<Hostile>"}' == memory.spans[1].attributes["input.value"]


def test_faults_of_ours_never_reach_the_application(
    memory: MemoryDestination, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Counted, logged once, and not seen by the application; what follows is recorded again."""
    from spancast.llama_index import arguments, models

    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.undo()
    monkeypatch.setattr(guard, "strict", False)
    before = guard.faults().get("SpanHandler._capture_start", 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "capture_generation", broken)
        patch.setattr(arguments, "capture_arguments", broken)
        assert "hello" == ScriptedLLM().chat(ASKED).message.content
        assert "hello" == ScriptedLLM().chat(ASKED).message.content
        patch.setattr(arguments, "capture_result", broken)
        PlainRetriever().retrieve("q")
    assert 3 == guard.faults()["SpanHandler._capture_start"] - before
    assert 1 >= sum("SpanHandler._capture_start" in record.message for record in caplog.records)
    assert ["LLM", "LLM", "RETRIEVER"] == [span.kind.value for span in memory.spans]
    ScriptedLLM().chat(ASKED)
    assert 4 == len(memory.spans)


@pytest.mark.parametrize("fails", [False, True])
def test_a_fault_of_ours_at_the_end_still_closes_the_span(
    fails: bool, memory: MemoryDestination, pipeline: spancast.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The span leaves with its times, and says that something of it is missing; nothing stays open."""
    from spancast.llama_index import pending, spans

    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.undo()
    monkeypatch.setattr(guard, "strict", False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spans.agents, "end_member", broken)
        patch.setattr(pending, "capture_response", broken)
        with suppress(TimeoutError):
            ScriptedLLM(TimeoutError("slow") if fails else "a").chat(ASKED)
        with suppress(TimeoutError):
            list(ScriptedLLM(TimeoutError("slow") if fails else "a").stream_chat(ASKED))
        until(
            lambda: pipeline.recorder.open_operations, lambda count: count == 0
        )  # the thread of collected objects ends it
    assert ["LLM", "LLM"] == [span.kind.value for span in memory.spans]
    assert 0 == pipeline.recorder.open_operations


# ---------------------------------------------------------------- the other kinds
def test_vectors_are_kept_only_when_asked_for(memory: MemoryDestination, pipeline: spancast.Pipeline) -> None:
    """The length of the vectors always, the vectors themselves with `vectors=True`."""
    PlainEmbedding().get_text_embedding_batch(["a", "b"])
    llama_index.instrument(vectors=True)
    PlainEmbedding().get_text_embedding_batch(["a", "b"])
    off, on = (span.attributes for span in memory.spans)
    assert (2, 2) == (off["gen_ai.embeddings.dimension.count"], off["spancast.embedding.count"])
    assert not [key for key in off if key.endswith("vector")]
    assert [0.5, 0.5] == on["embedding.embeddings.1.embedding.vector"]


def test_a_tool_that_answers_with_an_error_has_failed(memory: MemoryDestination) -> None:
    """A `ToolOutput` that says it is an error is one, though nothing was raised."""

    class Refusing(FunctionTool):
        def call(self, *args: Any, **kwargs: Any) -> ToolOutput:
            return ToolOutput(content="not allowed", tool_name="t", raw_input={}, raw_output="", is_error=True)

    Refusing.from_defaults(abs, name="t", description="d").call(3)
    span = one(memory.spans, "t")
    assert ("ERROR", "not allowed", "spancast.ToolError") == (
        str(span.status),
        span.attributes["output.value"],
        span.attributes["error.type"],
    )
    assert "3" == span.attributes["input.value"]


def test_a_tool_may_call_itself(memory: MemoryDestination) -> None:
    """A recursion is no layer: each call is a span, nested."""
    holder: list[FunctionTool] = []

    def down(n: int) -> int:
        return 0 if n == 0 else int(str(holder[0].call(n=n - 1))) + 1

    holder.append(FunctionTool.from_defaults(down, name="down", description="d"))
    assert "2" == str(holder[0].call(n=2))
    assert 3 == len(memory.spans)
    assert 1 == [span.parent_span_id for span in memory.spans].count(None)


def test_a_retriever_may_ask_another(memory: MemoryDestination) -> None:
    """Another instance is a retrieval of its own."""

    class Asking(BaseRetriever):
        def _retrieve(self, query_bundle: Any) -> Any:
            return PlainRetriever().retrieve(query_bundle)

    Asking().retrieve("q")
    assert {"Asking.retrieve", "PlainRetriever.retrieve"} == {span.name for span in memory.spans}


def test_kinds_are_told_by_the_instance() -> None:
    """Whatever a class is called, and however many classes a program makes."""
    kinds = {
        "generation": ScriptedLLM(),
        "embedding": PlainEmbedding(),
        "retrieval": PlainRetriever(),
        "reranking": PlainReranker(),
        "run": FanOut(),
        "agent": two_tool_agent(),
        "call": object(),
    }
    assert kinds.keys() == {family(instance) for instance in kinds.values()}
    misleading = type("SuperRetrieverAgent", (MockLLM,), {})()
    assert "generation" == family(misleading)


def test_forgetting_a_chats_history_is_no_trace(memory: MemoryDestination) -> None:
    """`reset` of a chat engine is one of LlamaIndex's calls, and nothing that a reader looks for."""
    engine = SimpleChatEngine.from_defaults(llm=ScriptedLLM("hello"))
    engine.chat("hi")
    engine.reset()
    assert ["SimpleChatEngine.chat", "ScriptedLLM.chat"] == sorted(span.name for span in memory.spans)[::-1]


def test_providers_are_told_by_the_package() -> None:
    """An integration's package names the provider, also for a user's subclass of it; else the class does."""
    integration = type("OpenAI", (MockLLM,), {"__module__": "llama_index.llms.openai.base"})
    assert "openai" == provider_of(integration())
    assert "openai" == provider_of(type("Mine", (integration,), {"__module__": "app"})())
    assert ("scripted", "plain") == (provider_of(ScriptedLLM()), provider_of(PlainEmbedding()))


def test_a_model_is_not_asked_for_its_name_when_it_is_known(memory: MemoryDestination) -> None:
    """Some integrations ask their server in `metadata`: what stands on the instance comes first."""
    asked: list[int] = []

    class Asked(PlainLLM):
        @property
        def metadata(self) -> LLMMetadata:
            asked.append(1)
            return LLMMetadata(model_name="asked-1")

    Asked().complete("q")
    assert ([], "own-1") == (asked, memory.spans[0].attributes["llm.request.model_name"])

    class Nameless(LLM):
        @property
        def metadata(self) -> LLMMetadata:
            return LLMMetadata(model_name="asked-2")

        def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
            return CompletionResponse(text="x")

        chat = stream_chat = stream_complete = achat = acomplete = astream_chat = astream_complete = complete

    memory.clear()
    Nameless().complete("q")
    assert "asked-2" == memory.spans[0].attributes["llm.request.model_name"]


# ---------------------------------------------------------------- the application's own objects
def test_objects_stay_picklable(pipeline: spancast.Pipeline) -> None:
    """Nothing of ours is put onto LlamaIndex's objects: what could be pickled and copied before still can be."""
    index = VectorStoreIndex.from_documents([Document(text="a", id_="d1")])
    index.as_query_engine(llm=MockLLM()).query("q")
    llm = MockLLM(max_tokens=3)
    llm.complete("hi")
    assert llm.to_dict() == pickle.loads(pickle.dumps(llm)).to_dict()
    for held in (llm, index.docstore, PlainEmbedding(), PlainRetriever()):
        copy.deepcopy(held)
    pickle.dumps(index.docstore)


@pytest.mark.filterwarnings("ignore::workflows.context.state_store.UnserializableKeyWarning")
def test_a_workflows_context_stays_serialisable(memory: MemoryDestination) -> None:
    """A context is saved after a traced run, restored from JSON, and goes on."""

    async def go() -> None:
        flow = FanOut()
        context = Context(flow)
        await context.store.set("seen", 1)
        await flow.run(ctx=context, topic="numbers")
        again = Context.from_dict(flow, orjson.loads(orjson.dumps(context.to_dict())))
        assert 1 == await again.store.get("seen")
        await flow.run(ctx=again, topic="more")
        agent = two_tool_agent()
        context = Context(agent)
        await agent.run("hi", ctx=context)
        orjson.dumps(context.to_dict())

    asyncio.run(go())
    assert 2 == sum(span.name == "FanOut.run" for span in memory.spans)


def test_usage_of_none_is_none() -> None:
    """An answer without counts has no usage, rather than zeros."""
    from spancast.llama_index.outcome import hold_answer, snapshot

    answer = hold_answer(CompletionResponse(text="x"), None, snapshot(), content=True)
    assert None is answer.read().usage
    counted = hold_answer(CompletionResponse(text="x", raw={"usage": USAGE}), None, snapshot(), content=False)
    assert isinstance(counted.read().usage, Usage)
    assert "" == counted.text


def test_tools_are_those_of_each_call(memory: MemoryDestination) -> None:
    """Definitions are known again, never mistaken: changed ones are new, and what is no plain data is a class's name."""
    tool: dict[str, Any] = {"type": "function", "function": {"name": "add", "description": "Add", "parameters": {}}}
    llm = ScriptedLLM()
    asked = [ChatMessage(role="user", content="hi")]
    llm.chat(asked, tools=[tool])
    tool["function"]["description"] = "Add numbers"
    llm.chat(asked, tools=[tool])
    llm.chat(asked, tools=[{"name": "add", "description": "Add", "parameters": {"default": object()}}])
    schemas = [orjson.loads(span.attributes["llm.tools.0.tool.json_schema"]) for span in memory.spans]
    described = [schema.get("function", schema)["description"] for schema in schemas]
    assert (["Add", "Add numbers", "Add"], True) == (described, "<object>" in str(schemas[2]))


def test_a_turn_is_known_by_its_tool_calls_too(memory: MemoryDestination) -> None:
    """Two turns of the same text ask for different tools: each span has its own."""
    for name in ("add", "multiply", "add"):
        call = {"id": "c1", "function": {"name": name, "arguments": "{}"}}
        said = ChatMessage(role="assistant", content="", additional_kwargs={"tool_calls": [call]})
        ScriptedLLM().chat([said])
    key = "llm.input_messages.0.message.tool_calls.0.tool_call.function.name"
    assert ["add", "multiply", "add"] == [span.attributes[key] for span in memory.spans]


def test_a_tools_answer_has_the_name_of_the_tool_that_was_called(memory: MemoryDestination) -> None:
    """By the call's id; a call without an id names no other message."""
    for name in ("add", "multiply"):
        calls = [{"id": "c1", "function": {"name": name}}, {"function": {"name": "other"}}]
        said = ChatMessage(role="assistant", content="", additional_kwargs={"tool_calls": calls})
        answered = ChatMessage(role="tool", content="5", additional_kwargs={"tool_call_id": "c1"})
        ScriptedLLM().chat([*ASKED, said, answered])
    names = [
        [span.attributes.get(f"llm.input_messages.{index}.message.name") for index in (0, 2)] for span in memory.spans
    ]
    assert [[None, "add"], [None, "multiply"]] == names
