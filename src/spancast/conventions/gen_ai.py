"""OpenTelemetry's GenAI conventions, with OpenRouter's additions: what generic collectors read.

What it does differently:
* span names are `{operation} {model, agent or tool}`; a chain, for which the conventions have no operation, keeps its own;
* calls to models and retrievers are CLIENT spans, the rest INTERNAL;
* content is one JSON attribute a side: `gen_ai.input.messages`, `gen_ai.output.messages`;
* a chain's input and output are `span.input` and `span.output`, as OpenRouter's Broadcast sends them;
* custom metadata is `trace.metadata.<key>`; cost, which the conventions lack, is `gen_ai.usage.*_cost`;
* cache writes are written under both names while `cache_creation` is being renamed to `cache_write` (-genai changelog 440).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import attrgetter

from ..record.json import JSON, as_text, dumps
from ..record.message import Media, Message, Other, Part, Reasoning, Refusal, Text, ToolCall, ToolResult, all_written
from ..record.operation import (
    CHAIN,
    Agent,
    Embedding,
    Generation,
    Kind,
    Operation,
    Reranking,
    Retrieval,
    Score,
    ToolUse,
)
from .gen_ai_calls import money, request, usage
from .outline import Names, Writable, mcp, metadata_of, outline, say, say_all
from .span import CLIENT, EVALUATION_EVENT, INTERNAL, AttributeValue, Span, SpanEvent

_PROVIDERS = {
    "azure": "azure.ai.openai",
    "azure_openai": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "amazon_bedrock": "aws.bedrock",
    "google": "gcp.gemini",
    "google_genai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "mistralai": "mistral_ai",
    "mistral": "mistral_ai",
    "xai": "x_ai",
    "moonshot": "moonshot_ai",
    "ibm": "ibm.watsonx.ai",
    "watsonx": "ibm.watsonx.ai",
}


def provider_name(provider: str) -> str:
    """Return the conventions' name of a provider that a framework names."""
    return _PROVIDERS.get(provider, provider)


_OPERATIONS = {
    Kind.AGENT: "invoke_agent",
    Kind.TOOL: "execute_tool",
    Kind.RETRIEVER: "retrieval",
    Kind.EMBEDDING: "embeddings",
    Kind.LLM: "chat",
    Kind.DECISION: "generate_content",
    Kind.RERANKER: "rerank",
}
_CLIENTS = frozenset({Kind.LLM, Kind.DECISION, Kind.RETRIEVER, Kind.EMBEDDING})
_METADATA, _VARIABLES = Names("trace.metadata."), Names("gen_ai.prompt.variable.")


def render(operation: Operation, *, cost: bool = True) -> Span:
    """Return the span of *operation*. *cost*: write `gen_ai.usage.*_cost`; some backends would count them as tokens."""
    attributes: dict[str, AttributeValue] = {}
    _who(attributes, operation)
    metadata = metadata_of(operation)
    if metadata:
        say_all(attributes, _METADATA, metadata)
    if operation.tags:
        attributes["trace.tags"] = list(operation.tags)
    if operation.agent:
        attributes["gen_ai.agent.name"] = operation.agent
    detail = operation.detail
    name = operation.name
    if isinstance(detail, Generation):
        name = _joined(detail.operation, detail.request_model or detail.response_model)
        _generation(attributes, detail, cost)
    elif isinstance(detail, ToolUse):
        name = _joined("execute_tool", detail.name)
        _tool(attributes, detail, operation)
    elif isinstance(detail, Retrieval):
        name = _joined("retrieval", detail.data_source)
        _retrieval(attributes, detail, operation)
    elif isinstance(detail, Agent):
        name = _joined("invoke_agent", detail.name)
        _agent(attributes, detail, operation)
    elif isinstance(detail, Embedding):
        name = _joined("embeddings", detail.request_model)
        _embedding(attributes, detail)
    elif isinstance(detail, Reranking):
        name = _joined("rerank", detail.request_model)
        _reranking(attributes, detail)
    elif isinstance(detail, Score):
        return _evaluation(attributes, detail, operation)
    else:
        if operation.workflow and operation.kind is CHAIN:
            attributes["gen_ai.operation.name"] = "invoke_workflow"
            attributes["gen_ai.workflow.name"] = operation.name
        _chain(attributes, operation)
    kind = CLIENT if operation.kind in _CLIENTS else INTERNAL
    span = outline(operation, operation.given_name or name, kind, attributes)
    return _with_results(span, operation) if operation.scores else span


