"""Where an audit sends everything: a receiver on loopback, and a destination of every form that keeps its bytes."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from typing import Any

from ..destinations import arize, console, file, langfuse, otlp, phoenix, sdk, tempo
from ..destinations.destination import Destination
from ..redact import secrets

_SPACE = "U3BhY2U6MTphdWRpdA=="  # base64 of Space:1:audit
CONTROL = "control"


@dataclass(slots=True)
class Received:
    """Bytes by form of destination; *expected* are the forms in which there have to be some."""

    data: dict[str, list[bytes]] = field(default_factory=dict)
    expected: set[str] = field(default_factory=set)

    def add(self, form: str, data: bytes) -> None:
        """Keep *data* under *form*."""
        self.data.setdefault(form, []).append(data)


@contextmanager
def receiver(received: Received) -> Iterator[str]:
    """Run a receiver on loopback that keeps each request under the form that its path begins with; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Keep head and body."""
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            form = self.path.split("/")[1]
            received.add(form, f"{self.path}\n{self.headers}".encode())
            received.add(form, body)
            if self.headers.get("Content-Encoding") == "gzip":
                received.add(form, gzip.decompress(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *values: Any) -> None:
            """Write no access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Bytes:
    """A `SpanExporter` that keeps what OpenTelemetry's own encoder makes of spans."""

    def __init__(self, form: str, received: Received) -> None:
        self._form = form
        self._received = received

    def export(self, spans: Any) -> Any:
        """Keep the bytes."""
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
        from opentelemetry.sdk.trace.export import SpanExportResult

        self._received.add(self._form, encode_spans(spans).SerializeToString())
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing is open."""


def destinations_of_every_form(url: str, folder: Path, received: Received, printed: StringIO) -> list[Destination]:
    """Return a destination of every form, in privacy mode, and the controls."""
    found: list[Destination] = []
    for convention in ("openinference", "gen_ai"):
        for protocol in ("http/json", "http/protobuf"):
            for compression in ("none", "gzip"):
                form = f"{protocol[5:]}{'+gzip' if compression == 'gzip' else ''} {convention}".replace(" ", "-")
                found.append(
                    otlp(
                        f"{url}/{form}/v1/traces",
                        name=form,
                        headers={},
                        convention=convention,
                        protocol=protocol,
                        compression=compression,
                        privacy_mode=True,
                    )
                )
        name = f"file-{convention}"
        found.append(file(folder / f"{name}.jsonl", name=name, convention=convention, privacy_mode=True))
        name = f"sdk-{convention}"
        exporter: Any = _Bytes(name, received)
        found.append(sdk(exporter, name=name, convention=convention, privacy_mode=True))
        # nothing listens there: what was meant for it lies in the spool
        name = f"spool-{convention}"
        dead = f"http://127.0.0.1:{_closed_port()}/v1/traces"
        found.append(otlp(dead, name=name, headers={}, convention=convention, privacy_mode=True))
        name = f"{CONTROL}-{convention}"
        found.append(file(folder / f"{name}.jsonl", name=name, convention=convention))
    private: dict[str, Any] = {"privacy_mode": True}
    found += [
        console(printed, name="console", **private),
        arize(api_key="audit-key", space_key=_SPACE, model_id="audit", base_url=f"{url}/arize", **private),
        phoenix(f"{url}/phoenix", **private),
        langfuse(public_key="pk-audit", secret_key="sk-audit", base_url=f"{url}/langfuse", **private),  # noqa: S106
        tempo(f"{url}/tempo", redact=secrets, max_content_chars=100, media=False, **private),
    ]
    return found


def _closed_port() -> int:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        return port
