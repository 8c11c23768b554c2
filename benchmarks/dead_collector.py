"""What a receiver that is not there costs the application: its worst callback, and its exit.

    python benchmarks/dead_collector.py

A chain runs 500 times a second (2,000 spans) while nothing listens at the collector's address, or while something takes the
connection and never answers. Every callback is timed by the clock. Beside it the same with an empty handler, and with a
receiver that answers: what the machine and our own threads do to a callback by themselves. Objects of the imports are kept
from the garbage collector (`gc.freeze`); what waits for the receiver is not, and its longest collection is shown too.
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
}
METHODS = ("on_chain_start", "on_chain_end", "on_chat_model_start", "on_llm_end")
PACE = 500  # chains a second


def run(case: str, seconds: float, url: str) -> dict[str, float]:
    """Return the worst, the 99.9th in a hundred and the median callback in milliseconds, and the exit in seconds."""
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
    gc.collect()
    gc.freeze()
    pauses = _watch_collections()
    took.clear()
    began = time.perf_counter()
    for number in range(int(seconds * PACE)):
        chain([handler])
        ahead = began + number / PACE - time.perf_counter()
        if ahead > 0:
            time.sleep(ahead)
    span_rate = 4 * seconds * PACE / (time.perf_counter() - began)
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
    """Return a list that gets the seconds of each garbage collection: what waits is walked, in any thread, at any line."""
    pauses: list[float] = []
    began = [0.0]

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            began[0] = time.perf_counter()
        else:
            pauses.append(time.perf_counter() - began[0])

    gc.callbacks.append(note)
    return pauses


def measure(quick: bool = False) -> dict[str, Any]:
    """Return `worst` callback (ms) and `exit` (s) by case, and the table."""
    seconds = 4 if quick else 12
    with sink() as receiver:
        urls = dict.fromkeys(CASES, "http://127.0.0.1:1") | {"healthy": receiver.url}
        said = {case: worker("dead_collector.py", ["--worker", case, seconds, urls[case]]) for case in CASES}
    rows = [
        (
            CASES[case],
            f"{found['worst']:.1f}",
            f"{found['rare']:.2f}",
            f"{found['median']:.3f}",
            f"{found['collection']:.1f}",
            f"{found['exit']:.1f}",
            f"{found['rate']:,.0f}",
        )
        for case, found in said.items()
    ]
    head = (
        "receiver",
        "worst callback, ms",
        "one in a thousand, ms",
        "median, ms",
        "longest collection, ms",
        "exit, s",
        "spans a second",
    )
    dead = {case: said[case] for case in ("dead", "silent")}
    return {
        "worst": {case: found["worst"] for case, found in dead.items()},
        "exit": {case: found["exit"] for case, found in dead.items()},
        "table": markdown(head, rows),
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        print(json.dumps(run(sys.argv[2], float(sys.argv[3]), sys.argv[4])), flush=True)
        os._exit(0)
    else:
        print(measure()["table"])
