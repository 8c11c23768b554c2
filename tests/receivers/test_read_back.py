"""Real receivers give back what was sent: every span, parent, time, attribute, event, link and status, by their own API."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import cache

import pytest

import spancast
from spancast import destinations
from spancast.destinations import MemoryDestination

from .applications import APPLICATIONS, many
from .cache import needs
from .mlflow_server import shown
from .read_back import differences, sent
from .under_test import RECEIVERS, Running

COMBINATIONS = [
    pytest.param(name, protocol, compression, id=f"{name} {protocol} {compression or 'plain'}", marks=needs(name))
    for name, receiver in RECEIVERS.items()
    for protocol in receiver.protocols
    for compression in (None, "gzip")
]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Running]]:
    """Return what starts a receiver once; each runs until the last test of this file."""
    with ExitStack() as stack:

        @cache
        def start(name: str) -> Running:
            return stack.enter_context(RECEIVERS[name].start(tmp_path_factory.mktemp(name)))

        yield start


@pytest.fixture
def running(request: pytest.FixtureRequest, started: Callable[[str], Running]) -> Running:
    """Return a running receiver of the kind that the test asks for."""
    return started(request.param)


@pytest.mark.parametrize("application", APPLICATIONS)
@pytest.mark.parametrize(("running", "protocol", "compression"), COMBINATIONS, indirect=["running"])
def test_what_is_read_back_is_what_was_sent(
    running: Running, protocol: str, compression: str | None, application: str, request: pytest.FixtureRequest
) -> None:
    """But for what the receiver is known to change, which the documentation says."""
    receiver = RECEIVERS[request.node.callspec.params["running"]]
    backend = running.destination(protocol=protocol, compression=compression)
    memory: MemoryDestination = destinations.memory(convention=receiver.convention)
    memory = replace(memory, max_attribute_length=backend.max_attribute_length)
    with spancast.Pipeline(memory, backend, service_name="receivers") as pipeline:
        APPLICATIONS[application](pipeline)
        assert True is pipeline.flush(30)
        report = pipeline.report()[backend.name]
    expected = {span_id: receiver.as_kept(span, protocol) for span_id, span in sent(memory.spans).items()}
    assert (len(expected), 0, 0, 0) == (report.delivered, report.rejected, report.spooled, report.dropped)
    for trace_id in {span.trace_id for span in expected.values()}:
        trace = {span_id: span for span_id, span in expected.items() if span.trace_id == trace_id}
        found = {span_id: receiver.as_sent(span) for span_id, span in running.spans(trace_id, len(trace)).items()}
        assert {} == differences(trace, found)


@pytest.mark.parametrize("running", [pytest.param(name, marks=needs(name)) for name in RECEIVERS], indirect=True)
def test_20_000_spans_are_all_there(running: Running, request: pytest.FixtureRequest) -> None:
    """200 traces of 100 spans, for Phoenix 50: nothing is dropped, and each trace is whole."""
    traces = int(os.environ.get("SPANCAST_MANY") or RECEIVERS[request.node.callspec.params["running"]].many)
    backend, counts = running.for_many(100)
    with spancast.Pipeline(backend, service_name="many") as pipeline:
        ids = many(traces=traces, spans=100)
        assert True is pipeline.flush(300)
        report = pipeline.report()[backend.name]
    assert (100 * traces, 0, 0, 0) == (report.delivered, report.rejected, report.spooled, report.dropped)
    assert dict.fromkeys(ids, 100) == counts(ids)


@pytest.mark.parametrize("running", [pytest.param("mlflow", marks=needs("mlflow"))], indirect=True)
def test_mlflow_shows_user_session_tokens_and_cost(running: Running) -> None:
    """Beside the trace: who it was for, and the sums over its model calls."""
    memory: MemoryDestination = destinations.memory(convention="gen_ai")
    with spancast.Pipeline(memory, running.destination()) as pipeline:
        APPLICATIONS["the demo"](pipeline)
        assert True is pipeline.flush(30)
    calls = [span.attributes for span in memory.spans if span.attributes.get("gen_ai.operation.name") == "chat"]
    trace_id = memory.spans[0].trace_id
    running.spans(trace_id, len(memory.spans))
    found = shown(running.url, trace_id)
    assert ("user_12345", "session_abc") == (found["mlflow.trace.user"], found["mlflow.trace.session"])
    tokens = {name: sum(call[f"gen_ai.usage.{name}"] for call in calls) for name in ("input_tokens", "output_tokens")}
    assert {**tokens, "total_tokens": sum(tokens.values())} == json.loads(found["mlflow.trace.tokenUsage"])
    cost = sum(call["gen_ai.usage.total_cost"] for call in calls)
    assert pytest.approx(cost) == json.loads(found["mlflow.trace.cost"])["total_cost"]
