"""`protocol="grpc"`: a real gRPC receiver gets the spans, and what goes wrong is counted and said as over HTTP."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

import spancast
from spancast import destinations
from spancast.commands.replay import waiting
from spancast.delivery.replay import replay_all
from spancast.delivery.spool import Spool
from spancast.destinations.rendering import check_span
from spancast.otlp.grpc_answers import failed
from spancast.otlp.outcome import Outcome, Verdict
from spancast.validation import SettingsError

from ..receivers.recording import recording_receiver

Behaviour = Callable[[int, Any], Any]


class Receiver(TraceServiceServicer):
    """Keeps what arrives, and its metadata; `behave` answers the nth call, or aborts it."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.metadata: list[dict[str, Any]] = []
        self.calls = 0
        self.behave: Behaviour = lambda number, context: None

    def Export(self, request: Any, context: Any) -> Any:
        self.calls += 1
        self.metadata.append(dict(context.invocation_metadata()))
        answer = self.behave(self.calls, context) or ExportTraceServiceResponse()
        self.requests.append(request)
        return answer

    @property
    def names(self) -> list[str]:
        """The names of the spans that arrived."""
        scopes = [scope for request in self.requests for each in request.resource_spans for scope in each.scope_spans]
        return [span.name for scope in scopes for span in scope.spans]


@contextmanager
def serving(
    *, port: int = 0, tls: Any = None, options: Sequence[tuple[str, int]] = ()
) -> Iterator[tuple[Receiver, str]]:
    """Run a receiver of OTLP/gRPC; yield it and its address."""
    made = Receiver()
    server = grpc.server(ThreadPoolExecutor(2), options=options)
    add_TraceServiceServicer_to_server(made, server)
    address = f"127.0.0.1:{port}"
    port = server.add_secure_port(address, tls) if tls else server.add_insecure_port(address)
    server.start()
    try:
        yield made, f"{'https' if tls else 'http'}://localhost:{port}"
    finally:
        server.stop(None).wait()


@pytest.fixture
def receiver() -> Iterator[tuple[Receiver, str]]:
    """Yield a receiver of OTLP/gRPC and its address."""
    with serving() as running:
        yield running


def exported(address: str, count: int = 1, size: int = 10, **options: Any) -> Outcome:
    """Send *count* spans in one call; return what its answer means."""
    destination = destinations.otlp(address, protocol="grpc", **{"timeout": 10.0, **options})
    exporter: Any = destination.target.exporter(dict)
    span = exporter.encode(replace(check_span(destination), attributes={"text": "x" * size}))
    try:
        return exporter.export([span] * count, 10.0)
    finally:
        exporter.close()


def aborting(code: str, details: str = "sorry", retry_after: float | None = None) -> Behaviour:
    """Return what ends each call with *code*, and with `RetryInfo` where it says *retry_after* seconds."""

    def behave(number: int, context: Any) -> None:
        status = grpc.StatusCode[code]
        if retry_after is not None:
            message = Status(code=status.value[0], message=details)
            delay = Duration(seconds=int(retry_after), nanos=int(retry_after % 1 * 1e9))
            message.details.add().Pack(RetryInfo(retry_delay=delay))
            context.set_trailing_metadata((("grpc-status-details-bin", message.SerializeToString()),))
        context.abort(status, details)

    return behave


def test_spans_arrive_with_headers_and_resource(receiver: tuple[Receiver, str]) -> None:
    """The tree, the names, the headers of the application and the service's name."""
    made, address = receiver
    destination = destinations.otlp(address, protocol="grpc", headers={"X-Key": "k1"}, compression="gzip")
    assert "(gRPC)" in repr(destination)
    with spancast.Pipeline(destination, service_name="shop") as pipeline:
        with spancast.trace(trace_name="Outer"), spancast.trace(span_name="Inner", kind="TOOL", input={"a": 1}):
            pass
        assert pipeline.flush(20.0)
    (resource,) = [each for request in made.requests for each in request.resource_spans]
    spans = {span.name: span for scope in resource.scope_spans for span in scope.spans}
    assert "shop" in {each.value.string_value for each in resource.resource.attributes}
    inner, outer = spans["Inner"], spans["Outer"]
    assert (inner.parent_span_id, inner.trace_id) == (outer.span_id, outer.trace_id)
    assert "k1" == made.metadata[0]["x-key"]
    assert "gen_ai.tool.call.arguments" in {each.key for each in inner.attributes}


def test_the_connection_test_sends_one_span(receiver: tuple[Receiver, str]) -> None:
    """`check()` exports one real span."""
    made, address = receiver
    assert destinations.otlp(address, protocol="grpc").check().passed
    assert 1 == len(made.requests)


