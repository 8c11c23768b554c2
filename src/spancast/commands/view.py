"""What `spancast view` does: shows the traces of a file of OTLP JSON lines in the terminal, as JSON, or as a page."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import Progress

from .. import terminal
from ..local_file import DEFAULT_FILE
from ..view import files
from ..view.export import write_page
from ..view.query import Filters, find_trace, list_traces, since, trace_data
from ..view.read import ViewSpan, spans_in
from ..view.show import span_content, trace_table
from ..view.store import Store
from ..view.tree import in_order, trace_tree
from .next_steps import command
from .output import print_json, stop

STANDARD_INPUT = "-"
_LARGE = 20_000_000  # bytes from which progress is shown while an index is made
_POLL = 0.5  # seconds between two looks at a file that is followed


class Content(StrEnum):
    """How much of each span's content is shown."""

    NONE = "none"
    PREVIEW = "preview"
    FULL = "full"


def view(
    what: Annotated[
        list[str] | None,
        typer.Argument(help="A file (- is standard input), a trace's id or its beginning, or its number in the list."),
    ] = None,
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="Show this many traces, the newest last.")] = 1,
    listing: Annotated[
        bool, typer.Option("--list", "-l", help="List the newest traces instead of showing one.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many traces a list has.")] = 20,
    session: Annotated[str | None, typer.Option(help="List the traces of this session.")] = None,
    user: Annotated[str | None, typer.Option(help="List the traces of this user.")] = None,
    name: Annotated[str | None, typer.Option(help="List traces whose name has this in it.")] = None,
    model: Annotated[str | None, typer.Option(help="List traces that used a model with this in its name.")] = None,
    error: Annotated[bool, typer.Option("--error", help="List traces in which something failed.")] = False,
    since_: Annotated[str | None, typer.Option("--since", help="List traces since 15m, 2h, 3d, or a date.")] = None,
    slower: Annotated[float | None, typer.Option(help="List traces that took longer than this many seconds.")] = None,
    search: Annotated[str | None, typer.Option(help="List traces in whose content this text stands.")] = None,
    content: Annotated[
        str, typer.Option(help="How much of each span's content to show: none, preview or full.")
    ] = "none",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write one self-contained HTML file.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on showing traces as they are written.")] = False,
) -> None:
    """Show traces from a file of OTLP JSON lines: the newest, one of them, or a list."""
    amount = _amount(content)
    path, wanted = _arguments(what or [])
    store = _opened(path)
    filters = _filters(session, user, name, model, error, since_, slower, search)
    if follow:
        _follow(store, path, amount)
    if wanted is None and (listing or filters != Filters()):
        return _list(store, path, filters, limit, as_json, html)
    traces = [_trace(store, path, wanted)] if wanted is not None else _newest(store, path, last)
    if html is not None:
        return _write(html, traces)
    if as_json:
        data = [trace_data(spans) for spans in traces]
        return print_json(data if len(data) > 1 else data[0])
    console = terminal.console()
    for spans in filter(None, traces):  # of a trace whose every line is damaged nothing is left
        _show(console, spans, amount)
    return None


def _amount(content: str) -> Content:
    """Return how much is meant. Not typer's own choice: its older versions cannot take an Enum with newer ones of click."""
    try:
        return Content(content)
    except ValueError:
        stop(f"--content is {content!r}: give {', '.join(Content)}.")


def _show(console: Console, spans: Sequence[ViewSpan], content: Content) -> None:
    console.print(trace_tree(spans))
    console.print()
    if content is not Content.NONE:
        for span in in_order(spans):
            console.print(span_content(span, full=content is Content.FULL))


def _arguments(what: Sequence[str]) -> tuple[Path, str | None]:
    """Return the file and the trace that are meant: a word that is a file's name, or looks like one, is the file."""
    path, wanted = Path(DEFAULT_FILE), None
    for word in what:
        if word == STANDARD_INPUT or Path(word).exists() or any(mark in word for mark in "/\\."):
            path = Path(word)
        else:
            wanted = word
    return path, wanted


