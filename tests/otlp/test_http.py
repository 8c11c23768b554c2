"""One POST, and what its answer means."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from spancast import _version, destinations
from spancast.otlp.encoding import ENCODINGS
from spancast.otlp.http import MAX_ANSWER, HttpExporter, partial_success, read_answer
from spancast.otlp.outcome import Outcome, Verdict

from ..receivers.recording import Answer, Receiver, recording_receiver
from .strategies import one_span

HANG = 20.0  # seconds after which a test counts as hung; nothing here comes near


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the machine's own proxy out."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Return a running receiver."""
    with recording_receiver() as running:
        yield running


@contextmanager
def exporting(url: str, **changes: Any) -> Iterator[HttpExporter]:
    """Run an exporter to *url* for the length of a block."""
    held: dict[str, Any] = {
        "headers": {},
        "protocol": "http/json",
        "compression": None,
        "timeout": 10.0,
        "resource": lambda: {"service.name": "shop"},
    }
    exporter = HttpExporter(url, **{**held, **changes})
    try:
        yield exporter
    finally:
        exporter.close()


def send(url: str, *, attributes: dict[str, Any] | None = None, **changes: Any) -> Outcome:
    """Send one span to *url*."""
    with exporting(url, **changes) as exporter:
        return exporter.export([exporter.encode(one_span(attributes))], HANG)


@contextmanager
def raw_server(
    talk: Callable[[socket.socket, threading.Event], None], *, reads: bool = True
) -> Iterator[tuple[str, list[int]]]:
    """Run a server that *reads* a request and then does *talk* on the bare connection; count the requests."""
    listening = socket.create_server(("127.0.0.1", 0))
    over, seen = threading.Event(), []

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with connection:
            try:
                if reads:
                    _read_request(connection)
                seen.append(1)
                talk(connection, over)
            except OSError:
                pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1/traces", seen
    finally:
        over.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(HANG)


def _read_request(connection: socket.socket) -> None:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, body = received.split(b"\r\n\r\n", 1)
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)


# ---------------------------------------------------------------- the request
def test_the_request_goes_where_the_url_says(receiver: Receiver) -> None:
    """The URL's path and query are used as they are, and the span arrives."""
    outcome = send(f"{receiver.url}/custom/path?team=a%20b", attributes={"n": 2**53 + 1})

    assert (Verdict.DELIVERED, 200, 0) == (outcome.verdict, outcome.status, outcome.rejected)
    (request,) = receiver.requests
    assert ("POST", "/custom/path?team=a%20b") == (request.method, request.path)
    (span,) = receiver.json_spans()
    assert [{"key": "n", "value": {"intValue": "9007199254740993"}}] == span["attributes"]
    resource = request.json["resourceSpans"][0]["resource"]
    assert {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]} == resource


@pytest.mark.parametrize(
    ("protocol", "content_type"), [("http/json", "application/json"), ("http/protobuf", "application/x-protobuf")]
)
def test_the_content_type_is_exact_and_the_user_agent_ours(
    receiver: Receiver, protocol: str, content_type: str
) -> None:
    """The content type has no charset behind it, and the user agent names the library and its version."""
    send(receiver.url, protocol=protocol)

    headers = receiver.requests[0].headers
    assert content_type == headers["content-type"]
    assert f"spancast/{_version.VERSION}" == headers["user-agent"]
    assert "content-encoding" not in headers


@pytest.mark.parametrize("protocol", ["http/json", "http/protobuf"])
def test_gzip_is_said_and_done(receiver: Receiver, protocol: str) -> None:
    """A request of some size is compressed, says so, and unpacks to what goes uncompressed otherwise."""
    attributes = {"input.value": "long " * 1000}
    send(receiver.url, attributes=attributes, protocol=protocol)
    send(receiver.url, attributes=attributes, protocol=protocol, compression="gzip")

    plain, packed = receiver.requests
    assert "gzip" == packed.headers["content-encoding"]
    assert plain.raw == gzip.decompress(packed.raw)
    assert len(packed.raw) < len(plain.raw) / 2


