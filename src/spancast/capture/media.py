"""Images, sound, film and documents in every provider's form, read into Media parts."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Mapping, Sequence
from functools import lru_cache
from io import BytesIO
from pathlib import PurePath
from typing import Any

from ..record.message import Media, Part, Text
from .lookup import fields_of, items_of, text_of
from .marks import mark
from .shapes import module_of

# block type -> modality; None: the MIME type says it
MODALITIES: Mapping[str, str | None] = {
    "image": "image",
    "image_url": "image",
    "input_image": "image",
    "audio": "audio",
    "audio_url": "audio",
    "input_audio": "audio",
    "output_audio": "audio",
    "video": "video",
    "video_url": "video",
    "input_video": "video",
    "document": "document",
    "document_url": "document",
    "file": "document",
    "input_file": "document",
    "file_data": None,
    "media": None,
}
_URLS = ("url", "uri", "file_uri", "fileUri", "file_url", "image_url", "gcs_uri", "path")
_DATA = ("base64", "data", "bytes", "file_data", "image", "audio", "video")
_MIME_TYPES = (
    "mime_type",
    "media_type",
    "mimeType",
    "mimetype",
    "image_mimetype",
    "video_mimetype",
    "document_mimetype",
)
_FILE_IDS = ("file_id", "fileId")
_NAMES = ("filename", "file_name", "title", "name")
# where the source stands inside a block: Anthropic and Bedrock, OpenAI, and LangChain 0.3's `source_type` (flat)
_NESTED = (
    "source",
    "file",
    "image_url",
    "input_audio",
    "audio_url",
    "video_url",
    "document_url",
    "audio",
    "s3Location",
)


_MAX_DEPTH = 4  # documents of blocks inside one another; Anthropic's have one level


def media(kind: str, block: Mapping[str, Any], depth: int = _MAX_DEPTH) -> Sequence[Part]:
    """Return the part that a block of type *kind* stands for; none where neither address, id nor data is there."""
    source = _source(kind, block)
    if source is not block and text_of(source.get("type")) in (
        "text",
        "content",
    ):  # Anthropic's documents of plain text
        return _text_of(source, depth)
    url, data = _first_text(source, _URLS), _data(source)
    mime_type = _first_text(source, _MIME_TYPES) or _first_text(block, _MIME_TYPES)
    if url is not None and url.startswith("data:"):
        head, _, data = url.partition(",")
        mime_type, url = mime_type or head[5:].split(";")[0], None
    if data is not None and data.startswith("data:"):
        head, _, data = data.partition(",")
        mime_type = mime_type or head[5:].split(";")[0]
    modality = MODALITIES.get(kind, kind) or _modality(mime_type)
    if mime_type is None:
        mime_type = _type_of_format(modality, _first_text(source, ("format",)))
    file_id = _first_text(source, _FILE_IDS) or _first_text(block, _FILE_IDS)
    transcript = _first_text(source, ("transcript",))
    if not (url or data or file_id):
        if transcript:
            return (Text(transcript),)
        file_id = _first_text(source, ("id",))
        if not file_id:
            return ()
    return (
        Media(
            modality=modality,
            mime_type=mime_type,
            url=url,
            data=data or None,
            file_id=file_id,
            transcript=transcript,
            name=_first_text(source, _NAMES) or _first_text(block, _NAMES) or _extra_name(block),
        ),
    )


def _extra_name(block: Mapping[str, Any]) -> str | None:
    """Return the name that LangChain keeps beside its standard fields."""
    return _first_text(fields_of(block.get("extras")), _NAMES)


def _source(kind: str, block: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the mapping in which address or data stand: the block itself, or one inside it, with the block's format."""
    inherited: dict[str, Any] = {}
    for _ in range(3):
        inner = next((found for key in (kind, *_NESTED) if (found := _mapping(block.get(key)))), None)
        if inner is None:
            break
        if block.get("format") is not None:
            inherited["format"] = block["format"]
        block = inner
    address = text_of(block.get(kind)) if kind.endswith("_url") else None
    if address:
        inherited["url"] = address
    return {**inherited, **block} if inherited else block


def _mapping(value: object) -> Mapping[str, Any] | None:
    """Return a mapping; not the fields of objects such as addresses and buffers."""
    return fields_of(value) or None if issubclass(type(value), dict) else None


def _text_of(source: Mapping[str, Any], depth: int) -> Sequence[Part]:
    for key in ("data", "text", "content"):
        text = text_of(source.get(key))
        if text:
            return (Text(text),)
    pieces = items_of(source.get("content"), 256)
    if not depth and pieces:
        return (Text(mark(len(pieces))),)
    found: list[Part] = []
    for piece in pieces:
        fields = fields_of(piece)
        text = text_of(fields.get("text"))
        found += (Text(text),) if text else media(text_of(fields.get("type")) or "document", fields, depth - 1)
    return found


def _first_text(fields: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    for key in keys:
        value = fields.get(key)
        if value is None:
            continue
        text = text_of(value)
        if text:
            return text
        if key in _ADDRESSES and text is None:
            text = _address(value)
            if text:
                return text
    return None


_ADDRESSES = frozenset({"url", "path"})


def _address(value: object) -> str | None:
    """Return the text of an address that is an object: pydantic's AnyUrl, pathlib's paths; of nothing else."""
    kind = type(value)
    if issubclass(kind, PurePath) or module_of(kind).startswith("pydantic"):
        return str(value)
    return None


def _data(fields: Mapping[str, Any]) -> str | None:
    """Return the data as base64: bytes are encoded, texts are base64 already."""
    for key in _DATA:
        value = fields.get(key)
        if value is None:
            continue
        text = text_of(value)
        if text:
            return text
        kind = type(value)
        if kind is bytes or kind is bytearray:
            return base64.b64encode(value).decode("ascii") or None
        if kind is BytesIO:
            return base64.b64encode(value.getvalue()).decode("ascii") or None
    return None


def _modality(mime_type: str | None) -> str:
    family = (mime_type or "").partition("/")[0]
    return family if family in ("image", "audio", "video") else "document"


@lru_cache(maxsize=256)
def _type_of_format(modality: str, name: str | None) -> str | None:
    """Return the MIME type of a format such as `png`, `wav` or `pdf`."""
    if not name or len(name) > 64:
        return None
    if "/" in name:
        return name
    if modality in ("image", "audio", "video"):
        return f"{modality}/{'jpeg' if name == 'jpg' else name}"
    return mimetypes.guess_type(f"x.{name}", strict=False)[0]
