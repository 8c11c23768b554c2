"""How many machine instructions a span costs: counts that do not wobble, also on a busy machine.

    python benchmarks/instructions.py                                # about a minute: a chain, and a call with history
    python benchmarks/instructions.py --workloads lcel,agent,stream  # others; li_rag and li_agent too
    python benchmarks/instructions.py --json before.json             # keep them; then, after a change:
    python benchmarks/instructions.py --against before.json          # the table says what became of each figure
    python benchmarks/instructions.py --before ../spancast-2bc9844   # counts that checkout too, by its own script

Runs under `valgrind --tool=callgrind` (Linux, x86-64), which counts; nothing is timed. Imports and warm-up run uncounted.
The callback's figure is of the thread that runs the application, counted while our threads wait; the lane's is everything up
to its requests, in the encoder's thread and in the sender's. Its parts (operation, render, encode) are counted once more,
by calling them one after the other on operations that were kept back, so their sum leaves out the lane's own keeping.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import mmap
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measuring import clean_environment
from workloads import WORKLOADS, Run

RUNS = {
    "lcel": 20,
    "agent": 8,
    "stream": 1,
    "history": 10,
    "history_new": 10,
    "batch": 1,
    "gather": 1,
    "li_rag": 6,
    "li_agent": 4,  # of a single one the callbacks move by a tenth
}
DESTINATIONS = ("arize", "otlp")  # OpenInference in protobuf; gen_ai in JSON
WARM = 3


# ---------------------------------------------------------------- the counted process
class Counter:
    """Talks to callgrind: what ran in this thread since its last mark is written down under a name."""

    _REQUEST = bytes.fromhex("4889f8 31d2 48c1c703 48c1c70d 48c1c73d 48c1c733 4887db 4889d0 c3".replace(" ", ""))
    """Valgrind's client request for x86-64 as a function: a pattern of rotations that does nothing elsewhere."""
    _CALLGRIND = ord("C") << 24 | ord("T") << 16
    _START, _DUMP_AT = _CALLGRIND + 4, _CALLGRIND + 3

    def __init__(self) -> None:
        self._code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        self._code.write(self._REQUEST)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._code))
        self._ask = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p)(address)
        # made once: a ctypes array of a new length is a new class, and making one counts 80 thousand
        self._words = (ctypes.c_uint64 * 6)()
        self._name = ctypes.create_string_buffer(200)
        self._started = False

    def start(self) -> None:
        """Begin to count. Until here the process runs at a fifth of its speed; from here on at a fiftieth."""
        if not self._started:
            self._started = True
            self._send(self._START)

    def mark(self, name: str) -> None:
        """Write down what this thread did since its last mark. Without a start, does nothing that counts."""
        if self._started:
            self._name.value = name.encode()
            self._send(self._DUMP_AT, ctypes.addressof(self._name))

    def _send(self, request: int, argument: int = 0) -> None:
        self._words[0], self._words[1] = request, argument
        self._ask(ctypes.addressof(self._words))


class Wire:
    """Stands where the HTTP exporter's `export` is: takes everything, sends nothing."""

    def __init__(self, counter: Counter) -> None:
        self.label = ""
        self.spans = 0
        self._counter = counter

    def install(self) -> None:
        """Replace the sending; translating, rendering, encoding and joining stay as they are."""
        from spancast.otlp.http import HttpExporter
        from spancast.otlp.outcome import DELIVERED

        def export(exporter: Any, batch: Any, timeout: float, *_: Any, **__: Any) -> Any:
            self._counter.mark(f"{self.label}|lane to request")
            self.spans += len(batch)
            return DELIVERED

        HttpExporter.export = export  # type: ignore[method-assign]
        from spancast.delivery.encoder import Encoder

        encode_all = Encoder.encode_all

        def counted(encoder: Encoder) -> None:
            self._counter.mark("between")
            encode_all(encoder)
            self._counter.mark(f"{self.label}|lane to request")

        Encoder.encode_all = counted  # type: ignore[method-assign]