def _joined(operation: str, name: str | None) -> str:
    return f"{operation} {name}" if name else operation


def _who(attributes: Writable, operation: Operation) -> None:
    if operation.session_id:
        attributes["session.id"] = operation.session_id
        attributes["gen_ai.conversation.id"] = operation.session_id
    if operation.user:
        attributes["user.id"] = operation.user


def _chain(attributes: Writable, operation: Operation) -> None:
    say(attributes, "gen_ai.operation.name", _OPERATIONS.get(operation.kind))
    if operation.input is not None:
        attributes["span.input"] = as_text(operation.input)
    if operation.output is not None:
        attributes["span.output"] = as_text(operation.output)


def _agent(attributes: Writable, detail: Agent, operation: Operation) -> None:
    attributes["gen_ai.operation.name"] = "invoke_agent"
    attributes["gen_ai.agent.name"] = detail.name
    if detail.input_messages:
        _conversation(attributes, "gen_ai.input.messages", detail.input_messages)
    elif operation.input is not None:
        attributes["span.input"] = as_text(operation.input)
    if detail.output_messages:
        _conversation(attributes, "gen_ai.output.messages", detail.output_messages)
    elif operation.output is not None:
        attributes["span.output"] = as_text(operation.output)


def _tool(attributes: Writable, detail: ToolUse, operation: Operation) -> None:
    attributes["gen_ai.operation.name"] = "execute_tool"
    attributes["gen_ai.tool.name"] = detail.name
    attributes["gen_ai.tool.type"] = "function"
    if detail.description:
        attributes["gen_ai.tool.description"] = detail.description
    if detail.call_id:
        attributes["gen_ai.tool.call.id"] = detail.call_id
    if detail.is_mcp:
        mcp(attributes, detail, operation.failure)
    if operation.input is not None:
        attributes["gen_ai.tool.call.arguments"] = as_text(operation.input)
    if operation.output is not None:
        attributes["gen_ai.tool.call.result"] = as_text(operation.output)


def _retrieval(attributes: Writable, detail: Retrieval, operation: Operation) -> None:
    attributes["gen_ai.operation.name"] = "retrieval"
    if detail.data_source:
        attributes["gen_ai.data_source.id"] = detail.data_source
    say(attributes, "gen_ai.provider.name", detail.provider)
    say(attributes, "gen_ai.request.model", detail.model)
    say(attributes, "gen_ai.retrieval.top_k", detail.top_k)
    if detail.query:
        attributes["gen_ai.retrieval.query.text"] = detail.query
    if detail.documents or operation.output == []:  # that nothing was found is what one looks for
        attributes["gen_ai.retrieval.documents"] = dumps([_document(document) for document in detail.documents])


def _embedding(attributes: Writable, detail: Embedding) -> None:
    attributes["gen_ai.operation.name"] = "embeddings"
    if detail.provider:
        attributes["gen_ai.provider.name"] = _PROVIDERS.get(detail.provider, detail.provider)
    say(attributes, "gen_ai.request.model", detail.request_model)
    if detail.usage is not None:
        say(attributes, "gen_ai.usage.input_tokens", detail.usage.input_tokens)
    say(attributes, "gen_ai.embeddings.dimension.count", detail.dimensions)
    say(attributes, "spancast.embedding.count", detail.count)
    if detail.texts:
        attributes["span.input"] = detail.texts[0] if len(detail.texts) == 1 else dumps(list(detail.texts))
    if detail.vectors:
        attributes["span.output"] = dumps([list(vector) for vector in detail.vectors])


def _reranking(attributes: Writable, detail: Reranking) -> None:
    """The conventions have no operation for it: the query as in a retrieval, the documents before and after."""
    attributes["gen_ai.operation.name"] = "rerank"
    say(attributes, "gen_ai.request.model", detail.request_model)
    say(attributes, "gen_ai.retrieval.top_k", detail.top_k)
    say(attributes, "gen_ai.request.top_k", detail.top_k)  # the name until August 2026
    if detail.query:
        attributes["gen_ai.retrieval.query.text"] = detail.query
    if detail.input_documents:
        attributes["span.input"] = dumps([_document(document) for document in detail.input_documents])
    if detail.output_documents:
        attributes["gen_ai.retrieval.documents"] = dumps([_document(document) for document in detail.output_documents])


