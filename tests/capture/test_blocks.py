"""Content blocks of every provider become parts: each as what it is, none empty, none lost, whatever is in them."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spancast.capture.blocks import parts_of
from spancast.record.message import Media, Other, Part, Reasoning, Refusal, Text, ToolCall, ToolResult

RAW = b"\x89PNG x"
DATA = base64.b64encode(RAW).decode()


def media(modality: str, mime_type: str | None, **place: str) -> Media:
    return Media(modality=modality, mime_type=mime_type, **place)


def ran(name: str, arguments: Any, identity: str | None) -> ToolCall:
    return ToolCall(name=name, arguments=arguments, id=identity, server=True)


def found(result: Any, identity: str | None) -> ToolResult:
    return ToolResult(result=result, id=identity, server=True)


TABLE: list[tuple[str, Any, list[Part]]] = [
    ("a text", "hi", [Text("hi")]),
    ("a list of texts", ["a", "", "b"], [Text("a"), Text("b")]),
    ("text", {"type": "text", "text": "hi", "annotations": []}, [Text("hi")]),
    ("an empty text", {"type": "text", "text": ""}, []),
    ("openai responses text", {"type": "output_text", "text": "hi"}, [Text("hi")]),
    ("refusal", {"type": "refusal", "refusal": "no"}, [Refusal("no")]),
    # thoughts
    ("langchain", {"type": "reasoning", "reasoning": "hm", "extras": {"signature": "s"}}, [Reasoning("hm", "s")]),
    ("anthropic", {"type": "thinking", "thinking": "hm", "signature": "s"}, [Reasoning("hm", "s")]),
    ("anthropic, sealed", {"type": "redacted_thinking", "data": "x"}, [Reasoning("", data="x")]),
    (
        "openai responses",
        {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": t} for t in ("a", "b")]},
        [Reasoning("a"), Reasoning("b", id="rs")],
    ),
    (
        "openai responses, sealed",
        {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "x"},
        [Reasoning("", id="rs", encrypted="x")],
    ),
    ("bedrock", {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}}, [Reasoning("hm", "s")]),
    (
        "bedrock in langchain",
        {"type": "reasoning_content", "reasoning_content": {"text": "hm", "signature": "s"}},
        [Reasoning("hm", "s")],
    ),
    ("mistral", {"type": "thinking", "thinking": [{"type": "text", "text": t} for t in "ab"]}, [Reasoning("ab")]),
    ("gemini", {"text": "hm", "thought": True, "thought_signature": "s"}, [Reasoning("hm", "s")]),
    (
        "llama_index",
        {"type": "thinking", "content": "hm", "additional_information": {"signature": "s"}},
        [Reasoning("hm", "s")],
    ),
    # media
    (
        "openai image",
        {"type": "image_url", "image_url": {"url": "https://x/a.png"}},
        [media("image", None, url="https://x/a.png")],
    ),
    (
        "image by text",
        {"type": "image_url", "image_url": "https://x/a.png"},
        [media("image", None, url="https://x/a.png")],
    ),
    (
        "image by data",
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}"}},
        [media("image", "image/png", data=DATA)],
    ),
    ("no address", {"type": "image_url", "image_url": {"url": None}}, []),
    ("nothing", {"type": "image"}, []),
    (
        "openai sound",
        {"type": "input_audio", "input_audio": {"data": DATA, "format": "wav"}},
        [media("audio", "audio/wav", data=DATA)],
    ),
    (
        "openai file",
        {"type": "file", "file": {"filename": "a.pdf", "file_id": "f1"}},
        [media("document", None, file_id="f1", name="a.pdf")],
    ),
    (
        "responses file",
        {"type": "input_file", "file_url": "https://x/a.pdf"},
        [media("document", None, url="https://x/a.pdf")],
    ),
    (
        "anthropic document",
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": DATA}},
        [media("document", "application/pdf", data=DATA)],
    ),
    ("anthropic text document", {"type": "document", "source": {"type": "text", "data": "hi"}}, [Text("hi")]),
    (
        "anthropic document of blocks",
        {
            "type": "document",
            "source": {"type": "content", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        },
        [Text("a"), Text("b")],
    ),
    (
        "gemini media",
        {"type": "media", "mime_type": "video/mp4", "file_uri": "gs://v"},
        [media("video", "video/mp4", url="gs://v")],
    ),
    ("gemini inline", {"inlineData": {"mimeType": "audio/wav", "data": RAW}}, [media("audio", "audio/wav", data=DATA)]),
    ("bedrock image", {"image": {"format": "png", "source": {"bytes": RAW}}}, [media("image", "image/png", data=DATA)]),
    (
        "bedrock image, as langchain hands it on",
        {"type": "image", "image": {"format": "png", "source": {"bytes": RAW}}},
        [media("image", "image/png", data=DATA)],
    ),
    (
        "bedrock document",
        {"document": {"format": "pdf", "name": "a", "source": {"s3Location": {"uri": "s3://a"}}}},
        [media("document", "application/pdf", url="s3://a", name="a")],
    ),
    (
        "langchain 0.3",
        {"type": "image", "source_type": "base64", "mime_type": "image/png", "data": DATA},
        [media("image", "image/png", data=DATA)],
    ),
    (
        "langchain 1",
        {"type": "file", "base64": DATA, "mime_type": "application/pdf"},
        [media("document", "application/pdf", data=DATA)],
    ),
    (
        "a buffer",
        {"type": "image", "image": BytesIO(RAW), "image_mimetype": "image/png"},
        [media("image", "image/png", data=DATA)],
    ),
    ("a path", {"type": "image", "path": Path("/a/b.png")}, [media("image", None, url="/a/b.png")]),
    ("text file", {"type": "text-plain", "text": "hi", "mime_type": "text/plain"}, [Text("hi")]),
    (
        "a made image",
        {"type": "image_generation_call", "id": "i", "result": DATA},
        [media("image", "image/png", data=DATA)],
    ),
    # tools
    (
        "anthropic call",
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
        [ToolCall(name="f", arguments={"a": 1}, id="t")],
    ),
    (
        "bedrock call",
        {"toolUse": {"toolUseId": "t", "name": "f", "input": {"a": 1}}},
        [ToolCall(name="f", arguments={"a": 1}, id="t")],
    ),
    (
        "openai call",
        {"type": "function_call", "call_id": "t", "id": "fc", "name": "f", "arguments": '{"a":1}'},
        [ToolCall(name="f", arguments={"a": 1}, id="t")],
    ),
    (
        "anthropic result",
        {"type": "tool_result", "tool_use_id": "t", "content": "ok"},
        [ToolResult(result="ok", id="t")],
    ),
    (
        "bedrock result",
        {"toolResult": {"toolUseId": "t", "content": [{"text": "ok"}]}},
        [ToolResult(result="ok", id="t")],
    ),
    ("server call", {"type": "server_tool_call", "id": "t", "name": "f", "args": {"a": 1}}, [ran("f", {"a": 1}, "t")]),
    (
        "server call, streamed",
        {"type": "server_tool_use", "id": "t", "name": "f", "input": {}, "partial_json": '{"a":1}'},
        [ran("f", {"a": 1}, "t")],
    ),
    (
        "server result",
        {"type": "web_search_tool_result", "tool_use_id": "t", "content": [{"url": "u"}]},
        [found([{"url": "u"}], "t")],
    ),
    (
        "server result without output",
        {"type": "server_tool_result", "tool_call_id": "t", "status": "success"},
        [found("success", "t")],
    ),
    (
        "web search",
        {"type": "web_search_call", "id": "t", "action": {"query": "q"}, "status": "completed"},
        [ran("web_search", {"query": "q"}, "t")],
    ),
    (
        "code interpreter",
        {"type": "code_interpreter_call", "id": "t", "code": "1+1", "outputs": [{"logs": "2"}]},
        [ran("code_interpreter", {"code": "1+1"}, "t"), found([{"logs": "2"}], "t")],
    ),
    (
        "mcp",
        {"type": "mcp_call", "id": "t", "name": "f", "arguments": '{"a":1}', "output": "o"},
        [ran("f", {"a": 1}, "t"), found("o", "t")],
    ),
    (
        "gemini code",
        {"executable_code": {"code": "1+1", "language": "PYTHON"}},
        [ran("code_interpreter", {"code": "1+1", "language": "PYTHON"}, None)],
    ),
    ("gemini code's result", {"code_execution_result": {"outcome": "OK", "output": "2"}}, [found("2", None)]),
    # others
    ("in another", {"type": "non_standard", "value": {"type": "thinking", "thinking": "hm"}}, [Reasoning("hm")]),
    ("bedrock guard", {"guardContent": {"text": {"text": "hi"}}}, [Text("hi")]),
    ("bedrock citations", {"citationsContent": {"content": [{"text": "hi"}], "citations": []}}, [Text("hi")]),
    (
        "bedrock cited",
        {"citationsContent": {"content": [{"text": "hi"}], "citations": [{"title": "T"}]}},
        [Text("hi", [{"title": "T"}])],
    ),
    (
        "langchain and openai citations",
        {"type": "text", "text": "hi", "annotations": [{"type": "url_citation", "url": "https://x"}]},
        [Text("hi", [{"type": "url_citation", "url": "https://x"}])],
    ),
    (
        "anthropic citations",
        {"type": "text", "text": "hi", "citations": [{"type": "char_location", "cited_text": "h"}]},
        [Text("hi", [{"type": "char_location", "cited_text": "h"}])],
    ),
    ("annotations of mcp", {"type": "text", "text": "hi", "annotations": {"audience": ["user"]}}, [Text("hi")]),
    ("no citations", {"type": "text", "text": "hi", "annotations": [], "citations": None}, [Text("hi")]),
    (
        "llama_index citation",
        {"block_type": "citation", "cited_content": {"block_type": "text", "text": "hi"}, "title": "T", "source": "s"},
        [Text("hi", [{"title": "T", "source": "s"}])],
    ),
    (
        "anthropic search result",
        {"type": "search_result", "title": "T", "source": "s", "content": [{"type": "text", "text": "hi"}]},
        [Text("hi", [{"title": "T", "source": "s"}])],
    ),
    (
        "langchain file's name",
        {"type": "file", "file_id": "f1", "extras": {"filename": "a.pdf"}},
        [media("document", None, file_id="f1", name="a.pdf")],
    ),
    ("cache mark", {"cachePoint": {"type": "default"}}, []),
    ("unknown", {"type": "mystery", "x": 1}, [Other({"type": "mystery", "x": 1})]),
    ("unknown and empty", {"type": "mystery", "x": None}, []),
]


@pytest.mark.parametrize(("block", "parts"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_the_table(block: Any, parts: list[Part]) -> None:
    """One row a form: as content of its own, and in a list beside others."""
    assert parts == parts_of(block)
    if isinstance(block, dict):
        assert [Text("before"), *parts, Text("after")] == parts_of(["before", block, "after"])


KINDS = st.sampled_from(
    [row[1]["type"] for row in TABLE if isinstance(row[1], dict) and "type" in row[1]]
    + ["x_call", "x_tool_result", "", None, 7]
)
KEYS = sorted({key for row in TABLE if isinstance(row[1], dict) for key in row[1]} - {"type"})
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.just(object()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*KEYS, "type", "text", "source"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(
    st.lists(
        st.builds(
            lambda kind, rest: {"type": kind, **rest},
            KINDS,
            st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=5),
        ),
        max_size=4,
    )
)
def test_no_part_is_empty(blocks: list[Any]) -> None:
    """Whatever stands in a block: a text says something, media have a place, a call or result is more than a frame."""
    for part in parts_of(blocks):
        if isinstance(part, (Text, Reasoning, Refusal)):
            assert type(part.text) is str
            assert part.text
        elif isinstance(part, Media):
            assert part.url or part.data or part.file_id
        elif isinstance(part, ToolCall):
            assert type(part.name) is str
            assert part.name
        elif isinstance(part, ToolResult):
            assert part.result is not None
        else:
            assert isinstance(part.value, dict)


@given(ANYTHING)
def test_any_content_is_read(content: Any) -> None:
    """Nothing that can stand for a message's content raises."""
    assert isinstance(parts_of(content), list)
