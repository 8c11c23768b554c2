"""A receiver on loopback for each thing that can be wrong with a real one."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trustme


@contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Run *answer* on every connection; yields the port."""
    server = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def serve() -> None:
        while not stopped.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                try:
                    answer(connection)
                except OSError:
                    pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        stopped.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)


def speaks_grpc(connection: socket.socket) -> None:
    """Answer as an HTTP/2 server does to HTTP/1.1: settings, and good-bye."""
    if connection.recv(65536):
        connection.sendall(bytes.fromhex("000000040000000000") + bytes.fromhex("0000080700000000000000000000000001"))


def says_nothing(connection: socket.socket) -> None:
    """Take the request and never answer."""
    connection.settimeout(5)
    while connection.recv(65536):
        pass


def _is_whole(request: bytes) -> bool:
    """Return whether an HTTP request, its body included, is there."""
    head, end, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
    return bool(end) and (length is None or len(body) >= int(length[1]))


def speaks_tls(issued: trustme.LeafCert, clients: trustme.CA | None = None) -> Callable[[socket.socket], None]:
    """Return an answer that shakes hands with this certificate, with *clients* only with theirs, and says 200."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    if clients is not None:
        clients.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.settimeout(5)
            request = b""
            while not _is_whole(request):  # closing with a part unread would reset the connection
                piece = secured.recv(65536)
                if not piece:
                    return
                request += piece
            secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}")

    return answer
