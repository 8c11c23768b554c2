"""What encoding a span costs, beside the official encoder: CPU microseconds, the best of seven rounds, as a table.

    python benchmarks/encoders.py

The same spans for all: attributes of text with a quote, an accent and a line break in each.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from measuring import markdown, worker

SIZES = ((10, 50, 200), (30, 50, 200), (100, 50, 200), (102, 2000, 40))  # attributes, bytes each, spans a request


def best(work: Callable[[], object], spans: int) -> float:
    """Return the CPU microseconds a span of the quickest of seven rounds."""
    rounds = []
    for _ in range(7):
        began = time.thread_time()
        work()
        rounds.append(time.thread_time() - began)
    return min(rounds) / spans * 1e6


def encode(attributes: int, size: int, spans: int) -> dict[str, float]:
    """Return the microseconds of each encoder for one size."""
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    from opentelemetry.sdk.resources import Resource

    from spancast.conventions.span import Span
    from spancast.destinations.targets.sdk import readable_span
    from spancast.otlp.encoding import ENCODINGS
    from spancast.record.operation import Kind

    text = "v" * (size - 4) + '"é\n'
    values = {f"llm.input_messages.{index}.message.content": text for index in range(attributes)}
    ours = [
        Span(
            name="span", trace_id=index + 1, span_id=index + 1, parent_span_id=None, parent_is_remote=False, kind=1,
            operation_kind=Kind.LLM, start_ns=1, end_ns=2, attributes=values,
        )
        for index in range(spans)
    ]  # fmt: skip
    about = {"service.name": "bench"}
    theirs = [readable_span(span, Resource(about)) for span in ours]
    found = {"official": best(lambda: encode_spans(theirs).SerializePartialToString(), spans)}
    for name, encoding in ENCODINGS.items():
        found[name] = best(lambda via=encoding: via.request(about, "s", "1", [via.span(span) for span in ours]), spans)
    return found


def measure(quick: bool = False) -> dict[str, Any]:
    """Return the share of the official encoder's time by size for our protobuf, and the table."""
    found: dict[str, Any] = {}
    rows = []
    for attributes, size, spans in SIZES:
        cost = worker("encoders.py", ["--worker", attributes, size, spans])
        title, official = f"{attributes} x {size} B", cost["official"]
        binary, text = cost["http/protobuf"], cost["http/json"]
        found[title] = binary / official
        rows.append((title, f"{official:.0f}", *(f"{ours:.0f} ({ours / official:.2f})" for ours in (binary, text))))
    head = ("attributes", "official protobuf", "spancast protobuf", "spancast JSON")
    return {
        **found,
        "table": markdown(head, rows) + "\n\nCPU microseconds a span; in brackets the share of the official one.",
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        print(json.dumps(encode(*map(int, sys.argv[2:5]))))
    else:
        print(measure()["table"])
