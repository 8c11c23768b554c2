"""What is special about LangGraph: its handler class, its tracers' payloads, its own wrappers around functions."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

HIDDEN = "langsmith:hidden"
# Nodes that the middleware of a harness puts before and after each turn: they tidy up a state and tell nothing of the run.
HARNESS_NODES = frozenset(
    {
        *("PatchToolCallsMiddleware.before_agent", "_ParentNotifierMiddleware.after_agent"),
        *("AsyncSubAgentMiddleware.before_agent", "AsyncSubAgentMiddleware.before_model"),
        *("AsyncSubAgentMiddleware.after_model", "TodoListMiddleware.after_model"),
    }
)
INTERNAL = HARNESS_NODES | {"ChannelRead", "ChannelWrite", "PregelNode", "RunnableCallable", "RunnableSeq", "chain"}
_graph_classes: dict[type, type] = {}
_tracers: set[type] = set()
_hooks: Any = None


def is_internal(name: str, tags: Any, metadata: Mapping[str, Any] | None) -> bool:
    """Return whether a run is LangGraph's or LangChain's own wrapper, which a reader does not ask for."""
    if tags and HIDDEN in tags:
        return True
    return name in INTERNAL and metadata is not None and "langgraph_node" in metadata


def middleware_hooks() -> Any:
    """Return the module that sees the hooks of LangChain's middleware, where agents of LangChain's can be; else None.

    It needs LangSmith's package, which LangChain's agents have loaded.
    """
    global _hooks
    if _hooks is None and "langchain.agents.factory" in sys.modules:
        try:
            from . import hooks as _hooks
        except ImportError:  # another LangSmith than this was written for
            _hooks = False
    return _hooks or None


def carry_trace(name: str, metadata: Mapping[str, Any]) -> None:
    """Let a RemoteGraph that the node *name* calls send the trace along. Called in the node's start event."""
    if metadata.get("langgraph_node") != name:
        return
    try:
        from .remote import offer_headers
    except ImportError:  # another LangSmith than this was written for
        return
    offer_headers()


def class_for_graphs(cls: type) -> type:
    """Return *cls*, or where LangGraph is loaded the class derived from it that LangGraph also tells about interrupts.

    It tells only instances of its own class, and importing that costs seconds: not for those who use no graphs.
    """
    if "langgraph" not in sys.modules:
        return cls
    found = _graph_classes.get(cls)
    if found is None:
        obey_trace_policies(cls)
        found = _graph_classes[cls] = _derived(cls)
    return found


def _derived(cls: type) -> type:
    try:
        from langgraph.callbacks import GraphCallbackHandler
    except ImportError:  # an older LangGraph, without these events
        return cls
    if issubclass(cls, GraphCallbackHandler):
        return cls
    return type(cls.__name__, (cls, GraphCallbackHandler), {"__module__": cls.__module__, "__doc__": cls.__doc__})


def obey_trace_policies(cls: type) -> None:
    """Let *cls* count as a tracer: a node's TracePolicy then shapes what we see as it shapes what LangSmith sees.

    LangGraph gives the shortened payload to instances of langchain-core's BaseTracer only, an abstract base class.
    """
    if cls not in _tracers:
        from langchain_core.tracers.base import BaseTracer  # loaded with LangGraph already

        _tracers.add(cls)
        BaseTracer.register(cls)
