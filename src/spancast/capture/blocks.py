"""Content blocks of every provider and framework, read into Parts by one table.

A block is a mapping with a `type`, or (Bedrock Converse, Gemini) one whose single key says what it is. Known are the forms
of OpenAI's two APIs, Anthropic, Bedrock, Gemini, Mistral, Groq, OpenRouter, LangChain 0.3 and 1, and LlamaIndex. A block
that says nothing becomes no part; one that nobody knows becomes an Other with its plain data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson

from ..record.json import JSON
from ..record.message import Other, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from .lookup import fields_of, text_of
from .media import MODALITIES, media
from .snapshot import plain_data

Block = Mapping[str, Any]
Parts = Sequence[Part]
Reader = Callable[[Block], Parts]
NO_PARTS: Parts = ()
MAX_BLOCKS = 4096  # of one message


def parts_of(content: object) -> list[Part]:
    """Return the parts of a message's content: a text, a block, or a list of both."""
    if isinstance(content, str):  # of any class: an application's own may count otherwise, or raise
        text = str.__str__(content)
        return [Text(text)] if text else []
    if isinstance(content, Mapping):
        return list(read_block(content))
    parts: list[Part] = []
    if isinstance(content, (list, tuple)):
        for block in content[:MAX_BLOCKS]:
            if isinstance(block, str):
                parts += parts_of(block)
            else:
                parts.extend(read_block(block))
    return parts


def read_block(block: object) -> Parts:
    """Return the parts that a block stands for; an Other where no row of the table knows it."""
    fields = block if type(block) is dict else fields_of(block)
    if not fields:
        return NO_PARTS
    found = known_parts(fields)
    if found is None:
        rest = {key: value for key, value in fields.items() if value is not None}
        return (Other(plain_data(rest)),) if rest.keys() - {"type", "index", "id"} else NO_PARTS
    return found


def known_parts(fields: Block) -> Parts | None:
    """Return the parts of a block that the table knows, else None."""
    kind = fields.get("type")
    if kind is None:
        kind = fields.get("block_type")
    if isinstance(kind, str):
        reader = _TYPES.get(kind)
        if reader is not None:
            return reader(fields)
        if kind in _KEYS and isinstance(fields.get(kind), Mapping):  # LangChain adds the single key as a type
            return _KEYS[kind](fields[kind], fields)
        if kind.endswith("_tool_result"):  # Anthropic's tools: web_search_, code_execution_, mcp_tool_result, ...
            return _server_result(fields)
        return _openai_call(kind, fields) if kind.endswith("_call") else None
    for key in _KEYS:
        inner = fields.get(key)
        if inner is not None:
            return _KEYS[key](inner, fields)
    return None


# ---------------------------------------------------------------- text, thought, refusal
def _text(block: Block) -> Parts:
    text = block.get("text")
    if isinstance(text, Mapping):  # OpenAI's assistants: {"value": ...}
        text = text.get("value")
    text = text_of(text)
    if not text:
        return NO_PARTS
    if block.get("thought") is True:  # Gemini
        return (Reasoning(text, _signature(block)),)
    return (Text(text),)


def _text_document(block: Block) -> Parts:
    return _text(block) or media("document", block)


def reasoning(block: Block) -> Parts:
    """Return a thought, in the words of any provider; one part a summary of OpenAI's."""
    signature = _signature(block)
    for key in ("reasoning", "thinking", "reasoning_content", "content", "summary", "text"):
        texts = _texts(block.get(key))
        if texts:
            if key in ("reasoning_content", "reasoning") and isinstance(block[key], Mapping):
                signature = signature or _signature(block[key])
            last = len(texts) - 1
            return tuple(Reasoning(text, signature if index == last else None) for index, text in enumerate(texts))
    return NO_PARTS


def _texts(value: object) -> list[str]:
    """Return the texts in a thought: one text, a list of blocks with a text each, or a mapping with one of them."""
    if isinstance(value, str):
        text = str.__str__(value)
        return [text] if text else []
    if isinstance(value, Mapping):
        for key in ("text", "reasoningText", "summary", "content"):
            texts = _texts(value.get(key))
            if texts:
                return texts
        return []
    if isinstance(value, (list, tuple)):
        return [
            text for item in value[:MAX_BLOCKS] for text in _texts(item if isinstance(item, str) else fields_of(item))
        ]
    return []


def _joined_reasoning(block: Block) -> Parts:
    """Mistral and Bedrock give one thought in pieces."""
    for key in ("thinking", "reasoning_content", "content"):
        texts = _texts(block.get(key))
        if texts:
            inner = block[key]
            signature = _signature(block) or (_signature(inner) if isinstance(inner, Mapping) else None)
            return (Reasoning("".join(texts), signature),)
    return NO_PARTS


