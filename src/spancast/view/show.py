"""Shows traces in a terminal: a list of them, a span's content as a conversation, and what differs between two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..terminal import printable
from .content import content_of
from .figures import duration, money
from .read import ViewSpan

PREVIEW_CHARS = 600  # characters of a message, an argument or a document with `--content preview`
_ROLES = {"user": "bold blue", "assistant": "bold green", "system": "bold magenta", "tool": "bold yellow"}


def trace_table(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Return the traces of a list, a line each, with the number by which `spancast view` opens it."""
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1))
    columns = [column for column in _COLUMNS if column[0] in ("#", "time", "name") or any(column[2](r) for r in rows)]
    for title, justify, _ in columns:
        table.add_column(title, justify=justify, no_wrap=title != "name", overflow="ellipsis")  # type: ignore[arg-type]
    for number, row in enumerate(rows, 1):
        cells = [str(number) if title == "#" else printable(str(read(row))) for title, _, read in columns]
        table.add_row(*[Text(cell) for cell in cells], style="red" if row["error"] else None)
    return table


_COLUMNS: tuple[tuple[str, str, Any], ...] = (
    ("#", "right", lambda row: ""),
    ("time", "left", lambda row: datetime.fromtimestamp(row["start_ns"] / 1e9).strftime("%m-%d %H:%M:%S")),
    ("name", "left", lambda row: row["name"] or ""),
    ("status", "left", lambda row: "error" if row["error"] else "ok"),
    ("duration", "right", lambda row: duration(row["duration"])),
    ("tokens", "right", lambda row: f"{row['input_tokens'] + row['output_tokens']:,}" if row["input_tokens"] else ""),
    ("cost", "right", lambda row: money(row["cost"]) if row["cost"] else ""),
    ("user", "left", lambda row: row["user"] or ""),
    ("session", "left", lambda row: row["session_id"] or ""),
    ("trace", "left", lambda row: row["trace_id"][:8]),
)


def span_content(span: ViewSpan, *, full: bool) -> RenderableType:
    """Return what a span shows: messages as a chat, arguments, results, documents, the stack of an error."""
    limit = None if full else PREVIEW_CHARS
    title = Text.assemble((span.kind, "bold"), " ", (span.name, "bold"), ("  " + span.span_id, "dim"))
    return Group(title, Padding(Group(*_blocks(content_of(span.attributes, span.events), span, limit)), (0, 0, 1, 2)))


def _blocks(content: Mapping[str, Any], span: ViewSpan, limit: int | None) -> Iterator[RenderableType]:
    if span.error:
        yield Text(span.error, style="red", overflow="fold")
    for exception in content.get("exceptions", ()):
        if exception.get("stack"):
            yield Text(_cut(str(exception["stack"]), limit, last=True), style="dim", overflow="fold")
    messages = [*content.get("input_messages", ()), *content.get("output_messages", ())]
    for message in messages:
        yield from _message(message, limit)
    if not messages:
        for name, label in (("query", "query"), ("input", "input"), ("output", "output")):
            if name in content:
                yield _labelled(label, content[name], limit)
    for document in content.get("documents", ()):
        head = " ".join(str(document[key]) for key in ("score", "id") if key in document)
        yield _labelled(f"document {head}".strip(), document.get("content", ""), limit)
    for score in content.get("scores", ()):
        yield _labelled("score", score, limit)
    if "truncated" in content:
        yield _labelled(
            "cut", ", ".join(_shortened(name, content.get("cut", {})) for name in content["truncated"]), limit
        )


def _shortened(name: str, cut: Mapping[str, Any]) -> str:
    """Say what is left of an attribute: `input.value: 262,144 of 1,000,000 characters`."""
    lengths = cut.get(name)
    return f"{name}: {lengths['shown']:,} of {lengths['of']:,} characters" if lengths else name


