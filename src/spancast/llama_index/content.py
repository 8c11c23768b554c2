"""What is held of a call in the callback, by what the call is; translated later, in translate.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from workflows.context import Context
from workflows.events import Event, StartEvent

from ..record.json import PLAIN_ONLY
from ..recording.open_operation import OpenOperation
from . import classify
from .messages import hold

# Request parameters of a model, wherever its integration keeps them: on the instance or in the call's arguments.
_PARAMETERS = (
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
_MODELS = ("model", "model_name", "model_id", "deployment_name", "engine")
_EMBEDDING_PARAMETERS = ("dimensions", "embed_batch_size")


def attributes_of(instance: object) -> Mapping[str, Any]:
    """Return what stands on the instance itself: no property and no `__getattr__` of the user's is run."""
    try:
        return object.__getattribute__(instance, "__dict__")  # type: ignore[no-any-return]
    except AttributeError:
        return {}


def first(arguments: Mapping[str, Any], *names: str) -> Any:
    """Return the argument of one of these names, else the first: whoever overrides a method may rename its arguments.

    LlamaIndex's own decorators take `*args, **kwargs`: then the names stand in `kwargs`, or the first in `args`.
    """
    further = arguments.get("kwargs")
    for place in (arguments, further if isinstance(further, dict) else {}):
        for name in names:
            if name in place:
                return place[name]
    named = [value for name, value in arguments.items() if name not in ("kwargs", "args")]
    return next(iter((*named, *(arguments.get("args") or ()))), None)


def hold_start(
    role: str, instance: object, method: str, arguments: Mapping[str, Any], operation: OpenOperation
) -> None:
    """Hold what a call was given."""
    if role == classify.GENERATION:
        _generation(instance, method, arguments, operation)
    elif role == classify.EMBEDDING:
        _embedding(instance, arguments, operation)
    elif role == classify.TOOL:
        _tool(instance, arguments, operation)
    elif role == classify.RERANKING:
        _reranking(instance, arguments, operation)
    elif operation.capture:
        operation.snapshots["input"] = _input(role, arguments, operation)


def _input(role: str, arguments: Mapping[str, Any], operation: OpenOperation) -> object:
    if role in (classify.QUERY, classify.RETRIEVAL):
        names = ("str_or_query_bundle", "query_bundle", "query", "query_str", "message")
        return hold(first(arguments, *names), operation)
    if role in (classify.RUN, classify.AGENT):
        return hold_start_event(arguments.get("start_event"), operation)
    if role == classify.STEP:
        events = {name: value for name, value in arguments.items() if not isinstance(value, Context)}
        single = next(iter(events.values()), None) if len(events) == 1 else None
        return hold(single if isinstance(single, Event) else events, operation)
    if role == classify.TRANSFORM:
        nodes = first(arguments, "nodes")
        return hold({"nodes": len(nodes)} if hasattr(nodes, "__len__") else None, operation)
    return hold(_plain_arguments(arguments), operation)


def hold_start_event(event: Any, operation: OpenOperation) -> object:
    """Hold what a workflow was started with; of an agent's the message and the history, as a conversation."""
    if not isinstance(event, StartEvent):
        return hold(event, operation)
    asked = event.get("user_msg")
    history = event.get("chat_history")
    if asked is None and not history:
        return hold(event, operation)
    turns = [*(history or ()), *([asked] if asked is not None else [])]
    return hold(turns if len(turns) > 1 else turns[0], operation)


def _plain_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call's arguments by name, keywords among them, without what the framework passes along."""
    named = {name: value for name, value in arguments.items() if name not in ("kwargs", "args")}
    further = arguments.get("kwargs")
    if isinstance(further, dict):
        named.update(further)
    if arguments.get("args"):
        named["args"] = list(arguments["args"])
    return {name: value for name, value in named.items() if not isinstance(value, Context)}


# ---------------------------------------------------------------- models
def _generation(instance: object, method: str, arguments: Mapping[str, Any], operation: OpenOperation) -> None:
    held = operation.snapshots
    given = attributes_of(instance)
    said = arguments.get("kwargs")
    further: Mapping[str, Any] = said if isinstance(said, dict) else {}
    held["operation"] = "chat" if method.endswith("chat") else "text_completion"
    held["streams"] = "stream" in method
    held["model"] = _first_text(further, _MODELS) or _first_text(given, _MODELS)
    held["provider"] = provider_of(instance)
    parameters = {
        name: value
        for name in _PARAMETERS
        if (value := further.get(name, given.get(name))) is not None and value != [] and not callable(value)
    }
    if not operation.capture:
        parameters = {name: value for name, value in parameters.items() if isinstance(value, (bool, int, float))}
    held["parameters"] = hold(parameters, operation)
    if operation.capture:
        asked = first(arguments, "messages", "prompt")
        held["messages"] = hold(list(asked) if isinstance(asked, (list, tuple)) else asked, operation)
        held["tools"] = _hold_tools(further.get("tools") or further.get("functions"), operation)


