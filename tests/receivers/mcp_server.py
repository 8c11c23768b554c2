"""A server of the Model Context Protocol with OpenTelemetry's SDK: `mcp_server.py SPANS stdio` or `SPANS http PORT`.

It appends each of its spans to the file SPANS as a line of JSON: name, trace id, span id, parent's id.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from fastmcp import FastMCP
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult


class Lines(SpanExporter):
    """Writes spans to a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        with self.path.open("a") as file:
            for span in spans:
                data = {
                    "name": span.name,
                    "trace_id": f"{span.context.trace_id:032x}",
                    "span_id": f"{span.context.span_id:016x}",
                    "parent_span_id": f"{span.parent.span_id:016x}" if span.parent else None,
                }
                file.write(json.dumps(data) + "\n")
        return SpanExportResult.SUCCESS


server = FastMCP("shop")


@server.tool(meta={"owner": "canary-of-the-server"}, annotations={"title": "canary-title", "readOnlyHint": True})
def stock(item: str) -> str:
    """Return how many of an item there are."""
    with trace.get_tracer("shop").start_as_current_span("database"):
        return f"{item}: 3"


@server.tool
def broken(item: str) -> str:
    """Fail."""
    raise ValueError(f"no {item} here")


if __name__ == "__main__":
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(Lines(Path(sys.argv[1]))))
    trace.set_tracer_provider(provider)
    if sys.argv[2] == "stdio":
        server.run(transport="stdio", show_banner=False)
    else:
        server.run(transport="http", host="127.0.0.1", port=int(sys.argv[3]), show_banner=False)
