"""Reads a span's messages into one shape, whoever wrote them: OpenInference, GenAI, OpenRouter, OpenLLMetry, a state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .flat import MAX_ITEMS, Data, at, data_in, listed


def input_messages(attributes: Mapping[str, Any], nested: Data) -> list[Data]:
    """Return what the model was given, system instructions first."""
    instructions = _parts(data_in(attributes.get("gen_ai.system_instructions")))
    system = [{"role": "system", "parts": instructions}] if instructions else []
    given = data_in(attributes.get("gen_ai.input.messages"))
    if isinstance(given, list):
        return system + [_message(each) for each in given[:MAX_ITEMS] if isinstance(each, dict)]
    flat = [_flat_message(at(each, "message")) for each in listed(at(nested, "llm", "input_messages"))]
    if not flat:
        flat = [_text_message("user", at(each, "prompt", "text")) for each in listed(at(nested, "llm", "prompts"))]
    if not flat:
        flat = [_older_message(each) for each in listed(at(nested, "gen_ai", "prompt"))]
    if not flat:
        flat = _broadcast_messages(data_in(attributes.get("gen_ai.prompt")))
    return system + [message for message in flat if message]


def output_messages(attributes: Mapping[str, Any], nested: Data) -> list[Data]:
    """Return what the model answered."""
    given = data_in(attributes.get("gen_ai.output.messages"))
    if isinstance(given, list):
        return [_message(each) for each in given[:MAX_ITEMS] if isinstance(each, dict)]
    flat = [_flat_message(at(each, "message")) for each in listed(at(nested, "llm", "output_messages"))]
    if not flat:
        choices = listed(at(nested, "llm", "choices"))
        flat = [_text_message("assistant", at(each, "completion", "text")) for each in choices]
    if not flat:
        flat = [_older_message(each) for each in listed(at(nested, "gen_ai", "completion"))]
    if not flat:
        flat = _broadcast_answer(data_in(attributes.get("gen_ai.completion")), attributes)
    return [message for message in flat if message]


def _text_message(role: str, text: Any) -> Data | None:
    return {"role": role, "parts": [{"type": "text", "text": str(text)}]} if text else None


def _message(given: Data) -> Data:
    """Read a message of the GenAI conventions, or one in the form of a provider's request."""
    if "openrouter_truncated" in given and "role" not in given:  # stands where Broadcast left messages out
        return {"role": "truncated", "parts": [{"type": "other", "data": given}]}
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
        return _cited({"type": "refusal" if kind == "refusal" else "text", "text": _text_of(given)}, given)
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


def _cited(part: Data, given: Data) -> Data:
    """Add what a text rests on, as pairs of a title and an address; either may be missing."""
    citations = given.get("citations")
    sources: list[Data] = []
    for each in citations[:MAX_ITEMS] if isinstance(citations, list) else []:
        if isinstance(each, str):
            sources.append({"title": "", "url": each})
        elif isinstance(each, dict):
            nested = each.get("url_citation")
            inner: Data = nested if isinstance(nested, dict) else each
            found = {
                name: next((text for key in keys if isinstance(text := inner.get(key), str) and text), "")
                for name, keys in _SOURCE.items()
            }
            if (found["title"] or found["url"]) and found not in sources:
                sources.append(found)
    return {**part, "sources": sources} if sources else part


_SOURCE = {"title": ("title", "document_title", "filename", "cited_text"), "url": ("url", "uri", "source", "file_id")}


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
        "arguments": data_in(arguments),
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
    held = given.get("content") or given.get("data")  # gen_ai's form, and that of a message in a chain's value
    if held:
        part["url"] = f"data:{mime or 'application/octet-stream'};base64,{held}"
    else:
        part["url"] = given.get("uri") or given.get("url") or given.get("file_id")
    if mime:
        part["mime_type"] = mime
    if isinstance(given.get("name"), str):
        part["name"] = given["name"]
    return part


def _flat_message(given: Any) -> Data | None:
    """Read OpenInference's flat message: `message.content`, `message.contents.N`, `message.tool_calls.N`."""
    if not isinstance(given, dict):
        return None
    parts = _parts(given.get("content"))
    parts += [_flat_part(each) for each in listed(given.get("contents"))]
    calls = [at(each, "tool_call") for each in listed(given.get("tool_calls"))]
    parts += [_call(each) for each in calls if isinstance(each, dict)]
    message: Data = {"role": str(given.get("role") or "user"), "parts": parts}
    if message["role"] == "tool":
        message["parts"] = [{"type": "tool_result", "id": given.get("tool_call_id"), "result": _joined(parts)}]
    if given.get("name"):
        message["name"] = given["name"]
    return message


def _flat_part(given: Any) -> Data:
    content = at(given, "message_content")
    if not isinstance(content, dict):
        return {"type": "other", "data": given}
    kind = str(content.get("type") or "text")
    if kind in ("text", "reasoning"):
        return {"type": kind, "text": str(content.get("text") or "")}
    if kind == "tool_use":
        return _call(at(given, "tool_call") or {})
    address = next((url for name in ("image", "audio", "video", "document") if (url := _address(content, name))), None)
    name = at(content, "document", "document", "name")
    return {"type": "media", "modality": kind, "url": address, **({"name": name} if isinstance(name, str) else {})}


def _address(content: Data, name: str) -> Any:
    return at(content, name, name, "url") or at(content, name, "url")


def _older_message(given: Any) -> Data | None:
    """Read OpenLLMetry's `gen_ai.prompt.0.content` and `.tool_calls.0.name`."""
    if not isinstance(given, dict):
        return None
    parts = _parts(data_in(given.get("content")))
    parts += [_call(each) for each in listed(given.get("tool_calls")) if isinstance(each, dict)]
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


def _broadcast_answer(given: Any, attributes: Mapping[str, Any]) -> list[Data | None]:
    """Read OpenRouter's `gen_ai.completion`: `{"completion", "reasoning", "toolCalls"}`."""
    if isinstance(given, str):
        return [_text_message("assistant", given)]
    if not isinstance(given, dict):
        return []
    reason = attributes.get("gen_ai.response.finish_reason")
    about = {"role": "assistant", "content": given.get("completion"), "finish_reason": reason}
    message = _message({**given, **about})
    return [message] if message["parts"] else []


def state_messages(state: Any) -> list[Data]:
    """Return the messages in a graph's state."""
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
