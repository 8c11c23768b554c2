"""Reads what a span shows (messages, documents, arguments, results) from its attributes, whatever the convention.

Understood are OpenInference (flat and JSON), the OpenTelemetry GenAI conventions, what OpenRouter's Broadcast writes, and
the older names of OpenLLMetry. The result is plain data in one shape for the terminal, the page and `--json`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

Data = dict[str, Any]
MAX_ITEMS = 2000  # messages, parts or documents that are read of one span
_MAX_INDEX_KEYS = 50_000  # flat attributes that are put together
_DIGIT = re.compile("[0-9]")


def content_of(attributes: Mapping[str, Any], events: Sequence[Mapping[str, Any]] = ()) -> Data:
    """Return what the span shows, as plain data; a key is there only if the span has it.

    Keys: `input_messages`, `output_messages` (each a list of `{"role", "name"?, "parts", "finish_reason"?}`), `input`,
    `output` (text or data), `tools`, `documents`, `input_documents`, `query`, `parameters`, `template`, `variables`,
    `metadata`, `tags`, `call_id`, `description`, `exceptions`.
    """
    nested = _nested(attributes)
    content: Data = {
        **_question_and_answer(attributes, nested),
        "tools": _tools(attributes, nested),
        "documents": _documents(attributes, nested),
        "input_documents": _items(nested, "reranker", "input_documents", "document"),
        "parameters": _parameters(attributes),
        "template": attributes.get("llm.prompt_template.template"),
        "variables": _data(attributes.get("llm.prompt_template.variables")),
        "prompt": _prefixed(attributes, "gen_ai.prompt.") or _prefixed(attributes, "prompt."),
        "metadata": _metadata(attributes),
        "tags": _first(attributes, ("tag.tags", "trace.tags", "langfuse.trace.tags")),
        "call_id": _first(attributes, ("gen_ai.tool.call.id", "tool.id", "tool_call.id")),
        "description": _first(attributes, ("gen_ai.tool.description", "tool.description")),
        "exceptions": [_exception(event) for event in events if event.get("name") == "exception"][:MAX_ITEMS],
        "scores": _scores(attributes, nested, events),
    }
    return _without_empty(content)


def question_and_answer_of(attributes: Mapping[str, Any]) -> Data:
    """Return the part of `content_of` that a list of traces shows; costs a fifth of the whole."""
    return _without_empty(_question_and_answer(attributes, _nested(attributes)))


def _question_and_answer(attributes: Mapping[str, Any], nested: Data) -> Data:
    content: Data = {
        "input_messages": _input_messages(attributes, nested),
        "output_messages": _output_messages(attributes, nested),
        "input": _without_wrapper(_first(attributes, _INPUTS), "inputs"),
        "output": _without_wrapper(_first(attributes, _OUTPUTS), "outputs"),
        "query": _first(attributes, ("gen_ai.retrieval.query.text", "reranker.query")),
    }
    _read_state(content)
    return content


def _without_empty(content: Data) -> Data:
    return {key: value for key, value in content.items() if value not in (None, [], {}, "")}


def _read_state(content: Data) -> None:
    """Show the messages in a graph's state as a conversation: the question, and what the answer has beyond it."""
    if not content["input_messages"]:
        content["input_messages"] = _state_messages(content["input"])
    if not content["output_messages"]:
        asked, answered = len(content["input_messages"]), _state_messages(content["output"])
        content["output_messages"] = answered[asked:] if len(answered) > asked else answered


def _state_messages(state: Any) -> list[Data]:
    messages = state.get("messages") if isinstance(state, dict) else None
    if not isinstance(messages, list):
        return []
    read = []
    for each in messages[:MAX_ITEMS]:
        if isinstance(each, dict):
            fields = _of_langchain(each)
            kind = str(fields.get("type"))
            read.append(_message({**fields, "role": _ROLES.get(kind, fields.get("role"))}))
        elif isinstance(each, list) and len(each) == 2 and all(isinstance(part, str) for part in each):
            read.append(_message({"role": _ROLES.get(each[0], each[0]), "content": each[1]}))
        elif isinstance(each, str):
            read.append(_message({"role": "user", "content": each}))
    return read


