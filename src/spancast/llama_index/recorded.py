"""A request and an answer of LlamaIndex's models, as a recording has them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse, ToolCallBlock
from llama_index.core.llms.llm import LLM

from ..capture.model_calls import Answer, Request, filled, words_of

_REPEATED: Final = frozenset({"message", "delta", "output", "logprobs"})  # of a raw answer: the message has it


def request_of(messages: Sequence[ChatMessage], **settings: Any) -> Request:
    """Return a request."""
    return {"messages": [_message(each) for each in messages], **filled(settings)}


def _message(message: ChatMessage) -> dict[str, Any]:
    blocks = [block.model_dump(exclude_none=True) for block in message.blocks]
    content: Any = [block for block in blocks if block.get("block_type") != "tool_call"]
    if all(block.get("block_type") == "text" for block in content):
        content = "".join(str(block["text"]) for block in content)
    more = {name: message.additional_kwargs.get(name) for name in ("tool_call_id", "name")}
    return {"role": message.role.value, "content": content, **filled({"tool_calls": tool_calls(message), **more})}


def tool_calls(message: ChatMessage) -> list[dict[str, Any]]:
    """Return the calls that a message asks for."""
    blocks = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    return [{"name": each.tool_name, "args": _arguments(each.tool_kwargs), "id": each.tool_call_id} for each in blocks]


def _arguments(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value or "{}")
    except ValueError:
        return {"": value}


def settings_of(model: LLM, kwargs: Mapping[str, Any], *, known: bool) -> dict[str, Any]:
    """Return model, tools and stop words, as far as they are *known*."""
    tools = [name for tool in kwargs.get("tools") or () if (name := tool_name(tool))]
    try:
        name = model.metadata.model_name if known else None
    except Exception:  # of a model that only some names have metadata of
        name = None
    return filled({"model": name, "tools": tools, "stop": kwargs.get("stop")})


def tool_name(tool: Any) -> str | None:
    """Return the name in the definition of a tool."""
    if isinstance(tool, Mapping):
        inner = tool.get("function")
        found = (inner if isinstance(inner, Mapping) else tool).get("name")
        return str(found) if found else None
    return None


def answer_of(response: ChatResponse | CompletionResponse) -> Answer:
    """Return a response as a recording has it."""
    raw = raw_fields(response.raw)
    usage = raw.get("usage") if isinstance(raw.get("usage"), dict) else {}
    own: dict[str, Any] = {"raw": raw, "additional_kwargs": response.additional_kwargs}
    if isinstance(response, ChatResponse):
        message = response.message
        content: Any = message.content or ""
        calls = tool_calls(message)
        blocks = [_block(each) for each in message.blocks]
        if blocks != _blocks({"content": content, "tool_calls": calls}):
            own["blocks"] = blocks
    else:
        content, calls = response.text, []
    choices = raw.get("choices")
    reason = choices[0].get("finish_reason") if isinstance(choices, list) and choices else None
    neutral = {"usage": _usage(usage or {}), "model": raw.get("model"), "finish_reason": reason, "tool_calls": calls}
    return {"content": content, **filled({**neutral, "llama_index": filled(own)})}


def _block(block: Any) -> dict[str, Any]:
    found: dict[str, Any] = block.model_dump(exclude_none=True)
    return {**found, "tool_kwargs": _arguments(found["tool_kwargs"])} if "tool_kwargs" in found else found


def _blocks(answer: Answer) -> list[dict[str, Any]]:
    """Return the blocks that text and tool calls of an answer make."""
    blocks = [{"block_type": "text", "text": text_of(answer)}] if text_of(answer) else []
    for call in answer.get("tool_calls", ()):
        found = {"block_type": "tool_call", "tool_name": call["name"], "tool_kwargs": call["args"]}
        blocks.append({**found, **filled({"tool_call_id": call.get("id")})})
    return blocks


def _usage(usage: Mapping[str, Any]) -> dict[str, int]:
    """Return token counts in one spelling: OpenAI's and Anthropic's are read."""
    found = {
        "input_tokens": usage.get("prompt_tokens", usage.get("input_tokens")),
        "output_tokens": usage.get("completion_tokens", usage.get("output_tokens")),
        "total_tokens": usage.get("total_tokens"),
    }
    return {name: number for name, number in found.items() if isinstance(number, int)}


def raw_fields(raw: Any) -> dict[str, Any]:
    """Return what a provider's answer says besides the message."""
    dump = getattr(raw, "model_dump", None)
    plain = dump(exclude_none=True) if callable(dump) else dict(raw) if isinstance(raw, Mapping) else {}
    kept = {name: value for name, value in plain.items() if name not in _REPEATED and value is not None}
    if isinstance(choices := kept.get("choices"), list):
        kept["choices"] = [
            {name: value for name, value in each.items() if name not in _REPEATED}
            for each in choices
            if isinstance(each, dict)
        ]
    return kept


def chat_response(answer: Answer) -> ChatResponse:
    """Return a recorded answer as the response of a chat."""
    own = answer.get("llama_index") or {}
    message = ChatMessage(role="assistant", blocks=own.get("blocks") or _blocks(answer))
    return ChatResponse(message=message, raw=_raw_of(answer), additional_kwargs=own.get("additional_kwargs") or {})


def _raw_of(answer: Answer) -> dict[str, Any]:
    own = (answer.get("llama_index") or {}).get("raw")
    if own is not None:
        return dict(own)
    usage = answer.get("usage") or {}
    names = {"input_tokens": "prompt_tokens", "output_tokens": "completion_tokens", "total_tokens": "total_tokens"}
    counted = {theirs: usage[ours] for ours, theirs in names.items() if ours in usage}
    choices = [{"finish_reason": answer["finish_reason"]}] if answer.get("finish_reason") else []
    return filled({"model": answer.get("model"), "usage": counted, "choices": choices})


def text_of(answer: Answer) -> str:
    """Return the text of an answer."""
    content = answer.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(str(block.get("text", "")) for block in content if isinstance(block, dict))


def completion(answer: Answer) -> CompletionResponse:
    """Return a recorded answer as a completion."""
    own = answer.get("llama_index") or {}
    return CompletionResponse(
        text=text_of(answer), raw=_raw_of(answer), additional_kwargs=own.get("additional_kwargs") or {}
    )


def chat_pieces(answer: Answer) -> Iterator[ChatResponse]:
    """Yield an answer as a stream has it: word by word, and with the last piece everything that is no text."""
    whole = ""
    for word in words_of(text_of(answer)):
        whole += word
        yield ChatResponse(message=ChatMessage(role="assistant", content=whole), delta=word)
    last = chat_response(answer)
    last.delta = ""
    yield last


def completion_pieces(answer: Answer) -> Iterator[CompletionResponse]:
    """Yield an answer as a stream of a completion."""
    whole = ""
    for word in words_of(text_of(answer)):
        whole += word
        yield CompletionResponse(text=whole, delta=word)
    last = completion(answer)
    last.delta = ""
    yield last
