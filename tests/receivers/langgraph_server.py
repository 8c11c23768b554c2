"""A double of a LangGraph server's HTTP API, on loopback: it runs a graph, and streams its values as server-sent events.

After the API's reference: `POST /runs/stream`, `POST /threads/{id}/runs/stream`, `GET /threads/{id}/state`,
`GET /assistants/{id}/graph`. What a server that is instrumented with OpenTelemetry does, it does: a run goes on in the trace
that the request's headers name.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from langgraph.types import Command
from opentelemetry import context
from opentelemetry.propagate import extract

CHECKPOINT = {"thread_id": "t1", "checkpoint_ns": "", "checkpoint_id": "1ef", "checkpoint_map": {}}


@dataclass
class LangGraphServer:
    """What was asked of it. Lists are appended to by the server's threads, one C call each."""

    url: str = ""
    requests: list[tuple[str, str, dict[str, str], dict[str, Any]]] = field(default_factory=list)


@contextmanager
def langgraph_server(graph: Any, config: Mapping[str, Any]) -> Iterator[LangGraphServer]:
    """Yield a server that runs *graph* with *config*."""
    asked = LangGraphServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.requests.append(("GET", self.path, _headers(self), {}))
            if self.path.startswith("/assistants/"):
                self._json({"nodes": [{"id": "answer", "type": "runnable", "data": {}}], "edges": []})
            else:
                self._json(
                    {
                        "values": {"messages": []},
                        "next": [],
                        "tasks": [],
                        "metadata": {},
                        "created_at": None,
                        "checkpoint": CHECKPOINT,
                        "parent_checkpoint": None,
                        "interrupts": [],
                    }
                )

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked.requests.append(("POST", self.path, _headers(self), body))
            parts = self.path.strip("/").split("/")
            thread = parts[1] if parts[0] == "threads" else None
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            self._event("metadata", {"run_id": "00000000-0000-0000-0000-000000000001", "attempt": 1})
            token = context.attach(extract(_headers(self)))
            try:
                self._stream(body, thread)
            except Exception as error:
                self._event("error", {"error": type(error).__name__, "message": str(error)})
            finally:
                context.detach(token)

        def _stream(self, body: Mapping[str, Any], thread: str | None) -> None:
            resume = (body.get("command") or {}).get("resume")
            given = Command(resume=resume) if resume is not None else body.get("input")
            theirs = body.get("config") or {}
            merged = {**config, "metadata": {**config.get("metadata", {}), **theirs.get("metadata", {})}}
            merged["configurable"] = {"thread_id": thread or "stateless"}
            for mode, data in graph.stream(given, merged, stream_mode=["values", "updates"]):
                self._event(mode, data)

        def _event(self, name: str, data: Any) -> None:
            self.wfile.write(f"event: {name}\ndata: {json.dumps(data, default=_plain)}\n\n".encode())

        def _json(self, data: Any) -> None:
            body = json.dumps(data).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    asked.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _headers(handler: BaseHTTPRequestHandler) -> dict[str, str]:
    return {name.lower(): value for name, value in handler.headers.items()}


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump()
    return {"value": value.value, "id": value.id} if type(value).__name__ == "Interrupt" else str(value)
