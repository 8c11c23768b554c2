"""Compares two traces: which calls were added or removed, which prompts, arguments and answers changed, what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher, unified_diff
from typing import Any

import orjson

from .content import content_of
from .read import ViewSpan, counted_once

MAX_SPANS = 2000  # of each side; beyond, only the sums are compared
_MAX_TEXT = 20_000  # characters of a value that are compared line by line
_SHOWN = ("input_messages", "output_messages", "input", "output", "query", "documents", "parameters", "tools")


def diff_traces(before: Sequence[ViewSpan], after: Sequence[ViewSpan]) -> dict[str, Any]:
    """Return what differs, as plain data.

    Calls are paired by their path (kinds and names from the root), in their order. Keys: `equal`, `totals` (spans, calls,
    tokens, cost, seconds of both), `added`, `removed` (lists of `{"kind", "name", "path"}`), `changed` (lists of `{"kind",
    "name", "path", "fields": {field: {"before", "after", "lines"}}}`).
    """
    first, second = _paths(before[:MAX_SPANS]), _paths(after[:MAX_SPANS])
    removed: list[dict[str, Any]] = []
    added: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    keys = [path for path, _ in first], [path for path, _ in second]
    for tag, from_1, to_1, from_2, to_2 in SequenceMatcher(None, *keys, autojunk=False).get_opcodes():
        if tag == "equal":
            for (path, one), (_, other) in zip(first[from_1:to_1], second[from_2:to_2], strict=True):
                if fields := _changed_fields(one, other):
                    changed.append({**_named(path, other), "fields": fields})
            continue
        removed += [_named(path, span) for path, span in first[from_1:to_1]]
        added += [_named(path, span) for path, span in second[from_2:to_2]]
    totals = {"before": _totals(before), "after": _totals(after)}
    return {
        "equal": not (added or removed or changed),
        "totals": totals,
        "added": added,
        "removed": removed,
        "changed": changed,
    }


def _named(path: tuple[str, ...], span: ViewSpan) -> dict[str, Any]:
    return {"kind": span.kind, "name": span.name, "path": list(path), "span_id": span.span_id}


def _paths(spans: Sequence[ViewSpan]) -> list[tuple[tuple[str, ...], ViewSpan]]:
    """Return the spans depth first, each with the kinds and names that lead to it."""
    known = {span.span_id for span in spans}
    below: dict[str | None, list[ViewSpan]] = {}
    for span in sorted(spans, key=lambda span: (span.start_ns, -span.end_ns, span.name)):
        below.setdefault(span.parent_span_id if span.parent_span_id in known else None, []).append(span)
    ordered: list[tuple[tuple[str, ...], ViewSpan]] = []
    stack: list[tuple[tuple[str, ...], ViewSpan]] = [((), span) for span in reversed(below.get(None, []))]
    seen: set[str] = set()
    while stack:
        above, span = stack.pop()
        if span.span_id in seen:
            continue
        seen.add(span.span_id)
        path = (*above, f"{span.kind} {span.name}")
        ordered.append((path, span))
        stack.extend((path, child) for child in reversed(below.get(span.span_id, [])))
    return ordered


def _changed_fields(one: ViewSpan, other: ViewSpan) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    before, after = content_of(one.attributes), content_of(other.attributes)
    for name in _SHOWN:
        if before.get(name) != after.get(name):
            fields[name] = _change(before.get(name), after.get(name))
    for name in ("model", "error", "ending"):
        if getattr(one, name) != getattr(other, name):
            fields[name] = {"before": getattr(one, name), "after": getattr(other, name)}
    return fields


def _change(before: Any, after: Any) -> dict[str, Any]:
    one, other = (_text(value)[:_MAX_TEXT].splitlines() for value in (before, after))
    lines = list(unified_diff(one, other, lineterm="", n=1))[2:400]
    return {"before": before, "after": after, "lines": lines}


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2).decode()


def _totals(spans: Sequence[ViewSpan]) -> dict[str, Any]:
    counted = counted_once(spans)
    costs = [span.cost for span in counted if span.cost is not None]
    return {
        "spans": len(spans),
        "llm_calls": sum(span.kind == "LLM" for span in counted),
        "tool_calls": sum(span.kind == "TOOL" for span in counted),
        "errors": sum(bool(span.error) for span in spans),
        "input_tokens": sum(span.input_tokens or 0 for span in counted),
        "output_tokens": sum(span.output_tokens or 0 for span in counted),
        "cost": sum(costs) if costs else None,
        "seconds": (max(s.end_ns for s in spans) - min(s.start_ns for s in spans)) / 1e9 if spans else 0.0,
    }