def test_a_small_request_is_not_compressed(receiver: Receiver) -> None:
    """A request that gzip would not make smaller goes as it is, without the header."""
    send(receiver.url, compression="gzip")

    (request,) = receiver.requests
    assert "content-encoding" not in request.headers
    assert 1 == len(request.json["resourceSpans"])


def test_headers_are_sent(receiver: Receiver) -> None:
    """The user's headers are sent, and one of ours that the user gives anew is his."""
    send(receiver.url, headers={"Authorization": "Bearer t0ken", "user-agent": "mine/1"})

    headers = receiver.requests[0].headers
    assert ("Bearer t0ken", "mine/1") == (headers["authorization"], headers["user-agent"])


def test_no_header_is_sent_twice() -> None:
    """A user's `content-type` or `user-agent` in another case does not stand beside ours; the content type stays ours."""
    heads: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                heads.append(connection.recv(65536).split(b"\r\n\r\n")[0].lower())
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        send(url, headers={"content-type": "text/plain", "USER-AGENT": "mine/1"})
        thread.join(HANG)

    lines = heads[0].split(b"\r\n")
    assert [b"content-type: application/json"] == [line for line in lines if line.startswith(b"content-type")]
    assert [b"user-agent: mine/1"] == [line for line in lines if line.startswith(b"user-agent")]


def test_a_headers_callable_is_asked_for_every_request(receiver: Receiver) -> None:
    """A callable that returns headers is called anew for each request, so that a token can be renewed."""
    tokens = iter(["one", "two"])
    with exporting(receiver.url, headers=lambda: {"Authorization": next(tokens)}) as exporter:
        batch = [exporter.encode(one_span())]
        exporter.export(batch, HANG)
        exporter.export(batch, HANG)

    assert ["one", "two"] == [request.headers["authorization"] for request in receiver.requests]


def _broken() -> dict[str, str]:
    raise RuntimeError("secret-token")


@pytest.mark.parametrize(
    "headers",
    [
        _broken,
        lambda: None,
        lambda: {"Authorization": 5},
        lambda: {"Authorization": "secret-token\r\nX-Evil: 1"},
        lambda: {"Authorization": "secret-token-é"},
        lambda: {5: "secret-token"},
    ],
)
def test_a_headers_callable_that_fails_is_tried_again(receiver: Receiver, headers: Any) -> None:
    """A callable that raises, or returns what HTTP cannot carry, sends nothing, and its secret is not repeated."""
    outcome = send(receiver.url, headers=headers)

    assert (Verdict.RETRY, "headers") == (outcome.verdict, outcome.reason)
    assert "secret-token" not in outcome.text
    assert [] == receiver.requests


@pytest.mark.parametrize("returned", [None, "sk-4711", [("a", "sk-4711")], {"a": b"sk-4711"}, {"a b": "sk-4711"}])
def test_what_a_headers_callable_returns_is_explained_and_not_shown(receiver: Receiver, returned: Any) -> None:
    """What it has to be; a key that stands where it should not is in no message."""
    target: Any = destinations.otlp(receiver.url, headers=lambda: returned).target
    exporter = target.exporter(dict)
    outcome = exporter.export([], HANG)
    exporter.close()
    assert (Verdict.RETRY, "headers") == (outcome.verdict, outcome.reason)
    assert "returned no mapping of names" in outcome.message
    assert "4711" not in outcome.message


def test_extra_headers_are_laid_over(receiver: Receiver) -> None:
    """A single request can carry a header of its own."""
    with exporting(receiver.url, headers={"X-A": "1", "X-B": "1"}) as exporter:
        exporter.post(b"{}", HANG, {"x-a": "2"})

    headers = receiver.requests[0].headers
    assert ("2", "1") == (headers["x-a"], headers["x-b"])


def test_one_connection_serves_many_requests_and_one_that_was_closed_is_replaced(receiver: Receiver) -> None:
    """Requests follow each other, also after the connections were closed in between."""
    with exporting(receiver.url) as exporter:
        batch = [exporter.encode(one_span())]
        outcomes = [exporter.export(batch, HANG) for _ in range(3)]
        exporter.close()
        outcomes.append(exporter.export(batch, HANG))

    assert [Verdict.DELIVERED] * 4 == [outcome.verdict for outcome in outcomes]
    assert 4 == len(receiver.requests)


