"""What tracing costs: spancast beside no tracing, empty handlers and every other tracer, as Markdown tables.

    python benchmarks/compare.py --install           # makes an environment for each tracer first (a cache folder, 2 GB)
    python benchmarks/compare.py --quick             # a few minutes: few rounds, few runs; for a look, not for figures
    python benchmarks/compare.py --rounds 9 --json r.json --markdown benchmarks/results/compare.md
    python benchmarks/compare.py --peers spancast-otlp,openllmetry --workloads lcel,li_rag
    python benchmarks/compare.py --before CHECKOUT   # beside another commit, whose .venv has spancast and the frameworks
    python benchmarks/compare.py --show r.json       # prints kept figures again

Every measurement is a process of its own, all send to the same receiver on loopback, and the peers take turns within a
round, in an order that changes, so that the machine's moods hit all alike. A figure is the median over rounds of CPU (user
and system, of the whole process, with its export threads and its last flush) over the untraced CPU of the same round.
Untraced runs twice a round: what one is beside the other is the noise.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import callbacks
import dead_collector
import drain
import encoders
import goals
import import_time
from environments import ENVIRONMENTS, OURS, SAME, default_folder, install, interpreter, say
from measuring import (
    HERE,
    Progress,
    clean_environment,
    machine,
    machine_line,
    markdown,
    sink,
    state_folder,
    use_interpreter,
)
from peers import BASES, PEERS, base_of
from workloads import WORKLOADS

ROUNDS = 7
SMALL: dict[str, Callable[[bool], Any]] = {
    "encoders": encoders.measure,
    "import_time": import_time.measure,
    "callbacks": callbacks.measure,
    "drain": drain.measure,
    "dead_collector": dead_collector.measure,
}
"""Measures that need no other tracer; each is a script of its own as well. Called with whether to be quick."""


class Station:
    """An interpreter of one environment, with the framework imported: forks a process for each measurement."""

    def __init__(self, python: str, framework: str, url: str, state: str, *, sdk: bool) -> None:
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed with the interpreter)
        self._process = subprocess.Popen(
            [python, str(HERE / "worker.py"), framework, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            env=clean_environment(state, sdk=sdk),
        )
        self.versions: dict[str, str] = self._answer()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return one measurement, or what went wrong under `error`."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._said.seek(0)
            raise RuntimeError(f"worker.py has ended; it said:\n{self._said.read()[-2000:]}")
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        """End the interpreter."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()
        self._said.close()


def main() -> None:
    options = _options()
    if options.show:
        print(report(json.loads(options.show.read_text())))
        return
    if options.install:
        for name in dict.fromkeys(PEERS[peer].environment for peer in options.peers):
            install(name, options.cache)
    kept = measure(options)
    text = report(kept)
    if options.json:
        options.json.write_text(json.dumps(kept, indent=1) + "\n")
    if options.markdown:
        options.markdown.parent.mkdir(parents=True, exist_ok=True)
        options.markdown.write_text(text + "\n")
    print(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage="%(prog)s [options]"
    )
    parser.add_argument("--peers", help=f"comma-separated, of: {', '.join(PEERS)}; default: all that are installed")
    parser.add_argument("--workloads", help=f"comma-separated, of: {', '.join(WORKLOADS)}; default: all")
    parser.add_argument("--rounds", type=int, default=0, help=f"how often each is measured (default: {ROUNDS})")
    parser.add_argument("--quick", action="store_true", help="3 rounds of a third of the runs")
    parser.add_argument("--scale", type=float, default=0.0, help="times the runs in each measurement (default: 1)")
    parser.add_argument("--install", action="store_true", help="make the virtual environments that are missing")
    parser.add_argument("--cache", type=Path, default=default_folder(), help="where they lie (%(default)s)")
    parser.add_argument("--small", default=",".join(SMALL), help="small measures, of: %(default)s; or none")
    parser.add_argument("--before", type=Path, help="a checkout of another commit, with its environment in .venv")
    parser.add_argument("--json", type=Path, help="write every measurement into this file")
    parser.add_argument("--markdown", type=Path, help="write the tables into this file too")
    parser.add_argument("--show", type=Path, help="print the tables of a file that --json wrote; measure nothing")
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else ROUNDS)
    options.scale = options.scale or (1 / 3 if options.quick else 1.0)
    for name, known in (("peers", PEERS), ("workloads", WORKLOADS), ("small", {**SMALL, "none": None})):
        given = getattr(options, name)
        chosen = [word.strip() for word in given.split(",")] if given else list(known)
        if unknown := [word for word in chosen if word not in known]:
            parser.error(f"--{name}: unknown: {', '.join(unknown)}; there are {', '.join(known)}")
        setattr(options, name, [word for word in known if word in chosen])
    options.small = [name for name in options.small if name in SMALL]
    frameworks = {WORKLOADS[name].framework for name in options.workloads}
    wanted = {*map(base_of, options.peers), *options.peers}
    options.peers = [name for name in PEERS if name in wanted and PEERS[name].framework in frameworks]
    return options


