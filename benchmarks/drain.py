"""How fast spans leave: 20,000 of them flat out, until the last is delivered; spancast beside the stock SDK.

    python benchmarks/drain.py

The stock SDK is BatchSpanProcessor with opentelemetry-exporter-otlp-proto-http, its queue large enough to lose nothing: with
its defaults it would drop most of them (delivery.py shows that). spancast has its defaults.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from measuring import Sink, markdown, median, quartiles, sink, worker

SPANS = 20_000
ROUNDS = 5
LADDER = (500, 1000, 2000, 4000, 8000, 16_000)  # spans a second
LASTS = 4.0  # seconds
PEERS = ("spancast", "stock SDK")


def drain(peer: str, url: str) -> dict[str, float]:
    """Make the spans; return seconds until the caller had made them, until all were delivered, and CPU seconds."""
    from delivery import ATTRIBUTES, Spancast, Stock

    subject: Any = (Spancast if peer == "spancast" else Stock)(f"{url}/v1/traces")
    for _ in range(600):  # connections, threads and lazy imports belong to no rate
        subject.span(ATTRIBUTES)
    subject.flush(30.0)
    Sink(url).reset()
    began, cpu = time.monotonic(), time.process_time()
    for _ in range(SPANS):
        subject.span(ATTRIBUTES)
    produced = time.monotonic() - began
    subject.flush(120.0)
    took = time.monotonic() - began
    return {"produced": produced, "took": took, "cpu": time.process_time() - cpu, "arrived": Sink(url).stats()["spans"]}


def pace(peer: str, url: str, rate: int) -> dict[str, float]:
    """Make *rate* spans a second for a while; return the rate that was reached, and how many of the spans arrived."""
    from delivery import ATTRIBUTES, Spancast, Stock

    subject: Any = (Spancast if peer == "spancast" else Stock)(f"{url}/v1/traces")
    for _ in range(200):
        subject.span(ATTRIBUTES)
    subject.flush(30.0)
    Sink(url).reset()
    count = int(rate * LASTS)
    began = time.monotonic()
    for number in range(count):
        subject.span(ATTRIBUTES)
        if number % 20 == 0 and (ahead := began + number / rate - time.monotonic()) > 0:
            time.sleep(ahead)
    reached = count / (time.monotonic() - began)
    subject.flush(60.0)
    return {"reached": reached, "share": Sink(url).stats()["spans"] / count}


def sustained(peer: str, url: str) -> float:
    """Return the highest rate of the ladder, in spans a second, at which all arrived, with the defaults of *peer*."""
    best = 0.0
    for rate in LADDER:
        said = worker("drain.py", ["--worker-pace", peer, url, rate])
        if said["share"] < 1:
            break
        best = max(best, said["reached"])
        if said["reached"] < rate * 0.9:  # the application itself makes no more
            break
    return best


def measure(quick: bool = False) -> dict[str, Any]:
    """Return how many `times` the stock SDK's rate, how many were `lost`, `sustained` times, and the table."""
    rounds: dict[str, list[dict[str, float]]] = {peer: [] for peer in PEERS}
    with sink() as receiver:
        for number in range(2 if quick else ROUNDS):
            for peer in PEERS[:: -1 if number % 2 else 1]:
                rounds[peer].append(worker("drain.py", ["--worker", peer, receiver.url], sdk=peer != "spancast"))
        without_loss = {peer: sustained(peer, receiver.url) for peer in PEERS}
    rates = {peer: [said["arrived"] / said["took"] for said in found] for peer, found in rounds.items()}
    times = [ours / theirs for ours, theirs in zip(*rates.values(), strict=True)]
    rows = []
    for peer, found in rounds.items():
        low, high = quartiles(rates[peer])
        rows.append(
            (
                peer,
                f"{median(rates[peer]):,.0f} ({low:,.0f} to {high:,.0f})",
                f"{median([said['produced'] / SPANS * 1e6 for said in found]):.0f}",
                f"{median([said['cpu'] / SPANS * 1e6 for said in found]):.0f}",
                f"{min(said['arrived'] for said in found):,.0f}",
                f"{without_loss[peer]:,.0f}" if without_loss[peer] else f"below {LADDER[0]:,}",
            )
        )
    head = (
        "20,000 spans of 30 attributes", "delivered a second", "caller, µs a span", "CPU, µs a span",
        "arrived, at least", "spans a second without a loss, defaults",
    )  # fmt: skip
    said = (
        f"Without a loss: the highest of {', '.join(f'{rate:,}' for rate in LADDER)} spans a second, {LASTS:.0f} s long, at "
        "which all arrived, or what the application itself could make."
    )
    return {
        "times": median(times),
        "lost": SPANS - min(one["arrived"] for one in rounds["spancast"]),
        "sustained": without_loss["spancast"] / max(without_loss["stock SDK"], LADDER[0]),
        "rates": rates,
        "table": f"{markdown(head, rows)}\n\n{said}",
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        print(json.dumps(drain(*sys.argv[2:4])), flush=True)
        os._exit(0)
    elif sys.argv[1:2] == ["--worker-pace"]:
        print(json.dumps(pace(*sys.argv[2:4], int(sys.argv[4]))), flush=True)
        os._exit(0)
    else:
        print(measure()["table"])
