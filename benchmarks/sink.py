"""Takes everything that tracers send on loopback, as a process of its own: `python sink.py` prints its port.

Bodies are only kept, and read when `/stats` asks what has arrived, so that reading never competes with what is measured.
`/reset` forgets. Every POST is answered with 200, at once or after the seconds that were given: `python sink.py 1.0`.
"""

from __future__ import annotations

import gzip
import json
import socket
import sys
import threading
import time
import zlib
from typing import Any, NamedTuple

_UNPACK = {"gzip": gzip.decompress, "deflate": zlib.decompress}
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\nConnection: keep-alive\r\n\r\n%b"


class Body(NamedTuple):
    """One request as it came."""

    kind: str
    encoding: str
    content: bytes


_lock = threading.Lock()
_delay = float(sys.argv[1]) if sys.argv[1:] else 0.0  # seconds
_bodies: list[Body] = []


def spans_of(body: Body) -> tuple[int, int, int]:
    """Return how many spans and attributes *body* holds, and its bytes before compression."""
    content = _UNPACK.get(body.encoding, bytes)(body.content)
    spans: list[Any] = []
    if "protobuf" in body.kind:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        request = ExportTraceServiceRequest()
        request.ParseFromString(content)
        spans = [span for about in request.resource_spans for scope in about.scope_spans for span in scope.spans]
        return len(spans), sum(len(span.attributes) for span in spans), len(content)
    said = json.loads(content) if "json" in body.kind else None
    if isinstance(said, dict) and "resourceSpans" in said:
        scopes = [scope for about in said["resourceSpans"] for scope in about["scopeSpans"]]
        spans = [span for scope in scopes for span in scope["spans"]]
    return len(spans), sum(len(span.get("attributes", ())) for span in spans), len(content)


def stats() -> dict[str, int]:
    """Return what has arrived since the last reset."""
    with _lock:
        bodies = list(_bodies)
    found = {"requests": len(bodies), "sent_bytes": sum(len(body.content) for body in bodies)}
    found |= {"spans": 0, "attributes": 0, "bytes": 0, "unreadable": 0}
    for body in bodies:
        try:
            spans, attributes, size = spans_of(body)
        except Exception as error:
            print(f"sink: cannot read a {body.kind}: {error!r}", file=sys.stderr)
            found["unreadable"] += 1
            continue
        found["spans"] += spans
        found["attributes"] += attributes
        found["bytes"] += size
    return found


class Connection:
    """One connection, kept alive: requests one after the other."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._rest = b""

    def serve(self) -> None:
        """Answer until the other side goes."""
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while True:
                self._answer()
        except (OSError, EOFError):
            pass
        finally:
            self._socket.close()

    def _answer(self) -> None:
        lines = self._until(b"\r\n\r\n").decode("latin1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        heads = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        if heads.get("expect"):
            self._socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        chunked = heads.get("transfer-encoding") == "chunked"
        content = self._chunks() if chunked else self._bytes(int(heads.get("content-length", 0)))
        kind, said = heads.get("content-type", ""), b"{}"
        if target == "/reset":
            with _lock:
                _bodies.clear()
        elif target == "/stats":
            said = json.dumps(stats()).encode()
        elif method != "GET":
            with _lock:
                _bodies.append(Body(kind, heads.get("content-encoding", ""), content))
            time.sleep(_delay)
        protobuf = "protobuf" in kind
        answer = b"" if protobuf else said
        self._socket.sendall(
            _ANSWER % (b"application/x-protobuf" if protobuf else b"application/json", len(answer), answer)
        )

    def _more(self) -> bytes:
        received = self._socket.recv(1 << 20)
        if not received:
            raise EOFError
        return received

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._rest:
            self._rest += self._more()
        head, self._rest = self._rest.split(mark, 1)
        return head

    def _bytes(self, count: int) -> bytes:
        parts, have = [self._rest], len(self._rest)
        while have < count:
            parts.append(self._more())
            have += len(parts[-1])
        held = b"".join(parts)
        self._rest = held[count:]
        return held[:count]

    def _chunks(self) -> bytes:
        parts = []
        while size := int(self._until(b"\r\n"), 16):
            parts.append(self._bytes(size))
            self._until(b"\r\n")
        self._until(b"\r\n")
        return b"".join(parts)


def main() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        print(listening.getsockname()[1], flush=True)
        while True:
            connected, _ = listening.accept()
            threading.Thread(target=Connection(connected).serve, daemon=True).start()


if __name__ == "__main__":
    main()
