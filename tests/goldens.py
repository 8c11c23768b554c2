"""Golden trees: spans as stable JSON, compared with a file. `UPDATE_GOLDENS=1` writes the files anew."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_LINE = re.compile(r'File ".*?", line \d+')
_DIGEST = re.compile(r"\b[0-9a-f]{32}\b")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_BRIEF = 160  # characters of a text


def check(path: Path, spans: Sequence[Any], *, brief: bool = False) -> None:
    """Compare *spans*, without ids and times, with the golden file. *brief*: texts only as they begin.

    The prompts of a harness are long, and its next version has others.
    """
    check_data(path, _shortened(golden(spans)) if brief else golden(spans))


def check_data(path: Path, data: Any) -> None:
    """Compare plain data with the golden file."""
    actual = json.dumps(data, indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE_GOLDENS"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(actual)
    assert path.read_text() == actual


def golden(spans: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the spans as nested plain data, children in the order of their start."""
    known = {span.span_id for span in spans}
    children: dict[str | None, list[Any]] = {}
    for span in sorted(spans, key=lambda span: (span.start_ns, -span.end_ns)):
        children.setdefault(span.parent_span_id if span.parent_span_id in known else None, []).append(span)

    def node(span: Any) -> dict[str, Any]:
        data: dict[str, Any] = {"name": span.name, "kind": span.kind.value, "span_kind": span.span_kind}
        data["status"] = f"{span.status}: {span.status.message}" if span.status.message else str(span.status)
        data["attributes"] = {key: _stable(key, value) for key, value in sorted(span.attributes.items())}
        if span.events:
            data["events"] = [{event.name: _attributes(event.attributes)} for event in span.events]
        if children.get(span.span_id):
            data["children"] = [node(child) for child in children[span.span_id]]
        return data

    return [node(span) for span in children.get(None, [])]


def _shortened(value: Any) -> Any:
    if isinstance(value, str):
        text = _TIME.sub("<time>", _DIGEST.sub("<digest>", _in_order(value)))
        return text if len(text) <= _BRIEF else f"{text[:_BRIEF]}…"
    if isinstance(value, dict):
        return {key: _shortened(each) for key, each in value.items()}
    return [_shortened(each) for each in value] if isinstance(value, list) else value


def _in_order(text: str) -> str:
    """Return an object of JSON with its keys in order: LangGraph's metadata have them in the order of a set."""
    if not text.startswith("{"):
        return text
    try:
        return json.dumps(json.loads(text), sort_keys=True, ensure_ascii=False)
    except ValueError:
        return text


def _attributes(attributes: Any) -> dict[str, Any]:
    return {key: _stable(key, value) for key, value in sorted(attributes.items())}


def _stable(key: str, value: Any) -> Any:
    if key.endswith("time_to_first_chunk"):
        return "<seconds>"
    if key == "exception.stacktrace":
        return value.strip().splitlines()[-1]
    if isinstance(value, str):
        return _LINE.sub("File ...", _UUID.sub("<uuid>", value))
    return value
