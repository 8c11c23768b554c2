"""Tests one destination, from its settings to one real span: what is wrong, why, and the line that mends it.

Each step says something only once the steps before it have passed: a name that is unknown needs no certificate.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import SplitResult, urlsplit

from .. import _version
from ..conventions.span import Span
from ..otlp.encoding import ENCODINGS
from ..otlp.http import HttpExporter
from ..otlp.masking import hidden, masked
from ..otlp.outcome import Outcome, Verdict
from ..record.operation import Kind, Operation
from ..recording.identity import new_span_id, new_trace_id
from ..resource import resource_source
from . import recognised
from .destination import Destination, HttpTarget, ResourceSource
from .faults import FAULTS
from .local import FileTarget
from .preparation import preparation
from .sdk import SdkTarget
from .validation import SettingsError

TEST_HEADER = {"X-Test-Connection": "true"}
TEST_NAME = "spancast-connection-test"
EMPTY = {"http/json": b'{"resourceSpans":[]}', "http/protobuf": b""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a test.

    Attributes:
        state: `ok`, `warning`, `failed` or `skipped`.
        detail: What was seen.
        code: Of a warning or failure: the fault's code, for `spancast explain`.
        cause, cure: Of a warning or failure, in a sentence each.
        milliseconds: How long it took, where that says something.
    """

    name: str
    state: str = "ok"
    detail: str = ""
    code: str | None = None
    cause: str = ""
    cure: str = ""
    milliseconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What the test of a destination found.

    Attributes:
        destination: Its name.
        where: Where it sends to, without secrets.
        verdict: `passed`, or in a word or two what is wrong: `credentials`, `path`, `use protobuf`, `host`, `TLS`, ...
        latency_ms: From sending the span to the answer.
        trace_id: Of the test span, to look it up in the backend.
    """

    destination: str
    where: str
    steps: tuple[Step, ...]
    latency_ms: float | None = None
    trace_id: str | None = None

    @property
    def failure(self) -> Step | None:
        """The step that failed, if one did."""
        return next((step for step in self.steps if step.state == "failed"), None)

    @property
    def passed(self) -> bool:
        """Whether nothing failed; warnings do not count."""
        return self.failure is None

    @property
    def verdict(self) -> str:
        """`passed`, or what is wrong in a word or two."""
        failure = self.failure
        return "passed" if failure is None else FAULTS[failure.code or "E100"].verdict

    @property
    def code(self) -> str | None:
        """The code of what failed."""
        return self.failure.code if self.failure else None

    def __bool__(self) -> bool:
        """Whether the test passed."""
        return self.passed

    def __str__(self) -> str:
        """Return what a person reads, without colours."""
        return "\n".join(lines_of(self))

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain data, for `--json`."""
        return {
            "destination": self.destination,
            "where": self.where,
            "passed": self.passed,
            "verdict": self.verdict,
            "code": self.code,
            "latency_ms": self.latency_ms,
            "trace_id": self.trace_id,
            "steps": [
                {name: value for name in Step.__slots__ if (value := getattr(step, name)) not in (None, "")}
                for step in self.steps
            ],
        }


_MARKS = {"ok": "✓", "warning": "!", "failed": "✗", "skipped": "·"}


def lines_of(result: CheckResult) -> Iterator[str]:
    """Yield the lines of a test as people read them."""
    yield f"{result.destination}  {result.where}"
    for step in result.steps:
        took = f"  ({step.milliseconds:.0f} ms)" if step.milliseconds is not None else ""
        yield f"  {_MARKS[step.state]} {step.name:<15} {step.detail}{took}".rstrip()
        if step.code:
            yield f"      {step.code}: {step.cause}"
            yield f"      mend: {step.cure}"
    yield f"  {'passed' if result.passed else 'failed: ' + result.verdict}"


