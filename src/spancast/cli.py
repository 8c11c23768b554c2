"""The command line: one application of all commands."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

from ._version import VERSION

if TYPE_CHECKING:
    from typer import Typer


def main() -> None:
    """Run the command line; without the `cli` extra, say what to install."""
    try:
        import rich  # noqa: F401
        import typer  # noqa: F401
    except ImportError:
        sys.stderr.write('The command line needs more packages: pip install "spancast[cli]"\n')
        raise SystemExit(2) from None
    from .terminal import accept_every_encoding

    accept_every_encoding()
    commands(sys.argv[1] if len(sys.argv) > 1 else None)()


# Each command's module in `commands/` and the function there, in the order of the help.
_COMMANDS = {
    "demo": ("demo", "demo"),
    "view": ("view", "view"),
    "serve": ("serve", "serve"),
    "diff": ("diff", "diff"),
    "mcp": ("mcp", "mcp"),
    "replay": ("replay", "replay"),
    "doctor": ("doctor", "doctor"),
    "explain": ("doctor", "explain"),
    "settings": ("doctor", "settings"),
    "privacy-audit": ("privacy_audit", "privacy_audit"),
}
_GROUP = "destinations"


def commands(wanted: str | None = None) -> Typer:
    """Return the command line's application.

    Args:
        wanted: The only command that is loaded, if there is one of this name: all of them take twice as long.
    """
    import typer

    from .terminal import summary

    application = typer.Typer(
        name="spancast",
        help="Traces of LangChain and LlamaIndex applications, in one tree, to any OpenTelemetry backend.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )

    @application.callback()
    def options(
        version: bool = typer.Option(False, "--version", is_eager=True, callback=_version, help="Show the version."),
    ) -> None:
        pass

    everything = wanted not in (*_COMMANDS, _GROUP)
    for name, (module, function) in _COMMANDS.items():
        if everything or name == wanted:
            run = getattr(import_module(f".commands.{module}", __package__), function)
            application.command(name, short_help=summary(run.__doc__ or ""))(run)
    if everything or wanted == _GROUP:
        from .commands.destinations import group

        application.add_typer(group())
    return application


def _version(wanted: bool) -> None:
    if wanted:
        import typer

        typer.echo(f"spancast {VERSION}")
        raise typer.Exit
