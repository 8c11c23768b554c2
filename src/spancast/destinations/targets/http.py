"""An OTLP/HTTP receiver at one URL."""

from __future__ import annotations

from dataclasses import field
from urllib.parse import urlsplit

from ...diagnostics.http_check import Connection, HttpCheck
from ...diagnostics.result import CheckResult
from ...otlp.headers import Headers
from ...otlp.http import HttpExporter
from ...otlp.tls import Tls
from ...record.fast_frozen import frozen
from ...resource import resource_source
from ..destination import Destination, Exporter, ResourceSource
from ..rendering import check_span


@frozen(kw_only=True)
class HttpTarget:
    """An OTLP/HTTP receiver at one URL."""

    url: str
    headers: Headers = field(default_factory=dict, repr=False)
    protocol: str = "http/json"
    compression: str | None = None
    timeout: float = 10.0
    tls: Tls = field(default_factory=Tls)

    def exporter(self, resource: ResourceSource) -> Exporter:
        """Return an exporter that posts to the URL."""
        return HttpExporter(
            self.url,
            headers=self.headers,
            protocol=self.protocol,
            compression=self.compression,
            timeout=self.timeout,
            resource=resource,
            tls=self.tls,
        )

    def describe(self) -> str:
        """Return the URL without its query, where a key could hide."""
        return urlsplit(self.url)._replace(query="", fragment="").geturl()

    def __repr__(self) -> str:
        """Show where it is, without any secret."""
        return f"<{type(self).__name__} {self.describe()}>"

    def check(self, destination: Destination, timeout: float | None) -> CheckResult:
        """Test settings, the way there, and one real span."""
        connection = Connection(
            url=self.url,
            headers=self.headers,
            protocol=self.protocol,
            compression=self.compression,
            tls=self.tls,
            timeout=timeout or self.timeout,
        )
        privacy = ", privacy mode" if destination.privacy_mode else ""
        return HttpCheck(
            connection,
            name=destination.name,
            where=self.describe(),
            form=f"{destination.convention}{privacy}",
            span=lambda: check_span(destination),
            resource=resource_source(None, destination.resource),
        ).result()
