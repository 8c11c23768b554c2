"""Captures what a chain, graph, node or prompt is given and makes; called in the callback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..record.operation import AGENT, LLM
from ..recording.open_operation import OpenOperation
from ..recording.recorder import Recorder
from .content import capture
from .metadata import prompt_identity
from .tools import show_uncalled


def capture_chain_start(
    operation: OpenOperation, inputs: Any, run_type: str | None, metadata: Mapping[str, Any] | None
) -> None:
    """Capture a chain's input. A prompt's variables and identity go to the model call that comes next."""
    parent = operation.parent
    if run_type == "prompt" and parent is not None and metadata and (identity := prompt_identity(metadata)):
        parent.snapshots["prompt"] = identity
    if not operation.capture or inputs is None:
        return
    operation.snapshots["input"] = captured = capture(inputs, operation)
    if parent is None:
        return
    if parent.kind is AGENT:
        parent.snapshots.setdefault("began_with", captured)  # its first node: what an earlier turn said is in there
    if run_type == "prompt":
        parent.snapshots["variables"] = captured


def capture_chain_end(
    recorder: Recorder, operation: OpenOperation, outputs: Any, inputs: Any
) -> tuple[None, str | None] | None:
    """Capture a chain's output; and its input where it was a stream, whose true input is known only at its end."""
    if operation.capture:
        if outputs is not None:
            operation.snapshots["output"] = capture(outputs, operation)
        if inputs is not None:
            operation.snapshots["input"] = capture(inputs, operation)
    if outputs is not None and operation.mapping and "langgraph_node" in operation.mapping:
        show_uncalled(recorder, operation, outputs)
    # a synchronous stream that its consumer closed early is reported as finished, while its model is still open
    return (None, "abandoned") if outputs is None and _has_open_model(operation) else None


def _has_open_model(operation: OpenOperation) -> bool:
    return any(child.kind is LLM for child in list(operation.children or ()))
