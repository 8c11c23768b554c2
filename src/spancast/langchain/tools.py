"""A tool's call and its result: whether it failed, and why, in each form that LangChain and LangGraph give it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any

from langchain_core.messages import AIMessage, ToolMessage

from ..capture.class_cache import ClassCache
from ..capture.errors import ToolError, tool_error
from ..capture.lookup import fields_of
from ..capture.mcp import carry_trace, clients_loaded, is_mcp, transport_of
from ..capture.shapes import module_of, plain_name
from ..record.operation import NOTHING, Kind
from ..recording.open_operation import OpenOperation
from ..recording.recorder import Recorder
from . import translate
from .agents import INTEGRATIONS, MODEL_NODE
from .content import capture
from .messages import MessageCopies, MessageSnapshot, fields_in

_MAX_MESSAGES = 64  # of one result that are looked at
_INVALID_TOOL = "invalid_tool"  # what langchain-classic's executor calls where the model asked for no tool that exists


def capture_tool(
    operation: OpenOperation, call_id: str | None, described: Mapping[str, Any] | None, arguments: Any
) -> None:
    """Capture a tool's call."""
    operation.snapshots["call_id"] = call_id
    if clients_loaded() and (function := _function_called()) is not None and is_mcp(function):
        operation.snapshots["mcp"] = transport_of(function)
        carry_trace()
    node = operation.parent
    while node is not None and node.translate is translate.hook:  # a middleware's, around the call
        node = node.parent
    if call_id is not None and node is not None and node.mapping and "langgraph_node" in node.mapping:
        node.snapshots.setdefault("called", set()).add(call_id)  # see `show_uncalled`
    if operation.capture:
        operation.snapshots["description"] = described.get("description") if described else None
        operation.snapshots["input"] = capture(arguments, operation)


_MAX_FRAMES = 16  # from the handler through LangChain's manager to the tool


def _function_called() -> object:
    """Return the function of the tool whose start this is: LangChain's events name a tool, and do not hand it over."""
    from langchain_core.tools import BaseTool  # loaded: one of its methods is running

    run, arun = BaseTool.run.__code__, BaseTool.arun.__code__
    frame: FrameType | None = sys._getframe(1)
    for _ in range(_MAX_FRAMES):
        if frame is None:
            return None
        code = frame.f_code
        if code is run or code is arun:  # by identity: a code's hash goes through all of it
            return fields_of(frame.f_locals.get("self")).get("coroutine")
        frame = frame.f_back
    return None


def capture_result(
    recorder: Recorder, operation: OpenOperation, output: Any, _: object = None
) -> tuple[BaseException | None, str | None]:
    """Capture a tool's result, and return the error that it stands for."""
    failed = _error_in(output, operation.snapshots.get("call_id"))
    if failed is None and operation.name == _INVALID_TOOL:
        failed = tool_error(output)
    is_message = type(output) is ToolMessage or _is_tool_message(type(output))
    if is_message and operation.snapshots.get("call_id") is None:  # of an answer to a call that was not handed over
        operation.snapshots["call_id"] = output.tool_call_id
    if operation.capture:
        operation.snapshots["output"] = capture(output.content if is_message else output, operation)
        if is_message and output.artifact is not None:
            operation.snapshots["artifact"] = capture(output.artifact, operation)
    return failed, None


def _error_in(output: object, call_id: str | None) -> ToolError | None:
    """Return the error that a result stands for: a tool message with status `error`.

    It stands alone, in a list, or in the update of a `Command`, where *call_id* tells the tool's own from others.
    """
    if type(output) is ToolMessage:  # most: half of the steps
        return tool_error(output.content) if output.status == "error" else None
    for message in _messages_of(output):
        if message.status == "error" and (message is output or call_id in (None, message.tool_call_id)):
            return tool_error(message.content)
    return None


def _messages_of(output: object) -> list[ToolMessage]:
    """Return the tool messages in what a tool or a node made: a message, a state, a command, or a list of those."""
    kind = type(output)
    if kind is list or kind is tuple:
        found = []
        for item in output[:_MAX_MESSAGES]:  # type: ignore[index]
            if type(item) is not list and type(item) is not tuple:
                found += _messages_of(item)
        return found
    state = output
    if kind is not dict:
        if kind is ToolMessage or _is_tool_message(kind):
            return [output]  # type: ignore[list-item]
        if plain_name(kind) != "Command" or module_of(kind) != "langgraph.types":
            return []
        state = getattr(output, "update", None)
    messages = state.get("messages") if type(state) is dict else state  # or the list itself
    kind = type(messages)
    if kind is not list:
        return [messages] if kind is ToolMessage or _is_tool_message(kind) else []  # type: ignore[list-item]
    return [
        item
        for item in messages[-_MAX_MESSAGES:]  # type: ignore[index]
        if type(item) is ToolMessage or (type(item) is not AIMessage and _is_tool_message(type(item)))
    ]


# an abstract base class's `issubclass` costs 1.5 thousand instructions
_is_tool_message = ClassCache(lambda kind: issubclass(kind, ToolMessage)).get


# ---------------------------------------------------------------- tools that were not called
def show_uncalled(recorder: Recorder, node: OpenOperation, outputs: object) -> None:
    """Open and close a failed tool for each call that a tool node answered with an error without calling anything.

    A model that asks for a tool that does not exist gets such an answer, and LangChain sends no event of it.
    """
    mapping, name = node.mapping or NOTHING, node.name
    if name == MODEL_NODE and mapping.get("ls_integration") in INTEGRATIONS:  # the most frequent one: it calls no tools
        return
    if mapping.get("langgraph_node") != name or "." in name:  # a middleware's hook
        return
    called = node.snapshots.pop("called", ())
    for message in _messages_of(outputs):
        if message.status != "error" or message.tool_call_id in called:
            continue
        name = message.name or "tool"
        operation = recorder.open(
            (node.key, message.tool_call_id),
            Kind.TOOL,
            name,
            node,
            node.mapping,
            origin=node.origin,
            translate=translate.tool,
        )
        operation.snapshots["call_id"] = message.tool_call_id
        operation.snapshots["undeclared"] = True  # the name is the model's: no tool of the program's was called
        if operation.capture:
            operation.snapshots["input"] = _arguments_of(node.snapshots.get("input"), message.tool_call_id)
            operation.snapshots["output"] = capture(message.content, operation)
        recorder.close(operation, error=tool_error(message.content))


def _arguments_of(captured: object, call_id: str) -> Any:
    """Return the arguments of a call from what was captured of its node's input: the call, a list of calls, or a state."""
    if type(captured) is dict:
        state = captured.get("messages")
        last = state[-1] if type(state) in (list, MessageCopies) and state else None
        calls: Any = [captured.get("tool_call"), *_calls_in(last)]
    else:
        calls = captured[:_MAX_MESSAGES] if type(captured) is list else ()
    for call in calls:
        if type(call) is dict and call.get("id") == call_id:
            return call.get("args")
    return None


def _calls_in(message: object) -> list[Any]:
    calls = fields_in(message).get("tool_calls") if isinstance(message, (MessageSnapshot, dict)) else None
    return calls[:_MAX_MESSAGES] if type(calls) is list else []