def test_what_nobody_took_waits_on_disk_and_arrives_later(tmp_path: Path) -> None:
    """The receiver is down while the application runs; the next process sends what it left."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    destination = destinations.otlp(f"http://localhost:{port}", protocol="grpc")
    with spancast.Pipeline(destination, spool=tmp_path) as first:
        with spancast.trace(trace_name="Early"):
            pass
        first.shutdown(1.0)
    (report,) = first.report()
    assert (1, True) == (report.spooled, "nothing listens" in str(report.last_error))
    with serving(port=port) as (made, _), spancast.Pipeline(destination, spool=tmp_path) as second:
        with spancast.trace(trace_name="Late"):
            pass
        assert second.flush(20.0)
        second.shutdown(20.0)
        assert {"Early", "Late"} == set(made.names)


@pytest.mark.parametrize("code", ["CANCELLED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"])
def test_codes_that_may_be_sent_again(receiver: tuple[Receiver, str], code: str) -> None:
    """The OTLP specification's list."""
    made, address = receiver
    made.behave = aborting(code)
    outcome = exported(address)
    assert (Verdict.RETRY, code) == (outcome.verdict, outcome.reason)


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("UNIMPLEMENTED", "4317"),
        ("UNAUTHENTICATED", "key"),
        ("PERMISSION_DENIED", "right"),
        ("INVALID_ARGUMENT", "read"),
        ("INTERNAL", "refused"),
        ("RESOURCE_EXHAUSTED", "limit"),
    ],
)
def test_codes_that_are_final_say_what_to_change(receiver: tuple[Receiver, str], code: str, word: str) -> None:
    """With the receiver's own words beside it, and no key among these."""
    made, address = receiver
    made.behave = aborting(code, "no: token-4711-abc")
    outcome = exported(address, headers={"x-api-key": "token-4711-abc"})
    assert (Verdict.REFUSED, code, "no: ***") == (outcome.verdict, outcome.reason, outcome.words)
    assert word in outcome.message


@pytest.mark.parametrize(("seconds", "expected", "limited"), [(1.5, 1.5, False), (1e6, 3600.0, True)])
def test_a_receiver_that_limits_says_when(
    receiver: tuple[Receiver, str], seconds: float, expected: float, limited: bool
) -> None:
    """`RetryInfo` makes RESOURCE_EXHAUSTED one that may be sent again, after at most an hour."""
    made, address = receiver
    made.behave = aborting("RESOURCE_EXHAUSTED", retry_after=seconds)
    outcome = exported(address)
    assert (Verdict.RETRY, expected, limited) == (outcome.verdict, outcome.retry_after, outcome.is_limited)


def test_partial_success_is_counted(receiver: tuple[Receiver, str]) -> None:
    """What the receiver rejects is rejected in the report, with its words."""
    made, address = receiver
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans, answer.partial_success.error_message = 2, "too old"
    made.behave = lambda number, context: answer
    outcome = exported(address, 3)
    assert (Verdict.DELIVERED, 2, "too old") == (outcome.verdict, outcome.rejected, outcome.words)


def test_what_is_too_large_is_sent_in_smaller_calls() -> None:
    """The server's own limit of a message; each span arrives once."""
    with serving(options=[("grpc.max_receive_message_length", 20_000)]) as (made, address):
        destination = destinations.otlp(address, protocol="grpc")
        with spancast.Pipeline(destination, spool=False) as pipeline:
            for number in range(20):
                with pipeline.trace(f"Span {number}", input="x" * 3000):
                    pass
            assert pipeline.flush(20.0)
        assert sorted(f"Span {number}" for number in range(20)) == sorted(made.names)


def test_headers_of_a_function_are_asked_for_each_time(receiver: tuple[Receiver, str]) -> None:
    """A token that is renewed is used."""
    made, address = receiver
    tokens = iter(["one", "two"])
    target: Any = destinations.otlp(address, protocol="grpc", headers=lambda: {"X-Token": next(tokens)}).target
    exporter = target.exporter(dict)
    assert [Verdict.DELIVERED] * 2 == [exporter.export([], 10.0).verdict for _ in range(2)]
    assert ["one", "two"] == [each["x-token"] for each in made.metadata]
    outcome = exporter.export([], 10.0)
    assert (Verdict.RETRY, "the headers callable raised StopIteration") == (outcome.verdict, outcome.message)
    exporter.close()


def test_a_header_with_bytes_is_sent_as_such(receiver: tuple[Receiver, str]) -> None:
    """GRPC wants bytes where a name ends in `-bin`."""
    made, address = receiver
    assert Verdict.DELIVERED is exported(address, headers={"X-Trace-Bin": "abc"}).verdict
    assert b"abc" == made.metadata[0]["x-trace-bin"]


def test_a_call_has_a_deadline(receiver: tuple[Receiver, str]) -> None:
    """A receiver that does not answer is a timeout."""
    made, address = receiver
    over = threading.Event()
    made.behave = lambda number, context: over.wait(20.0) and None
    outcome = exported(address, timeout=0.3)
    over.set()
    assert (Verdict.RETRY, "timeout", "E210") == (outcome.verdict, outcome.reason, outcome.code)


