"""`spancast doctor`, `spancast explain` and `spancast settings`: why traces do not arrive, and where settings come from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .. import terminal
from ..config import otel_sdk, sources
from ..config.resolve import configured, local_file
from ..config.rows import Row, rows
from ..diagnostics import notes as application
from ..diagnostics.error_codes import ERROR_CODES
from ..diagnostics.result import CheckResult, Step, failure, settings_failure
from ..validation import SettingsError
from .output import FAILED, print_json, show, stop


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    timeout: Annotated[float | None, typer.Option(min=0.1, help="Seconds for each step.")] = None,
) -> None:
    """Test every configured destination with one real span, and look at frameworks, other tracers and the process.

    Exit status: 0 all destinations work; 1 one does not.
    """
    console = terminal.console(stderr=as_json)
    origins, results = tested(timeout, console, quiet=as_json)
    around = [*application.notes(os.environ), *_settings_notes()]
    if as_json:
        print_json(
            {
                "passed": all(result.passed for result in results),
                "destinations": [
                    {"origin": origin, **result.as_dict()} for origin, result in zip(origins, results, strict=True)
                ],
                "application": [
                    {name: value for name in Step.__slots__ if (value := getattr(step, name))}  # type: ignore[attr-defined]
                    for step in around
                ],
                "settings": [
                    {"name": row.name, "value": row.value, "origin": row.origin, "error": row.error}
                    for row in rows(os.environ)
                ],
            }
        )
    else:
        _settings_lines(console)
        show(console, CheckResult(destination="application", where="", steps=tuple(around)))
    if not all(result.passed for result in results):
        raise typer.Exit(FAILED)


def _settings_notes() -> Iterator[Step]:
    """Yield a warning for each OpenTelemetry variable that is not followed, and each file that is not used."""
    for each in otel_sdk.not_followed(os.environ):
        yield failure("settings", "W806", each.sentence)
    for sentence in sources.read(os.environ).ignored:
        yield failure("settings", "W807", sentence)


def tested(timeout: float | None, console: Console, *, quiet: bool) -> tuple[list[str], list[CheckResult]]:
    """Test what files and environment name; return where each comes from, and what was found."""
    origins: list[str] = []
    results: list[CheckResult] = []
    try:
        entries = configured(os.environ)
    except SettingsError as error:
        origins, results = ["settings"], [settings_failure("settings", error)]
        entries = []
    else:
        if not entries:
            tested_file, origin = _local_file()
            origins.append(origin)
            results.append(tested_file)
    for entry, over in entries:
        origins.append(entry.origin)
        try:
            destination = entry.destination(over)
        except SettingsError as error:
            results.append(settings_failure(entry.name, error))
            continue
        with console.status(f"testing {entry.name}"):
            results.append(destination.check(timeout))
    if not quiet:
        for origin, result in zip(origins, results, strict=True):
            show(console, result)
            console.print(f"      set by: {origin}\n", style="dim", markup=False)
    return origins, results


def _local_file() -> tuple[CheckResult, str]:
    """Test the file that the application writes when nothing is configured; return also where its path comes from."""
    try:
        destination, origin = local_file(os.environ)
    except SettingsError as error:
        return settings_failure("file", error), "settings"
    return destination.check(), origin


def _settings_lines(console: Console) -> None:
    listed = list(rows(os.environ))
    if listed:
        console.print("settings", style="bold")
    for row in listed:
        console.print(f"    {row.name} = {row.value}", end="", markup=False, soft_wrap=True)
        console.print(f"   {row.origin}", style="dim", markup=False, soft_wrap=True)
        if row.error:
            console.print(f"      ✗ {row.error}", style="red", markup=False, soft_wrap=True)
    if listed:
        console.print()


def explain(code: Annotated[str, typer.Argument(help="A code such as E401.")]) -> None:
    """Say what a code means, and how to fix it."""
    entry = ERROR_CODES.get(code.upper())
    if entry is None:
        stop(f"there is no code {code!r}: use one of {', '.join(ERROR_CODES)}.")
    console = terminal.console()
    console.print(f"{code.upper()}  {entry.verdict}", style="bold", markup=False)
    for label, text in (("cause", entry.cause), ("fix", entry.fix), ("more", entry.details)):
        if text:
            console.print(Text(f"{label:<6} ", style="dim") + Text(text, style="default"))


def settings(
    everything: Annotated[bool, typer.Option("--all", help="Show also what is not set.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Show every setting, its value and its origin. Secrets are masked."""
    listed = list(rows(os.environ, all=everything or as_json))
    wrong = [row for row in listed if row.error]
    if as_json:
        names = ("name", "value", "origin", "meaning", "error")
        print_json([{name: getattr(row, name) for name in names} for row in listed])
    elif not listed:
        terminal.console().print("nothing is set: traces go to the local file. All settings: spancast settings --all")
    else:
        _print_rows(listed)
    if wrong:
        raise typer.Exit(FAILED)


def _print_rows(rows: list[Row]) -> None:
    console = terminal.console()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("setting", "value", "from", "meaning"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(
            *map(Text, (row.name, row.value, row.origin, row.error or row.meaning)), style="red" if row.error else ""
        )
    console.print(table)
