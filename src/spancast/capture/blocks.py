"""Content blocks of every provider and framework, read into Parts by one table.

A block is a mapping with a `type`, or (Bedrock Converse, Gemini) one whose single key says what it is. Known are the forms
of OpenAI's two APIs, Anthropic, Bedrock, Gemini, Mistral, Groq, OpenRouter, LangChain 0.3 and 1, and LlamaIndex. A block
that says nothing becomes no part; one that nobody knows becomes an Other with its plain data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from ..record.json import JSON
from ..record.message import Other, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from .lookup import fields_of, items_of, text_of
from .media import MODALITIES, media
from .snapshot import plain_data
from .spellings import MADE_UP_IDS

Block = Mapping[str, Any]
Parts = Sequence[Part]
Reader = Callable[[Block], Parts]
NO_PARTS: Parts = ()
_SAYS_NOTHING = frozenset({"type", "block_type", "index", "id"})


def parts_of(content: object) -> list[Part]:
    """Return the parts of a message's content: a text, a block, or a list of both."""
    text = text_of(content)
    if text is not None:
        return [Text(text)] if text else []
    if fields_of(content):
        return list(read_block(content))
    parts: list[Part] = []
    for block in items_of(content):
        text = text_of(block)
        if text is None:
            parts += read_block(block)
        elif text:
            parts.append(Text(text))
    return parts


def read_block(block: object) -> Parts:
    """Return the parts that a block stands for; an Other where no row of the table knows it."""
    fields = fields_of(block)
    if not fields:
        return NO_PARTS
    found = known_parts(fields)
    if found is not None:
        return found
    rest = {key: value for key, value in fields.items() if value is not None}
    return (Other(plain_data(rest)),) if rest.keys() - _SAYS_NOTHING else NO_PARTS


def known_parts(fields: Block) -> Parts | None:
    """Return the parts of a block that the table knows, else None."""
    kind = text_of(fields.get("type")) or text_of(fields.get("block_type"))
    if kind:
        reader = _TYPES.get(kind)
        if reader is not None:
            return reader(fields)
        if kind in _KEYS and fields_of(fields.get(kind)):  # LangChain adds the single key as a type
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
    text = text_of(text) or text_of(fields_of(text).get("value"))  # OpenAI's assistants: {"value": ...}
    if not text:
        return NO_PARTS
    if block.get("thought") is True:  # a thought of Gemini
        return (Reasoning(text, _signature(block)),)
    return (Text(text, citations_in(block)),)


_CITATIONS = ("annotations", "citations")


def citations_in(block: Block, names: Sequence[str] = _CITATIONS) -> JSON:
    """Return what a text rests on, as the provider says it; None where it names nothing."""
    for name in names:
        found = block.get(name)
        if found and type(found) in (list, tuple):
            return plain_data(found)
    return None


def with_citations(parts: Parts, citations: JSON) -> Parts:
    """Return *parts* whose last text rests on *citations*."""
    last = next((part for part in reversed(parts) if type(part) is Text), None)
    if last is None or citations is None:
        return parts
    return tuple([Text(last.text, citations) if part is last else part for part in parts])


def _text_document(block: Block) -> Parts:
    return _text(block) or media("document", block)


def reasoning(block: Block) -> Parts:
    """Return a thought, in the words of any provider; one part a summary of OpenAI's."""
    for key in ("reasoning", "thinking", "reasoning_content", "content", "summary", "text"):
        value = block.get(key)
        texts = _texts(value) if value is not None else []
        if texts:
            signature = _signature(block) or _signature(fields_of(value))
            *before, last = texts
            identity, sealed = _reasoning_id(block), text_of(block.get("encrypted_content"))
            return (
                *[Reasoning(text) for text in before],
                Reasoning(last, signature, identity, None, sealed or None),
            )
    return _sealed_reasoning(block) if block.get("encrypted_content") is not None else NO_PARTS


def _reasoning_id(block: Block) -> str | None:
    identity = text_of(block.get("id"))
    return identity if identity and not identity.startswith(MADE_UP_IDS) else None


def _sealed_reasoning(block: Block) -> Parts:
    """Return a thought that the provider has hidden: Anthropic's `redacted_thinking`, OpenAI's `encrypted_content`."""
    data = text_of(block.get("data"))
    sealed = text_of(block.get("encrypted_content"))
    if text_of(block.get("type")) == "reasoning.encrypted":  # OpenRouter: what OpenAI or xAI has sealed
        data, sealed = None, data
    if not data and not sealed:
        return NO_PARTS
    return (Reasoning("", None, _reasoning_id(block), data or None, sealed or None),)


