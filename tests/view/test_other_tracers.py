"""What other tracers' own instrumentation sends is shown like spancast's: OpenInference's and OpenLLMetry's, run for real.

Slow: OpenLLMetry is installed from PyPI into an environment of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from spancast.view.query import Filters, list_traces, span_data

from ..browser import needs_chromium, picture, running_chromium
from ..package.environments import environment
from .site import Site

pytestmark = [pytest.mark.slow, pytest.mark.alone]
APPLICATION = Path(__file__).parent / "traced_by_others.py"
OPENLLMETRY = (
    "langchain",
    "langgraph",
    "opentelemetry-instrumentation-langchain",
    "opentelemetry-exporter-otlp-proto-http",
)


@pytest.fixture(scope="module")
def pythons(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the Python that has each tracer."""
    theirs = environment(tmp_path_factory.mktemp("openllmetry") / "environment", *OPENLLMETRY)
    return {"openinference": Path(sys.executable), "openllmetry": theirs.python}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """`spancast serve`, in this process."""
    site = Site()
    yield site
    site.close()


@pytest.mark.parametrize("tracer", ["openinference", "openllmetry"])
def test_an_agents_trace_reads_like_our_own(tracer: str, pythons: dict[str, Path], site: Site) -> None:
    """In the list: question, answer, tokens, session; in the trace: kinds, the tool's arguments and result, the chat."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "TRACELOOP_", "PYTHON"))}
    command = [str(pythons[tracer]), "-W", "ignore", str(APPLICATION), tracer, f"{site.url}/v1/traces"]
    done = subprocess.run(command, env=kept, capture_output=True, text=True, timeout=240)
    assert 0 == done.returncode, done.stderr
    row = list_traces(site.store, Filters())[0]
    expected = ("Where is my order 17?", "It is on its way.", 240, 60, "s1")
    assert expected == tuple(row[name] for name in ("input", "output", "input_tokens", "output_tokens", "session"))
    spans = site.store.spans(row["trace_id"])
    models = [span for span in spans if span.kind == "LLM"]
    (tool,) = [span_data(span) for span in spans if span.kind == "TOOL"]
    assert 2 == len(models)
    assert "'order': 17" in str(tool["content"]["input"])
    assert "order 17: shipped" in str(tool["content"]["output"])
    answer = span_data(models[-1])["content"]["output_messages"][-1]
    assert ("assistant", "It is on its way.") == (answer["role"], answer["parts"][0]["text"])
    _look(site, row["trace_id"], tracer)


def _look(site: Site, trace_id: str, tracer: str) -> None:
    """Open the trace on the page, where there is a browser, and keep a picture."""
    if needs_chromium.args[0]:
        return
    with running_chromium() as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 850})
        page.goto(f"{site.url}/#/trace/{trace_id}")
        page.get_by_role("treeitem").filter(has_text="LLM").last.click()
        page.locator(".message[data-answer]").get_by_text("It is on its way.").wait_for()
        picture(page, f"from-{tracer}")
