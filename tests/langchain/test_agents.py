"""Agents are agents where their framework says so, never by a part of a name."""

from __future__ import annotations

import asyncio
import json
from typing import Any, TypedDict
from uuid import uuid4

import pytest
from langchain.agents import create_agent
from langchain_core.agents import AgentAction, AgentFinish
from langchain_core.callbacks import CallbackManager
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langchain_core.runnables.config import get_callback_manager_for_config
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.prebuilt import create_react_agent

import spancast
from spancast import destinations
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler

from ..fakes.langchain import ScriptedChat, call
from .trees import one, traces

# LangGraph has moved `create_react_agent`; who has it still wants to see it
pytestmark = pytest.mark.filterwarnings("ignore::langgraph.warnings.LangGraphDeprecatedSinceV10")


@pytest.fixture
def config(pipeline: spancast.Pipeline) -> dict[str, Any]:
    """Return a config with one handler."""
    return {"callbacks": [SpancastCallbackHandler()]}


@tool
def look_up(order: int) -> str:
    """Look up an order."""
    return f"order {order}: shipped"


def agents(memory: MemoryDestination) -> list[tuple[str, str]]:
    """Return names of the agents' spans, and of the agents."""
    return [(span.name, span.attributes["agent.name"]) for span in memory.spans if span.kind.value == "AGENT"]


ASK = {"messages": [("user", "hi")]}


@pytest.mark.parametrize(("name", "expected"), [("support", ("support", "support")), (None, ("LangGraph", "agent"))])
@pytest.mark.parametrize("build", [create_agent, create_react_agent])
def test_both_prebuilt_agents_are_agents(
    build: Any, name: str | None, expected: tuple[str, str], config: Any, memory: MemoryDestination
) -> None:
    """`create_agent` marks its runs; LangGraph's `create_react_agent` is known by its own node and managed value."""
    model = ScriptedChat(script=[call("look_up", {"order": 1}), "shipped"])
    build(model, [look_up], name=name).invoke(ASK, config)
    assert [expected] == agents(memory)
    root = next(span for span in memory.spans if span.parent_span_id is None)
    assert "AGENT" == root.kind.value
    assert "hi" in root.attributes["input.value"]


def test_a_react_agent_called_asynchronously_is_an_agent(config: Any, memory: MemoryDestination) -> None:
    """The same events in async code."""
    asyncio.run(create_react_agent(ScriptedChat(script=["hi"]), [look_up], name="support").ainvoke(ASK, config))
    assert [("support", "support")] == agents(memory)


@pytest.mark.parametrize(
    "options",
    [{}, {"version": "v1"}, {"post_model_hook": lambda state: {}}, {"checkpointer": InMemorySaver()}],
    ids=["v2", "v1", "post_model_hook", "second_turn"],
)
def test_all_that_a_react_agent_said(options: dict[str, Any], config: Any) -> None:
    """From its first tool call on: its graph is an agent only after the first node has begun."""
    memory = destinations.memory(convention="gen_ai")
    config = {**config, "configurable": {"thread_id": "t"}}
    model = ScriptedChat(script=[call("look_up", {"order": 1}), "shipped"])
    agent = create_react_agent(model, [look_up], **options)
    for _ in range(2 if "checkpointer" in options else 1):
        memory.clear()
        with spancast.Pipeline(memory):
            agent.invoke(ASK, config)
    (root,) = [span for span in memory.spans if span.parent_span_id is None]
    said = [message["role"] for message in json.loads(root.attributes["gen_ai.output.messages"])]
    assert ["assistant", "tool", "assistant"] == said