def _evaluation(attributes: Writable, detail: Score, operation: Operation) -> Span:
    """The result stands on the span, and once more as the conventions' event."""
    result = _result(detail)
    attributes.update(result)
    if operation.input is not None:
        attributes["span.input"] = as_text(operation.input)
    if operation.output is not None:
        attributes["span.output"] = as_text(operation.output)
    span = outline(operation, operation.given_name or operation.name, INTERNAL, attributes)
    event = SpanEvent(name=EVALUATION_EVENT, time_ns=operation.end_ns, attributes=result)
    return replace(span, events=(*span.events, event))


def _with_results(span: Span, operation: Operation) -> Span:
    """Return the span of a judged operation with one event a result, as the conventions ask: on the span that is judged."""
    detail = operation.detail
    answer = {"gen_ai.response.id": detail.response_id} if isinstance(detail, Generation) and detail.response_id else {}
    results = [
        SpanEvent(name=EVALUATION_EVENT, time_ns=operation.end_ns, attributes={**_result(score), **answer})
        for score in operation.scores
    ]
    return replace(span, events=(*span.events, *results))


def _result(detail: Score) -> Writable:
    """Return a result as the conventions name it; what they have no name for, under our own."""
    result: Writable = {"gen_ai.evaluation.name": detail.name}
    say(result, "gen_ai.evaluation.score.value", detail.value)
    say(result, "gen_ai.evaluation.score.label", detail.label)
    say(result, "gen_ai.evaluation.explanation", detail.explanation)
    result["spancast.evaluation.annotator_kind"] = detail.annotator.upper()
    result["spancast.evaluation.scope"] = detail.scope
    say(result, "spancast.evaluation.identifier", detail.identifier)
    if detail.metadata:
        result["spancast.evaluation.metadata"] = dumps(detail.metadata)
    return result


def _document(document: object) -> JSON:
    names = ("id", "score", "content", "metadata")
    return {name: value for name in names if (value := getattr(document, name)) not in (None, "", {})}


def _prompt(attributes: Writable, detail: Generation) -> None:
    if (prompt := detail.prompt) is not None:
        say(attributes, "gen_ai.prompt.name", prompt.name or prompt.id)
        say(attributes, "gen_ai.prompt.version", prompt.version)
    for key, value in detail.prompt_variables.items():
        if value is not None:
            attributes[_VARIABLES[key]] = as_text(value)


def _generation(attributes: Writable, detail: Generation, cost: bool) -> None:
    attributes["gen_ai.operation.name"] = detail.operation
    if detail.provider:
        attributes["gen_ai.provider.name"] = _PROVIDERS.get(detail.provider, detail.provider)
    for name, fact in zip(_FACTS, _facts_of(detail)):  # `say`, without a call for each
        if fact is not None:
            attributes[name] = fact
    if detail.endpoint:
        _server(attributes, detail.endpoint)
    if detail.parameters:
        request(attributes, detail.parameters)
    if detail.stream:
        attributes["gen_ai.request.stream"] = True
    if detail.finish_reasons:
        attributes["gen_ai.response.finish_reasons"] = list(detail.finish_reasons)
    if detail.time_to_first_token_ns is not None:
        attributes["gen_ai.response.time_to_first_chunk"] = detail.time_to_first_token_ns / 1e9
    if detail.usage is not None:
        usage(attributes, detail.usage)
    if cost and detail.cost is not None:
        money(attributes, detail.cost)
    _content(attributes, detail)


_FACTS = {
    "gen_ai.request.model": "request_model",
    "gen_ai.response.model": "response_model",
    "gen_ai.response.id": "response_id",
    "openai.response.service_tier": "service_tier",
}
_facts_of = attrgetter(*_FACTS.values())


def _content(attributes: Writable, detail: Generation) -> None:
    system, rest = _instructions(detail.input_messages)
    if system and (instructions := [part for each in system for part in each.parts]):
        attributes["gen_ai.system_instructions"] = dumps(_parts(instructions))
    if rest:
        _conversation(attributes, "gen_ai.input.messages", rest)
    if detail.output_messages:
        _conversation(attributes, "gen_ai.output.messages", detail.output_messages)
    if detail.tools:
        attributes["gen_ai.tool.definitions"] = dumps([_definition(tool) for tool in detail.tools])
    if detail.cached:
        attributes["gen_ai.response.cache_hit"] = True
    if detail.prompt is not None or detail.prompt_variables:
        _prompt(attributes, detail)


