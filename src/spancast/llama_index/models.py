"""What is captured of a model's call: which model, its parameters, what it was asked, what it answered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson
from llama_index.core.base.llms.types import CompletionResponse

from ..capture.class_cache import ClassCache
from ..capture.endpoint import address_in
from ..capture.small import MOST_MESSAGES
from ..record.json import PLAIN_ONLY
from ..recording.nested import note_inner
from ..recording.open_operation import OpenOperation
from .calls import Call
from .content import capture
from .instances import attributes_of, first, first_text
from .outcome import hold_answer, snapshot
from .small import copy_conversation

# Request parameters of a model, wherever its integration keeps them: on the instance or in the call's arguments.
_PARAMETERS = frozenset(
    (
        "best_of",
        "frequency_penalty",
        "logprobs",
        "max_completion_tokens",
        "max_new_tokens",
        "max_output_tokens",
        "max_tokens",
        "min_p",
        "n",
        "num_predict",
        "parallel_tool_calls",
        "presence_penalty",
        "reasoning_effort",
        "repetition_penalty",
        "response_format",
        "seed",
        "stop",
        "stop_sequences",
        "temperature",
        "tool_choice",
        "top_k",
        "top_p",
        "verbosity",
    )
)
_MODELS = ("model", "model_name", "model_id", "deployment_name", "engine")
_MODEL_NAMES = frozenset(_MODELS)


def capture_generation(instance: object, method: str, arguments: Mapping[str, Any], operation: OpenOperation) -> None:
    """Capture what a model was asked, and with which parameters."""
    snapshots = operation.snapshots
    own = attributes_of(instance)
    keywords = arguments.get("kwargs")
    further: Mapping[str, Any] = keywords if isinstance(keywords, dict) else {}
    snapshots["operation"] = "chat" if method.endswith("chat") else "text_completion"
    snapshots["streams"] = "stream" in method
    snapshots["model"] = _model_in(further) or _model_in(own)
    snapshots["provider"] = provider_of(instance)
    if (address := address_in(own)) is not None:
        snapshots["address"] = address
    snapshots["parameters"] = _parameters(own, further, operation)
    if operation.capture:
        asked = first(arguments, "messages", "prompt")
        snapshots["messages"] = _capture_asked(asked, operation)
        snapshots["tools"] = _capture_tools(further.get("tools") or further.get("functions"), operation)


def _model_in(values: Mapping[str, Any]) -> str | None:
    return None if _MODEL_NAMES.isdisjoint(values) else first_text(values, _MODELS)


def _parameters(own: Mapping[str, Any], further: Mapping[str, Any], operation: OpenOperation) -> object:
    """Capture the request parameters that are set; which are there is found in two calls, not one for each of them."""
    names = _PARAMETERS.intersection(own).union(_PARAMETERS.intersection(further))
    if not names:
        return {}
    parameters = {
        name: value
        for name in sorted(names)
        if (value := further.get(name, own.get(name))) is not None and value != [] and not callable(value)
    }
    if not operation.capture:
        parameters = {name: value for name, value in parameters.items() if isinstance(value, (bool, int, float))}
    return capture(parameters, operation)


def _capture_asked(asked: Any, operation: OpenOperation) -> object:
    if not isinstance(asked, (list, tuple)):
        return capture(asked, operation)
    messages = list(asked)
    if len(messages) > MOST_MESSAGES:
        return capture(messages, operation)
    copied, size = copy_conversation(messages)
    operation.size += size
    return copied


def _capture_tools(tools: Any, operation: OpenOperation) -> object:
    """Return a model's tools as JSON text: 0.6 us for two tools, a copy 6.4; what is no plain data as a copy."""
    if not tools:
        return None
    try:
        text = orjson.dumps(tools, option=PLAIN_ONLY)
    except TypeError:  # orjson's own errors among them
        return capture(tools, operation)
    operation.size += len(text)
    return text