# ---------------------------------------------------------------- the answer
@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_every_2xx_is_success(receiver: Receiver, status: int) -> None:
    """Any 2xx is success: some backends answer 202."""
    receiver.answer = Answer(status=status)

    outcome = send(receiver.url)

    assert (Verdict.DELIVERED, 0, status) == (outcome.verdict, outcome.rejected, outcome.status)


def test_only_four_codes_may_be_sent_again() -> None:
    """429, 502, 503 and 504 are sent again, a 413 smaller, and no other code ever."""
    verdicts = {status: read_answer(status, {}, b"").verdict for status in [*range(300, 600)]}

    assert {429, 502, 503, 504} == {status for status, verdict in verdicts.items() if verdict is Verdict.RETRY}
    assert {413} == {status for status, verdict in verdicts.items() if verdict is Verdict.TOO_LARGE}
    assert 300 - 5 == list(verdicts.values()).count(Verdict.REFUSED)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_retryable_answer_says_so(receiver: Receiver, status: int) -> None:
    """An answer that may be sent again is one request here: the lane decides when to send again."""
    receiver.answer = Answer(status=status, headers={"Retry-After": "7"}, body=b"busy")

    outcome = send(receiver.url)

    assert (Verdict.RETRY, f"HTTP {status}", 7.0, status) == (
        outcome.verdict,
        outcome.reason,
        outcome.retry_after,
        outcome.status,
    )
    assert "busy" == outcome.words
    assert 1 == len(receiver.requests)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("-5", 0.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("1e300", 3600.0),
        ("9999999999", 3600.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600.0),
        ("9" * 5000, None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
    ],
)
def test_retry_after_in_seconds(said: str, expected: float | None) -> None:
    """`Retry-After` is read as seconds; a moment that is past is now, and nonsense is as if it were not there."""
    assert expected == read_answer(503, {"Retry-After": said}, b"").retry_after


def test_retry_after_as_a_date() -> None:
    """`Retry-After` may be a date: the wait is the time until then."""
    then = datetime.now(UTC) + timedelta(hours=1)

    after = read_answer(429, {"Retry-After": format_datetime(then, usegmt=True)}, b"").retry_after

    assert after is not None
    assert 3000 < after <= 3600


@given(
    st.one_of(
        st.text(max_size=40),
        st.from_regex(r"[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,9} \d\d:\d\d:\d\d [A-Z+\-0-9]{1,6}"),
    )
)
def test_no_retry_after_raises(said: str) -> None:
    """Whatever stands in `Retry-After`, the wait is a finite number of seconds from 0, or unknown."""
    after = read_answer(503, {"Retry-After": said}, b"").retry_after

    assert after is None or 0 <= after < float("inf")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    """A redirect is refused and says so: a POST that became a GET would look like success."""
    receiver.answer = Answer(status=status, headers={"Location": f"{receiver.url}/elsewhere"})

    outcome = send(receiver.url)

    assert (Verdict.REFUSED, f"HTTP {status}") == (outcome.verdict, outcome.reason)
    assert "redirect" in outcome.message
    assert 1 == len(receiver.requests)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=413),
        Answer(status=400, body=b"request body too large"),
        Answer(status=400, body=b'{"code":3,"message":"http: request body too large"}'),
        Answer(status=400, body=b"grpc: received message larger than max (5000000 vs. 4194304)"),
        Answer(status=400, body=b"Payload exceeds the maximum size"),
        Answer(status=503, body=b'{"code":14,"message":"Key with size 70050 exceeded 65000 limit. Key:"}'),
    ],
)
def test_what_is_too_large_is_sent_smaller(receiver: Receiver, answer: Answer) -> None:
    """A 413, and a 400 that means the same, asks for smaller requests; so does Jaeger's 503 for a long attribute."""
    receiver.answer = answer

    assert Verdict.TOO_LARGE is send(receiver.url).verdict


