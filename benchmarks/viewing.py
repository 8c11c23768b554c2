"""Measures the reading side: `spancast serve` under load, and `spancast view` on small and large files.

    python benchmarks/viewing.py serve                  # 5,000 spans a second for a minute: lost, CPU, memory
    python benchmarks/viewing.py view                   # files of 10,000 and of 1,000,000 spans: index, list, open, memory
    python benchmarks/viewing.py serve --rate 2000 --seconds 10 --encoding http/protobuf

Each span carries about 1 kB, as a short model call does; a trace has 20. All in processes of their own, on loopback, in a
temporary folder (the large file has about 1.3 GB). Three minutes in all.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SPANS_A_TRACE = 20
TRACES_A_REQUEST = 25  # 500 spans a request: a batch of OpenTelemetry's SDK has up to 512
_TEXT = "The order left the warehouse on Tuesday and is with the carrier. " * 4


def trace(number: int) -> list[dict]:
    """Return a trace of OTLP JSON spans: a root, and model calls and tools below it."""
    start = 1_790_000_000_000_000_000 + number * 1_000_000
    spans = []
    for each in range(SPANS_A_TRACE):
        kind = ("invoke_agent", "chat", "execute_tool")[0 if each == 0 else 1 + each % 2]
        attributes = {"gen_ai.operation.name": kind, "session.id": f"s{number // 10}", "user.id": f"u{number % 100}"}
        if kind == "chat":
            said = [{"role": "user", "parts": [{"type": "text", "content": f"Where is order {number}? {_TEXT}"}]}]
            attributes |= {"gen_ai.request.model": "gpt-4o", "gen_ai.input.messages": json.dumps(said)}
            attributes["gen_ai.output.messages"] = json.dumps(
                [{"role": "assistant", "parts": [{"type": "text", "content": f"It is on its way: {number}. {_TEXT}"}]}]
            )
        else:
            attributes |= {"input.value": json.dumps({"order": number}), "output.value": _TEXT}
        listed = [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]
        if kind == "chat":
            listed += [
                {"key": f"gen_ai.usage.{name}_tokens", "value": {"intValue": "120"}} for name in ("input", "output")
            ]
        spans.append(
            {
                "traceId": f"{number + 1:032x}",
                "spanId": f"{number * 100 + each + 1:016x}",
                **({"parentSpanId": f"{number * 100 + 1 + each // 3 * (each % 3 != 0):016x}"} if each else {}),
                "name": f"{kind} {each}",
                "startTimeUnixNano": str(start + each * 1000),
                "endTimeUnixNano": str(start + 900_000),
                "attributes": listed,
                "status": {},
            }
        )
    return spans


def request(spans: list[dict]) -> bytes:
    """Return an OTLP request in JSON, on one line."""
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}).encode()


def as_protobuf(body: bytes) -> bytes:
    """Return a request in JSON as protobuf."""
    from base64 import b64encode

    from google.protobuf.json_format import ParseDict
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    data = json.loads(body)
    for span in data["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        for name in ("traceId", "spanId", "parentSpanId"):  # protobuf's own mapping of JSON has base64
            if name in span:
                span[name] = b64encode(bytes.fromhex(span[name])).decode()
    return ParseDict(data, ExportTraceServiceRequest()).SerializeToString()


# ---------------------------------------------------------------- processes
def figures(pid: int) -> tuple[float, float]:
    """Return a process's peak of memory in MB, and its CPU seconds."""
    status = Path(f"/proc/{pid}/status").read_text()
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    peak = re.search(r"VmHWM:\s+(\d+)", status)
    return int(peak[1]) / 1024 if peak else 0.0, (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")


def serve(rate: int, seconds: int, encoding: str, folder: Path) -> None:
    """Send *rate* spans a second to `spancast serve` and print what became of them."""
    database = folder / "serve.db"
    command = [sys.executable, "-m", "spancast", "serve", "--port", "0", "--database", str(database)]
    process = subprocess.Popen([*command, "--max-megabytes", "8192"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().split()[-1] + "/v1/traces"
    before, started = figures(process.pid)
    a_request = SPANS_A_TRACE * TRACES_A_REQUEST
    count = rate * seconds // a_request
    kind = "application/json" if encoding == "http/json" else "application/x-protobuf"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    slowest = 0.0
    refused: list[str] = []

    def send(body: bytes) -> None:
        nonlocal slowest
        began = time.monotonic()
        try:
            sent = urllib.request.Request(url, body, {"Content-Type": kind})
            with opener.open(sent, timeout=60) as answer:
                answer.read()
        except OSError as error:
            refused.append(str(error))
        slowest = max(slowest, time.monotonic() - began)

    def bodies() -> Iterator[bytes]:
        for number in range(count):
            spans = [span for each in range(TRACES_A_REQUEST) for span in trace(number * TRACES_A_REQUEST + each)]
            yield request(spans) if encoding == "http/json" else as_protobuf(request(spans))

    prepared = list(bodies())  # so that making them takes nothing from the server's core
    began = time.monotonic()
    with ThreadPoolExecutor(4) as senders:
        for number, body in enumerate(prepared):
            time.sleep(max(0.0, began + number * a_request / rate - time.monotonic()))
            senders.submit(send, body)
    took = time.monotonic() - began
    peak, cpu = figures(process.pid)
    process.terminate()
    process.wait()
    with sqlite3.connect(database) as stored:
        kept = stored.execute("SELECT count(*) FROM spans").fetchone()[0]
        traces = stored.execute("SELECT count(*) FROM traces WHERE spans = ?", (SPANS_A_TRACE,)).fetchone()[0]
    sent = count * a_request
    print(
        f"serve, {encoding}, {rate:,} spans/s for {seconds} s: {sent:,} sent, {kept:,} stored, {len(refused)} requests "
        f"refused; {traces:,} of {count * TRACES_A_REQUEST:,} traces whole; {took:.0f} s, slowest answer {slowest:.2f} s; "
        f"CPU {(cpu - started) / sent * 1e6:.0f} µs a span; memory {before:.0f} MB idle, {peak:.0f} MB peak; "
        f"database {database.stat().st_size / 1e6:.0f} MB"
    )


def view(count: int, folder: Path) -> None:
    """Write a file of *count* spans; print what `spancast view` takes for its index, a list, a trace and a search."""
    path = folder / f"{count}.jsonl"
    with path.open("wb") as file:
        for number in range(count // SPANS_A_TRACE):
            file.write(request(trace(number)) + b"\n")
    some = f"{count // SPANS_A_TRACE // 2:032x}"
    calls = {
        "index and list": ["--list", "--limit", "20"],
        "list": ["--list", "--limit", "20"],
        "list of a session": ["--list", "--session", "s7"],
        "open": [some, "--content", "preview"],
        "search": ["--list", "--search", f"order {count // SPANS_A_TRACE - 5}?"],
    }
    print(f"view, {count:,} spans, {path.stat().st_size / 1e6:,.0f} MB; load {os.getloadavg()[0]:.0f}:", flush=True)
    for label, arguments in calls.items():
        took, cpu, peak = timed([sys.executable, "-m", "spancast", "view", str(path), *arguments])
        print(f"  {label:<18} {took:7.2f} s  CPU {cpu:7.2f} s  {peak:5.0f} MB", flush=True)
    beside = path.with_name(path.name + ".index")
    print(f"  index beside it    {beside.stat().st_size / 1e6:,.0f} MB")
    path.unlink()
    beside.unlink()


def timed(command: list[str]) -> tuple[float, float, float]:
    """Run a command; return its seconds, its CPU seconds and its peak of memory in MB."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"failed: {' '.join(command)}")
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Measure what the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("serve", "view"))
    parser.add_argument("--rate", type=int, default=5000, help="spans a second")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--encoding", choices=("http/json", "http/protobuf"), default="http/json")
    parser.add_argument("--spans", type=int, nargs="*", default=[10_000, 1_000_000], help="sizes of files")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.what == "serve":
            serve(arguments.rate, arguments.seconds, arguments.encoding, Path(folder))
        else:
            for count in arguments.spans:
                view(count, Path(folder))


if __name__ == "__main__":
    main()
