"""`media=False`: a note in the place of every image, sound, film and file, in all providers' forms, wherever it stands."""

from __future__ import annotations

import base64
import os
from dataclasses import replace
from typing import Any

import pytest

from spancast.privacy.media import without_media
from spancast.record.message import Message, Other, Text, ToolCall, ToolResult
from spancast.record.operation import (
    Document,
    Embedding,
    Event,
    Failure,
    Generation,
    Kind,
    Link,
    Operation,
    Reranking,
    Retrieval,
)

RAW = b"canary" + os.urandom(1500)
DATA = base64.b64encode(RAW).decode()
URL = "https://files.example/canary.pdf"
URI = f"data:image/png;base64,{DATA}"

FORMS: dict[str, Any] = {
    "OpenAI image": {"type": "image_url", "image_url": {"url": URI}},
    "OpenAI image by address": {"type": "image_url", "image_url": {"url": URL}},
    "OpenAI input image": {"type": "input_image", "image_url": URI},
    "OpenAI file": {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{DATA}"}},
    "OpenAI file id": {"type": "file", "file": {"file_id": "canary-file"}},
    "OpenAI input file": {"type": "input_file", "file_data": DATA},
    "OpenAI audio": {"type": "input_audio", "input_audio": {"data": DATA, "format": "wav"}},
    "Anthropic image": {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}},
    "Anthropic document": {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": DATA},
    },
    "Anthropic document by address": {"type": "document", "source": {"type": "url", "url": URL}},
    "Gemini media": {"type": "media", "mime_type": "application/pdf", "data": DATA},
    "Gemini media by address": {"type": "media", "mime_type": "video/mp4", "file_uri": "gs://canary/v.mp4"},
    "Gemini inline data": {"inline_data": {"mime_type": "image/png", "data": DATA}},
    "Gemini file data": {"fileData": {"mimeType": "image/png", "fileUri": "gs://canary/v.mp4"}},
    "LangChain 0.3": {"type": "image", "source_type": "base64", "mime_type": "image/png", "data": DATA},
    "LangChain 1": {"type": "file", "base64": DATA, "mime_type": "application/pdf"},
    "Bedrock image": {"image": {"format": "png", "source": {"bytes": DATA}}},
    "Bedrock document": {
        "document": {"format": "pdf", "name": "canary", "source": {"s3Location": {"uri": "s3://canary"}}}
    },
    "LlamaIndex image": {"block_type": "image", "image": DATA, "image_mimetype": "image/png"},
    "LlamaIndex document": {"block_type": "document", "data": DATA, "title": "canary"},
    "an address in a text": f"see {URI} there",
    "bytes in a text": f"it is {DATA}",
}


def operation(**changes: Any) -> Operation:
    """Return an operation."""
    held: dict[str, Any] = {"kind": Kind.CHAIN, "name": "n", "trace_id": 1, "span_id": 2, "start_ns": 1, "end_ns": 2}
    return Operation(**{**held, **changes})


def places(form: Any) -> dict[str, Operation]:
    """Return operations that hold *form* in each place that can."""
    text = form if isinstance(form, str) else "hi"
    message = Message(
        role="user",
        parts=(Text(text), Other(form), ToolResult(result=[form]), ToolCall(name="t", arguments={"x": form})),
    )
    document = Document(content=text, metadata={"page": form})
    return {
        "input": operation(input={"messages": [{"role": "user", "content": [form]}]}),
        "output": operation(output=[form]),
        "artifact": operation(attributes={"spancast.tool.artifact": form}),
        "metadata": operation(metadata={"note": form}),
        "event": operation(events=(Event(name="e", time_ns=1, attributes={"data": form}),)),
        "link": operation(links=(Link(trace_id=1, span_id=2, attributes={"data": form}),)),
        "messages": operation(
            detail=Generation(operation="chat", input_messages=(message,), output_messages=(message,))
        ),
        "variables": operation(
            detail=Generation(operation="chat", prompt_variables={"v": form}, parameters={"p": form})
        ),
        "documents": operation(detail=Retrieval(query="q", documents=(document,))),
        "ranked": operation(detail=Reranking(input_documents=(document,), output_documents=(document,))),
    }


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_no_media_is_left_in_any_place(form: Any) -> None:
    """Neither bytes nor address, in any provider's form."""
    for place, each in places(form).items():
        found = repr(without_media(each))
        assert (place, False, False) == (place, DATA[:40] in found, "canary" in found)
        assert "left out]" in found


def test_exceptions_and_texts_to_embed_hold_no_media() -> None:
    """An error often repeats the request that failed."""
    failure = Failure(type="E", message=f"bad image {URI}", stacktrace=f"line\n{DATA}\n")
    found = without_media(operation(failure=failure, detail=Embedding(texts=(URI,))))
    assert ("bad image [media left out]", "line\n[media left out]\n") == (
        found.failure.message,
        found.failure.stacktrace,
    )  # type: ignore[union-attr]
    assert ("[media left out]",) == found.detail.texts  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "value",
    [
        {"type": "document", "text": "a document of a retriever"},
        {"type": "text", "text": "hello"},
        {"image": "a description of it", "file": "notes.txt"},
        "x" * 5000,
        "1" * 5000,
        "word " * 1000,
        {"nested": [{"type": "message", "content": "hi"}], "count": 3, "none": None, "float": 0.5, "ok": True},
    ],
)
def test_what_is_no_media_stays(value: Any) -> None:
    """Texts, documents of a retriever, long words and plain data are as they were."""
    each = operation(input=value, metadata={"value": value})
    assert (value, {"value": value}) == (without_media(each).input, without_media(each).metadata)
    assert replace(each) == without_media(each)
