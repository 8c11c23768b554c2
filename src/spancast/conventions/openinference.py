"""OpenInference: what Arize AX and Phoenix read (its specification, and what Arize documents).

What it does differently:
* every span has `openinference.span.kind`; the OTLP kind is INTERNAL;
* messages are flattened, one attribute a field, and stand once more in `input.value` / `output.value`;
* custom metadata is one JSON text, `metadata`, and for Arize also `metadata.<key>`;
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
    all_written,
    turn,
)
from ..record.operation import (
    DECISION,
    Agent,
    Detail,
    Document,
    Embedding,
    Generation,
    Kind,
    Operation,
    Reranking,
    Retrieval,
    Score,
    ToolDefinition,
    ToolUse,
)
from .outline import Names, Writable, mcp, metadata_of, outline, say, say_all
from .providers import PROVIDERS, system_of
from .span import INTERNAL, AttributeValue, Span

TEXT, JSON_TYPE = "text/plain", "application/json"
# Names as constants, not put together: the hash of a constant is known, here and where names are encoded.
INPUT, OUTPUT = ("input.value", "input.mime_type"), ("output.value", "output.mime_type")


_METADATA_NAMES = Names("metadata.")


def render(operation: Operation, *, flat_metadata: bool = True) -> Span:
    """Return the span of *operation*. *flat_metadata*: also write `metadata.<key>`, one attribute a key."""
    # `_value_`: an enumeration's `value` is two functions of Python's, a thousand instructions a span
    attributes: dict[str, AttributeValue] = {"openinference.span.kind": operation.kind._value_}
    _who(attributes, operation)
    metadata = metadata_of(operation)
    if metadata:
        _metadata(attributes, metadata, flat_metadata)
    if operation.tags:
        attributes["tag.tags"] = list(operation.tags)
    if operation.node:
        _node(attributes, operation)
    detail = operation.detail
    if isinstance(detail, Generation):
        _generation(attributes, detail, operation.kind)
    else:
        _value(attributes, INPUT, operation.input)
        _value(attributes, OUTPUT, operation.output)
        if detail is not None:
            _detail(attributes, detail, operation)
    if operation.scores:
        _scores(attributes, operation.scores)
    return outline(operation, operation.given_name or operation.name, INTERNAL, attributes)


def _detail(attributes: Writable, detail: Detail, operation: Operation) -> None:
    if isinstance(detail, ToolUse):
        _tool(attributes, detail, operation)
    elif isinstance(detail, Retrieval):
        _retrieval(attributes, detail)
    elif isinstance(detail, Agent):
        attributes["agent.name"] = detail.name
    elif isinstance(detail, Embedding):
        _embedding(attributes, detail)
    elif isinstance(detail, Reranking):
        _reranking(attributes, detail)
    elif isinstance(detail, Score):
        _score(attributes, detail, 0)


def _node(attributes: Writable, operation: Operation) -> None:
    attributes["graph.node.id"] = attributes["graph.node.name"] = operation.node
    if operation.node_parent:
        attributes["graph.node.parent_id"] = operation.node_parent


def _who(attributes: Writable, operation: Operation) -> None:
    if operation.session_id:
        attributes["session.id"] = operation.session_id
    if operation.user:
        attributes["user.id"] = operation.user


def _metadata(attributes: Writable, metadata: Mapping[str, JSON], flat: bool) -> None:
    attributes["metadata"] = dumps(metadata)
    if flat:
        say_all(attributes, _METADATA_NAMES, metadata)


def _value(attributes: Writable, side: tuple[str, str], value: JSON) -> None:
    if value is None:
        return
    if isinstance(value, str):
        attributes[side[0]], attributes[side[1]] = value, TEXT
    else:
        attributes[side[0]], attributes[side[1]] = dumps(value), JSON_TYPE


def _conversation(attributes: Writable, side: tuple[str, str], messages: tuple[Message, ...]) -> None:
    attributes[side[0]] = f'{{"messages":{all_written(messages, turn)}}}'
    attributes[side[1]] = JSON_TYPE


def _generation(attributes: Writable, detail: Generation, kind: Kind) -> None:
    _model(attributes, detail)
    if kind is DECISION:
        _decision(attributes, detail)
    if detail.operation == "text_completion":
        _completion(attributes, detail)
    else:
        if detail.input_messages:
            _conversation(attributes, INPUT, detail.input_messages)
            _messages(attributes, "llm.input_messages", detail.input_messages)
        if detail.output_messages:
            _answer(attributes, detail.output_messages)
            _messages(attributes, "llm.output_messages", detail.output_messages)
    for index, tool in enumerate(detail.tools):
        attributes[f"llm.tools.{index}.tool.json_schema"] = dumps(_schema(tool))
    _template(attributes, detail)
    _tokens(attributes, detail)
    _cost(attributes, detail)
    if detail.time_to_first_token_ns is not None:
        attributes["gen_ai.response.time_to_first_chunk"] = detail.time_to_first_token_ns / 1e9


def _decision(attributes: Writable, detail: Generation) -> None:
    """Write the names of the package's decision spans; the `llm.*` ones stand beside them, which Phoenix reads."""
    say(attributes, "decision.model_name", attributes.get("llm.model_name"))
    say(attributes, "decision.request.model_name", detail.request_model)
    say(attributes, "decision.response.model_name", detail.response_model)
    say(attributes, "decision.provider", attributes.get("llm.provider"))
    say(attributes, "decision.system", attributes.get("llm.system"))
    if detail.usage is not None:
        say(attributes, "decision.token_count.input", detail.usage.input_tokens)
        say(attributes, "decision.token_count.output", detail.usage.output_tokens)


