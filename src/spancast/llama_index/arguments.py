"""What is captured of the arguments and results of calls; of models' and tools' see models.py, tools.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from workflows.context import Context
from workflows.events import Event, StartEvent

from ..privacy.secrets import masked_arguments
from ..recording.open_operation import OpenOperation
from .classify import AGENT, EMBEDDING, QUERY, RERANKING, RETRIEVAL, RUN, RUNS, STEP, TRANSFORM
from .content import capture
from .instances import attributes_of, first, first_text
from .models import provider_of
from .workflow import answer_in

_EMBEDDING_PARAMETERS = ("dimensions", "embed_batch_size")
_QUERY_NAMES = ("str_or_query_bundle", "query_bundle", "query", "query_str", "message")


def capture_arguments(role: str, arguments: Mapping[str, Any], operation: OpenOperation) -> None:
    """Capture what a call was given."""
    if operation.capture:
        read = _INPUTS.get(role, plain_arguments)
        operation.snapshots["input"] = capture(read(arguments), operation)


def _query(arguments: Mapping[str, Any]) -> object:
    return first(arguments, *_QUERY_NAMES)


def _start_event(arguments: Mapping[str, Any]) -> object:
    """Return what a workflow was started with; of an agent the message and the history, as a conversation."""
    event = arguments.get("start_event")
    if not isinstance(event, StartEvent):
        return event
    asked = event.get("user_msg")
    history = event.get("chat_history")
    if asked is None and not history:
        return event
    conversation = [*(history or ()), *([asked] if asked is not None else [])]
    return conversation if len(conversation) > 1 else conversation[0]


def _events(arguments: Mapping[str, Any]) -> object:
    """Return the events that a step was given: what is injected besides (clients, settings with keys) is machinery."""
    events = {name: value for name, value in arguments.items() if _is_event(value)}
    return next(iter(events.values())) if len(events) == 1 else events or None


def _is_event(value: object) -> bool:
    return isinstance(value, Event) or (isinstance(value, list) and bool(value) and isinstance(value[0], Event))


def _nodes(arguments: Mapping[str, Any]) -> object:
    nodes = first(arguments, "nodes")
    return {"nodes": len(nodes)} if hasattr(nodes, "__len__") else None


def plain_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call's arguments by name, keywords among them, without what the framework passes along.

    The value of one that is named like a secret (`api_key`, `password`, `token`) is masked.
    """
    named = {name: value for name, value in arguments.items() if name not in ("kwargs", "args")}
    further = arguments.get("kwargs")
    if isinstance(further, dict):
        named.update(further)
    if arguments.get("args"):
        named["args"] = list(arguments["args"])
    return masked_arguments({name: value for name, value in named.items() if not isinstance(value, Context)})


_INPUTS: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
    QUERY: _query,
    RETRIEVAL: _query,
    RUN: _start_event,
    AGENT: _start_event,
    STEP: _events,
    TRANSFORM: _nodes,
}


def capture_embedding(instance: object, arguments: Mapping[str, Any], operation: OpenOperation) -> None:
    """Capture what is embedded, and by which model."""
    snapshots = operation.snapshots
    own = attributes_of(instance)
    texts = first(arguments, "texts", "text", "queries", "query", "prompt")
    snapshots["model"] = first_text(own, ("model_name", "model", "model_id", "deployment_name"))
    snapshots["provider"] = provider_of(instance)
    snapshots["parameters"] = {name: own[name] for name in _EMBEDDING_PARAMETERS if isinstance(own.get(name), int)}
    snapshots["count"] = len(texts) if isinstance(texts, (list, tuple)) else 1
    if operation.capture:
        snapshots["texts"] = capture(list(texts) if isinstance(texts, (list, tuple)) else [texts], operation)


def capture_reranking(instance: object, arguments: Mapping[str, Any], operation: OpenOperation) -> None:
    """Capture which nodes are put into a new order, and for what query."""
    snapshots = operation.snapshots
    own = attributes_of(instance)
    top = own.get("top_n", own.get("top_k"))
    snapshots["top_k"] = top if type(top) is int else None
    snapshots["model"] = first_text(own, ("model", "model_name"))
    if operation.capture:
        snapshots["query"] = capture(arguments.get("query_bundle") or arguments.get("query_str"), operation)
        nodes = first(arguments, "nodes")
        snapshots["documents"] = capture(list(nodes) if isinstance(nodes, (list, tuple)) else None, operation)


def capture_result(role: str, result: Any, operation: OpenOperation, *, vectors: bool) -> None:
    """Capture what a call returned."""
    if role == EMBEDDING:
        _capture_vectors(result, operation, vectors)
    elif result is None or not operation.capture:
        return
    elif role == TRANSFORM:
        operation.snapshots["output"] = {"nodes": len(result)} if hasattr(result, "__len__") else None
    elif role in (RETRIEVAL, RERANKING):
        operation.snapshots["output"] = capture(
            list(result) if isinstance(result, (list, tuple)) else result, operation
        )
    else:
        operation.snapshots["output"] = capture(answer_in(result) if role in RUNS else result, operation)


def _capture_vectors(result: Any, operation: OpenOperation, wanted: bool) -> None:
    many = isinstance(result, list) and bool(result) and isinstance(result[0], (list, dict))
    listed = result if many else [result]
    if isinstance(listed[0], list):
        operation.snapshots["dimensions"] = len(listed[0])
        if wanted and operation.capture:
            operation.snapshots["vectors"] = tuple(tuple(vector) for vector in listed)
            operation.size += sum(map(len, listed)) * 8