def _of_langchain(message: Data) -> Data:
    """Return the fields of a message as LangChain serialises it: `{"lc": 1, "kwargs": ...}`, or `{"type", "data"}`."""
    inner = message.get("kwargs") if "lc" in message else message.get("data")
    return {"type": message.get("type"), **inner} if isinstance(inner, dict) else message


_ROLES = {"human": "user", "ai": "assistant", "AIMessageChunk": "assistant", "system": "system", "tool": "tool"}


_INPUTS = (
    "input.value",
    "gen_ai.tool.call.arguments",
    "span.input",
    "trace.input",
    "traceloop.entity.input",
    "langfuse.observation.input",
)
_OUTPUTS = (
    "output.value",
    "gen_ai.tool.call.result",
    "span.output",
    "trace.output",
    "traceloop.entity.output",
    "langfuse.observation.output",
)


def _first(attributes: Mapping[str, Any], names: Iterable[str]) -> Any:
    for name in names:
        if attributes.get(name) not in (None, ""):
            return _data(attributes[name])
    return None


def _without_wrapper(value: Any, name: str) -> Any:
    """Return what a run had, without what OpenLLMetry writes beside it: its tags, metadata and keywords."""
    is_wrapped = isinstance(value, dict) and name in value and value.keys() <= {name, "tags", "metadata", "kwargs"}
    return value[name] if is_wrapped else value