@pytest.mark.parametrize("body", [b"", b"invalid trace id", b"bad wire type", b"\xff\xfe\x00"])
def test_another_400_is_final(receiver: Receiver, body: bytes) -> None:
    """A 400 about anything else is never sent again."""
    receiver.answer = Answer(status=400, body=body)

    assert Verdict.REFUSED is send(receiver.url).verdict


@pytest.mark.parametrize(
    ("status", "word"), [(401, "key"), (403, "right"), (404, "/v1/traces"), (405, "/v1/traces"), (415, "http/protobuf")]
)
def test_a_refusal_says_what_to_change(receiver: Receiver, status: int, word: str) -> None:
    """A refusal is told in plain words, with what the receiver itself said."""
    receiver.answer = Answer(status=status, body=b"no such\n thing")

    outcome = send(receiver.url)

    assert Verdict.REFUSED is outcome.verdict
    assert word in outcome.message
    assert "(it said: no such thing)" in outcome.text


# ---------------------------------------------------------------- partial success
def test_partial_success_in_json_is_read(receiver: Receiver) -> None:
    """Rejected spans in a JSON answer are counted, with the receiver's words, and nothing is sent again."""
    body = b'{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}'
    receiver.answer = Answer(headers={"Content-Type": "application/json"}, body=body)

    outcome = send(receiver.url)

    assert (Verdict.DELIVERED, 3, "partial success", "too old") == (
        outcome.verdict,
        outcome.rejected,
        outcome.reason,
        outcome.words,
    )


def test_partial_success_in_protobuf_is_read(receiver: Receiver) -> None:
    """Rejected spans in a protobuf answer are counted too."""
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 2
    answer.partial_success.error_message = "no room"
    receiver.answer = Answer(headers={"Content-Type": "application/x-protobuf"}, body=answer.SerializeToString())

    outcome = send(receiver.url, protocol="http/protobuf")

    assert (Verdict.DELIVERED, 2, "no room") == (outcome.verdict, outcome.rejected, outcome.words)


@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        (b"", "application/json", (0, "")),
        (b"{}", "application/json", (0, "")),
        (b'{"partialSuccess":{}}', "application/json", (0, "")),
        (b'{"partialSuccess":null}', "application/json", (0, "")),
        (b'{"partialSuccess":{"rejectedSpans":4}}', "application/json; charset=utf-8", (4, "")),
        (b'{"partialSuccess":{"rejectedSpans":"1"}}', "", (1, "")),
        (b'{"partialSuccess":{"rejectedSpans":0,"errorMessage":"slow down"}}', "application/json", (0, "slow down")),
        (b'{"partialSuccess":{"rejectedSpans":"many"}}', "application/json", (0, "")),
        (b"[1]", "application/json", (0, "")),
        (b"<html>", "text/html", (0, "")),
        (b"\xff\xff\xff", "application/x-protobuf", (0, "")),
        (b"{broken", "application/json", (0, "")),
    ],
)
def test_what_an_answer_says_of_rejected_spans(content: bytes, content_type: str, expected: tuple[int, str]) -> None:
    """Only a readable statement about rejected spans counts; the status says the rest."""
    assert expected == partial_success(content, content_type)


def test_a_receivers_words_are_kept_short() -> None:
    """A receiver that says very much does not fill the log with it."""
    body = b'{"partialSuccess":{"rejectedSpans":"1","errorMessage":"%b"}}' % (b"x" * 100_000)

    outcome = read_answer(200, {"Content-Type": "application/json"}, body)
    assert (1, "x" * 1000 + "...") == (outcome.rejected, outcome.words)
    assert "y" * 200 + "..." == read_answer(401, {}, b"y" * 100_000).words


