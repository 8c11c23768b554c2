"""`spancast destinations add|list|test|remove`: a destination is saved only when its test passes."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from .. import secret_refs, terminal
from ..config import saved
from ..config.entries import COMMAND_LINE, Entry
from ..config.resolve import configured
from ..destinations import PRESETS
from ..destinations.destination import Destination
from ..destinations.registry import Preset
from ..diagnostics.result import settings_failure
from ..privacy.secrets import is_secret_name
from ..setting import masked_url
from ..validation import SettingsError
from . import options
from .output import FAILED, print_json, show, stop

# headers of no single backend that name a place or a mode; every other header's value is treated as a secret
_OF_NO_BACKEND = frozenset({"user-agent", "x-goog-user-project"})


def group() -> typer.Typer:
    """Return the commands about destinations."""
    application = typer.Typer(
        name="destinations", help="Add, list, test and remove saved destinations.", no_args_is_help=True
    )
    adding = typer.Typer(
        name="add",
        help="Test a destination, and save it when the test passes. One command a preset.",
        no_args_is_help=True,
    )
    for name in PRESETS:
        run = options.command(name, add)
        adding.command(name, short_help=terminal.summary(run.__doc__ or ""))(run)
    application.add_typer(adding)
    application.command("list")(list_all)
    application.command("test")(check_all)
    application.command("remove")(remove)
    return application


# ---------------------------------------------------------------- add
def add(name: str, values: dict[str, Any]) -> None:
    """Ask for what is missing, test, and save only if the test passes."""
    preset = PRESETS[name]
    as_json, plain, keyring = (values.pop(switch, False) for switch in ("as_json", "plain_secrets", "keyring"))
    console = terminal.console(stderr=as_json)
    arguments = _arguments(values)
    _complete(name, preset, arguments)
    try:
        stored_entries = list(saved.read(os.environ).entries)
        stored, secrets = _storable(preset, arguments, plain=plain, keyring=keyring)
        destination = Entry(preset=name, arguments=arguments, origin=COMMAND_LINE).destination()
        with console.status(f"testing {destination.name}"):
            result = destination.check()
    except SettingsError as error:
        result = settings_failure(str(arguments.get("name") or name), error)
    result = options.in_options(result, preset)
    path = None
    if result.passed:
        try:
            for key, value in secrets.items():
                secret_refs.into_keyring(key, value)
            entry = Entry(preset=name, arguments=stored, origin=saved.FILE_NAME)
            path = saved.save([*(each for each in stored_entries if each.name != entry.name), entry], os.environ)
        except SettingsError as error:
            stop(str(error), FAILED)
    if as_json:
        print_json({**result.as_dict(), "saved": path is not None, "file": str(path) if path else None})
    else:
        show(console, result)
        console.print(f"saved in {path}" if path else "NOT saved: the test did not pass", soft_wrap=True, markup=False)
    if path is None:
        raise typer.Exit(FAILED)


def _arguments(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as arguments: repeated pairs become mappings."""
    arguments = {key: value for key, value in values.items() if key not in options.PAIRS}
    for option, argument in (("header", "headers"), ("resource", "resource")):
        pairs = values.get(option)
        if pairs:
            arguments[argument] = dict(_pair(text, option) for text in pairs)
    return arguments


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        stop(f"--{option} has no '=' in it: write --{option} Name=value.")
    return name.strip(), value.strip()


def _complete(name: str, preset: Preset, arguments: dict[str, Any]) -> None:
    """Take what is needed and is missing from the environment, or ask for it."""
    helps = options.helps(preset.make.__doc__ or "")
    for argument in preset.required:
        if argument in arguments or any(other in arguments for other in preset.instead.get(argument, ())):
            continue
        variable = next((each for each in preset.variables.get(argument, ()) if os.environ.get(each)), None)
        if variable is not None and not name.startswith("otlp"):  # these read endpoint and headers together
            arguments[argument] = f"env:{variable}"
        elif variable is None and sys.stdin.isatty():
            secret = argument in preset.secrets
            hint = "a value, or env:NAME" if secret else helps.get(argument, "").partition(";")[0]
            arguments[argument] = typer.prompt(f"{argument} ({hint})", hide_input=secret).strip()


