"""Measures one peer under one workload, each in a process of its own: forked from an interpreter that has the framework.

    python worker.py langchain|llama_index URL    # reads one request a line, a JSON object; answers each with one line

Forking saves the seconds in which the framework is imported. What a tracer imports it imports in the fork, uncounted in
CPU but counted in memory. The interpreter itself starts no thread before it forks.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import resource
import signal
import sys
import time
import traceback
import warnings
from typing import Any

from environments import ENVIRONMENTS, SAME, versions
from measuring import Sink
from peers import PEERS
from workloads import WORKLOADS

LONGEST = 120  # seconds for one measurement


def measure(sink: Sink, peer: str, workload: str, scale: float) -> dict[str, Any]:
    """Return what *workload* costs under *peer*: microseconds and spans per run, megabytes at the peak."""
    runs = max(1, round(WORKLOADS[workload].runs * scale))
    run = WORKLOADS[workload].build()
    callbacks, flush = PEERS[peer].start(sink.url)
    warnings.simplefilter("ignore")  # LangChain puts its own filters in front: silence, for all alike
    for _ in range(max(2, runs // 10) if runs > 4 else 1):
        run(callbacks)
    flush()
    time.sleep(0.02)  # for what a tracer sends after its flush
    sink.reset()
    gc.collect()
    began = time.process_time(), time.perf_counter(), time.thread_time()
    for _ in range(runs):
        run(callbacks)
    thread, returned = time.thread_time(), time.perf_counter()
    flush()
    ended = time.process_time(), time.perf_counter()
    arrived = sink.stats()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "peer": peer,
        "workload": workload,
        "runs": runs,
        "cpu": (ended[0] - began[0]) / runs * 1e6,
        "wall": (ended[1] - began[1]) / runs * 1e6,
        "foreground": (returned - began[1]) / runs * 1e6,
        "thread": (thread - began[2]) / runs * 1e6,
        "peak": peak / (1 << 20 if sys.platform == "darwin" else 1 << 10),
        "spans": arrived["spans"] / runs,
        "bytes": arrived["bytes"] / runs,
        "attributes": arrived["attributes"] / runs,
        "requests": arrived["requests"],
        "unreadable": arrived["unreadable"],
    }


def preload(framework: str) -> None:
    """Import what the applications import by themselves, and keep it out of the collector's way."""
    if framework == "langchain":
        import langgraph.graph  # noqa: F401
    else:
        import llama_index.core
        import llama_index.core.agent.workflow
        import llama_index.core.llms.function_calling  # noqa: F401
    gc.collect()
    gc.freeze()


def in_a_fork(sink: Sink, request: dict[str, Any]) -> str:
    """Measure in a forked process; return its answer."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiving)
        signal.alarm(LONGEST)
        try:
            answer = measure(sink, **request)
        except BaseException:
            answer = {**request, "error": traceback.format_exc()[-1500:]}
        with os.fdopen(sending, "w") as pipe:
            json.dump(answer, pipe)
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said or json.dumps({**request, "error": f"no answer within {LONGEST} s"})


def main(framework: str, url: str) -> None:
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    preload(framework)
    packages = (*SAME, *(environment.distribution for environment in ENVIRONMENTS.values()))
    print(json.dumps(versions(packages)), flush=True)
    for line in sys.stdin:
        print(in_a_fork(Sink(url), json.loads(line)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
