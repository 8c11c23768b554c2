"""OTLP over gRPC, for receivers that have only port 4317: grpcio, behind the `grpc` extra."""

from __future__ import annotations

import importlib.util
from dataclasses import field
from typing import Final
from urllib.parse import urlsplit

from ...diagnostics.result import CheckResult, Step, failure
from ...otlp.grpc import GrpcExporter
from ...otlp.headers import Headers
from ...otlp.outcome import Verdict
from ...otlp.tls import Tls
from ...record.fast_frozen import frozen
from ...resource import resource_source
from ...validation import SettingsError
from ..destination import Destination, ResourceSource
from ..rendering import check_span

PROTOCOL: Final = "grpc"
_TEST_HEADER: Final = {"x-test-connection": "true"}


def require_grpc() -> None:
    """Raise SettingsError where grpcio is not installed."""
    try:
        found = importlib.util.find_spec("grpc") is not None
    except ModuleNotFoundError:
        found = False
    if not found:
        raise SettingsError('protocol="grpc" needs grpcio: pip install "spancast[grpc]".')


@frozen(kw_only=True)
class GrpcTarget:
    """An OTLP/gRPC receiver. *url*: `http://host:4317` without TLS, `https://host:4317` with it."""

    url: str
    headers: Headers = field(default_factory=dict, repr=False)
    compression: str | None = None
    timeout: float = 10.0
    tls: Tls = field(default_factory=Tls)

    protocol = PROTOCOL

    def exporter(self, resource: ResourceSource) -> GrpcExporter:
        """Return an exporter that makes its channel with the first batch, in the thread that sends."""
        return GrpcExporter(
            self.url,
            headers=self.headers,
            compression=self.compression,
            timeout=self.timeout,
            resource=resource,
            tls=self.tls,
        )

    def describe(self) -> str:
        """Name host and port."""
        return f"{urlsplit(self.url).netloc.rpartition('@')[2]} (gRPC)"

    def __repr__(self) -> str:
        """Show where it is, without any secret."""
        return f"<{type(self).__name__} {self.describe()}>"

    def check(self, destination: Destination, timeout: float | None) -> CheckResult:
        """Export one real span."""
        exporter = self.exporter(resource_source(None, destination.resource))
        span = check_span(destination)
        outcome = exporter.call([exporter.encode(span)], timeout or self.timeout, _TEST_HEADER)
        exporter.close()
        step = Step(name="span", detail="the receiver accepted it")
        if outcome.verdict is not Verdict.DELIVERED:
            step = failure("span", outcome.code or "E701", outcome.text)
        elif outcome.rejected:
            step = failure("partial success", "E600", f"it said: {outcome.words}")
        return CheckResult(
            destination=destination.name, where=self.describe(), steps=(step,), trace_id=f"{span.trace_id:032x}"
        )