# ---------------------------------------------------------------- measuring
def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return everything that was measured, as --json writes it."""
    about = machine()
    pythons = {}
    for peer in options.peers:
        name = PEERS[peer].environment
        python = _before(options.before) if name == "before" else interpreter(name, options.cache)
        if python is None and name == "before":
            continue
        if python is None:
            say(
                f"{PEERS[peer].title} ({PEERS[peer].framework}): not installed, left out (--install makes its environment)"
            )
        else:
            pythons[peer] = python
    rows: list[dict[str, Any]] = []
    turns = [(number, name) for number in range(options.rounds) for name in options.workloads]
    plan = [(number, name, _order(pythons, name, number)) for number, name in turns]
    progress = Progress(sum(len(order) for _, _, order in plan) + len(options.small))
    stations: dict[tuple[str, str], Station] = {}
    with sink() as receiver, state_folder() as state:
        try:
            for number, workload, order in plan:
                framework = WORKLOADS[workload].framework
                for peer, again in order:
                    progress.step(f"round {number + 1}, {workload}: {peer}")
                    station = _station(stations, peer, pythons[peer], receiver.url, state)
                    said = station.ask({"peer": peer, "workload": workload, "scale": options.scale})
                    if "error" in said:
                        say(f"\n{peer}, {workload}: failed, left out of this round:\n{said['error']}")
                        continue
                    rows.append({**said, "round": number, "again": again, "environment": PEERS[peer].environment})
                rows += _memory(stations, framework, workload) if number == 0 else []
        finally:
            for station in stations.values():
                station.close()
    small = {}
    use_interpreter(interpreter("spancast", options.cache) or sys.executable)
    for name in options.small:
        progress.step(name)
        try:
            small[name] = SMALL[name](options.quick)
        except Exception as error:
            say(f"\n{name}: failed, left out: {error!r}")
    found = {
        f"{PEERS[peer].environment} {framework}": at.versions for (peer, framework), at in _named(stations).items()
    }
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return {
        "machine": about,
        "load_after": load,
        "rounds": options.rounds,
        "scale": options.scale,
        "versions": found,
        "rows": rows,
        "small": small,
    }


def _before(checkout: Path | None) -> str | None:
    """Return the Python of the other commit, if one is named."""
    if checkout is None:
        return None
    python = checkout.resolve() / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        sys.exit(
            f"--before {checkout}: there is no {python}. Make an environment there first, with spancast and the frameworks."
        )
    return str(python)


def _order(pythons: dict[str, str], workload: str, number: int) -> list[tuple[str, bool]]:
    """Return who is measured in which order: turned on by three from round to round, every second round backwards."""
    framework = WORKLOADS[workload].framework
    order = [(peer, False) for peer in pythons if PEERS[peer].framework == framework]
    for base in BASES:
        if (base, False) in order:
            order.insert(len(order) // 2 + 1, (base, True))
    turn = number * 3 % max(1, len(order))
    order = order[turn:] + order[:turn]
    return order[::-1] if number % 2 else order


def _station(stations: dict[tuple[str, str], Station], peer: str, python: str, url: str, state: str) -> Station:
    key = PEERS[peer].environment, PEERS[peer].framework
    if key not in stations:
        stations[key] = Station(python, key[1], url, state, sdk=key[0] not in (*OURS, "before"))
    return stations[key]


def _memory(stations: dict[tuple[str, str], Station], framework: str, workload: str) -> list[dict[str, Any]]:
    """Return the untraced of each other environment: what is installed there decides what the framework loads."""
    base = "none" if framework == "langchain" else "li-none"
    made = []
    for (environment, of_framework), station in stations.items():
        if environment not in OURS and of_framework == framework:
            said = station.ask({"peer": base, "workload": workload, "scale": 1 / 3})
            made.append({**said, "round": 0, "again": True, "environment": environment})
    return [row for row in made if "error" not in row]


def _named(stations: dict[tuple[str, str], Station]) -> dict[tuple[str, str], Station]:
    of_environment = {(peer.environment, peer.framework): name for name, peer in PEERS.items()}
    return {(of_environment[key], key[1]): station for key, station in stations.items()}


# ---------------------------------------------------------------- the report
def report(kept: dict[str, Any]) -> str:
    """Return the tables, the goals, and what was measured on what."""
    figures = goals.summarise(kept["rows"])
    parts = ["# What tracing costs", "", _headline(kept), ""]
    parts += [*_overview(figures), ""]
    for workload, about in WORKLOADS.items():
        if any(name == workload for _, name in figures):
            parts += [f"## {about.title}", "", _details(figures, workload), ""]
    parts += ["## Goals", "", goals.table(goals.Measured(figures, kept["small"])), ""]
    for name, said in kept["small"].items():
        parts += [f"## {name}", "", said["table"], ""] if "table" in said else []
    parts += ["## Versions", "", *_versions(kept["versions"])]
    return "\n".join(parts)


def _headline(kept: dict[str, Any]) -> str:
    scale = "" if kept["scale"] == 1 else f" with {kept['scale']:.2g} times the runs: for a look, not for figures"
    return (
        f"{machine_line(kept['machine'], kept['load_after'])} Medians of {kept['rounds']} rounds{scale}; in brackets the "
        "quartiles. CPU is user and system time of the whole process, export threads and last flush included, over the "
        "untraced of the same round."
    )


def _overview(figures: dict[tuple[str, str], goals.Figures]) -> list[str]:
    """Return one table a framework: CPU over untraced, peers down, workloads across."""
    parts: list[str] = []
    for framework, title in (("langchain", "LangChain, LangGraph"), ("llama_index", "LlamaIndex")):
        names = [name for name, about in WORKLOADS.items() if about.framework == framework]
        names = [name for name in names if any(workload == name for _, workload in figures)]
        peers = [peer for peer in PEERS if any((peer, name) in figures for name in names)]
        if not peers:
            continue
        lines = []
        for peer in peers:
            cells = [_ratio(figures.get((peer, name))) for name in names]
            lines.append((f"{PEERS[peer].title}{', again (the noise)' if peer.endswith('none') else ''}", *cells))
        parts += [f"## {title}: CPU over untraced", "", markdown(("", *(WORKLOADS[n].title for n in names)), lines), ""]
    return parts[:-1]


def _ratio(figures: goals.Figures | None) -> str:
    if figures is None:
        return "–"
    spread = f" ({figures.quarter[0]:.2f} to {figures.quarter[1]:.2f})" if figures.rounds > 1 else ""
    return f"{figures.ratio:.2f}{spread}"


def _details(figures: dict[tuple[str, str], goals.Figures], workload: str) -> str:
    """Return one workload's table: what each peer adds, per run and per span."""
    empty = figures.get(("empty", workload)) or figures.get(("li-empty", workload))
    head = (
        "", "CPU a run, µs", "over untraced", "added a run, µs", "spans arrived a run", "added a span, µs",
        "callback thread adds, µs", "times the empty handler", "memory over untraced, MB", "bytes a span",
    )  # fmt: skip
    lines = []
    for peer, about in PEERS.items():
        row = figures.get((peer, workload))
        if row is None:
            continue
        seen = empty is not None and empty.thread > 0.02 * empty.cpu  # below, it drowns in the noise
        times = row.thread / empty.thread if empty and seen and row.spans else None
        untraced = peer.endswith("none")
        lines.append(
            (
                f"{about.title}{', again (the noise)' if untraced else ''}",
                f"{row.cpu:,.0f}",
                _ratio(row),
                f"{row.added:,.0f}",
                f"{row.spans:,.0f}" if row.spans else "–",
                f"{row.per_span:,.0f}" if row.spans else "–",
                f"{row.thread:,.0f}",
                f"{times:.1f}" if times is not None and workload != "batch" else "–",
                f"{row.peak:+.1f}",
                f"{row.bytes:,.0f}" if row.spans else "–",
            )
        )
    return markdown(head, lines)


def _versions(found: dict[str, dict[str, str]]) -> list[str]:
    """Return what each environment has, and a warning where the applications themselves differ."""
    lines = []
    for label, versions in found.items():
        name = label.split()[0]
        about = ENVIRONMENTS[name]
        frame = [package for package in SAME if package in versions]
        packages = ", ".join(
            f"{package} {versions[package]}" for package in (about.distribution, *frame) if package in versions
        )
        lines.append(f"- {label}: {packages}")
    for package in SAME:
        numbers = {versions[package] for versions in found.values() if package in versions}
        if len(numbers) > 1:
            lines.append(f"- **Not the same everywhere: {package} {', '.join(sorted(numbers))}.**")
    return lines


if __name__ == "__main__":
    sys.exit(main())
