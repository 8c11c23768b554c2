"""`spancast privacy-audit`: prints what the audit of privacy mode found."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from .. import terminal
from ..audit.report import AuditReport, ContentLocation
from ..audit.search import audit
from .output import FAILED, print_json, stop


def privacy_audit(
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    keep: Annotated[Path | None, typer.Option(help="Keep the files that were searched in this folder.")] = None,
) -> None:
    """Prove that privacy mode lets no content out: canaries through every form of destination, searched for in raw bytes.

    Exit status: 0 nothing was found; 1 something leaks, or a form carried nothing, so that nothing is proved for it.
    """
    console = terminal.console(stderr=as_json)
    with TemporaryDirectory(prefix="spancast-audit-") as folder, console.status("privacy audit") as status:
        found = audit(keep or Path(folder), progress=status.update)
    if not found.frameworks:
        stop('neither LangChain nor LlamaIndex is installed here: pip install "spancast[demo]".')
    if as_json:
        print_json(_data(found))
    else:
        _print(console, found)
    if not found.clean:
        raise typer.Exit(FAILED)


def _print(console: Console, found: AuditReport) -> None:
    for framework in found.frameworks:
        table = Table(title=framework, box=None, pad_edge=False, padding=(0, 3, 0, 0), title_justify="left")
        for heading in ("place", "without privacy mode", "with privacy mode"):
            table.add_column(heading)
        for place in found.locations:
            if place.framework == framework:
                style = "" if place.fine else "red"
                table.add_row(place.name, "sent" if place.seen else "never recorded", _said(place, found), style=style)
        console.print(table)
        console.print()
    content = [place for place in found.locations if not place.kept]
    forms = len(found.forms)
    console.print(
        f"{len(found.leaks)} of {len(content)} places leak. {found.runs} runs, {found.spans} spans, {forms} forms of "
        f"destination, {found.bytes_searched / 1e6:.1f} MB searched: plain, base64, hexadecimal, UTF-16.",
        style="green" if found.clean else "bold red",
        soft_wrap=True,
    )
    console.print(f"forms: {', '.join(found.forms)}", style="dim", soft_wrap=True)
    for framework, empty in found.empty.items():
        console.print(
            f"NOT PROVED for {framework}: no spans were found in {', '.join(empty)}. What may stand in the "
            "way on this machine: a firewall on loopback, a full disk, a folder that cannot be written.",
            style="bold red",
            soft_wrap=True,
        )
    if found.absent:
        console.print(f"not installed, not audited: {', '.join(found.absent)}", style="yellow", soft_wrap=True)


def _said(place: ContentLocation, found: AuditReport) -> str:
    if place.kept:
        return "sent, as it should be" if place.hits else "NOT SENT"
    return f"LEAKS: {', '.join(place.hits)}" if place.hits else "nowhere"


def _data(found: AuditReport) -> dict[str, object]:
    names = ("framework", "name", "kept", "seen", "hits", "fine")
    return {
        "clean": found.clean,
        "runs": found.runs,
        "spans": found.spans,
        "forms": found.forms,
        "bytes_searched": found.bytes_searched,
        "frameworks": found.frameworks,
        "absent": found.absent,
        "empty": found.empty,
        "places": [{name: getattr(place, name) for name in names} for place in found.locations],
    }
