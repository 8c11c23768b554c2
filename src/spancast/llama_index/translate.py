"""An operation's snapshots -> content in the record's words. Pure; runs in a lane's thread, once for all destinations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..capture.answer import NO_ANSWER, is_handed_on
from ..capture.endpoint import endpoint_of
from ..capture.snapshot import plain_data
from ..capture.tools import tools_of
from ..record.json import JSON
from ..record.message import Message, Text, ToolCall, conversation
from ..record.operation import (
    NOTHING,
    Agent,
    Embedding,
    Generation,
    Reranking,
    Retrieval,
    ToolUse,
)
from ..record.prices import estimate
from ..recording.captured import CapturedOperation, Content, Translate
from ..recording.fields import CONSUMED
from . import classify, outcome
from .messages import MessageSnapshot, as_data, named, to_documents, to_messages

_CONSUMED = frozenset(CONSUMED)


def call(captured: CapturedOperation) -> Content:
    """Translate a chain: query engines, workflows, steps, the application's own functions."""
    held = captured.snapshots
    return Content(input=_shown(held.get("input")), output=_shown(held.get("output")), **_about(captured))


def _shown(value: object) -> JSON:
    """Return a snapshot as people read it; a single message as its text."""
    if isinstance(value, MessageSnapshot):
        parts = to_messages(value)[0].parts
        if len(parts) == 1 and isinstance(parts[0], Text):
            return parts[0].text
    if isinstance(value, dict) and set(value) == {"result"}:
        result = value["result"]
        if isinstance(result, dict) and "current_agent_name" in result and "response" in result:
            # of a run of several agents: what the last one answered
            return _with_structure(_shown(result["response"]), result)
        return _shown(result)
    return as_data(value)


def agent(captured: CapturedOperation) -> Content:
    """Translate an agent: its input and output are conversations."""
    held = captured.snapshots
    given = held.get("input")
    asked = to_messages(given)
    told = to_messages(_answer(held.get("output")))
    detail = Agent(
        name=held.get("agent") or captured.name,
        input_messages=asked,
        output_messages=tuple(_as_assistant(message) for message in told),
    )
    answer = told[0].parts if len(told) == 1 else ()
    output = (
        answer[0].text if len(answer) == 1 and isinstance(answer[0], Text) else conversation(told) if told else None
    )
    return Content(
        input=_shown(given),
        output=_with_structure(output, held.get("output")) if told else _shown(held.get("output")),
        detail=detail,
        **_about(captured),
    )


def _as_assistant(message: Message) -> Message:
    return Message(role="assistant", parts=message.parts, name=message.name)


def _with_structure(answer: JSON, output: object) -> JSON:
    """Add the object that an agent with an `output_cls` made besides its answer."""
    if isinstance(output, dict) and isinstance(output.get("result"), dict):
        output = output["result"]
    structured = output.get("structured_response") if isinstance(output, dict) else None
    return answer if structured is None else {"response": answer, "structured_response": as_data(structured)}


def _answer(output: object) -> object:
    """Find the message in an AgentOutput, which may be the result of a StopEvent."""
    if isinstance(output, dict):
        return _answer(output.get("result", output.get("response")))
    return output if isinstance(output, MessageSnapshot) else None


def tool(captured: CapturedOperation) -> Content:
    """Translate a tool call: its input is its plain arguments."""
    held = captured.snapshots
    detail = ToolUse(
        name=captured.name,
        description=held.get("description"),
        call_id=held.get("call_id"),
        declared=not held.get("undeclared"),
        is_mcp="mcp" in held,
        transport=held.get("mcp"),
    )
    given, made = as_data(held.get("input")), as_data(held.get("output"))
    return Content(input=given, output=made, detail=detail, **_about(captured))


def retrieval(captured: CapturedOperation) -> Content:
    """Translate a retrieval."""
    held = captured.snapshots
    query = as_data(held.get("input"))
    detail = Retrieval(
        query=query if isinstance(query, str) else "",
        documents=to_documents(held.get("output")),
        top_k=held.get("top_k"),
    )
    return Content(input=query, output=as_data(held.get("output")), detail=detail, **_about(captured))


def reranking(captured: CapturedOperation) -> Content:
    """Translate a postprocessing of nodes."""
    held = captured.snapshots
    query = as_data(held.get("query"))
    detail = Reranking(
        query=query if isinstance(query, str) else "",
        request_model=held.get("model"),
        top_k=held.get("top_k"),
        input_documents=to_documents(held.get("documents")),
        output_documents=to_documents(held.get("output")),
    )
    return Content(input=query, output=as_data(held.get("output")), detail=detail, **_about(captured))


