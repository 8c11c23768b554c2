"""The pages for LangChain's documentation: every block of code runs, in order, as a reader would run it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from examples.offline.servers import SPACE_KEY, Receiver, gateway
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

PAGES = Path(__file__).parents[2] / "integrations" / "langchain"
PROVIDER = PAGES / "providers" / "spancast.mdx"
CALLBACKS = PAGES / "callbacks" / "spancast.mdx"
BOTH = pytest.mark.parametrize("page", [PROVIDER, CALLBACKS], ids=["providers", "callbacks"])
# the gateway of the page is openrouter.ai: let the one on loopback count as it
LOOPBACK = "from spancast import openrouter as _o; _o.join.__kwdefaults__['hosts'] = ('127.0.0.1',)\n"


def blocks(page: Path, language: str = "python") -> list[str]:
    """Return the blocks of code in *language*, without the indentation of components around them."""
    found = re.findall(rf"^( *)```{language}\b[^\n]*\n(.*?)^\1```", page.read_text(), re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


def run(page: Path, folder: Path, code: str, **environment: str) -> str:
    """Run the blocks of *page*, as *code*, in a process and a folder of their own; return what they printed."""
    hidden = ("OTEL_", "ARIZE_", "OPENROUTER_", "SPANCAST_")
    around = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
    around |= {"SPANCAST_STATE_DIR": str(folder / "state"), "SPANCAST_CONFIG_DIR": str(folder / "config")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=around | environment, capture_output=True, text=True, timeout=120
    )
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


def in_arize(arize: Receiver) -> list[Any]:
    """Return the spans that Arize's stand-in got."""
    requests = [ExportTraceServiceRequest.FromString(body) for _, _, body in arize.requests]
    return [
        span
        for request in requests
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def test_the_provider_page_runs(tmp_path: Path) -> None:
    """Without any settings, traces go where it says."""
    code = "\n".join(blocks(PROVIDER))
    use = "from langchain_core.runnables import RunnableLambda as R\nR(str).invoke(1, {'callbacks': [handler]})\n"
    run(PROVIDER, tmp_path, code + use)
    assert '"name":"str"' in (tmp_path / ".spancast" / "traces.jsonl").read_text()


def test_the_callbacks_page_runs_and_does_what_it_says(tmp_path: Path) -> None:
    """One block after the other in one program; each section's promise is looked up in what was received."""
    with Receiver() as arize, Receiver() as collector, gateway(f"{collector.url}/v1/traces") as broadcasting:
        code = "\n".join(blocks(CALLBACKS)).replace("https://collector.example.com", collector.url)
        settings = {"OPENROUTER_API_KEY": "none", "OPENROUTER_API_BASE": broadcasting.url}
        keys = {"ARIZE_API_KEY": "none", "ARIZE_SPACE_ID": SPACE_KEY, "ARIZE_COLLECTOR_ENDPOINT": arize.url}
        printed = run(CALLBACKS, tmp_path, LOOPBACK + code, **settings, **keys)
        spans = in_arize(arize)
        by_name = {span.name: span for span in spans}
        said = {span.name: {item.key: item.value.string_value for item in span.attributes} for span in spans}

        # destinations, privacy mode
        assert re.search(r"arize: (\d+) delivered\notlp: \1 delivered", printed)
        assert arize.holds("This phone is great")
        assert not collector.holds("This phone is great")
        assert arize.holds("my-project")
        # chain, agent, every run
        assert "It is on its way.\nIt is on its way." in printed
        assert 3 == sum(span.name in ("support", "Support request") for span in spans)
        # names, users, sessions
        request = said["Support request"]
        assert ("user_12345", "session_abc") == (request["user.id"], request["session.id"])
        assert by_name["Nightly report"].trace_id.hex() in printed
        # human in the loop: one trace, no error, the thread is the session
        runs = [span for span in spans if span.name == "refund"]
        assert (3, 1) == (len(runs), len({span.trace_id for span in runs}))  # the paused, the resumed, and their root
        assert Status.STATUS_CODE_ERROR not in {span.status.code for span in runs}
        assert "ticket-4711" == said["refund"]["session.id"]
        # OpenRouter
        *unjoined, (_, _, joined) = broadcasting.requests
        assert not any("trace" in body for _, _, body in unjoined)
        parent = {span.span_id.hex(): span for span in spans}[joined["trace"]["parent_span_id"]]
        assert ("ChatOpenRouter", joined["trace"]["trace_id"]) == (parent.name, parent.trace_id.hex())
        assert "user_12345" == joined["user"]


@BOTH
def test_the_front_matter_is_what_the_site_reads(page: Path) -> None:
    """A title and a description; no heading of the first level, sentence case in the others."""
    text = page.read_text()
    front, body = text.split("---\n", 2)[1:]
    assert re.search(r'^title: "spancast [a-z ]+"$', front, re.MULTILINE)
    assert re.search(r'^description: ".{20,160}\."$', front, re.MULTILINE)
    assert [] == re.findall(r"^# ", re.sub(r"```.*?```", "", body, flags=re.DOTALL), re.MULTILINE)
    headings = re.findall(r"^## (.*)", body, re.MULTILINE)
    known = {"OpenRouter", "Broadcast"}
    assert [] == [h for h in headings for word in h.split()[1:] if word[0].isupper() and word not in known]


@BOTH
def test_components_are_closed_and_links_are_root_relative(page: Path) -> None:
    """The site's build refuses what is open; links name no language."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    opened = re.findall(r"<([A-Z]\w+)", text)
    assert sorted(opened) == sorted(re.findall(r"</([A-Z]\w+)>", text))
    links = re.findall(r"(?:\]\(|href=\")(.*?)[)\"]", text)
    assert [] == [
        link for link in links if not link.startswith(("https://", "/oss/")) or link.startswith("/oss/python/")
    ]


def test_the_pages_refer_to_headings_that_are_there() -> None:
    """A link into the other page ends at one of its sections."""
    anchors = re.findall(r"/oss/integrations/callbacks/spancast#([\w-]+)", PROVIDER.read_text())
    headings = {h.lower().replace(" ", "-") for h in re.findall(r"^## (.*)", CALLBACKS.read_text(), re.MULTILINE)}
    assert ["join-openrouter-broadcast"] == anchors
    assert set(anchors) <= headings


@BOTH
def test_both_installers_install_the_same(page: Path) -> None:
    """Pip and uv name the same packages."""
    lines = [line for block in blocks(page, "bash") for line in block.splitlines()]
    pip = [line.removeprefix("pip install -U ") for line in lines if line.startswith("pip install")]
    assert pip == [line.removeprefix("uv add ") for line in lines if line.startswith("uv add")]
