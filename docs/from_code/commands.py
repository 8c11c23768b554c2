"""The command line's own help, from the application that runs it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from from_code.markdown import code, table
from spancast.cli import commands
from spancast.commands.options import COMMON, PAIRS, SWITCHES


def application() -> Any:
    """Return the command line as click sees it."""
    import typer.main

    return typer.main.get_command(commands())


def all_commands() -> str:
    """Return a section for each command: what it does, its arguments and options."""
    return "\n\n".join(_sections(application(), "spancast", 2))


def _sections(command: Any, path: str, level: int) -> Iterator[str]:
    for name, each in command.commands.items():
        full = f"{path} {name}"
        if full == "spancast destinations add":
            yield from _adding(each, full, level)
        elif hasattr(each, "commands"):
            yield f"{'#' * level} `{full}`\n\n{_text(each.help)}"
            yield from _sections(each, full, level + 1)
        else:
            yield f"{'#' * level} `{full}`\n\n{_text(each.help)}\n\n{_options(each, full)}"


def _adding(group: Any, full: str, level: int) -> Iterator[str]:
    yield f"{'#' * level} `{full}`\n\n{_text(group.help)}"
    yield f"{'#' * (level + 1)} Options of every preset"
    first = next(iter(group.commands.values()))
    shared = {*COMMON, *PAIRS, *SWITCHES}
    yield _rows(parameter for parameter in first.params if parameter.name in shared)
    for name, each in group.commands.items():
        own = [parameter for parameter in each.params if parameter.name not in shared]
        yield f"{'#' * (level + 1)} `{full} {name}`"
        yield _text(each.help).partition("\n\n")[0]
        if own:
            yield _rows(own)


def _options(command: Any, full: str) -> str:
    names = " ".join(_usage(parameter) for parameter in command.params if parameter.param_type_name == "argument")
    usage = f"```text\n{full} [OPTIONS] {names}".rstrip() + "\n```"
    return f"{usage}\n\n{_rows(command.params)}" if command.params else usage


def _usage(parameter: Any) -> str:
    name = (parameter.name or "").upper()
    many = "..." if parameter.nargs == -1 else ""
    return f"{name}{many}" if parameter.required else f"[{name}{many}]"


def _rows(parameters: Any) -> str:
    return table(["option", "meaning", "default"], (_row(each) for each in parameters if each.name != "help"))


def _row(parameter: Any) -> list[str]:
    if parameter.param_type_name == "argument":
        return [code(_usage(parameter)), getattr(parameter, "help", None) or "", _default(parameter)]
    value = "" if parameter.is_flag else f" {_kind(parameter)}"
    names = ", ".join(sorted(parameter.opts, key=len, reverse=True))
    off = f" / {parameter.secondary_opts[0]}" if parameter.secondary_opts else ""
    return [code(names + off + value), parameter.help or "", _default(parameter)]


def _kind(parameter: Any) -> str:
    """Return what a value of an option is called; newer versions of typer hold its annotation, older ones click's type."""
    held = getattr(parameter, "type_descriptor", None)
    if held is None:
        return str(parameter.type.name).partition(" ")[0].upper()
    said = str(held.annotation)
    names = {"int": "INTEGER", "float": "FLOAT", "Path": "PATH"}
    return next((name for word, name in names.items() if word in said), "TEXT")


def _default(parameter: Any) -> str:
    default = parameter.default
    unset = default in (None, False, ()) or callable(default) or "UNSET" in repr(default).upper()
    return "" if unset else code(default)


def _text(help: str | None) -> str:
    return inspect.cleandoc(help or "").replace("\n\n* ", "\n* ")
