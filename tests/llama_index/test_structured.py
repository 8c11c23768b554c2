"""Structured answers: one trace for each call, with the object as the output, whoever asks the provider."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index_instrumentation import get_dispatcher
from pydantic import BaseModel

import spancast
from spancast import destinations, llama_index
from spancast.destinations import MemoryDestination

from ..fakes.llama_index import ScriptedLLM, calls
from ..langchain.trees import one, traces, tree
from .conftest import all_ended, settled

pytestmark = pytest.mark.usefixtures("instrumented")
dispatcher = get_dispatcher(__name__)
PROMPT = PromptTemplate("Where is {it}?")
ASKED = [ChatMessage(role="user", content="Where is Berlin?")]


class City(BaseModel):
    """A city."""

    name: str
    people: int = 3


OBJECT = '{"name":"Berlin","people":3}'


class Twice(ScriptedLLM):
    """Gives its tool call twice, as OpenAI's integration does: as a block, and beside the blocks."""

    def _next(self) -> ChatMessage:
        message = super()._next()
        function = {"name": "City", "arguments": '{"name": "Berlin", "people": 3}'}
        message.additional_kwargs["tool_calls"] = [{"id": "c1", "type": "function", "function": function}]
        return message


def model() -> Twice:
    return Twice(calls(("City", {"name": "Berlin", "people": 3})))


def predicted() -> None:
    assert City(name="Berlin") == list(model().stream_structured_predict(City, PROMPT, it="Berlin"))[-1]


def predicted_async() -> None:
    async def go() -> None:
        async for _ in await model().astream_structured_predict(City, PROMPT, it="Berlin"):
            pass

    asyncio.run(go())


def chatted() -> None:
    assert OBJECT == list(model().as_structured_llm(City).stream_chat(ASKED))[-1].message.content


def chatted_async() -> None:
    async def go() -> None:
        async for _ in await model().as_structured_llm(City).astream_chat(ASKED):
            pass

    asyncio.run(go())


@pytest.mark.parametrize(
    ("ask", "name"),
    [
        (predicted, "Twice.stream_structured_predict"),
        (predicted_async, "Twice.astream_structured_predict"),
        (chatted, "StructuredLLM.stream_chat"),
        (chatted_async, "StructuredLLM.astream_chat"),
    ],
)
def test_a_streamed_structured_answer_is_one_trace(
    ask: Callable[[], None], name: str, memory: MemoryDestination
) -> None:
    """The model's call lies beneath, though it begins in the reader's context; the last object is the output."""
    ask()
    root, generation = one(memory.spans, name), next(span for span in memory.spans if span.kind.value == "LLM")
    assert [f"CHAIN {name}", f"  LLM {generation.name}"] == tree(memory.spans)
    assert OBJECT == root.attributes["output.value"]
    assert 150 == generation.attributes["llm.token_count.total"]
    assert root.end_ns >= generation.end_ns


def test_what_the_reader_does_meanwhile_lies_outside(memory: MemoryDestination) -> None:
    """Between two objects the reader's own calls are traces of their own."""
    for _ in model().stream_structured_predict(City, PROMPT, it="Berlin"):
        ScriptedLLM("other").complete("x")
    assert {"CHAIN Twice.stream_structured_predict", "LLM ScriptedLLM.complete"} == {
        line for line in tree(memory.spans) if not line.startswith(" ")
    }


@dispatcher.span
def answers() -> Iterator[str]:
    """A user's own generator, which asks two models, one of them by another generator."""
    yield ScriptedLLM("a").complete("x").text
    yield from more()


@dispatcher.span
def more() -> Iterator[str]:
    """The inner one."""
    yield ScriptedLLM("b").complete("y").text


@dispatcher.span
async def answers_async() -> AsyncIterator[str]:
    """The same for an async generator."""
    yield (await ScriptedLLM("a").acomplete("x")).text


def test_what_a_generator_asks_lies_beneath_it(memory: MemoryDestination, pipeline: spancast.Pipeline) -> None:
    """A generator's body runs in the context of its reader; what begins there belongs to the call all the same."""

    async def go() -> None:
        async for _ in answers_async():  # type: ignore[attr-defined]
            pass

    assert ["a", "b"] == list(answers())
    settled(lambda: all_ended(pipeline))
    expected = ["CHAIN answers", "  LLM ScriptedLLM.complete", "  CHAIN more", "    LLM ScriptedLLM.complete"]
    assert expected == tree(memory.spans)
    memory.clear()
    asyncio.run(go())
    settled(lambda: all_ended(pipeline))
    assert ["  LLM ScriptedLLM.acomplete"] == tree(memory.spans)[1:]


def test_a_structured_stream_that_is_left_is_abandoned(memory: MemoryDestination, pipeline: spancast.Pipeline) -> None:
    """Amid reading, or before the first object."""
    for read in (1, 0):
        stream = model().stream_structured_predict(City, PROMPT, it="Berlin")
        for _ in range(read):
            next(stream)
        del stream
        settled(lambda: all_ended(pipeline))
    endings = [
        span.attributes.get("spancast.ending") for span in memory.spans if span.name.endswith("structured_predict")
    ]
    assert ["abandoned", "never started"] == endings


def test_a_structured_stream_that_fails_is_red(memory: MemoryDestination, pipeline: spancast.Pipeline) -> None:
    """LlamaIndex sends no event of it; the model's failure is the prediction's."""

    def read() -> None:
        with suppress(TimeoutError):
            list(ScriptedLLM(TimeoutError("slow")).stream_structured_predict(City, PROMPT, it="x"))

    read()
    gc.collect()
    settled(lambda: all_ended(pipeline))
    assert {"ERROR: slow"} == {f"{span.status}: {span.status.message}" for span in memory.spans}
    assert (2, 1) == (len(memory.spans), traces(memory.spans))


