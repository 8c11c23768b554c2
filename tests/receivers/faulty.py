"""A receiver that fails as it is told: a process of its own, so that nothing of it shares the interpreter under test.

`python faulty.py` listens on loopback and prints its port. `PUT /plan` says how the next requests are treated, `GET /seen`
what came. What is counted as arrived is what was answered with 2xx, without what a partial success rejects.
"""

from __future__ import annotations

import gzip
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

HOLD = 30.0  # seconds for which a hanging or dripping connection is held, at most


# ---------------------------------------------------------------- the test's side
@dataclass(frozen=True, slots=True)
class Seen:
    """What a receiver has seen: the ids of spans that arrived, in order, and for each try how many spans it held."""

    arrived: list[str]
    tries: list[int]
    paths: list[str]
    sizes: list[int]


class Faulty:
    """A running faulty receiver."""

    def __init__(self, port: int = 0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), str(port)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    @property
    def url(self) -> str:
        """Where it takes traces."""
        return f"http://127.0.0.1:{self.port}/v1/traces"

    def plan(self, *steps: dict[str, Any], then: dict[str, Any] | None = None) -> None:
        """Treat the next requests by *steps*, one each, and all later ones by *then* (taken, unless said otherwise)."""
        body = json.dumps({"steps": steps, "then": then or {"do": "answer"}}).encode()
        self._ask(Request(f"http://127.0.0.1:{self.port}/plan", body, method="PUT"))

    def seen(self) -> Seen:
        """Return what came so far."""
        return Seen(**self._ask(Request(f"http://127.0.0.1:{self.port}/seen")))

    def _ask(self, request: Request) -> Any:
        with urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def stop(self) -> None:
        """End the process; its port is free again."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


@contextmanager
def faulty_receiver(port: int = 0) -> Iterator[Faulty]:
    """Run a faulty receiver for the length of a block."""
    receiver = Faulty(port)
    try:
        yield receiver
    finally:
        receiver.stop()


def answer(status: int = 200, body: str = "", **headers: str) -> dict[str, Any]:
    """Return a step that answers with *status*; 2xx takes the spans."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"do": "answer", "status": status, "headers": named, "body": body}


def partial(rejected: int, *, protobuf: bool = False) -> dict[str, Any]:
    """Return a step that takes all but the first *rejected* spans and says so."""
    return {"do": "partial", "rejected": rejected, "protobuf": protobuf}


def limited(most: int, status: int = 413, body: str = "") -> dict[str, Any]:
    """Return a step that takes requests of at most *most* bytes."""
    return {"do": "limit", "most": most, "status": status, "body": body}


def picky(*names: str, status: int = 400) -> dict[str, Any]:
    """Return a step that refuses requests which hold a span of one of *names*."""
    return {"do": "picky", "names": names, "status": status}


def step(do: str, **details: Any) -> dict[str, Any]:
    """Return one of: hang_before, hang_after, reset, drip_head, drip_body, garbage, garbage_body, huge."""
    return {"do": do, **details}