def _server(attributes: Writable, endpoint: str) -> None:
    host, _, port = endpoint.rpartition(":")
    if host and port.isdigit():
        attributes["server.address"], attributes["server.port"] = host, int(port)
    else:
        attributes["server.address"] = endpoint


def _instructions(messages: Sequence[Message]) -> tuple[Sequence[Message], Sequence[Message]]:
    """Split off the leading system messages: the conventions hold them apart."""
    count = 0
    for message in messages:
        if message.role != "system":
            break
        count += 1
    return messages[:count], messages[count:]


def _conversation(attributes: Writable, key: str, messages: Sequence[Message]) -> None:
    attributes[key] = all_written(messages, _message)


def _message(message: Message) -> JSON:
    said: dict[str, JSON] = {"role": message.role}
    if message.name:
        said["name"] = message.name
    parts = _parts(message.parts)
    if message.role == "tool" and message.tool_call_id and not any(isinstance(p, ToolResult) for p in message.parts):
        parts = [{"type": "tool_call_response", "id": message.tool_call_id, "response": _response(message)}]
    said["parts"] = parts
    if message.finish_reason:
        said["finish_reason"] = message.finish_reason
    return said


def _response(message: Message) -> JSON:
    parts = message.parts
    return parts[0].text if len(parts) == 1 and isinstance(parts[0], Text) else _parts(parts)


def _parts(parts: Sequence[Part]) -> list[JSON]:
    """Return the pieces; a thought of which only the provider's sealed copy is there has no form here."""
    return [_part(part) for part in parts if not (isinstance(part, Reasoning) and not part.text)]


def _part(part: Part) -> JSON:
    if isinstance(part, Text):
        said: dict[str, JSON] = {"type": "text", "content": part.text}
        return said if part.citations is None else {**said, "citations": part.citations}
    if isinstance(part, Refusal):
        return {"type": "refusal", "content": part.text}
    if isinstance(part, Reasoning):
        return {"type": "reasoning", "content": part.text}
    if isinstance(part, ToolCall):
        if part.server:
            return _server_call(part)
        return {"type": "tool_call", "id": part.id, "name": part.name, "arguments": part.arguments}
    if isinstance(part, ToolResult):
        if part.server:
            return _server_result(part)
        return {"type": "tool_call_response", "id": part.id, "response": part.result}
    if isinstance(part, Media):
        return _media(part)
    value = part.value if isinstance(part, Other) else None
    # each part has a type: Bedrock's and Gemini's own blocks, and LangChain's non-standard ones, may have none
    return (
        value if isinstance(value, Mapping) and type(value.get("type")) is str else {"type": "other", "content": value}
    )


def _server_call(part: ToolCall) -> JSON:
    """Return a tool call that the provider runs: what it was asked stands in an object with the tool's own `type`."""
    asked = part.arguments
    if (
        not isinstance(asked, Mapping) or "type" in asked
    ):  # an OpenAI action has a type of its own: `search`, `open_page`
        asked = {"arguments": asked}
    call = {"type": part.name, **{key: value for key, value in asked.items() if value is not None}}
    return {"type": "server_tool_call", "id": part.id, "name": part.name, "server_tool_call": call}


def _server_result(part: ToolResult) -> JSON:
    """Return what a tool of the provider's found; its `type`, where it has none of its own, is the conventions' word."""
    found = part.result if isinstance(part.result, Mapping) else {"result": part.result}
    kind = found.get("type")
    response = {**found, "type": kind if isinstance(kind, str) else "tool_result"}
    return {"type": "server_tool_call_response", "id": part.id, "server_tool_call_response": response}


def _media(part: Media) -> JSON:
    said: dict[str, JSON] = {"modality": part.modality}
    if part.mime_type:
        said["mime_type"] = part.mime_type
    if part.transcript:
        said["transcript"] = part.transcript
    if part.name:
        said["name"] = part.name
    if part.data is not None:
        return {"type": "blob", **said, "content": part.data}
    if part.file_id is not None:
        return {"type": "file", **said, "file_id": part.file_id}
    return {"type": "uri", **said, "uri": part.url}


def _definition(tool: object) -> JSON:
    held = {name: getattr(tool, name) for name in ("type", "name", "description", "parameters")}
    return {name: value for name, value in held.items() if value is not None}
