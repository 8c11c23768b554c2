"""What real receivers do when they restart, are slow, or are asked wrongly: every span is where the ledger says."""

from __future__ import annotations

import contextvars
import threading
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from typer.testing import CliRunner

import spancast
from spancast import destinations
from spancast.cli import commands
from spancast.destinations import Destination

from .applications import many
from .arize_phoenix import running_phoenix
from .cache import needs
from .mlflow_server import running_mlflow
from .program import until
from .under_test import PROTOBUF, RECEIVERS, Running

ALL = [pytest.param(name, marks=needs(name.partition(" ")[0])) for name in RECEIVERS]
KEY = "receivers-admin-secret-0123456789-abcdef"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Running]]:
    """Return what starts a receiver once; each runs until the last test of this file."""
    with ExitStack() as stack:

        @cache
        def start(name: str) -> Running:
            return stack.enter_context(
                (RECEIVERS[name].start_lasting or RECEIVERS[name].start)(tmp_path_factory.mktemp(name))
            )

        yield start


@pytest.fixture
def running(request: pytest.FixtureRequest, started: Callable[[str], Running]) -> Running:
    """Return a running receiver of the kind that the test asks for."""
    return started(request.param)


def columns(pipeline: spancast.Pipeline, backend: Destination) -> tuple[int, int, int, int]:
    """Return delivered, rejected, spooled, dropped."""
    report = pipeline.report()[backend.name]
    return report.delivered, report.rejected, report.spooled, report.dropped


@pytest.mark.parametrize("running", ALL, indirect=True)
def test_a_restart_in_the_middle_of_traffic_loses_nothing(running: Running) -> None:
    """It ends in order while spans come in, is away, and comes back: all are delivered once, and all are there."""
    backend, ids, enough = running.destination(), list[str](), threading.Event()

    def traffic() -> None:
        while len(ids) < 600 and not enough.wait(0.05):  # some receivers end for a minute, and store 45 spans a second
            ids.extend(many(traces=1, spans=10))

    with spancast.Pipeline(backend) as pipeline:
        application = threading.Thread(target=contextvars.copy_context().run, args=(traffic,))
        application.start()
        try:
            until(lambda: pipeline.report()[backend.name].delivered, bool)
            running.program.stop()
            assert until(lambda: pipeline.report()[backend.name].last_error, bool)
        finally:
            enough.set()
            application.join()
        assert False is pipeline.flush(2)
        running.program.start()
        assert True is pipeline.flush(120)
        assert (10 * len(ids), 0, 0, 0) == columns(pipeline, backend)
    assert [] == [trace_id for trace_id in ids if len(running.spans(trace_id, 10)) != 10]


@pytest.mark.parametrize("running", ALL, indirect=True)
def test_what_a_process_leaves_on_disk_is_sent_by_the_next(running: Running) -> None:
    """The receiver is away until the process has ended: its spans lie in the spool, and the next process replays them."""
    running.program.stop()
    backend = running.destination()
    with spancast.Pipeline(backend) as pipeline:
        ids = many(traces=2, spans=10)
        assert False is pipeline.shutdown(2)
        assert (0, 0, 20, 0) == columns(pipeline, backend)
    running.program.start()
    again = running.destination()
    with spancast.Pipeline(again) as pipeline:
        assert 20 == until(lambda: pipeline.report()[again.name].replayed, lambda count: count >= 20)
    assert [10, 10] == [len(running.spans(trace_id, 10)) for trace_id in ids]


@pytest.mark.parametrize("running", ALL, indirect=True)
def test_a_receiver_that_answers_too_late_gets_the_spans_again(running: Running) -> None:
    """It takes the request, and says nothing until spancast has given up on the answer: nothing is lost."""
    backend = running.destination(timeout=1.0)
    with spancast.Pipeline(backend) as pipeline:
        running.program.freeze()
        ids = many(traces=2, spans=10)
        try:
            said = until(lambda: pipeline.report()[backend.name].last_error, bool)
        finally:
            running.program.thaw()
        assert "did not answer" in said
        assert True is pipeline.flush(60)
        assert (20, 0, 0, 0) == columns(pipeline, backend)
    assert [10, 10] == [len(running.spans(trace_id, 10)) for trace_id in ids]


@pytest.mark.parametrize("running", ALL, indirect=True)
def test_a_wrong_path_is_named(running: Running) -> None:
    """The test of the connection says that nothing takes traces there; spans are rejected with the reason, not lost."""
    wrong = destinations.otlp(f"{running.url}/v1/nothing", name="wrong", protocol=PROTOBUF)
    checked = wrong.check()
    assert ("path", True) == (checked.verdict, checked.code in ("E404", "E405"))  # Phoenix: not allowed there
    with spancast.Pipeline(wrong) as pipeline:
        many(traces=1, spans=3)
        assert False is pipeline.flush(30)
        assert (0, 3, 0, 0) == columns(pipeline, wrong)


