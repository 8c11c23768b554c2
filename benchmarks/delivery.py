"""What arrives, and what a failing receiver costs: spancast beside the stock OpenTelemetry SDK, against the same sink.

    python benchmarks/delivery.py            # about two minutes; prints a Markdown table
    python benchmarks/delivery.py flat dead  # only these cases

Each run is a process of its own, with defaults on both sides; the sink is the fault-injecting receiver of the tests, also a
process of its own, on loopback. The stock side is BatchSpanProcessor with opentelemetry-exporter-otlp-proto-http.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
PEERS = ("spancast", "stock SDK")
ATTRIBUTES = {f"attribute.{number}": "x" * 50 for number in range(30)}
OUTAGE = 15.0  # seconds
LONGEST = 120.0  # seconds for one run


# ---------------------------------------------------------------- the worker: one peer, one case
class Spancast:
    """spancast, defaults."""

    def __init__(self, url: str) -> None:
        import spancast

        self.pipeline = spancast.configure(spancast.destinations.otlp(url, name="d", protocol="http/protobuf"))

    def span(self, attributes: dict[str, str]) -> None:
        with self.pipeline.trace(trace_name="span", **attributes):
            pass

    def flush(self, seconds: float) -> bool:
        return self.pipeline.flush(seconds)

    def says(self) -> dict[str, Any]:
        return self.pipeline.report().as_dict()["d"]


class Stock:
    """The SDK, defaults."""

    def __init__(self, url: str) -> None:
        import logging

        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        logging.disable(logging.CRITICAL)
        self.provider = TracerProvider()
        self.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
        self.tracer = self.provider.get_tracer("bench")

    def span(self, attributes: dict[str, str]) -> None:
        self.tracer.start_span("span", attributes=attributes).end()

    def flush(self, seconds: float) -> bool:
        return self.provider.force_flush(int(seconds * 1000))

    def says(self) -> dict[str, Any]:
        return {}


def work(peer: str, case: str, url: str) -> None:
    """Make the spans of *case*; say what happened, and end as an application does."""
    subject: Any = Spancast(url) if peer == "spancast" else Stock(url)
    if case == "next":  # only what lies on disk
        subject.flush(1.0)
        time.sleep(3.0)
        return
    large = {"input.value": "y" * 200_000}
    count, attributes = {"oversize": (256, large), "partial": (100, ATTRIBUTES)}.get(case, (COUNTS[case], ATTRIBUTES))
    began = time.monotonic()
    for _ in range(count):
        subject.span(attributes)
    produced = time.monotonic() - began
    flushed = subject.flush(60.0) if case in ("flat", "oversize", "partial") else None  # the others just end
    took = time.monotonic() - began
    said = {"produced": produced, "took": took, "flushed": flushed, "says": subject.says()}
    print(json.dumps(said), flush=True)


COUNTS = {"flat": 20_000, "outage": 2000, "dead": 3000, "oversize": 256, "partial": 100}


# ---------------------------------------------------------------- the judge
def run(peer: str, case: str, url: str, state: str) -> dict[str, Any]:
    """Run one worker; return what it said, and how long its end took."""
    command = [sys.executable, str(Path(__file__)), "--worker", peer, case, url]
    environ = {**os.environ, "SPANCAST_STATE_DIR": state, "PYTHONPATH": str(ROOT / "src")}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environ)
    assert process.stdout is not None
    line = process.stdout.readline()
    said_at = time.monotonic()
    try:
        process.wait(LONGEST)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return {**(json.loads(line) if line.strip() else {}), "exit": time.monotonic() - said_at}


def measure(peer: str, case: str) -> str:
    """Return one cell of the table."""
    from tests.receivers.faulty import answer, faulty_receiver, limited, partial

    count = COUNTS[case]
    with faulty_receiver() as receiver, tempfile.TemporaryDirectory() as state:
        url = receiver.url
        if case == "dead":
            url = url.replace(str(receiver.port), "1")  # nothing listens there
        elif case == "outage":
            receiver.plan(then=answer(503))
            begin_recovery(receiver)
        elif case == "oversize":
            receiver.plan(then=limited(20_971_520, 400, "http: request body too large"))  # as the Collector answers
        elif case == "partial":
            receiver.plan(then=partial(10, protobuf=True))
        said = run(peer, case, url, state)
        arrived = len(set(receiver.seen().arrived))
        if case == "dead":
            kept = spooled(state)
            return f"exit takes {said['exit']:.1f} s; {kept:,} kept on disk, {count - kept:,} lost"
        if case == "outage":
            time.sleep(max(0.0, OUTAGE - (time.monotonic() - STARTED[0])) + 0.5)
            now = len(set(receiver.seen().arrived))
            run(peer, "next", url, state)
            later = len(set(receiver.seen().arrived))
            return f"exit takes {said['exit']:.1f} s; {now:,} of {count:,} arrived, {later:,} after the next start"
        if case == "partial":
            says = said["says"]
            told = f"reports {says['delivered']} delivered, {says['rejected']} rejected" if says else "reports nothing"
            return f"{arrived} of {count} taken; {told}"
        speed = f"; {said['produced'] / count * 1e6:.0f} µs a span for the caller, {said['took']:.1f} s in all"
        return f"{arrived:,} of {count:,} arrived{speed if case == 'flat' else ''}"


STARTED = [0.0]


def begin_recovery(receiver: Any) -> None:
    """Let *receiver* take spans again after a while."""
    import threading

    STARTED[0] = time.monotonic()
    threading.Timer(OUTAGE, receiver.plan).start()


def spooled(state: str) -> int:
    """Return how many spans lie on disk."""
    return sum(int(path.stem.rsplit("-", 1)[1]) for path in Path(state).glob("spool/*/*.jsonl"))


TITLES = {
    "flat": "20,000 spans flat out (30 attributes)",
    "outage": f"receiver answers 503 for {OUTAGE:.0f} s; 2,000 spans, then exit",
    "dead": "dead collector; 3,000 spans, then exit",
    "oversize": "256 spans of 200 kB (51 MB); receiver's limit 20 MiB",
    "partial": "partial success: 10 of 100 rejected",
}


def main(cases: list[str]) -> None:
    """Measure and print the table."""
    rows = []
    for case in cases or list(TITLES):
        cells = []
        for peer in PEERS:
            print(f"{case}: {peer} ...", end=" ", file=sys.stderr, flush=True)
            began = time.monotonic()
            cells.append(measure(peer, case))
            print(f"{time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        rows.append((TITLES[case], *cells))
    print("| case |", " | ".join(PEERS), "|")
    print("|---" * (len(PEERS) + 1) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        work(*sys.argv[2:5])
    else:
        main(sys.argv[1:])
