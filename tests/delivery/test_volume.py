"""Many spans: as many arrive as were recorded, and where nobody takes them memory stays bounded and the ledger exact."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

import spancast
from spancast import destinations

from ..receivers.faulty import Faulty, faulty_receiver, step

pytestmark = pytest.mark.alone  # the memory of the process is measured: other tests must not have filled it


@pytest.fixture(scope="module")
def receiver() -> Iterator[Faulty]:
    """A receiver in a process of its own."""
    with faulty_receiver() as running:
        yield running


@pytest.mark.parametrize("protocol", ["http/json", "http/protobuf"])
def test_20000_spans_flat_out_with_defaults_arrive(receiver: Faulty, protocol: Any) -> None:
    """No pause for the lane, no setting changed: 20,000 recorded, 20,000 arrived, once each."""
    receiver.plan()
    before = len(receiver.seen().arrived)
    with spancast.Pipeline(destinations.otlp(receiver.url, name="d", protocol=protocol)) as pipeline:
        for number in range(20_000):
            with pipeline.trace(trace_name="flat out", number=number):
                pass
        assert True is pipeline.flush(120)
    arrived = receiver.seen().arrived[before:]
    report = pipeline.report()["d"]
    assert (20_000, 20_000) == (len(arrived), len(set(arrived)))
    assert (20_000, 20_000, 0) == (report.recorded, report.delivered, report.dropped)


def test_a_burst_larger_than_the_queue_takes_the_way_over_the_disk(receiver: Faulty, tmp_path: Path) -> None:
    """A receiver that is slower than the application: what the queue cannot hold is kept on disk, and sent in the end."""
    receiver.plan(then=step("slow", seconds=0.05))
    before = len(receiver.seen().arrived)
    target = destinations.otlp(receiver.url, name="d")
    with spancast.Pipeline(target, max_queue_bytes=1_000_000, spool=tmp_path) as pipeline:
        for number in range(6000):
            with pipeline.trace(trace_name="burst", number=number):
                pass
        pipeline.flush(120)
    report = pipeline.report()["d"]
    arrived = receiver.seen().arrived[before:]
    assert (6000, report.delivered) == (report.recorded, len(set(arrived)))
    assert (len(arrived), 0) == (len(set(arrived)), report.queued)
    assert 6000 == report.delivered + report.dropped + report.spooled


DEAD = """
import os, resource, sys, time
from pathlib import Path
import orjson, spancast
from spancast import destinations
from spancast.langchain import SpancastCallbackHandler


def peak():
    # bytes of memory at most; `ru_maxrss` starts with what the process had that started this one
    try:
        return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


count = int(sys.argv[2])
pipeline = spancast.Pipeline(destinations.otlp(sys.argv[1], name="d"))
text = os.urandom(1000).hex()
lane = pipeline._lanes[0]
worst = largest = 0.0
for number in range(count):
    began = time.perf_counter()
    with pipeline.trace(trace_name="dead", text=text, number=number):
        pass
    if number > 100:
        worst = max(worst, time.perf_counter() - began)
    largest = max(largest, lane.outbox.bytes, pipeline._delivery().inbox.bytes)
began = time.monotonic()
pipeline.shutdown(5.0)
report = pipeline.report()["d"]
(folder,) = Path(os.environ["SPANCAST_STATE_DIR"]).glob("spool/d-*")
print(orjson.dumps({
    "ended_in": time.monotonic() - began,
    "worst": worst,
    "queue": largest,
    "rss": peak(),
    "disk": sum(path.stat().st_size for path in folder.glob("*.jsonl")),
    "report": pipeline.report().as_dict()["d"],
}).decode())
"""


def dead(url: str, count: int) -> dict[str, Any]:
    """Record *count* spans of 2 kB for a receiver that is not there, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(DEAD), url, str(count)],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ},
    )
    assert 0 == done.returncode, done.stderr
    return orjson.loads(done.stdout)


@pytest.mark.parametrize("count", [3000, pytest.param(200_000, marks=pytest.mark.slow)])
def test_a_dead_collector_costs_neither_memory_nor_calls(receiver: Faulty, count: int) -> None:
    """Spans of 2 kB, nobody there: the queue and the disk stay within their bounds, and every span is in a column."""
    url = receiver.url.replace(str(receiver.port), "1")  # nobody may listen there
    seen = dead(url, count)
    report = seen["report"]
    assert (count, 0, 0) == (report["recorded"], report["delivered"], report["queued"])
    assert count == report["spooled"] + report["dropped"]
    assert True is (report["spooled"] > 0)
    assert True is (seen["queue"] <= 64 * 1024 * 1024)
    assert True is (seen["disk"] <= 256 * 1024 * 1024)
    assert True is (seen["rss"] < 600 * 1024 * 1024)
    assert True is (seen["ended_in"] < 15)
    if count > 100_000:
        print(seen)
