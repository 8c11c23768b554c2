"""A workflow on DBOS whose process dies: the run that recovers it goes on in the same trace, and no step is there twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

try:
    RUNS = int(version("dbos").partition(".")[0]) < 3 and bool(version("llama-agents-dbos"))
except PackageNotFoundError:
    RUNS = False

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not RUNS, reason='uv pip install llama-agents-dbos "dbos<3": 0.7.0 of the runtime does not start with dbos 3'
    ),
]

APPLICATION = """
import asyncio, os, sys
from dbos import DBOS
from llama_agents.dbos import DBOSRuntime
from llama_index.core.llms import MockLLM
from workflows import Workflow, step
from workflows.events import Event, StartEvent, StopEvent
import spancast
from spancast import destinations, llama_index

folder, crashes = sys.argv[1], sys.argv[2] == "crashes"
spancast.configure(destinations.file(f"{folder}/spans.jsonl", convention="gen_ai"), spool=False)
llama_index.set_global_handler()
DBOS(config={"name": "app", "system_database_url": f"sqlite:///{folder}/dbos.sqlite", "executor_id": "one"})
runtime = DBOSRuntime()

class Found(Event):
    shelf: int

class Order(Workflow):
    @step
    async def look_up(self, event: StartEvent) -> Found:
        return Found(shelf=7)

    @step
    async def answer(self, event: Found) -> StopEvent:
        if crashes:
            spancast.flush(5)
            os._exit(9)
        return StopEvent(result=str(await MockLLM(max_tokens=3).acomplete("hello world")))

order = Order(runtime=runtime)

async def main():
    await runtime.launch()
    if crashes:
        with spancast.trace(trace_name="Order", session_id="s1"):
            await order.run()
    while any(each.status != "SUCCESS" for each in await DBOS.list_workflows_async()):
        await asyncio.sleep(0.05)
    await runtime.destroy()
    spancast.flush(5)

asyncio.run(main())
"""


def run(folder: Path, *arguments: str) -> int:
    """Run the application in a process of its own; return its exit status."""
    environment = {**os.environ, "SPANCAST_HOME": str(folder)}
    command = [sys.executable, "-c", APPLICATION, str(folder), *arguments]
    return subprocess.run(command, env=environment, timeout=120, capture_output=True, check=False).returncode


def spans_in(folder: Path) -> list[dict[str, Any]]:
    """Return the spans that the application's processes wrote."""
    lines = [json.loads(line) for line in (folder / "spans.jsonl").read_text().splitlines()]
    scopes = [scope for line in lines for resource in line["resourceSpans"] for scope in resource["scopeSpans"]]
    return [span for scope in scopes for span in scope["spans"]]


def test_a_recovered_run_goes_on_in_its_trace(tmp_path: Path) -> None:
    """DBOS stores where the run was begun and gives it back to who recovers it; finished steps are not run again."""
    assert 9 == run(tmp_path, "crashes")
    before = [span["name"] for span in spans_in(tmp_path)]
    assert ["Order.look_up"] == before
    assert 0 == run(tmp_path, "recovers")
    spans = spans_in(tmp_path)
    assert 1 == len({span["traceId"] for span in spans})
    assert ["Order.answer", "Order.look_up", "Order.run", "text_completion"] == sorted(span["name"] for span in spans)
    sessions = [each["value"] for span in spans for each in span["attributes"] if each["key"] == "session.id"]
    assert [{"stringValue": "s1"}] * 4 == sessions