def _signature(block: Block) -> str | None:
    for place in (block, block.get("extras"), block.get("additional_information"), block.get("reasoningText")):
        if isinstance(place, Mapping):
            for key in ("signature", "thought_signature"):
                found = text_of(place.get(key))
                if found:
                    return found
    return None


def _refusal(block: Block) -> Parts:
    text = text_of(block.get("refusal")) or text_of(block.get("text"))
    return (Refusal(text),) if text else NO_PARTS


def _nested(key: str) -> Reader:
    """Return a reader for a block around others: LangChain's `non_standard`, LlamaIndex's `citable` and `citation`."""

    def read(block: Block) -> Parts:
        inner = block.get(key)
        return tuple(parts_of(inner)) if isinstance(inner, (list, tuple, str)) else read_block(inner)

    return read


# ---------------------------------------------------------------- tools
def arguments_of(value: object) -> JSON:
    """Return a call's arguments as plain data; those that are given as JSON text are read."""
    if isinstance(value, str):
        try:
            return orjson.loads(value)  # type: ignore[no-any-return]
        except orjson.JSONDecodeError:
            return str.__str__(value)
    return plain_data(value)


def _call(block: Block, *, server: bool = False) -> Parts:
    function = block.get("function")
    inner: Block = function if isinstance(function, Mapping) else block
    name = inner.get("name") or inner.get("tool_name") or inner.get("toolName")
    keys = ("args", "input", "arguments", "tool_kwargs")
    arguments = next((inner[key] for key in keys if inner.get(key) is not None), None)
    if arguments in (None, "", {}) and inner.get("partial_json"):  # Anthropic's stream, put together by LangChain
        arguments = inner["partial_json"]
    if not name and arguments in (None, "", {}):
        return NO_PARTS
    return (
        ToolCall(
            name=str(name or "tool"),
            arguments=arguments_of(arguments),
            id=id_of(block, "call_id", "id", "tool_call_id", "toolUseId"),
            server=server,
            error=text_of(block.get("error")) or None,
        ),
    )


def _server_call(block: Block) -> Parts:
    return _call(block, server=True)


def _server_result(block: Block) -> Parts:
    return _result(block, server=True)


def _result(block: Block, *, server: bool = False) -> Parts:
    keys = ("output", "content", "result", "response", "toolResult", "status")
    result = next((block[key] for key in keys if block.get(key) is not None), None)
    if result is None:
        return NO_PARTS
    if isinstance(result, (list, tuple)) and not server:
        texts = [item.get("text") for item in result if isinstance(item, Mapping) and set(item) <= {"type", "text"}]
        if len(texts) == len(result) == 1 and isinstance(texts[0], str):
            result = texts[0]
    call_id = id_of(block, "tool_call_id", "tool_use_id", "call_id", "toolUseId", "id")
    return (ToolResult(result=plain_data(result), id=call_id, server=server),)


def id_of(fields: Block, *keys: str) -> str | None:
    """Return the first id that *fields* has under *keys*."""
    for key in keys:
        value = fields.get(key)
        if value is not None and value != "":
            return str(value)
    return None


_CALL_ARGUMENTS = ("action", "queries", "code", "arguments", "input", "operation")
_CALL_RESULTS = ("results", "outputs", "output", "tools", "error")


def _openai_call(kind: str, block: Block) -> Parts:
    """Read an item of OpenAI's Responses: a tool that the provider ran, with what it was asked and what it found."""
    identity = id_of(block, "id", "call_id")
    arguments = {key: block[key] for key in _CALL_ARGUMENTS if block.get(key) is not None}
    asked = arguments_of(next(iter(arguments.values()))) if len(arguments) == 1 else plain_data(arguments)
    if "code" in arguments or "queries" in arguments:
        asked = plain_data(arguments)
    name = block.get("name")
    named = name if isinstance(name, str) and name else kind.removesuffix("_call")
    call = ToolCall(name=named, arguments=asked, id=identity, server=True)
    found = next((block[key] for key in _CALL_RESULTS if block.get(key)), None)
    result = () if found is None else (ToolResult(result=plain_data(found), id=identity, server=True),)
    return (call, *result)


def _image_generation(block: Block) -> Parts:
    data = block.get("result")
    if not isinstance(data, str) or not data:
        return NO_PARTS
    return media("image", {"base64": data, "format": block.get("output_format") or "png"})


def _executable_code(block: Block) -> Parts:
    code = block.get("executable_code", block.get("executableCode", block))
    fields = code if isinstance(code, Mapping) else {"code": code, "language": block.get("language")}
    asked = {key: text_of(fields.get(key)) for key in ("code", "language") if fields.get(key)}
    return (
        (ToolCall(name="code_interpreter", arguments=asked, id=id_of(block, "id"), server=True),) if asked else NO_PARTS
    )


