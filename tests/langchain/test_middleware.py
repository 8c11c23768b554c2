"""Middleware of `create_agent`: hooks around calls are operations, nothing of LangSmith's is switched on for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import (
    AgentMiddleware,
    ModelFallbackMiddleware,
    ModelRetryMiddleware,
    PIIMiddleware,
    SummarizationMiddleware,
    ToolRetryMiddleware,
)
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, RetryPolicy, interrupt
from langsmith import Client, traceable, tracing_context
from langsmith import utils as langsmith
from langsmith.run_helpers import get_current_run_tree

import spancast
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler

from ..fakes.langchain import ScriptedChat, call
from .trees import one, traces, tree

QUESTION: dict[str, Any] = {"messages": [("user", "Write to me@example.com about order 7")]}
STYLES: dict[str, Callable[..., Any]] = {
    "invoke": lambda agent, config: agent.invoke(QUESTION, config),
    "ainvoke": lambda agent, config: asyncio.run(agent.ainvoke(QUESTION, config)),
    "stream": lambda agent, config: list(agent.stream(QUESTION, config)),
}


@pytest.fixture
def config(pipeline: spancast.Pipeline) -> dict[str, Any]:
    """Return a config with one handler."""
    return {"callbacks": [SpancastCallbackHandler()]}


@tool
def look_up(order: int) -> str:
    """Look up an order."""
    return f"order {order}: shipped"


class Timed(AgentMiddleware):
    """Hands everything on; `seen` is called inside each hook."""

    def __init__(self, seen: Callable[[], Any] = lambda: None) -> None:
        super().__init__()
        self.seen = seen

    def wrap_model_call(self, request: Any, handler: Any) -> Any:
        self.seen()
        return handler(request)

    async def awrap_model_call(self, request: Any, handler: Any) -> Any:
        self.seen()
        return await handler(request)

    def wrap_tool_call(self, request: Any, handler: Any) -> Any:
        self.seen()
        return handler(request)

    async def awrap_tool_call(self, request: Any, handler: Any) -> Any:
        self.seen()
        return await handler(request)


def agent(script: list[Any], *middleware: AgentMiddleware, **options: Any) -> Any:
    """Return an agent with one tool and this middleware."""
    return create_agent(ScriptedChat(script=script), [look_up], middleware=middleware, name="clerk", **options)


SCRIPT = [call("look_up", {"order": 7}), ValueError("flaky"), "Shipped."]
RETRY = {"max_retries": 2, "initial_delay": 0.0, "jitter": False}


@pytest.mark.parametrize("style", STYLES)
def test_hooks_stand_around_the_calls_they_wrap(style: str, config: Any, memory: MemoryDestination) -> None:
    """In the order of the list; a retry shows as two calls inside the hook that made them; PII is a guardrail."""
    made = agent(SCRIPT, Timed(), ModelRetryMiddleware(**RETRY), PIIMiddleware("email", apply_to_input=True))
    STYLES[style](made, config)
    assert [
        "AGENT clerk",
        "  GUARDRAIL PIIMiddleware[email].before_model",
        "  CHAIN model",
        "    CHAIN Timed.wrap_model_call",
        "      CHAIN ModelRetryMiddleware.wrap_model_call",
        "        LLM ScriptedChat",
        "  GUARDRAIL PIIMiddleware[email].after_model",
        "  CHAIN tools",
        "    CHAIN Timed.wrap_tool_call",
        "      TOOL look_up",
        "  GUARDRAIL PIIMiddleware[email].before_model",
        "  CHAIN model",
        "    CHAIN Timed.wrap_model_call",
        "      CHAIN ModelRetryMiddleware.wrap_model_call",
        "        LLM ScriptedChat ERROR",
        "        LLM ScriptedChat",
        "  GUARDRAIL PIIMiddleware[email].after_model",
    ] == tree(memory.spans, status=True)


def test_a_hook_says_what_it_was_given_and_what_came_out(config: Any, memory: MemoryDestination) -> None:
    """Of a model's call how much went in, for the call beneath has it, and the answer; of a tool's the call."""
    agent([call("look_up", {"order": 7}), "Shipped."], Timed()).invoke(QUESTION, config)
    first, around_tool, last = (span for span in memory.spans if span.name.startswith("Timed."))
    assert '{"messages":1,"tools":1}' == first.attributes["input.value"]
    assert '"name":"look_up"' in str(around_tool.attributes["input.value"])
    assert "order 7: shipped" == around_tool.attributes["output.value"]
    assert "Shipped." in str(last.attributes["output.value"])
    assert "clerk" not in str(first.attributes.get("graph.node.name"))


@pytest.mark.parametrize("style", STYLES)
def test_a_hook_that_answers_itself_has_no_call_beneath(style: str, config: Any, memory: MemoryDestination) -> None:
    """A cache, a refusal: the hook alone tells why no model was asked."""

    class Refuses(AgentMiddleware):
        def wrap_model_call(self, request: Any, handler: Any) -> Any:
            return AIMessage("not today")

        async def awrap_model_call(self, request: Any, handler: Any) -> Any:
            return AIMessage("not today")

    STYLES[style](agent(["never"], Refuses()), config)
    assert ["AGENT clerk", "  CHAIN model", "    CHAIN Refuses.wrap_model_call"] == tree(memory.spans)
    assert "not today" in str(one(memory.spans, "Refuses.wrap_model_call").attributes["output.value"])


@pytest.mark.parametrize("style", ["invoke", "ainvoke"])
def test_a_fallback_shows_both_models(style: str, config: Any, memory: MemoryDestination) -> None:
    """The first model failed, the second answered, the hook went well."""
    second = ScriptedChat(script=["hello"], model_name="second")
    STYLES[style](agent([ValueError("down")], ModelFallbackMiddleware(second)), config)
    assert [
        "AGENT clerk",
        "  CHAIN model",
        "    CHAIN ModelFallbackMiddleware.wrap_model_call",
        "      LLM ScriptedChat ERROR",
        "      LLM ScriptedChat",
    ] == tree(memory.spans, status=True)


@pytest.mark.parametrize("style", ["invoke", "ainvoke"])
def test_a_hook_that_fails_has_the_error(style: str, config: Any, memory: MemoryDestination) -> None:
    """Its class, as everywhere, also where the hook is a coroutine, of which LangSmith hands over only a text."""

    class Breaks(Timed):
        def wrap_model_call(self, request: Any, handler: Any) -> Any:
            raise LookupError("gone")

        async def awrap_model_call(self, request: Any, handler: Any) -> Any:
            raise LookupError("gone")

    with pytest.raises(LookupError):
        STYLES[style](agent(["never"], Breaks()), config)
    failed = one(memory.spans, "Breaks.wrap_model_call")
    assert ("ERROR", "LookupError", "gone") == (
        str(failed.status),
        failed.attributes["error.type"],
        failed.status.message,
    )


def test_an_interrupt_inside_a_hook_is_no_error(config: Any, memory: MemoryDestination) -> None:
    """Control flow of LangGraph passes through hooks as it passes through nodes."""

    class Asks(Timed):
        def wrap_tool_call(self, request: Any, handler: Any) -> Any:
            interrupt("sure?")
            return handler(request)

    from langgraph.checkpoint.memory import InMemorySaver

    made = agent([call("look_up", {"order": 7}), "Shipped."], Asks(), checkpointer=InMemorySaver())
    config = {**config, "configurable": {"thread_id": "t"}}
    made.invoke(QUESTION, config)
    assert ("UNSET", "interrupted") == (
        str(one(memory.spans, "Asks.wrap_tool_call").status),
        one(memory.spans, "Asks.wrap_tool_call").attributes["spancast.ending"],
    )
    made.invoke(Command(resume="yes"), config)
    assert 1 == traces(memory.spans)


def test_retries_of_a_tool_stand_in_their_hook(config: Any, memory: MemoryDestination) -> None:
    """Each try is a tool span of its own."""
    tries = []

    @tool
    def flaky() -> str:
        """Fail once."""
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("once")
        return "fine"

    made = create_agent(
        ScriptedChat(script=[call("flaky", {}), "Fine."]), [flaky], middleware=[ToolRetryMiddleware(**RETRY)]
    )
    made.invoke(QUESTION, config)
    lines = tree(memory.spans, status=True)
    at = lines.index("    CHAIN ToolRetryMiddleware.wrap_tool_call")
    assert ["      TOOL flaky ERROR", "      TOOL flaky"] == lines[at + 1 : at + 3]


def test_a_middlewares_own_model_call_is_marked(config: Any, memory: MemoryDestination) -> None:
    """A summary is told from the agent's own calls, and says what it is for."""
    summariser = ScriptedChat(script=["a summary"], model_name="small")
    middleware = SummarizationMiddleware(summariser, trigger=("messages", 2), keep=("messages", 1))
    history = {
        "messages": [("user", "one"), ("assistant", "two"), ("user", "three"), ("assistant", "4"), ("user", "5")]
    }
    agent(["hello"], middleware).invoke(history, config)
    calls = [span for span in memory.spans if span.kind.value == "LLM"]
    marks = {span.attributes["llm.request.model_name"]: span.attributes.get("spancast.internal_call") for span in calls}
    assert {"small": True, "gpt-4o": None} == marks
    assert ["summarization"] == [
        span.attributes["metadata.lc_source"] for span in calls if "spancast.internal_call" in span.attributes
    ]