def _data(value: Any) -> Any:
    """Return JSON in a text as data; every other text, and JSON that is cut, as it is."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return orjson.loads(value)
        except ValueError:
            return value
    return value


def _prefixed(attributes: Mapping[str, Any], prefix: str) -> Data:
    """Return the attributes below *prefix* that have one more name and no number: not those of a flat list."""
    found = {key[len(prefix) :]: value for key, value in attributes.items() if key.startswith(prefix)}
    return {key: value for key, value in found.items() if not key[:1].isdigit()}


def _metadata(attributes: Mapping[str, Any]) -> Data:
    whole = _data(attributes.get("metadata"))
    if isinstance(whole, dict):
        return whole
    for prefix in ("trace.metadata.", "metadata.", "traceloop.association.properties."):
        if found := {key[len(prefix) :]: value for key, value in attributes.items() if key.startswith(prefix)}:
            return found
    return {}


def _parameters(attributes: Mapping[str, Any]) -> Any:
    given = _data(attributes.get("llm.invocation_parameters") or attributes.get("embedding.invocation_parameters"))
    if given:
        return given
    names = _prefixed(attributes, "gen_ai.request.")
    return {key: value for key, value in names.items() if key != "model"}


# ---------------------------------------------------------------- flat lists: `llm.input_messages.0.message.role`
def _nested(attributes: Mapping[str, Any]) -> Data:
    """Return the attributes whose names hold list indices as nested data; in time linear in their number."""
    tree: Data = {}
    for key, value in list(attributes.items())[:_MAX_INDEX_KEYS]:
        if _DIGIT.search(key):
            _put(tree, key.split(".")[:24], value)
    return tree


def _put(tree: Data, names: Sequence[str], value: Any) -> None:
    for name in names[:-1]:
        below = tree.get(name)
        if not isinstance(below, dict):
            below = tree[name] = {}
        tree = below
    tree[names[-1]] = value


def _list(tree: Any) -> list[Any]:
    """Return the values of `{"0": a, "1": b}` in the order of their numbers."""
    if not isinstance(tree, dict):
        return []
    indices = sorted((int(key), key) for key in tree if key.isdigit() and len(key) < 9)
    return [tree[key] for _, key in indices[:MAX_ITEMS]]


def _at(tree: Any, *names: str) -> Any:
    for name in names:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree


def _items(nested: Data, *place: str) -> list[Data]:
    *names, item = place
    return [_document(found) for each in _list(_at(nested, *names)) if isinstance(found := _at(each, item), dict)]


# ---------------------------------------------------------------- messages
def _input_messages(attributes: Mapping[str, Any], nested: Data) -> list[Data]:
    instructions = _parts(_data(attributes.get("gen_ai.system_instructions")))
    system = [{"role": "system", "parts": instructions}] if instructions else []
    given = _data(attributes.get("gen_ai.input.messages"))
    if isinstance(given, list):
        return system + [_message(each) for each in given[:MAX_ITEMS] if isinstance(each, dict)]
    flat = [_flat_message(_at(each, "message")) for each in _list(_at(nested, "llm", "input_messages"))]
    if not flat:
        flat = [_text_message("user", _at(each, "prompt", "text")) for each in _list(_at(nested, "llm", "prompts"))]
    if not flat:
        flat = [_older_message(each) for each in _list(_at(nested, "gen_ai", "prompt"))]
    if not flat:
        flat = _broadcast_messages(_data(attributes.get("gen_ai.prompt")))
    return system + [message for message in flat if message]


def _output_messages(attributes: Mapping[str, Any], nested: Data) -> list[Data]:
    given = _data(attributes.get("gen_ai.output.messages"))
    if isinstance(given, list):
        return [_message(each) for each in given[:MAX_ITEMS] if isinstance(each, dict)]
    flat = [_flat_message(_at(each, "message")) for each in _list(_at(nested, "llm", "output_messages"))]
    if not flat:
        choices = _list(_at(nested, "llm", "choices"))
        flat = [_text_message("assistant", _at(each, "completion", "text")) for each in choices]
    if not flat:
        flat = [_older_message(each) for each in _list(_at(nested, "gen_ai", "completion"))]
    if not flat:
        flat = _broadcast_answer(_data(attributes.get("gen_ai.completion")))
    return [message for message in flat if message]


def _text_message(role: str, text: Any) -> Data | None:
    return {"role": role, "parts": [{"type": "text", "text": str(text)}]} if text else None


def _message(given: Data) -> Data:
    """Read a message of the GenAI conventions, or one in the form of a provider's request."""
    message: Data = {"role": str(given.get("role") or "user")}
    if given.get("name"):
        message["name"] = given["name"]
    parts = _parts(given["parts"] if "parts" in given else given.get("content"))
    thought = given.get("reasoning") or given.get("reasoning_content")
    if isinstance(thought, str) and thought:
        parts.insert(0, {"type": "reasoning", "text": thought})
    calls = given.get("tool_calls") or given.get("toolCalls")
    parts += [_call(each) for each in (calls if isinstance(calls, list) else [])[:MAX_ITEMS] if isinstance(each, dict)]
    if message["role"] == "tool" and given.get("tool_call_id"):
        parts = [{"type": "tool_result", "id": given["tool_call_id"], "result": _joined(parts)}]
    message["parts"] = parts
    if given.get("finish_reason"):
        message["finish_reason"] = given["finish_reason"]
    return message


def _joined(parts: list[Data]) -> Any:
    return parts[0]["text"] if len(parts) == 1 and parts[0]["type"] == "text" else parts


def _parts(given: Any) -> list[Data]:
    if isinstance(given, str):
        return [{"type": "text", "text": given}] if given else []
    return [_part(each) for each in given[:MAX_ITEMS]] if isinstance(given, list) else []


