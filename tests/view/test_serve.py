"""The server: takes OTLP from anything, answers the page's questions, refuses what is not for it."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.testclient import TestClient

import spancast
from spancast import destinations
from spancast.view import page
from spancast.view.export import page_of
from spancast.view.query import Filters, list_traces
from spancast.view.read import read_request
from spancast.view.serve import application
from spancast.view.store import Store

from ..receivers.recording import recording_receiver
from .traces import conversation, lines

JSON = {"content-type": "application/json"}


@pytest.fixture
def store() -> Iterator[Store]:
    """An empty store."""
    store = Store(None)
    yield store
    store.close()


@pytest.fixture
def client(store: Store) -> TestClient:
    """A client of the server, as a browser on this machine is one."""
    return TestClient(application(store), base_url="http://localhost:4318")


def send(client: TestClient, request: dict[str, Any], **headers: str) -> int:
    """Send a request as JSON."""
    body = orjson.dumps(request)
    if headers.get("content-encoding") == "gzip":
        body = gzip.compress(body)
    return int(client.post("/v1/traces", content=body, headers={**JSON, **headers}).status_code)


def test_json_and_gzip_arrive(client: TestClient) -> None:
    """As OpenRouter's Broadcast and every OpenTelemetry SDK send them."""
    assert 200 == send(client, conversation(1, "Where is 17?", "On its way."))
    assert 200 == send(client, conversation(2, "And 18?", "Lost."), **{"content-encoding": "gzip"})
    found = client.get("/api/traces?search=lost").json()["traces"]
    assert ["And 18?"] == [row["input"] for row in found]
    trace = client.get(f"/api/traces/{found[0]['trace_id']}").json()
    assert ["Ask", "chat", "execute_tool lookup"] == [span["name"] for span in trace["spans"]]
    assert {"order": 17} == trace["spans"][2]["content"]["input"]


def test_a_span_without_ids_costs_itself_alone(client: TestClient, store: Store) -> None:
    """The others of its request are stored, in protobuf as in JSON."""
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    spans.add(name="none")
    spans.add(name="whole", trace_id=b"1" * 16, span_id=b"1" * 8)
    kind = {"content-type": "application/x-protobuf"}
    assert 200 == client.post("/v1/traces", content=request.SerializeToString(), headers=kind).status_code
    assert ["whole"] == [row["name"] for row in list_traces(store, Filters())]


def test_protobuf_from_our_own_exporter_arrives(client: TestClient, store: Store) -> None:
    """What spancast sends in protobuf reads like what it sends in JSON."""
    shown = []
    for protocol in ("http/protobuf", "http/json"):
        with recording_receiver() as receiver:
            with spancast.Pipeline(destinations.otlp(receiver.url, protocol=protocol), spool=False) as pipeline:
                with spancast.trace(trace_name="Ask", kind="TOOL", input={"a": 1}) as trace:
                    trace.set_output("done")
                assert pipeline.flush(10)
            sent = receiver.requests[0]
        encoding = {"content-encoding": sent.headers.get("content-encoding", "")}
        kind = {"content-type": sent.headers["content-type"]}
        answer = client.post("/v1/traces", content=sent.raw, headers={**kind, **encoding})
        assert 200 == answer.status_code
        spans = store.spans(trace.trace_id)
        shown.append([(span.name, span.kind, span.attributes) for span in spans])
    assert shown[0] == shown[1]


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", JSON, 400),
        (b'{"hello": 1}', JSON, 400),
        (b"\xff\xff\xff", {"content-type": "application/x-protobuf"}, 400),
        (b"{}", {"content-type": "text/plain"}, 415),
        (b"no gzip", {**JSON, "content-encoding": "gzip"}, 400),
        (gzip.compress(b" " * (70 * 1024 * 1024)), {**JSON, "content-encoding": "gzip"}, 413),
    ],
)
def test_what_is_no_trace_is_refused_with_a_sentence(
    client: TestClient, content: bytes, headers: dict[str, str], status: int
) -> None:
    """Also a small body that unpacks to a large one."""
    answer = client.post("/v1/traces", content=content, headers=headers)
    assert status == answer.status_code
    assert answer.json()["message"]


