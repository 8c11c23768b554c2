"""How commands speak: results on standard output, complaints on standard error, and what the exit status means."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import orjson
import typer
from rich.console import Console

from ..diagnostics.result import MARKS, CheckResult
from ..terminal import printable

FAILED, WRONG_USE = 1, 2
_STYLES = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "dim"}


def stop(message: str, status: int = WRONG_USE) -> NoReturn:
    """Say why nothing was done, and end."""
    sys.stderr.write(f"spancast: {printable(message)}\n")
    raise typer.Exit(status)


def print_json(data: Any) -> None:
    """Print *data* as JSON on standard output."""
    sys.stdout.buffer.write(orjson.dumps(data, option=orjson.OPT_INDENT_2) + b"\n")
    sys.stdout.buffer.flush()


def show(console: Console, result: CheckResult) -> None:
    """Print the test of one destination, step by step."""
    console.print(f"{result.destination}  {result.where}", style="bold", markup=False, soft_wrap=True)
    for step in result.steps:
        took = f"  ({step.milliseconds:.0f} ms)" if step.milliseconds is not None else ""
        console.print(f"  {MARKS[step.state]} ", style=_STYLES[step.state], end="", markup=False)
        console.print(f"{step.name:<15} {step.detail}{took}".rstrip(), markup=False, soft_wrap=True)
        if step.code:
            console.print(f"      {step.code}: {step.cause}", markup=False, soft_wrap=True)
            console.print(f"      fix: {step.fix}", style="bold", markup=False, soft_wrap=True)
    if not result.passed:
        console.print(f"      more: spancast explain {result.code}", style="dim", markup=False)
