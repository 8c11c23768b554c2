"""The demo's trace, in both conventions at once, and the command that shows it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from examples.offline.servers import Receiver, gateway
from typer.testing import CliRunner

import spancast
from spancast import cli, destinations
from spancast.commands import demo as commands
from spancast.demo import support_agent as demo
from spancast.destinations.targets.memory import MemorySpan

from .. import goldens

HERE = Path(__file__).parent / "goldens"


@pytest.fixture(scope="module")
def ran() -> dict[str, list[MemorySpan]]:
    """Run the demo once, recorded for two destinations in two conventions."""
    conventions = {name: destinations.memory(name=name, convention=name) for name in ("openinference", "gen_ai")}
    with spancast.Pipeline(*conventions.values()) as pipeline:
        asyncio.run(demo.run(pipeline, lambda _: None))
        assert 0 == pipeline.recorder.open_operations
    return {name: destination.spans for name, destination in conventions.items()}


@pytest.mark.parametrize("convention", ["openinference", "gen_ai"])
def test_the_demos_tree_is_the_golden_one(convention: str, ran: dict[str, list[MemorySpan]]) -> None:
    """One run gives the same tree in both conventions, each with its own names, as the golden files say."""
    goldens.check(HERE / f"demo.{convention}.json", ran[convention])


def test_both_destinations_have_the_same_spans(ran: dict[str, list[MemorySpan]]) -> None:
    """Ids, parents and times are the same in both conventions."""
    one, other = (
        {(span.span_id, span.parent_span_id, span.trace_id, span.start_ns, span.end_ns) for span in spans}
        for spans in ran.values()
    )
    assert one == other
    assert 24 == len(one)


def test_the_command_shows_the_tree_and_the_delivery(tmp_path: Path) -> None:
    """`spancast demo` prints the tree, says where the file is, and ends with the delivery per destination."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "ARIZE_", "OPENR"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "spancast", "demo"],
        cwd=tmp_path,
        env={**environment, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "" == done.stderr
    assert 0 == done.returncode
    lines = done.stdout.strip().splitlines()
    assert "delivery: ✓ file: 24 delivered" in lines
    assert "OTLP JSON lines: .spancast/traces.jsonl" in done.stdout
    for shown in ("CHAIN Support request", "AGENT Answer the customer", "✗ TOOL", "TimeoutError", "RETRIEVER", "$0.00"):
        assert shown in done.stdout
    assert len(lines) <= 55
    assert (tmp_path / ".spancast" / "traces.jsonl").is_file()


@pytest.mark.slow
def test_the_demo_delivers_to_what_the_environment_names(tmp_path: Path) -> None:
    """With an OTLP endpoint in the environment, the demo sends there too and says what became of it."""
    from ..receivers.recording import recording_receiver

    with recording_receiver() as receiver:
        done = subprocess.run(
            [sys.executable, "-m", "spancast", "demo"],
            cwd=tmp_path,
            env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "COLUMNS": "100"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert "delivery: ✓ file: 24 delivered · ✓ otlp: 24 delivered" in done.stdout.splitlines()
        assert {"/v1/traces"} == {request.path for request in receiver.requests}
        assert 24 == len(receiver.json_spans())


JOINED = """
import functools
from spancast import cli, openrouter

openrouter.join = functools.partial(openrouter.join, hosts=["127.0.0.1"])  # what stands in for the gateway is here
cli.main()
"""


@pytest.mark.slow
def test_a_real_model_is_joined_to_the_gateways_broadcast(tmp_path: Path) -> None:
    """With `OPENROUTER_API_KEY` the gateway's own span of a request lies in the demo's trace, under the model's span."""
    pytest.importorskip("langchain_openrouter", reason="langchain-openrouter is not installed")
    with Receiver() as collector, gateway(f"{collector.url}/v1/traces") as broadcasting:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", JOINED, "demo"],
            cwd=tmp_path,
            env={**os.environ, "OPENROUTER_API_KEY": "none", "OPENROUTER_API_BASE": broadcasting.url},
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert (0, True) == (done.returncode, "It is on its way." in done.stdout)
    lines = (tmp_path / ".spancast" / "traces.jsonl").read_text().splitlines()
    ours = [span for line in lines for span in json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"]]
    (asked,) = [body["trace"] for _, _, body in broadcasting.requests]
    (model,) = [span for span in ours if span["name"] == "Think"]
    expected = (model["traceId"], model["spanId"], "Support request")
    assert expected == (asked["trace_id"], asked["parent_span_id"], asked["trace_name"])
    ((_, _, theirs),) = collector.requests
    generation = json.loads(theirs)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert expected[:2] == (generation["traceId"], generation["parentSpanId"])


def test_a_real_model_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence that says what to install, instead of a failing agent."""
    monkeypatch.setenv("OPENROUTER_API_KEY", "none")
    found = commands.find_spec
    monkeypatch.setattr(commands, "find_spec", lambda name: None if name == "langchain_openrouter" else found(name))
    done = CliRunner().invoke(cli.commands(), ["demo"])
    assert 2 == done.exit_code
    assert 'pip install "spancast[openrouter]"' in done.output