def count(names: list[str]) -> None:
    """Run the workloads in this process, which callgrind watches, and print what else has to be known."""
    import spancast
    from spancast.delivery import encoder, inbox, lane

    encoder.MAX_AGE = lane.MAX_AGE = (
        100_000.0  # seconds: encoded and sent at a flush, not when this slow process looks late
    )
    inbox.ENCODE_AT = 1_000_000
    # else the encoder forgets messages when this slow process idles for ten seconds, and reads them anew: +44 % of the lane
    encoder.IDLE = 100_000.0
    counter = Counter()
    wire = Wire(counter)
    wire.install()
    spans: dict[str, int] = {}
    for name in names:
        run, times = WORKLOADS[name].build(), RUNS[name]
        langchain = WORKLOADS[name].framework == "langchain"
        _repeat(run, None, WARM)
        gc.collect()
        counter.start()
        _counted(counter, f"{name}|untraced", lambda run=run, times=times: _repeat(run, None, times))
        empty, withdraw = _empty_handlers(langchain)
        _repeat(run, empty, 1)
        _counted(counter, f"{name}|empty handler", lambda run=run, times=times, on=empty: _repeat(run, on, times))
        withdraw()
        for preset in DESTINATIONS:
            made = _destination(spancast, preset)
            wire.label = f"warm-up {name} {preset}"
            pipeline = spancast.configure(made, service_name="bench", spool=False)
            handlers, withdraw = _spancast_handlers(langchain)
            _repeat(run, handlers, WARM)
            pipeline.flush(600.0)
            wire.label, wire.spans = f"{name} {preset}", 0
            gc.collect()
            label = f"{name} {preset}|spancast"
            _counted(counter, label, lambda run=run, times=times, on=handlers: _repeat(run, on, times))
            if not pipeline.flush(600.0):
                print(f"{name}: the lane did not deliver", file=sys.stderr)
            spans[f"{name} {preset}"] = wire.spans
            try:
                _parts(counter, f"{name} {preset}", pipeline, lambda run=run, on=handlers: _repeat(run, on, 2))
            except Exception as error:
                print(f"the lane's parts have moved, not counted: {error!r}", file=sys.stderr)
            withdraw()
            pipeline.shutdown(600.0)
    print(json.dumps({"spans": spans}), flush=True)
    os._exit(0)  # not the exit of an interpreter at a fiftieth of its speed


def _repeat(run: Run, callbacks: list[Any] | None, times: int) -> None:
    for _ in range(times):
        run(callbacks)


def _counted(counter: Counter, name: str, work: Callable[[], object]) -> None:
    counter.mark("between")
    work()
    counter.mark(name)


def _parts(counter: Counter, label: str, pipeline: Any, run: Callable[[], object]) -> None:
    """Count operation, render and encode apart, on what one run offers to its lane."""
    kept: list[Any] = []
    delivery = pipeline._delivery()
    delivery.offer = kept.append
    try:
        run()
    finally:
        del delivery.offer
    rendering = delivery.encoder._renderings[0]
    prepare, encoded = rendering.render, rendering.encoded
    operations: list[Any] = []
    spans: list[Any] = []
    half = len(kept) // 2
    for captured in kept[:half]:  # the first calls are dearer: classes are looked up, and the interpreter specialises
        encoded(prepare(captured.operation()), captured.size)
    del kept[:half]
    many = f"|{len(kept)}"
    _counted(
        counter, f"{label}|operation{many}", lambda: operations.extend([captured.operation() for captured in kept])
    )
    _counted(counter, f"{label}|render{many}", lambda: spans.extend([prepare(operation) for operation in operations]))
    _counted(counter, f"{label}|encode{many}", lambda: [encoded(span, 0) for span in spans])


def _destination(spancast: Any, preset: str) -> Any:
    if preset == "arize":
        return spancast.destinations.arize(
            api_key="k", space_key="U3BhY2U6MTpiZW5jaA==", model_id="bench", base_url="http://127.0.0.1:9"
        )
    return spancast.destinations.otlp("http://127.0.0.1:9/v1/traces")


def _empty_handlers(langchain: bool) -> tuple[list[Any] | None, Callable[[], object]]:
    from peers import empty_langchain, empty_llama_index

    return (empty_langchain(), lambda: None) if langchain else (None, empty_llama_index())


def _spancast_handlers(langchain: bool) -> tuple[list[Any] | None, Callable[[], object]]:
    if langchain:
        from spancast.langchain import SpancastCallbackHandler

        return [SpancastCallbackHandler()], lambda: None
    from spancast.llama_index import set_global_handler, uninstrument

    set_global_handler()
    return None, uninstrument


# ---------------------------------------------------------------- the table
def main() -> None:
    parser = argparse.ArgumentParser(description="Prints instructions per span, as a Markdown table.")
    parser.add_argument("--workloads", default="lcel,history", help=f"of: {', '.join(RUNS)} (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="also write the counts into this file")
    parser.add_argument("--against", type=Path, help="counts of an earlier run: print what became of each")
    parser.add_argument(
        "--before", type=Path, help="a checkout of another commit with its environment in `.venv`: count both"
    )
    parser.add_argument("--counted", help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = (options.counted or options.workloads).split(",")
    if unknown := [name for name in names if name not in RUNS]:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(RUNS)}")
    if options.counted:
        return count(names)
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        parser.error("callgrind is spoken to in x86-64 here: use Linux on x86-64")
    if shutil.which("valgrind") is None:
        parser.error("valgrind is not installed: `apt-get install valgrind` or `dnf install valgrind`")
    before = json.loads(options.against.read_text()) if options.against else {}
    if options.before:
        before = of_checkout(options.before, names)
    counts = measure(names)
    if options.json:
        options.json.write_text(json.dumps(counts, indent=1) + "\n")
    print(table(counts, before))
    return None


def of_checkout(folder: Path, names: list[str]) -> dict[str, dict[str, float]]:
    """Return the counts of another commit: its own script knows its parts, its own environment has it installed."""
    with tempfile.TemporaryDirectory(prefix="spancast-before-") as kept:
        found = Path(kept) / "before.json"
        script = folder / "benchmarks" / Path(__file__).name
        command = [folder / ".venv" / "bin" / "python", script, "--workloads", ",".join(names), "--json", found]
        done = subprocess.run([str(part) for part in command], stdout=subprocess.DEVNULL, cwd=folder, check=False)
        if done.returncode:
            sys.exit(f"{script} ended with status {done.returncode}; its message stands above")
        counts: dict[str, dict[str, float]] = json.loads(found.read_text())
    return counts


def measure(names: list[str]) -> dict[str, dict[str, float]]:
    """Return instructions per span by workload and destination."""
    with tempfile.TemporaryDirectory(prefix="spancast-instructions-") as folder:
        command = [
            "valgrind", "--tool=callgrind", "--instr-atstart=no", "--separate-threads=yes", "--quiet", "--fair-sched=yes",
            f"--callgrind-out-file={folder}/counts", sys.executable, str(Path(__file__).resolve()),
            "--counted", ",".join(names),
        ]  # fmt: skip
        environ = clean_environment(folder)
        beat = _heartbeat()
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environ, check=False)
        finally:
            beat.set()
        if done.returncode or not done.stdout.strip():
            sys.exit(f"callgrind ended with status {done.returncode}; its message stands above")
        said = json.loads(done.stdout.splitlines()[-1])
        marks = _marks(Path(folder))
    return per_span(marks, said["spans"])


