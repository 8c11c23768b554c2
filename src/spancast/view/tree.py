"""Draws a trace as a tree in the terminal: kind, name, duration, tokens, cost, first token, errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..delivery.ledger import DeliveryReport, DestinationReport
from .read import ViewSpan

_MOST_INDENT = 36  # characters: twelve levels
_STYLES = {
    "AGENT": "bold magenta",
    "CHAIN": "cyan",
    "LLM": "bold green",
    "TOOL": "yellow",
    "RETRIEVER": "blue",
    "EMBEDDING": "blue",
    "RERANKER": "blue",
}


def trace_tree(spans: Sequence[ViewSpan]) -> RenderableType:
    """Return the spans of one trace as a tree, a line a span and a line for each error."""
    # figures first: the tree may then be as wide as the terminal allows
    table = Table(box=None, show_header=True, header_style="dim", pad_edge=False, padding=(0, 1))
    for name, width in (("time", 6), ("first", 6), ("tokens", 7), ("cost", 8)):
        table.add_column(name, justify="right", no_wrap=True, min_width=width, style="dim")
    table.add_column("span")  # the only column that may shrink: its texts are cut, the figures stay whole
    for prefix, span in _ordered(spans):
        table.add_row(*_figures(span), _title(_near(prefix), span))
        if span.error:
            table.add_row("", "", "", "", _error(_near(prefix), span.error))
    return Group(_headline(spans), table)


def _near(prefix: str) -> str:
    """Return the lines that lead to a span; of a deep one, the last: its name must have room."""
    return prefix if len(prefix) <= _MOST_INDENT else "…" + prefix[1 - _MOST_INDENT :]


def _error(prefix: str, error: str) -> RenderableType:
    """Return an error beneath its span, in as many lines as it needs: unlike a name it is never cut."""
    under = prefix.replace("├─ ", "│  ").replace("└─ ", "   ") + "  "
    block = Table.grid()
    block.add_column(no_wrap=True, min_width=len(under), style="dim")
    block.add_column(overflow="fold", style="red")
    block.add_row(Text(under), Text(error))
    return block


def _headline(spans: Sequence[ViewSpan]) -> Text:
    first = spans[0]
    counted = _counted_once(spans)
    total = sum(span.cost or 0 for span in counted)
    tokens = sum((span.input_tokens or 0) + (span.output_tokens or 0) for span in counted)
    seconds = (max(span.end_ns for span in spans) - min(span.start_ns for span in spans)) / 1e9
    figures = [f"{len(spans)} spans", _duration(seconds), f"{tokens:,} tokens", *([_money(total)] if total else [])]
    who = [f"{name} {value}" for name, value in (("user", first.user), ("session", first.session_id)) if value]
    return Text(f"trace {first.trace_id}\n{' · '.join([*figures, *who])}", style="dim", overflow="fold")


def _counted_once(spans: Sequence[ViewSpan]) -> list[ViewSpan]:
    """Return *spans* without model calls directly inside a model call: the same one, told again by its gateway."""
    counting = {span.span_id for span in spans if span.kind == "LLM" and span.input_tokens is not None}
    return [span for span in spans if span.kind != "LLM" or span.parent_span_id not in counting]


def _ordered(spans: Sequence[ViewSpan]) -> list[tuple[str, ViewSpan]]:
    """Return the spans depth first, each with the lines that lead to it."""
    known = {span.span_id for span in spans}
    children: dict[str | None, list[ViewSpan]] = {}
    for span in sorted(spans, key=lambda span: (span.start_ns, -span.end_ns)):
        children.setdefault(span.parent_span_id if span.parent_span_id in known else None, []).append(span)
    rows: list[tuple[str, ViewSpan]] = []
    shown: set[str] = set()
    for root in (*children.get(None, []), *spans):  # spans that are each other's parents have no root among them
        if root.span_id not in shown:
            rows.extend(_beneath(root, children, shown))
    return rows


def _beneath(
    root: ViewSpan, children: Mapping[str | None, Sequence[ViewSpan]], shown: set[str]
) -> Iterator[tuple[str, ViewSpan]]:
    """Yield *root* and all spans beneath it; each span once."""
    stack = [("", "", root)]
    shown.add(root.span_id)
    while stack:
        lead, below, span = stack.pop()
        yield lead, span
        inner = [child for child in children.get(span.span_id, ()) if child.span_id not in shown]
        shown.update(child.span_id for child in inner)
        for index in range(len(inner) - 1, -1, -1):
            last = index == len(inner) - 1
            stack.append((below + ("└─ " if last else "├─ "), below + ("   " if last else "│  "), inner[index]))


def _title(prefix: str, span: ViewSpan) -> Text:
    mark = ("✗ ", "red") if span.error else ("", "")
    kind = (span.kind, _STYLES.get(span.kind, "white"))
    title = Text.assemble((prefix, "dim"), mark, kind, " ", span.name, no_wrap=True, overflow="ellipsis")
    if span.model and span.model != span.name and not span.name.endswith(f" {span.model}"):
        title.append(f"  {span.model}", style="dim")
    if span.ending:
        title.append(f"  {span.ending}", style="dim")
    return title


def _figures(span: ViewSpan) -> tuple[str, str, str, str]:
    tokens = f"{span.input_tokens or 0:,}→{span.output_tokens or 0:,}" if span.input_tokens is not None else ""
    return (
        _duration((span.end_ns - span.start_ns) / 1e9),
        _duration(span.first_token) if span.first_token is not None else "",
        tokens,
        _money(span.cost) if span.cost is not None else "",
    )


def _duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def _money(dollars: float) -> str:
    return f"${dollars:.4f}" if dollars >= 0.0001 or dollars == 0 else f"${dollars:.1g}"


def delivery_line(report: DeliveryReport) -> Text:
    """Return one line that says what became of the spans, per destination."""
    line = Text("delivery: ")
    for index, destination in enumerate(report):
        if index:
            line.append(" · ")
        line.append_text(_destination(destination))
    return line


def _destination(report: DestinationReport) -> Text:
    good = report.delivered == report.recorded - report.sampled_out
    said = str(report)
    return Text.assemble(("✓ " if good else "✗ ", "green" if good else "red"), said)
