"""Runs `spancast` commands: in this process, where the start of an interpreter would take longer than the command."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spancast import cli


def run_here(
    *arguments: str, cwd: Path, environ: Mapping[str, str], stdin: bytes = b""
) -> subprocess.CompletedProcess[str]:
    """Return what `spancast` does with *arguments* in a folder and an environment; a traceback fails the test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd)
        for name in set(os.environ) - set(environ):
            patch.delenv(name)
        for name, value in environ.items():
            patch.setenv(name, value)
        result = CliRunner().invoke(cli.commands(), list(arguments), input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)
