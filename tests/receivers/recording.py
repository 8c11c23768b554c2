"""A receiver that keeps every request and answers as it is told."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Received:
    """One request as it came over the wire."""

    method: str
    path: str
    headers: Mapping[str, str]
    raw: bytes
    client_port: int = 0

    @property
    def body(self) -> bytes:
        """The body, decompressed."""
        return gzip.decompress(self.raw) if self.headers.get("content-encoding") == "gzip" else self.raw

    @property
    def json(self) -> dict[str, Any]:
        """The body as OTLP JSON."""
        return orjson.loads(self.body)

    @property
    def protobuf(self) -> ExportTraceServiceRequest:
        """The body as OTLP protobuf."""
        return ExportTraceServiceRequest.FromString(self.body)


@dataclass
class Answer:
    """What the receiver answers."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0


@dataclass
class Receiver:
    """A running receiver. `answers` are used up one a request; then `answer` holds."""

    url: str
    requests: list[Received] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    answer: Answer = field(default_factory=Answer)

    def json_spans(self) -> list[dict[str, Any]]:
        """Return all spans that came as JSON."""
        return [
            span
            for request in self.requests
            for resource in request.json["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]


@contextmanager
def recording_receiver() -> Iterator[Receiver]:
    """Run a receiver on loopback for the length of a block."""
    release = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.requests.append(Received("POST", self.path, headers, raw, self.client_address[1]))
            answer = receiver.answers.pop(0) if receiver.answers else receiver.answer
            if answer.delay:
                release.wait(answer.delay)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except (BrokenPipeError, ConnectionResetError):
                pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver = Receiver(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        release.set()
        server.shutdown()
        server.server_close()
        thread.join()