def _part(given: Any) -> Data:
    if not isinstance(given, dict):
        return {"type": "text", "text": given if isinstance(given, str) else str(given)}
    kind = str(given.get("type") or "")
    if kind in ("text", "refusal", "input_text", "output_text"):
        return {"type": "refusal" if kind == "refusal" else "text", "text": _text_of(given)}
    if kind in ("reasoning", "thinking"):
        return {"type": "reasoning", "text": _text_of(given)}
    if kind in ("tool_call", "server_tool_call", "tool_use"):
        return _call(given)
    if kind in ("tool_call_response", "server_tool_call_response", "tool_result"):
        result = given.get("response", given.get("result", given.get("content", _of_the_provider(given))))
        return {"type": "tool_result", "id": given.get("id") or given.get("tool_use_id"), "result": result}
    if kind in ("blob", "uri", "file") or "modality" in given:
        return _media(given)
    if kind == "image_url":
        image = given.get("image_url")
        url = image.get("url") if isinstance(image, dict) else image
        return {"type": "media", "modality": "image", "url": url}
    return {"type": "other", "data": given}


def _text_of(given: Data) -> str:
    for key in ("content", "text", "refusal", "thinking", "reasoning"):
        if isinstance(given.get(key), str):
            return str(given[key])
    return ""


def _call(given: Data) -> Data:
    function = given.get("function")
    inner: Data = function if isinstance(function, dict) else given
    arguments = inner.get("arguments", given.get("args", given.get("input", _of_the_provider(given))))
    return {
        "type": "tool_call",
        "id": given.get("id"),
        "name": str(inner.get("name") or given.get("name") or ""),
        "arguments": _data(arguments),
    }


def _of_the_provider(given: Data) -> Any:
    """Return what a tool that the provider runs was asked, or found: all of gen_ai's nested object but its `type`."""
    nested = given.get("server_tool_call", given.get("server_tool_call_response"))
    if not isinstance(nested, dict):
        return nested
    rest = {key: value for key, value in nested.items() if key != "type"}
    return next(iter(rest.values())) if rest.keys() in ({"arguments"}, {"result"}) else rest


def _media(given: Data) -> Data:
    part: Data = {"type": "media", "modality": given.get("modality") or "document"}
    mime = given.get("mime_type")
    if given.get("content"):
        part["url"] = f"data:{mime or 'application/octet-stream'};base64,{given['content']}"
    else:
        part["url"] = given.get("uri") or given.get("url") or given.get("file_id")
    if mime:
        part["mime_type"] = mime
    return part


def _flat_message(given: Any) -> Data | None:
    """Read OpenInference's flat message: `message.content`, `message.contents.N`, `message.tool_calls.N`."""
    if not isinstance(given, dict):
        return None
    parts = _parts(given.get("content"))
    parts += [_flat_part(each) for each in _list(given.get("contents"))]
    calls = [_at(each, "tool_call") for each in _list(given.get("tool_calls"))]
    parts += [_call(each) for each in calls if isinstance(each, dict)]
    message: Data = {"role": str(given.get("role") or "user"), "parts": parts}
    if message["role"] == "tool":
        message["parts"] = [{"type": "tool_result", "id": given.get("tool_call_id"), "result": _joined(parts)}]
    if given.get("name"):
        message["name"] = given["name"]
    return message


def _flat_part(given: Any) -> Data:
    content = _at(given, "message_content")
    if not isinstance(content, dict):
        return {"type": "other", "data": given}
    kind = str(content.get("type") or "text")
    if kind in ("text", "reasoning"):
        return {"type": kind, "text": str(content.get("text") or "")}
    if kind == "tool_use":
        return _call(_at(given, "tool_call") or {})
    address = next((url for name in ("image", "audio", "video", "document") if (url := _address(content, name))), None)
    return {"type": "media", "modality": kind, "url": address}


def _address(content: Data, name: str) -> Any:
    return _at(content, name, name, "url") or _at(content, name, "url")


def _older_message(given: Any) -> Data | None:
    """Read OpenLLMetry's `gen_ai.prompt.0.content` and `.tool_calls.0.name`."""
    if not isinstance(given, dict):
        return None
    parts = _parts(_data(given.get("content")))
    parts += [_call(each) for each in _list(given.get("tool_calls")) if isinstance(each, dict)]
    message: Data = {"role": str(given.get("role") or "user"), "parts": parts}
    if given.get("finish_reason"):
        message["finish_reason"] = given["finish_reason"]
    return message if parts else None