def test_one_bad_span_costs_itself(client: TestClient) -> None:
    """The others of its request are kept."""
    request = conversation(1, "q", "a")
    request["resourceSpans"][0]["scopeSpans"][0]["spans"] += [{"traceId": 5}, None, {"traceId": "zz", "spanId": []}]
    assert 200 == send(client, request)
    assert [3] == [row["spans"] for row in client.get("/api/traces").json()["traces"]]


def test_another_host_name_is_refused(store: Store) -> None:
    """A page of another site that lets its name lead here (DNS rebinding) learns nothing; a tunnel is allowed by name."""
    app = application(store, hosts=("tunnel.example.com",))
    for base, status in (
        ("http://evil.example.com", 403),
        ("http://tunnel.example.com", 200),
        ("http://[::1]:4318", 200),
    ):
        assert status == TestClient(app, base_url=base).get("/api/traces").status_code


def test_a_token_is_asked_for(store: Store) -> None:
    """In a header, or once in the address; then a cookie holds it."""
    app = application(store, token="secret")
    client = TestClient(app, base_url="http://localhost")
    assert 401 == client.get("/api/traces").status_code
    assert 200 == client.get("/api/traces", headers={"authorization": "Bearer secret"}).status_code
    assert 200 == client.get("/?token=secret").status_code
    assert 200 == client.get("/api/traces").status_code


def test_the_page_may_run_its_own_script_alone(client: TestClient) -> None:
    """The policy names the script by its hash, and no other host."""
    answer = client.get("/")
    policy = answer.headers["content-security-policy"]
    assert True is ("default-src 'none'" in policy and "unsafe" not in policy)
    assert policy.count("'sha256-") == len(re.findall(r"<script|<style", answer.text))
    assert [] == re.findall(r'(?:src|href)="https?://', answer.text)


def test_a_file_is_shown_and_followed(tmp_path: Path) -> None:
    """Lines that are appended appear at the next look."""
    from spancast.view import files

    path = tmp_path / "t.jsonl"
    path.write_bytes(lines(conversation(1, "one", "1")))
    client = TestClient(application(files.open_file(path), source=path), base_url="http://localhost")
    with path.open("ab") as file:
        file.write(lines(conversation(2, "two", "2", at=9)))
    assert ["two", "one"] == [row["input"] for row in client.get("/api/traces").json()["traces"]]
    assert ["two"] == [row["input"] for row in client.get("/api/traces?search=TWO").json()["traces"]]


def test_a_comparison_and_a_session(client: TestClient) -> None:
    """By ids; what is not there is 404."""
    for number, answer in ((1, "yes"), (2, "no")):
        send(client, conversation(number, "q", answer))
    found = client.get(f"/api/diff?a={1:032x}&b={2:032x}").json()
    assert False is found["equal"]
    assert 2 == len(client.get("/api/sessions/s1").json()["traces"])
    assert [404, 404, 404] == [
        client.get(path).status_code for path in ("/api/diff?a=1&b=zz", "/api/sessions/none", "/api/traces/abc")
    ]


def test_a_self_contained_page_holds_its_data_as_data() -> None:
    """Nothing that a model or a user wrote can end the block of data, or run."""
    attack = "</script><script>alert(1)</script><!--\u2028"
    text = page_of([list(read_request(conversation(1, attack, attack)))])
    assert 1 == text.count("alert(1)<") + text.count('id="spancast-data"')
    block = re.search(r'<script type="application/json" id="spancast-data">(.*?)</script>', text, re.DOTALL)
    assert block is not None
    data = orjson.loads(block[1])
    assert attack == data["traces"][0]["input"]
    assert page.page_html().count("<script") + 1 == text.count("<script")


def test_protobuf_that_says_nothing_is_no_fault(client: TestClient) -> None:
    """An empty request, as a connection test sends it."""
    body = ExportTraceServiceRequest().SerializeToString()
    headers = {"content-type": "application/x-protobuf"}
    assert 200 == client.post("/v1/traces", content=body, headers=headers).status_code
    assert [] == list_traces(Store(None), Filters())