def _storable(
    preset: Preset, arguments: Mapping[str, Any], *, plain: bool, keyring: bool
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the arguments as they may be saved, and what goes into the keyring.

    Raises:
        SettingsError: When a secret stands in the clear and no option says where to keep it.
    """
    name = str(arguments.get("name") or preset.make.__name__)
    stored = dict(arguments)
    into: dict[str, str] = {}
    plain_headers = _OF_NO_BACKEND | {header for each in PRESETS.values() for header in each.plain_headers}

    def kept(value: str, argument: str, key: str) -> str:
        if plain or secret_refs.is_reference(value):
            return value
        if variable := next(
            (each for each in preset.variables.get(argument, ()) if os.environ.get(each) == value), None
        ):
            return f"env:{variable}"
        if keyring:
            into[key] = value
            return f"keyring:{key}"
        example = next(iter(preset.variables.get(argument, ())), "MY_TOKEN")
        kind = key.split("/")[1]
        option = (
            f'--{kind} "{argument}=env:{example}"'
            if key.count("/") > 1
            else f"--{argument.replace('_', '-')} env:{example}"
        )
        raise SettingsError(
            f"{argument} is given in the clear, and would be saved so: put it into an environment variable and write "
            f"{option}, or add --keyring, or --plain-secrets.",
            "E108",
        )

    for argument, value in arguments.items():
        if argument in preset.secrets or _holds_key(value):
            stored[argument] = kept(str(value), argument, f"{name}/{argument}")
    if "resource" in arguments:
        stored["resource"] = {
            attribute: kept(value, attribute, f"{name}/resource/{attribute}") if is_secret_name(attribute) else value
            for attribute, value in arguments["resource"].items()
        }
    if "headers" in arguments:
        stored["headers"] = {
            header: value if header.lower() in plain_headers else kept(value, header, f"{name}/header/{header}")
            for header, value in arguments["headers"].items()
        }
    return stored, into


def _holds_key(value: Any) -> bool:
    """Return whether *value* is a URL in which a key may stand: in its query, or before its host."""
    return isinstance(value, str) and "://" in value and masked_url(value) != value


# ---------------------------------------------------------------- list, test, remove
def list_all(as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """Show the destinations in use, and where each is set."""
    try:
        found = [(entry, _made(entry, over)) for entry, over in configured(os.environ)]
    except SettingsError as error:
        stop(str(error))
    rows = [
        {
            "name": entry.name,
            "preset": entry.preset,
            "where": made.target.describe() if isinstance(made, Destination) else made,
            "convention": made.convention if isinstance(made, Destination) else "",
            "privacy_mode": made.privacy_mode if isinstance(made, Destination) else None,
            "sampling_rate": made.sampling_rate if isinstance(made, Destination) else None,
            "origin": entry.origin,
        }
        for entry, made in found
    ]
    if as_json:
        print_json(rows)
        return
    console = terminal.console()
    if not rows:
        console.print("no destinations: traces go to the local file. Add one: spancast destinations add --help")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in rows[0]:
        table.add_column(heading.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if value is None else str(value)) for value in row.values()))
    console.print(table)


def _made(entry: Entry, over: Mapping[str, Any]) -> Destination | str:
    try:
        return entry.destination(over)
    except SettingsError as error:
        return str(error)


def check_all(
    names: Annotated[list[str] | None, typer.Argument(help="Only these; else all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Test destinations with one real span each. Exit status: 0 all passed, 1 one failed."""
    try:
        entries = configured(os.environ)
    except SettingsError as error:
        stop(str(error))
    chosen = [item for item in entries if not names or item[0].name in names]
    missing = sorted(set(names or ()) - {entry.name for entry, _ in entries})
    if missing or not chosen:
        available = ", ".join(entry.name for entry, _ in entries) or "none"
        stop(f"there is no destination {', '.join(missing) or 'to test'}: there are {available}.")
    console = terminal.console(stderr=as_json)
    results = []
    for entry, over in chosen:
        made = None
        try:
            made = entry.destination(over)
        except SettingsError as error:
            results.append(settings_failure(entry.name, error))
        if made is not None:
            with console.status(f"testing {entry.name}"):
                results.append(made.check())
        if not as_json:
            show(console, results[-1])
    if as_json:
        print_json([result.as_dict() for result in results])
    if not all(result.passed for result in results):
        raise typer.Exit(FAILED)


def remove(name: Annotated[str, typer.Argument(help="The saved destination's name.")]) -> None:
    """Remove a saved destination."""
    try:
        stored_entries = list(saved.read(os.environ).entries)
        if name not in {entry.name for entry in stored_entries}:
            names = ", ".join(entry.name for entry in stored_entries) or "none"
            stop(f"no saved destination is called {name!r}: there are {names}.")
        saved.save([entry for entry in stored_entries if entry.name != name], os.environ)
    except SettingsError as error:
        stop(str(error))
    terminal.console().print(f"removed {name}", markup=False)