@pytest.mark.parametrize("running", ALL, indirect=True)
def test_a_long_text_is_cut_so_that_it_is_taken(running: Running) -> None:
    """An attribute of 25 MB, above the limit of the Collector's receiver: the span arrives, and says that it was cut.

    Jaeger here stores in Badger, which takes 65,000 bytes of an attribute; the next test has what happens above.
    """
    backend = running.destination(**({"max_content_chars": 60_000} if "jaeger" in running.arguments else {}))
    with spancast.Pipeline(backend) as pipeline:
        with spancast.trace(trace_name="long") as handle:
            handle.set_attribute("value.long", "x" * 25_000_000)
        assert True is pipeline.flush(60)
        assert (1, 0, 0, 0) == columns(pipeline, backend)
    (span,) = running.spans(handle.trace_id, 1).values()
    text = span.attributes["value.long"]
    assert ("x" * 1000, True) == (text[:1000], len(text) < 300_000)
    assert True is (span.attributes.get("value.long.truncated") is True or "more characters" in text[-50:])


@pytest.mark.parametrize("running", [pytest.param("jaeger", marks=needs("jaeger"))], indirect=True)
def test_an_attribute_too_long_for_badger_is_cut_and_costs_no_other(running: Running) -> None:
    """Jaeger answers 503 to the request; spancast looks for the span, sends it cut, and says what to set."""
    backend = running.destination()
    with spancast.Pipeline(backend) as pipeline:
        with spancast.trace(trace_name="root") as handle:
            for length in (10, 70_000, 10):
                with spancast.trace(kind="TOOL", trace_name="child") as child:
                    child.set_attribute("value.long", "x" * length)
        assert True is pipeline.flush(60)
        assert (4, 0, 0, 0) == columns(pipeline, backend)
        assert "max_content_chars" in str(pipeline.report()[backend.name].last_error)
    found = running.spans(handle.trace_id, 4).values()
    (cut,) = [len(span.attributes["value.long"]) for span in found if span.attributes.get("value.long.truncated")]
    assert (4, True) == (len(found), 30_000 < cut < 65_000)


@pytest.mark.parametrize("name", [pytest.param(name, marks=needs(name)) for name in ("collector", "jaeger")])
def test_a_request_above_20_mib_would_be_final(name: str, tmp_path: Path) -> None:
    """What the presets stay below: the receiver answers 400, which no sender tries again."""
    span = Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="x" * (21 * 2**20))
    body = ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=[span])])])
    with RECEIVERS[name].start(tmp_path) as running:
        headers = {"Content-Type": "application/x-protobuf"}
        request = urllib.request.Request(f"{running.url}/v1/traces", body.SerializeToString(), headers)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60)
    assert 400 == refused.value.code
    refused.value.close()


@pytest.mark.parametrize("running", ALL, indirect=True)
def test_adding_it_sends_a_span_and_doctor_finds_it_well(
    running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`spancast destinations add` saves it after its test passed, `spancast doctor` tests it again."""
    monkeypatch.chdir(tmp_path)
    added = CliRunner().invoke(commands(), ["destinations", "add", *running.arguments])
    assert (0, True) == (added.exit_code, "saved in" in added.output), added.output
    checked = CliRunner().invoke(commands(), ["doctor"])
    assert (0, True) == (checked.exit_code, "HTTP 200" in checked.output), checked.output
    refused = CliRunner().invoke(
        commands(), ["destinations", "add", "otlp", "--endpoint", f"{running.url}/v1/nothing", "--name", "wrong"]
    )
    assert (True, "NOT saved" in refused.output) == (refused.exit_code != 0, True), refused.output


@pytest.mark.parametrize("name", [pytest.param("mlflow", marks=needs("mlflow"))])
def test_a_wrong_password_is_named_and_is_not_shown(name: str, tmp_path: Path) -> None:
    """MLflow with its basic authentication: refused by the test of the connection, spans rejected; the right one passes."""
    with running_mlflow(tmp_path, KEY) as mlflow:

        def to_it(password: str) -> Destination:
            encoded = b64encode(f"admin:{password}".encode()).decode()
            return destinations.mlflow(
                base_url=mlflow.url, name=name, headers={"Authorization": f"Basic {encoded}"}, timeout=30.0
            )

        wrong = to_it("wrong-password")
        checked = wrong.check()
        assert ("credentials", "E401") == (checked.verdict, checked.code), str(checked)
        with spancast.Pipeline(wrong) as pipeline:
            many(traces=1, spans=3)
            assert False is pipeline.flush(30)
            assert (0, 3, 0, 0) == columns(pipeline, wrong)
        assert True is to_it(KEY).check().passed


@pytest.mark.parametrize("name", [pytest.param("phoenix", marks=needs("phoenix"))])
def test_a_wrong_key_is_named_and_is_not_shown(name: str, tmp_path: Path) -> None:
    """Phoenix with authentication: spans are rejected with a reason that names the key's header, never the key."""
    with running_phoenix(tmp_path, KEY) as phoenix:
        wrong = destinations.phoenix(phoenix.url, api_key="wrong-key-0123456789", project_name=name)
        checked = wrong.check()
        assert ("credentials", "E401", False) == (checked.verdict, checked.code, "wrong-key" in str(checked))
        with spancast.Pipeline(wrong) as pipeline:
            many(traces=1, spans=3)
            assert False is pipeline.flush(30)
            assert (0, 3, 0, 0) == columns(pipeline, wrong)
            assert "wrong-key" not in str(pipeline.report())
        assert True is destinations.phoenix(phoenix.url, api_key=KEY, project_name=name).check().passed
