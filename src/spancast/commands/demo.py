"""What `spancast demo` does."""

from __future__ import annotations

import asyncio
import os
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from .. import openrouter, terminal
from ..config.resolve import backends_of
from ..destinations.targets.file import file
from ..local_file import DEFAULT_FILE
from ..runtime.pipeline import Pipeline
from ..validation import SettingsError
from ..view.read import read_lines, traces_of
from ..view.tree import delivery_line, trace_tree
from .next_steps import command, next_steps

_FLUSH_TIMEOUT = 15.0


def demo(
    out: Annotated[Path, typer.Option("--file", help="Where the OTLP JSON lines go.")] = Path(DEFAULT_FILE),
) -> None:
    """Run a scripted LangGraph agent and show its trace. Needs no key, no account, no network."""
    console = terminal.console()
    _writable(out)
    try:
        destinations = (file(out), *backends_of(os.environ))
        pipeline = Pipeline(*destinations, service_name=os.environ.get("OTEL_SERVICE_NAME") or "spancast-demo")
    except SettingsError as error:
        _stop(str(error))
    application = _application()
    console.print(f"[dim]question:[/] {application.QUESTION}")
    console.print("[dim]answer:[/]   ", end="")
    failed = _asked(application, pipeline, console)
    console.print("\n")
    with console.status("delivering"):
        complete = pipeline.flush(_FLUSH_TIMEOUT)
    traces = traces_of(read_lines(out.expanduser().absolute()))
    if traces:
        console.print(trace_tree(list(traces.values())[-1]))
    console.print(f"\nOTLP JSON lines: {out}", soft_wrap=True, markup=False)
    console.print(delivery_line(pipeline.report()), soft_wrap=True)
    console.print(next_steps(out), soft_wrap=True, markup=False)
    pipeline.shutdown()
    if failed or not complete:
        raise typer.Exit(1)


def _asked(application: Any, pipeline: Pipeline, console: Console) -> bool:
    """Run the agent and print its answer as it comes; say so when a real model fails, and go on to its trace."""
    try:
        show = partial(console.print, end="", markup=False, soft_wrap=True)
        asyncio.run(application.run(pipeline, lambda text: show(terminal.printable(text)), _model(application)))
    except Exception as error:  # a wrong key, no network: the trace shows where
        reason = terminal.printable(str(error)[:300])
        console.print(f"the agent failed: {type(error).__name__}: {reason}", style="red", markup=False)
        return True
    return False


def _model(application: Any) -> Any:
    """Return the scripted model, or a real one, whose requests tell OpenRouter's Broadcast of this trace."""
    model = application.chat_model()
    return openrouter.join(model) if os.environ.get("OPENROUTER_API_KEY") else model


def _application() -> Any:
    missing = next((name for name in ("langchain", "langgraph") if find_spec(name) is None), None)
    if missing:
        _stop(f'the demo needs {missing}: pip install "spancast[demo]"')
    if os.environ.get("OPENROUTER_API_KEY") and find_spec("langchain_openrouter") is None:
        _stop(
            'OPENROUTER_API_KEY is set, and a real model needs langchain-openrouter: pip install "spancast[openrouter]"'
        )
    from ..demo import support_agent as application

    return application


def _writable(path: Path) -> None:
    """Say it, and end, where a file cannot be written: rather than after the run."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            pass
    except OSError as error:
        _stop(f"cannot write {path}: {error.strerror}. Name another file: {command()} demo --file PATH.")


def _stop(message: str) -> NoReturn:
    sys.stderr.write(f"spancast: {terminal.printable(message)}\n")
    raise typer.Exit(2)
