"""Spans as a tree that a test can compare: `kind name` lines, indented, children in the order of their start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def tree(spans: Sequence[Any], *, status: bool = False) -> list[str]:
    """Return the lines of all traces, roots in the order of their start."""
    known = {span.span_id for span in spans}
    children: dict[str | None, list[Any]] = {}
    for span in sorted(spans, key=lambda span: span.start_ns):
        children.setdefault(span.parent_span_id if span.parent_span_id in known else None, []).append(span)
    lines: list[str] = []

    def walk(parent: str | None, depth: int) -> None:
        for span in children.get(parent, []):
            mark = f" {span.status}" if status and span.status != "OK" else ""
            lines.append("  " * depth + f"{span.kind.value} {span.name}{mark}")
            walk(span.span_id, depth + 1)

    walk(None, 0)
    return lines


def traces(spans: Sequence[Any]) -> int:
    """Return how many traces there are."""
    return len({span.trace_id for span in spans})


def one(spans: Sequence[Any], name: str) -> Any:
    """Return the only span of that name."""
    found = [span for span in spans if span.name == name]
    assert len(found) == 1, [span.name for span in spans]
    return found[0]
