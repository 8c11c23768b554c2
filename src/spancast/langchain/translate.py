"""An operation's snapshots -> content in the record's words. Pure; runs in a lane's thread, once for all destinations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ..capture.agents import said_in_run
from ..capture.answer import NO_ANSWER, is_handed_on
from ..capture.numbers import number_of
from ..capture.shapes import key_text
from ..capture.snapshot import Snapshot, plain_data
from ..capture.tools import tools_of
from ..capture.usage import read_usage
from ..record.fast_frozen import positional
from ..record.json import JSON, dumps
from ..record.message import Message, Text
from ..record.operation import (
    NOTHING,
    Agent,
    Detail,
    Document,
    Generation,
    Reranking,
    Retrieval,
    ToolUse,
)
from ..record.prices import estimate
from ..recording.captured import CapturedOperation, Content
from ..recording.fields import CONSUMED
from ..recording.open_operation import OpenOperation
from .messages import SHAPES, DocumentSnapshot, as_data, conversation_of, to_messages, turns_of

# What LangChain and LangGraph put into metadata for themselves; ls_stop would even carry stop words past privacy mode.
_PLUMBING = ("ls_", "lc_", "__")
_PLUMBING_KEYS = frozenset({*CONSUMED, "checkpoint_ns", "langgraph_auth_user", "langgraph_request_id", "revision_id"})
_RETRY = re.compile(r"retry:attempt:(\d+)")
_PLUMBING_TAGS = re.compile(
    r"(seq:step|retry:attempt|graph:step|map:key|map:item|condition|branch|langsmith|langgraph):.*"
)
# Parts of invocation_params that are no parameters, and names under which secrets travel.
_NO_PARAMETERS = frozenset({"_type", "functions", "messages", "prompt", "input", "tools", "model_kwargs"})
_SECRET = re.compile(r"api_?key|secret|passw|authoriz|credential|headers|(access|auth|bearer|session)_?token", re.I)


def chain(captured: CapturedOperation) -> Content:
    """Translate a chain, a graph or a node."""
    held = captured.snapshots
    return _content(captured, as_data(held.get("input")), as_data(held.get("output")))


def agent(captured: CapturedOperation) -> Content:
    """Translate an agent: its input and output are conversations where its state holds messages."""
    held = captured.snapshots
    given, made = held.get("input"), held.get("output")
    detail = Agent(
        name=held.get("agent") or captured.name,
        input_messages=conversation_of(given),
        output_messages=said_in_run(turns_of(made), turns_of(given), turns_of(held.get("began_with"))),
    )
    return _content(captured, as_data(given), as_data(made), detail)


def tool(captured: CapturedOperation) -> Content:
    """Translate a tool call: its input is its plain arguments."""
    held = captured.snapshots
    described, call_id = held.get("description"), held.get("call_id")
    detail = ToolUse(
        name=captured.name,
        description=str.__str__(described) if isinstance(described, str) else None,
        call_id=str.__str__(call_id) if isinstance(call_id, str) else None,
    )
    content = _content(captured, as_data(held.get("input")), as_data(held.get("output")), detail)
    if "artifact" in held:  # what the tool gives the application besides what the model reads
        content.attributes = {"spancast.tool.artifact": as_data(held["artifact"])}
    return content


def retriever(captured: CapturedOperation) -> Content:
    """Translate a retrieval."""
    held = captured.snapshots
    query = held.get("input")
    found = held.get("output")
    documents = _documents(found)
    source = (captured.mapping or {}).get("ls_retriever_name")
    detail = Retrieval(
        query=query if isinstance(query, str) else "",
        documents=documents,
        data_source=source if isinstance(source, str) else None,
    )
    output = as_data(found) if documents else None
    return _content(captured, as_data(query), output, detail)


def reranker(captured: CapturedOperation) -> Content:
    """Translate a retriever that asked another one and ordered what it found by relevance."""
    held = captured.snapshots
    query = held.get("input")
    detail = Reranking(
        query=query if isinstance(query, str) else "",
        input_documents=_documents(held.get("found")),
        output_documents=_documents(held.get("output")),
    )
    return _content(captured, as_data(query), as_data(held.get("output")), detail)


def is_scored(found: object) -> bool:
    """Return whether documents carry the score that LangChain's rerankers put on them."""
    first = found[0] if isinstance(found, list) and found else None
    return isinstance(first, DocumentSnapshot) and "relevance_score" in (first.metadata or {})


