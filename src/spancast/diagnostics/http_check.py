"""Tests one OTLP/HTTP receiver, from its settings to one real span: what is wrong, why, and the line that fixes it.

Each step says something only once the steps before it have passed: a name that is unknown needs no certificate.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from urllib.parse import SplitResult, urlsplit

from .. import _version
from ..clock import monotonic
from ..conventions.span import Attributes, Span
from ..otlp.encoding import ENCODINGS
from ..otlp.headers import Headers
from ..otlp.http import HttpExporter
from ..otlp.masking import hidden, masked
from ..otlp.outcome import Outcome
from ..otlp.proxies import ProxyAddressError, proxy_for
from ..otlp.tls import Tls, context_of, handshake_failed, is_about_the_client, why_unusable
from ..record.fast_frozen import frozen
from ..validation import SettingsError
from . import known_mistakes
from .result import CheckResult, Step, failure

TEST_HEADER = {"X-Test-Connection": "true"}
EMPTY = {"http/json": b'{"resourceSpans":[]}', "http/protobuf": b""}


@frozen(kw_only=True)
class Connection:
    """How to reach the receiver; *timeout* in seconds for each step."""

    url: str
    headers: Headers
    protocol: str
    compression: str | None
    tls: Tls
    timeout: float


class HttpCheck:
    """The test of one OTLP/HTTP receiver. Used once, by one thread."""

    def __init__(
        self,
        connection: Connection,
        *,
        name: str,
        where: str,
        form: str,
        span: Callable[[], Span | None],
        resource: Callable[[], Attributes],
    ) -> None:
        """Prepare the test; *form* says in what convention and privacy spans are sent, *span* makes the one to send."""
        self._connection = connection
        self._name, self._where, self._form = name, where, form
        self._span, self._resource = span, resource
        self._parts = urlsplit(connection.url)
        self._steps: list[Step] = []
        self._latency: float | None = None
        self._trace: str | None = None
        self._headers: Mapping[str, str] = {}

    def result(self) -> CheckResult:
        """Take the steps until one fails."""
        headers = self._settings()
        if headers is not None and self._can_be_posted_to():
            self._headers = headers
            self._posted(headers)
        return CheckResult(
            destination=self._name,
            where=self._where,
            steps=tuple(self._clean(headers or {})),
            latency_ms=self._latency,
            trace_id=self._trace,
        )

    def _clean(self, headers: Mapping[str, str]) -> Iterator[Step]:
        """Yield the steps without what a receiver may have repeated of our keys."""
        secret = hidden(headers, self._connection.url)
        for step in self._steps:
            yield replace(step, detail=masked(step.detail, secret), fix=masked(step.fix, secret))

    # ------------------------------------------------------------------ settings
    def _settings(self) -> Mapping[str, str] | None:
        """Look at URL and headers; return the headers, or None when there is no use in going on."""
        try:
            source = self._connection.headers
            headers = source() if callable(source) else source
        except SettingsError as error:
            self._steps.append(failure("settings", error.code, str(error)))
            return None
        except Exception as error:  # the user's function
            self._steps.append(failure("settings", "E106", f"headers() raised {type(error).__name__}"))
            return None
        found = [failure("settings", *seen) for seen in known_mistakes.in_settings(self._connection.url, headers)]
        self._steps.extend(found)
        if any(step.state == "failed" for step in found):
            return None
        encoding = self._connection.protocol + (" with gzip" if self._connection.compression else "")
        self._steps.append(Step(name="settings", detail=f"{encoding}, {self._form}"))
        return headers

    # ------------------------------------------------------------------ the way there
    def _can_be_posted_to(self) -> bool:
        try:
            return self._proxied() or self._reached()
        except ProxyAddressError as error:
            return self._failed(failure("proxy", "E204", str(error)))

    def _proxied(self) -> bool:
        if proxy_for(self._connection.url) is None:
            return False
        self._steps.append(Step(name="proxy", state="skipped", detail="DNS, TCP and TLS are the proxy's"))
        return True

    def _reached(self) -> bool:
        """Find the host's addresses, connect, and shake hands."""
        host, port = self._parts.hostname or "", self._parts.port or (443 if self._parts.scheme == "https" else 80)
        began = monotonic()
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            return self._failed(failure("DNS", "E201", host, fix=known_mistakes.host_fix(host)))
        addresses = sorted({str(info[4][0]) for info in found})
        self._timed("DNS", ", ".join(addresses[:3]), began)
        return self._connected(host, port)

    def _connected(self, host: str, port: int) -> bool:
        began = monotonic()
        try:
            connection = socket.create_connection((host, port), timeout=self._connection.timeout)
        except ConnectionRefusedError:
            return self._failed(
                failure("TCP", "E202", f"port {port} refused the connection", fix=_port_fix(self._parts))
            )
        except TimeoutError:
            return self._failed(
                failure("TCP", "E203", f"no answer from port {port} within {self._connection.timeout:g} s")
            )
        except OSError as error:
            return self._failed(failure("TCP", "E204", error.strerror or type(error).__name__))
        with connection:
            self._timed("TCP", f"port {port}", began)
            return self._parts.scheme != "https" or self._shaken(connection, host)

    def _shaken(self, connection: socket.socket, host: str) -> bool:
        tls = self._connection.tls
        began = monotonic()
        try:
            if problem := why_unusable(tls):
                return self._failed(failure("TLS", "E213", problem))
            with context_of(tls).wrap_socket(connection, server_hostname=host) as secured:
                self._timed("TLS", f"{secured.version()}, the certificate is for {host}", began)
        except (OSError, ValueError) as error:
            return self._failed(_tls_failure(error, host))
        return True

    def _timed(self, name: str, detail: str, began: float) -> None:
        self._steps.append(Step(name=name, detail=detail, milliseconds=(monotonic() - began) * 1000))

    def _failed(self, step: Step) -> bool:
        self._steps.append(step)
        return False

    # ------------------------------------------------------------------ one real span
    def _posted(self, headers: Mapping[str, str]) -> None:
        span = self._span()
        if span is None:
            return
        self._trace = f"{span.trace_id:032x}"
        resource = self._resource
        exporter = self._exporter(self._connection.url, resource)
        began = monotonic()
        body = ENCODINGS[self._connection.protocol].request(
            resource(), "spancast", _version.VERSION, [exporter.encode(span)]
        )
        outcome = exporter.post(body, self._connection.timeout, TEST_HEADER)
        took = (monotonic() - began) * 1000
        exporter.close()
        if outcome.status is not None:
            self._latency = took
        self._judged(outcome, headers)

    def _judged(self, outcome: Outcome, headers: Mapping[str, str]) -> None:
        status = outcome.status
        if status is None:
            # after our side's handshake: its certificate is well by now
            if outcome.reason != "timeout" and self._wants_a_certificate():
                self._steps.append(failure("span", "E211", "the receiver ended the connection after the handshake"))
                return
            self._steps.append(failure("span", outcome.code or "E204", outcome.message))
            return
        if status in (401, 403, 407):
            fix = known_mistakes.credentials_fix(self._connection.url, headers)
            self._steps.append(failure("auth", "E403" if status == 403 else "E401", outcome.text, fix=fix))
            return
        key = known_mistakes.authorization_of(headers)
        self._steps.append(Step(name="auth", detail=f"{key} accepted" if key else "no key is sent, none was asked for"))
        if not 200 <= status < 300:
            self._refused(status, outcome)
            return
        self._accepted(status, outcome)

    def _wants_a_certificate(self) -> bool:
        """Return whether the receiver, asked for nothing, ends a new connection because of the client's certificate.

        In TLS 1.3 it looks at it after our side's handshake: a request that is under way by then may only see the end.
        """
        if self._parts.scheme != "https" or proxy_for(self._connection.url) is not None:
            return False
        host, port = self._parts.hostname or "", self._parts.port or 443
        try:
            with (
                socket.create_connection((host, port), timeout=self._connection.timeout) as connection,
                context_of(self._connection.tls).wrap_socket(connection, server_hostname=host) as secured,
            ):
                secured.recv(1)
        except (OSError, ValueError) as error:
            return is_about_the_client(str(error))
        return False

    def _refused(self, status: int, outcome: Outcome) -> None:
        if status == 400 and known_mistakes.is_webhook(self._parts.path) and self._answer_to_nothing() == 400:
            self._steps.append(failure("span", "W111", outcome.text))
            return
        code, fix = known_mistakes.refusal(status, outcome.text, self._connection.protocol, self._connection.url)
        self._steps.append(failure("span", code, outcome.text, fix=fix))

    def _accepted(self, status: int, outcome: Outcome) -> None:
        if outcome.reason == "web page":
            self._steps.append(failure("span", "E601", f"HTTP {status} with a web page"))
            return
        if known_mistakes.is_base(self._parts.path) and self._takes_more():
            fix = f"write {known_mistakes.completed(self._where)}"
            detail = f"HTTP {status}, as on every path of this host"
            self._steps.append(failure("span", "E110", detail, fix=fix))
            return
        self._steps.append(Step(name="span", detail=f"HTTP {status}", milliseconds=self._latency))
        if outcome.rejected:
            self._steps.append(failure("partial success", "E600", f"it said: {outcome.words}"))
            return
        detail = f"nothing rejected; it said: {outcome.words}" if outcome.words else "nothing rejected"
        self._steps.append(Step(name="partial success", detail=detail))
        if known_mistakes.is_webhook(self._parts.path):
            self._steps.append(failure("path", "W110"))

    def _takes_more(self) -> bool:
        """Return whether the completed path is accepted as well: then this one is not where traces belong."""
        return self._status_of_nothing(known_mistakes.completed(self._connection.url)) not in (404, 405, None)

    def _answer_to_nothing(self) -> int | None:
        return self._status_of_nothing(self._connection.url)

    def _exporter(self, url: str, resource: Callable[[], Attributes]) -> HttpExporter:
        connection = self._connection
        return HttpExporter(
            url,
            headers=self._headers,
            protocol=connection.protocol,
            compression=connection.compression,
            timeout=self._connection.timeout,
            resource=resource,
            tls=connection.tls,
        )

    def _status_of_nothing(self, url: str) -> int | None:
        exporter = self._exporter(url, dict)
        outcome = exporter.post(EMPTY[self._connection.protocol], self._connection.timeout, TEST_HEADER)
        exporter.close()
        return outcome.status


def _port_fix(parts: SplitResult) -> str | None:
    if parts.port in (4318, None):
        return None
    return f"start the receiver there; or was {parts.scheme}://{parts.hostname}:4318/v1/traces meant?"


def _tls_failure(error: Exception, host: str) -> Step:
    if not isinstance(error, ssl.SSLError):
        code = "E209" if isinstance(error, ConnectionError) else "E203"
        return failure("TLS", code, f"the handshake broke off: {type(error).__name__}")
    found = handshake_failed(error, host)
    if found.code == "E205":
        return failure("TLS", "E205", f"the certificate is not for {host}", fix=known_mistakes.host_fix(host))
    message, _, hint = (found.reason or found.message).partition("; ")
    fix = "write http:// instead of https://" if "without TLS" in message else hint or None
    return failure("TLS", found.code, message, fix=fix)
