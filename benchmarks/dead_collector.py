"""What a receiver that is not there costs the application: its worst callback, and its exit.

    python benchmarks/dead_collector.py

A chain runs 500 times a second (2,000 spans) while nothing listens at the collector's address, while something takes the
connection and never answers, or while each answer takes a second; and again as often as it can (flat out). Every callback is
timed by the clock. Beside it the same with an empty handler, and with a receiver that answers: what the machine and our own
threads do to a callback by themselves. Objects of the imports are kept from the garbage collector (`gc.freeze`); what waits
for the receiver is not: its longest collection is shown too, in the CPU time of its thread, which other processes on the
machine do not lengthen as they do the clock's.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import socket
import sys
import time
import warnings
from typing import Any

from measuring import markdown, sink, worker
from workloads import lcel

CASES = {
    "empty": "empty handler, no receiver",
    "healthy": "answers",
    "dead": "nothing listens",
    "silent": "takes the connection, never answers",
    "slow": "answers after 1 s",
}
FLAT_OUT = ("healthy", "dead", "silent", "slow")
METHODS = ("on_chain_start", "on_chain_end", "on_chat_model_start", "on_llm_end")
PACE = 500  # chains a second


def run(case: str, pace: int, seconds: float, url: str) -> dict[str, float]:
    """Return the worst, the 99.9th in a hundred and the median callback in milliseconds, and the exit in seconds.

    *pace*: chains a second; 0 is flat out.
    """
    from langchain_core.callbacks import BaseCallbackHandler
    from peers import empty_langchain

    import spancast
    from spancast.langchain import SpancastCallbackHandler

    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    if case == "silent":
        silent = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
    pipeline = spancast.configure(spancast.destinations.otlp(f"{url}/v1/traces"))
    subject = empty_langchain()[0] if case == "empty" else SpancastCallbackHandler()
    took: list[float] = []

    def timed(name: str) -> Any:
        method = getattr(subject, name)

        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return method(*args, **kwargs)
            finally:
                took.append(time.perf_counter() - began)

        return call

    handler = type("Timed", (BaseCallbackHandler,), {"run_inline": True, **{name: timed(name) for name in METHODS}})()
    chain = lcel()
    for _ in range(20):
        chain([handler])
    time.sleep(1.5)  # the lane's thread has read what it needs: prices, codecs
    gc.collect()
    gc.freeze()
    pauses = _watch_collections()
    took.clear()
    began = time.perf_counter()
    number = 0
    while time.perf_counter() < began + seconds:
        chain([handler])
        number += 1
        ahead = began + number / pace - time.perf_counter() if pace else 0.0
        if ahead > 0:
            time.sleep(ahead)
    span_rate = 4 * number / (time.perf_counter() - began)
    ending = time.perf_counter()
    pipeline.shutdown()
    exit_took = time.perf_counter() - ending
    took.sort()
    return {
        "worst": took[-1] * 1e3,
        "rare": took[int(len(took) * 0.999)] * 1e3,
        "median": took[len(took) // 2] * 1e3,
        "collection": max(pauses, default=0.0) * 1e3,
        "exit": exit_took,
        "rate": span_rate,
    }


def _watch_collections() -> list[float]:
    """Return a list that gets the CPU seconds of each garbage collection: any thread, at any line, walks what waits."""
    pauses: list[float] = []
    began = [0.0]

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            began[0] = time.thread_time()
        else:
            pauses.append(time.thread_time() - began[0])

    gc.callbacks.append(note)
    return pauses


def measure(quick: bool = False) -> dict[str, Any]:
    """Return `worst` callback (ms) and `exit` (s) by case at the pace, and the table."""
    seconds = 4 if quick else 12
    runs = [(case, PACE) for case in CASES] + [(case, 0) for case in FLAT_OUT]
    with sink() as receiver, sink(1.0) as late:
        urls = dict.fromkeys(CASES, "http://127.0.0.1:1") | {"healthy": receiver.url, "slow": late.url}
        said = {
            (case, pace): worker("dead_collector.py", ["--worker", case, pace, seconds, urls[case]])
            for case, pace in runs
        }
    rows = [
        (
            CASES[case] + ("" if pace else "; flat out"),
            f"{found['worst']:.1f}",
            f"{found['rare']:.2f}",
            f"{found['median']:.3f}",
            f"{found['collection']:.1f}",
            f"{found['exit']:.1f}",
            f"{found['rate']:,.0f}",
        )
        for (case, pace), found in said.items()
    ]
    head = (
        "receiver",
        "worst callback, ms",
        "one in a thousand, ms",
        "median, ms",
        "longest collection, CPU ms",
        "exit, s",
        "spans a second",
    )
    dead = {case: said[case, PACE] for case in ("dead", "silent", "slow")}
    return {
        "worst": {case: found["worst"] for case, found in dead.items()},
        "exit": {case: found["exit"] for case, found in dead.items()},
        "table": markdown(head, rows),
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        print(json.dumps(run(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), sys.argv[5])), flush=True)
        os._exit(0)
    else:
        print(measure()["table"])
