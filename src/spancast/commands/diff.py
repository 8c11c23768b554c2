"""What `spancast diff` does: compares two traces of a file, or of two files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import terminal
from ..local_file import DEFAULT_FILE
from .output import print_json, stop

if TYPE_CHECKING:
    from ..view.read import ViewSpan

DIFFERENT = 1


def diff(
    first: Annotated[
        str, typer.Argument(help="A trace's id, the beginning of one, a number (1 is the newest), or a file.")
    ],
    second: Annotated[str, typer.Argument(help="The same; of a file, its newest trace.")],
    path: Annotated[Path, typer.Option("--file", help="The file in which ids are looked up.")] = Path(DEFAULT_FILE),
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write one self-contained HTML file.")] = None,
) -> None:
    """Show what differs between two traces: calls, content, tokens, cost, time. Exit status 1 when they differ."""
    from ..view.diff import diff_traces
    from ..view.show import diff_text

    sides = [_spans(first, path), _spans(second, path)]
    found = diff_traces(*sides)
    if html is not None:
        _write_html(html, sides, found)
    if as_json:
        print_json(found)
    elif html is None:
        terminal.console().print(diff_text(found))
    raise typer.Exit(0 if found["equal"] else DIFFERENT)


def _spans(wanted: str, path: Path) -> list[ViewSpan]:
    from ..view import files
    from ..view.query import find_trace

    named = Path(wanted)
    source, which = (named, "1") if named.is_file() else (path, wanted)
    if not source.is_file():
        stop(f"there is no file {source}: name one with --file, or run your application first.")
    try:
        store = files.open_file(source)
    except OSError as error:
        stop(f"cannot read {source}: {error.strerror}.")
    trace_id = find_trace(store, which)
    if trace_id is None:
        stop(f"{source} holds no trace {which!r}, or several that begin so.")
    return list(store.spans(trace_id))


def _write_html(html: Path, sides: list[list[ViewSpan]], found: dict[str, Any]) -> None:
    from ..view.export import write_page

    try:
        write_page(html, sides, diff=found)
    except OSError as error:
        stop(f"cannot write {html}: {error.strerror}.")
    sys.stderr.write(f"{html}\n")
