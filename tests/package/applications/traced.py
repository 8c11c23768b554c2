"""Traces another application of this folder and prints its tree: `python traced.py langchain_chain`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import spancast
from spancast import destinations


def show(spans: Sequence[Any]) -> None:
    """Print kind and name of each span, indented beneath its parent."""
    known = {span.span_id for span in spans}

    def beneath(parent: str | None, depth: int) -> None:
        for span in sorted(spans, key=lambda span: (span.start_ns, -span.end_ns)):
            if parent == (span.parent_span_id if span.parent_span_id in known else None):
                print("  " * depth + f"{span.kind.value} {span.name}")
                beneath(span.span_id, depth + 1)

    beneath(None, 0)


def main(application: str) -> None:
    """Trace *application* with whichever framework is installed."""
    memory = destinations.memory()
    spancast.configure(memory)
    for framework, adapter in (("langchain_core", "langchain"), ("llama_index", "llama_index")):
        if find_spec(framework):
            import_module(f"spancast.{adapter}").instrument()
    import_module(f"tests.package.applications.{application}").main()
    spancast.flush()
    show(memory.spans)


if __name__ == "__main__":
    main(sys.argv[1])
