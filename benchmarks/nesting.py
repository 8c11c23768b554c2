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
from datetime import date
from pathlib import Path
from typing import Any

from environments import default_folder, install, interpreter, say
from nesting_peers import PEERS

HERE = Path(__file__).resolve().parent
TIMEOUT = 600  # seconds for all cases of one tracer


def main() -> None:
    parser = argparse.ArgumentParser(description="Prints who nests right, as a Markdown table.")
    parser.add_argument("--peers", help=f"comma-separated, of: {', '.join(PEERS)}; default: those that are installed")
    parser.add_argument("--install", action="store_true", help="make the virtual environments that are missing")
    parser.add_argument("--cache", type=Path, default=default_folder(), help="where the environments lie (%(default)s)")
    parser.add_argument("--json", type=Path, help="also write what was measured into this file")
    options = parser.parse_args()
    names = options.peers.split(",") if options.peers else list(PEERS)
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(PEERS)}")
    results = {}
    for name in names:
        if options.install:
            install(name, options.cache)
        python = interpreter(name, options.cache)
        if python is None:
            say(f"{name}: not installed, left out (--install makes its environment)")
            continue
        measured = _measure(name, python)
        if measured is not None:
            results[name] = measured
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    print(table(results) if results else "Nothing is installed: use --install.")


def _measure(name: str, python: str) -> dict[str, Any] | None:
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "LANG", "SPANCAST_"))
    }
    command = [python, str(HERE / "nesting_cases.py"), name]
    try:
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        say(f"{name}: not done after {TIMEOUT} s, left out")
        return None
    if done.returncode:
        say(f"{name}: failed with status {done.returncode}, left out; its message stands above")
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
