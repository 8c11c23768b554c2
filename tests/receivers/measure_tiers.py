"""Measures the running tiers, for integrations/collector/sizing.md: `python -m tests.receivers.measure_tiers [PART...]`.

The demo's trace is sent many times over. What is printed depends on the machine and on what else it does: the load of the
machine (processes that want a core, mean of a minute) is printed beside it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import spancast
from spancast import destinations
from spancast.demo import support_agent

from .program import until
from .recording import recording_receiver
from .tiers import GROUP, TOPIC, Tiers, running_tiers
from .traffic import dear, failed, long, rest, slow

TRACES, WAIT, TRIES = 2000, int(os.environ.get("WAIT", "40")), 3
FROZEN = 20  # seconds
_READ = "otelcol_receiver_accepted_spans"
_SAMPLED = "otelcol_processor_tail_sampling_global_count_traces_sampled"
_SENT = "otelcol_exporter_sent_spans"


def main(names: Sequence[str]) -> None:
    """Run the tiers, measure, and print a table of the parts that are named; without names, of all."""
    with tempfile.TemporaryDirectory() as folder, running_tiers(Path(folder) / "all", share=1, wait=WAIT) as tiers:
        agent = destinations.otlp(tiers.url, name="agent", max_request_bytes=900_000)
        with spancast.Pipeline(agent, service_name="tiers") as pipeline:
            print("| what | measured |\n| --- | ---: |")
            for name in names or PARTS:
                PARTS[name](tiers, pipeline)
                row("load of the machine meanwhile", f"{os.getloadavg()[0]:.1f}")


def row(what: str, figure: object) -> None:
    """Print a row of the table."""
    print(f"| {what} | {figure} |", flush=True)


def _megabytes(size: float) -> str:
    return f"{size / 1e6:,.0f} MB"


def _idle(tiers: Tiers, _: spancast.Pipeline) -> None:
    row("memory of an idle agent", _megabytes(tiers.agent.program.memory()))
    row("memory of an idle gateway", _megabytes(tiers.gateways[0].program.memory()))


def _flow(tiers: Tiers, pipeline: spancast.Pipeline) -> None:
    """What waits in the gateways: memory before and after, and the bytes in Kafka."""
    bodies, spans, size = _bodies(TRACES)
    before = sum(each.program.memory() for each in tiers.gateways)
    began = time.monotonic()
    for body in bodies:
        _post(tiers.url, body)
    taken = time.monotonic() - began
    row("spans a second into the agent, one sender", f"{spans / taken:,.0f}")
    until(lambda: tiers.broker.lag(TOPIC, GROUP), lambda lag: lag == 0, 120)
    read = time.monotonic() - began
    row("spans a second through agent, Kafka and gateways", f"{spans / read:,.0f}")
    row("bytes a span, protobuf, as sent", f"{size / spans:,.0f}")
    row("bytes a span on Kafka's disk, zstd", f"{tiers.broker.bytes_on_disk(TOPIC) / spans:,.0f}")
    if read < WAIT:
        grown = sum(each.program.memory() for each in tiers.gateways) - before
        row(f"memory of both gateways with {TRACES:,} traces waiting ({spans:,} spans), above idle", _megabytes(grown))
        row("memory of a waiting span, as a multiple of its protobuf", f"{grown / size:.1f}")
    row("memory of the agent after that", _megabytes(tiers.agent.program.memory()))
    time.sleep(WAIT + 5)


def _bodies(traces: int) -> tuple[list[bytes], int, int]:
    """Return requests of ten traces each, all copies of the demo's under new ids; how many spans; and how many bytes."""
    with recording_receiver() as receiver:
        to_it = destinations.otlp(receiver.url, protocol="http/protobuf", compression="none")
        with spancast.Pipeline(to_it, service_name="tiers") as pipeline:
            asyncio.run(support_agent.run(pipeline, lambda piece: None))
            pipeline.flush(10)
        demo = ExportTraceServiceRequest()
        for request in receiver.requests:
            demo.MergeFrom(request.protobuf)
    bodies = []
    for _ in range(0, traces, 10):
        body = ExportTraceServiceRequest()
        for _ in range(10):
            trace_id = os.urandom(16)
            for resource in demo.resource_spans:
                copied = body.resource_spans.add()
                copied.CopyFrom(resource)
                for scope in copied.scope_spans:
                    for span in scope.spans:
                        span.trace_id = trace_id
        bodies.append(body.SerializeToString())
    spans = sum(len(scope.spans) for resource in demo.resource_spans for scope in resource.scope_spans)
    return bodies, spans * traces, sum(map(len, bodies))


