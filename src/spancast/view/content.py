"""Reads what a span shows (messages, documents, arguments, results) from its attributes, whatever the convention.

Understood are OpenInference (flat and JSON), the OpenTelemetry GenAI conventions, what OpenRouter's Broadcast writes, and
the older names of OpenLLMetry. The result is plain data in one shape for the terminal, the page and `--json`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..conventions.limits import length_of, original_lengths
from .flat import MAX_ITEMS, Data, at, data_in, listed, nested_of
from .messages import input_messages, output_messages, state_messages


def content_of(attributes: Mapping[str, Any], events: Sequence[Mapping[str, Any]] = ()) -> Data:
    """Return what the span shows, as plain data; a key is there only if the span has it.

    Keys: `input_messages`, `output_messages` (each a list of `{"role", "name"?, "parts", "finish_reason"?}`), `input`,
    `output` (text or data), `tools`, `documents`, `input_documents`, `query`, `parameters`, `template`, `variables`,
    `metadata`, `tags`, `call_id`, `description`, `exceptions`, `scores`, `truncated` (what is not whole), `cut` (of it,
    what says how long it was: `{name: {"shown", "of"}}`, in characters).
    """
    nested = nested_of(attributes)
    content: Data = {
        **_question_and_answer(attributes, nested),
        "tools": _tools(attributes, nested),
        "documents": _documents(attributes, nested),
        "input_documents": _items(nested, "reranker", "input_documents", "document"),
        "parameters": _parameters(attributes),
        "template": attributes.get("llm.prompt_template.template"),
        "variables": data_in(attributes.get("llm.prompt_template.variables")),
        "prompt": _prefixed(attributes, "gen_ai.prompt.") or _prefixed(attributes, "prompt."),
        "metadata": _metadata(attributes),
        "tags": _first(attributes, ("tag.tags", "trace.tags", "langfuse.trace.tags")),
        "call_id": _first(attributes, ("gen_ai.tool.call.id", "tool.id", "tool_call.id")),
        "description": _first(attributes, ("gen_ai.tool.description", "tool.description")),
        "exceptions": [_exception(event) for event in events if event.get("name") == "exception"][:MAX_ITEMS],
        "scores": _scores(attributes, nested, events),
        "truncated": _truncated(attributes, events),
        "cut": _cut(attributes),
    }
    return _without_empty(content)


def question_and_answer_of(attributes: Mapping[str, Any]) -> Data:
    """Return the part of `content_of` that a list of traces shows; costs a fifth of the whole."""
    return _without_empty(_question_and_answer(attributes, nested_of(attributes)))


def _question_and_answer(attributes: Mapping[str, Any], nested: Data) -> Data:
    content: Data = {
        "input_messages": input_messages(attributes, nested),
        "output_messages": output_messages(attributes, nested),
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
        content["input_messages"] = state_messages(content["input"])
    if not content["output_messages"]:
        asked, answered = len(content["input_messages"]), state_messages(content["output"])
        content["output_messages"] = answered[asked:] if len(answered) > asked else answered


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
            return data_in(attributes[name])
    return None


def _without_wrapper(value: Any, name: str) -> Any:
    """Return what a run had, without what OpenLLMetry writes beside it: its tags, metadata and keywords."""
    is_wrapped = isinstance(value, dict) and name in value and value.keys() <= {name, "tags", "metadata", "kwargs"}
    return value[name] if is_wrapped else value


def _prefixed(attributes: Mapping[str, Any], prefix: str) -> Data:
    """Return the attributes below *prefix* that have one more name and no number: not those of a flat list."""
    found = {key[len(prefix) :]: value for key, value in attributes.items() if key.startswith(prefix)}
    return {key: value for key, value in found.items() if not key[:1].isdigit()}


def _metadata(attributes: Mapping[str, Any]) -> Data:
    whole = data_in(attributes.get("metadata"))
    if isinstance(whole, dict):
        return whole
    for prefixes in (("span.metadata.", "trace.metadata."), ("metadata.",), ("traceloop.association.properties.",)):
        found = {
            key[len(prefix) :]: value
            for prefix in prefixes
            for key, value in attributes.items()
            if key.startswith(prefix)
        }
        if found:
            return found
    return {}


_TRUNCATED = ".truncated"


def _truncated(attributes: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the attributes that were shortened: by spancast, or by OpenRouter's Broadcast.

    Both mark each as `<key>.truncated`; Broadcast also writes an event, whose attributes are not documented by name.
    """
    marked = [key.removesuffix(_TRUNCATED) for key, value in attributes.items() if key.endswith(_TRUNCATED) and value]
    told = any(event.get("name") == "openrouter.trace_truncated" for event in events)
    return marked[:MAX_ITEMS] or (["some attributes"] if told else [])


def _cut(attributes: Mapping[str, Any]) -> Data:
    """Return how many characters are here of those that an attribute had before spancast cut it."""
    shown = {name: attributes.get(name) for name in original_lengths(attributes)}
    return {
        name: {"shown": length_of(shown[name]), "of": count}
        for name, count in original_lengths(attributes).items()
        if shown[name] is not None
    }


def _parameters(attributes: Mapping[str, Any]) -> Any:
    given = data_in(attributes.get("llm.invocation_parameters") or attributes.get("embedding.invocation_parameters"))
    if given:
        return given
    names = _prefixed(attributes, "gen_ai.request.")
    return {key: value for key, value in names.items() if key != "model"}


def _tools(attributes: Mapping[str, Any], nested: Data) -> list[Data]:
    given = data_in(attributes.get("gen_ai.tool.definitions"))
    if not isinstance(given, list):
        given = [data_in(at(each, "tool", "json_schema")) for each in listed(at(nested, "llm", "tools"))]
    if not given:
        given = listed(at(nested, "llm", "request", "functions"))
    tools = []
    for tool in given[:MAX_ITEMS]:
        inner = tool.get("function", tool) if isinstance(tool, dict) else None
        if isinstance(inner, dict):
            names = {key: data_in(inner[key]) for key in ("name", "description", "parameters") if inner.get(key)}
            tools.append(names or {"name": str(inner)[:200]})
    return tools


def _documents(attributes: Mapping[str, Any], nested: Data) -> list[Data]:
    given = data_in(attributes.get("gen_ai.retrieval.documents"))
    if isinstance(given, list):
        return [_document(each) for each in given[:MAX_ITEMS] if isinstance(each, dict)]
    return _items(nested, "retrieval", "documents", "document") or _items(
        nested, "reranker", "output_documents", "document"
    )


def _document(given: Data) -> Data:
    document = {key: given[key] for key in ("id", "score", "content") if given.get(key) is not None}
    metadata = data_in(given.get("metadata"))
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
        for each in listed(at(scope, "evaluations"))
        if isinstance(found := at(each, "evaluation"), dict)
    ]
    results = [event.get("attributes") or {} for event in events if event.get("name") == "gen_ai.evaluation.result"]
    if not results and "gen_ai.evaluation.name" in attributes:
        results = [attributes]
    prefixes = ("gen_ai.evaluation.", "spancast.evaluation.")
    for result in results[:MAX_ITEMS]:
        found = {key.partition("evaluation.")[2]: value for key, value in result.items() if key.startswith(prefixes)}
        scores.append({key.replace("score.", ""): value for key, value in found.items()})
    return scores[:MAX_ITEMS]


def _items(nested: Data, *place: str) -> list[Data]:
    *names, item = place
    return [_document(found) for each in listed(at(nested, *names)) if isinstance(found := at(each, item), dict)]
