"""What a model said and an application did, end to end: thoughts, choices, cached answers, agents' turns, wrapped models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware, SummarizationMiddleware
from langchain_core.caches import InMemoryCache
from langchain_core.documents import Document
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

import spancast
from spancast import destinations
from spancast.langchain import SpancastCallbackHandler

from ..fakes.langchain import ABOUT, USAGE, ScriptedChat

THOUGHT = "9.9 is 9.90, so it is larger."


class Recorded:
    """Both conventions in memory, and the config that records into them."""

    def __init__(self) -> None:
        self.openinference, self.gen_ai = destinations.memory(), destinations.memory(convention="gen_ai")
        self.pipeline = spancast.Pipeline(self.openinference, self.gen_ai, spool=False)
        self.config: dict[str, Any] = {"callbacks": [SpancastCallbackHandler(pipeline=self.pipeline)]}

    def clear(self) -> None:
        self.openinference.clear(), self.gen_ai.clear()  # type: ignore[func-returns-value]

    def spans(self, kind: str) -> list[Any]:
        """Return the gen_ai spans of a kind."""
        self.pipeline.flush(5)
        return [span for span in self.gen_ai.spans if span.kind.value == kind]


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    made = Recorded()
    with made.pipeline:
        yield made


def said(span: Any, side: str = "output") -> list[tuple[str, str, Any]]:
    """Return role, type and content of each part."""
    messages = json.loads(span.attributes.get(f"gen_ai.{side}.messages", "[]"))
    return [(message["role"], part["type"], part.get("content")) for message in messages for part in message["parts"]]


# ---------------------------------------------------------------- thoughts
class Streaming(ScriptedChat):
    """Streams its chunks; *until*: called before the one of this number."""

    chunks: list[Any] = []

    def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Iterator[Any]:
        for chunk in self.chunks:
            yield ChatGenerationChunk(message=chunk)


THINKING = [
    AIMessageChunk(""),
    AIMessageChunk("", additional_kwargs={"reasoning_content": THOUGHT[:9]}),
    AIMessageChunk("", additional_kwargs={"reasoning_content": THOUGHT[9:]}),
    AIMessageChunk("9.9"),
    AIMessageChunk("", response_metadata={"finish_reason": "stop"}),
    AIMessageChunk("", usage_metadata={**USAGE}),  # type: ignore[typeddict-item]
]


def test_a_thought_beside_the_content(recorded: Recorded) -> None:
    """Of DeepSeek, xAI, Ollama, Groq and OpenRouter: answered, streamed, and in the history of the next call."""
    answer = AIMessage("9.9", additional_kwargs={"reasoning_content": THOUGHT})
    ScriptedChat(script=[answer]).invoke("9.9 or 9.11?", recorded.config)
    list(Streaming(chunks=THINKING).stream("9.9 or 9.11?", recorded.config))
    ScriptedChat().invoke([HumanMessage("9.9 or 9.11?"), answer, answer, HumanMessage("Sure?")], recorded.config)
    whole, streamed, later = recorded.spans("LLM")
    thought = [("assistant", "reasoning", THOUGHT), ("assistant", "text", "9.9")]
    assert thought == said(whole) == said(streamed)
    assert [("user", "text", "9.9 or 9.11?"), *thought, *thought, ("user", "text", "Sure?")] == said(later, "input")
    assert ["stop"] == streamed.attributes["gen_ai.response.finish_reasons"]
    assert 120 == streamed.attributes["gen_ai.usage.input_tokens"]


def test_a_stream_left_while_it_thinks_was_begun(recorded: Recorded) -> None:
    """The first thought is the first chunk: time to first token is known, and the stream is abandoned."""
    stream = Streaming(chunks=THINKING).stream("9.9 or 9.11?", recorded.config)
    next(stream), next(stream)
    stream.close()  # type: ignore[attr-defined]
    (span,) = recorded.spans("LLM")
    assert "abandoned" == span.attributes["spancast.ending"]
    assert "gen_ai.response.time_to_first_chunk" in span.attributes


# ---------------------------------------------------------------- choices and usage
class Choices(ScriptedChat):
    """Gives all answers of its script at once."""

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=message) for message in self.script])


def test_one_finish_reason_for_each_choice(recorded: Recorded) -> None:
    """A choice without one keeps its place."""
    metadata: list[dict[str, Any]] = [{"finish_reason": "stop"}, {}, {"finish_reason": "length"}]
    Choices(script=[AIMessage(str(index), response_metadata=each) for index, each in enumerate(metadata)]).invoke(
        "q", recorded.config
    )
    (span,) = recorded.spans("LLM")
    assert ["stop", "unknown", "length"] == span.attributes["gen_ai.response.finish_reasons"]
    assert ["0", "1", "2"] == [content for _, _, content in said(span)]


def test_an_answer_from_the_cache_has_no_usage(recorded: Recorded) -> None:
    """It used no tokens; the first one did."""
    model = ScriptedChat(script=["a"], cache=InMemoryCache())
    model.invoke("q", recorded.config)
    model.invoke("q", recorded.config)
    first, second = recorded.spans("LLM")
    assert (120, None) == tuple(span.attributes.get("gen_ai.usage.input_tokens") for span in (first, second))
    assert (None, True) == tuple(span.attributes.get("gen_ai.response.cache_hit") for span in (first, second))


@pytest.mark.parametrize("tier", ["flex", "priority"])
def test_details_of_a_service_tier(tier: str, recorded: Recorded) -> None:
    """LangChain names them after the tier; they are the same details."""
    usage: Any = {
        "input_tokens": 10_000,
        "output_tokens": 500,
        "total_tokens": 10_500,
        "input_token_details": {"audio": 0, f"{tier}_cache_read": 9_000, tier: 1_000},
        "output_token_details": {"audio": 0, f"{tier}_reasoning": 400, tier: 100},
    }
    ScriptedChat(script=[AIMessage("x", usage_metadata=usage, response_metadata={"service_tier": tier})]).invoke(
        "q", recorded.config
    )
    (span,) = recorded.spans("LLM")
    names = ("input_tokens", "output_tokens", "cache_read.input_tokens", "reasoning.output_tokens")
    assert [10_000, 500, 9_000, 400] == [span.attributes.get(f"gen_ai.usage.{name}") for name in names]
    assert tier == span.attributes["openai.response.service_tier"]


@pytest.mark.parametrize("privacy_mode", [False, True])
def test_usage_beside_the_content(privacy_mode: bool) -> None:
    """Older integrations (Bedrock, Qianfan) put it into `additional_kwargs`; no content is needed to read it."""
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
    answer = AIMessage("SECRET", additional_kwargs={"usage": usage, "reasoning_content": "SECRET"})
    memory = destinations.memory(convention="gen_ai", privacy_mode=privacy_mode)
    with spancast.Pipeline(memory):
        ScriptedChat(script=[answer]).invoke("q", {"callbacks": [SpancastCallbackHandler()]})
    (span,) = memory.spans
    assert [9, 3] == [span.attributes.get(f"gen_ai.usage.{name}_tokens") for name in ("input", "output")]
    assert privacy_mode != ("SECRET" in str(span.attributes))


class Wrapper(BaseChatModel):
    """Asks another model; hands its answer on, with *extra* tokens of its own."""

    inner: Any
    config: Any
    extra: int = 0

    @property
    def _llm_type(self) -> str:
        return "wrapper"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        answer = self.inner.invoke(messages, self.config).model_copy(deep=True)
        if answer.usage_metadata:
            for name in ("input_tokens", "total_tokens"):
                answer.usage_metadata[name] += self.extra
        return ChatResult(generations=[ChatGeneration(message=answer)])


def test_an_answer_that_is_handed_on_counts_once(recorded: Recorded) -> None:
    """A wrapper around a wrapper around a model: the tokens stand on the innermost call alone."""
    inner = Wrapper(inner=ScriptedChat(), config=recorded.config)
    Wrapper(inner=inner, config=recorded.config).invoke("q", recorded.config)
    counts = [span.attributes.get("gen_ai.usage.input_tokens") for span in recorded.spans("LLM")]
    assert [120, None, None] == sorted(counts, key=lambda count: count is None)
    assert 3 == len([span for span in recorded.spans("LLM") if said(span) == [("assistant", "text", "hello")]])


def test_a_wrapper_s_own_tokens_count(recorded: Recorded) -> None:
    """Counts that are not the inner call's are the wrapper's own."""
    Wrapper(inner=ScriptedChat(), config=recorded.config, extra=7).invoke("q", recorded.config)
    assert [120, 127] == sorted(span.attributes["gen_ai.usage.input_tokens"] for span in recorded.spans("LLM"))


# ---------------------------------------------------------------- agents
@tool
def look_up(order: int) -> str:
    """Look up an order."""
    return f"order {order}: shipped"


def call(order: int) -> AIMessage:
    calls: Any = [{"name": "look_up", "args": {"order": order}, "id": "call_1"}]
    return AIMessage("", tool_calls=calls, response_metadata={**ABOUT, "finish_reason": "tool_calls"})


def turn(recorded: Recorded, agent: Any, given: Any, **config: Any) -> list[tuple[str, Any]]:
    """Run one turn; return role and content of what its span says was said."""
    recorded.clear()
    agent.invoke(given, {**recorded.config, **config})
    (span,) = recorded.spans("AGENT")
    return [(role, content) for role, kind, content in said(span) if kind != "tool_call"]


def test_a_turn_says_what_it_said(recorded: Recorded) -> None:
    """With a checkpointer the state holds all turns: the second one's output is neither the first's nor the question."""
    script = ["Hello Ada.", call(17), "It is shipped."]
    agent: Any = create_agent(ScriptedChat(script=script), [look_up], name="support", checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "t1"}}
    assert [("assistant", "Hello Ada.")] == turn(recorded, agent, {"messages": [("user", "I am Ada.")]}, **thread)
    second = turn(recorded, agent, {"messages": [("user", "Where is order 17?")]}, **thread)
    assert ("assistant", "It is shipped.") == second[-1]
    assert {"Hello Ada.", "Where is order 17?", "I am Ada."}.isdisjoint(content for _, content in second)


def test_a_resumed_turn_says_what_came_after_the_pause(recorded: Recorded) -> None:
    """Its input is the decision; the question and the call stand in the first part."""
    pause: Any = HumanInTheLoopMiddleware(interrupt_on={"look_up": True})
    agent: Any = create_agent(
        ScriptedChat(script=[call(17), "It is shipped."]),
        [look_up],
        name="support",
        checkpointer=InMemorySaver(),
        middleware=[pause],
    )
    thread = {"configurable": {"thread_id": "t2"}}
    agent.invoke({"messages": [("user", "Where is order 17?")]}, {**recorded.config, **thread})
    resumed = turn(recorded, agent, Command(resume={"decisions": [{"type": "approve"}]}), **thread)
    assert ("assistant", "It is shipped.") == resumed[-1]
    assert "user" not in [role for role, _ in resumed]


def test_a_summarised_turn_says_what_it_said(recorded: Recorded) -> None:
    """Neither the summary nor the question is an answer."""
    summary: Any = SummarizationMiddleware(
        model=ScriptedChat(script=["SUMMARY"]), trigger=("messages", 4), keep=("messages", 2)
    )
    agent = create_agent(ScriptedChat(script=["final answer"]), [], name="support", middleware=[summary])
    history = [("user", "u0"), ("assistant", "a0"), ("user", "u1"), ("assistant", "a1"), ("user", "last question")]
    assert [("assistant", "final answer")] == turn(recorded, agent, {"messages": history})


@pytest.mark.parametrize(
    "messages",
    [
        [{"type": "human", "content": "hi", "id": "1", "additional_kwargs": {}}],
        [{"role": "human", "content": "hi"}],
        [{"role": "user", "content": "hi"}],
        [{"type": "human", "content": [{"type": "text", "text": "hi"}]}],
        ["hi"],
        "hi",
    ],
)
def test_messages_of_langgraph_s_server(messages: Any, recorded: Recorded) -> None:
    """Plain objects and texts are the same conversation as message objects."""
    agent: Any = create_agent(ScriptedChat(script=["hello"]), [], name="a")
    assert [("assistant", "hello")] == turn(recorded, agent, {"messages": messages})
    (span,) = recorded.spans("AGENT")
    assert [("user", "text", "hi")] == said(span, "input")


# ---------------------------------------------------------------- numbers
class Scored(BaseRetriever):
    """Finds one document with *score*."""

    score: Any

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document("x", metadata={"relevance_score": self.score})]


@pytest.mark.parametrize("score", [0.5, np.float32(0.5), np.float64(0.5), np.int64(1), Decimal("0.5"), 1])
def test_every_number_class_is_a_score(score: Any, recorded: Recorded) -> None:
    """Numpy's among them."""
    Scored(score=score).invoke("q", recorded.config)
    recorded.pipeline.flush(5)
    (span,) = recorded.openinference.spans
    assert float(score) == span.attributes["retrieval.documents.0.document.score"]