def embedding(captured: CapturedOperation) -> Content:
    """Translate an embedding."""
    held = captured.snapshots
    texts = tuple(text for text in held.get("texts") or () if isinstance(text, str))
    detail = Embedding(
        provider=held.get("provider"),
        request_model=held.get("model"),
        parameters=held.get("parameters") or NOTHING,
        texts=texts,
        vectors=held.get("vectors") or (),
        count=held.get("count"),
        dimensions=held.get("dimensions"),
    )
    return Content(input=texts[0] if len(texts) == 1 else list(texts) or None, detail=detail, **_about(captured))


def generation(captured: CapturedOperation) -> Content:
    """Translate a model call."""
    held = captured.snapshots
    snapshot: outcome.AnswerSnapshot | None = held.get("answer")
    answer = NO_ANSWER if snapshot is None else snapshot.read()
    first = captured.first_token_ns
    template, variables = held.get("template") or (None, None)
    usage, cost = answer.usage, answer.cost
    if usage is not None:
        if "inner" in held and is_handed_on(answer, held["inner"]):
            usage = cost = None
        elif cost is None:
            cost = estimate(usage, (answer.model, held.get("model")), held.get("provider"), answer.service_tier)
    detail = Generation(
        operation=held["operation"],
        provider=held.get("provider"),
        request_model=held.get("model"),
        response_model=answer.model,
        response_id=answer.id,
        parameters=_mapping(as_data(held.get("parameters"))),
        input_messages=_with_tool_names(to_messages(held.get("messages"))),
        output_messages=answer.messages if captured.capture else (),
        tools=tools_of(held.get("tools")),
        finish_reasons=answer.finish_reasons,
        usage=usage,
        cost=cost,
        time_to_first_token_ns=first - captured.start_ns if first else None,
        stream=bool(held.get("streams")),
        prompt_template=_template(template),
        prompt_variables=_mapping(as_data(variables)),
        service_tier=answer.service_tier,
        endpoint=endpoint_of(held.get("address")),
        gateway=answer.gateway,
    )
    return Content(detail=detail, **_about(captured))


def _with_tool_names(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Name the tool in each tool's answer, which LlamaIndex leaves to the call that it answers."""
    answers = [index for index, message in enumerate(messages) if message.tool_call_id and message.name is None]
    if not answers:
        return messages
    names = {part.id: part.name for message in messages for part in message.parts if type(part) is ToolCall and part.id}
    found = list(messages)
    for index in answers:
        name = names.get(messages[index].tool_call_id or "")
        if name is not None:
            found[index] = named(messages[index], name)
    return tuple(found)


def _template(held: object) -> str | None:
    """Return a template's text; of a template of messages, those."""
    if isinstance(held, str):
        return held or None
    texts = []
    for message in to_messages(held):
        text = "".join(part.text for part in message.parts if isinstance(part, Text))
        texts.append(f"{message.role}: {text}")
    return "\n".join(texts) or None


def _mapping(value: JSON) -> Mapping[str, JSON]:
    return value if isinstance(value, Mapping) and value else NOTHING


def _about(captured: CapturedOperation) -> dict[str, Any]:
    """Return what every kind says alike: the user's tags, the agent around it, the step that it is."""
    held = captured.snapshots
    return {
        "metadata": _metadata(captured),
        "agent": held.get("within"),
        "node": held.get("step"),
        "workflow": "workflow" in held,
    }


def _metadata(captured: CapturedOperation) -> Mapping[str, JSON]:
    """Return what the user's tags say besides the trace fields; the workflows' own tags were never held."""
    if not captured.mapping:
        return NOTHING
    kept = {str(key): value for key, value in captured.mapping.items() if value is not None and key not in _CONSUMED}
    return {key: plain_data(value) for key, value in kept.items()} or NOTHING


def evaluation(captured: CapturedOperation) -> Content:
    """Translate an evaluator's call: what it was asked, and its score."""
    content = call(captured)
    content.detail = captured.snapshots.get("judgement")
    return content


TRANSLATIONS: Mapping[str, Translate] = {
    classify.GENERATION: generation,
    classify.OWN_REQUEST: generation,
    classify.EMBEDDING: embedding,
    classify.RETRIEVAL: retrieval,
    classify.RERANKING: reranking,
    classify.TOOL: tool,
    classify.AGENT: agent,
    classify.EVALUATION: evaluation,
}