def _template(attributes: Writable, detail: Generation) -> None:
    if detail.prompt_template:
        attributes["llm.prompt_template.template"] = detail.prompt_template
    if detail.prompt_variables:
        attributes["llm.prompt_template.variables"] = dumps(detail.prompt_variables)
    if (prompt := detail.prompt) is not None:
        say(attributes, "llm.prompt_template.version", prompt.version)
        say(attributes, "prompt.id", prompt.id or prompt.name)  # the conventions have no name for the name
        say(attributes, "prompt.url", prompt.url)
        say(attributes, "prompt.vendor", prompt.vendor)


def _schema(tool: ToolDefinition) -> JSON:
    if tool.schema is not None:
        return tool.schema
    held = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {name: value for name, value in held.items() if value is not None}


def _model(attributes: Writable, detail: Generation) -> None:
    if name := detail.response_model or detail.request_model:
        attributes["llm.model_name"] = name
    if detail.request_model:
        attributes["llm.request.model_name"] = detail.request_model
    if detail.response_model:
        attributes["llm.response.model_name"] = detail.response_model
    if detail.provider:
        attributes["llm.provider"] = PROVIDERS.get(detail.provider, detail.provider)
    if system := system_of(detail.provider, detail.response_model or detail.request_model):
        attributes["llm.system"] = system
    if detail.parameters:
        attributes["llm.invocation_parameters"] = dumps(detail.parameters)
    if detail.finish_reasons:
        attributes["llm.finish_reason"] = detail.finish_reasons[0]
    if detail.cached:
        attributes["llm.cache_hit"] = True


def _completion(attributes: Writable, detail: Generation) -> None:
    prompts = [_plain_text(message) for message in detail.input_messages]
    choices = [_plain_text(message) for message in detail.output_messages]
    if prompts:
        _value(attributes, INPUT, prompts[0] if len(prompts) == 1 else list(prompts))
    if choices:
        _value(attributes, OUTPUT, choices[0] if len(choices) == 1 else list(choices))
    for index, prompt in enumerate(prompts):
        attributes[f"llm.prompts.{index}.prompt.text"] = prompt
    for index, choice in enumerate(choices):
        attributes[f"llm.choices.{index}.completion.text"] = choice


def _answer(attributes: Writable, messages: tuple[Message, ...]) -> None:
    first = messages[0].parts
    if len(messages) == 1 and len(first) == 1 and isinstance(first[0], Text) and first[0].citations is None:
        _value(attributes, OUTPUT, first[0].text)
    else:
        _conversation(attributes, OUTPUT, messages)


def _plain_text(message: Message) -> str:
    return "".join(part.text for part in message.parts if isinstance(part, (Text, Refusal)))


def _messages(attributes: Writable, prefix: str, messages: tuple[Message, ...]) -> None:
    for (place, role, content), message in zip(_places(prefix, len(messages)), messages):
        parts = message.parts
        if len(parts) == 1 and type(parts[0]) is Text and not message.name and not message.tool_call_id:
            attributes[role] = message.role  # most messages of a long history: half the time of the general way
            attributes[content] = parts[0].text
        else:
            _message(attributes, place, message)


_known_places: dict[str, tuple[tuple[str, str, str], ...]] = {}
_MOST_PLACES = 512  # of one side that are kept