@pytest.mark.parametrize("name", [None, "helper"])
def test_an_edit_of_an_agents_state_is_no_run_of_the_agent(
    name: str | None, pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """`update_state` is a run of LangGraph's with the agent's marks; no model is called in it."""
    agent = create_agent(ScriptedChat(script=["hello"]), [look_up], checkpointer=InMemorySaver(), name=name)
    config: Any = {"configurable": {"thread_id": "t1"}, "callbacks": [SpancastCallbackHandler()]}
    agent.invoke({"messages": [("user", "hi")]}, config)
    memory.clear()
    agent.update_state(config, {"messages": [AIMessage("hi there")]}, as_node="model")
    assert ["CHAIN"] == [span.kind.value for span in memory.spans if span.parent_span_id is None]


def test_a_graph_of_ones_own_is_no_agent(config: Any, memory: MemoryDestination) -> None:
    """The same names of node and function, as in many tutorials, do not make an agent."""

    class State(TypedDict):
        messages: list[Any]

    def call_model(state: State) -> State:
        return {"messages": [ScriptedChat().invoke("hi")]}

    built = StateGraph(State)
    built.add_node("agent", RunnableLambda(call_model))
    built.add_edge(START, "agent")
    built.add_edge("agent", END)
    built.compile(name="my_agent").invoke({"messages": []}, config)
    assert [] == agents(memory)


class Executor(Runnable[Any, Any]):
    """Calls back as langchain-classic's AgentExecutor does."""

    def __init__(self, *steps: AgentAction | AgentFinish) -> None:
        self.steps = steps

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Tell of each step."""
        manager: CallbackManager = get_callback_manager_for_config(config or {})
        run_manager = manager.on_chain_start(None, input, name="support")
        for step in self.steps:
            if isinstance(step, AgentAction):
                run_manager.on_agent_action(step, color="green")
            else:
                run_manager.on_agent_finish(step, color="green")
        output = {"output": "shipped"}
        run_manager.on_chain_end(output)
        return output


ACTION, FINISH = AgentAction("look_up", {"order": 1}, ""), AgentFinish({"output": "shipped"}, "")


@pytest.mark.parametrize("steps", [(ACTION, FINISH), (FINISH,), (ACTION,)])
def test_a_classic_executor_is_an_agent(steps: Any, config: Any, memory: MemoryDestination) -> None:
    """Its run is the one that decides on actions, or that it is done."""
    Executor(*steps).invoke({"input": "where?"}, config)
    assert [("support", "support")] == agents(memory)
    assert '{"output":"shipped"}' == one(memory.spans, "support").attributes["output.value"]


def test_an_event_of_a_run_that_nobody_knows_is_left_alone(config: Any, memory: MemoryDestination) -> None:
    """Neither a closed run nor a stranger's becomes an agent."""
    handler = config["callbacks"][0]
    handler.on_agent_action(ACTION, run_id=uuid4())
    handler.on_agent_finish(FINISH, run_id=uuid4())
    assert [] == memory.spans


@pytest.mark.parametrize("way", ["sync", "async"])
def test_a_subagent_that_gets_no_config_lies_under_its_tool(way: str, config: Any, memory: MemoryDestination) -> None:
    """One trace, in one session, whatever the tool hands on (deepagents hands on nothing)."""
    researcher = create_agent(ScriptedChat(script=["sunny"]), [], name="researcher")

    @tool
    def task(topic: str) -> str:
        """Delegate."""
        return str(researcher.invoke(ASK)["messages"][-1].content)

    @tool("task")
    async def async_task(topic: str) -> str:
        """Delegate."""
        return str((await researcher.ainvoke(ASK))["messages"][-1].content)

    model = ScriptedChat(script=[call("task", {"topic": "x"}), "It is sunny."])
    settings = {**config, "metadata": {"session_id": "s1"}}
    if way == "sync":
        create_agent(model, [task], name="boss").invoke(ASK, settings)
    else:
        asyncio.run(create_agent(model, [async_task], name="boss").ainvoke(ASK, settings))
    assert 1 == traces(memory.spans)
    assert {"s1"} == {span.attributes["session.id"] for span in memory.spans}
    inner = one(memory.spans, "researcher")
    assert one(memory.spans, "task").span_id == inner.parent_span_id


@pytest.mark.parametrize(
    ("name", "kind"),
    [("CriteriaEvalChain", "EVALUATOR"), ("TrajectoryEvalChain", "EVALUATOR"), ("MyCriteriaEvalChain", "CHAIN")],
)
def test_evaluators_are_evaluators(name: str, kind: str, config: Any, memory: MemoryDestination) -> None:
    """By the exact names that langchain-classic's evaluators give their runs."""
    RunnableLambda(lambda text: {"score": 1}).invoke("x", {**config, "run_name": name})
    assert kind == one(memory.spans, name).kind.value


def _asking(inner: Any, hand_on: bool) -> Any:
    @tool
    def delegate(question: str, config: RunnableConfig) -> str:
        """Ask the other agent."""
        made = inner.invoke({"messages": [("user", question)]}, config if hand_on else None)
        return str(made["messages"][-1].content)

    return delegate


@pytest.mark.parametrize("hand_on", [False, True], ids=["its own config", "the tool's config"])
@pytest.mark.parametrize(("outer", "inner"), [(None, None), ("planner", None), (None, "worker"), ("planner", "worker")])
def test_an_agent_inside_of_an_agents_tool_is_an_agent(
    outer: str | None, inner: str | None, hand_on: bool, config: Any, memory: MemoryDestination
) -> None:
    """Named or not, and also where LangChain gives it the outer one's marks: its tree is one of its own."""
    worker = create_agent(ScriptedChat(script=["done"]), [], name=inner)
    script = [call("delegate", {"question": "how?"}), "end"]
    planner = create_agent(ScriptedChat(script=script), [_asking(worker, hand_on)], name=outer)
    planner.invoke(ASK, config)
    found = [span for span in memory.spans if span.kind.value == "AGENT"]
    assert [inner or "agent", outer or "agent"] == [span.attributes["agent.name"] for span in found]
    (through,) = [span for span in memory.spans if span.kind.value == "TOOL"]
    assert through.span_id == found[0].parent_span_id


@pytest.mark.parametrize("hand_on", [False, True], ids=["its own config", "the tool's config"])
@pytest.mark.parametrize("inner", [None, "worker"])
def test_what_an_inner_agent_does_is_not_the_outer_agents(inner: str | None, hand_on: bool) -> None:
    """Its model calls and tools carry its own name or none: the framework's metadata has the outer agent's."""

    @tool
    def search(query: str) -> str:
        """Search."""
        return query

    worker = create_agent(ScriptedChat(script=[call("search", {"query": "x"}), "done"]), [search], name=inner)
    script = [call("delegate", {"question": "how?"}), "end"]
    planner = create_agent(ScriptedChat(script=script), [_asking(worker, hand_on)], name="planner")
    kept = destinations.memory(convention="gen_ai")
    with spancast.Pipeline(kept) as pipeline:
        planner.invoke(ASK, {"callbacks": [SpancastCallbackHandler(pipeline=pipeline)]})
    names = {span.name: span.attributes.get("gen_ai.agent.name") for span in kept.spans if span.kind.value == "TOOL"}
    assert {"execute_tool search": inner, "execute_tool delegate": "planner"} == names
    models = [span.attributes.get("gen_ai.agent.name") for span in kept.spans if span.kind.value == "LLM"]
    assert ["planner", inner, inner, "planner"] == models
