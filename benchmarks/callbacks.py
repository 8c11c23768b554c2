"""What the application's own thread pays: spancast's callbacks beside an empty handler's, in one process, taking turns.

    python benchmarks/callbacks.py

CPU time of the thread that runs the application (`time.thread_time`), in alternating rounds, medians of paired differences:
finer than what whole processes can show. The lanes work meanwhile, in their own threads, and send to a receiver.
"""

from __future__ import annotations

import gc
import json
import logging
import random
import sys
import time
import warnings
from typing import Any

from measuring import markdown, median, quartiles, sink, worker
from workloads import WORKLOADS

CASES = {"lcel": (20, 40, 4), "stream": (1, 30, 1), "history": (20, 30, 1)}  # runs a round, rounds, spans a run


def alternate(url: str, quick: bool) -> dict[str, Any]:
    """Return by workload and handler the microseconds a run of every round."""
    from peers import empty_langchain, spancast_destination

    import spancast
    from spancast.langchain import SpancastCallbackHandler

    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    pipelines = {name: spancast.Pipeline(spancast_destination(name, url), spool=False) for name in ("arize", "otlp")}
    handlers: dict[str, list[Any] | None] = {"none": None, "empty": empty_langchain()}
    handlers |= {name: [SpancastCallbackHandler(pipeline=pipeline)] for name, pipeline in pipelines.items()}
    found: dict[str, Any] = {}
    order = random.Random(7)
    for workload, (runs, rounds, _) in CASES.items():
        run = WORKLOADS[workload].build()
        costs: dict[str, list[float]] = {name: [] for name in handlers}
        for callbacks in handlers.values():
            for _ in range(max(3, runs // 4)):
                run(callbacks)
        warnings.simplefilter("ignore")
        gc.collect()
        gc.freeze()
        for _ in range(rounds // 3 if quick else rounds):
            for name in order.sample(list(handlers), len(handlers)):  # who follows whom decides what the caches hold
                callbacks = handlers[name]
                run(callbacks)
                began = time.thread_time()
                for _ in range(runs):
                    run(callbacks)
                costs[name].append((time.thread_time() - began) / runs * 1e6)
                for pipeline in pipelines.values():
                    pipeline.flush(60.0)
        found[workload] = costs
    for pipeline in pipelines.values():
        pipeline.shutdown()
    return found


def measure(quick: bool = False) -> dict[str, Any]:
    """Return for each workload, by destination, `times` the empty handler, microseconds a run `above` it and a span `over`
    untraced; and the table."""
    with sink() as receiver:
        said = worker("callbacks.py", ["--worker", receiver.url, int(quick)])
    found: dict[str, Any] = {}
    rows = []
    for workload, costs in said.items():
        spans = CASES[workload][2]
        added = {
            name: [ours - base for ours, base in zip(costs[name], costs["none"], strict=True)]
            for name in costs
            if name != "none"
        }
        empty = median(added["empty"])
        found[workload] = {"times": {}, "above": {}, "over": {}}
        for name, values in added.items():
            low, high = quartiles([value / spans for value in values])
            cells = [f"{median(values) / spans:.1f} ({low:.1f} to {high:.1f})", "1", "0"]
            if name != "empty":
                above = median([ours - base for ours, base in zip(costs[name], costs["empty"], strict=True)])
                found[workload]["times"][name] = times = median(values) / empty if empty > 0 else float("inf")
                found[workload]["above"][name] = above
                found[workload]["over"][name] = median(values) / spans
                cells[1:] = [f"{times:.1f}", f"{above / spans:.1f}"]
            title = "empty handler" if name == "empty" else f"spancast, {name}"
            rows.append((WORKLOADS[workload].title, title, *cells))
    head = (
        "workload",
        "handler",
        "callbacks over untraced, µs a span",
        "times the empty handler",
        "µs a span above it",
    )
    return {**found, "table": markdown(head, rows)}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        print(json.dumps(alternate(sys.argv[2], sys.argv[3] == "1")))
    else:
        print(measure()["table"])
