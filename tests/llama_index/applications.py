"""The applications whose trees are golden: each a function, sync or async, that runs to its end and returns nothing."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from llama_index.core import Document, QueryBundle, VectorStoreIndex
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.llms import MockLLM
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.postprocessor import LLMRerank, SimilarityPostprocessor
from llama_index.core.prompts import PromptTemplate
from llama_index.core.query_engine import RetrieverQueryEngine, RouterQueryEngine, SubQuestionQueryEngine
from llama_index.core.question_gen import LLMQuestionGenerator
from llama_index.core.response_synthesizers import get_response_synthesizer
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.schema import TextNode
from llama_index.core.selectors import LLMSingleSelector
from llama_index.core.tools import QueryEngineTool
from pydantic import BaseModel
from workflows import Context, Workflow, step
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent

from ..fakes.llama_index import PlainEmbedding, PlainLLM, PlainReranker, PlainRetriever, ScriptedLLM, calls
from .framework import MOCKS_FUNCTION_CALLS

ANSWER = "Berlin is the capital"
DOCUMENTS = [Document(text="Berlin is in Germany", id_="d1"), Document(text="Paris is in France", id_="d2")]
APPLICATIONS: dict[str, Callable[[], Any]] = {}


def application(function: Callable[[], Any]) -> Callable[[], Any]:
    """Add *function* to the applications."""
    APPLICATIONS[function.__name__] = function
    return function


def index() -> VectorStoreIndex:
    """Return an index of two nodes."""
    return VectorStoreIndex([TextNode(text=item.text, id_=f"n{number}") for number, item in enumerate(DOCUMENTS, 1)])


BUILT: Callable[[], VectorStoreIndex] = index  # the tests replace it by one that was built before


def engine(llm: Any = None, **options: Any) -> Any:
    """Return a query engine over the index."""
    return BUILT().as_query_engine(llm=llm or ScriptedLLM(ANSWER), **options)


# ---------------------------------------------------------------- ingest
@application
def ingest() -> None:
    VectorStoreIndex.from_documents(DOCUMENTS)


@application
def ingest_failing() -> None:
    class Broken(PlainEmbedding):
        def _get_text_embedding(self, text: str) -> list[float]:
            raise ConnectionError("no embedding today")

    with suppress(ConnectionError):
        VectorStoreIndex.from_documents(DOCUMENTS, embed_model=Broken())


@application
def ingestion_pipeline() -> None:
    IngestionPipeline(transformations=[SentenceSplitter(), PlainEmbedding()]).run(documents=DOCUMENTS)


@application
async def ingestion_pipeline_async() -> None:
    await IngestionPipeline(transformations=[SentenceSplitter(), PlainEmbedding()]).arun(documents=DOCUMENTS)


# ---------------------------------------------------------------- query engines
@application
def query() -> None:
    engine().query("Where is Berlin?")


@application
async def query_async() -> None:
    await engine().aquery("Where is Berlin?")


@application
def query_streamed() -> None:
    for _ in engine(streaming=True).query("Where is Berlin?").response_gen:
        pass


@application
async def query_streamed_async() -> None:
    response = await engine(streaming=True).aquery("Where is Berlin?")
    async for _ in response.async_response_gen():
        pass


@application
def query_abandoned() -> None:
    response = engine(streaming=True).query("Where is Berlin?")
    next(response.response_gen)
    del response
    gc.collect()


@application
def query_never_read() -> None:
    response = engine(streaming=True).query("Where is Berlin?")
    del response
    gc.collect()


@application
async def query_abandoned_async() -> None:
    response = await engine(streaming=True).aquery("Where is Berlin?")
    async for _ in response.response_gen:
        break
    await response.response_gen.aclose()


@application
def query_failing() -> None:
    with suppress(TimeoutError):
        engine(ScriptedLLM(TimeoutError("no answer"))).query("Where is Berlin?")


@application
def query_streamed_failing() -> None:
    with suppress(TimeoutError):
        list(engine(ScriptedLLM(TimeoutError("no answer")), streaming=True).query("Where is Berlin?").response_gen)


@application
def rerank() -> None:
    llm = ScriptedLLM("Doc: 2, Relevance: 9\nDoc: 1, Relevance: 3", ANSWER)
    steps = [SimilarityPostprocessor(similarity_cutoff=0.1), LLMRerank(top_n=1, llm=llm)]
    engine(llm, node_postprocessors=steps).query("Where is Berlin?")


@application
async def rerank_async() -> None:
    await engine(node_postprocessors=[PlainReranker()]).aquery("Where is Berlin?")


@application
def own_components() -> None:
    synthesizer = get_response_synthesizer(llm=PlainLLM())
    RetrieverQueryEngine(PlainRetriever(), synthesizer, [PlainReranker()]).query("q")
    PlainEmbedding().get_text_embedding_batch(["a", "b"])


@application
async def own_components_async() -> None:
    synthesizer = get_response_synthesizer(llm=PlainLLM())
    await RetrieverQueryEngine(PlainRetriever(), synthesizer, [PlainReranker()]).aquery("q")
    await PlainEmbedding().aget_query_embedding("a")


SUB_QUESTIONS = """```json
{"items": [{"sub_question": "Where is Berlin?", "tool_name": "cities"},
           {"sub_question": "Where is Paris?", "tool_name": "cities"}]}
```"""


def sub_question_engine() -> Any:
    """Return an engine that asks two sub-questions."""
    llm = ScriptedLLM(SUB_QUESTIONS, "In Germany", "In France", "Germany and France")
    tool = QueryEngineTool.from_defaults(engine(llm), name="cities", description="Cities")
    generator = LLMQuestionGenerator.from_defaults(llm=llm)
    synthesizer = get_response_synthesizer(llm=llm, use_async=False)
    return SubQuestionQueryEngine.from_defaults(
        [tool], question_gen=generator, response_synthesizer=synthesizer, use_async=False, verbose=False
    )


@application
def sub_question() -> None:
    sub_question_engine().query("Where are Berlin and Paris?")


@application
async def sub_question_async() -> None:
    await sub_question_engine().aquery("Where are Berlin and Paris?")


def router() -> Any:
    """Return an engine that lets the model choose between two."""
    llm = ScriptedLLM('[{"choice": 2, "reason": "it is about cities"}]', ANSWER)
    tools = [
        QueryEngineTool.from_defaults(engine(llm), name=name, description=f"About {name}")
        for name in ("rivers", "cities")
    ]
    return RouterQueryEngine(LLMSingleSelector.from_defaults(llm=llm), tools, llm=llm)


@application
def router_query() -> None:
    router().query("Where is Berlin?")


@application
async def router_query_async() -> None:
    await router().aquery("Where is Berlin?")


# ---------------------------------------------------------------- chat engines
def chat_engine(mode: str, *script: Any) -> Any:
    """Return a chat engine over the index."""
    return BUILT().as_chat_engine(chat_mode=mode, llm=ScriptedLLM(*(script or (ANSWER,))))


@application
def chat() -> None:
    chat_engine("context").chat("Where is Berlin?")


@application
async def chat_async() -> None:
    await chat_engine("context").achat("Where is Berlin?")


@application
def chat_streamed() -> None:
    for _ in chat_engine("context").stream_chat("Where is Berlin?").response_gen:
        pass


@application
async def chat_streamed_async() -> None:
    response = await chat_engine("condense_plus_context").astream_chat("Where is Berlin?")
    async for _ in response.async_response_gen():
        pass


@application
def chat_condensed() -> None:
    history = [ChatMessage(role="user", content="hi"), ChatMessage(role="assistant", content="hello")]
    chat_engine("condense_question", "Where is Berlin?", ANSWER).chat("And where is it?", history)


@application
def chat_simple_streamed() -> None:
    for _ in chat_engine("simple").stream_chat("hi").response_gen:
        pass


# ---------------------------------------------------------------- models alone
class City(BaseModel):
    """A city."""

    name: str


@application
def model_alone() -> None:
    llm = ScriptedLLM(ANSWER)
    llm.chat([ChatMessage(role="system", content="be kind"), ChatMessage(role="user", content="hi")], max_tokens=5)
    llm.complete("hi")
    MockLLM(max_tokens=3).chat([ChatMessage(role="user", content="one two three four")])


if MOCKS_FUNCTION_CALLS:

    @application
    def model_mocked() -> None:
        from llama_index.core.llms.mock import MockFunctionCallingLLM

        MockFunctionCallingLLM().chat([ChatMessage(role="user", content="hi")])


@application
async def model_alone_async() -> None:
    llm = ScriptedLLM(ANSWER)
    await llm.achat([ChatMessage(role="user", content="hi")])
    async for _ in await llm.astream_chat([ChatMessage(role="user", content="hi")]):
        pass
    await MockLLM(max_tokens=3).acomplete("one two three four")


@application
def prediction() -> None:
    ScriptedLLM(ANSWER).predict(PromptTemplate("Where is {city}?"), city="Berlin")
    ScriptedLLM(calls(("City", {"name": "Berlin"}))).structured_predict(City, PromptTemplate("Say {it}"), it="Berlin")


@application
def structured_model() -> None:
    ScriptedLLM(calls(("City", {"name": "Berlin"}))).as_structured_llm(City).complete("Where?")


@application
async def agent_as_a_tool() -> None:
    inner = FunctionAgent(name="inner", tools=[add], llm=ScriptedLLM(calls(("add", {"a": 1, "b": 2})), "3"))

    async def ask(question: str) -> str:
        """Ask the other agent."""
        return str(await inner.run(question))

    script = [calls(("ask", {"question": "1 + 2?"})), "It is 3"]
    await FunctionAgent(name="outer", tools=[ask], llm=ScriptedLLM(*script)).run("What is 1 + 2?")


@application
async def agent_stops_at_its_limit() -> None:
    llm = ScriptedLLM(calls(("add", {"a": 1, "b": 2})))
    with suppress(Exception):
        await FunctionAgent(name="endless", tools=[add], llm=llm).run("hi", max_iterations=2)


@application
def synthesis_in_parts() -> None:
    engine(response_mode="refine").query("Where is Berlin?")
    engine(response_mode="tree_summarize").query("Where is Berlin?")
    list(engine(response_mode="simple_summarize", streaming=True).query("Where is Berlin?").response_gen)


@application
def retrieval_fused() -> None:
    llm = ScriptedLLM("Where is Paris?")
    QueryFusionRetriever([BUILT().as_retriever()], llm=llm, num_queries=2, use_async=False).retrieve("Where?")


# ---------------------------------------------------------------- agents
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def divide(a: int, b: int) -> float:
    """Divide two numbers."""
    return a / b


async def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    await asyncio.sleep(0.005)  # the second of two tools at once ends last: the order of their results is golden
    return a * b


TWO_TOOLS = calls(("add", {"a": 1, "b": 2}), ("multiply", {"a": 3, "b": 4}))


def two_tool_agent(**options: Any) -> FunctionAgent:
    """Return an agent that calls two tools at once and then answers."""
    return FunctionAgent(
        name="calculator",
        tools=[add, multiply],
        llm=ScriptedLLM(TWO_TOOLS, "It is 3 and 12"),
        system_prompt="You calculate.",
        **options,
    )


@application
async def function_agent() -> None:
    await two_tool_agent().run("What is 1 + 2, and 3 * 4?")


@application
async def function_agent_not_streaming() -> None:
    await two_tool_agent(streaming=False).run(
        "What is 1 + 2, and 3 * 4?", chat_history=[ChatMessage(role="user", content="hi")]
    )


@application
async def react_agent() -> None:
    script = [
        'Thought: I need a tool\nAction: add\nAction Input: {"a": 1, "b": 2}',
        "Thought: I can answer without using any more tools.\nAnswer: 3",
    ]
    await ReActAgent(name="thinker", tools=[add], llm=ScriptedLLM(*script)).run("What is 1 + 2?")


@application
async def agent_tool_fails() -> None:
    script = [calls(("divide", {"a": 1, "b": 0})), calls(("no_such_tool", {"x": 1}), first=2), "It cannot be done"]
    await FunctionAgent(name="calculator", tools=[divide], llm=ScriptedLLM(*script)).run("What is 1 / 0?")


@application
async def agent_model_fails() -> None:
    with suppress(ConnectionError):
        await FunctionAgent(name="calculator", tools=[add], llm=ScriptedLLM(ConnectionError("gone"))).run("hi")


@application
async def agent_handoff() -> None:
    hand_over = calls(("handoff", {"to_agent": "writer", "reason": "it is to be written"}))
    first = FunctionAgent(
        name="planner", description="plans", tools=[add], can_handoff_to=["writer"], llm=ScriptedLLM(hand_over)
    )
    second = FunctionAgent(
        name="writer",
        description="writes",
        tools=[add],
        llm=ScriptedLLM(calls(("add", {"a": 1, "b": 2}), first=2), "written"),
    )
    await AgentWorkflow(agents=[first, second], root_agent="planner").run("Write it")


@application
async def agent_with_query_tool() -> None:
    tool = QueryEngineTool.from_defaults(engine(), name="cities", description="Cities")
    script = [calls(("cities", {"input": "Where is Berlin?"})), ANSWER]
    await FunctionAgent(name="guide", tools=[tool], llm=ScriptedLLM(*script)).run("Where is Berlin?")


# ---------------------------------------------------------------- workflows
class Work(Event):
    n: int


class Done(Event):
    n: int


class FanOut(Workflow):
    """Three pieces of work at once, then a join."""

    @step
    async def fan(self, ctx: Context, ev: StartEvent) -> Work | None:
        for n in range(3):
            ctx.send_event(Work(n=n))
        return None

    @step(num_workers=3)
    async def work(self, ev: Work) -> Done:
        await asyncio.sleep(0.03 * (ev.n + 1))  # one after the other: how often a join waits is golden
        await ScriptedLLM(ANSWER).achat([ChatMessage(role="user", content=f"piece {ev.n}")])
        return Done(n=ev.n)

    @step
    async def join(self, ctx: Context, ev: Done) -> StopEvent | None:
        done = ctx.collect_events(ev, [Done] * 3)
        return StopEvent(result=sum(item.n for item in done)) if done else None


@application
async def workflow_fan_out() -> None:
    assert 3 == await FanOut().run(topic="numbers")


class Outer(Workflow):
    """Runs another workflow inside a step, and a plain function in a thread."""

    @step
    async def begin(self, ev: StartEvent) -> Work:
        await FanOut().run(topic="inner")
        return Work(n=1)

    @step
    def end(self, ev: Work) -> StopEvent:
        return StopEvent(result=ScriptedLLM(ANSWER).complete("end").text)


@application
async def workflow_nested() -> None:
    await Outer().run(topic="outer")


class Asking(Workflow):
    """Asks a person."""

    @step
    async def ask(self, ctx: Context, ev: StartEvent) -> StopEvent:
        answer = await ctx.wait_for_event(
            HumanResponseEvent, waiter_id="w", waiter_event=InputRequiredEvent(prefix="Your name?")
        )
        return StopEvent(result=answer.response)


@application
async def human_in_the_loop() -> None:
    handler = Asking().run()
    async for event in handler.stream_events():
        if isinstance(event, InputRequiredEvent):
            handler.ctx.send_event(HumanResponseEvent(response="Ann"))
    assert "Ann" == await handler


async def delete(ctx: Context, name: str) -> str:
    """Delete a file, when a person agrees."""
    answer = await ctx.wait_for_event(
        HumanResponseEvent, waiter_id="w", waiter_event=InputRequiredEvent(prefix="Sure?")
    )
    return f"{name}: {answer.response}"


# LlamaIndex finds the context's parameter by its class, which this module's annotations give as text
delete.__annotations__.update(ctx=Context, name=str)


@application
async def human_in_a_tool() -> None:
    script = [calls(("delete", {"name": "a.txt"})), "It is deleted"]
    handler = FunctionAgent(name="keeper", tools=[delete], llm=ScriptedLLM(*script)).run("Delete a.txt")
    async for event in handler.stream_events():
        if isinstance(event, InputRequiredEvent):
            handler.ctx.send_event(HumanResponseEvent(response="yes"))
    await handler


class Slow(Workflow):
    """Never comes to an end by itself."""

    @step
    async def wait(self, ev: StartEvent) -> StopEvent:
        await asyncio.sleep(30)
        return StopEvent()


@application
async def workflow_timeout() -> None:
    from workflows.errors import WorkflowTimeoutError

    with suppress(WorkflowTimeoutError):
        await Slow(timeout=0.05).run()


@application
async def workflow_cancelled() -> None:
    handler = Slow().run()
    await asyncio.sleep(0.05)
    await handler.cancel_run()
    with suppress(Exception):
        await handler


class Failing(Workflow):
    """Fails in a step."""

    @step
    async def fail(self, ev: StartEvent) -> StopEvent:
        raise LookupError("not found")


@application
async def workflow_failing() -> None:
    with suppress(LookupError):
        await Failing().run()


@application
async def cancelled_query() -> None:
    class Hanging(ScriptedLLM):
        async def achat(self, messages: Any, **kwargs: Any) -> Any:
            await asyncio.sleep(30)

    task = asyncio.create_task(engine(Hanging()).aquery(QueryBundle("Where is Berlin?")))
    await asyncio.sleep(0.05)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
