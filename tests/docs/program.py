"""Runs a page as its reader would: its Python blocks in one program, its `spancast` commands, and what both print."""

from __future__ import annotations

import gc
import io
import logging
import os
import shlex
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer.main
from typer.testing import CliRunner

import spancast
from spancast import langchain, llama_index
from spancast.cli import commands
from spancast.commands import next_steps
from spancast.destinations.targets import http as http_target
from spancast.otlp.http import HttpExporter
from spancast.runtime import default as pipeline

from ..receivers.recording import Receiver
from .pages import Block, commands_in

# what runs here as it stands; other commands reach for the network, wait for a person, or take minutes
_HARMLESS = (
    "demo",
    "view",
    "explain",
    "settings",
    "replay",
    "destinations list",
    "destinations remove",
    "privacy-audit",
)
# what the pages call the receiver; its own address takes their place
PLACES = ("https://collector.example.com", "http://collector:4318")


@dataclass
class Program:
    """A page that is being run."""

    receiver: Receiver
    names: dict[str, Any]
    monkeypatch: pytest.MonkeyPatch
    printed: str = ""
    place: str = PLACES[0]
    ran: list[str] = field(default_factory=list)

    def run(self, block: Block) -> None:
        """Run a block of Python or shell; what it prints is kept in `printed`."""
        if block.language == "python":
            self.printed = self._python(block)
        elif block.language == "sh":
            self._shell(block)

    def _here(self, text: str) -> str:
        """Return *text* with the receiver's address in the place of the one that the page shows."""
        for place in PLACES:
            if place in text:
                self.place = place
                text = text.replace(place, self.receiver.url)
        return text

    def shown(self) -> str:
        """Return what was printed last, with the address that the page shows."""
        port = urlsplit(self.receiver.url).port
        return self.printed.replace(self.receiver.url, self.place).replace(f"port {port} ", "port 4318 ")

    def _python(self, block: Block) -> str:
        out = io.StringIO()
        said = logging.StreamHandler(out)  # as Python prints warnings where nothing is configured
        logger = logging.getLogger("spancast")
        logger.addHandler(said)
        said.setLevel(logging.WARNING)
        code = "\n" * (block.line - 1) + self._here(block.text)
        try:
            with redirect_stdout(out), redirect_stderr(out):
                exec(compile(code, str(block.page), "exec"), self.names)
                deliver()
        finally:
            logger.removeHandler(said)
        self.ran.append("python")
        return out.getvalue()

    def _shell(self, block: Block) -> None:
        printed = []
        for line in commands_in(block.text):
            if line.startswith("export "):
                for pair in shlex.split(line)[1:]:
                    self.monkeypatch.setenv(*pair.split("=", 1))
            if not line.startswith("spancast "):
                continue
            arguments = shlex.split(line)[1:]
            check_options(arguments)
            if " ".join(arguments).startswith(_HARMLESS) or any(place in line for place in PLACES):
                self.ran.append(line)
                printed.append(self._command([self._here(each) for each in arguments]))
        if printed:
            self.printed = "\n".join(printed)

    def _command(self, arguments: list[str]) -> str:
        deliver()
        self.monkeypatch.setattr(next_steps, "python", lambda: "python")  # a reader's own environment is active
        result = CliRunner().invoke(commands(), arguments, env={"COLUMNS": "100"})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.output


def deliver() -> None:
    """Bring everything out, as the end of a program does."""
    if not pipeline.in_use().ended:
        spancast.flush()


def check_options(arguments: list[str]) -> None:
    """Raise when there is no such command, or it has no such option; runs nothing."""
    arguments = [each for each in arguments if each != "--help"]
    command: Any = typer.main.get_command(commands())
    if not arguments:
        return
    context = command.make_context("spancast", list(arguments))
    while hasattr(command, "commands"):  # a group: the next word names the command within it
        rest = [*getattr(context, "_protected_args", ()), *context.args]
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)


def only_to(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send what is meant for any backend to *receiver*: same path, same headers."""
    real = http_target.HttpTarget.exporter

    def exporter(self: Any, resource: Any) -> Any:
        host = urlsplit(self.url).hostname
        if host == "127.0.0.1":  # a receiver of the program's own, as the privacy audit has
            return real(self, resource)
        url = urlsplit(self.url)._replace(scheme="http", netloc=urlsplit(receiver.url).netloc).geturl()
        return HttpExporter(
            url,
            headers=self.headers,
            protocol=self.protocol,
            compression=self.compression,
            timeout=self.timeout,
            resource=resource,
            tls=self.tls,
        )

    monkeypatch.setattr(http_target.HttpTarget, "exporter", exporter)


def clean_up() -> None:
    """Undo what a page's program switched on."""
    langchain.uninstrument()
    llama_index.uninstrument()
    theirs = sys.modules.get("openinference.instrumentation.langchain")
    if theirs is not None and theirs.LangChainInstrumentor().is_instrumented_by_opentelemetry:
        theirs.LangChainInstrumentor().uninstrument()
    spancast.shutdown()
    pipeline._default = None
    gc.collect()


def forget_settings(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Start without the machine's own settings and without a pipeline, in a home of its own."""
    monkeypatch.setattr(pipeline, "_default", None)
    for name in list(os.environ):
        if name.startswith(("SPANCAST_", "OTEL_", "ARIZE_", "LANGSMITH_", "LANGCHAIN_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    for name, folder in (("XDG_STATE_HOME", "state"), ("XDG_CONFIG_HOME", "config")):
        monkeypatch.setenv(name, str(home / folder))
