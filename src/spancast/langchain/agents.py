"""Where an agent begins, by the frameworks' own marks: never by a part of a name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..record.operation import AGENT, CHAIN, TOOL, Kind
from ..recording.open_operation import OpenOperation
from . import translate
from .metadata import WITHIN

INTEGRATIONS = ("langchain_create_agent", "deepagents")  # the marks of `create_agent` and `create_deep_agent`
_UNNAMED = "agent"  # the name of an agent that was given none
_UNNAMED_GRAPH = "LangGraph"


def agent_in(metadata: Mapping[str, Any] | None) -> str | None:
    """Return the agent that a run belongs to, by the marks of `create_agent` and `create_deep_agent`."""
    if not metadata:
        return None
    name = metadata.get("lc_agent_name")
    if name is None and metadata.get("ls_integration") in INTEGRATIONS:
        name = _UNNAMED
    return name if isinstance(name, str) and name else None


def edits_state(name: str, metadata: Mapping[str, Any]) -> bool:
    """Return whether a run is LangGraph's for `update_state`, which it names after the graph: no agent runs in it."""
    graph = name.removesuffix("UpdateState")
    return graph != name and graph in (metadata.get("lc_agent_name"), _UNNAMED_GRAPH)


def begins_agent(metadata: Mapping[str, Any], parent: OpenOperation | None) -> str | None:
    """Return the agent's name where one begins: on its graph's own run, or where the name is not its parent's."""
    above = parent.mapping if parent is not None and "langgraph_node" in metadata else None
    if above is not None:  # most runs of an agent: beneath its graph
        named = metadata.get("lc_agent_name")
        if named is above.get("lc_agent_name") and (
            type(named) is str or metadata.get("ls_integration") is above.get("ls_integration")
        ):
            return None
    name = agent_in(metadata)
    if name is None or above is None:
        return name
    return name if agent_in(above) != name else None


def note_agent(operation: OpenOperation, name: str) -> None:
    """Note an agent's name; and that a tool of another agent's began it, which makes it a subagent."""
    operation.snapshots["agent"] = name
    if operation.parent is not None and operation.parent.kind is TOOL:
        operation.snapshots["agent_type"] = "subagent"  # LangChain's word, which it gives to LangSmith only


def mark_agent(operation: OpenOperation) -> None:
    """Make an open chain an agent: its framework has marked it after it began."""
    if operation.kind is CHAIN:
        operation.kind, operation.translate = AGENT, translate.agent
        operation.snapshots["agent"] = _UNNAMED if operation.name == _UNNAMED_GRAPH else operation.name


# Middleware that guards: by the exact names of LangChain's and deepagents' classes.
_GUARDRAILS = frozenset(
    {
        *("PIIMiddleware", "AutoModeMiddleware", "ModelRefusalMiddleware", "HumanInTheLoopMiddleware"),
        *("OpenAIModerationMiddleware", "UnsupportedContentMiddleware"),
    }
)


def kind_of_hook(name: str) -> Kind:
    """Return the kind of a middleware's hook by its name: `PIIMiddleware[email].before_model` guards."""
    return Kind.GUARDRAIL if name.partition(".")[0].partition("[")[0] in _GUARDRAILS else CHAIN


MODEL_NODE = "model"  # of `create_agent`


def mark_inner(inputs: Any, metadata: Mapping[str, Any], graph: OpenOperation) -> None:
    """Mark the graph of an agent that runs with another agent's marks, recognised when its model node begins.

    An agent without a name has the outer one's name in its metadata, and so has one that is called with the config of a tool
    of the outer one's. What is left is a graph of its own with `create_agent`'s node for the model, and messages in it.
    """
    if graph.parent is None or "langgraph_step" not in metadata or metadata.get("ls_integration") not in INTEGRATIONS:
        return
    state = inputs if type(inputs) is dict else getattr(inputs, "__dict__", None)
    if metadata.get("langgraph_node") == MODEL_NODE and type(state) is dict and "messages" in state:
        mark_agent(graph)
        graph.snapshots[WITHIN] = None if graph.name == _UNNAMED_GRAPH else graph.name
        if graph.parent.kind is TOOL:
            graph.snapshots["agent_type"] = "subagent"


PREBUILT_CALL = "call_model"  # the function in the model node of LangGraph's `create_react_agent`


def mark_prebuilt(inputs: Any, metadata: Mapping[str, Any], parent: OpenOperation | None) -> None:
    """Mark the graph of LangGraph's `create_react_agent`, recognised when its model node calls `PREBUILT_CALL`.

    Three marks together are its alone: the node `agent`, in it a run of its own for that function (a plain function as a
    node has none), and its managed value `remaining_steps` in the state.
    """
    if metadata.get("langgraph_node") != "agent" or parent is None or parent.name != "agent" or parent.parent is None:
        return
    state = inputs if type(inputs) is dict else getattr(inputs, "__dict__", None)
    if type(state) is dict and "remaining_steps" in state:
        graph = parent.parent
        mark_agent(graph)
        if "input" in parent.snapshots:  # the graph was no agent yet when its first node began
            graph.snapshots.setdefault("began_with", parent.snapshots["input"])
