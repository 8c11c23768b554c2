"""Phoenix, Arize's own open-source server, takes the demo's trace, and its answers are understood.

Slow: it is installed from PyPI and started on loopback with authentication on (`receivers/arize_phoenix.py`).
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
import urllib.error
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import spancast
from spancast import destinations
from spancast.destinations import MemoryDestination

from .receivers.arize_phoenix import Phoenix, running_phoenix
from .test_examples import run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="the virtual environment's layout is Unix's"),
]
ADMIN = "spancast-admin-secret-0123456789-abcdef"
PROJECT = "spancast-demo"


@pytest.fixture(scope="module")
def phoenix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phoenix]:
    """Return a running Phoenix with authentication on."""
    with running_phoenix(tmp_path_factory.mktemp("phoenix"), admin=ADMIN) as phoenix:
        yield phoenix


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the machine's own proxy out."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def stored(phoenix: Phoenix, trace_id: str, count: int) -> list[dict[str, Any]]:
    """Return a trace's spans once *count* of them are stored."""
    return phoenix.stored(PROJECT, trace_id, count)


def test_phoenix_takes_the_demos_trace(phoenix: Phoenix) -> None:
    """Tree, kinds, names, tokens, cost's model and session come back as they were sent."""
    from spancast.demo import support_agent as demo

    memory: MemoryDestination = destinations.memory(convention="openinference")
    backend = destinations.phoenix(phoenix.url, api_key=ADMIN, project_name=PROJECT)
    with spancast.Pipeline(backend, memory) as pipeline:
        asyncio.run(demo.run(pipeline, lambda piece: None))
        assert True is pipeline.flush(30)
        report = pipeline.report()["phoenix"]
        sent = {span.span_id: span for span in memory.spans}
    assert (len(sent), 0, 0) == (report.delivered, report.rejected, report.dropped)
    trace_id = memory.spans[0].trace_id
    back = {span["context"]["span_id"]: span for span in stored(phoenix, trace_id, len(sent))}
    assert set(sent) == set(back)
    for span_id, span in sent.items():
        read = back[span_id]
        assert (span.name, span.kind.value, span.parent_span_id) == (read["name"], read["span_kind"], read["parent_id"])
        attributes = read["attributes"]
        assert ("session_abc", "user_12345") == (attributes["session.id"], attributes["user.id"])
        for name, value in span.attributes.items():
            if name.startswith("llm.token_count.") or name in ("llm.model_name", "tool.name"):
                assert (name, value) == (name, attributes[name])
    assert 4 <= len([span for span in sent.values() if span.attributes.get("llm.token_count.total")])
    errors = {span_id for span_id, span in back.items() if span["status_code"] == "ERROR"}
    assert {span_id for span_id, span in sent.items() if span.status == "ERROR"} == errors


def test_phoenix_keeps_metadata_as_an_object(phoenix: Phoenix) -> None:
    """Sent as one JSON text, read back by key, whole: `metadata.<key>` beside it would have clashed."""
    backend = destinations.phoenix(phoenix.url, api_key=ADMIN, project_name=PROJECT)
    with spancast.Pipeline(backend) as pipeline:
        with spancast.trace(trace_name="metadata", dataset="demo", nested={"a": [1]}) as handle:
            pass
        assert True is pipeline.flush(30)
    (span,) = stored(phoenix, handle.trace_id, 1)
    held = {name: value for name, value in span["attributes"].items() if name.startswith("metadata")}
    assert ["demo", [1]] == [held.get("metadata.dataset"), held.get("metadata.nested.a")], held


_SESSIONS = """{ projects(first: 10) { edges { node { name sessions(first: 10) { edges { node {
    sessionId numTraces firstInput { truncatedValue } lastOutput { truncatedValue }
    traces(first: 10) { edges { node { rootSpan { name statusCode output { truncatedValue } } } } }
} } } } } } }"""


