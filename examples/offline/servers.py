"""Servers on loopback: a receiver of traces, and a gateway that answers like OpenRouter and broadcasts its own span."""

import base64
import json
import threading
import time
import urllib.request
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SPACE_KEY = base64.b64encode(b"Space:1:none").decode()  # has the form of an Arize Space ID


@contextmanager
def serving(answer):
    """Serve on a free port; `answer(path, headers, body)` returns content type and body. Gives the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            kind, content = answer(self.path, headers, body)
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            """Stay silent."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128  # many may ask at once; the default keeps five waiting and turns the rest away

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Receiver:
    """An OTLP receiver on loopback: `with Receiver() as receiver`. Keeps what came, and can write it to a file."""

    def __init__(self):
        self.requests = []  # (path, headers, body)

    def __enter__(self):
        self._serving = serving(self._answer)
        self.url = self._serving.__enter__()
        return self

    def __exit__(self, *error):
        self._serving.__exit__(*error)

    def _answer(self, path, headers, body):
        self.requests.append((path, headers, body))
        return "application/json", b"{}"

    def holds(self, text):
        """Return whether *text* came, anywhere."""
        return any(text.encode() in body for _, _, body in self.requests)

    def write(self, path):
        """Write what came as JSON to *path*, as OTLP JSON lines."""
        lines = [body + b"\n" for _, headers, body in self.requests if "json" in headers["content-type"]]
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(b"".join(lines))


@contextmanager
def gateway(collector):
    """Run a gateway that answers chat requests and broadcasts a span of each to *collector*. Gives it, with `.requests`."""
    held = Receiver()

    def answer(path, headers, raw):
        body = json.loads(raw)
        held.requests.append((path, headers, body))
        id, started = f"gen-{len(held.requests)}", time.time_ns()
        broadcast(collector, id, body, started)
        return completion(id, body)

    with serving(answer) as url:
        held.url = f"{url}/api/v1"
        yield held


def completion(id, body):
    """Return the gateway's answer: a chat completion, whole or streamed."""
    usage = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17, "cost": 0.00008}
    about = {"id": id, "model": body["model"], "created": 1, "system_fingerprint": None}
    said = {"role": "assistant", "content": "It is on its way."}
    if not body.get("stream"):
        choice = {"index": 0, "message": said, "finish_reason": "stop"}
        whole = {**about, "object": "chat.completion", "choices": [choice], "usage": usage}
        return "application/json", json.dumps(whole).encode()
    pieces = [({**said, "content": "It is "}, None), ({"content": "on its way."}, None), ({}, "stop")]
    lines = []
    for delta, reason in pieces:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        chunk = {**about, "object": "chat.completion.chunk", "choices": [choice]}
        lines.append(json.dumps(chunk | {"usage": usage} if reason else chunk))
    return "text/event-stream", "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode()


def broadcast(collector, id, body, started):
    """Send the gateway's own span of a request to *collector*, in the shape in which OpenRouter's Broadcast sends it."""
    trace = body.get("trace") or {}
    digest = sha256(id.encode()).hexdigest()
    generation = {
        "traceId": trace.get("trace_id") or digest[:32],
        "spanId": digest[:16],
        "parentSpanId": trace.get("parent_span_id", ""),
        "name": trace.get("generation_name", "LLM Generation"),
        "kind": 3,
        "startTimeUnixNano": str(started),
        "endTimeUnixNano": str(time.time_ns()),
        "status": {"code": 1},
    }
    attempt = {**generation, "spanId": digest[16:32], "parentSpanId": digest[:16], "name": "provider attempt 1: OpenAI"}
    known = {"trace_id", "trace_name", "span_name", "generation_name", "parent_span_id"}
    about = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": body["model"],
        "gen_ai.response.id": id,
        "user.id": body.get("user"),
        "session.id": body.get("session_id"),
        **{f"trace.metadata.{key}": value for key, value in trace.items() if key not in known},
    }
    told = [{"key": key, "value": {"stringValue": str(value)}} for key, value in about.items() if value is not None]
    counted = [("gen_ai.usage.input_tokens", {"intValue": 12}), ("gen_ai.usage.output_tokens", {"intValue": "5"})]
    generation["attributes"] = told + [{"key": key, "value": value} for key, value in counted]
    service = {"key": "service.name", "value": {"stringValue": "openrouter"}}
    scopes = [{"scope": {"name": "openrouter"}, "spans": [generation, attempt]}]
    sent = {"resourceSpans": [{"resource": {"attributes": [service]}, "scopeSpans": scopes}]}
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(collector, json.dumps(sent).encode(), headers, method="POST")  # noqa: S310
    urllib.request.urlopen(request, timeout=5).close()  # noqa: S310
