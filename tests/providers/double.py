"""A loopback double of model APIs: answers each POST with the next scripted body."""

from __future__ import annotations

import http.server
import json
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

JSON = "application/json"


@dataclass
class Body:
    """What is answered: a content type, and the bytes."""

    kind: str
    data: bytes


def whole(value: Any) -> Body:
    """Return a plain JSON answer."""
    return Body(JSON, json.dumps(value).encode())


def sse(*events: Any, named: bool = False, done: bool = False) -> Body:
    """Return server-sent events; *named*: each with its `type` as the event's name; *done*: OpenAI's last line."""
    lines = [(f"event: {event['type']}\n" if named else "") + f"data: {json.dumps(event)}\n\n" for event in events]
    return Body("text/event-stream", ("".join(lines) + ("data: [DONE]\n\n" if done else "")).encode())


def lines(*values: Any) -> Body:
    """Return one JSON value a line, as Ollama streams."""
    return Body("application/x-ndjson", "".join(json.dumps(value) + "\n" for value in values).encode())


def aws_events(*events: tuple[str, Any]) -> Body:
    """Return events in Amazon's binary framing: lengths, checksums, headers and a JSON payload."""
    return Body("application/vnd.amazon.eventstream", b"".join(_frame(name, value) for name, value in events))


def _frame(name: str, value: Any) -> bytes:
    headers = b"".join(
        bytes([len(key)]) + key.encode() + b"\x07" + struct.pack(">H", len(text)) + text.encode()
        for key, text in ((":event-type", name), (":content-type", JSON), (":message-type", "event"))
    )
    payload = json.dumps(value).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    framed = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return framed + struct.pack(">I", zlib.crc32(framed))


@dataclass
class Double:
    """A running double. *script*: the bodies to come; *asked*: path and body of each request."""

    url: str = ""
    script: list[Body] = field(default_factory=list)
    asked: list[tuple[str, Any]] = field(default_factory=list)


@contextmanager
def running() -> Iterator[Double]:
    """Run a double on a free port of loopback."""
    double = Double()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers.get("content-length") or 0))
            double.asked.append((self.path, json.loads(asked or b"{}")))
            body = double.script.pop(0)
            self.send_response(200)
            self.send_header("Content-Type", body.kind)
            self.send_header("Content-Length", str(len(body.data)))
            self.end_headers()
            self.wfile.write(body.data)

        def log_message(self, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    double.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