def _documents(found: object) -> tuple[Document, ...]:
    return (
        tuple(_document(item) for item in found if isinstance(item, DocumentSnapshot))
        if isinstance(found, list)
        else ()
    )


_SCORES = ("relevance_score", "score", "_score", "similarity_score")


def _document(held: DocumentSnapshot) -> Document:
    metadata = as_data(held.metadata)
    values: Mapping[str, JSON] = metadata if isinstance(metadata, Mapping) else {}
    score = next((number for key in _SCORES if (number := number_of(values.get(key))) is not None), None)
    identity = held.id if held.id is not None else values.get("id", values.get("_id"))
    return Document(
        content=held.content if isinstance(held.content, str) else "",
        id=None if identity is None else str(identity),
        score=score,
        metadata=values,
    )


_generation = positional(Generation)


def generation(captured: CapturedOperation) -> Content:
    """Translate a model call."""
    held = captured.snapshots
    snapshot = held.get("answer")
    answer = NO_ANSWER if snapshot is None else snapshot.read()
    parameters: Mapping[str, Any] = held.get("parameters") or NOTHING
    metadata = captured.mapping or NOTHING
    provider, model = _provider(metadata, parameters), _model(metadata, parameters)
    usage, cost = answer.usage, answer.cost
    if usage is not None:
        if "inner" in held and is_handed_on(answer, held["inner"]):
            usage = cost = None
        elif cost is None:
            cost = estimate(usage, (answer.model, model), provider)
    first = captured.first_token_ns
    detail = _generation(  # in the order of Generation's fields
        held.get("operation", "chat"),
        provider,
        model,
        answer.model,
        answer.id,
        _with_schema(_parameters(parameters), held.get("answer_schema")),
        to_messages(held.get("messages") or ()) or _prompts(held.get("prompts")),
        answer.messages if captured.capture else (),
        tools_of(parameters.get("tools") or parameters.get("functions")) if parameters else (),
        answer.finish_reasons,
        usage,
        cost,
        first - captured.start_ns if first else None,
        bool(first) or parameters.get("stream") is True,
        answer.cached,
        None,
        _variables(held.get("variables")),
        answer.service_tier,
    )
    return _content(captured, None, None, detail)


def decision(captured: CapturedOperation) -> Content:
    """Translate a decision model (langchain-core 1.8): a model call that answers typed questions about a state."""
    held = captured.snapshots
    metadata = captured.mapping or {}
    asked, told = as_data(held.get("input")), as_data(held.get("output"))
    answer: Mapping[str, Any] = told if isinstance(told, Mapping) else {}
    detail = Generation(
        operation="generate_content",
        provider=_provider(metadata, {}),
        request_model=_model(metadata, {}),
        response_model=answer.get("model") if isinstance(answer.get("model"), str) else None,
        response_id=answer.get("id") if isinstance(answer.get("id"), str) else None,
        input_messages=(Message(role="user", parts=(Text(dumps(asked)),)),) if asked is not None else (),
        output_messages=(Message(role="assistant", parts=(Text(dumps(told)),)),) if told is not None else (),
        usage=read_usage(answer.get("usage")),
    )
    return _content(captured, None, None, detail)


def _prompts(prompts: Any) -> tuple[Message, ...]:
    return tuple(Message(role="user", parts=(Text(prompt),)) for prompt in prompts or ())


def _variables(held: object) -> Mapping[str, JSON]:
    data = as_data(held) if held is not None else None
    return data if isinstance(data, Mapping) else NOTHING


def _provider(metadata: Mapping[str, Any], parameters: Mapping[str, Any]) -> str | None:
    said = metadata.get("ls_provider")
    if isinstance(said, str) and said:
        return said
    kind = parameters.get("_type")
    return kind.removesuffix("-chat").removeprefix("chat-") if isinstance(kind, str) and kind else None


def _model(metadata: Mapping[str, Any], parameters: Mapping[str, Any]) -> str | None:
    for key in ("model", "model_name", "model_id", "deployment_name", "azure_deployment"):
        value = parameters.get(key)
        if isinstance(value, str) and value:
            return value
    named = metadata.get("ls_model_name")
    return named if isinstance(named, str) and named else None


