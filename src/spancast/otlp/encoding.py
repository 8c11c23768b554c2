"""The two encodings of OTLP as one choice: how a span becomes bytes, and how a request is put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..conventions.span import Attributes, Span
from ..record.fast_frozen import frozen
from . import json, json_decoding, protobuf
from .protobuf_decoding import decode_span


@frozen()
class Encoding:
    """One encoding of OTLP."""

    content_type: str
    span: Callable[[Span], bytes]
    request: Callable[[Attributes, str, str, Sequence[bytes]], bytes]
    decode: Callable[[bytes], Span]


ENCODINGS: dict[str, Encoding] = {
    "http/json": Encoding(json.CONTENT_TYPE, json.encode_span, json.encode_request, json_decoding.decode_span),
    "http/protobuf": Encoding(protobuf.CONTENT_TYPE, protobuf.encode_span, protobuf.encode_request, decode_span),
}
