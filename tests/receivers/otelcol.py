"""The OpenTelemetry Collector on loopback, with any configuration, or with one that writes what it gets into a file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .cache import folder as cached
from .ports import free_ports
from .program import Program, answers, until
from .read_back import Spans, of_otlp, otlp_spans

BINARY = cached("collector") / "bin" / "otelcol"
_TO_A_FILE = """
receivers:
  otlp:
    protocols:
      http: {{ endpoint: "127.0.0.1:{http}" }}
      grpc: {{ endpoint: "127.0.0.1:{grpc}" }}
exporters:
  file: {{ path: "{file}", append: true, flush_interval: 100ms }}
extensions:
  health_check: {{ endpoint: "127.0.0.1:{health}" }}
service:
  extensions: [health_check]
  telemetry: {{ metrics: {{ level: none }} }}
  pipelines:
    traces: {{ receivers: [otlp], exporters: [file] }}
"""


@dataclass(frozen=True)
class Collector:
    """A running Collector that writes OTLP JSON, a line for each request, into a file."""

    url: str
    grpc: str
    file: Path
    program: Program

    @property
    def traces_url(self) -> str:
        """Where it takes traces."""
        return f"{self.url}/v1/traces"

    def spans(self, trace_id: str, count: int) -> Spans:
        """Return a trace's spans once *count* of them are in the file."""
        return until(lambda: self.found(trace_id), lambda found: len(found) >= count)

    def ids(self) -> list[str]:
        """Return the id of every span in the file, each as often as it is there."""
        return [span["spanId"] for line in self._lines() for span in otlp_spans(json.loads(line))]

    def found(self, trace_id: str) -> Spans:
        """Return a trace's spans that are in the file now."""
        found: Spans = {}
        for line in self._lines():
            if trace_id in line:
                found |= {span_id: span for span_id, span in of_otlp(json.loads(line)).items()
                          if span.trace_id == trace_id}  # fmt: skip
        return found

    def _lines(self) -> list[str]:
        # a Collector that was killed may have left half a line; the next one goes on behind it
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [line for line in lines if line.startswith("{") and line.endswith("}")]


def collector_program(
    folder: Path, configurations: Sequence[str | Path], environ: Mapping[str, str], health: int
) -> Program:
    """Return a Collector with these `--config` arguments, whose health check listens at the port *health*."""
    arguments = [word for each in configurations for word in ("--config", str(each))]
    return Program([BINARY, *arguments], folder, lambda: answers(f"http://127.0.0.1:{health}/"), environ)


@contextmanager
def running_collector(
    folder: Path, *more: str | Path, environ: Mapping[str, str] = {}, scheme: str = "http"
) -> Iterator[Collector]:
    """Yield a Collector that writes into a file of *folder*; *more*: further `--config` arguments, laid over its own."""
    http, grpc, health = free_ports(3)
    file, configuration = folder / "spans.jsonl", folder / "collector.yaml"
    configuration.write_text(_TO_A_FILE.format(http=http, grpc=grpc, health=health, file=file))
    program = collector_program(folder, [configuration, *more], environ, health)
    with program:
        yield Collector(f"{scheme}://127.0.0.1:{http}", f"127.0.0.1:{grpc}", file, program)