def _places(prefix: str, count: int) -> tuple[tuple[str, str, str], ...]:
    """Return the beginning of the names of *count* messages' attributes, and the names of role and content.

    Made once: making two names of each message and their hashes took a sixth of the rendering of a long history.
    """
    known = _known_places.get(prefix, ())
    if count <= len(known):
        return known
    places = [f"{prefix}.{index}.message." for index in range(max(count, 16))]
    made = tuple([(place, place + "role", place + "content") for place in places])
    if count <= _MOST_PLACES:
        _known_places[prefix] = made
    return made


def _message(attributes: Writable, prefix: str, message: Message) -> None:
    attributes[prefix + "role"] = message.role
    if message.name:
        attributes[prefix + "name"] = message.name
    if message.tool_call_id:
        attributes[prefix + "tool_call_id"] = message.tool_call_id
    calls = [part for part in message.parts if isinstance(part, ToolCall) and not part.server]
    parts = [part for part in message.parts if not isinstance(part, ToolCall) or part.server]
    if len(parts) == 1 and isinstance(parts[0], Text):
        attributes[prefix + "content"] = parts[0].text
    elif len(parts) == 1 and isinstance(parts[0], ToolResult):
        attributes[prefix + "content"] = as_text(parts[0].result)
    else:
        for index, part in enumerate(parts):
            _content(attributes, f"{prefix}contents.{index}.", part)
    for index, call in enumerate(calls):
        _tool_call(attributes, f"{prefix}tool_calls.{index}.tool_call.", call)


def _tool_call(attributes: Writable, prefix: str, call: ToolCall) -> None:
    if call.id:
        attributes[prefix + "id"] = call.id
    attributes[prefix + "function.name"] = call.name
    attributes[prefix + "function.arguments"] = as_text(call.arguments)
    say(attributes, prefix + "reasoning_signature", call.signature)


def _content(attributes: Writable, prefix: str, part: Part) -> None:
    content = prefix + "message_content."
    if isinstance(part, (Text, Refusal)):
        attributes[content + "type"] = "text"
        attributes[content + "text"] = part.text
    elif isinstance(part, Reasoning):
        attributes[content + "type"] = "reasoning"
        if part.text:
            attributes[content + "text"] = part.text
        say(attributes, content + "signature", part.signature)
        say(attributes, content + "id", part.id)
        say(attributes, content + "data", part.data)
        say(attributes, content + "encrypted_content", part.encrypted)
    elif isinstance(part, Media):
        _media(attributes, content, part)
    elif isinstance(part, ToolCall):
        attributes[content + "type"] = "tool_use"
        _tool_call(attributes, prefix + "tool_call.", part)
    else:
        attributes[content + "type"] = "text"
        attributes[content + "text"] = as_text(part.result if isinstance(part, ToolResult) else _other(part))


def _other(part: Part) -> JSON:
    return part.value if isinstance(part, Other) else None


def _media(attributes: Writable, content: str, part: Media) -> None:
    attributes[content + "type"] = part.modality
    address = part.url or part.file_id
    if part.data:
        address = f"data:{part.mime_type or 'application/octet-stream'};base64,{part.data}"
    name = {"image": "image.image.url", "audio": "audio.audio.url", "video": "video.video.url"}.get(part.modality)
    say(attributes, content + (name or "document.document.url"), address)
    if part.name and part.modality == "document":
        attributes[content + "document.document.name"] = part.name
    if part.modality == "audio" and part.mime_type:
        attributes[content + "audio.audio.mime_type"] = part.mime_type
    if part.transcript:
        attributes[content + ("audio.audio.transcript" if part.modality == "audio" else "text")] = part.transcript


def _tokens(attributes: Writable, detail: Generation) -> None:
    usage = detail.usage
    if usage is None:
        return
    for name, count in (  # a loop: a call of `say` for each costs three times as much
        ("llm.token_count.prompt", usage.input_tokens),
        ("llm.token_count.completion", usage.output_tokens),
        ("llm.token_count.total", usage.total_tokens),
        ("llm.token_count.prompt_details.cache_read", usage.cache_read_tokens),
        ("llm.token_count.prompt_details.cache_write", usage.cache_write_tokens),
        ("llm.token_count.prompt_details.audio", usage.input_audio_tokens),
        ("llm.token_count.completion_details.reasoning", usage.reasoning_tokens),
        ("llm.token_count.completion_details.audio", usage.output_audio_tokens),
    ):
        if count is not None:
            attributes[name] = count


