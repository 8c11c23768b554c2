"""What all measurements share: a clean environment, the sink, progress, statistics, and what the machine was.

Standard library only: it runs in every environment.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
_FOREIGN = (
    *("OTEL_", "LANGSMITH_", "LANGCHAIN_", "LANGFUSE_", "TRACELOOP_", "SPANCAST_", "ARIZE_", "PHOENIX_"),
    "PYTHONDONTWRITEBYTECODE",  # each process would compile all that it imports: 67 MB for the price list alone
)
_GENEROUS = {  # without these the SDK drops spans and attributes here, and would be paid for less work
    "OTEL_BSP_MAX_QUEUE_SIZE": "262144",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "100000",
    "OTEL_ATTRIBUTE_COUNT_LIMIT": "100000",
}
_QUIET = {
    "PYTHONHASHSEED": "0",
    "TOKENIZERS_PARALLELISM": "false",
    "LANGSMITH_TRACING": "false",
    "TRACELOOP_TELEMETRY": "false",
    "DO_NOT_TRACK": "1",
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
}


def clean_environment(state: str, *, sdk: bool = False) -> dict[str, str]:
    """Return the environment without settings of any tracer; with *sdk*, limits at which the SDK loses nothing here."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return {**kept, **_QUIET, "SPANCAST_STATE_DIR": state, **(_GENEROUS if sdk else {})}


class Sink:
    """The receiver, a process of its own."""

    def __init__(self, url: str) -> None:
        self.url = url

    def reset(self) -> None:
        """Forget what has arrived."""
        self._get("/reset")

    def stats(self) -> dict[str, int]:
        """Return what has arrived since the last reset."""
        found: dict[str, int] = json.loads(self._get("/stats"))
        return found

    def _get(self, path: str) -> bytes:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.url + path, timeout=100) as answer:
            content: bytes = answer.read()
        return content


@contextlib.contextmanager
def sink(delay: float = 0.0) -> Iterator[Sink]:
    """Start the receiver, which answers after *delay* seconds; end it on the way out."""
    command = [sys.executable, str(HERE / "sink.py"), str(delay)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Sink(f"http://127.0.0.1:{process.stdout.readline().strip()}")
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


@contextlib.contextmanager
def state_folder() -> Iterator[str]:
    """Make a folder for what spancast keeps on disk; take it away afterwards."""
    with tempfile.TemporaryDirectory(prefix="spancast-benchmarks-", ignore_cleanup_errors=True) as folder:
        yield folder


_python = [sys.executable]


def use_interpreter(python: str) -> None:
    """Let the workers run in this Python: where spancast and both frameworks are."""
    _python[0] = python


def worker(
    script: str, arguments: Sequence[object], *, sdk: bool = False, timeout: float = 300, python: str | None = None
) -> dict[str, Any]:
    """Run a script of this folder in a process of its own; return the JSON of its last line."""
    with state_folder() as state:
        command = [python or _python[0], str(HERE / script), *map(str, arguments)]
        environ = clean_environment(state, sdk=sdk)
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environ, timeout=timeout, check=False)
    if done.returncode or not done.stdout.strip():
        raise RuntimeError(f"{script} {' '.join(map(str, arguments))} ended with status {done.returncode}")
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


class Progress:
    """Says on standard error how far it is and how long it will still take."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._began = time.monotonic()

    def step(self, what: str) -> None:
        """One of them begins."""
        passed = time.monotonic() - self._began
        left = passed / self._done * (self._total - self._done) if self._done else 0.0
        line = f"{self._done + 1}/{self._total} {what}" + (f", {_clock(left)} left" if self._done else "")
        self._done += 1
        if sys.stderr.isatty():
            print(f"\r\033[K{line}", end="" if self._done < self._total else "\n", file=sys.stderr, flush=True)
        elif self._done == 1 or self._done == self._total or self._done % max(1, self._total // 40) == 0:
            print(line, file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def median(values: Sequence[float]) -> float:
    """Return the median, not-a-number of nothing."""
    return statistics.median(values) if values else float("nan")


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """Return the lower and the upper quartile; of fewer than three values, the least and the greatest."""
    if len(values) < 3:
        return (min(values), max(values)) if values else (float("nan"), float("nan"))
    lower, _, upper = statistics.quantiles(values, n=4, method="inclusive")
    return lower, upper


def machine() -> dict[str, Any]:
    """Say when and on what this runs."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def machine_line(before: Mapping[str, Any], load_after: float | None = None) -> str:
    """Return the machine in one sentence."""
    load = f"load average {before['load']} before" + (f", {load_after:.2f} after" if load_after is not None else "")
    return (
        f"{before['date']}, {before['cores']} cores ({before['processor']}, {before['system']}), "
        f"Python {before['python']}, {load}."
    )


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines)