def test_a_receiver_that_comes_back_is_found_immediately() -> None:
    """GRPC would wait before it connects again: after a failure the channel is made anew."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    target: Any = destinations.otlp(f"http://localhost:{port}", protocol="grpc").target
    exporter = target.exporter(dict)
    assert "nothing listens" in exporter.export([], 10.0).message
    for _ in range(2):
        with serving(port=port):
            assert Verdict.DELIVERED is exporter.export([], 10.0).verdict
        assert Verdict.RETRY is exporter.export([], 10.0).verdict
    exporter.close()


def test_what_is_wrong_with_tls_is_a_sentence(tmp_path: Path) -> None:
    """An authority that is not trusted, TLS on one side only; and what is right."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    issued = authority.issue_cert("localhost")
    pair = (issued.private_key_pem.bytes(), b"".join(each.bytes() for each in issued.cert_chain_pems))
    with serving(tls=grpc.ssl_server_credentials([pair])) as (_, address):
        assert Verdict.DELIVERED is exported(address, ca_file=str(tmp_path / "ca.pem")).verdict
        found = [exported(address), exported(address.replace("https", "http"))]
    with serving() as (_, address):
        found.append(exported(address.replace("http", "https"), ca_file=str(tmp_path / "ca.pem")))
    assert ["E206", "E208", "E208"] == [each.code for each in found]
    assert {Verdict.RETRY} == {each.verdict for each in found}
    assert "unable to get local issuer certificate" in found[0].message


def test_a_port_of_http_1_is_a_sentence() -> None:
    """What answers is no gRPC."""
    with recording_receiver() as http:
        outcome = exported(http.url.removesuffix("/v1/traces"))
    assert (Verdict.RETRY, "E212") == (outcome.verdict, outcome.code)


def test_a_forked_child_makes_a_channel_of_its_own(receiver: tuple[Receiver, str]) -> None:
    """The parent's channel is open, and child and parent both send."""
    made, address = receiver
    script = """
        import os, sys, spancast
        from spancast import destinations
        pipeline = spancast.configure(destinations.otlp(sys.argv[1], protocol="grpc"))
        for name in ("Before", "Child"):
            with spancast.trace(trace_name=name):
                pass
            if not spancast.flush(20.0):
                os._exit(3)
            if name == "Before" and (child := os.fork()):
                sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(script), address], timeout=60, check=False)
    assert (0, ["Before", "Child"]) == (run.returncode, made.names)


def test_metrics_and_other_presets_say_that_they_need_http() -> None:
    """One sentence each."""
    with pytest.raises(SettingsError, match="metrics=True needs HTTP"):
        destinations.otlp("http://127.0.0.1:4317", protocol="grpc", metrics=True)
    with pytest.raises(SettingsError, match=r"Only destinations\.otlp"):
        destinations.jaeger("http://127.0.0.1:4318", protocol="grpc")


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of the extra, before anything is sent."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"spancast\[grpc\]"):
        destinations.otlp("http://127.0.0.1:4317", protocol="grpc")


def test_an_answer_that_is_too_large_is_an_answer() -> None:
    """It has taken the spans: sent again they would be there twice."""
    words = "Stream removed (CLIENT: Received message larger than max (10000010 vs. 4194304))"
    assert Verdict.DELIVERED is failed("RESOURCE_EXHAUSTED", words, "localhost:4317", 1.0).verdict
    server = failed("RESOURCE_EXHAUSTED", words.replace("CLIENT", "SERVER"), "localhost:4317", 1.0)
    assert Verdict.TOO_LARGE is server.verdict


def test_replay_to_a_url_sends_as_it_would_have_gone(receiver: tuple[Receiver, str], tmp_path: Path) -> None:
    """`spancast replay --endpoint URL` reads from the folder that its spans go over gRPC, with other headers too."""
    made, address = receiver
    dead = destinations.otlp(address, protocol="grpc", headers={"x-key": "former"})
    made.behave = aborting("UNAVAILABLE")
    with spancast.Pipeline(dead, spool=tmp_path) as pipeline:
        with pipeline.trace("Shop"):
            pass
        assert not pipeline.flush(0.5)
        pipeline.shutdown(0.5)
    made.behave = lambda number, context: None
    (found,) = waiting(tmp_path, (destinations.otlp(address),), by_url=True, keep_protocol=True)
    assert found.destination is not None
    assert 1 == replay_all(found.destination, Spool(found.folder), timeout=20.0, wait=1.0).delivered
    assert ["Shop"] == made.names


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("gevent") is None, reason="gevent is not installed")
def test_a_call_stops_no_greenlet(receiver: tuple[Receiver, str]) -> None:
    """A call of gRPC waits in C: under gevent it has to wait gevent's way, else the application stands still."""
    made, address = receiver
    over = threading.Event()
    made.behave = lambda number, context: over.wait(20.0) and None
    script = """
        from gevent import monkey
        monkey.patch_all()
        import sys, gevent, spancast
        from spancast import destinations
        spancast.configure(destinations.otlp(sys.argv[1], protocol="grpc", timeout=10.0), spool=False)
        with spancast.trace(trace_name="Shop"):
            pass
        sent = gevent.spawn(spancast.flush, 10.0)
        turns = 0
        while not sent.ready() and turns < 100:
            gevent.sleep(0.02)
            turns += 1
        print(turns)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), address],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    over.set()
    assert "100" == run.stdout.strip(), run.stderr
