"""Prints the trees of a file of OTLP JSON lines, as `spancast view` does."""

from pathlib import Path

from rich.console import Console

from spancast.view.read import read_lines, traces_of
from spancast.view.tree import trace_tree


def print_traces(path=".spancast/traces.jsonl", last=1):
    """Print the newest *last* traces of *path*, the newest last."""
    if not Path(path).exists():  # the spans went elsewhere
        return
    console = Console(width=110)
    for spans in list(traces_of(read_lines(Path(path))).values())[-last:]:
        console.print(trace_tree(spans), "")
