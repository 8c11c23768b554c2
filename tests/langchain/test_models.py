"""Model calls in detail: costs, cache hits, n answers, streams of version 3, decision models, other tracers."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
import threading
import types
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableLambda

import spancast
from spancast import langchain
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler
from spancast.record import prices
from spancast.record.usage import Usage

from ..fakes.langchain import ABOUT, USAGE, ScriptedChat
from .trees import one, traces, tree

PRICES = prices._prices  # the fixture of all tests switches it off


@pytest.fixture
def config(pipeline: spancast.Pipeline) -> dict[str, Any]:
    """Return a config with one handler."""
    return {"callbacks": [SpancastCallbackHandler()]}


def test_an_answer_from_the_cache_costs_nothing_and_says_so(config: Any, memory: MemoryDestination) -> None:
    """LangChain repeats the first call's usage for a cached answer; its cost is 0."""
    model = ScriptedChat(script=["a"], cache=InMemoryCache())
    model.invoke("q", config)
    model.invoke("q", config)
    first, second = (span.attributes for span in memory.spans)
    assert ("llm.cache_hit" in first, second["llm.cache_hit"], second["llm.cost.total"]) == (False, True, 0.0)


def test_costs_are_estimated_where_the_provider_says_nothing(
    config: Any, memory: MemoryDestination, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the `prices` extra the public price list fills the gap; the parts add up to the whole."""
    pytest.importorskip("genai_prices", reason="the extra `prices` is not installed")
    monkeypatch.setattr(prices, "_prices", PRICES)
    ScriptedChat(script=["a"]).invoke("q", config)
    held = memory.spans[0].attributes
    assert held["llm.cost.total"] > 0
    assert pytest.approx(held["llm.cost.total"]) == held["llm.cost.prompt"] + held["llm.cost.completion"]


def test_a_providers_name_is_in_lower_case(config: Any, memory: MemoryDestination) -> None:
    """As the conventions' lists have them, however an integration writes its own (`NVIDIA`)."""

    class Shouting(ScriptedChat):
        def _get_ls_params(self, stop: Any = None, **kwargs: Any) -> Any:
            return {"ls_provider": "NVIDIA", "ls_model_name": "m", "ls_model_type": "chat"}

    Shouting().invoke("q", config)
    assert "nvidia" == memory.spans[0].attributes["llm.provider"]


def test_unknown_models_have_no_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    """No price is better than a wrong one; without the package there is none either."""
    usage = Usage(input_tokens=10, output_tokens=5)
    assert None is prices.estimate(usage, (None, "gpt-4o"), "openai")
    pytest.importorskip("genai_prices", reason="the extra `prices` is not installed")
    monkeypatch.setattr(prices, "_prices", PRICES)
    assert None is prices.estimate(usage, ("a-model-that-nobody-sells",), "nobody")
    assert None is prices.estimate(usage, ("a-model-that-nobody-sells",), "nobody")
    assert "estimate" == prices.estimate(usage, (None, "gpt-4o"), "openai").source  # type: ignore[union-attr]


def test_one_responses_usage_counts_once(config: Any, memory: MemoryDestination) -> None:
    """With n answers LangChain repeats the usage on each; it is one response all the same."""

    class Twice(ScriptedChat):
        def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
            answers = [
                AIMessage(text, usage_metadata=dict(USAGE), response_metadata=dict(ABOUT)) for text in ("one", "two")
            ]
            return ChatResult(generations=[ChatGeneration(message=answer) for answer in answers])

    Twice().invoke("q", config)
    held = memory.spans[0].attributes
    assert 150 == held["llm.token_count.total"]
    assert ["one", "two"] == [held[f"llm.output_messages.{index}.message.content"] for index in range(2)]


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")
def test_streams_of_version_3_have_a_time_to_first_token(config: Any, memory: MemoryDestination) -> None:
    """These send events instead of tokens; the model's span has everything else as well."""

    async def go() -> None:
        stream = await ScriptedChat(script=["a b c"]).astream_events("q", config=config, version="v3")
        async for _ in stream:
            pass

    asyncio.run(go())
    (span,) = memory.spans
    assert span.attributes["gen_ai.response.time_to_first_chunk"] > 0
    assert 150 == span.attributes["llm.token_count.total"]


def test_a_thread_that_copies_the_context_stays_in_the_tree(config: Any, memory: MemoryDestination) -> None:
    """A run started in a thread with a copied context lies under the run that started it."""

    def work(text: str) -> str:
        context = contextvars.copy_context()
        inner = RunnableLambda(lambda value: value, name="inner")
        thread = threading.Thread(target=context.run, args=(inner.invoke, text))
        thread.start()
        thread.join()
        return text

    RunnableLambda(work, name="outer").invoke("x", config)
    assert ["CHAIN outer", "  CHAIN inner"] == tree(memory.spans)


def test_a_retry_is_visible(config: Any, memory: MemoryDestination) -> None:
    """Each attempt is a span; the later ones say which they are."""
    calls: list[int] = []

    def flaky(text: str) -> str:
        calls.append(1)
        if len(calls) < 3:
            raise ConnectionError
        return text

    run = RunnableLambda(flaky, name="flaky").with_retry(stop_after_attempt=3, wait_exponential_jitter=False)
    run.invoke("x", config)
    attempts = sorted(memory.spans, key=lambda span: span.start_ns)[1:]
    assert [("ERROR", None), ("ERROR", 2), ("OK", 3)] == [
        (span.status, span.attributes.get("metadata.retry_attempt")) for span in attempts
    ]


def test_the_schema_of_a_structured_answer_is_kept(config: Any, memory: MemoryDestination) -> None:
    """What `with_structured_output` asks for is one of the call's parameters."""
    from pydantic import BaseModel

    class Weather(BaseModel):
        """Weather."""

        degrees: int

    answer = AIMessage("", tool_calls=[{"name": "Weather", "args": {"degrees": 3}, "id": "c"}])
    assert Weather(degrees=3) == ScriptedChat(script=[answer]).with_structured_output(Weather).invoke("q", config)
    parameters = one(memory.spans, "ScriptedChat").attributes["llm.invocation_parameters"]
    assert '"structured_output":{' in parameters
    assert '"degrees"' in parameters


def test_a_prompts_variables_reach_the_model_call(config: Any, memory: MemoryDestination) -> None:
    """The template's variables stand on the generation that was made of them, and on no other."""
    from langchain_core.prompts import ChatPromptTemplate

    chain = (
        ChatPromptTemplate.from_messages([("user", "{q}")])
        | ScriptedChat(script=["a"])
        | StrOutputParser()
        | ScriptedChat(script=["b"])
    )
    chain.invoke({"q": "why"}, config)
    held = [span.attributes.get("llm.prompt_template.variables") for span in memory.spans if span.kind == "LLM"]
    assert ['{"q":"why"}', None] == held


def test_a_decision_model_is_a_decision(config: Any, memory: MemoryDestination) -> None:
    """langchain-core 1.8 runs its classifiers as chains of type `llm`; they have a model and usage."""
    pytest.importorskip("langchain_core.decisions", reason="langchain-core 1.8 and newer")
    from langchain_core.decisions import BaseDecisionModel, ClassifierResponse

    class Decider(BaseDecisionModel):
        model: str = "judge-1"

        @property
        def _provider(self) -> str:
            return "courts"

        def _classify(self, state: Any, questions: Any) -> ClassifierResponse:
            usage = {"input_tokens": 7, "output_tokens": 1, "total_tokens": 8}
            return ClassifierResponse.model_construct(answers={}, usage=usage, model="judge-1b")

    named = {**config, "metadata": {"trace": {"generation_name": "Think"}}}  # names generations, which this is not
    Decider().invoke({"state": [{"role": "user", "content": "x"}], "questions": {}}, named)  # type: ignore[typeddict-item]
    held = one(memory.spans, "Decider").attributes
    assert ("DECISION", "courts", "judge-1", 8, 7) == tuple(
        held[key]
        for key in (
            "openinference.span.kind",
            "llm.provider",
            "llm.request.model_name",
            "llm.token_count.total",
            "decision.token_count.input",
        )
    )


def test_another_tracer_of_the_same_runs_is_named(
    pipeline: spancast.Pipeline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Two tracers mean every run twice: the user is told once, by name."""

    class LangChainInstrumentor:
        is_instrumented_by_opentelemetry = True

    module = types.SimpleNamespace(LangChainInstrumentor=LangChainInstrumentor)
    monkeypatch.setitem(sys.modules, "openinference.instrumentation.langchain", module)  # type: ignore[arg-type]
    monkeypatch.setenv("LANGSMITH_OTEL_ENABLED", "true")
    try:
        with caplog.at_level(logging.WARNING, "spancast"):
            langchain.instrument()
            said_before_the_first_run = list(caplog.messages)
            RunnableLambda(lambda text: text).invoke("x")
            RunnableLambda(lambda text: text).invoke("x")
    finally:
        langchain.uninstrument()
    assert [] == said_before_the_first_run
    assert ["OpenInference", "LangSmith"] == [message.split()[1] for message in caplog.messages]


def test_runs_of_two_threads_do_not_mix(config: Any, memory: MemoryDestination) -> None:
    """A shared handler keeps the runs of plain threads apart."""
    chain = RunnableLambda(lambda text: text, name="first") | RunnableLambda(lambda text: text, name="second")
    threads = [threading.Thread(target=chain.invoke, args=("x", config)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 20 == traces(memory.spans)
    expected = ["CHAIN RunnableSequence", "  CHAIN first", "  CHAIN second"]
    for trace_id in {span.trace_id for span in memory.spans}:
        assert expected == tree([span for span in memory.spans if span.trace_id == trace_id])


def test_parameters_of_the_models_own_are_parameters_of_the_call(config: Any, memory: MemoryDestination) -> None:
    """Some integrations say them to LangChain's own tracer only, or in the form of the model."""

    class Reserved(ScriptedChat):
        def _get_ls_params(self, stop: Any = None, **kwargs: Any) -> Any:
            return {
                **super()._get_ls_params(stop, **kwargs),
                "ls_max_tokens": 100,
                "ls_temperature": 0.9,
                "ls_stop": ["END"],
            }

    Reserved(script=["a"]).invoke("q", config)
    parameters = one(memory.spans, "Reserved").attributes["llm.invocation_parameters"]
    assert '"max_tokens":100' in parameters
    assert '"stop":["END"]' in parameters
    assert '"temperature":0.2' in parameters  # of the call itself, which wins


def test_a_streamed_call_does_not_say_that_it_was_not_streamed(config: Any, memory: MemoryDestination) -> None:
    """Integrations report how the model is set up: `stream: False`, also where LangChain streams all the same."""

    class NotSetToStream(ScriptedChat):
        @property
        def _identifying_params(self) -> dict[str, Any]:
            return {**super()._identifying_params, "stream": False}

    model = NotSetToStream(script=["one two"])
    model.invoke("q", config)
    assert "one two" == "".join(str(chunk.content) for chunk in model.stream("q", config))
    called, streamed = (span.attributes["llm.invocation_parameters"] for span in memory.spans)
    assert (True, True) == ('"stream":false' in called, '"stream":true' in streamed)
