"""OTLP over gRPC, for receivers that have only port 4317: OpenTelemetry's own exporter, behind the `grpc` extra."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...conventions.span import Span
from ...diagnostics.result import CheckResult, Step, failure
from ...otlp.connections import Tls
from ...otlp.http import Headers
from ...otlp.outcome import Outcome, Verdict
from ...record.fast_frozen import frozen
from ...resource import resource_source
from ...validation import SettingsError
from ..destination import Destination, Exporter, ResourceSource
from ..rendering import check_span
from .sdk import SdkExporter

_PACKAGE = "opentelemetry.exporter.otlp.proto.grpc"
PROTOCOL = "grpc"


def require_exporter() -> None:
    """Raise SettingsError where OpenTelemetry's exporter for gRPC is not installed."""
    try:
        found = importlib.util.find_spec(_PACKAGE) is not None
    except ModuleNotFoundError:
        found = False
    if not found:
        raise SettingsError('protocol="grpc" needs OpenTelemetry\'s exporter: pip install "spancast[grpc]".')


@frozen()
class GrpcTarget:
    """An OTLP/gRPC receiver. *url*: `http://host:4317` without TLS, `https://host:4317` with it."""

    url: str
    headers: Headers = field(repr=False)
    compression: str | None
    timeout: float
    tls: Tls

    protocol = PROTOCOL

    def exporter(self, resource: ResourceSource) -> Exporter:
        """Return an exporter that makes its channel with the first batch, in the thread that sends."""
        return _LazyExporter(self, resource)

    def describe(self) -> str:
        """Name host and port."""
        return f"{urlsplit(self.url).netloc.rpartition('@')[2]} (gRPC)"

    def check(self, destination: Destination, timeout: float | None) -> CheckResult:
        """Export one real span."""
        exporter = self.exporter(resource_source(None, destination.resource))
        outcome = exporter.export([exporter.encode(check_span(destination))], timeout or self.timeout)
        exporter.close()
        step = Step(name="span", detail="the receiver accepted it")
        if outcome.verdict is not Verdict.DELIVERED:
            step = failure("span", "E701", outcome.message)
        return CheckResult(destination=destination.name, where=self.describe(), steps=(step,))

    def made(self) -> Any:
        """Return OpenTelemetry's exporter; its import takes about a second, and its channel must not live over a fork."""
        from grpc import Compression, ssl_channel_credentials
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        secure = urlsplit(self.url).scheme == "https"
        headers = self.headers() if callable(self.headers) else self.headers
        return OTLPSpanExporter(
            endpoint=self.url,
            insecure=not secure,
            credentials=ssl_channel_credentials(*map(_bytes_of, _files(self.tls))) if secure else None,
            headers=[(name.lower(), value) for name, value in headers.items()],  # gRPC's metadata has lower-case names
            timeout=self.timeout,
            compression=Compression.Gzip if self.compression == "gzip" else Compression.NoCompression,
        )


def _files(tls: Tls) -> tuple[str | None, str | None, str | None]:
    return tls.ca_file, tls.client_key, tls.client_certificate


def _bytes_of(path: str | None) -> bytes | None:
    return Path(path).read_bytes() if path else None


class _LazyExporter:
    """Makes the exporter with the first batch. Used by one sender's thread at a time; `encode` by the encoder's."""

    def __init__(self, target: GrpcTarget, resource: ResourceSource) -> None:
        self._target = target
        self._resource = resource
        self._encoder = SdkExporter(None, resource)  # type: ignore[arg-type]
        self._exporter: SdkExporter | None = None

    def encode(self, span: Span) -> Any:
        """Return the SDK's form of the span."""
        return self._encoder.encode(span)

    def export(self, batch: Sequence[Any], timeout: float) -> Outcome:
        """Export once; the exporter retries by its own rules."""
        if self._exporter is None:
            try:
                self._exporter = SdkExporter(self._target.made(), self._resource)
            except Exception as error:  # foreign code, files of the application's
                kind = type(error).__name__
                return Outcome(verdict=Verdict.REFUSED, reason="exporter", message=f"gRPC's exporter raised {kind}")
        return self._exporter.export(batch, timeout)

    def close(self) -> None:
        """Shut the exporter down, where there is one."""
        if self._exporter is not None:
            with suppress(Exception):
                self._exporter.close()