def _message(message: Mapping[str, Any], limit: int | None) -> Iterator[RenderableType]:
    role = str(message.get("role"))
    yield Text(printable(role), style=_ROLES.get(role, "bold"))
    for part in message.get("parts", ()):
        yield Padding(_part(part, limit), (0, 0, 0, 2))


def _part(part: Mapping[str, Any], limit: int | None) -> Text:
    kind = part.get("type")
    if kind in ("text", "refusal"):
        sources = [" ".join(filter(None, (each["title"], each["url"]))) for each in part.get("sources", ())]
        return Text.assemble(
            _cut(str(part.get("text")), limit),
            *[(printable(f"\n[{number}] {source}"), "dim") for number, source in enumerate(sources, 1)],
            overflow="fold",
        )
    if kind == "reasoning":
        return Text(_cut(str(part.get("text")), limit), style="italic dim", overflow="fold")
    if kind == "tool_call":
        return Text(
            f"→ {printable(str(part.get('name')))}({_cut(_as_text(part.get('arguments')), limit)})", overflow="fold"
        )
    if kind == "tool_result":
        return Text(_cut(_as_text(part.get("result")), limit), overflow="fold")
    if kind == "media":
        url = str(part.get("url") or "")
        where = f"{len(url):,} characters" if url.startswith("data:") else url
        what = " ".join(filter(None, (part.get("modality"), part.get("name"))))
        return Text(printable(f"[{what}: {where}]" if where else f"[{what}]"), style="dim", overflow="fold")
    return Text(_cut(_as_text(part.get("data")), limit), style="dim", overflow="fold")


def _labelled(label: str, value: Any, limit: int | None) -> Text:
    return Text.assemble((f"{printable(label)}  ", "dim"), _cut(_as_text(value), limit), overflow="fold")


def diff_text(diff: Mapping[str, Any]) -> RenderableType:
    """Return what differs between two traces."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    for title in ("", "first", "second"):
        table.add_column(title, justify="left" if not title else "right")
    before, after = diff["totals"]["before"], diff["totals"]["after"]
    for name, label, write in _SUMS:
        table.add_row(
            label, write(before[name]), write(after[name]), style="" if before[name] == after[name] else "bold"
        )
    blocks: list[RenderableType] = [table, Text("")]
    for mark, style, calls in (("−", "red", diff["removed"]), ("+", "green", diff["added"])):
        blocks += [Text(printable(f"{mark} {call['kind']} {call['name']}"), style=style) for call in calls]
    for call in diff["changed"]:
        blocks.append(Text(printable(f"~ {call['kind']} {call['name']}"), style="yellow"))
        for name, change in call["fields"].items():
            blocks.append(Text(f"    {name.replace('_', ' ')}", style="dim"))
            blocks += [_line(line) for line in change.get("lines") or _sides(change)]
    if diff["equal"]:
        blocks.append(Text("No difference in calls or content."))
    return Group(*blocks)


_SUMS: tuple[tuple[str, str, Any], ...] = (
    ("seconds", "duration", lambda value: duration(value)),
    ("cost", "cost", lambda value: money(value) if value is not None else ""),
    ("input_tokens", "input tokens", lambda value: f"{value:,}"),
    ("output_tokens", "output tokens", lambda value: f"{value:,}"),
    ("llm_calls", "model calls", str),
    ("tool_calls", "tool calls", str),
    ("spans", "spans", str),
    ("errors", "errors", str),
)


def _sides(change: Mapping[str, Any]) -> list[str]:
    return [f"-{_as_text(change.get('before'))}", f"+{_as_text(change.get('after'))}"]


def _line(line: str) -> Text:
    style = {"+": "green", "-": "red", "@": "dim"}.get(line[:1], "")
    return Text(f"      {printable(line)}", style=style, overflow="fold")


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode("utf-8", "replace")


def _cut(text: str, limit: int | None, *, last: bool = False) -> str:
    if limit is None or len(text) <= limit:
        return printable(text)
    return printable("… " + text[-limit:] if last else text[:limit] + f"… ({len(text) - limit:,} more characters)")