def test_a_receivers_words_are_one_printable_line() -> None:
    """Escape sequences, line breaks and marks that turn the direction of text act on terminals and forge lines of logs."""
    hostile = "\x1b]0;owned\x07\x1b[2J\n2026 CRITICAL root: gone\u202e\u2028end"
    content = orjson.dumps({"partialSuccess": {"rejectedSpans": 1, "errorMessage": hostile}})
    for outcome in (
        read_answer(400, {}, hostile.encode()),
        read_answer(200, {"Content-Type": "application/json"}, content),
    ):
        assert "]0;owned [2J 2026 CRITICAL root: gone end" == outcome.words
        assert "owned" not in outcome.message


@pytest.mark.parametrize(
    ("content", "delivered"),
    [
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", False),
        (b"\n  <html lang=en>", False),
        (b"\xef\xbb\xbf<!doctype html>", False),
        (b"<!-- saved --><html>", False),
        (b"<?xml version='1.0'?>\n<html>", False),
        (b"<script>location='/login'</script>", False),
        (b"<!-- nothing -->", True),
        (b"", True),
        (b"ok", True),
        (b"{}", True),
        (b"<ok/>", True),
    ],
)
def test_a_web_page_is_no_delivery(content: bytes, delivered: bool) -> None:
    """A page for people answers 200 too; frameworks call an empty answer text/html, so the content decides."""
    outcome = read_answer(200, {"Content-Type": "text/html"}, content)
    assert delivered is (outcome.verdict is Verdict.DELIVERED)
    assert ("" if delivered else "web page") == outcome.reason


@given(
    status=st.integers(200, 599),
    body=st.one_of(st.binary(max_size=60), st.binary(max_size=30).map(lambda rest: b'{"partialSuccess":' + rest)),
    content_type=st.sampled_from(["", "application/json", "application/x-protobuf", "text/html"]),
)
def test_garbage_never_changes_what_the_status_says(status: int, body: bytes, content_type: str) -> None:
    """Whatever the body, success stays success, and a code that must not be sent again is not."""
    outcome = read_answer(status, {"Content-Type": content_type}, body)

    assert (status < 300) == (outcome.verdict is Verdict.DELIVERED)
    assert (status in (429, 502, 503, 504)) == (outcome.verdict is Verdict.RETRY)


# ---------------------------------------------------------------- no answer, and bad ones
def test_a_refused_connection_may_be_sent_again() -> None:
    """Where nothing listens, the batch may be sent again, and the message says what is missing."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

        outcome = send(f"http://127.0.0.1:{port}/v1/traces")

    assert (Verdict.RETRY, "no connection", None) == (outcome.verdict, outcome.reason, outcome.status)
    assert f"nothing listens at 127.0.0.1:{port}" in outcome.message


def test_a_receiver_that_does_not_answer_is_a_timeout(receiver: Receiver) -> None:
    """A receiver that takes the request and stays silent is left at the timeout, and may be tried again."""
    receiver.answer = Answer(delay=HANG)

    outcome = send(receiver.url, timeout=0.2)

    assert (Verdict.RETRY, "timeout") == (outcome.verdict, outcome.reason)
    assert "did not answer within 0.2 s" in outcome.message


def test_the_callers_timeout_is_the_shorter_one(receiver: Receiver) -> None:
    """A caller with less time than the destination's timeout, as at shutdown, waits only so long."""
    receiver.answer = Answer(delay=HANG)
    with exporting(receiver.url, timeout=3600.0) as exporter:
        outcome = exporter.export([exporter.encode(one_span())], 0.2)

    assert (Verdict.RETRY, "timeout") == (outcome.verdict, outcome.reason)


def test_a_connection_that_breaks_before_an_answer_may_be_sent_again() -> None:
    """A connection that is closed without an answer may be sent again."""
    with raw_server(lambda connection, over: None) as (url, seen):
        outcome = send(url)

    assert (Verdict.RETRY, None) == (outcome.verdict, outcome.status)
    assert [1] == seen


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"SSH-2.0-OpenSSH\r\n\r\n", "something else than HTTP/1.1"),
        (b"HTTP/2 200 OK\r\n\r\n", "something else than HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n", "more headers"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000 + b"\r\n\r\n", "a longer one"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "several lengths"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", "HTTP 101"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 500, "no final one"),
    ],
)
def test_what_is_no_answer_of_http_says_so_and_may_be_sent_again(answer: bytes, sentence: str) -> None:
    """An answer that HTTP/1.1 does not allow names what it did; it is no connection that broke under a large request."""
    with raw_server(lambda connection, over: connection.sendall(answer)) as (url, _):
        outcome = send(url)

    assert (Verdict.RETRY, None, "unreadable answer", "E212") == (
        outcome.verdict,
        outcome.status,
        outcome.reason,
        outcome.code,
    )
    assert sentence in outcome.message
    assert False is outcome.is_broken


