"""Connections on which all of an exchange, from connecting to the last byte, has one deadline."""

from __future__ import annotations

import http.client
import io
import math
import socket
from typing import Any

import urllib3

from ..clock import monotonic
from .proxies import proxy_for
from .tls import Tls

MAX_INFORMATIONAL = 16  # answers that may come before the final one; servers send one, or one each few seconds of work


class UnreadableAnswerError(http.client.HTTPException):
    """An answer came, and HTTP/1.1 does not allow it. The message says what it did, as the end of a sentence."""


class Deadline:
    """When the exchange under way has to be over, in monotonic seconds."""

    __slots__ = ("at",)

    def __init__(self) -> None:
        self.at = math.inf


def pool_of(url: str, tls: Tls, deadline: Deadline) -> Any:
    """Return a connection pool: TLS always verified, the environment's proxies used as other clients do."""
    options: dict[str, Any] = {"maxsize": 1, "cert_reqs": "CERT_REQUIRED"}
    if tls.ca_file:
        options["ca_certs"] = tls.ca_file
    if tls.client_certificate:
        options["cert_file"] = tls.client_certificate
        options["key_file"] = tls.key_file  # named, urllib3 sees that it is encrypted; OpenSSL would ask for the phrase
    proxy = proxy_for(url)
    if proxy is None:
        manager = urllib3.PoolManager(**options)
    else:
        manager = urllib3.ProxyManager(proxy.url, proxy_headers=dict(proxy.headers), **options)
    manager.pool_classes_by_scheme = {
        scheme: _punctual(pool, deadline) for scheme, pool in manager.pool_classes_by_scheme.items()
    }
    return manager


class _Reader(io.RawIOBase):
    """A socket's bytes, none of them after the deadline."""

    def __init__(self, raw: Any, sock: socket.socket, deadline: Deadline) -> None:
        self._raw = raw
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        """Say that this is for reading."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what comes next, within the time that is left."""
        left = self._deadline.at - monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(min(left, 3600.0))
        count: int = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        """Let go of the socket."""
        self._raw.close()
        super().close()


def _punctual(pool: Any, deadline: Deadline) -> Any:
    """Return a class of pools whose connections read an answer, its head included, before *deadline*.

    urllib3's own timeout holds for each read: a receiver that sends its head a byte at a time would hold the lane.
    """

    class Response(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
            super().__init__(sock, *args, **options)
            self.fp = io.BufferedReader(_Reader(self.fp.detach(), sock, deadline))

        def begin(self) -> None:
            """Read the head of the final answer: informational ones may come before it (RFC 9110, 15.2).

            `http.client` skips 100 only. 101 is none of these: the connection would speak another protocol from there on.
            """
            for _ in range(MAX_INFORMATIONAL):
                super().begin()
                if self.status == http.client.SWITCHING_PROTOCOLS:
                    raise UnreadableAnswerError("switches to another protocol, which was not asked for (HTTP 101)")
                if not 100 <= self.status < 200:
                    return
                self.headers = self.msg = None  # type: ignore[assignment]  # else the next head would not be read
            raise UnreadableAnswerError(f"sends {MAX_INFORMATIONAL} informational answers and no final one")

    class Connection(pool.ConnectionCls):  # type: ignore[misc]
        response_class = Response

        def send(self, data: Any) -> None:
            """Send a block of a request, within the time that is left for all of it."""
            if self.sock is not None:
                left = deadline.at - monotonic()
                if left <= 0:
                    raise TimeoutError("timed out")
                self.sock.settimeout(min(left, 3600.0))
            super().send(data)

    return type("Pool", (pool,), {"ConnectionCls": Connection})
