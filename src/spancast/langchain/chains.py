"""Captures what a chain, graph, node or prompt is given and makes; called in the callback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..capture.endings import ABANDONED
from ..capture.evaluations import judgement_of
from ..record.operation import AGENT, CHAIN, DECISION, EVALUATOR, LLM, NOTHING, PROMPT, Kind
from ..recording.captured import Translate
from ..recording.open_operation import OpenOperation
from ..recording.recorder import Recorder
from . import translate
from .agents import kind_of_hook
from .content import capture
from .evaluators import EVALUATORS, result_in
from .metadata import prompt_identity
from .prompts import name_of, note_prompt_value, variables_of
from .tools import show_uncalled

CALLING_NODES = frozenset({"model", "tools"})  # the nodes of `create_agent` whose calls a middleware's hooks wrap


def kind_of_chain(name: str, run_type: str | None, metadata: Mapping[str, Any] | None) -> tuple[Kind, Translate]:
    """Return what a run is that LangChain reports as a chain, and what translates it."""
    if run_type == "llm":  # a decision model (langchain-core 1.8)
        return DECISION, translate.decision
    if run_type == "prompt":
        return PROMPT, translate.chain
    if name in EVALUATORS:
        return EVALUATOR, translate.evaluation
    if "." in name and metadata and metadata.get("langgraph_node") == name:  # a middleware's `before_` or `after_` hook
        return kind_of_hook(name), translate.chain
    return CHAIN, translate.chain


def capture_chain_start(
    operation: OpenOperation,
    inputs: Any,
    run_type: str | None,
    metadata: Mapping[str, Any] | None,
    serialized: Mapping[str, Any] | None = None,
) -> None:
    """Capture a chain's input. A prompt's text, variables and identity go to the model call that comes next."""
    parent = operation.parent
    if metadata and parent is not None and "langgraph_step" in metadata:
        _note_step(operation, parent, metadata)
    if run_type == "prompt" and parent is not None:
        name = (metadata or NOTHING).get("prompt_name") or name_of(serialized)
        identity = (prompt_identity(metadata) if metadata else None) or ({"prompt": {"name": name}} if name else None)
        if identity:
            parent.snapshots["prompt"] = identity
    if not operation.capture or inputs is None:
        return
    operation.snapshots["input"] = captured = capture(inputs, operation)
    if parent is None:
        return
    if parent.kind is AGENT:
        parent.snapshots.setdefault("began_with", captured)  # its first node: what an earlier turn said is in there
    if run_type == "prompt":
        known = variables_of(serialized, inputs)
        parent.snapshots["variables"] = captured if known is inputs else capture(known, operation)
        if serialized:  # read by the encoder: LangChain makes it once for each template, and nobody changes it
            parent.snapshots["template"] = serialized


def _note_step(operation: OpenOperation, parent: OpenOperation, metadata: Mapping[str, Any]) -> None:
    """Note which node of the step before led to this one: LangGraph names the step of each, and no edge.

    And which attempt of its task a node is: a retry policy runs it again beneath the same graph, as the same task.
    """
    step = metadata["langgraph_step"]
    if type(step) is not int or metadata.get("langgraph_node") != operation.name:
        return
    shared = parent.snapshots
    steps: dict[int, str] | None = shared.get("steps")
    if steps is None:
        shared.setdefault("attempts", {})
        steps = shared.setdefault("steps", {})
    if step not in steps:
        steps.setdefault(step, operation.name)
        if step - 2 in steps:
            steps.pop(step - 2, None)
    task = metadata.get("langgraph_checkpoint_ns")
    if type(task) is str:
        attempts: dict[str, int] = shared["attempts"]
        if task in attempts:
            operation.snapshots["attempt"] = attempts[task] = attempts[task] + 1
        else:
            attempts[task] = 1
            if len(attempts) > _MAX_TASKS:
                attempts.pop(next(iter(attempts)), None)
    led_by = steps.get(step - 1)
    if led_by is not None:
        operation.snapshots["led_by"] = led_by


def skip_step(parent: OpenOperation | None, metadata: Mapping[str, Any]) -> None:
    """Let the step after a node that is left out be led to by the node before it."""
    step = metadata.get("langgraph_step")
    steps: dict[int, str] | None = parent.snapshots.get("steps") if parent is not None else None
    if steps and type(step) is int and (led_by := steps.get(step - 1)) is not None:
        steps.setdefault(step, led_by)


_MAX_TASKS = 256  # of one graph, the newest, whose attempts are counted


def capture_chain_end(
    recorder: Recorder, operation: OpenOperation, outputs: Any, inputs: Any
) -> tuple[None, str | None] | None:
    """Capture a chain's output; and its input where it was a stream, whose true input is known only at its end."""
    if operation.kind is PROMPT and operation.parent is not None:
        note_prompt_value(operation.parent, outputs)
    if operation.capture:
        if outputs is not None:
            operation.snapshots["output"] = capture(outputs, operation)
        if inputs is not None:
            operation.snapshots["input"] = capture(inputs, operation)
    if operation.kind is EVALUATOR and isinstance(outputs, Mapping):
        operation.snapshots["judgement"] = judgement_of(operation.name, result_in(outputs), content=operation.capture)
    if outputs is not None and operation.mapping and "langgraph_node" in operation.mapping:
        show_uncalled(recorder, operation, outputs)
    # a synchronous stream that its consumer closed early is reported as finished, while its model is still open
    return (None, ABANDONED) if outputs is None and _has_open_model(operation) else None


def capture_chain_error(recorder: Recorder, operation: OpenOperation, error: BaseException, inputs: Any) -> None:
    """Capture what a chain that failed or was stopped leaves: a node that hands over to a graph above has its `Command`.

    LangGraph passes that upwards as an exception. Of an agent it is the update: its conversation until then.
    """
    command = _command_in(error)
    if command is not None and operation.kind is AGENT and getattr(command, "update", None):
        command = command.update
    capture_chain_end(recorder, operation, command, inputs)


def _command_in(error: BaseException) -> Any:
    kind = type(error)
    return error.args[0] if kind.__name__ == "ParentCommand" and kind.__module__ == "langgraph.errors" else None


def _has_open_model(operation: OpenOperation) -> bool:
    return any(child.kind is LLM for child in list(operation.children or ()))