def fault(name: str, code: str, detail: str = "", *, cure: str | None = None, cause: str | None = None) -> Step:
    """Return the step that met the fault *code*."""
    known = FAULTS[code]
    state = "warning" if code.startswith("W") else "failed"
    return Step(name=name, state=state, detail=detail, code=code, cause=cause or known.cause, cure=cure or known.cure)


def settings_failure(name: str, error: SettingsError) -> CheckResult:
    """Return the result for a destination that could not even be made."""
    step = fault("settings", recognised.code_of(str(error)), str(error))
    return CheckResult(destination=name, where="(not made)", steps=(step,))


def check(destination: Destination, timeout: float | None = None) -> CheckResult:
    """Test *destination*; see `Destination.check`."""
    target = destination.target
    if isinstance(target, HttpTarget):
        return _Http(destination, target, timeout or target.timeout).result()
    if isinstance(target, FileTarget):
        step = _writable(target)
    elif isinstance(target, SdkTarget):
        step = _exported(destination, target, timeout or 10.0)
    else:
        step = Step(name="here", detail="nothing to connect to")
    return CheckResult(destination=destination.name, where=target.describe(), steps=(step,))


def _writable(target: FileTarget) -> Step:
    try:
        target.path.parent.mkdir(parents=True, exist_ok=True)
        there = target.path.exists()
        os.close(os.open(target.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
        if not there:
            target.path.unlink()
    except OSError as error:
        return fault("file", "E700", f"{target.path}: {error.strerror}")
    return Step(name="file", detail="can be written")


def _exported(destination: Destination, target: SdkTarget, timeout: float) -> Step:
    exporter = target.exporter(resource_source(None, destination.resource))
    outcome = exporter.export([exporter.encode(test_span(destination))], timeout)
    if outcome.verdict is not Verdict.DELIVERED:
        return fault("span", "E701", outcome.message)
    return Step(name="span", detail="the exporter took it")


def test_span(destination: Destination) -> Span:
    """Return one real span as *destination* would send it: a root without content, in a trace of its own."""
    now = time.time_ns()
    operation = Operation(
        kind=Kind.CHAIN,
        name=TEST_NAME,
        trace_id=new_trace_id(),
        span_id=new_span_id(),
        start_ns=now - 1_000_000,
        end_ns=now,
        metadata={"connection_test": True},
    )
    return preparation(destination)(operation)


class _Http:
    """The test of one OTLP/HTTP receiver."""

    def __init__(self, destination: Destination, target: HttpTarget, timeout: float) -> None:
        self._destination = destination
        self._target = target
        self._timeout = timeout
        self._parts = urlsplit(target.url)
        self._steps: list[Step] = []
        self._latency: float | None = None
        self._trace: str | None = None
        self._headers: Mapping[str, str] = {}

    def result(self) -> CheckResult:
        """Take the steps until one fails."""
        headers = self._settings()
        if headers is not None and (self._proxied() or self._reached()):
            self._headers = headers
            self._posted(headers)
        return CheckResult(
            destination=self._destination.name,
            where=self._target.describe(),
            steps=tuple(self._clean(headers or {})),
            latency_ms=self._latency,
            trace_id=self._trace,
        )

    def _clean(self, headers: Mapping[str, str]) -> Iterator[Step]:
        """Yield the steps without what a receiver may have repeated of our keys."""
        secret = hidden(headers)
        for step in self._steps:
            yield replace(step, detail=masked(step.detail, secret), cure=masked(step.cure, secret))

    # ------------------------------------------------------------------ settings
    def _settings(self) -> Mapping[str, str] | None:
        """Look at URL and headers; return the headers, or None when there is no use in going on."""
        try:
            given = self._target.headers
            headers = given() if callable(given) else given
        except SettingsError as error:
            self._steps.append(fault("settings", recognised.code_of(str(error)), str(error)))
            return None
        except Exception as error:  # the user's function
            self._steps.append(fault("settings", "E106", f"headers() raised {type(error).__name__}"))
            return None
        found = [
            fault("settings", *seen)
            for seen in recognised.in_settings(self._target.url, headers, self._target.protocol)
        ]
        self._steps.extend(found)
        if any(step.state == "failed" for step in found):
            return None
        encoding = self._target.protocol + (" with gzip" if self._target.compression else "")
        privacy = ", privacy mode" if self._destination.privacy_mode else ""
        self._steps.append(Step(name="settings", detail=f"{encoding}, {self._destination.convention}{privacy}"))
        return headers

    # ------------------------------------------------------------------ the way there
    def _proxied(self) -> bool:
        proxy = urllib.request.getproxies().get(self._parts.scheme)
        if not proxy or urllib.request.proxy_bypass(self._parts.netloc):
            return False
        self._steps.append(Step(name="proxy", state="skipped", detail="DNS, TCP and TLS are the proxy's"))
        return True

    def _reached(self) -> bool:
        """Find the host's addresses, connect, and shake hands."""
        host, port = self._parts.hostname or "", self._parts.port or (443 if self._parts.scheme == "https" else 80)
        began = time.monotonic()
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            return self._failed(fault("DNS", "E201", host, cure=recognised.host_cure(host)))
        addresses = sorted({str(info[4][0]) for info in found})
        self._timed("DNS", ", ".join(addresses[:3]), began)
        return self._connected(host, port)

    def _connected(self, host: str, port: int) -> bool:
        began = time.monotonic()
        try:
            connection = socket.create_connection((host, port), timeout=self._timeout)
        except ConnectionRefusedError:
            return self._failed(
                fault("TCP", "E202", f"port {port} refused the connection", cure=_port_cure(self._parts))
            )
        except TimeoutError:
            return self._failed(fault("TCP", "E203", f"no answer from port {port} within {self._timeout:g} s"))
        except OSError as error:
            return self._failed(fault("TCP", "E204", error.strerror or type(error).__name__))
        with connection:
            self._timed("TCP", f"port {port}", began)
            return self._parts.scheme != "https" or self._shaken(connection, host)

    def _shaken(self, connection: socket.socket, host: str) -> bool:
        tls = self._target.tls
        began = time.monotonic()
        try:
            context = ssl.create_default_context(cafile=tls.ca_file)
            if tls.client_certificate:
                context.load_cert_chain(tls.client_certificate, tls.client_key)
            with context.wrap_socket(connection, server_hostname=host) as secured:
                self._timed("TLS", f"{secured.version()}, the certificate is for {host}", began)
        except (OSError, ValueError) as error:
            return self._failed(_tls_fault(error, host))
        return True

    def _timed(self, name: str, detail: str, began: float) -> None:
        self._steps.append(Step(name=name, detail=detail, milliseconds=(time.monotonic() - began) * 1000))

    def _failed(self, step: Step) -> bool:
        self._steps.append(step)
        return False

    # ------------------------------------------------------------------ one real span
    def _posted(self, headers: Mapping[str, str]) -> None:
        span = test_span(self._destination)
        self._trace = f"{span.trace_id:032x}"
        resource = resource_source(None, self._destination.resource)
        exporter = self._exporter(self._target.url, resource)
        began = time.monotonic()
        body = ENCODINGS[self._target.protocol].request(
            resource(), "spancast", _version.VERSION, [exporter.encode(span)]
        )
        outcome = exporter.post(body, self._timeout, TEST_HEADER)
        took = (time.monotonic() - began) * 1000
        exporter.close()
        if outcome.status is not None:
            self._latency = took
        self._judged(outcome, headers)

    def _judged(self, outcome: Outcome, headers: Mapping[str, str]) -> None:
        status = outcome.status
        if status is None:
            self._steps.append(fault("span", _unanswered(outcome), outcome.message))
            return
        if status in (401, 403, 407):
            cure = recognised.credentials_cure(self._target.url, headers)
            self._steps.append(fault("auth", "E403" if status == 403 else "E401", outcome.message, cure=cure))
            return
        said = recognised.authorization_of(headers)
        self._steps.append(
            Step(name="auth", detail=f"{said} accepted" if said else "no key is sent, none was asked for")
        )
        if not 200 <= status < 300:
            self._refused(status, outcome)
            return
        self._taken(status, outcome)

    def _refused(self, status: int, outcome: Outcome) -> None:
        if status == 400 and recognised.is_webhook(self._parts.path) and self._answer_to_nothing() == 400:
            self._steps.append(fault("span", "W111", outcome.message))
            return
        code, cure = recognised.refusal(status, outcome.message, self._target.protocol, self._target.url)
        self._steps.append(fault("span", code, outcome.message, cure=cure))

    def _taken(self, status: int, outcome: Outcome) -> None:
        if "text/html" in outcome.content_type:
            self._steps.append(fault("span", "E601", f"HTTP {status} with a web page"))
            return
        if recognised.is_base(self._parts.path) and self._takes_more():
            cure = f"write {recognised.completed(self._target.describe())}"
            detail = f"HTTP {status}, as on every path of this host"
            self._steps.append(fault("span", "E110", detail, cure=cure))
            return
        self._steps.append(Step(name="span", detail=f"HTTP {status}", milliseconds=self._latency))
        if outcome.rejected:
            self._steps.append(fault("partial success", "E600", f"it said: {outcome.message}"))
            return
        said = f"nothing rejected; it said: {outcome.message}" if outcome.message else "nothing rejected"
        self._steps.append(Step(name="partial success", detail=said))
        if recognised.is_webhook(self._parts.path):
            self._steps.append(fault("path", "W110"))

    def _takes_more(self) -> bool:
        """Return whether the completed path is taken as well: then the given one is not where traces belong."""
        return self._status_of_nothing(recognised.completed(self._target.url)) not in (404, 405, None)

    def _answer_to_nothing(self) -> int | None:
        return self._status_of_nothing(self._target.url)

    def _exporter(self, url: str, resource: ResourceSource) -> HttpExporter:
        target = self._target
        return HttpExporter(
            url,
            headers=self._headers,
            protocol=target.protocol,
            compression=target.compression,
            timeout=self._timeout,
            resource=resource,
            tls=target.tls,
        )

    def _status_of_nothing(self, url: str) -> int | None:
        exporter = self._exporter(url, dict)
        outcome = exporter.post(EMPTY[self._target.protocol], self._timeout, TEST_HEADER)
        exporter.close()
        return outcome.status


def _port_cure(parts: SplitResult) -> str | None:
    if parts.port in (4318, None):
        return None
    return f"start the receiver there; or was {parts.scheme}://{parts.hostname}:4318/v1/traces meant?"


def _tls_fault(error: Exception, host: str) -> Step:
    said = getattr(error, "verify_message", "") or getattr(error, "reason", "") or type(error).__name__
    number = getattr(error, "verify_code", None)
    if number in (62, 64) or "mismatch" in str(said).lower():
        return fault("TLS", "E205", f"the certificate is not for {host}", cure=recognised.host_cure(host))
    if number in (9, 10):
        return fault("TLS", "E207", str(said))
    if isinstance(error, ssl.SSLCertVerificationError):
        return fault("TLS", "E206", str(said))
    if "WRONG_VERSION" in str(said) or "HTTP_REQUEST" in str(said) or "RECORD_LAYER" in str(said):
        return fault("TLS", "E208", "the port answers without TLS", cure="write http:// instead of https://")
    if isinstance(error, ssl.SSLError):
        return fault("TLS", "E208", f"the handshake failed: {said}")
    return fault("TLS", "E209" if isinstance(error, ConnectionError) else "E203", f"the handshake broke off: {said}")


def _unanswered(outcome: Outcome) -> str:
    codes = {"timeout": "E210", "unknown host": "E201", "TLS": "E206", "headers": "E106"}
    return codes.get(outcome.reason, "E209" if "broke" in outcome.message else "E204")
