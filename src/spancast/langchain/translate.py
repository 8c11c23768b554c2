"""An operation's snapshots -> content in the record's words. Pure; runs in a lane's thread, once for all destinations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..capture.agents import said_in_run
from ..capture.answer import NO_ANSWER, is_handed_on
from ..capture.endpoint import endpoint_of
from ..capture.tools import tools_of
from ..capture.usage import read_usage
from ..privacy.secrets import is_secret_parameter
from ..record.fast_frozen import positional
from ..record.json import JSON, dumps
from ..record.message import Message, Text
from ..record.operation import (
    NOTHING,
    Agent,
    Detail,
    Generation,
    Reranking,
    Retrieval,
    ToolUse,
)
from ..record.prices import estimate
from ..recording.captured import CapturedOperation, Content
from ..recording.message_cache import TEMPLATES
from .documents import documents_of
from .messages import as_data, conversation_of, to_messages, turns_of
from .metadata import AGENT_KEYS, NO_TAGS, RETRIEVER_KEYS, WITHIN, read_tags, shown_metadata
from .prompts import lines_of, template_text

# Parts of invocation_params that are no parameters.
_NO_PARAMETERS = frozenset({"_type", "functions", "messages", "prompt", "input", "tools", "model_kwargs"})


def chain(captured: CapturedOperation) -> Content:
    """Translate a chain, a graph or a node."""
    snapshots = captured.snapshots
    return _content(captured, as_data(snapshots.get("input")), as_data(snapshots.get("output")))


def evaluation(captured: CapturedOperation) -> Content:
    """Translate an evaluator's run: what it was asked, and its score."""
    content = chain(captured)
    content.detail = captured.snapshots.get("judgement")
    return content


def agent(captured: CapturedOperation) -> Content:
    """Translate an agent: its input and output are conversations where its state holds messages."""
    snapshots = captured.snapshots
    received, produced = snapshots.get("input"), snapshots.get("output")
    detail = Agent(
        name=snapshots.get("agent") or captured.name,
        input_messages=conversation_of(received),
        output_messages=said_in_run(turns_of(produced), turns_of(received), turns_of(snapshots.get("began_with"))),
    )
    content = _content(captured, as_data(received), as_data(produced), detail, AGENT_KEYS)
    if "agent_type" in snapshots:
        content.metadata = {**content.metadata, "ls_agent_type": snapshots["agent_type"]}
    return content


def hook(captured: CapturedOperation) -> Content:
    """Translate a hook of a middleware around a call: it is no node of the graph itself."""
    content = chain(captured)
    content.node = content.node_parent = None
    return content


def tool(captured: CapturedOperation) -> Content:
    """Translate a tool call: its input is its plain arguments."""
    snapshots = captured.snapshots
    described, call_id = snapshots.get("description"), snapshots.get("call_id")
    detail = ToolUse(
        name=captured.name,
        description=str.__str__(described) if isinstance(described, str) else None,
        call_id=str.__str__(call_id) if isinstance(call_id, str) else None,
        declared=not snapshots.get("undeclared"),
        is_mcp="mcp" in snapshots,
        transport=snapshots.get("mcp"),
    )
    content = _content(captured, as_data(snapshots.get("input")), as_data(snapshots.get("output")), detail)
    if "artifact" in snapshots:  # what the tool gives the application besides what the model reads
        content.attributes = {"spancast.tool.artifact": as_data(snapshots["artifact"])}
    return content


def retriever(captured: CapturedOperation) -> Content:
    """Translate a retrieval."""
    snapshots = captured.snapshots
    query = snapshots.get("input")
    found = snapshots.get("output")
    documents = documents_of(found)
    metadata = captured.mapping or NOTHING
    detail = Retrieval(
        query=query if isinstance(query, str) else "",
        documents=documents,
        data_source=_text(metadata.get("ls_retriever_name")),
        provider=_text(metadata.get("ls_vector_store_provider")),
        model=_text(metadata.get("ls_embedding_model")),
    )
    output = as_data(found) if documents or found == [] else None
    return _content(captured, as_data(query), output, detail, RETRIEVER_KEYS)


def reranker(captured: CapturedOperation) -> Content:
    """Translate a retriever that asked another one and ordered what it found by relevance."""
    snapshots = captured.snapshots
    query = snapshots.get("input")
    detail = Reranking(
        query=query if isinstance(query, str) else "",
        input_documents=documents_of(snapshots.get("found")),
        output_documents=documents_of(snapshots.get("output")),
    )
    return _content(captured, as_data(query), as_data(snapshots.get("output")), detail)


_generation = positional(Generation)


def generation(captured: CapturedOperation) -> Content:
    """Translate a model call."""
    snapshots = captured.snapshots
    snapshot = snapshots.get("answer")
    answer = NO_ANSWER if snapshot is None else snapshot.read()
    parameters: Mapping[str, Any] = snapshots.get("parameters") or NOTHING
    metadata = captured.mapping or NOTHING
    provider, model = _provider(metadata, parameters), _model(metadata, parameters)
    usage, cost = answer.usage, answer.cost
    if usage is not None:
        if "inner" in snapshots and is_handed_on(answer, snapshots["inner"]):
            usage = cost = None
        elif cost is None:
            cost = estimate(usage, (answer.model, model), provider, answer.service_tier)
    first = captured.first_token_ns
    asked = _parameters(parameters, metadata)
    if (
        first and asked.get("stream") is False
    ):  # what a model is set to; LangChain streams all the same where it is asked to
        asked = {**asked, "stream": True}
    detail = _generation(  # in the order of Generation's fields
        snapshots.get("operation", "chat"),
        provider,
        model,
        answer.model,
        answer.id,
        _with_schema(asked, snapshots.get("answer_schema")),
        to_messages(snapshots.get("messages") or ()) or _prompts(snapshots.get("prompts")),
        answer.messages if captured.capture else (),
        tools_of(parameters.get("tools") or parameters.get("functions")) if parameters else (),
        answer.finish_reasons,
        usage,
        cost,
        first - captured.start_ns if first else None,
        bool(first) or parameters.get("stream") is True,
        answer.cached,
        TEMPLATES.text_of(snapshots["template"], _template_text) if "template" in snapshots else None,
        _variables(snapshots.get("variables")),
        answer.service_tier,
        endpoint_of(snapshots["address"]) if "address" in snapshots else None,
        None,  # the prompt's identity stands in the metadata, for both frameworks
        answer.gateway,
    )
    content = _content(captured, None, None, detail)
    if "lc_internal_call" in metadata:  # a middleware's own call: a summary, a choice of tools
        content.attributes = {"spancast.internal_call": True}
    if "prompt" in snapshots:  # which prompt of a hub the messages were made of
        content.metadata = {**snapshots["prompt"], **content.metadata}
    return content


