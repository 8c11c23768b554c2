"""Draws a trace as a tree in the terminal: kind, name, duration, tokens, cost, first token, errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from ..delivery.ledger import DeliveryReport, DestinationReport
from .content import content_of, scores_in
from .figures import counted, duration, money
from .read import ViewSpan, counted_once, is_score, parent_of

_MOST_SCORES = 3  # of one span that are shown behind its name
_MOST_INDENT = 36  # characters: twelve levels; in a narrow terminal a third of its width
_GAP = 2  # characters between two columns
_HEADINGS = ("time", "first", "tokens", "cost")
_DISPENSABLE = (1, 3, 2)  # columns that give way to names, the least needed first
_NAMES_SHARE = 0.75  # of the width: names get it before columns of figures do
_STYLES = {
    "AGENT": "bold magenta",
    "CHAIN": "cyan",
    "LLM": "bold green",
    "TOOL": "yellow",
    "RETRIEVER": "blue",
    "EMBEDDING": "blue",
    "RERANKER": "blue",
    "EVALUATOR": "bold yellow",
}


def trace_tree(spans: Sequence[ViewSpan]) -> RenderableType:
    """Return the spans of one trace as a tree, a line a span and a line for each error."""
    return Group(_headline(spans), _Rows(tuple(_ordered(spans))))


@dataclass(frozen=True, slots=True)
class _Rows:
    """The spans of a trace with the lines that lead to each; laid out for the width that there is."""

    rows: Sequence[tuple[str, ViewSpan]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        # figures first: the tree may then be as wide as the terminal allows
        indent = min(_MOST_INDENT, options.max_width // 3)
        drawn = [(_near(prefix, indent), span) for prefix, span in self.rows]
        figures = [_figures(span) for _, span in drawn]
        titles = [_title(prefix, span) for prefix, span in drawn]
        shown = _columns(figures, max(map(_name_width, titles, (span for _, span in drawn))), options.max_width)
        table = Table(box=None, show_header=True, header_style="dim", pad_edge=False, padding=(0, _GAP // 2))
        for column in shown:
            table.add_column(_HEADINGS[column], justify="right", no_wrap=True, style="dim")
        table.add_column("span")  # the only column that may shrink: its texts are cut, the figures stay whole
        for (prefix, span), row, title in zip(drawn, figures, titles, strict=True):
            table.add_row(*(row[column] for column in shown), title)
            if span.error:
                table.add_row(*("" for _ in shown), _error(prefix, span.error))
        yield table


def _columns(figures: Sequence[tuple[str, ...]], names: int, width: int) -> list[int]:
    """Return which columns of figures to show: those with a figure in them, as long as *names* have room enough."""
    widths = [max(map(len, (heading, *column))) for heading, *column in zip(_HEADINGS, *figures, strict=True)]
    shown = [0, *(column for column in (1, 2, 3) if any(row[column] for row in figures))]
    wanted = min(names, int(width * _NAMES_SHARE))
    for column in _DISPENSABLE:
        if width - sum(widths[each] + _GAP for each in shown) < wanted and column in shown:
            shown.remove(column)
    return shown


def _name_width(title: Text, span: ViewSpan) -> int:
    """Return how much room a span's lines, kind and name need; what stands behind them is cut first."""
    behind = sum(cell_len(text) + 2 for text in _behind(span))
    return title.cell_len - behind


def _near(prefix: str, most: int) -> str:
    """Return the lines that lead to a span; of a deep one, the last: its name must have room."""
    return prefix if len(prefix) <= most else "…" + prefix[1 - most :]


def _error(prefix: str, error: str) -> RenderableType:
    """Return an error beneath its span, in as many lines as it needs: unlike a name it is never cut."""
    under = prefix.replace("├─ ", "│  ").replace("└─ ", "   ") + "  "
    block = Table.grid()
    block.add_column(no_wrap=True, min_width=len(under), style="dim")
    block.add_column(overflow="fold", style="red")
    block.add_row(Text(under), Text(error))
    return block


def _headline(spans: Sequence[ViewSpan]) -> Text:
    timed = [span for span in spans if not is_score(span)] or spans
    first = timed[0]  # a score may have come days later
    once = counted_once(spans)
    total = sum(span.cost or 0 for span in once)
    tokens = sum((span.input_tokens or 0) + (span.output_tokens or 0) for span in once)
    seconds = (max(span.end_ns for span in timed) - min(span.start_ns for span in timed)) / 1e9
    figures = [
        counted(len(spans), "span"),
        duration(seconds),
        *([counted(tokens, "token")] if tokens else []),
        *([money(total)] if total else []),
    ]
    who = [f"{name} {value}" for name, value in (("user", first.user), ("session", first.session_id)) if value]
    return Text(f"trace {first.trace_id}\n{' · '.join([*figures, *who])}", style="dim", overflow="fold")


def in_order(spans: Sequence[ViewSpan]) -> list[ViewSpan]:
    """Return the spans depth first, as the tree shows them."""
    return [span for _, span in _ordered(spans)]


def _ordered(spans: Sequence[ViewSpan]) -> list[tuple[str, ViewSpan]]:
    """Return the spans depth first, each with the lines that lead to it."""
    known = {span.span_id for span in spans}
    children: dict[str | None, list[ViewSpan]] = {}
    for span in sorted(spans, key=lambda span: (span.start_ns, -span.end_ns)):
        above = parent_of(span)
        children.setdefault(above if above in known else None, []).append(span)
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
    for text in _behind(span):
        title.append(f"  {text}", style="dim")
    return title


def _behind(span: ViewSpan) -> list[str]:
    """Return what stands behind a span's name: its model, where the name does not say it, its score, and how it ended."""
    named = not span.model or span.model == span.name or span.name.endswith(f" {span.model}")
    return [text for text in (None if named else span.model, _score(span), span.ending) if text]


def _score(span: ViewSpan) -> str | None:
    """Return value and label of a span that carries a judgement, on one line; of judgements of the span itself the names."""
    if span.kind != "EVALUATOR" and not scores_in(span.attributes, span.events):
        return None
    scores = content_of(span.attributes, span.events).get("scores") or ()
    names = ("score", "value", "label") if span.kind == "EVALUATOR" else ("name", "score", "value", "label")
    most = 1 if span.kind == "EVALUATOR" else _MOST_SCORES
    found = [each[name] for each in scores[:most] for name in names if each.get(name) is not None]
    texts = [f"{part:g}" if isinstance(part, float) else str(part) for part in found if part is not None]
    return " ".join("".join(char for char in " ".join(texts)[:80] if char.isprintable()).split()) or None


def _figures(span: ViewSpan) -> tuple[str, str, str, str]:
    tokens = f"{span.input_tokens or 0:,}→{span.output_tokens or 0:,}" if span.input_tokens is not None else ""
    return (
        duration((span.end_ns - span.start_ns) / 1e9),
        duration(span.first_token) if span.first_token is not None else "",
        tokens,
        money(span.cost) if span.cost is not None else "",
    )


def delivery_line(report: DeliveryReport) -> Text:
    """Return one line that says what happened to the spans, per destination."""
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
