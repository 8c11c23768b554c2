"""Says how much each tier has to carry: spans, bytes, memory, disk and, with your prices, money.

python sizing.py                                  the tables of sizing.md
python sizing.py --machines 400 --runs 2 --spans 60 --bytes-protobuf 9000 --price-core-hour 0.04
python sizing.py --measure                        bytes per span of the demo's trace (needs spancast[demo])
python sizing.py --measure .spancast/traces.jsonl bytes per span of your own traces
"""

from __future__ import annotations

import argparse
import gzip
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

MACHINES = (1, 10, 100, 1_000, 10_000)
HOURS_A_MONTH = 730


def _given(default: Any, option: str, meaning: str, source: str) -> Any:
    return field(default=default, metadata={"option": option, "meaning": meaning, "source": source})


MEASURED = "measured here: `python sizing.py --measure`"
YOURS = "assumption: put in yours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What the calculation starts from; every figure has its source beside it."""

    runs: float = _given(1.0, "runs", "agent runs a second on one machine", YOURS)
    spans: float = _given(24.0, "spans", "spans a run", "measured here: the demo's agent")
    bytes_json: float = _given(2_120.0, "bytes-json", "bytes a span, JSON", MEASURED)
    bytes_protobuf: float = _given(1_320.0, "bytes-protobuf", "bytes a span, protobuf", MEASURED)
    bytes_protobuf_gzip: float = _given(201.0, "bytes-protobuf-gzip", "bytes a span, protobuf and gzip", MEASURED)
    wait: float = _given(120.0, "wait", "seconds that tail sampling waits", "gateway.yaml, decision_wait")
    special: float = _given(0.05, "special", "share of runs with an error, slow or costly", YOURS)
    rest: float = _given(0.10, "rest", "share of the others that is kept", "gateway.yaml, share-of-the-rest")
    queue: float = _given(1.073741824, "queue", "GB of an agent's queue on disk", "to-gateway.yaml, queue_size")
    retention: float = _given(6.0, "retention", "hours that Kafka keeps a record", YOURS)
    replicas: float = _given(3.0, "replicas", "copies of a record in Kafka", "assumption: usual for production")
    in_memory: float = _given(
        3.0, "in-memory", "memory of a waiting span, as a multiple of its protobuf", "measured here: 2.8 (Measured, below)"
    )
    per_core: float = _given(
        15_000.0, "per-core", "spans a second that one core takes", "published: Splunk, Sizing and scaling [1]"
    )
    gb_per_core: float = _given(
        2.0, "gb-per-core", "GB of memory beside one core", "published: Splunk, Sizing and scaling [1]"
    )
    load: float = _given(0.5, "load", "share of cores and memory that is used on a usual day", YOURS)
    cores: float = _given(4.0, "cores", "cores of one gateway", YOURS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What you pay. Nothing is assumed: without a price there is no line of money."""

    core_hour: float | None = _given(None, "price-core-hour", "a core with its memory, an hour", "")
    gb_network: float | None = _given(None, "price-gb-network", "a GB between machines", "")
    gb_disk_month: float | None = _given(None, "price-gb-disk-month", "a GB of Kafka's disk, a month", "")
    gb_ingested: float | None = _given(None, "price-gb-ingested", "a GB that the backend takes", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What the tiers carry, for a number of machines."""

    given: Inputs
    machines: int

    @property
    def spans(self) -> float:
        """Spans a second, in all."""
        return self.machines * self.given.runs * self.given.spans

    @property
    def bridged(self) -> float:
        """Hours of outage that an agent's queue on disk bridges."""
        return self.given.queue * 1e9 / (self.given.runs * self.given.spans * self.given.bytes_protobuf) / 3600

    @property
    def kafka_disk(self) -> float:
        """GB on all brokers' disks; zstd is counted as gzip, which was measured."""
        stored = self.spans * self.given.bytes_protobuf_gzip * self.given.retention * 3600
        return stored * self.given.replicas / 1e9

    @property
    def waiting(self) -> float:
        """Traces that wait for their decision."""
        return self.machines * self.given.runs * self.given.wait

    @property
    def memory(self) -> float:
        """GB of waiting traces, in all gateways."""
        return self.waiting * self.given.spans * self.given.bytes_protobuf * self.given.in_memory / 1e9

    @property
    def cores(self) -> float:
        """Cores of all gateways: what spans need, or what the memory of waiting traces brings along."""
        by_spans = self.spans / self.given.per_core
        by_memory = self.memory / self.given.gb_per_core
        return max(by_spans, by_memory) / self.given.load

    @property
    def gateways(self) -> int:
        """Gateways."""
        return max(1, math.ceil(self.cores / self.given.cores))

    @property
    def kept(self) -> float:
        """The share of spans that is kept."""
        return self.given.special + (1 - self.given.special) * self.given.rest

    @property
    def stored(self) -> float:
        """GB a day that the backend takes."""
        return self.spans * self.kept * self.given.bytes_protobuf * 86_400 / 1e9

    @property
    def shipped(self) -> float:
        """GB a month between agents and gateways."""
        return self.spans * self.given.bytes_protobuf_gzip * 86_400 * HOURS_A_MONTH / 24 / 1e9


Row = tuple[str, Callable[[Sizes], float]]
ROWS: tuple[Row, ...] = (
    ("agent runs a second", lambda sizes: sizes.machines * sizes.given.runs),
    ("spans a second", lambda sizes: sizes.spans),
    ("application to agent: MB/s of JSON, in all", lambda sizes: sizes.spans * sizes.given.bytes_json / 1e6),
    ("agent to gateway: MB/s of protobuf and gzip", lambda s: s.spans * s.given.bytes_protobuf_gzip / 1e6),
    ("hours of outage that one agent's queue bridges", lambda sizes: sizes.bridged),
    ("Kafka: GB on disk, all copies", lambda sizes: sizes.kafka_disk),
    ("traces that wait for their decision", lambda sizes: sizes.waiting),
    ("their memory, GB", lambda sizes: sizes.memory),
    ("gateway cores", lambda sizes: sizes.cores),
    ("gateways (Kafka partitions: twice that)", lambda sizes: sizes.gateways),
    ("traces that wait in one gateway (num_traces: twice that)", lambda sizes: sizes.waiting / sizes.gateways),
    ("spans a second to the backend", lambda sizes: sizes.spans * sizes.kept),
    ("GB a day to the backend, protobuf", lambda sizes: sizes.stored),
)
SOURCES = (
    "[1] <https://help.splunk.com/splunk-observability-cloud/manage-data/splunk-distribution-of-the-opentelemetry-collector"
    "/get-started-with-the-splunk-distribution-of-the-opentelemetry-collector/collector-requirements/sizing-and-scaling>: "
    "15,000 spans a second on one core, 2 GB of memory a core; for their spans, not for ones with prompts in them."
)


def number(value: float) -> str:
    """Return *value* with three digits that mean something."""
    if value == int(value) and abs(value) < 1_000:
        return str(int(value))
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{round(value, digits):,.{digits}f}" if digits else f"{round(value, -len(str(int(value))) + 3):,.0f}"


def given_table(inputs: Inputs) -> Iterator[str]:
    """Yield the lines of the table of inputs."""
    yield "| input | value | option | where it is from |"
    yield "| --- | ---: | --- | --- |"
    for each in fields(inputs):
        about, value = each.metadata, getattr(inputs, each.name)
        source = about["source"] if value == each.default else "given on the command line"
        yield f"| {about['meaning']} | {number(value)} | `--{about['option']}` | {source} |"


def result_table(inputs: Inputs, machines: tuple[int, ...]) -> Iterator[str]:
    """Yield the lines of the table of results."""
    yield "| " + " | ".join(["machines", *(f"{count:,}" for count in machines)]) + " |"
    yield "| " + " | ".join(["---", *("---:" for _ in machines)]) + " |"
    for title, value in ROWS:
        cells = [number(value(Sizes(given=inputs, machines=count))) for count in machines]
        yield "| " + " | ".join([title, *cells]) + " |"


def money_table(inputs: Inputs, prices: Prices, machines: tuple[int, ...]) -> Iterator[str]:
    """Yield the lines of the table of money a month; only of what has a price."""
    rows: list[Row] = []
    if (core := prices.core_hour) is not None:
        rows.append(("gateway cores", lambda sizes: math.ceil(sizes.cores) * HOURS_A_MONTH * core))
    if (network := prices.gb_network) is not None:
        rows.append(("agent to gateway", lambda sizes: sizes.shipped * network))
    if (disk := prices.gb_disk_month) is not None:
        rows.append(("Kafka's disks", lambda sizes: sizes.kafka_disk * disk))
    if (ingested := prices.gb_ingested) is not None:
        rows.append(("backend", lambda sizes: sizes.stored * HOURS_A_MONTH / 24 * ingested))
    if not rows:
        names = ", ".join(f"--{each.metadata['option']}" for each in fields(prices))
        yield f"Money: give your prices ({names})."
        return
    yield "| money a month, machines | " + " | ".join(f"{count:,}" for count in machines) + " |"
    yield "| --- |" + " ---: |" * len(machines)
    for title, value in rows:
        cells = [number(value(Sizes(given=inputs, machines=count))) for count in machines]
        yield "| " + " | ".join([title, *cells]) + " |"


def tables(inputs: Inputs, prices: Prices, machines: tuple[int, ...] = MACHINES) -> str:
    """Return all tables, as sizing.md holds them."""
    parts = (given_table(inputs), result_table(inputs, machines), money_table(inputs, prices, machines))
    return "\n\n".join("\n".join(lines) for lines in (*parts, [SOURCES]))


# ---------------------------------------------------------------- what a span weighs
def demo_trace(privacy_mode: bool = False) -> list[Any]:
    """Return the resource and spans of the demo's trace as they go to a collector, in gen_ai."""
    import asyncio
    import tempfile

    import spancast
    from spancast import destinations
    from spancast.demo import support_agent as demo

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "traces.jsonl"
        there = destinations.file(str(path), convention="gen_ai", privacy_mode=privacy_mode)
        with spancast.Pipeline(there, service_name="demo") as pipeline:
            asyncio.run(demo.run(pipeline, lambda piece: None))
        return read(path)


def read(path: Path) -> list[Any]:
    """Return the resources and spans of a file of OTLP JSON lines."""
    from spancast.otlp.json_decoding import decode_request

    return [pair for line in path.read_bytes().splitlines() if line.strip() for pair in decode_request(line)]


def weigh(held: list[Any]) -> dict[str, float]:
    """Return bytes a span in each encoding, sent as spancast sends them: up to 512 spans a request, gzip at level 1."""
    from spancast.otlp.encoding import ENCODINGS

    resource = held[0][0]
    spans = [span for _, group in held for span in group]
    found: dict[str, float] = {"spans": float(len(spans))}
    for name, encoding in ENCODINGS.items():
        pieces = [encoding.span(span) for span in spans]
        bodies = [
            encoding.request(resource, "spancast", "0", pieces[at : at + 512]) for at in range(0, len(pieces), 512)
        ]
        short = name.removeprefix("http/")
        found[short] = sum(map(len, bodies)) / len(spans)
        found[f"{short}+gzip"] = sum(len(gzip.compress(body, 1)) for body in bodies) / len(spans)
        found[f"largest span, {short}"] = float(max(map(len, pieces)))
    return found


def main(arguments: list[str] | None = None) -> None:
    """Print what the options ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, help="one number of machines instead of the table's five")
    parser.add_argument("--privacy", action="store_true", help="with --measure: the demo's trace in privacy mode")
    parser.add_argument("--measure", nargs="?", const="", metavar="FILE", help="weigh the demo's trace, or a file's")
    for kind in (Inputs, Prices):
        for each in fields(kind):
            about = each.metadata
            shown = f"{about['meaning']} (default {each.default})"
            parser.add_argument(f"--{about['option']}", dest=each.name, type=float, default=each.default, help=shown)
    chosen = parser.parse_args(arguments)
    if chosen.measure is not None:
        held = read(Path(chosen.measure)) if chosen.measure else demo_trace(chosen.privacy)
        for name, value in weigh(held).items():
            sys.stdout.write(f"{name:24}{value:12,.0f}\n")
        return
    inputs = Inputs(**{each.name: getattr(chosen, each.name) for each in fields(Inputs)})
    prices = Prices(**{each.name: getattr(chosen, each.name) for each in fields(Prices)})
    sys.stdout.write(tables(inputs, prices, (chosen.machines,) if chosen.machines else MACHINES) + "\n")


if __name__ == "__main__":
    main()
