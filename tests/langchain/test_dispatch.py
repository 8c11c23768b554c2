"""Other handlers get every event that they would get without ours; a handler without parentheses is seen."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.language_models.llms import LLM
from langchain_core.prompts import PromptTemplate
from langchain_core.runnables import RunnableLambda

import spancast
from spancast import langchain
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler

from ..fakes.langchain import ScriptedChat
from .trees import one


class Text(LLM):
    """A text model."""

    @property
    def _llm_type(self) -> str:
        return "text"

    def _call(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> str:
        return "answer"


class Listener(AsyncCallbackHandler):
    """Notes a model's events, asynchronously."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def on_llm_start(self, *args: Any, **kwargs: Any) -> None:
        """Note it."""
        self.seen.append("start")

    async def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
        """Note it."""
        self.seen.append("end")


class Inline(BaseCallbackHandler):
    """Runs inline, as LangSmith's tracer does."""

    run_inline = True

    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_llm_start(self, *args: Any, **kwargs: Any) -> None:
        """Note it."""
        self.seen.append("start")

    def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
        """Note it."""
        self.seen.append("end")


def test_an_awaited_text_model_tells_every_handler(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """LangChain drops the start for all others where one handler runs inline; ours does not make it do so."""
    listener, prompts = Listener(), ["a", "b"]
    handlers: list[Any] = [SpancastCallbackHandler(), listener]
    asyncio.run(Text().ainvoke("hi", {"callbacks": handlers}))
    asyncio.run(Text().agenerate(prompts, callbacks=handlers))
    assert {"start": 3, "end": 3} == {event: listener.seen.count(event) for event in ("start", "end")}
    assert 3 == len(memory.spans)
    assert {"answer"} == {span.attributes["output.value"] for span in memory.spans}


def test_astream_events_keeps_a_text_models_events(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """The same events come with `instrument()` as without it."""
    chain = PromptTemplate.from_template("{x}") | Text()

    async def events() -> list[tuple[str, str]]:
        return [(event["event"], event["name"]) async for event in chain.astream_events({"x": "hi"}, version="v2")]

    expected = asyncio.run(events())
    langchain.instrument(pipeline=pipeline)
    try:
        assert expected == asyncio.run(events())
    finally:
        langchain.uninstrument()
    assert ("on_llm_start", "Text") in expected
    assert "answer" == one(memory.spans, "Text").attributes["output.value"]


@pytest.mark.parametrize("beside", [[], [Inline()], [Inline(), Listener()]])
def test_beside_inline_handlers_it_runs_inline(
    beside: list[Any], pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """Alone or with another inline handler, where LangChain would drop ours otherwise, the start is not missed either."""
    asyncio.run(Text().ainvoke("hi", {"callbacks": [SpancastCallbackHandler(), *beside]}))
    assert "answer" == one(memory.spans, "Text").attributes["output.value"]
    assert all(["start", "end"] == handler.seen for handler in beside if isinstance(handler, Inline))


def test_two_of_ours_are_nobody_elses_business(memory: MemoryDestination) -> None:
    """Two handlers with pipelines of their own, one derived, beside a third that does not run inline."""

    class Mine(SpancastCallbackHandler):
        pass

    other, listener = spancast.destinations.memory(), Listener()
    with spancast.Pipeline(memory) as one_pipeline, spancast.Pipeline(other) as other_pipeline:
        handlers: list[Any] = [SpancastCallbackHandler(pipeline=one_pipeline), Mine(pipeline=other_pipeline), listener]
        asyncio.run(Text().ainvoke("hi", {"callbacks": handlers}))
    assert ["start", "end"] == listener.seen
    assert (1, 1) == (len(memory.spans), len(other.spans))


def test_a_text_model_that_is_awaited_ends_with_its_answer(
    pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """Its start event comes in a task of its own, whose end is not the model's."""
    config: Any = {"callbacks": [SpancastCallbackHandler()]}

    async def calls() -> None:
        await Text().ainvoke("hi", config)
        await Text().abatch(["a", "b"], config)
        async for _ in Text().astream("hi", config):
            pass

    asyncio.run(calls())
    assert 4 == len(memory.spans)
    assert {(None, "answer")} == {
        (span.attributes.get("spancast.ending"), span.attributes["output.value"]) for span in memory.spans
    }


def test_a_handler_may_be_kept_from_running_inline(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """What an application sets on its own handler holds."""
    handler = SpancastCallbackHandler()
    handler.run_inline = False
    assert False is handler.run_inline
    asyncio.run(ScriptedChat().ainvoke("hi", {"callbacks": [handler]}))
    assert 1 == len(memory.spans)


@pytest.mark.parametrize("awaited", [False, True])
def test_the_class_instead_of_a_handler_is_one_warning(
    awaited: bool, pipeline: spancast.Pipeline, memory: MemoryDestination, caplog: pytest.LogCaptureFixture
) -> None:
    """`callbacks=[SpancastCallbackHandler]`: nothing can be traced, the run is not disturbed, the reason is said once."""
    config: Any = {"callbacks": [SpancastCallbackHandler]}
    chain = RunnableLambda(lambda text: text) | ScriptedChat(script=["hello"]) | (lambda message: message.content)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            answer = asyncio.run(chain.ainvoke("hi", config)) if awaited else chain.invoke("hi", config)
            assert "hello" == answer
    assert [
        "spancast: callbacks=[SpancastCallbackHandler] holds the class, so nothing is traced: "
        "write callbacks=[SpancastCallbackHandler()]."
    ] == caplog.messages
    assert [] == memory.spans


def test_looking_at_the_class_is_no_mistake(caplog: pytest.LogCaptureFixture) -> None:
    """Tools that read a class's attributes are not told about parentheses."""
    with caplog.at_level(logging.WARNING):
        assert (True, True) == (SpancastCallbackHandler.ignore_chain, SpancastCallbackHandler.run_inline)
    assert [] == caplog.messages


def test_the_handler_can_be_derived_with_an_abstract_class(
    pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """Its metaclass does not stand in the way of an application's own base classes."""

    class Named(ABC):
        @abstractmethod
        def label(self) -> str: ...

    class Mine(SpancastCallbackHandler, Named):
        def label(self) -> str:
            return "mine"

    RunnableLambda(lambda text: text).invoke("x", {"callbacks": [Mine()]})
    assert 1 == len(memory.spans)