# ---------------------------------------------------------------- a model that asks its provider itself
class Direct(ScriptedLLM):
    """As GoogleGenAI: with a response schema the provider answers with JSON, without `chat`."""

    model: str = "gemini-2.5-flash"

    @dispatcher.span
    def structured_predict(self, output_cls: Any, prompt: Any, llm_kwargs: Any = None, **prompt_args: Any) -> Any:
        if self._inside is not None:
            self._inside()
        return output_cls.model_validate_json(OBJECT)

    @dispatcher.span
    async def astructured_predict(
        self, output_cls: Any, prompt: Any, llm_kwargs: Any = None, **prompt_args: Any
    ) -> Any:
        return output_cls.model_validate_json(OBJECT)


class Passing(ScriptedLLM):
    """As OpenAI: overrides the method and hands on to LlamaIndex's own."""

    @dispatcher.span
    def structured_predict(self, output_cls: Any, prompt: Any, llm_kwargs: Any = None, **prompt_args: Any) -> Any:
        return super().structured_predict(output_cls, prompt, llm_kwargs=llm_kwargs, **prompt_args)


def test_a_models_own_structured_predict_is_a_generation(memory: MemoryDestination) -> None:
    """Nothing else would tell which model was asked, and what."""
    Direct().structured_predict(City, PROMPT, it="Berlin")
    asyncio.run(Direct().astructured_predict(City, PROMPT, it="Berlin"))
    for span in memory.spans:
        assert ("LLM", "gemini-2.5-flash", OBJECT) == (
            span.kind.value,
            span.attributes["llm.model_name"],
            span.attributes["output.value"],
        )
        assert "Where is Berlin?" == span.attributes["llm.input_messages.0.message.content"]
        assert "Where is {it}?" == span.attributes["llm.prompt_template.template"]
    assert 2 == len(memory.spans)


def test_in_a_structured_model_too(memory: MemoryDestination) -> None:
    """The structured model is a chain around the one generation."""
    Direct().as_structured_llm(City).chat(ASKED)
    assert ["CHAIN StructuredLLM.chat", "  LLM Direct.structured_predict"] == tree(memory.spans)
    asked = one(memory.spans, "Direct.structured_predict").attributes
    assert "Where is Berlin?" == asked["llm.input_messages.0.message.content"]


def test_a_structured_predict_that_asks_the_model_is_none(memory: MemoryDestination) -> None:
    """Where a model call begins beneath it, that one is the generation: alone a chain, else only a layer."""
    passing = Passing(calls(("City", {"name": "Berlin", "people": 3})))
    passing.structured_predict(City, PROMPT, it="Berlin")
    passing.as_structured_llm(City).chat(ASKED)
    alone = ["CHAIN Passing.structured_predict", "  LLM Passing.chat", "  TOOL City"]
    assert alone == tree(memory.spans)[:3]
    assert ["CHAIN StructuredLLM.chat", "  LLM Passing.chat", "  TOOL City"] == tree(memory.spans)[3:]


def test_the_name_of_generations_is_the_generations(memory: MemoryDestination) -> None:
    """`generation_name` names the model's own request, and not the chain around another."""
    with spancast.trace(generation_name="Extract"):
        Direct().structured_predict(City, PROMPT, it="Berlin")
        Passing(calls(("City", {"name": "Berlin", "people": 3}))).structured_predict(City, PROMPT, it="Berlin")
    assert ["LLM", "LLM"] == [span.kind.value for span in memory.spans if span.name == "Extract"]


def test_with_all_detail_there_is_still_one_generation() -> None:
    """`detail="full"` shows the layers as chains."""
    memory = destinations.memory()
    with spancast.Pipeline(memory):
        llama_index.instrument(detail="full")
        Passing(calls(("City", {"name": "Berlin", "people": 3}))).as_structured_llm(City).chat(ASKED)
    assert 1 == [span.kind.value for span in memory.spans].count("LLM")


def test_privacy_hides_what_a_models_own_request_says() -> None:
    """Prompt, variables and object are content."""
    memory = destinations.memory(privacy_mode=True)
    with spancast.Pipeline(memory):
        llama_index.instrument()
        Direct().structured_predict(City, PROMPT, it="Berlin")
    (span,) = memory.spans
    assert "Berlin" not in repr(span.attributes)
    assert "gemini-2.5-flash" == span.attributes["llm.model_name"]


def test_an_agents_object_stands_beside_its_answer(memory: MemoryDestination) -> None:
    """An agent with an `output_cls` answers in words and makes an object of them: both are its output."""
    told = {"response": "Berlin has three", "structured_response": {"name": "Berlin", "people": 3}}

    async def go() -> None:
        script = ("Berlin has three", calls(("City", {"name": "Berlin", "people": 3})))
        agent = FunctionAgent(name="a", tools=[], llm=ScriptedLLM(*script), output_cls=City, streaming=False)
        await agent.run("Berlin?")
        agent = FunctionAgent(
            name="b", description="b", tools=[], llm=ScriptedLLM(*script), output_cls=City, streaming=False
        )
        await AgentWorkflow(agents=[agent], root_agent="b", output_cls=City).run("Berlin?")

    asyncio.run(go())
    roots = [span for span in memory.spans if span.parent_span_id is None]
    assert [told, told] == [json.loads(span.attributes["output.value"]) for span in roots]