def _broadcast_messages(given: Any) -> list[Data | None]:
    """Read OpenRouter's `gen_ai.prompt`: `{"messages": [...]}`."""
    messages = given.get("messages") if isinstance(given, dict) else given
    if isinstance(messages, list):
        return [_message(each) for each in messages[:MAX_ITEMS] if isinstance(each, dict)]
    return [_text_message("user", messages)] if isinstance(messages, str) else []


def _broadcast_answer(given: Any) -> list[Data | None]:
    """Read OpenRouter's `gen_ai.completion`: `{"completion", "reasoning", "toolCalls"}`."""
    if isinstance(given, str):
        return [_text_message("assistant", given)]
    if not isinstance(given, dict):
        return []
    message = _message({**given, "role": "assistant", "content": given.get("completion")})
    return [message] if message["parts"] else []


# ---------------------------------------------------------------- the rest
def _tools(attributes: Mapping[str, Any], nested: Data) -> list[Data]:
    given = _data(attributes.get("gen_ai.tool.definitions"))
    if not isinstance(given, list):
        given = [_data(_at(each, "tool", "json_schema")) for each in _list(_at(nested, "llm", "tools"))]
    if not given:
        given = _list(_at(nested, "llm", "request", "functions"))
    tools = []
    for tool in given[:MAX_ITEMS]:
        inner = tool.get("function", tool) if isinstance(tool, dict) else None
        if isinstance(inner, dict):
            names = {key: _data(inner[key]) for key in ("name", "description", "parameters") if inner.get(key)}
            tools.append(names or {"name": str(inner)[:200]})
    return tools


def _documents(attributes: Mapping[str, Any], nested: Data) -> list[Data]:
    given = _data(attributes.get("gen_ai.retrieval.documents"))
    if isinstance(given, list):
        return [_document(each) for each in given[:MAX_ITEMS] if isinstance(each, dict)]
    return _items(nested, "retrieval", "documents", "document") or _items(
        nested, "reranker", "output_documents", "document"
    )


def _document(given: Data) -> Data:
    document = {key: given[key] for key in ("id", "score", "content") if given.get(key) is not None}
    metadata = _data(given.get("metadata"))
    return {**document, "metadata": metadata} if metadata else document


def _exception(event: Mapping[str, Any]) -> Data:
    attributes = event.get("attributes") or {}
    names = {"type": "exception.type", "message": "exception.message", "stack": "exception.stacktrace"}
    return {key: attributes[name] for key, name in names.items() if attributes.get(name)}


def scores_in(attributes: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether there is a score among these, without reading them all."""
    return any(".evaluation.name" in name for name in attributes) or any(
        event.get("name") == "gen_ai.evaluation.result" for event in events
    )


def _scores(attributes: Mapping[str, Any], nested: Data, events: Sequence[Mapping[str, Any]]) -> list[Data]:
    """Read evaluations of spans, traces and sessions: OpenInference's attributes, and gen_ai's `gen_ai.evaluation.result`.

    In privacy mode no event leaves: then gen_ai's attributes say it.
    """
    scores = [
        found
        for scope in (nested, nested.get("trace"), nested.get("session"))
        for each in _list(_at(scope, "evaluations"))
        if isinstance(found := _at(each, "evaluation"), dict)
    ]
    results = [event.get("attributes") or {} for event in events if event.get("name") == "gen_ai.evaluation.result"]
    if not results and "gen_ai.evaluation.name" in attributes:
        results = [attributes]
    prefixes = ("gen_ai.evaluation.", "spancast.evaluation.")
    for result in results[:MAX_ITEMS]:
        found = {key.partition("evaluation.")[2]: value for key, value in result.items() if key.startswith(prefixes)}
        scores.append({key.replace("score.", ""): value for key, value in found.items()})
    return scores[:MAX_ITEMS]
