"""What encoding a span costs, beside the official encoder: CPU microseconds, the best of seven rounds, as a table.

    python benchmarks/encoders.py

The same spans for all: attributes of text with a quote, an accent and a line break in each.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource

from spancast.conventions.span import Span
from spancast.destinations.sdk import readable_span
from spancast.otlp import json, protobuf
from spancast.record.operation import Kind

SIZES = ((10, 50, 200), (30, 50, 200), (100, 50, 200), (102, 2000, 40))  # attributes, bytes each, spans a request


def best(work: Callable[[], object], spans: int) -> float:
    """Return the CPU microseconds a span of the quickest of seven rounds."""
    rounds = []
    for _ in range(7):
        began = time.thread_time()
        work()
        rounds.append(time.thread_time() - began)
    return min(rounds) / spans * 1e6


def row(attributes: int, size: int, spans: int) -> str:
    """Measure one size."""
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
    official = best(lambda: encode_spans(theirs).SerializePartialToString(), spans)
    binary = best(lambda: protobuf.encode_request(about, "s", "1", list(map(protobuf.encode_span, ours))), spans)
    text_form = best(lambda: json.encode_request(about, "s", "1", list(map(json.encode_span, ours))), spans)
    return (
        f"| {attributes} x {size} B | {official:.0f} | {binary:.0f} ({binary / official:.2f}) "
        f"| {text_form:.0f} ({text_form / official:.2f}) |"
    )


def main() -> None:
    """Print the table."""
    print("| attributes | official protobuf | spancast protobuf | spancast JSON |\n|---|---|---|---|")
    for size in SIZES:
        print(row(*size), flush=True)


if __name__ == "__main__":
    main()