def test_attempts_of_a_node_are_counted(config: Any, memory: MemoryDestination) -> None:
    """A node's retry policy runs it again: the second run says so."""
    tries = []

    def work(state: MessagesState) -> dict[str, Any]:
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError("later")
        return {"messages": [AIMessage("worked")]}

    built = StateGraph(MessagesState)
    built.add_node("work", work, retry_policy=RetryPolicy(max_attempts=3, initial_interval=0.0, jitter=False))
    built.add_edge(START, "work")
    built.add_edge("work", END)
    built.compile().invoke(QUESTION, config)
    assert [None, 2, 3] == [
        span.attributes.get("metadata.node_attempt") for span in memory.spans if span.name == "work"
    ]


# ---------------------------------------------------------------- nothing of LangSmith's is switched on
def test_for_everybody_else_there_is_no_run_tree(config: Any, memory: MemoryDestination) -> None:
    """Inside a hook LangSmith is as off as without us, and a function that is traceable is not traced."""
    seen: list[Any] = []

    @traceable
    def own(value: int) -> int:
        seen.append((bool(get_current_run_tree()), langsmith.tracing_is_enabled()))
        return value

    def look() -> None:
        seen.append((bool(get_current_run_tree()), langsmith.tracing_is_enabled()))
        own(1)

    agent(["hello"], Timed(look)).invoke(QUESTION, config)
    assert [(False, False)] * 2 == seen
    assert get_current_run_tree() is None
    assert not [span.name for span in memory.spans if span.name == "own"]


