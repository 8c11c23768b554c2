"""Jaeger v2 on loopback, with its traces in memory or on disk, and what its query API says of a trace."""

from __future__ import annotations

import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .cache import folder as cached
from .ports import free_ports
from .program import Program, answers, fetch, until
from .read_back import Spans, of_otlp

BINARY = cached("jaeger") / "bin" / "jaeger"
_CONFIGURATION = """
receivers:
  otlp:
    protocols:
      http: {{ endpoint: "127.0.0.1:{http}" }}
      grpc: {{ endpoint: "127.0.0.1:{grpc}" }}
exporters:
  jaeger_storage_exporter: {{ trace_storage: some }}
extensions:
  healthcheckv2: {{ use_v2: true, http: {{ endpoint: "127.0.0.1:{health}" }} }}
  jaeger_storage: {{ backends: {{ some: {storage} }} }}
  jaeger_query:
    storage: {{ traces: some }}
    ui: {{ assets_path: "{page}" }}
    http: {{ endpoint: "127.0.0.1:{query}" }}
    grpc: {{ endpoint: "127.0.0.1:{query_grpc}" }}
service:
  extensions: [healthcheckv2, jaeger_storage, jaeger_query]
  telemetry: {{ metrics: {{ level: none }} }}
  pipelines:
    traces: {{ receivers: [otlp], exporters: [jaeger_storage_exporter] }}
"""
_IN_MEMORY = "{ memory: { max_traces: 100000 } }"
_ON_DISK = '{{ badger: {{ ephemeral: false, directories: {{ keys: "{folder}/keys", values: "{folder}/values" }} }} }}'


@dataclass(frozen=True)
class Jaeger:
    """A running Jaeger."""

    url: str
    grpc: str
    query: str
    program: Program

    @property
    def traces_url(self) -> str:
        """Where it takes traces."""
        return f"{self.url}/v1/traces"

    def spans(self, trace_id: str, count: int) -> Spans:
        """Return a trace's spans once *count* of them are stored."""
        return until(lambda: self.found(trace_id), lambda found: len(found) >= count)

    def found(self, trace_id: str) -> Spans:
        """Return a trace's spans that are stored now."""
        return of_otlp(self.stored(trace_id))

    def stored(self, trace_id: str) -> dict[str, Any]:
        """Return a trace as OTLP JSON, as the query API has it: each span as often as it is stored."""
        try:
            # raw: without what the query service adjusts for its page, such as clocks that differ
            return dict(fetch(f"{self.query}/api/v3/traces/{trace_id}?raw_traces=true")["result"])
        except urllib.error.HTTPError as error:
            error.close()
            return {}


@contextmanager
def running_jaeger(folder: Path, *, on_disk: bool = False) -> Iterator[Jaeger]:
    """Yield a Jaeger with its traces in memory, or in *folder*."""
    http, grpc, health, query, query_grpc = free_ports(5)
    configuration = folder / "jaeger.yaml"
    page = cached("jaeger_page") / "page"
    configuration.write_text(
        _CONFIGURATION.format(
            http=http,
            grpc=grpc,
            health=health,
            query=query,
            query_grpc=query_grpc,
            page=page if page.is_dir() else "",
            storage=_ON_DISK.format(folder=folder) if on_disk else _IN_MEMORY,
        )
    )
    program = Program([BINARY, "--config", configuration], folder, lambda: answers(f"http://127.0.0.1:{health}/status"))
    with program:
        yield Jaeger(f"http://127.0.0.1:{http}", f"127.0.0.1:{grpc}", f"http://127.0.0.1:{query}", program)