def _joined_reasoning(block: Block) -> Parts:
    """Return a thought that is given in pieces, as Mistral does."""
    found = reasoning(block)
    if len(found) < 2:
        return found
    return (Reasoning("".join([part.text for part in found if isinstance(part, Reasoning)]), _signature(block)),)


def _texts(value: object, depth: int = 4) -> list[str]:
    """Return the texts in a thought: one text, a list of blocks with a text each, or a mapping with one of them."""
    text = text_of(value)
    if text is not None:
        return [text] if text else []
    if not depth:
        return []
    fields = fields_of(value)
    for key in ("text", "reasoningText", "reasoning_text", "summary", "content"):
        inner = fields.get(key)
        texts = _texts(inner, depth - 1) if inner is not None else []
        if texts:
            return texts
    return [text for item in items_of(value) for text in _texts(item, depth - 1)]


def _signature(block: Block) -> str | None:
    for place in (
        block,
        *(fields_of(block.get(name)) for name in ("extras", "additional_information", "reasoningText")),
    ):
        for name in ("signature", "thought_signature", "thoughtSignature"):
            found = text_of(place.get(name))
            if found:
                return found
    return None


def _refusal(block: Block) -> Parts:
    text = text_of(block.get("refusal")) or text_of(block.get("text"))
    return (Refusal(text),) if text else NO_PARTS


def _nested(key: str) -> Reader:
    """Return a reader for a block around others: LangChain's `non_standard`."""
    return lambda block: tuple(parts_of(block.get(key)))


_SOURCE = ("title", "source", "additional_location_info")


def _sourced(key: str) -> Reader:
    """Return a reader for a block whose text has a source: Anthropic's results, LlamaIndex's `citable` and `citation`."""

    def read(block: Block) -> Parts:
        source = {name: plain_data(block[name]) for name in _SOURCE if block.get(name)}
        return with_citations(tuple(parts_of(block.get(key))), [source] if source else None)

    return read


def _cited_content(inner: Any, block: Block) -> Parts:
    """Read Bedrock's text with its citations."""
    fields = fields_of(inner)
    return with_citations(tuple(parts_of(fields.get("content"))), citations_in(fields))


# ---------------------------------------------------------------- tools
def arguments_of(value: object) -> JSON:
    """Return a call's arguments as plain data; those that are given as JSON text are read."""
    text = text_of(value)
    if text is None:
        return plain_data(value)
    try:
        return orjson.loads(text)  # type: ignore[no-any-return]
    except ValueError:
        return text


_ARGUMENTS = ("args", "input", "arguments", "tool_kwargs")
_NO_ARGUMENTS: tuple[JSON, ...] = (None, "", {})


def _call(block: Block, *, server: bool = False) -> Parts:
    inner = fields_of(block.get("function")) or block
    name = text_of(inner.get("name")) or text_of(inner.get("tool_name")) or text_of(inner.get("toolName"))
    arguments = next((arguments_of(inner[key]) for key in _ARGUMENTS if inner.get(key) is not None), None)
    if (
        arguments in _NO_ARGUMENTS and inner.get("partial_json") is not None
    ):  # Anthropic's stream, put together by LangChain
        arguments = arguments_of(inner["partial_json"])
    if not name and arguments in _NO_ARGUMENTS:
        return NO_PARTS
    identity = id_of(block, "call_id", "id", "tool_call_id", "toolUseId")
    error = text_of(block.get("error")) or None
    signature = _signature(block)
    return (
        ToolCall(
            name=name or "tool", arguments=arguments, id=identity, server=server, error=error, signature=signature
        ),
    )


def _server_call(block: Block) -> Parts:
    return _call(block, server=True)


def _server_result(block: Block) -> Parts:
    return _result(block, server=True)


_RESULTS = ("output", "content", "result", "response", "toolResult", "status")


