"""Distributions built from this tree, and clean environments they are installed into: `uv` makes one in seconds."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
APPLICATIONS = Path(__file__).parent / "applications"
# langchain-core 1.8 asks for a certifi that not every mirror has yet; which root certificates there are is no matter here
OVERRIDES = "certifi\n"


def uv(*arguments: str | Path, cwd: Path = ROOT) -> str:
    """Run uv, which looks where pip looks, and return what it printed."""
    command = [sys.executable, "-m", "uv", "--no-progress", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=_as_pip_does(os.environ), timeout=300)
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


def _as_pip_does(environ: Mapping[str, str]) -> dict[str, str]:
    """Return *environ* with what pip was told, in uv's words: uv reads none of pip's settings."""
    told = {"UV_DEFAULT_INDEX": _pips_index(), "SSL_CERT_FILE": environ.get("PIP_CERT")}
    return {**{name: value for name, value in told.items() if value}, **environ}


@lru_cache(maxsize=1)
def _pips_index() -> str | None:
    """Return the index that pip's files or environment name."""
    done = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, timeout=60)
    found = re.search(r"\.index-url='([^']+)'", done.stdout)
    return found[1] if found else None


def build(folder: Path, project: Path) -> tuple[Path, Path]:
    """Build *project*'s sdist, and from that its wheel; return both."""
    uv("build", "--out-dir", folder, project)
    (sdist,) = folder.glob("*.tar.gz")
    (wheel,) = folder.glob("*.whl")
    return sdist, wheel


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment of its own, and an empty folder in which its commands run."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / ("Scripts" if os.name == "nt" else "bin") / "python"

    def install(self, *arguments: str | Path) -> None:
        """Install as `pip install` would."""
        overrides = self.folder / "overrides.txt"
        overrides.write_text(OVERRIDES)
        uv("pip", "install", "--python", self.python, "--overrides", overrides, *arguments)

    def versions(self) -> dict[str, str]:
        """Return what is installed."""
        listed = json.loads(uv("pip", "list", "--format", "json", "--python", self.python))
        return {package["name"]: package["version"] for package in listed}

    def run(self, *arguments: str | Path, **environ: str) -> Done:
        """Run a command of the environment, or `python`, in an empty folder; of this tree it sees only `tests`."""
        home = self.folder / "work"
        home.mkdir(exist_ok=True)
        command = [str(self.python.with_name(str(arguments[0]))), *map(str, arguments[1:])]
        path = os.pathsep.join([str(self.python.parent), os.environ.get("PATH", "")])
        said = {**_quiet(os.environ, home), "PATH": path, **environ}
        done = subprocess.run(command, capture_output=True, text=True, cwd=home, env=said, timeout=240)
        return Done(done.returncode, done.stdout, done.stderr)

    def tree(self, application: str, *words: str, **environ: str) -> list[str]:
        """Run an application, which has to say nothing but its tree, and return the tree's lines."""
        done = self.run("python", "-W", "ignore", APPLICATIONS / f"{application}.py", *words, **environ)
        assert (0, "") == (done.status, done.err), done.err
        return done.out.splitlines()


def _quiet(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return an environment that knows nothing of this one's Python, nor of its settings for tracing."""
    ours = ("SPANCAST_", "OTEL_", "ARIZE_", "OPENROUTER_", "LANGSMITH_", "LANGCHAIN_", "PYTHON", "COV_", "VIRTUAL_ENV")
    kept = {name: value for name, value in environ.items() if not name.startswith(ours)}
    state = {"SPANCAST_STATE_DIR": str(home / "state"), "SPANCAST_CONFIG_DIR": str(home / "config")}
    words = {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1", "COLUMNS": "100"}
    return {**kept, **state, **words}


def environment(folder: Path, *arguments: str | Path, seed: bool = False) -> Environment:
    """Make a virtual environment of this interpreter's version, with pip where *seed* says so, and install into it."""
    shutil.rmtree(folder, ignore_errors=True)
    uv("venv", *(["--seed"] if seed else []), "--python", sys.executable, folder)
    made = Environment(folder)
    if arguments:
        made.install(*arguments)
    return made
