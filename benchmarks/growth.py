"""How the cost grows: with spans, with a conversation's history, with destinations, chunks and threads.

    python benchmarks/growth.py                     # about four minutes; prints a table each, and writes plots/*.csv, *.svg
    python benchmarks/growth.py --quick             # under two minutes: fewer points, for a look
    python benchmarks/growth.py --axes history,threads --out my-plots

What is shown is CPU of the whole process (export and flush included) above the untraced application at the same point. The
exponent is the slope in the log-log plot over the last decade: 1 is linear, 0 does not grow. In `history` the cost is of one
turn, so 0 means a conversation whose sum is linear, and 1 one whose sum is quadratic.
"""

from __future__ import annotations

import argparse
import csv
import gc
import json
import math
import os
import resource
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from environments import default_folder, install, interpreter, say
from measuring import HERE, Progress, Sink, machine, machine_line, markdown, median, sink, use_interpreter, worker
from peers import PEERS
from plot import Series, loglog
from workloads import Run, conversation, lcel, scripted_chat, stream

_quick = "--quick" in sys.argv
Point = tuple[int, float]  # the size, and CPU microseconds
FLUSHED = 32  # turns at most between two flushes: a peer's queue must not hold a whole conversation


class Axis(NamedTuple):
    """One way to grow: what it is called, what a point costs, the sizes, who is measured, and up to which size."""

    title: str
    unit: str
    sizes: tuple[int, ...]
    quick: int  # the largest size of a quick run
    peers: dict[str, int]  # and the largest size of each, in a full run
    measure: Callable[[str, str, list[int]], list[Point]]


# ---------------------------------------------------------------- in the measured process
def _cpu(work: Callable[[], object], flush: Callable[[], object], times: int) -> float:
    """Return the CPU microseconds of *work* with its flush: the median of *times*."""
    costs = []
    for _ in range(times):
        gc.collect()
        began = time.process_time()
        work()
        flush()
        costs.append((time.process_time() - began) * 1e6)
    return median(costs)


def _started(peer: str, url: str) -> Any:
    """Switch the tracer on; then silence warnings, for all alike: LangChain puts filters of its own in front."""
    started = PEERS[peer].start(url)
    import langchain_core.prompts  # noqa: F401

    warnings.simplefilter("ignore")
    return started