@pytest.mark.parametrize("interim", [b"100 Continue", b"102 Processing", b"103 Early Hints", b"199 Unknown"])
def test_informational_answers_before_the_final_one_are_skipped(interim: bytes) -> None:
    """RFC 9110, 15.2: one or more may come, with headers of their own; the final one decides."""
    before = b"HTTP/1.1 " + interim + b"\r\nLink: </a>\r\n\r\n"
    final = b'HTTP/1.1 200 OK\r\nContent-Length: 38\r\n\r\n{"partialSuccess":{"rejectedSpans":1}} '
    with raw_server(lambda connection, over: connection.sendall(before * 3 + final)) as (url, _):
        outcome = send(url)

    assert (Verdict.DELIVERED, 200, 1) == (outcome.verdict, outcome.status, outcome.rejected)


def test_the_same_length_twice_is_one_length() -> None:
    """RFC 9112, 6.3: the same Content-Length may be repeated."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}"
    with raw_server(lambda connection, over: connection.sendall(answer)) as (url, _):
        assert Verdict.DELIVERED is send(url).verdict


def test_a_huge_answer_is_read_up_to_its_bound() -> None:
    """Of an endless answer only 4 MiB are read; the status has said that the spans arrived."""
    sent = 0

    def talk(connection: socket.socket, over: threading.Event) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while not over.is_set():
            sent += connection.send(b" " * 65536)

    with raw_server(talk) as (url, _):
        outcome = send(url, timeout=HANG)

    assert (Verdict.DELIVERED, 200) == (outcome.verdict, outcome.status)
    assert MAX_ANSWER <= sent < 16 * MAX_ANSWER  # the rest stood in the kernel's buffers


def test_a_dripping_answer_ends_at_the_timeout() -> None:
    """An answer that comes a byte at a time, each in time, is left at the timeout; the status counts."""

    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not over.wait(0.02):
            connection.sendall(b" ")

    began = time.monotonic()
    with raw_server(talk) as (url, _):
        outcome = send(url, timeout=0.3)

    assert (Verdict.DELIVERED, 200) == (outcome.verdict, outcome.status)
    assert time.monotonic() - began < HANG


def test_a_dripping_head_ends_at_the_timeout() -> None:
    """A head that comes a byte at a time, each in time for a read, is a timeout all the same, and may be sent again."""

    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not over.wait(0.02):
            connection.sendall(b"x")

    began = time.monotonic()
    with raw_server(talk) as (url, seen):
        outcome = send(url, timeout=0.3)

    assert (Verdict.RETRY, "timeout", [1]) == (outcome.verdict, outcome.reason, seen)
    assert time.monotonic() - began < HANG


def test_a_large_request_that_is_read_slowly_ends_at_the_timeout() -> None:
    """A request goes in blocks, each of them in time; all of it has one timeout."""
    read = 0

    def talk(connection: socket.socket, over: threading.Event) -> None:
        nonlocal read
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        while not over.wait(0.02):
            read += len(connection.recv(65_536))

    large = {f"text.{number}": "x" * 100_000 for number in range(1_000)}
    began = time.monotonic()
    with raw_server(talk, reads=False) as (url, seen):
        outcome = send(url, attributes=large, timeout=0.5)

    assert (Verdict.RETRY, [1]) == (outcome.verdict, seen)
    assert 0 < read < 100_000_000
    assert time.monotonic() - began < HANG


@pytest.mark.parametrize("protocol", ["http/json", "http/protobuf"])
def test_a_large_request_says_its_length_and_arrives_whole(receiver: Receiver, protocol: str) -> None:
    """It is sent in blocks, but not in chunks of HTTP: some receivers do not read these."""
    spans = [one_span({"input.value": "x" * size}) for size in (10, 200_000, 10, 70_000)]
    with exporting(receiver.url, protocol=protocol) as exporter:
        exporter.export([exporter.encode(span) for span in spans], HANG)

    (request,) = receiver.requests
    body = ENCODINGS[protocol].request(
        {"service.name": "shop"}, "spancast", _version.VERSION, list(map(exporter.encode, spans))
    )
    assert str(len(body)) == request.headers["content-length"]
    assert "transfer-encoding" not in request.headers
    assert body == request.raw


def test_interim_answers_without_end_end_at_the_timeout() -> None:
    """`100 Continue` again and again is no answer."""

    def talk(connection: socket.socket, over: threading.Event) -> None:
        while not over.wait(0.005):
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    with raw_server(talk) as (url, _):
        outcome = send(url, timeout=0.3)

    assert (Verdict.RETRY, "timeout") == (outcome.verdict, outcome.reason)


@pytest.mark.parametrize(
    ("head", "verdict"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", Verdict.DELIVERED),
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\nbad", Verdict.REFUSED),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\n", Verdict.RETRY),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Verdict.DELIVERED),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain", Verdict.DELIVERED),
    ],
)
def test_a_broken_body_does_not_change_the_verdict(head: bytes, verdict: Verdict) -> None:
    """When the connection breaks after the status, the status counts: spans are not sent twice, nor refused ones again."""
    with raw_server(lambda connection, over: connection.sendall(head)) as (url, _):
        assert verdict is send(url).verdict


def test_an_answer_that_stops_after_its_status_counts() -> None:
    """An answer whose body never comes is delivered: the status was there."""

    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 10\r\n\r\n")
        over.wait(HANG)

    with raw_server(talk) as (url, _):
        outcome = send(url, timeout=0.3)

    assert (Verdict.DELIVERED, 202) == (outcome.verdict, outcome.status)


def test_a_proxy_of_the_environment_is_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's proxy is asked for hosts that are not excepted."""
    monkeypatch.setenv("http_proxy", receiver.url)
    monkeypatch.setenv("no_proxy", "localhost")

    outcome = send("http://collector.invalid/v1/traces")

    assert Verdict.DELIVERED is outcome.verdict
    assert ["http://collector.invalid/v1/traces"] == [request.path for request in receiver.requests]