def session(phoenix: Phoenix, session_id: str) -> dict[str, Any]:
    """Return what the session view of Phoenix shows."""
    for project in phoenix.ask(_SESSIONS)["projects"]["edges"]:
        for edge in project["node"]["sessions"]["edges"]:
            if edge["node"]["sessionId"] == session_id:
                return dict(edge["node"])
    return {}


def test_a_resumed_run_ends_its_trace(phoenix: Phoenix) -> None:
    """After interrupt and resume the session shows the question, the final answer and status OK, in one trace."""
    from langchain_core.messages import AIMessage
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.graph import START, MessagesState, StateGraph
    from langgraph.types import Command, interrupt

    from spancast.langchain import SpancastCallbackHandler

    def ask(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage(f"done: {interrupt('sure?')}")]}

    built = StateGraph(MessagesState)
    built.add_node("ask", ask)
    built.add_edge(START, "ask")
    graph = built.compile(checkpointer=InMemorySaver(), name="support")
    backend = destinations.phoenix(phoenix.url, api_key=ADMIN, project_name=PROJECT)
    with spancast.Pipeline(backend) as pipeline:
        handler = SpancastCallbackHandler()
        config: Any = {"callbacks": [handler], "configurable": {"thread_id": "thread-of-a-refund"}}
        graph.invoke({"messages": [("user", "refund 17")]}, config)
        paused = handler.last_trace
        assert paused is not None
        assert True is pipeline.flush(30)
        waiting = stored(phoenix, paused.trace_id, 2)
        graph.invoke(Command(resume="yes"), config)
        assert True is pipeline.flush(30)
    assert 2 == len(waiting)  # what paused is seen before anybody answers
    assert 5 == len(stored(phoenix, paused.trace_id, 5))
    shown = session(phoenix, "thread-of-a-refund")
    (root,) = (edge["node"]["rootSpan"] for edge in shown["traces"]["edges"])
    assert "refund 17" in shown["firstInput"]["truncatedValue"]
    for output in (shown["lastOutput"], root["output"]):
        assert "done: yes" in output["truncatedValue"]
    assert (1, "support", "OK") == (shown["numTraces"], root["name"], root["statusCode"])


def annotations(phoenix: Phoenix, scope: str, ids: str, most: int) -> list[dict[str, Any]]:  # type: ignore[no-redef]
    """Return what Phoenix's API shows of the annotations of a span, a trace or a session, once *most* are there."""
    end = time.monotonic() + 60
    found: list[dict[str, Any]] = []
    while len(found) < most and time.monotonic() < end:
        time.sleep(0.5)
        with suppress(urllib.error.HTTPError):  # 404 until the project, or the session, is stored
            found = phoenix.get(f"/v1/projects/{PROJECT}/{scope}_annotations?{scope}_ids={ids}")["data"]
    return found


def test_scores_are_annotations(phoenix: Phoenix) -> None:
    """A score stands on its span, its trace and its session in Phoenix's API, and no span was made of it."""
    backend = destinations.phoenix(phoenix.url, api_key=ADMIN, project_name=PROJECT)
    with spancast.Pipeline(backend) as pipeline:
        with spancast.trace(trace_name="Ask", session_id="scored-session") as trace:
            spancast.score("grounded", 0.8, annotator="llm", explanation="Cites both pages.", metadata={"judge": "j1"})
        trace.score("helpful", True, label="thumbs-up", identifier="u1")
        spancast.score("complete", 1, trace_id=trace.trace_id)
        spancast.score("solved", 0, session_id="scored-session")
        assert True is pipeline.flush(30)
        report = pipeline.report()["phoenix"]
    assert (1, 4, 4) == (report.delivered, report.scores.recorded, report.scores.delivered)

    on_span = {each["name"]: each for each in annotations(phoenix, "span", trace.span_id, 2)}
    grounded, helpful = on_span["grounded"], on_span["helpful"]
    assert ("LLM", 0.8, "Cites both pages.", {"judge": "j1"}) == (
        grounded["annotator_kind"],
        grounded["result"]["score"],
        grounded["result"]["explanation"],
        grounded["metadata"],
    )
    assert ("HUMAN", 1.0, "thumbs-up", "u1") == (
        helpful["annotator_kind"],
        helpful["result"]["score"],
        helpful["result"]["label"],
        helpful["identifier"],
    )
    assert ["complete"] == [each["name"] for each in annotations(phoenix, "trace", trace.trace_id, 1)]
    assert ["solved"] == [each["name"] for each in annotations(phoenix, "session", "scored-session", 1)]
    assert ["Ask"] == [span["name"] for span in stored(phoenix, trace.trace_id, 1)]


