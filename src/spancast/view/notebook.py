"""`spancast.show()`: the last trace, or a named one, as a tree in a terminal and as the page in a notebook."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

from .read import ViewSpan

_HEIGHT = 620  # pixels of the page in a notebook


class ShownTrace:
    """A trace that shows itself: as text where it is printed, as the page where a notebook displays it."""

    def __init__(self, spans: Sequence[ViewSpan]) -> None:
        self._spans = tuple(spans)

    def __str__(self) -> str:
        """Return the tree; without the package that draws it, what to install."""
        try:
            from rich.console import Console
        except ModuleNotFoundError:
            return 'spancast: the tree needs another package: pip install "spancast[cli]"'

        from .tree import trace_tree

        out = io.StringIO()
        Console(file=out, width=120, highlight=False, no_color=True).print(trace_tree(self._spans))
        return "\n".join(line.rstrip() for line in out.getvalue().splitlines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the page in a frame of its own, which can run nothing outside of it."""
        from .export import page_of

        page = base64.b64encode(page_of([self._spans]).encode("utf-8", "replace")).decode()
        return (
            f'<iframe sandbox="allow-scripts" src="data:text/html;base64,{page}" '
            f'style="width:100%;height:{_HEIGHT}px;border:1px solid #ddd"></iframe>'
        )


def trace_in_file(path: Path, trace_id: str | None) -> list[ViewSpan]:
    """Return the spans of a trace in a file of OTLP JSON lines: the newest, or the one whose id begins so; else none."""
    from . import files
    from .query import find_trace

    if not path.is_file():
        return []
    store = files.open_file(path)
    found = find_trace(store, trace_id or "1")
    spans = store.spans(found) if found else []
    store.close()
    return spans