@pytest.mark.parametrize(("max_idle", "connections"), [(50.0, 1), (0.0, 3)])
def test_a_connection_that_was_silent_for_long_is_made_anew(
    receiver: Receiver, max_idle: float, connections: int
) -> None:
    """Whoever is on the way may have forgotten it; one that is in use is kept."""
    with exporting(receiver.url, max_idle=max_idle) as exporter:
        for _ in range(3):
            assert Verdict.DELIVERED is exporter.post(b"{}", 5.0).verdict
    assert connections == len({request.client_port for request in receiver.requests})


def test_a_key_in_a_url_is_not_in_urllib3s_lines(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG it logs whole targets: ours without the values of the query."""
    with caplog.at_level("DEBUG"), exporting(receiver.url + "/v1/traces?api_key=s3cr3tKEY99&x=1") as exporter:
        exporter.post(b"{}", 5.0)
    assert "api_key=***" in caplog.text
    assert "s3cr3tKEY99" not in caplog.text


def test_a_key_in_a_url_is_not_in_the_lines_of_a_proxied_request(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy is sent the whole address, and the library logs it in that form."""
    monkeypatch.setenv("http_proxy", receiver.url)
    monkeypatch.setenv("no_proxy", "")
    url = "http://collector.test:1/v1/traces?api_key=s3cr3t%2FKEY99&x=1#part"
    with caplog.at_level("DEBUG"), exporting(url) as exporter:
        exporter.export([], 5)
    assert ("collector.test" in caplog.text, "KEY99" in caplog.text) == (True, False)
