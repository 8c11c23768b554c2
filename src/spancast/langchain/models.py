"""Captures a model call: what it was asked, with which parameters, and its answer; called in the callback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..capture.endpoint import address_in
from ..capture.snapshot import Snapshot
from ..record.parameters import CONTENT_FREE
from ..recording.nested import note_inner
from ..recording.open_operation import OpenOperation
from ..recording.recorder import Recorder
from .content import capture, capture_parameters
from .messages import SHAPES, copy_messages
from .outcome import hold_answer
from .prompts import PROMPT_FACTS, adopt_prompt

# What is captured of a model's parameters when no destination may see content.
_WITHOUT_CONTENT = CONTENT_FREE | {"_type", "model_id"}


def capture_call(
    operation: OpenOperation, parameters: Mapping[str, Any] | None, serialized: Mapping[str, Any] | None
) -> None:
    """Capture the parameters, and take over what the prompt before this call said about itself."""
    parent = operation.parent
    if parent is not None:
        for name in PROMPT_FACTS:
            if name in parent.snapshots:
                operation.snapshots[name] = parent.snapshots.pop(name)
    settings = serialized.get("kwargs") if serialized else None
    if type(settings) is dict and (address := address_in(settings)) is not None:
        operation.snapshots["address"] = address
    if type(settings) is dict and (stop := settings.get("stop_sequences") or settings.get("stop")):
        if not parameters or not (parameters.get("stop") or parameters.get("stop_sequences")):
            parameters = {**(parameters or {}), "stop": stop}  # of the model's own, which a call does not repeat
    if parameters:
        if not operation.capture:
            parameters = {key: value for key, value in parameters.items() if key in _WITHOUT_CONTENT}
        operation.snapshots["parameters"] = capture_parameters(parameters, operation)


def capture_chat(
    operation: OpenOperation, messages: Sequence[Sequence[Any]], options: Mapping[str, Any] | None
) -> None:
    """Capture a chat model's input, and the schema that its answer is to follow."""
    if "template" not in operation.snapshots and operation.parent is not None and messages[0]:
        adopt_prompt(operation, messages[0][-1])
    if not operation.capture:
        return
    asked = options.get("ls_structured_output_format") if options else None
    if asked:
        operation.snapshots["answer_schema"] = capture(asked, operation)
    operation.snapshots["messages"], size = copy_messages(messages[0])
    operation.size += size


def capture_prompts(operation: OpenOperation, prompts: Sequence[str]) -> None:
    """Capture a completion model's input."""
    operation.snapshots["operation"] = "text_completion"
    if "template" not in operation.snapshots and operation.parent is not None and prompts:
        adopt_prompt(operation, prompts[0])
    if operation.capture:
        snapshot = Snapshot(SHAPES)
        operation.snapshots["prompts"] = [snapshot.capture(prompt) for prompt in prompts]
        operation.size += snapshot.size


def capture_answer(recorder: Recorder, operation: OpenOperation, response: Any, _: object = None) -> None:
    """Capture a model's answer, or what there is of it."""
    if not operation.sampled or response is None:
        return
    answer, size = hold_answer(response, operation.capture)
    operation.snapshots["answer"] = answer
    operation.size += size
    if operation.parent is not None:
        note_inner(operation, answer)
