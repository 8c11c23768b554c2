"""What a node's trace policy leaves out is left out; LangGraph's own wrappers are no spans."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import TracePolicy, omit_payload

import spancast
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler

from ..fakes.langchain import ScriptedChat
from .trees import one, tree

SECRET = "my PIN is 4711"


@pytest.fixture
def config(pipeline: spancast.Pipeline) -> dict[str, Any]:
    """Return a config with one handler."""
    return {"callbacks": [SpancastCallbackHandler()]}


class Quiet(AgentMiddleware):
    """Its hooks' spans show nothing."""

    trace_policy = TracePolicy(process_inputs=omit_payload, process_outputs=omit_payload)

    def before_model(self, state: Any, runtime: Any) -> Any:
        """Change nothing."""
        return {"messages": []}


def test_a_middlewares_policy_holds(config: Any, memory: MemoryDestination) -> None:
    """The hook's span is there, without the conversation; the model call keeps its message."""
    agent = create_agent(ScriptedChat(script=["done"]), [], name="a", middleware=[Quiet()])
    agent.invoke({"messages": [("user", SECRET)]}, config)
    assert ["AGENT a", "  CHAIN Quiet.before_model", "  CHAIN model", "    LLM ScriptedChat"] == tree(memory.spans)
    hook = one(memory.spans, "Quiet.before_model").attributes
    assert SECRET not in str(hook)
    assert SECRET == one(memory.spans, "ScriptedChat").attributes["llm.input_messages.0.message.content"]


@pytest.mark.parametrize("awaited", [False, True])
def test_a_nodes_policy_shapes_what_is_shown(awaited: bool, config: Any, memory: MemoryDestination) -> None:
    """Input and output of the node are what its functions make of them, sync and async."""
    policy = TracePolicy(process_inputs=lambda state: {"count": 1}, process_outputs=lambda update: {"said": "a word"})

    async def answer(state: MessagesState) -> Any:
        return {"messages": [("ai", SECRET)]}

    def answer_now(state: MessagesState) -> Any:
        return {"messages": [("ai", SECRET)]}

    built = StateGraph(MessagesState)
    built.add_node("answer", answer if awaited else answer_now, trace_policy=policy)
    built.add_edge(START, "answer")
    built.add_edge("answer", END)
    graph, state = built.compile(), {"messages": [("user", SECRET)]}
    if awaited:
        asyncio.run(graph.ainvoke(state, config))
    else:
        graph.invoke(state, config)
    node = one(memory.spans, "answer").attributes
    assert ('{"count":1}', '{"said":"a word"}') == (node["input.value"], node["output.value"])
    assert ["CHAIN LangGraph", "  CHAIN answer"] == tree(memory.spans)