def decision(captured: CapturedOperation) -> Content:
    """Translate a decision model (langchain-core 1.8): a model call that answers typed questions about a state."""
    snapshots = captured.snapshots
    metadata = captured.mapping or {}
    asked, answered = as_data(snapshots.get("input")), as_data(snapshots.get("output"))
    answer: Mapping[str, Any] = answered if isinstance(answered, Mapping) else {}
    detail = Generation(
        operation="generate_content",
        provider=_provider(metadata, {}),
        request_model=_model(metadata, {}),
        response_model=answer.get("model") if isinstance(answer.get("model"), str) else None,
        response_id=answer.get("id") if isinstance(answer.get("id"), str) else None,
        input_messages=(Message(role="user", parts=(Text(dumps(asked)),)),) if asked is not None else (),
        output_messages=(Message(role="assistant", parts=(Text(dumps(answered)),)),) if answered is not None else (),
        usage=read_usage(answer.get("usage")),
    )
    return _content(captured, None, None, detail)


def _template_text(serialized: object) -> str | None:
    return template_text(lines_of(serialized))


def _prompts(prompts: Any) -> tuple[Message, ...]:
    return tuple(Message(role="user", parts=(Text(prompt),)) for prompt in prompts or ())


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _variables(captured: object) -> Mapping[str, JSON]:
    data = as_data(captured) if captured is not None else None
    return data if isinstance(data, Mapping) else NOTHING


def _provider(metadata: Mapping[str, Any], parameters: Mapping[str, Any]) -> str | None:
    provider = metadata.get("ls_provider")
    if isinstance(provider, str) and provider:
        return provider.lower()  # `NVIDIA`: the conventions' names are in lower case
    kind = parameters.get("_type")
    return kind.removesuffix("-chat").removeprefix("chat-") if isinstance(kind, str) and kind else None


def _model(metadata: Mapping[str, Any], parameters: Mapping[str, Any]) -> str | None:
    for key in ("model", "model_name", "model_id", "deployment_name", "azure_deployment"):
        value = parameters.get(key)
        if isinstance(value, str) and value:
            return value
    named = metadata.get("ls_model_name")
    return named if isinstance(named, str) and named else None


# What LangChain reads from a model's own fields for its tracer, where the parameters of the call lack it.
_OWN_FIELDS = (
    ("ls_temperature", "temperature", ("temperature",)),
    ("ls_max_tokens", "max_tokens", ("max_tokens", "max_completion_tokens", "max_output_tokens", "num_predict")),
    ("ls_stop", "stop", ("stop", "stop_sequences")),
)


def _parameters(parameters: Mapping[str, Any], metadata: Mapping[str, Any]) -> Mapping[str, JSON]:
    for key, name, spellings in _OWN_FIELDS:
        if metadata.get(key) is not None and not any(parameters.get(each) is not None for each in spellings):
            parameters = {**parameters, name: metadata[key]}
    kept = {
        str(key): as_data(value)
        for key, value in parameters.items()
        if value is not None and key not in _NO_PARAMETERS and not is_secret_parameter(str(key))
    }
    return kept or NOTHING


def _with_schema(parameters: Mapping[str, JSON], schema: object) -> Mapping[str, JSON]:
    """Add what `with_structured_output` asks for: the schema, and by which method."""
    return {**parameters, "structured_output": as_data(schema)} if isinstance(schema, Mapping) else parameters


def _content(
    captured: CapturedOperation,
    input: JSON,
    output: JSON,
    detail: Detail = None,
    shown: frozenset[str] = frozenset(),
) -> Content:
    """Add metadata and tags, without what the frameworks put there for themselves; but with the keys that are *shown*."""
    mapping = captured.mapping
    snapshots = captured.snapshots
    tags, workflow = snapshots.get("tags"), "workflow" in snapshots
    if not mapping and not tags:
        return Content(input, output, detail, workflow=workflow)
    metadata = shown_metadata(mapping, shown)
    own, is_node, attempt = read_tags(tuple(map(str, tags))) if tags else NO_TAGS
    if attempt:
        metadata = {**metadata, "retry_attempt": attempt}
    if "attempt" in snapshots:  # of a node, by its retry policy
        metadata = {**metadata, "node_attempt": snapshots["attempt"]}
    agent, node = (mapping.get("lc_agent_name"), mapping.get("langgraph_node")) if mapping else (None, None)
    agent = snapshots.get(WITHIN, agent)
    return Content(
        input,
        output,
        detail,
        metadata,
        own,
        (),
        agent if isinstance(agent, str) else None,
        node if is_node and isinstance(node, str) else None,
        node_parent=snapshots.get("led_by"),
        workflow=workflow,
    )
