"""OpenInference: what Arize AX and Phoenix read (contracts 5.1).

What it does differently:
* every span has `openinference.span.kind`; the OTLP kind is INTERNAL;
* messages are flattened, one attribute a field, and stand once more in `input.value` / `output.value`;
* custom metadata is one JSON text, `metadata`, and for Arize also `metadata.<key>` (contracts 2.5);
* cost is `llm.cost.*`; time to first token has no name here and borrows gen_ai's.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..record.json import JSON, as_text, dumps
from ..record.message import (
    Media,
    Message,
    Other,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    conversation,
)
from ..record.operation import (
    Agent,
    Document,
    Embedding,
    Generation,
    Operation,
    Reranking,
    Retrieval,
    ToolDefinition,
    ToolUse,
)
from .outline import Pairs, attribute, outline
from .span import INTERNAL, AttributeValue, Span

TEXT, JSON_TYPE = "text/plain", "application/json"
# llm.system names the model family's maker (OI-SPEC); a provider that only resells models has none.
_SYSTEMS = {
    "openai": "openai",
    "azure": "openai",
    "azure_openai": "openai",
    "anthropic": "anthropic",
    "cohere": "cohere",
    "mistralai": "mistralai",
    "mistral": "mistralai",
    "google_vertexai": "vertexai",
    "google_genai": "vertexai",
}
_PROVIDERS = {
    "azure_openai": "azure",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "amazon_bedrock": "aws",
    "google_genai": "google",
    "google_vertexai": "google",
    "mistral": "mistralai",
}


def render(operation: Operation, *, flat_metadata: bool = True) -> Span:
    """Return the span of *operation*. *flat_metadata*: also write `metadata.<key>`, one attribute a key."""
    attributes: dict[str, AttributeValue] = {"openinference.span.kind": operation.kind.value}
    attributes.update(_who(operation))
    attributes.update(_metadata(operation.metadata, flat_metadata))
    if operation.tags:
        attributes["tag.tags"] = list(operation.tags)
    if operation.node:
        attributes["graph.node.id"] = attributes["graph.node.name"] = operation.node
    detail = operation.detail
    if isinstance(detail, Generation):
        attributes.update(_generation(detail))
    else:
        attributes.update(_value("input", operation.input))
        attributes.update(_value("output", operation.output))
        if isinstance(detail, ToolUse):
            attributes.update(_tool(detail, operation.input))
        elif isinstance(detail, Retrieval):
            attributes.update(_retrieval(detail))
        elif isinstance(detail, Agent):
            attributes["agent.name"] = detail.name
        elif isinstance(detail, Embedding):
            attributes.update(_embedding(detail))
        elif isinstance(detail, Reranking):
            attributes.update(_reranking(detail))
    return outline(operation, operation.given_name or operation.name, INTERNAL, attributes)


def _who(operation: Operation) -> Pairs:
    if operation.session_id:
        yield "session.id", operation.session_id
    if operation.user:
        yield "user.id", operation.user


def _metadata(metadata: Mapping[str, JSON], flat: bool) -> Pairs:
    if not metadata:
        return
    yield "metadata", dumps(metadata)
    if flat:
        for key, value in metadata.items():
            yield f"metadata.{key}", attribute(value)


def _value(side: str, value: JSON) -> Pairs:
    if value is None:
        return
    yield f"{side}.value", as_text(value)
    yield f"{side}.mime_type", TEXT if isinstance(value, str) else JSON_TYPE


def _generation(detail: Generation) -> Pairs:
    yield from _model(detail)
    if detail.operation == "text_completion":
        yield from _completion(detail)
    else:
        if detail.input_messages:
            yield from _value("input", {"messages": conversation(detail.input_messages)})
            yield from _messages("llm.input_messages", detail.input_messages)
        if detail.output_messages:
            yield from _answer(detail.output_messages)
            yield from _messages("llm.output_messages", detail.output_messages)
    for index, tool in enumerate(detail.tools):
        yield f"llm.tools.{index}.tool.json_schema", dumps(_schema(tool))
    yield from _template(detail)
    yield from _tokens(detail)
    yield from _cost(detail)
    if detail.time_to_first_token_ns is not None:
        yield "gen_ai.response.time_to_first_chunk", detail.time_to_first_token_ns / 1e9


def _template(detail: Generation) -> Pairs:
    if detail.prompt_template:
        yield "llm.prompt_template.template", detail.prompt_template
    if detail.prompt_variables:
        yield "llm.prompt_template.variables", dumps(detail.prompt_variables)


def _schema(tool: ToolDefinition) -> JSON:
    if tool.schema is not None:
        return tool.schema
    held = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {name: value for name, value in held.items() if value is not None}


def _model(detail: Generation) -> Pairs:
    if name := detail.response_model or detail.request_model:
        yield "llm.model_name", name
    if detail.request_model:
        yield "llm.request.model_name", detail.request_model
    if detail.response_model:
        yield "llm.response.model_name", detail.response_model
    if detail.provider:
        yield "llm.provider", _PROVIDERS.get(detail.provider, detail.provider)
        if system := _SYSTEMS.get(detail.provider):
            yield "llm.system", system
    if detail.parameters:
        yield "llm.invocation_parameters", dumps(detail.parameters)
    if detail.finish_reasons:
        yield "llm.finish_reason", detail.finish_reasons[0]
    if detail.cached:
        yield "llm.cache_hit", True


def _completion(detail: Generation) -> Pairs:
    prompts = [_plain_text(message) for message in detail.input_messages]
    choices = [_plain_text(message) for message in detail.output_messages]
    if prompts:
        yield from _value("input", prompts[0] if len(prompts) == 1 else list(prompts))
    if choices:
        yield from _value("output", choices[0] if len(choices) == 1 else list(choices))
    for index, prompt in enumerate(prompts):
        yield f"llm.prompts.{index}.prompt.text", prompt
    for index, choice in enumerate(choices):
        yield f"llm.choices.{index}.completion.text", choice


def _answer(messages: tuple[Message, ...]) -> Pairs:
    first = messages[0].parts
    if len(messages) == 1 and len(first) == 1 and isinstance(first[0], Text):
        yield from _value("output", first[0].text)
    else:
        yield from _value("output", {"messages": conversation(messages)})


def _plain_text(message: Message) -> str:
    return "".join(part.text for part in message.parts if isinstance(part, (Text, Refusal)))


def _messages(prefix: str, messages: tuple[Message, ...]) -> Pairs:
    for index, message in enumerate(messages):
        parts = message.parts
        place = f"{prefix}.{index}.message."
        if len(parts) == 1 and type(parts[0]) is Text and not message.name and not message.tool_call_id:
            yield place + "role", message.role  # most messages of a long history: half the time of the general way
            yield place + "content", parts[0].text
        else:
            yield from _message(place, message)


def _message(prefix: str, message: Message) -> Pairs:
    yield prefix + "role", message.role
    if message.name:
        yield prefix + "name", message.name
    if message.tool_call_id:
        yield prefix + "tool_call_id", message.tool_call_id
    calls = [part for part in message.parts if isinstance(part, ToolCall) and not part.server]
    parts = [part for part in message.parts if not isinstance(part, ToolCall) or part.server]
    if len(parts) == 1 and isinstance(parts[0], Text):
        yield prefix + "content", parts[0].text
    elif len(parts) == 1 and isinstance(parts[0], ToolResult):
        yield prefix + "content", as_text(parts[0].result)
    else:
        for index, part in enumerate(parts):
            yield from _content(f"{prefix}contents.{index}.", part)
    for index, call in enumerate(calls):
        yield from _tool_call(f"{prefix}tool_calls.{index}.tool_call.", call)


def _tool_call(prefix: str, call: ToolCall) -> Pairs:
    if call.id:
        yield prefix + "id", call.id
    yield prefix + "function.name", call.name
    yield prefix + "function.arguments", as_text(call.arguments)


def _content(prefix: str, part: Part) -> Pairs:
    content = prefix + "message_content."
    if isinstance(part, (Text, Refusal)):
        yield content + "type", "text"
        yield content + "text", part.text
    elif isinstance(part, Reasoning):
        yield content + "type", "reasoning"
        yield content + "text", part.text
        if part.signature:
            yield content + "signature", part.signature
    elif isinstance(part, Media):
        yield from _media(content, part)
    elif isinstance(part, ToolCall):
        yield content + "type", "tool_use"
        yield from _tool_call(prefix + "tool_call.", part)
    else:
        yield content + "type", "text"
        yield content + "text", as_text(part.result if isinstance(part, ToolResult) else _other(part))


def _other(part: Part) -> JSON:
    return part.value if isinstance(part, Other) else None


def _media(content: str, part: Media) -> Pairs:
    yield content + "type", part.modality
    address = part.url or part.file_id
    if part.data:
        address = f"data:{part.mime_type or 'application/octet-stream'};base64,{part.data}"
    name = {"image": "image.image.url", "audio": "audio.audio.url", "video": "video.video.url"}.get(part.modality)
    yield content + (name or "document.document.url"), address
    if part.modality == "audio" and part.mime_type:
        yield content + "audio.audio.mime_type", part.mime_type


def _tokens(detail: Generation) -> Pairs:
    usage = detail.usage
    if usage is None:
        return
    yield "llm.token_count.prompt", usage.input_tokens
    yield "llm.token_count.completion", usage.output_tokens
    yield "llm.token_count.total", usage.total_tokens
    yield "llm.token_count.prompt_details.cache_read", usage.cache_read_tokens
    yield "llm.token_count.prompt_details.cache_write", usage.cache_write_tokens
    yield "llm.token_count.prompt_details.audio", usage.input_audio_tokens
    yield "llm.token_count.completion_details.reasoning", usage.reasoning_tokens
    yield "llm.token_count.completion_details.audio", usage.output_audio_tokens


def _cost(detail: Generation) -> Pairs:
    cost = detail.cost
    if cost is None:
        return
    yield "llm.cost.prompt", cost.input
    yield "llm.cost.completion", cost.output
    yield "llm.cost.total", cost.total


def _tool(detail: ToolUse, arguments: JSON) -> Pairs:
    yield "tool.name", detail.name
    if detail.description:
        yield "tool.description", detail.description
    if detail.call_id:
        yield "tool.id", detail.call_id
    if arguments is not None:
        yield "tool.parameters", as_text(arguments)


def _retrieval(detail: Retrieval) -> Pairs:
    for index, document in enumerate(detail.documents):
        yield from _document(f"retrieval.documents.{index}.document.", document)


def _document(prefix: str, document: Document) -> Pairs:
    if document.id is not None:
        yield prefix + "id", document.id
    if document.score is not None:
        yield prefix + "score", document.score
    if document.content:
        yield prefix + "content", document.content
    if document.metadata:
        yield prefix + "metadata", dumps(document.metadata)


def _embedding(detail: Embedding) -> Pairs:
    """Like a generation's, but without provider and system, which OpenInference leaves out here (contracts 5.1)."""
    if detail.request_model:
        yield "embedding.model_name", detail.request_model
    if detail.parameters:
        yield "embedding.invocation_parameters", dumps(detail.parameters)
    for index, text in enumerate(detail.texts):
        yield f"embedding.embeddings.{index}.embedding.text", text
    for index, vector in enumerate(detail.vectors):
        yield f"embedding.embeddings.{index}.embedding.vector", list(vector)
    yield "gen_ai.embeddings.dimension.count", detail.dimensions
    yield "spancast.embedding.count", detail.count


def _reranking(detail: Reranking) -> Pairs:
    if detail.query:
        yield "reranker.query", detail.query
    if detail.request_model:
        yield "reranker.model_name", detail.request_model
    yield "reranker.top_k", detail.top_k
    for side, documents in (("input", detail.input_documents), ("output", detail.output_documents)):
        for index, document in enumerate(documents):
            yield from _document(f"reranker.{side}_documents.{index}.document.", document)