def _post(url: str, body: bytes) -> None:
    request = urllib.request.Request(url, body, {"content-type": "application/x-protobuf"}, method="POST")
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30).close()


def _rules(tiers: Tiers, pipeline: spancast.Pipeline) -> None:
    """How many traces of each kind come out."""
    sent = {
        "failed": failed(200),
        "dear": dear(200),
        "slow": slow(200, tiers.url),
        "long": long(20),
        "the rest": rest(2000),
    }
    pipeline.flush(60)
    until(lambda: tiers.broker.lag(TOPIC, GROUP), lambda lag: lag == 0, 120)
    time.sleep(WAIT + 10)
    for rule, ids in sent.items():
        found = sum(bool(tiers.jaeger.found(trace_id)) for trace_id in ids)
        row(f"traces in and out, {rule}", f"{len(ids):,} and {found:,}")


def _total(tiers: Tiers, counter: str) -> float:
    """Return a counter of the gateways, summed over both and all labels."""
    counted = [each.counters() for each in tiers.gateways]
    return sum(value for each in counted for name, value in each.items() if name.startswith(counter))


def _delay(tiers: Tiers, pipeline: spancast.Pipeline) -> None:
    """How long after its end a trace has come how far, by each tier's own counters."""
    came: dict[str, list[float]] = {}
    for _ in range(TRIES):
        before = tiers.broker.end(TOPIC), *(_total(tiers, counter) for counter in (_READ, _SAMPLED, _SENT))
        (trace_id,) = failed(1)
        began = time.monotonic()
        pipeline.flush(10)
        stages: dict[str, Callable[[], bool]] = {
            "is in Kafka": lambda before=before: tiers.broker.end(TOPIC) > before[0],  # type: ignore[misc]
            "is read by a gateway": lambda before=before: _total(tiers, _READ) > before[1],  # type: ignore[misc]
            "is decided": lambda before=before: _total(tiers, _SAMPLED) > before[2],  # type: ignore[misc]
            "is sent to the backend": lambda before=before: _total(tiers, _SENT) > before[3],  # type: ignore[misc]
            "is in Jaeger's API": lambda trace_id=trace_id: bool(tiers.jaeger.found(trace_id)),  # type: ignore[misc]
        }
        for stage, reached in stages.items():
            until(reached, bool, 150)
            came.setdefault(stage, []).append(time.monotonic() - began)
    for stage, seconds in came.items():
        each = ", ".join(f"{one:.1f}" for one in seconds)
        row(f"seconds from a trace's end until it {stage}; decision's wait {WAIT} s", each)


def _frozen(tiers: Tiers, pipeline: spancast.Pipeline) -> None:
    """How much later a gateway decides that got no processor time: the sampler counts ticks, and loses those it misses."""
    read, decided = _total(tiers, _READ), _total(tiers, _SAMPLED)
    failed(1)
    began = time.monotonic()
    pipeline.flush(10)
    until(lambda: _total(tiers, _READ) > read, bool)
    for gateway in tiers.gateways:
        gateway.program.freeze()
    time.sleep(FROZEN)
    for gateway in tiers.gateways:
        gateway.program.thaw()
    until(lambda: _total(tiers, _SAMPLED) > decided, bool, 150)
    what = (
        f"seconds until a trace is decided when the gateways got no processor for {FROZEN} s; decision's wait {WAIT} s"
    )
    row(what, f"{time.monotonic() - began:.1f}")


def _outage(tiers: Tiers, pipeline: spancast.Pipeline) -> None:
    """What an agent keeps on disk while Kafka is away."""
    tiers.broker.program.kill()
    before = tiers.agent.bytes_on_disk()
    bodies, spans, size = _bodies(500)
    for body in bodies:
        _post(tiers.url, body)
    time.sleep(3)
    grown = tiers.agent.bytes_on_disk() - before
    row("bytes a span on the agent's disk while Kafka is away", f"{grown / spans:,.0f} ({size / spans:,.0f} as sent)")
    tiers.broker.program.start()
    began = time.monotonic()
    until(lambda: tiers.agent.counters().get("otelcol_exporter_queue_size", 0), lambda waiting: waiting == 0, 120)
    row("seconds until the agent's queue is empty after Kafka is back", f"{time.monotonic() - began:.0f}")


PARTS = {"idle": _idle, "flow": _flow, "rules": _rules, "delay": _delay, "frozen": _frozen, "outage": _outage}

if __name__ == "__main__":
    main(sys.argv[1:])