def _code_result(block: Block) -> Parts:
    result = block.get("code_execution_result", block.get("codeExecutionResult"))
    if isinstance(result, Mapping):
        result = result.get("output")
    call_id = id_of(block, "tool_call_id", "id")
    return (ToolResult(result=plain_data(result), id=call_id, server=True),) if result is not None else NO_PARTS


def executed_tools(value: object) -> Iterable[Part]:
    """Return what Groq ran itself: `additional_kwargs["executed_tools"]`."""
    for item in value[:MAX_BLOCKS] if isinstance(value, (list, tuple)) else ():
        fields = fields_of(item)
        identity = id_of(fields, "id", "index")
        name = fields.get("name") or fields.get("type")
        if name:
            arguments = arguments_of(fields.get("arguments"))
            yield ToolCall(name=str(name), arguments=arguments, id=identity, server=True)
        if fields.get("output"):
            yield ToolResult(result=plain_data(fields["output"]), id=identity, server=True)


# ---------------------------------------------------------------- the table
def _as_media(kind: str) -> Reader:
    return lambda block: media(kind, block)


def _nothing(block: Block) -> Parts:
    return NO_PARTS


_TYPES: dict[str, Reader] = {
    **dict.fromkeys(("text", "output_text", "input_text", "summary_text"), _text),
    "text-plain": _text_document,
    **dict.fromkeys(("reasoning", "reasoning.text", "reasoning.summary", "reasoning_text", "summary"), reasoning),
    **dict.fromkeys(("thinking", "reasoning_content", "thought"), _joined_reasoning),
    # sealed thoughts, cache marks, pieces of a stream that stand whole elsewhere
    **dict.fromkeys(
        ("redacted_thinking", "reasoning.encrypted", "cache", "cachePoint", "cache_point", "input_json_delta"), _nothing
    ),
    **dict.fromkeys(("tool_call_chunk", "server_tool_call_chunk", "compaction", "item_reference"), _nothing),
    "refusal": _refusal,
    "non_standard": _nested("value"),
    "citable": _nested("content"),
    "search_result": _nested("content"),
    "citation": _nested("cited_content"),
    **{kind: _as_media(kind) for kind in MODALITIES},
    **dict.fromkeys(
        ("tool_call", "tool_use", "function_call", "function", "invalid_tool_call", "custom_tool_call"), _call
    ),
    **dict.fromkeys(("server_tool_call", "server_tool_use", "mcp_tool_use"), _server_call),
    **dict.fromkeys(("tool_result", "function_call_output", "custom_tool_call_output", "function_response"), _result),
    **dict.fromkeys(("server_tool_result", "tool_search_output"), _server_result),
    "mcp_list_tools": lambda block: _openai_call("mcp_list_tools", block),
    "mcp_approval_request": lambda block: _openai_call("mcp_approval_request", block),
    "image_generation_call": _image_generation,
    "executable_code": _executable_code,
    "code_execution_result": _code_result,
}


def _inner(read: Reader) -> Callable[[Any, Block], Parts]:
    return lambda inner, block: read(fields_of(inner)) if not isinstance(inner, str) else NO_PARTS


def _inner_media(kind: str) -> Callable[[Any, Block], Parts]:
    return lambda inner, block: media(kind, fields_of(inner))


# Blocks without a type: the key that says what they are, in the order in which they are looked for.
_KEYS: dict[str, Callable[[Any, Block], Parts]] = {
    "reasoningContent": lambda inner, block: _joined_reasoning(
        {"reasoning_content": fields_of(inner), **fields_of(inner)}
    ),
    "reasoning_content": lambda inner, block: _joined_reasoning({"reasoning_content": inner}),
    "image": _inner_media("image"),
    "document": _inner_media("document"),
    "video": _inner_media("video"),
    "audio": _inner_media("audio"),
    "inline_data": _inner_media("media"),
    "inlineData": _inner_media("media"),
    "file_data": _inner_media("media"),
    "fileData": _inner_media("media"),
    "toolUse": _inner(_call),
    "toolResult": _inner(_result),
    "function_call": _inner(_call),
    "functionCall": _inner(_call),
    "function_response": _inner(_result),
    "functionResponse": _inner(_result),
    "executable_code": _inner(_executable_code),
    "executableCode": _inner(_executable_code),
    "code_execution_result": lambda inner, block: _code_result({"code_execution_result": inner}),
    "codeExecutionResult": lambda inner, block: _code_result({"code_execution_result": inner}),
    "cachePoint": lambda inner, block: NO_PARTS,
    "guardContent": lambda inner, block: read_block(fields_of(inner).get("text")),
    "citationsContent": lambda inner, block: tuple(parts_of(fields_of(inner).get("content"))),
    "text": lambda inner, block: _text(block),
}
