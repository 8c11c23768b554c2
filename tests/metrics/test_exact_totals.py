"""Sampled at 1 %, counted at 100 %: the sums at a receiver are exact, over forks and restarts, and what matters is there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..receivers.metrics import totals
from ..receivers.recording import Received, Receiver, recording_receiver
from ..receivers.rotel import FOUND, MISSING, WAIT, rotel
from .program import Call

ROOT = Path(__file__).parents[2]


def run(traces: str, metrics: str, temporality: str, start: int, count: int, forked: int, state: Path) -> None:
    """Run the program in a process of its own, with a forked child where *forked* traces are to run in one."""
    numbers = [str(number) for number in (start, count, forked)]
    environ = {**os.environ, "SPANCAST_STATE_DIR": str(state)}
    subprocess.run(
        [sys.executable, "-m", "tests.metrics.program", traces, metrics, temporality, *numbers],
        cwd=ROOT,
        env=environ,
        check=True,
        timeout=500,
    )


def of_metrics(receiver: Receiver) -> list[Received]:
    """Return the requests with metrics."""
    return [request for request in receiver.requests if request.path == "/v1/metrics"]


def are_exact(requests: list[Received], calls: list[Call]) -> bool:
    """Return whether calls, tokens and cost at the receiver are those of *calls*."""
    tokens, cost = "gen_ai.client.token.usage", "gen_ai.client.operation.cost"
    return [
        len(calls),
        (len(calls), sum(call.input_tokens for call in calls)),
        (len(calls), sum(call.output_tokens for call in calls)),
        (len(calls), sum(call.cost for call in calls)),
    ] == [
        totals(requests, "gen_ai.client.operation.duration", operation_name="chat")[0],
        totals(requests, tokens, token_type="input"),
        totals(requests, tokens, token_type="output"),
        totals(requests, cost),
    ]


def what_matters_is_there(receiver: Receiver, calls: list[Call]) -> None:
    """Assert that all errors, slow and dear traces arrived with their reasons, and of the others about one in a hundred."""
    traces = [request for request in receiver.requests if request.path == "/v1/traces"]
    told: dict[str, str] = {}
    for request in traces:
        for resource in request.json["resourceSpans"]:
            for span in resource["scopeSpans"][0]["spans"]:
                if span["name"].startswith("trace "):
                    values = {each["key"]: each["value"] for each in span["attributes"]}
                    told[span["name"]] = values["spancast.kept_by"]["stringValue"]
    for call in calls:
        why = told.get(f"trace {call.number}")
        if call.fails:
            assert "error" == why, call
        elif call.is_slow:
            assert "slow" == why, call
        elif call.cost > 1:
            assert why in ("cost", "slow"), call
    by_rate = sum(why == "sampling_rate" for why in told.values())
    assert by_rate < len(calls) * 0.05 + 5


@contextmanager
def direct() -> Iterator[tuple[Receiver, str]]:
    """Run the tests' own receiver; return it, and where it takes metrics."""
    with recording_receiver() as receiver:
        yield receiver, f"{receiver.url}/v1/metrics"


def check(temporality: str, each: int, state: Path) -> None:
    """Run three processes: one that forks, its child, and one after a restart; compare what has arrived."""
    with direct() as (receiver, metrics):
        traces = f"{receiver.url}/v1/traces"
        run(traces, metrics, temporality, 0, each, each, state)
        run(traces, metrics, temporality, 2 * each, each, 0, state)
        calls = [Call(number) for number in range(3 * each)]
        assert are_exact(of_metrics(receiver), calls)
        what_matters_is_there(receiver, calls)


@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_totals_are_exact_over_a_fork_and_a_restart(temporality: str, tmp_path: Path) -> None:
    """A short run: 210 traces in three processes."""
    check(temporality, 70, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_totals_of_ten_thousand_traces_are_exact(temporality: str, tmp_path: Path) -> None:
    """10,002 traces in three processes."""
    check(temporality, 3334, tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(FOUND is None, reason=MISSING)
@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_a_real_collector_hands_on_exact_totals(temporality: str, tmp_path: Path) -> None:
    """10,000 traces through rotel, to the tests' receiver behind it."""
    with recording_receiver() as behind:
        forward = ("--exporter", "otlp", "--otlp-exporter-endpoint", behind.url, "--otlp-exporter-protocol", "http")
        with rotel(tmp_path, *forward) as url:
            metrics = url.replace("/v1/traces", "/v1/metrics")
            run(url, metrics, temporality, 0, 5000, 0, tmp_path)
            run(url, metrics, temporality, 5000, 5000, 0, tmp_path)
            calls = [Call(number) for number in range(10_000)]
            limit = time.monotonic() + WAIT
            while not are_exact(of_metrics(behind), calls) and time.monotonic() < limit:
                time.sleep(0.1)
            assert are_exact(of_metrics(behind), calls)