def _heartbeat() -> threading.Event:
    """Say every ten seconds that it still runs."""
    over = threading.Event()

    def beat() -> None:
        seconds = 0
        while not over.wait(10):
            seconds += 10
            print(f"counting, {seconds} s ...", file=sys.stderr, flush=True)

    threading.Thread(target=beat, daemon=True).start()
    return over


def _marks(folder: Path) -> dict[str, int]:
    """Return the instructions by mark, from the heads of callgrind's files."""
    marks: dict[str, int] = defaultdict(int)
    for path in folder.glob("counts.*"):
        name = ""
        with path.open() as lines:
            for line in lines:
                if line.startswith("desc: Trigger: Client Request: "):
                    name = line.removeprefix("desc: Trigger: Client Request: ").strip()
                elif line.startswith("summary: "):
                    marks[name] += int(line.split()[1])
                    break
                elif line.startswith("fn="):
                    break
    return marks


def per_span(marks: dict[str, int], spans: dict[str, int]) -> dict[str, dict[str, float]]:
    """Return the rows of the table: instructions per span. Untraced and empty handler share the workload's spans."""
    rows: dict[str, dict[str, float]] = {}
    for label, many in spans.items():
        name = label.split()[0]
        row: dict[str, float] = {"spans": many}
        for part in ("untraced", "empty handler"):
            row[part] = marks[f"{name}|{part}"] / many
        for part in ("spancast", "lane to request"):
            row[part] = marks[f"{label}|{part}"] / many
        for mark, value in marks.items():
            place, _, part = mark.partition("|")
            what, _, each = part.partition("|")
            if place == label and each:
                row[what] = value / int(each)
        rows[label] = row
    return rows


def table(rows: dict[str, dict[str, float]], before: dict[str, dict[str, float]]) -> str:
    """Return the counts as Markdown, in thousands of instructions per span."""
    head = [
        "spans", "untraced", "empty handler adds", "spancast's callbacks add", "times the empty handler",
        "lane, to its request", "operation", "render", "encode", "callbacks + lane",
    ]  # fmt: skip
    lines = ["Thousands of instructions per span.", "", f"| workload | {' | '.join(head)} |", "|---" * 11 + "|"]
    for label, row in rows.items():
        now, then = _figures(row), _figures(before[label]) if label in before else None
        if then:
            lines.append(f"| {label}, before | {' | '.join([str(int(before[label]['spans'])), *_cells(then, None)])} |")
        lines.append(f"| {label} | {' | '.join([str(int(row['spans'])), *_cells(now, then)])} |")
    lines += ["", f"callgrind on {platform.machine()}, Python {platform.python_version()}, PYTHONHASHSEED=0."]
    return "\n".join(lines)


def _cells(figures: list[float], before: list[float] | None) -> list[str]:
    """Return the figures as text, each with what became of it."""
    cells = []
    for index, value in enumerate(figures):
        text = f"{value:.2f}" if index == _TIMES else f"{value:.1f}"
        if before and index != _TIMES and before[index] and abs(value / before[index] - 1) >= 0.002:
            text += f" ({value / before[index] - 1:+.1%})"
        cells.append(text)
    return cells


_TIMES = 3  # the column that is a ratio


def _figures(row: dict[str, float]) -> list[float]:
    empty, ours = row["empty handler"] - row["untraced"], row["spancast"] - row["untraced"]
    lane = row["lane to request"]
    parts = [row.get(part, 0.0) for part in ("operation", "render", "encode")]
    thousands = [value / 1000 for value in (row["untraced"], empty, ours)]
    return [*thousands, ours / empty if empty > 0 else 0.0, *(value / 1000 for value in (lane, *parts, ours + lane))]


if __name__ == "__main__":
    main()
