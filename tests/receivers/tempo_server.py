"""Grafana Tempo in one process on loopback, with its traces on disk: what its query API says of a trace, and of a query."""

from __future__ import annotations

import time
import urllib.error
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from .cache import folder as cached
from .ports import free_ports
from .program import Program, answers, fetch, until
from .read_back import Spans, of_otlp

BINARY = cached("tempo") / "bin" / "tempo"
_CONFIGURATION = """
server:
  http_listen_address: 127.0.0.1
  http_listen_port: {query}
  grpc_listen_address: 127.0.0.1
  grpc_listen_port: {internal}
distributor: {{ receivers: {{ otlp: {{ protocols: {{ http: {{ endpoint: "127.0.0.1:{http}" }} }} }} }} }}
memberlist: {{ bind_addr: [127.0.0.1], bind_port: {members}, advertise_addr: 127.0.0.1 }}
storage:
  trace:
    backend: local
    wal: {{ path: "{folder}/wal" }}
    local: {{ path: "{folder}/blocks" }}
live_store: {{ wal: {{ path: "{folder}/live" }}, shutdown_marker_dir: "{folder}/marker" }}
block_builder: {{ wal: {{ path: "{folder}/builder" }} }}
backend_scheduler: {{ local_work_path: "{folder}/work" }}
backend_worker: {{ finish_on_shutdown_timeout: 1s }}
usage_report: {{ reporting_enabled: false }}
"""
Series = Mapping[tuple[str, ...], float]


class QueryError(ValueError):
    """A query that Tempo refuses, with Tempo's words."""


@dataclass(frozen=True)
class Tempo:
    """A running Tempo."""

    url: str
    query: str
    program: Program

    def spans(self, trace_id: str, count: int) -> Spans:
        """Return a trace's spans once *count* of them are stored."""
        return until(lambda: self.found(trace_id), lambda found: len(found) >= count)

    def found(self, trace_id: str) -> Spans:
        """Return a trace's spans that are stored now."""
        try:
            answer = fetch(f"{self.query}/api/v2/traces/{trace_id}")
        except urllib.error.HTTPError as error:
            error.close()
            return {}
        return of_otlp(answer.get("trace") or {})

    def measured(self, query: str) -> Series:
        """Return what a query of metrics says of the last ten minutes: for each group, its labels' values, the sum."""
        now = int(time.time())
        answer = self._asked("/api/metrics/query_range", q=query, start=now - 600, end=now + 60, step="60s")
        found: dict[tuple[str, ...], float] = {}
        for series in answer.get("series", ()):
            labels = [each for each in series["labels"] if each["key"] != "__name__"]
            group = tuple(str(next(iter(each["value"].values()), "")) for each in labels)
            found[group] = sum(float(sample.get("value", 0)) for sample in series["samples"])
        return found

    def searched(self, query: str) -> list[dict[str, Any]]:
        """Return the attributes, by name, of each span of the last ten minutes that a query finds."""
        now = int(time.time())
        answer = self._asked("/api/search", q=query, start=now - 600, end=now + 60, limit=100, spss=100)
        return [
            {each["key"]: next(iter(each["value"].values()), None) for each in span.get("attributes", ())}
            for trace in answer.get("traces", ())
            for matched in trace.get("spanSets", ())
            for span in matched["spans"]
        ]

    def _asked(self, path: str, **query: object) -> Any:
        try:
            return fetch(f"{self.query}{path}?{urlencode(query)}")
        except urllib.error.HTTPError as error:
            with error:
                raise QueryError(error.read().decode(errors="replace")) from None


@contextmanager
def running_tempo(folder: Path) -> Iterator[Tempo]:
    """Yield a Tempo that keeps its data in *folder*."""
    query, internal, http, members = free_ports(4)
    configuration = folder / "tempo.yaml"
    ports = {"query": query, "internal": internal, "http": http, "members": members}
    configuration.write_text(_CONFIGURATION.format(folder=folder / "data", **ports))
    program = Program(
        [BINARY, f"-config.file={configuration}"], folder, lambda: answers(f"http://127.0.0.1:{query}/ready")
    )
    with program:
        yield Tempo(f"http://127.0.0.1:{http}", f"http://127.0.0.1:{query}", program)
