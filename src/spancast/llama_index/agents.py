"""Agents: the members of a workflow of several, and what their steps say of answers and tools."""

from __future__ import annotations

from typing import Any

from ..record.operation import Kind
from ..recording.current import Attachment
from ..recording.open_operation import OpenOperation
from . import workflow
from .calls import Call, Member
from .content import capture
from .instances import attributes_of
from .tools import failure_in
from .translate import agent, tool

TELLING_STEPS = frozenset({"run_agent_step", "call_tool"})  # of whose ends something is captured
ORIGIN = object()  # the adapter's mark on the operations that it opens


def name_of(instance: object) -> str:
    """Return an agent's own name, else its class's."""
    name = attributes_of(instance).get("name")
    return name if isinstance(name, str) and name else type(instance).__name__


def agent_around(parent: OpenOperation | None) -> str | None:
    """Return the name of the agent that what begins beneath *parent* belongs to."""
    if parent is None:
        return None
    name = parent.snapshots.get("agent") or parent.snapshots.get("within")
    return name if isinstance(name, str) else None


# ---------------------------------------------------------------- several agents in one run
def member_at_work(run: Call, event: Any) -> OpenOperation | None:
    """Return the operation of the agent that a step of several agents belongs to; a new name is a hand-over."""
    name = workflow.field(event, "current_agent_name")
    member = run.progress.member
    if isinstance(name, str) and run.operation is not None and (member is None or member.name != name):
        end_member(run)
        operation = run.recorder.open(
            (run.id, name, id(event)),
            Kind.AGENT,
            name,
            parent=run.operation,
            mapping=run.operation.mapping,
            origin=ORIGIN,
            translate=agent,
            current=False,
        )
        operation.snapshots["agent"] = name
        if operation.capture:
            operation.snapshots["input"] = capture(workflow.field(event, "input"), operation)
        member = run.progress.member = Member(name, operation)
    return member.operation if member is not None else run.operation


def end_member(run: Call, error: BaseException | None = None, ending: str | None = None) -> None:
    """End the agent that is at work in a run of several."""
    member, run.progress.member = run.progress.member, None
    if member is not None:
        run.recorder.close(member.operation, error=error, ending=ending, keep_children=True)


def enter_step(step: Call, run: Call) -> None:
    """Let a step of several agents, which has no operation of its own, stand for the agent that is at work."""
    operation = member_at_work(run, step.progress.event)
    step.operation = operation
    if operation is not None and operation is not run.operation:
        step.progress.attachment = Attachment(operation)


# ---------------------------------------------------------------- what a step returned
def end_step(step: Call, operation: OpenOperation, result: Any) -> None:
    """Keep an agent's answer; and show a tool that could not even be called, such as one that does not exist."""
    run = step.outer
    if run is None:
        return
    member = run.progress.member
    if member is not None and step.method == "run_agent_step" and member.operation.capture:
        member.operation.snapshots["output"] = capture(workflow.answer_in(result), member.operation)
    if step.method != "call_tool" or step.has_visible_children or result is None:
        return
    output = workflow.field(result, "tool_output")
    failure = failure_in(output)
    if failure is not None:
        _record_tool(step, operation, output, failure)


def _record_tool(step: Call, operation: OpenOperation, output: Any, failure: BaseException) -> None:
    event = step.progress.event
    made = step.recorder.open(
        (step.id, "tool"),
        Kind.TOOL,
        str(workflow.field(event, "tool_name")),
        parent=operation,
        origin=ORIGIN,
        translate=tool,
        current=False,
    )
    made.snapshots["within"] = agent_around(operation)
    made.snapshots["undeclared"] = True  # the name is the model's: no tool of the program's was found
    made.snapshots["call_id"] = workflow.field(event, "tool_id")
    if made.capture:
        made.snapshots["input"] = capture(workflow.field(event, "tool_kwargs"), made)
        made.snapshots["output"] = capture(output, made)
    step.recorder.close(made, error=failure)