def _opened(path: Path) -> Store:
    if str(path) == STANDARD_INPUT:
        store = Store(None)
        store.add(spans_in(sys.stdin.buffer))
        return store
    try:
        if path.is_dir():
            raise IsADirectoryError
        if path.stat().st_size < _LARGE or not sys.stderr.isatty():
            return files.open_file(path)
        with Progress(transient=True, console=terminal.console(stderr=True)) as progress:
            task = progress.add_task("indexing", total=None)
            return files.open_file(path, progress=lambda done, all_: progress.update(task, completed=done, total=all_))
    except FileNotFoundError:
        stop(f"there is no file {path}: run your application first, or `{command()} demo`.")
    except IsADirectoryError:
        stop(f"{path} is a folder: name a file of OTLP JSON lines in it, such as {path / Path(DEFAULT_FILE).name}.")
    except OSError as error:
        stop(f"cannot read {path}: {error.strerror}.")


def _filters(
    session: str | None,
    user: str | None,
    name: str | None,
    model: str | None,
    error: bool,
    since_: str | None,
    slower: float | None,
    search: str | None,
) -> Filters:
    try:
        moment = since(since_, datetime.now(UTC)) if since_ else None
    except ValueError as problem:
        stop(f"--since: {problem}")
    return Filters(
        session=session,
        user=user,
        name=name,
        model=model,
        error=error,
        since_ns=moment,
        slower=slower,
        search=search or None,
    )


def _list(store: Store, path: Path, filters: Filters, limit: int, as_json: bool, html: Path | None) -> None:
    is_file = str(path) != STANDARD_INPUT
    only = files.search_lines(path, filters.search) if is_file and filters.search else None
    rows = list_traces(store, filters, limit=limit, only=only)
    if html is not None:
        return _write(html, [store.spans(row["trace_id"]) for row in rows])
    if as_json:
        return print_json(rows)
    if not rows:
        stop(f"no trace in {_name(path)} matches.", 1)
    return terminal.console().print(trace_table(rows))


def _trace(store: Store, path: Path, wanted: str) -> list[ViewSpan]:
    trace_id = find_trace(store, wanted)
    if trace_id is None:
        stop(f"{_name(path)} holds no trace {wanted!r}, or several that begin so: see `{command()} view --list`.")
    return store.spans(trace_id)


def _newest(store: Store, path: Path, last: int) -> list[list[ViewSpan]]:
    rows = list_traces(store, Filters(), limit=last)
    if not rows:
        stop(f"there are no spans in OTLP JSON lines in {_name(path)}.")
    return [store.spans(row["trace_id"]) for row in reversed(rows)]


def _write(html: Path, traces: Sequence[Sequence[ViewSpan]]) -> None:
    try:
        write_page(html, [spans for spans in traces if spans])
    except OSError as error:
        stop(f"cannot write {html}: {error.strerror}.")
    print(html)  # noqa: T201


def _follow(store: Store, path: Path, content: Content) -> NoReturn:
    """Show each trace whose root has ended since; Ctrl-C ends it."""
    console = terminal.console()
    try:
        for spans in _arriving(store, path):
            _show(console, spans, content)
    except KeyboardInterrupt:
        pass
    raise typer.Exit(0)


def _arriving(store: Store, path: Path) -> Iterator[list[ViewSpan]]:
    shown = {row["trace_id"]: row["spans"] for row in list_traces(store, Filters(), limit=1000)}
    growing: dict[str, Any] = {}
    while str(path) != STANDARD_INPUT:
        time.sleep(_POLL)
        files.update(store, path)
        for row in reversed(list_traces(store, Filters(), limit=1000)):
            trace_id, spans = row["trace_id"], row["spans"]
            if shown.get(trace_id) == spans:
                continue
            if growing.get(trace_id) == spans:  # nothing was added since the last look: it is whole
                shown[trace_id] = spans
                del growing[trace_id]
                yield store.spans(trace_id)
            else:
                growing[trace_id] = spans


def _name(path: Path) -> str:
    return "standard input" if str(path) == STANDARD_INPUT else str(path)