def _times(size: int, cheap: int) -> int:
    return max(1, min(7, cheap // max(1, size))) if not _quick else 1


def spans(peer: str, url: str, sizes: list[int]) -> list[Point]:
    """So many spans in one process (chains of four), then a flush; from the few to the many, in the same process."""
    callbacks, flush = _started(peer, url)
    run = lcel()
    _repeat(run, callbacks, 50)
    flush()
    points = []
    for size in sizes:
        Sink(url).reset()
        points.append((size, _cpu(lambda size=size: _repeat(run, callbacks, size // 4), flush, _times(size, 4000))))
    return points


def _repeat(run: Run, callbacks: list[Any] | None, times: int) -> None:
    for _ in range(times):
        run(callbacks)


def history(peer: str, url: str, sizes: list[int]) -> list[Point]:
    """A conversation, turn by turn: each turn calls the model with all messages so far. The cost of a turn, by messages.

    Points of negative size are the cost of all turns until then.
    """
    callbacks, flush = _started(peer, url)
    model = scripted_chat()
    said = conversation(sizes[-1] + 2, 200)
    config: Any = {"callbacks": callbacks} if callbacks else None
    for _ in range(20):
        model.invoke(said[:2], config)
    flush()
    points, length, spent = [], 1, 0.0
    for size in sizes:
        Sink(url).reset()
        turns, until = 0, max(size, length)
        gc.collect()
        began = time.process_time()
        while length <= until:
            model.invoke(said[:length], config)
            length += 2
            turns += 1
            if turns % FLUSHED == 0:
                flush()
        flush()
        if turns:
            cost = (time.process_time() - began) * 1e6
            spent += cost
            middle = max(1, length - turns - 1)
            points += [(middle, cost / turns), (-size, spent)]
    return points


def destinations(peer: str, url: str, sizes: list[int]) -> list[Point]:
    """The same chains to so many destinations of one convention."""
    import spancast
    from spancast.langchain import SpancastCallbackHandler

    run, points = lcel(), []
    for size in sizes:
        callbacks: list[Any] | None = None
        flush: Callable[[], object] = _nothing
        if peer != "none":
            made = [spancast.destinations.otlp(f"{url}/v1/traces", name=f"d{number}") for number in range(size)]
            pipeline = spancast.configure(*made, service_name="bench", spool=False)
            callbacks, flush = [SpancastCallbackHandler()], lambda pipeline=pipeline: pipeline.flush(60.0)
        _repeat(run, callbacks, 50)
        flush()
        Sink(url).reset()
        points.append((size, _cpu(lambda on=callbacks: _repeat(run, on, 200), flush, 2 if _quick else 7) / 200))
    return points


def _nothing() -> None:
    pass


def chunks(peer: str, url: str, sizes: list[int]) -> list[Point]:
    """One answer in so many chunks."""
    callbacks, flush = _started(peer, url)
    _repeat(stream(10), callbacks, 20)
    flush()
    points = []
    for size in sizes:
        Sink(url).reset()
        run, many = stream(size), max(1, 300 // size)
        work = lambda run=run, many=many: _repeat(run, callbacks, many)  # noqa: E731
        points.append((size, _cpu(work, flush, _times(size, 30_000)) / many))
    return points


def threads(peer: str, url: str, sizes: list[int]) -> list[Point]:
    """A fixed number of chains, shared by so many threads at once."""
    callbacks, flush = _started(peer, url)
    run, together = lcel(), 512
    _repeat(run, callbacks, 50)
    flush()
    points = []
    for size in sizes:
        Sink(url).reset()

        def work(size: int = size) -> None:
            workers = [threading.Thread(target=_repeat, args=(run, callbacks, together // size)) for _ in range(size)]
            for each in workers:
                each.start()
            for each in workers:
                each.join()

        points.append((size, _cpu(work, flush, 1 if _quick else 5) / together))
    return points


_HISTORY = (8, 16, 32, 64, 128, 256, 512, 1024, 2000)
AXES: dict[str, Axis] = {
    "spans": Axis(
        "spans in one process",
        "CPU over untraced, in all",
        (4, 40, 400, 4000, 20_000, 100_000),
        4000,
        {"spancast-otlp": 100_000, "openllmetry": 20_000, "openinference": 4000},
        spans,
    ),
    "history": Axis(
        "messages of a growing conversation (200 characters each)",
        "CPU over untraced, a turn",
        _HISTORY,
        512,
        {"spancast-otlp": 2000, "spancast-arize": 2000, "openllmetry": 512, "openinference": 512},
        history,
    ),
    "destinations": Axis(
        "destinations of one convention",
        "CPU over untraced, a chain of 4 spans",
        (1, 2, 3, 4, 5),
        5,
        {"spancast-otlp": 5},
        destinations,
    ),
    "chunks": Axis(
        "chunks of a streamed answer",
        "CPU over untraced, an answer",
        (1, 10, 100, 1000, 10_000, 100_000),
        10_000,
        {"empty": 100_000, "spancast-otlp": 100_000, "openllmetry": 100_000, "openinference": 10_000},
        chunks,
    ),
    "threads": Axis(
        "threads at once",
        "CPU over untraced, a chain of 4 spans",
        (1, 2, 4, 8, 16, 32, 64),
        64,
        {"spancast-otlp": 64, "openllmetry": 64},
        threads,
    ),
}


def work(name: str, peer: str, url: str, largest: int) -> dict[str, Any]:
    """Measure one peer on one axis, in this process."""
    points = AXES[name].measure(peer, url, [size for size in AXES[name].sizes if size <= largest])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return {"points": points, "peak": peak}


# ---------------------------------------------------------------- the judge
def slope(points: Sequence[Point]) -> float:
    """Return the exponent: the slope of a straight line through the logarithms of the last decade, or of two points.

    Points that cost nothing measurable are left out; not-a-number when fewer than two are left.
    """
    logarithms = [(math.log(size), math.log(cost)) for size, cost in points if cost > 0]
    decade = [point for point in logarithms if point[0] >= logarithms[-1][0] - math.log(10.001)]
    seen = decade if len(decade) > 1 else logarithms[-2:]
    if len(seen) < 2:
        return math.nan
    middle = sum(x for x, _ in seen) / len(seen), sum(y for _, y in seen) / len(seen)
    across = sum((x - middle[0]) ** 2 for x, _ in seen)
    return sum((x - middle[0]) * (y - middle[1]) for x, y in seen) / across


def added(costs: Sequence[Point], untraced: Sequence[Point]) -> list[Point]:
    """Return what *costs* are above *untraced*, where both were measured."""
    base = dict(untraced)
    return [(size, cost - base[size]) for size, cost in costs if size in base]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--axes", default=",".join(AXES), help="comma-separated, of: %(default)s")
    parser.add_argument("--quick", action="store_true", help="fewer points")
    parser.add_argument("--install", action="store_true", help="make the virtual environments that are missing")
    parser.add_argument("--cache", type=Path, default=default_folder(), help="where they lie (%(default)s)")
    parser.add_argument("--out", type=Path, default=HERE / "plots", help="where CSV and SVG files go (%(default)s)")
    options = parser.parse_args()
    names = options.axes.split(",")
    if unknown := [name for name in names if name not in AXES]:
        parser.error(f"--axes: unknown: {', '.join(unknown)}; there are {', '.join(AXES)}")
    about = machine()
    pythons = _pythons(names, options)
    use_interpreter(pythons["none"])
    plan = [(name, peer) for name in names for peer in ("none", *AXES[name].peers) if peer in pythons]
    progress = Progress(len(plan))
    found: dict[str, dict[str, dict[str, Any]]] = {}
    with sink() as receiver:
        for name, peer in plan:
            axis = AXES[name]
            progress.step(f"{name}: {peer}")
            largest = max(axis.peers.values()) if peer == "none" else axis.peers[peer]
            arguments = ["--worker", name, peer, receiver.url, min(largest, axis.quick) if options.quick else largest]
            arguments += ["--quick"] if options.quick else []
            try:
                said = worker(
                    "growth.py", arguments, sdk=not peer.startswith("spancast"), timeout=600, python=pythons[peer]
                )
            except Exception as error:
                say(f"\n{name}, {peer}: failed, left out: {error!r}")
                continue
            found.setdefault(name, {})[peer] = said
    parts = ["# How the cost grows", "", machine_line(about, os.getloadavg()[0]), ""]
    for name, by_peer in found.items():
        parts += [f"## {AXES[name].title}", "", result(name, by_peer, options.out), ""]
    print("\n".join(parts))


def _pythons(names: list[str], options: argparse.Namespace) -> dict[str, str]:
    pythons = {}
    for peer in ("none", *dict.fromkeys(peer for name in names for peer in AXES[name].peers)):
        if options.install:
            install(PEERS[peer].environment, options.cache)
        python = interpreter(PEERS[peer].environment, options.cache)
        if python is None:
            say(f"{peer}: not installed, left out (--install makes its environment)")
        else:
            pythons[peer] = python
    if "none" not in pythons:
        sys.exit("spancast and LangChain are not installed here: use --install.")
    return pythons


def result(name: str, by_peer: dict[str, dict[str, Any]], folder: Path) -> str:
    """Write the CSV and the plot of one axis; return its table."""
    axis = AXES[name]
    base = [tuple(point) for point in by_peer["none"]["points"]]
    lines = {
        peer: added([tuple(point) for point in said["points"]], base)
        for peer, said in by_peer.items()
        if peer != "none"
    }
    in_sum = _sums(lines)
    lines = {peer: [point for point in points if point[0] > 0] for peer, points in lines.items()}
    sizes = sorted({size for points in lines.values() for size, _ in points})
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([axis.title, *(f"{PEERS[peer].title}, µs" for peer in lines)])
        for size in sizes:
            writer.writerow(
                [
                    size,
                    *(
                        round(cost, 1) if (cost := dict(points).get(size)) is not None else ""
                        for points in lines.values()
                    ),
                ]
            )
    titles = {peer: PEERS[peer].title for peer in lines}
    series = [Series(titles[peer], points, peer.startswith("spancast")) for peer, points in lines.items()]
    (folder / f"{name}.svg").write_text(loglog(axis.unit, axis.title, series))
    rows = [
        (f"{size:,}", *(_duration(dict(points).get(size, math.nan)) for points in lines.values())) for size in sizes
    ]
    rows.append(("**exponent**", *(f"**{slope(points):.2f}**" for points in lines.values())))
    rows += in_sum
    rows.append(("memory at the peak, over untraced", *(_memory(by_peer, peer) for peer in lines)))
    head = ("", *titles.values())
    return f"{axis.unit}.\n\n{markdown(head, rows)}\n\n![{axis.title}](../{folder.name}/{name}.svg)"


def _sums(lines: dict[str, list[Point]]) -> list[tuple[str, ...]]:
    """Return a row for each length at which some peer stopped: what the conversation has cost in sum by then."""
    by_peer = {peer: {-size: cost for size, cost in points if size < 0} for peer, points in lines.items()}
    lengths = sorted({max(costs) for costs in by_peer.values() if costs})
    return [
        (f"in sum, to {length:,}", *(_duration(costs.get(length, math.nan)) for costs in by_peer.values()))
        for length in lengths
    ]


def _memory(by_peer: dict[str, dict[str, Any]], peer: str) -> str:
    """Return the memory over untraced, where both went as far: what an application holds by itself grows too."""
    farthest = {name: max(abs(size) for size, _ in by_peer[name]["points"]) for name in ("none", peer)}
    return f"{by_peer[peer]['peak'] - by_peer['none']['peak']:+.0f} MB" if len({*farthest.values()}) == 1 else "–"


def _duration(microseconds: float) -> str:
    if math.isnan(microseconds):
        return "–"
    if abs(microseconds) < 1000:
        return f"{microseconds:.0f} µs"
    return f"{microseconds / 1000:.2f} ms" if abs(microseconds) < 1e6 else f"{microseconds / 1e6:.2f} s"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        print(json.dumps(work(*sys.argv[2:5], int(sys.argv[5]))), flush=True)
        os._exit(0)
    else:
        main()