def _hold_tools(tools: Any, operation: OpenOperation) -> object:
    """Hold a model's tools as JSON text: 0.6 us for two tools, a copy 6.4; what is no plain data as a copy."""
    if not tools:
        return None
    try:
        text = orjson.dumps(tools, option=PLAIN_ONLY)
    except TypeError:  # orjson's own errors among them
        return hold(tools, operation)
    operation.size += len(text)
    return text


def _first_text(values: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        value = values.get(name)
        if isinstance(value, str) and value and value != "unknown":
            return value
    return None


_providers: dict[type, str | None] = {}


def provider_of(instance: object) -> str | None:
    """Return the provider: the integration's package, else the class's own word for itself."""
    kind = type(instance)
    if kind not in _providers and len(_providers) < 4096:
        _providers[kind] = _provider(kind)
    return _providers.get(kind)


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


def model_of(instance: object) -> str | None:
    """Return the model that an instance says it is, when nothing else did; runs the integration's own code."""
    try:
        said = instance.metadata.model_name  # type: ignore[attr-defined]
    except Exception:  # the integration's code, not ours
        return None
    return said if isinstance(said, str) and said and said != "unknown" else None


def hold_template(arguments: Mapping[str, Any], operation: OpenOperation) -> tuple[object, object]:
    """Hold a prompt template and its variables, as `predict` got them, those filled in before among them."""
    template = arguments.get("prompt")
    given = arguments.get("prompt_args")
    data = attributes_of(template)
    default = data.get("default_template")  # a selector holds one template for chat models and one for the others
    if default is not None:
        data = attributes_of(default)
    names = data.get("template_vars") or getattr(template, "template_vars", None) or ()
    values = {**(data.get("kwargs") or {}), **(given if isinstance(given, dict) else {})}
    text = data.get("template")
    chosen = {name: value for name, value in values.items() if name in names}
    return hold(text if isinstance(text, str) else data.get("message_templates"), operation), hold(chosen, operation)


# ---------------------------------------------------------------- the others
def _embedding(instance: object, arguments: Mapping[str, Any], operation: OpenOperation) -> None:
    held = operation.snapshots
    given = attributes_of(instance)
    texts = first(arguments, "texts", "text", "queries", "query", "prompt")
    held["model"] = _first_text(given, ("model_name", "model", "model_id", "deployment_name"))
    held["provider"] = provider_of(instance)
    chosen = {name: given[name] for name in _EMBEDDING_PARAMETERS if isinstance(given.get(name), int)}
    held["parameters"] = chosen
    held["count"] = len(texts) if isinstance(texts, (list, tuple)) else 1
    if operation.capture:
        held["texts"] = hold(list(texts) if isinstance(texts, (list, tuple)) else [texts], operation)


def _tool(instance: object, arguments: Mapping[str, Any], operation: OpenOperation) -> None:
    name, description = tool_words(instance)
    operation.name = name or operation.name
    if operation.capture:
        operation.snapshots["description"] = description
        operation.snapshots["input"] = hold(_tool_arguments(arguments), operation)


def tool_words(tool: object) -> tuple[str | None, str | None]:
    """Return a tool's name and description, which its own code may have to make."""
    try:
        metadata: Any = tool.metadata  # type: ignore[attr-defined]
        name, description = metadata.name, metadata.description
    except Exception:  # the user's code, not ours
        return None, None
    return (name if isinstance(name, str) else None), (description if isinstance(description, str) else None)


def _tool_arguments(arguments: Mapping[str, Any]) -> object:
    plain = _plain_arguments(arguments)
    return plain["args"][0] if list(plain) == ["args"] and len(plain["args"]) == 1 else plain


def _reranking(instance: object, arguments: Mapping[str, Any], operation: OpenOperation) -> None:
    held = operation.snapshots
    given = attributes_of(instance)
    top = given.get("top_n", given.get("top_k"))
    held["top_k"] = top if type(top) is int else None
    held["model"] = _first_text(given, ("model", "model_name"))
    if operation.capture:
        held["query"] = hold(arguments.get("query_bundle") or arguments.get("query_str"), operation)
        nodes = first(arguments, "nodes")
        held["documents"] = hold(list(nodes) if isinstance(nodes, (list, tuple)) else None, operation)


def hold_end(role: str, result: Any, operation: OpenOperation, *, vectors: bool) -> None:
    """Hold what a call came to."""
    if role == classify.EMBEDDING:
        _vectors(result, operation, vectors)
    elif result is None or not operation.capture:
        return
    elif role == classify.TRANSFORM:
        operation.snapshots["output"] = {"nodes": len(result)} if hasattr(result, "__len__") else None
    elif role in (classify.RETRIEVAL, classify.RERANKING):
        operation.snapshots["output"] = hold(list(result) if isinstance(result, (list, tuple)) else result, operation)
    else:
        operation.snapshots["output"] = hold(result, operation)


def _vectors(result: Any, operation: OpenOperation, wanted: bool) -> None:
    many = isinstance(result, list) and bool(result) and isinstance(result[0], (list, dict))
    listed = result if many else [result]
    if isinstance(listed[0], list):
        operation.snapshots["dimensions"] = len(listed[0])
        if wanted and operation.capture:
            operation.snapshots["vectors"] = tuple(tuple(vector) for vector in listed)
            operation.size += sum(map(len, listed)) * 8
