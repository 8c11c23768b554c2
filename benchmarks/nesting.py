"""Who nests right: `python benchmarks/nesting.py [--peers NAME,NAME] [--install]` prints a Markdown table.

Runs the same applications (nesting_cases.py) under spancast and under each other tracer, each in a virtual environment and a
process of its own, and prints where the spans that the application opens inside tools, models and nodes end up. No key, no
network: scripted models, spans kept in memory. `--install` makes the environments first (a cache folder, 1 GB).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import venv
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nesting_peers import PEERS

HERE = Path(__file__).resolve().parent
TIMEOUT = 600  # seconds for all cases of one tracer


def main() -> None:
    parser = argparse.ArgumentParser(description="Prints who nests right, as a Markdown table.")
    parser.add_argument("--peers", help=f"comma-separated, of: {', '.join(PEERS)}; default: those that are installed")
    parser.add_argument("--install", action="store_true", help="make the virtual environments that are missing")
    parser.add_argument("--cache", type=Path, default=_cache(), help="where the environments lie (%(default)s)")
    parser.add_argument("--json", type=Path, help="also write what was measured into this file")
    options = parser.parse_args()
    names = options.peers.split(",") if options.peers else list(PEERS)
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(PEERS)}")
    results = {}
    for name in names:
        if options.install:
            _install(name, options.cache)
        python = _python(name, options.cache)
        if python is None:
            _say(f"{name}: not installed, left out (--install makes its environment)")
            continue
        measured = _measure(name, python)
        if measured is not None:
            results[name] = measured
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    print(table(results) if results else "Nothing is installed: use --install.")


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "spancast" / "benchmarks"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _environment(name: str, cache: Path) -> Path:
    return cache / name / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _importable(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _python(name: str, cache: Path) -> str | None:
    """Return the interpreter to measure with: spancast here, another tracer where it is installed."""
    if name == "spancast" and _importable("spancast") and _importable("langgraph"):
        return sys.executable
    made = _environment(name, cache)
    if made.exists():
        return str(made)
    return sys.executable if _importable(PEERS[name].module) and _importable("langgraph") else None


def _install(name: str, cache: Path) -> None:
    python = _environment(name, cache)
    if python.exists() or (name == "spancast" and _python(name, cache)):
        return
    _say(f"{name}: making {cache / name}")
    venv.create(cache / name, with_pip=True)
    own = [f"{HERE.parent}[langchain]"] if name == "spancast" else []
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", *PEERS[name].requirements, *own]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            if line.startswith("Collecting "):
                print(f" {line.split()[1]}", end="", file=sys.stderr, flush=True)
    _say("")
    if pip.returncode:
        _say(f"{name}: pip failed with status {pip.returncode}; its message stands above")
        python.unlink(missing_ok=True)


def _measure(name: str, python: str) -> dict[str, Any] | None:
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "LANG", "SPANCAST_"))
    }
    command = [python, str(HERE / "nesting_cases.py"), name]
    try:
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        _say(f"{name}: not done after {TIMEOUT} s, left out")
        return None
    if done.returncode:
        _say(f"{name}: failed with status {done.returncode}, left out; its message stands above")
        return None
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def table(results: dict[str, dict[str, Any]]) -> str:
    """Return the marks as a Markdown table with what was measured, and when."""
    first = next(iter(results.values()))
    head = [f"{PEERS[name].title} {result['version']}" for name, result in results.items()]
    lines = [f"| what is right | {' | '.join(head)} |", "|---" * (len(head) + 1) + "|"]
    said = ""
    for title, marks in first["marks"].items():
        order = first["orders"][title]
        label = f"{title} ({order})" if order and order != said else title
        said = order
        cells = [result["marks"].get(title, "") for result in results.values()]
        lines.append(f"| {label} | {' | '.join([marks, *cells[1:]])} |")
    lines.append(f"| warnings logged | {' | '.join(str(len(result['logged'])) for result in results.values())} |")
    versions = ", ".join(f"{package} {number}" for package, number in first["application"].items())
    lines += ["", f"{date.today()}, {versions}, Python {platform.python_version()}."]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
