"""What `spancast mcp` does: the traces of a file as read-only tools for a coding agent (Model Context Protocol, stdio)."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Annotated, Any

import typer

from ..local_file import DEFAULT_FILE
from ..view.query import Filters, find_trace, list_traces, since, span_data, trace_data
from ..view.store import Store
from .output import stop

_FIGURES = (
    "span_id",
    "parent_span_id",
    "name",
    "kind",
    "error",
    "ending",
    "input_tokens",
    "output_tokens",
    "cost",
    "model",
)


def mcp(
    path: Annotated[Path, typer.Argument(help="A file of OTLP JSON lines.")] = Path(DEFAULT_FILE),
    content: Annotated[bool, typer.Option(help="Whether prompts, answers and arguments may be read.")] = True,
) -> None:
    """Serve the traces of a file over MCP (stdio), read-only: for a coding agent that is to see what an application did."""
    try:
        server = server_for(path, content=content)
    except ImportError:
        stop('the MCP server needs another package: pip install "spancast[mcp]"')
    server.run("stdio")


def server_for(path: Path, *, content: bool) -> Any:
    """Return the MCP server. With *content* False no tool returns prompts, answers, arguments or results."""
    server = _server_class()(
        "spancast", instructions="Traces of LLM applications: list them, then read one or compare two."
    )

    @server.tool()  # type: ignore[untyped-decorator,unused-ignore]
    def list_recent_traces(
        limit: int = 20,
        session: str | None = None,
        name: str | None = None,
        model: str | None = None,
        only_errors: bool = False,
        slower_than_seconds: float | None = None,
        since_: str | None = None,
        search: str | None = None,
    ) -> list[dict[str, Any]]:
        """List the newest traces: id, name, duration, tokens, cost, error. `since_` is 15m, 2h, 3d or a date."""
        from datetime import datetime

        from ..view import files

        moment = since(since_, datetime.now(UTC)) if since_ else None
        filters = Filters(
            session=session,
            name=name,
            model=model,
            error=only_errors,
            slower=slower_than_seconds,
            since_ns=moment,
        )
        only = files.search_lines(path, search) if search and content else None
        rows = list_traces(_store(path), filters, limit=limit, only=only)
        return (
            rows if content else [{**row, "input": None, "output": None, "error": bool(row["error"])} for row in rows]
        )

    @server.tool()  # type: ignore[untyped-decorator,unused-ignore]
    def read_trace(trace_id: str) -> dict[str, Any]:
        """Return a trace: its spans with kind, name, parent, duration, tokens, cost, error and what they show."""
        store = _store(path)
        found = find_trace(store, trace_id)
        if found is None:
            return {"error": f"no trace {trace_id!r}, or several that begin so"}
        spans = store.spans(found)
        if content:
            return {
                "trace_id": found,
                "spans": [
                    {
                        key: value
                        for key, value in span_data(span).items()
                        if key not in ("attributes", "events", "links")
                    }
                    for span in spans
                ],
            }
        return {"trace_id": found, "spans": [_without_content(span) for span in trace_data(spans)["spans"]]}

    @server.tool()  # type: ignore[untyped-decorator,unused-ignore]
    def compare_traces(first: str, second: str) -> dict[str, Any]:
        """Return what differs between two traces: calls added and removed, content changed, tokens, cost, time."""
        from ..view.diff import diff_traces

        store = _store(path)
        ids = [find_trace(store, wanted) for wanted in (first, second)]
        if None in ids:
            return {"error": "one of the two traces is not there"}
        found = diff_traces(*[store.spans(str(each)) for each in ids])
        if not content:
            found["changed"] = [{**call, "fields": list(call["fields"])} for call in found["changed"]]
        return found

    return server


def _server_class() -> Any:
    """Return the SDK's server class: `MCPServer`, before version 2 `FastMCP`."""
    try:
        from mcp.server.mcpserver import MCPServer
    except ModuleNotFoundError:
        from mcp.server.fastmcp import FastMCP  # type: ignore[attr-defined,unused-ignore]

        return FastMCP
    return MCPServer


def _store(path: Path) -> Store:
    from ..view import files

    return files.open_file(path)


def _without_content(span: dict[str, Any]) -> dict[str, Any]:
    figures = {key: span[key] for key in _FIGURES}
    return {**figures, "error": bool(span["error"]), "seconds": (span["end_ns"] - span["start_ns"]) / 1e9}