def provider_of(instance: object) -> str | None:
    """Return the provider: the integration's package, else the class's own word for itself."""
    return _provider_of(type(instance))


def _provider(kind: type) -> str | None:
    for base in kind.__mro__:
        parts = base.__module__.split(".")
        if parts[0] == "llama_index" and len(parts) > 2 and parts[1] in ("llms", "embeddings", "multi_modal_llms"):
            return parts[2]
    name = kind.__name__
    for ending in ("_llm", "llm", "embedding"):
        if name.lower().endswith(ending):
            name = name[: -len(ending)]
    return name.lower() or None


_provider_of = ClassCache(_provider).get


def model_of(instance: object) -> str | None:
    """Return the model that an instance says it is, when nothing else did; runs the integration's own code."""
    try:
        name = instance.metadata.model_name  # type: ignore[attr-defined]
    except Exception:  # the integration's code, not ours
        return None
    return name if isinstance(name, str) and name and name != "unknown" else None


def capture_template(arguments: Mapping[str, Any], operation: OpenOperation) -> tuple[object, object]:
    """Return a prompt template and its variables, as `predict` got them, those filled in before among them."""
    text, variables = _template(arguments)
    return capture(text, operation), capture(variables, operation)


def _template(arguments: Mapping[str, Any]) -> tuple[object, dict[str, Any]]:
    template = arguments.get("prompt")
    variables = arguments.get("prompt_args")
    data = attributes_of(template)
    default = data.get("default_template")  # a selector holds one template for chat models and one for the others
    if default is not None:
        data = attributes_of(default)
    names = data.get("template_vars") or getattr(template, "template_vars", None) or ()
    values = {**(data.get("kwargs") or {}), **(variables if isinstance(variables, dict) else {})}
    text = data.get("template")
    chosen = {name: value for name, value in values.items() if name in names}
    return text if isinstance(text, str) else data.get("message_templates"), chosen


def capture_response(call: Call, operation: OpenOperation, response: Any) -> None:
    """Capture a model's answer, with what its chunks said besides the content."""
    counted, call.progress.counted = call.progress.counted, None
    if not operation.sampled:
        return
    copied = snapshot()
    operation.snapshots["answer"] = answer = hold_answer(response, counted, copied, content=operation.capture)
    operation.size += copied.size
    note_inner(operation, answer)
    if operation.snapshots.get("model") is None and call.instance is not None:
        operation.snapshots["model"] = model_of(call.instance)


# ---------------------------------------------------------------- a model that makes its structured answer itself
def capture_own_request(instance: object, method: str, arguments: Mapping[str, Any], operation: OpenOperation) -> None:
    """Capture what a model's own `structured_predict` was asked: its template, filled in, is the message."""
    options = arguments.get("llm_kwargs")
    capture_generation(instance, method, {"kwargs": options if isinstance(options, dict) else {}}, operation)
    operation.snapshots["operation"] = "chat"
    if operation.capture:
        template, variables = _template(arguments)
        operation.snapshots["template"] = capture(template, operation), capture(variables, operation)
        asked = _filled_in(template, variables) if isinstance(template, str) else template
        operation.snapshots["messages"] = capture(asked, operation)


def _filled_in(template: str, variables: Mapping[str, Any]) -> str:
    """Return a template's text with its variables, as far as they are plain: no code of the template's own is run."""

    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        return str(variables[name]) if type(variables.get(name)) in (str, int, float, bool) else found.group(0)

    return re.sub(r"\{(\w+)\}", value, template)


def capture_own_answer(result: Any, operation: OpenOperation) -> None:
    """Capture the object that a model's own `structured_predict` made, as its answer."""
    if operation.capture and operation.sampled and result is not None:
        text = orjson.dumps(capture(result, operation), default=str).decode()
        copied = snapshot()
        operation.snapshots["answer"] = hold_answer(CompletionResponse(text=text), None, copied, content=True)
