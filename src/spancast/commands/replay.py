"""What `spancast replay` does: sends spans that were kept on disk."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, dataclass
from dataclasses import replace as with_changes
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .. import terminal
from ..config.resolve import backends_of, spool_folder
from ..delivery.identity import folder_of
from ..delivery.replay import ReplaySummary, replay_all
from ..delivery.spool import Spool, manifest_of
from ..delivery.words import spans
from ..destinations import otlp
from ..destinations.destination import Destination
from ..destinations.targets.grpc import PROTOCOL
from ..destinations.targets.http import HttpTarget
from ..destinations.targets.network import over_http_or_grpc
from ..destinations.targets.scores import score_destination
from ..otlp.encoding import ENCODINGS
from ..validation import SettingsError
from .output import FAILED, print_json, stop

_UNKNOWN = "no destination here sends there; name its URL with --endpoint, and its --header"
_LONGEST_WORD = 200  # characters of a name or an address that a file says


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One folder of the spool: whose spans these are, how many, and the destination that may send them."""

    folder: Path
    name: str
    url: str
    count: int
    destination: Destination | None


def replay(
    name: Annotated[
        str | None, typer.Option("--destination", "-d", help="Send only what was meant for this one.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="Send what was meant for this URL, when the environment does not name it.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option(help='For --endpoint: "Name=value" or "Name=env:VARIABLE".')
    ] = None,
    protocol: Annotated[str | None, typer.Option(help="For --endpoint: http/json or http/protobuf.")] = None,
    spool: Annotated[str | None, typer.Option(help="The folder, when it is not the usual one.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds for each destination, at most.")] = 60.0,
    wait: Annotated[float, typer.Option(min=0.0, help="Seconds to go on trying a receiver that fails.")] = 5.0,
    list_only: Annotated[bool, typer.Option("--list", help="Show what waits; send nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Send the spans that wait on disk: they could not be delivered before."""
    try:
        base = spool_folder(spool, os.environ)
        destinations = (_given(endpoint, header or [], protocol),) if endpoint else backends_of(os.environ)
    except SettingsError as error:
        stop(str(error))
    if base is None:
        stop("the spool is off (SPANCAST_SPOOL, or an empty SPANCAST_STATE_DIR): nothing is kept on disk.")
    places = waiting(base, destinations, by_url=endpoint is not None, keep_protocol=protocol is None)
    found = [each for each in places if name in (None, each.name)]
    console = terminal.console(stderr=as_json)
    results = []
    for each in found:
        results.append(_listed(each) if list_only else _sent(each, timeout, wait))
    if as_json:
        print_json(_data(base, found, results))
    else:
        _show(console, base, found, results)
    if not list_only and any(tally.waiting or tally.rejected or tally.lost for tally in results):
        raise typer.Exit(FAILED)


def waiting(
    base: Path, destinations: tuple[Destination, ...], *, by_url: bool = False, keep_protocol: bool = False
) -> list[Waiting]:
    """Return what lies in the spool at *base*, and which of *destinations* may send it.

    Spans go to where they would have gone: same name, URL, headers and privacy mode. *by_url*: the user named the URL;
    *keep_protocol*: and not the protocol, so it is the one in which they would have gone.
    """
    scores = [by_api for destination in destinations if (by_api := score_destination(destination)) is not None]
    destinations = (*destinations, *scores)
    own = {folder_of(base, destination): destination for destination in destinations} if base.is_dir() else {}
    urls = {where: destination for destination in destinations for where in _places(destination)} if by_url else {}
    found = []
    for folder in sorted(base.iterdir()) if base.is_dir() else []:
        count = sum(file.count for file in Spool(folder).files())
        manifest = manifest_of(folder)
        url = _printable(manifest.get("url", ""))
        if count:
            destination = own.get(folder) or urls.get(url)
            if destination is not None and keep_protocol and by_url:
                destination = _in_protocol(destination, manifest.get("protocol"))
            label = _printable(manifest.get("name", folder.name))
            found.append(Waiting(folder=folder, name=label, url=url, count=count, destination=destination))
    return found


def _places(destination: Destination) -> tuple[str, ...]:
    """Return what a folder may say of where its spans would have gone: by HTTP, or by gRPC."""
    target = destination.target
    over_grpc = (over_http_or_grpc(target, PROTOCOL).describe(),) if isinstance(target, HttpTarget) else ()
    return (target.describe(), *over_grpc)


def _in_protocol(destination: Destination, protocol: object) -> Destination:
    target = destination.target
    if not isinstance(target, HttpTarget) or protocol not in ENCODINGS:
        return destination
    return with_changes(destination, target=over_http_or_grpc(target, str(protocol)))


def _given(endpoint: str, headers: list[str], protocol: str | None) -> Destination:
    values = {}
    for pair in headers:
        name, equals, value = pair.partition("=")
        if not equals:
            raise SettingsError(f'--header {name!r} has no value: write --header "Authorization=env:COLLECTOR_TOKEN".')
        values[name.strip()] = value.strip()
    return otlp(endpoint, headers=values, protocol=protocol)


def _sent(each: Waiting, timeout: float, wait: float) -> ReplaySummary:
    if each.destination is None:
        return ReplaySummary(waiting=each.count, error=_UNKNOWN)
    if sys.stderr.isatty():
        _say(f"{each.name}: sending {spans(each.count)} to {each.url}")
    trying = lambda message: _say(f"{each.name}: {message}")  # noqa: E731
    return replay_all(each.destination, Spool(each.folder), timeout=timeout, wait=wait, trying=trying)


def _say(text: str) -> None:
    """Report progress beside the result, on standard error."""
    sys.stderr.write(f"{_printable(text)}\n")
    sys.stderr.flush()


def _printable(text: object) -> str:
    """Return a text from a file or a receiver without what acts on a terminal, and not endlessly long."""
    return "".join(char if char.isprintable() else " " for char in str(text)[:_LONGEST_WORD])


def _listed(each: Waiting) -> ReplaySummary:
    return ReplaySummary(waiting=each.count, error=None if each.destination else _UNKNOWN)


def _data(base: Path, found: list[Waiting], results: list[ReplaySummary]) -> dict[str, object]:
    rows = [{"name": each.name, "url": each.url, **asdict(tally)} for each, tally in zip(found, results, strict=True)]
    return {"spool": str(base), "destinations": rows}


def _show(console: Console, base: Path, found: list[Waiting], results: list[ReplaySummary]) -> None:
    if not found:
        console.print(f"nothing waits in {base}", markup=False, soft_wrap=True)
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("destination")
    for column in ("delivered", "rejected", "lost", "too old", "waiting"):
        table.add_column(column, justify="right")
    for each, tally in zip(found, results, strict=True):
        counts = (tally.delivered, tally.rejected, tally.lost, tally.expired, tally.waiting)
        table.add_row(Text(each.name), *(f"{count:,}" for count in counts))
    console.print(table)
    for each, tally in zip(found, results, strict=True):
        if tally.error:
            console.print(f"{each.name} ({each.url}): {_printable(tally.error)}", markup=False, soft_wrap=True)
