"""A program without any framework that says itself what it does; prints its tree, and that no framework was loaded."""

from __future__ import annotations

import sys

import spancast
from spancast import destinations
from tests.package.applications.traced import show


def main() -> None:
    """Record three spans, by `with` and by decorator."""
    memory = destinations.memory()
    pipeline = spancast.configure(memory, destinations.file("traces.jsonl"), service_name="by-hand")

    @spancast.trace(span_name="fetch")
    def fetch() -> None:
        pass

    with spancast.trace(trace_name="Nightly report", session_id="s1", user="u1"):
        fetch()
        with spancast.trace(span_name="write"):
            pass
    if not spancast.flush():
        raise AssertionError(pipeline.report())
    show(memory.spans)
    print(*[f"{item.name} {item.recorded} {item.delivered}" for item in spancast.report()])
    frameworks = {"langchain_core", "langgraph", "llama_index", "typer", "rich"}
    print(sorted({name.partition(".")[0] for name in sys.modules} & frameworks))


if __name__ == "__main__":
    main()