def test_other_handlers_see_the_parents_they_would_see_without_us(config: Any) -> None:
    """LangChain's own ids of parents are those of its runs."""

    class Other(BaseCallbackHandler):
        def __init__(self) -> None:
            self.known: set[Any] = set()
            self.strange: list[Any] = []

        def on_chain_start(self, *_: Any, run_id: Any, parent_run_id: Any = None, **__: Any) -> None:
            if parent_run_id is not None and parent_run_id not in self.known:
                self.strange.append(parent_run_id)
            self.known.add(run_id)

        on_chat_model_start = on_tool_start = on_chain_start

    other = Other()
    inner = ScriptedChat(script=["inside"])
    timed = Timed(lambda: inner.invoke("x", {"callbacks": [other]}))
    agent([call("look_up", {"order": 7}), "Shipped."], timed).invoke(
        QUESTION, {"callbacks": [*config["callbacks"], other]}
    )
    assert [] == other.strange


def test_langsmith_switched_on_inside_a_hook_traces_as_without_us(config: Any) -> None:
    """Its run has no parent of ours."""
    made: list[Any] = []
    client = Client(api_url="http://127.0.0.1:9", api_key="none", auto_batch_tracing=False)

    @traceable
    def own(value: int) -> int:
        made.append(get_current_run_tree())
        return value

    def look() -> None:
        with tracing_context(enabled="local", client=client):
            own(1)

    agent(["hello"], Timed(look)).invoke(QUESTION, config)
    assert ["own"] == [run.name for run in made]
    assert [None] == [run.parent_run_id for run in made]