def _cost(attributes: Writable, detail: Generation) -> None:
    cost = detail.cost
    if cost is None:
        return
    say(attributes, "llm.cost.prompt", cost.input)
    say(attributes, "llm.cost.completion", cost.output)
    say(attributes, "llm.cost.total", cost.total)
    if cost.cache_read is not None or cost.cache_write is not None:
        say(attributes, "llm.cost.prompt_details.cache_read", cost.cache_read)
        say(attributes, "llm.cost.prompt_details.cache_write", cost.cache_write)
        if cost.input is not None:  # what is left for the input that no cache had a part in
            rest = cost.input - (cost.cache_read or 0.0) - (cost.cache_write or 0.0)
            attributes["llm.cost.prompt_details.input"] = max(rest, 0.0)
    if cost.reasoning is not None:
        attributes["llm.cost.completion_details.reasoning"] = cost.reasoning
        if cost.output is not None:
            attributes["llm.cost.completion_details.output"] = max(cost.output - cost.reasoning, 0.0)


def _tool(attributes: Writable, detail: ToolUse, operation: Operation) -> None:
    attributes["tool.name"] = detail.name
    if detail.description:
        attributes["tool.description"] = detail.description
    if detail.call_id:
        attributes["tool.id"] = detail.call_id
    if operation.input is not None:
        attributes["tool.parameters"] = as_text(operation.input)
    if detail.is_mcp:
        mcp(attributes, detail, operation.failure)


def _retrieval(attributes: Writable, detail: Retrieval) -> None:
    for index, document in enumerate(detail.documents):
        _document(attributes, f"retrieval.documents.{index}.document.", document)


def _document(attributes: Writable, prefix: str, document: Document) -> None:
    if document.id is not None:
        attributes[prefix + "id"] = document.id
    if document.score is not None:
        attributes[prefix + "score"] = document.score
    if document.content:
        attributes[prefix + "content"] = document.content
    if document.metadata:
        attributes[prefix + "metadata"] = dumps(document.metadata)


def _embedding(attributes: Writable, detail: Embedding) -> None:
    """Like a generation's, but without provider and system, which OpenInference leaves out here."""
    if detail.request_model:
        attributes["embedding.model_name"] = detail.request_model
    if detail.parameters:
        attributes["embedding.invocation_parameters"] = dumps(detail.parameters)
    for index, text in enumerate(detail.texts):
        attributes[f"embedding.embeddings.{index}.embedding.text"] = text
    for index, vector in enumerate(detail.vectors):
        attributes[f"embedding.embeddings.{index}.embedding.vector"] = list(vector)
    if detail.usage is not None:
        say(attributes, "llm.token_count.prompt", detail.usage.input_tokens)
        say(attributes, "llm.token_count.total", detail.usage.total_tokens)
    say(attributes, "gen_ai.embeddings.dimension.count", detail.dimensions)
    say(attributes, "spancast.embedding.count", detail.count)


def _reranking(attributes: Writable, detail: Reranking) -> None:
    if detail.query:
        attributes["reranker.query"] = detail.query
    if detail.request_model:
        attributes["reranker.model_name"] = detail.request_model
    say(attributes, "reranker.top_k", detail.top_k)
    for side, documents in (("input", detail.input_documents), ("output", detail.output_documents)):
        for index, document in enumerate(documents):
            _document(attributes, f"reranker.{side}_documents.{index}.document.", document)


def _scores(attributes: Writable, scores: tuple[Score, ...]) -> None:
    for index, score in enumerate(scores):
        _score(attributes, score, index)


def _score(attributes: Writable, detail: Score, index: int) -> None:
    """As the specification's page on annotations says, on the judged span or its carrier; without a result no object."""
    if detail.value is None and not detail.label and not detail.explanation:
        return
    prefix = f"{_SCOPES[detail.scope]}{index}.evaluation."
    attributes[prefix + "name"] = detail.name
    say(attributes, prefix + "score", detail.value)
    say(attributes, prefix + "label", detail.label)
    say(attributes, prefix + "explanation", detail.explanation)
    attributes[prefix + "annotator_kind"] = detail.annotator.upper()
    say(attributes, prefix + "identifier", detail.identifier)
    if detail.metadata:
        attributes[prefix + "metadata"] = dumps(detail.metadata)


_SCOPES = {
    "evaluator": "evaluations.",
    "span": "evaluations.",
    "trace": "trace.evaluations.",
    "session": "session.evaluations.",
}
