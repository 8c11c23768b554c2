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
    pieces: Callable[[Attributes, str, str, Sequence[bytes]], list[bytes]]
    decode: Callable[[bytes], Span]

    def request(self, resource: Attributes, scope_name: str, scope_version: str, spans: Sequence[bytes]) -> bytes:
        """Return a whole request, in one piece."""
        return b"".join(self.pieces(resource, scope_name, scope_version, spans))


_PROTOBUF = Encoding(protobuf.CONTENT_TYPE, protobuf.encode_span, protobuf.request_pieces, decode_span)
ENCODINGS: dict[str, Encoding] = {
    "http/json": Encoding(json.CONTENT_TYPE, json.encode_span, json.request_pieces, json_decoding.decode_span),
    "http/protobuf": _PROTOBUF,
    "grpc": _PROTOBUF,  # a message of gRPC is the same bytes
}