def _result(block: Block, *, server: bool = False) -> Parts:
    result = next((plain_data(block[key]) for key in _RESULTS if block.get(key) is not None), None)
    if result is None:
        return NO_PARTS
    if isinstance(result, list) and len(result) == 1 and not server:
        only = result[0]
        if isinstance(only, dict) and only.keys() <= {"type", "text"} and isinstance(only.get("text"), str):
            result = only["text"]
    identity = id_of(block, "tool_call_id", "tool_use_id", "call_id", "toolUseId", "id")
    return (ToolResult(result=result, id=identity, server=server),)


def id_of(fields: Block, *keys: str) -> str | None:
    """Return the first id, a text or a number, that *fields* has under *keys*."""
    for key in keys:
        value = fields.get(key)
        found = str(value) if type(value) is int else text_of(value)
        if found:
            return found
    return None


_CALL_ARGUMENTS = ("action", "queries", "code", "arguments", "input", "operation")
_CALL_RESULTS = ("results", "outputs", "output", "tools", "error")


def _openai_call(kind: str, block: Block) -> Parts:
    """Read an item of OpenAI's Responses: a tool that the provider ran, with what it was asked and what it found."""
    identity = id_of(block, "id", "call_id")
    arguments = {key: arguments_of(block[key]) for key in _CALL_ARGUMENTS if block.get(key) is not None}
    only = next(iter(arguments)) if len(arguments) == 1 else None
    asked = arguments if only in (None, "code", "queries") else arguments[only]
    name = text_of(block.get("name")) or kind.removesuffix("_call")
    call = ToolCall(name=name, arguments=asked, id=identity, server=True)
    for key in _CALL_RESULTS:
        found = plain_data(block.get(key))
        if found not in (None, "", [], {}):
            return call, ToolResult(result=found, id=identity, server=True)
    return (call,)


def _image_generation(block: Block) -> Parts:
    return media("image", {"base64": block.get("result"), "format": text_of(block.get("output_format")) or "png"})


def _executable_code(block: Block) -> Parts:
    code = block.get("executable_code", block.get("executableCode", block))
    fields = fields_of(code) or {"code": code, "language": block.get("language")}
    asked = {key: text for key in ("code", "language") if (text := text_of(fields.get(key)))}
    return (
        (ToolCall(name="code_interpreter", arguments=asked, id=id_of(block, "id"), server=True),) if asked else NO_PARTS
    )


def _code_result(block: Block) -> Parts:
    result = block.get("code_execution_result", block.get("codeExecutionResult"))
    fields = fields_of(result)
    found = plain_data(fields.get("output") if fields else result)
    call_id = id_of(block, "tool_call_id", "id")
    return (ToolResult(result=found, id=call_id, server=True),) if found is not None else NO_PARTS


def executed_tools(value: object) -> list[Part]:
    """Return what Groq ran itself: `additional_kwargs["executed_tools"]`."""
    parts: list[Part] = []
    for item in items_of(value):
        fields = fields_of(item)
        identity = id_of(fields, "id", "index")
        name = text_of(fields.get("name")) or text_of(fields.get("type"))
        if name:
            arguments = arguments_of(fields.get("arguments"))
            parts.append(ToolCall(name=name, arguments=arguments, id=identity, server=True))
        found = plain_data(fields.get("output"))
        if found not in (None, "", [], {}):
            parts.append(ToolResult(result=found, id=identity, server=True))
    return parts


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
    **dict.fromkeys(("redacted_thinking", "reasoning.encrypted"), _sealed_reasoning),
    # cache marks, pieces of a stream that stand whole elsewhere
    **dict.fromkeys(("cache", "cachePoint", "cache_point", "input_json_delta"), _nothing),
    **dict.fromkeys(("tool_call_chunk", "server_tool_call_chunk", "compaction", "item_reference"), _nothing),
    "refusal": _refusal,
    "non_standard": _nested("value"),
    "citable": _sourced("content"),
    "search_result": _sourced("content"),
    "citation": _sourced("cited_content"),
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
Inner = Callable[[Any, Block], Parts]


def _inner(read: Reader) -> Inner:
    return lambda inner, block: read(fields_of(inner))


def _inner_media(kind: str) -> Inner:
    return lambda inner, block: media(kind, fields_of(inner))


# Blocks without a type: the key that says what they are, in the order in which they are looked for.
_KEYS: dict[str, Inner] = {
    "reasoningContent": lambda inner, block: _joined_reasoning({"reasoning_content": inner}),
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
    "citationsContent": _cited_content,
    "text": lambda inner, block: _text(block),
}
