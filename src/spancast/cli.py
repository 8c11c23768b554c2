"""The command line: one application of all commands."""

from __future__ import annotations

import sys
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
    commands()()


def commands() -> Typer:
    """Return the command line's application."""
    import typer

    from .commands.demo import demo
    from .commands.destinations import group
    from .commands.diff import diff
    from .commands.doctor import doctor, explain, settings
    from .commands.mcp import mcp
    from .commands.privacy_audit import privacy_audit
    from .commands.replay import replay
    from .commands.serve import serve
    from .commands.view import view

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

    application.command()(demo)
    application.command()(view)
    application.command()(serve)
    application.command()(diff)
    application.command()(mcp)
    application.command()(replay)
    application.command()(doctor)
    application.command()(explain)
    application.command()(settings)
    application.command()(privacy_audit)
    application.add_typer(group())
    return application


def _version(wanted: bool) -> None:
    if wanted:
        import typer

        typer.echo(f"spancast {VERSION}")
        raise typer.Exit