def test_the_examples_thumb_stands_on_its_span(phoenix: Phoenix, tmp_path: Path) -> None:
    """The endpoint's score, and that of another process with the ids of a log line."""
    where = {"PHOENIX_COLLECTOR_ENDPOINT": phoenix.url, "PHOENIX_API_KEY": ADMIN, "PHOENIX_PROJECT": PROJECT}
    printed = run("feedback.py", tmp_path, **where)
    found = re.search(r"answered trace_id=(\w+) span_id=(\w+)", printed)
    assert found is not None
    assert "delivered: True" in run("feedback.py", tmp_path, *found.groups(), **where)
    names = {each["name"] for each in annotations(phoenix, "span", found.group(2), 2)}
    assert {"helpful", "resolved"} == names


def test_phoenix_takes_what_goes_through_a_provider_of_its_own(phoenix: Phoenix) -> None:
    """`configure(tracer_provider=...)` with a provider set up for Phoenix: kinds, input, output and session are there."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from spancast.demo import support_agent as demo

    provider = TracerProvider(resource=Resource({"openinference.project.name": PROJECT}))
    exporter = OTLPSpanExporter(f"{phoenix.url}/v1/traces", headers={"authorization": f"Bearer {ADMIN}"})
    provider.add_span_processor(BatchSpanProcessor(exporter))
    memory: MemoryDestination = destinations.memory(convention="openinference")
    with spancast.Pipeline(memory, tracer_provider=provider) as pipeline:
        asyncio.run(demo.run(pipeline, lambda piece: None))
        assert True is pipeline.flush(30)
        sent = {span.span_id: span for span in memory.spans}
    provider.shutdown()
    back = {span["context"]["span_id"]: span for span in stored(phoenix, memory.spans[0].trace_id, len(sent))}
    assert set(sent) == set(back)
    for span_id, span in sent.items():
        read = back[span_id]
        assert (span.kind.value, span.parent_span_id) == (read["span_kind"], read["parent_id"])
        for name in ("input.value", "output.value", "session.id", "user.id"):
            assert (name, span.attributes.get(name)) == (name, read["attributes"].get(name))
    assert 4 <= len([span for span in sent.values() if "output.value" in span.attributes])


def test_the_connection_test_passes_and_reads_phoenixs_refusals(phoenix: Phoenix) -> None:
    """A right key passes; a wrong one is "credentials"; JSON is "use protobuf"; the page's address is no receiver."""
    bearer = {"Authorization": f"Bearer {ADMIN}"}
    right = destinations.phoenix(phoenix.url, api_key=ADMIN, project_name=PROJECT).check()
    assert (True, "passed") == (right.passed, right.verdict)
    wrong = destinations.phoenix(phoenix.url, api_key="wrong-key-0123456789", project_name=PROJECT).check()
    assert ("credentials", "E401", False) == (wrong.verdict, wrong.code, "wrong-key" in str(wrong))
    no_json = destinations.otlp(f"{phoenix.url}/v1/traces", headers=bearer).check()
    assert ("use protobuf", "E415") == (no_json.verdict, no_json.code)
    page = destinations.otlp(f"{phoenix.url}/", headers=bearer, protocol="http/protobuf").check()
    assert "path" == page.verdict