def _parameters(parameters: Mapping[str, Any]) -> Mapping[str, JSON]:
    kept = {
        str(key): as_data(value)
        for key, value in parameters.items()
        if value is not None and key not in _NO_PARAMETERS and not _is_secret(str(key))
    }
    return kept or NOTHING


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return _SECRET.search(name) is not None


def _with_schema(parameters: Mapping[str, JSON], schema: object) -> Mapping[str, JSON]:
    """Add what `with_structured_output` asks for: the schema, and by which method."""
    return {**parameters, "structured_output": as_data(schema)} if isinstance(schema, Mapping) else parameters


def _content(captured: CapturedOperation, input: JSON, output: JSON, detail: Detail = None) -> Content:
    """Add metadata and tags, without what the frameworks put there for themselves."""
    mapping = captured.mapping
    tags = captured.snapshots.get("tags")
    if not mapping and not tags:
        return Content(input, output, detail)
    metadata = _metadata(mapping)
    own, is_node, attempt = _read_tags(tuple(map(str, tags))) if tags else _NO_TAGS
    if attempt:
        metadata = {**metadata, "retry_attempt": attempt}
    agent, node = (mapping.get("lc_agent_name"), mapping.get("langgraph_node")) if mapping else (None, None)
    return Content(
        input,
        output,
        detail,
        metadata,
        own,
        (),
        agent if isinstance(agent, str) else None,
        node if is_node and isinstance(node, str) else None,
    )


_NO_TAGS: tuple[tuple[str, ...], bool, int] = ((), False, 0)


@lru_cache(maxsize=1024)  # the frameworks' own tags repeat: 0.2 us instead of 1.5
def _read_tags(tags: tuple[str, ...]) -> tuple[tuple[str, ...], bool, int]:
    """Return the user's own tags, whether the frameworks' say that this is a node, and which retry it is."""
    attempts = [int(match[1]) for tag in tags if (match := _RETRY.fullmatch(tag))]
    own = tuple(tag for tag in tags if not is_plumbing_tag(tag))
    return own, any(tag.startswith("graph:step:") for tag in tags), attempts[-1] if attempts else 0


def _metadata(mapping: Mapping[str, Any] | None) -> Mapping[str, JSON]:
    if not mapping:
        return NOTHING
    kept: dict[str, JSON] = {}
    for key, value in dict(mapping).items():  # the frameworks may still write to it: copied in one go
        if value is None:
            continue
        name = _kept_name(key) if type(key) is str else key_text(key)
        if name is not None:
            kept[name] = (
                value if type(value) is str else _path(value) if name == "langgraph_path" else plain_data(value)
            )
    return kept or NOTHING


@lru_cache(maxsize=4096)
def _kept_name(key: str) -> str | None:
    """Return the name under which a key of the frameworks' metadata is shown; None for those they put there themselves."""
    return None if key in _PLUMBING_KEYS or key.startswith(_PLUMBING) else key


def _path(value: object) -> str:
    """Write LangGraph's path, a tuple of mixed types, always as text: a column of changing type breaks dashboards."""
    plain = plain_data(value)
    return "/".join(map(str, plain)) if isinstance(plain, list) else str(plain)


@lru_cache(maxsize=4096)
def is_plumbing_tag(tag: str) -> bool:
    """Return whether a tag is one that LangChain or LangGraph put there."""
    return _PLUMBING_TAGS.fullmatch(tag) is not None


def hold(value: object, operation: OpenOperation) -> object:
    """Take a snapshot of *value* for *operation*, and count what it holds."""
    if type(value) is str:
        operation.size += len(value)
        return value
    taken = Snapshot(SHAPES)
    held = taken.take(value)
    operation.size += taken.size
    return held


def hold_parameters(parameters: Mapping[str, Any], operation: OpenOperation) -> dict[str, Any]:
    """Hold what a model was asked for. Tools are held as they are: nobody changes them, and they are long."""
    held = dict(parameters)
    for key, value in held.items():
        if key in _TOOLS and type(value) is list:
            held[key] = value.copy()
        elif value is not None and type(value) not in _SCALARS:
            held[key] = hold(value, operation)
    return held


_TOOLS = ("tools", "functions")
_SCALARS = frozenset({str, int, float, bool})