# ---------------------------------------------------------------- the receiver's side
class State:
    """The plan, and what was seen."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.steps: list[dict[str, Any]] = []
        self.then: dict[str, Any] = {"do": "answer"}
        self.arrived: list[str] = []
        self.tries: list[int] = []
        self.paths: list[str] = []
        self.sizes: list[int] = []

    def next_step(self) -> dict[str, Any]:
        with self.lock:
            return self.steps.pop(0) if self.steps else self.then


def ids_and_names(headers: dict[str, str], body: bytes) -> list[tuple[str, str]]:
    """Return trace and span id, and name, of each span of a request in either encoding."""
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    if "json" in headers.get("content-type", ""):
        return [
            (span["traceId"] + span["spanId"], span["name"])
            for resource in json.loads(body)["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    return [
        (span.trace_id.hex() + span.span_id.hex(), span.name)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


class Connection:
    """One connection: requests are read and treated one after the other."""

    def __init__(self, sock: socket.socket, state: State) -> None:
        self.sock = sock
        self.state = state
        self.buffer = b""

    def serve(self) -> None:
        try:
            while self.one():
                pass
        except OSError:
            pass
        finally:
            self.sock.close()

    def one(self) -> bool:
        head = self.head()
        if head is None:
            return False
        method, path, headers = head
        if method != "POST":
            self.control(method, path, self.body(headers))
            return True
        step = self.state.next_step()
        if step["do"] == "hang_before":
            self.count(path, 0, 0)
            return self.hold()
        if step["do"] == "reset":
            self.count(path, 0, 0)
            self.more()
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        body = self.body(headers)
        spans = ids_and_names(headers, body)
        self.count(path, len(spans), len(body))
        return bool(getattr(self, step["do"])(step, spans, body))

    # ------------------------------------------------------------ reading
    def more(self) -> None:
        data = self.sock.recv(1 << 18)
        if not data:
            raise OSError("closed")
        self.buffer += data

    def head(self) -> tuple[str, str, dict[str, str]] | None:
        while b"\r\n\r\n" not in self.buffer:
            try:
                self.more()
            except OSError:
                return None
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        return method, path, {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    def body(self, headers: dict[str, str]) -> bytes:
        length = int(headers.get("content-length", 0))
        parts, held = [self.buffer], len(self.buffer)
        while held < length:
            data = self.sock.recv(1 << 18)
            if not data:
                raise OSError("closed")
            parts.append(data)
            held += len(data)
        joined = b"".join(parts)
        self.buffer = joined[length:]
        return joined[:length]

    def control(self, method: str, path: str, body: bytes) -> None:
        state = self.state
        with state.lock:
            if path == "/plan":
                plan = json.loads(body)
                state.steps, state.then = list(plan["steps"]), plan["then"]
            seen = {name: getattr(state, name) for name in ("arrived", "tries", "paths", "sizes")}
            text = json.dumps(seen).encode()
        self.send(200, text, {})

    # ------------------------------------------------------------ what is done to a request
    def count(self, path: str, spans: int, size: int) -> None:
        with self.state.lock:
            self.state.tries.append(spans)
            self.state.paths.append(path)
            self.state.sizes.append(size)

    def take(self, spans: list[tuple[str, str]]) -> None:
        with self.state.lock:
            self.state.arrived.extend(span for span, _ in spans)

    def send(self, status: int, body: bytes, headers: dict[str, str]) -> bool:
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return True

    def hold(self) -> bool:
        self.sock.settimeout(HOLD)
        while self.sock.recv(1 << 18):
            pass
        return False

    def answer(self, step: dict[str, Any], spans: list[tuple[str, str]], body: bytes) -> bool:
        if 200 <= step.get("status", 200) < 300:
            self.take(spans)
        return self.send(step.get("status", 200), step.get("body", "").encode(), step.get("headers", {}))

    def partial(self, step: dict[str, Any], spans: list[tuple[str, str]], body: bytes) -> bool:
        rejected = min(step["rejected"], len(spans))
        self.take(spans[rejected:])
        if step["protobuf"]:
            from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

            said = ExportTraceServiceResponse()
            said.partial_success.rejected_spans = rejected
            return self.send(200, said.SerializeToString(), {"Content-Type": "application/x-protobuf"})
        text = json.dumps({"partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": "too old"}})
        return self.send(200, text.encode(), {"Content-Type": "application/json"})

    def limit(self, step: dict[str, Any], spans: list[tuple[str, str]], body: bytes) -> bool:
        if len(body) > step["most"]:
            return self.send(step["status"], step["body"].encode(), {})
        self.take(spans)
        return self.send(200, b"", {})

    def picky(self, step: dict[str, Any], spans: list[tuple[str, str]], body: bytes) -> bool:
        if any(name in step["names"] for _, name in spans):
            return self.send(step["status"], b'{"code":3,"message":"bad span"}', {})
        self.take(spans)
        return self.send(200, b"", {})

    def slow(self, step: dict[str, Any], spans: list[tuple[str, str]], body: bytes) -> bool:
        time.sleep(step["seconds"])
        self.take(spans)
        return self.send(200, b"", {})

    def hang_after(self, step: dict[str, Any], spans: list[tuple[str, str]], body: bytes) -> bool:
        return self.hold()

    def drip_head(self, step: dict[str, Any], spans: list[tuple[str, str]], body: bytes) -> bool:
        self.drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 10_000)
        return False

    def drip_body(self, step: dict[str, Any], spans: list[tuple[str, str]], body: bytes) -> bool:
        self.take(spans)
        self.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
        self.drip(b" " * 10_000)
        return False

    def drip(self, data: bytes) -> None:
        until = time.monotonic() + HOLD
        for index in range(len(data)):
            if time.monotonic() > until:
                return
            self.sock.sendall(data[index : index + 1])
            time.sleep(0.02)

    def garbage(self, step: dict[str, Any], spans: list[tuple[str, str]], body: bytes) -> bool:
        self.sock.sendall(b"\x16\x03\x01 this is no HTTP \xff\xfe\r\n\r\n")
        return False

    def garbage_body(self, step: dict[str, Any], spans: list[tuple[str, str]], body: bytes) -> bool:
        self.take(spans)
        return self.send(200, b'{"partialSuccess": \xff\x00 broken', {"Content-Type": "application/json"})

    def huge(self, step: dict[str, Any], spans: list[tuple[str, str]], body: bytes) -> bool:
        self.take(spans)
        self.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        until = time.monotonic() + HOLD
        while time.monotonic() < until:
            self.sock.sendall(b" " * 65536)
        return False


def main() -> None:
    """Serve until the process that started this one is gone."""
    state = State()
    listening = socket.create_server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0))
    print(listening.getsockname()[1], flush=True)
    parent = os.getppid()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    while True:
        sock, _ = listening.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=Connection(sock, state).serve, daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(0)


if __name__ == "__main__":
    main()