def test_a_call_of_the_hooks_own_nests_in_it(config: Any, memory: MemoryDestination) -> None:
    """A router's or judge's model call stands beneath the hook that made it."""
    judge = ScriptedChat(script=["yes"], model_name="judge")
    agent(["hello"], Timed(lambda: judge.invoke("ok?"))).invoke(QUESTION, config)
    hook = one(memory.spans, "Timed.wrap_model_call")
    inside = [span for span in memory.spans if span.parent_span_id == hook.span_id]
    assert {"judge", "gpt-4o"} == {span.attributes["llm.request.model_name"] for span in inside}


def test_parallel_tools_have_a_hook_each(config: Any, memory: MemoryDestination) -> None:
    """Two calls of one turn: no hook takes the other's tool."""
    both = AIMessage(
        "", tool_calls=[*call("look_up", {"order": 1}, "a").tool_calls, *call("look_up", {"order": 2}, "b").tool_calls]
    )
    agent([both, "Shipped."], Timed()).invoke(QUESTION, config)
    hooks = {span.span_id for span in memory.spans if span.name == "Timed.wrap_tool_call"}
    tools = [span.parent_span_id for span in memory.spans if span.kind.value == "TOOL"]
    assert (2, set(tools)) == (len(hooks), hooks)


def test_in_privacy_mode_a_hook_has_no_content() -> None:
    """Neither a tool's arguments nor a message leaves with it."""
    hidden = spancast.destinations.memory(privacy_mode=True)
    with spancast.Pipeline(hidden):
        agent([call("look_up", {"order": 7777}), "Shipped."], Timed()).invoke(
            QUESTION, {"callbacks": [SpancastCallbackHandler()]}
        )
    text = repr([(span.name, span.attributes) for span in hidden.spans])
    assert "Timed.wrap_tool_call" in text
    assert not [word for word in ("7777", "Shipped", "example.com") if word in text]


def test_a_tool_message_that_a_hook_returns_is_its_output(config: Any, memory: MemoryDestination) -> None:
    """A hook that turns an error into an answer: the tool failed, the hook did not."""

    class Catches(Timed):
        def wrap_tool_call(self, request: Any, handler: Any) -> Any:
            try:
                return handler(request)
            except ValueError:
                return ToolMessage("sorry", tool_call_id=request.tool_call["id"], status="error")

    @tool
    def broken() -> str:
        """Fail."""
        raise ValueError("broken")

    made = create_agent(ScriptedChat(script=[call("broken", {}), "Sorry."]), [broken], middleware=[Catches()])
    made.invoke(QUESTION, config)
    hook = one(memory.spans, "Catches.wrap_tool_call")
    assert ("OK", "sorry") == (str(hook.status), hook.attributes["output.value"])
    assert "ERROR" == str(one(memory.spans, "broken").status)


def test_a_tool_inside_a_hook_is_not_shown_a_second_time(config: Any, memory: MemoryDestination) -> None:
    """A call whose error a hook turned into an answer was made: no tool that does not exist stands beside it."""

    class Reports(Timed):
        def wrap_tool_call(self, request: Any, handler: Any) -> Any:
            try:
                return handler(request)
            except ValueError:
                return ToolMessage("failed", tool_call_id=request.tool_call["id"], status="error")

    @tool
    def broken() -> str:
        """Fail."""
        raise ValueError("broken")

    made = create_agent(ScriptedChat(script=[call("broken", {}), "Sorry."]), [broken], middleware=[Reports()])
    made.invoke(QUESTION, config)
    assert ["broken"] == [span.name for span in memory.spans if span.kind.value == "TOOL"]
