"""The test of a connection, against a receiver with every fault: code, verdict, and the line that fixes it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from spancast import destinations
from spancast.destinations import CheckResult, Destination, SettingsError
from spancast.diagnostics import known_mistakes
from spancast.diagnostics.error_codes import ERROR_CODES
from spancast.diagnostics.result import settings_failure

from ..receivers import faults
from ..receivers.recording import Answer, Receiver, recording_receiver

SPACE = "U3BhY2U6MTphYmM="
KEY = "ak-0123456789"
REJECTED = b'{"partialSuccess":{"rejectedSpans":"1","errorMessage":"over quota"}}'
HTML = {"Content-Type": "text/html; charset=utf-8"}


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


def found(result: CheckResult) -> tuple[str, str | None, str]:
    """Return the name of the step that failed, its code, and the verdict."""
    return (result.failure.name if result.failure else "", result.code, result.verdict)


def plain(receiver: Receiver, path: str = "/v1/traces", **settings: Any) -> Destination:
    """Return a destination at the receiver."""
    return destinations.otlp(receiver.url + path, **{"headers": {}, **settings})


def test_a_test_that_passes_says_each_step_and_sends_one_real_span(receiver: Receiver) -> None:
    """Settings, DNS, TCP, auth, span, partial success; a root span by name, with the header that marks it."""
    result = plain(receiver, headers={"Authorization": f"Bearer {KEY}"}).check()
    assert ["settings", "DNS", "TCP", "auth", "span", "partial success"] == [step.name for step in result.steps]
    assert (True, True, "passed", None) == (result.passed, bool(result), result.verdict, result.code)
    (request,) = receiver.requests
    (span,) = receiver.json_spans()
    assert ("true", f"Bearer {KEY}") == (request.headers["x-test-connection"], request.headers["authorization"])
    assert ("spancast-connection-test", result.trace_id) == (span["name"], span["traceId"])
    assert True is (isinstance(result.latency_ms, float) and KEY not in str(result))
    assert {"destination", "where", "passed", "verdict", "code", "latency_ms", "trace_id", "steps"} == set(
        result.as_dict()
    )


@pytest.mark.parametrize(
    ("answer", "step", "code", "verdict"),
    [
        (Answer(301), "span", "E300", "path"),
        (Answer(400, body=b"unreadable"), "span", "E400", "receiver"),
        (Answer(400, body=b"The plain HTTP request was sent to HTTPS port"), "span", "E208", "TLS"),
        (Answer(400, body=b"Client sent an HTTP request to an HTTPS server."), "span", "E208", "TLS"),
        (Answer(400, body=b"invalid content type"), "span", "E415", "use protobuf"),
        (Answer(401), "auth", "E401", "credentials"),
        (Answer(403), "auth", "E403", "credentials"),
        (Answer(404), "span", "E404", "path"),
        (Answer(405), "span", "E405", "path"),
        (Answer(413), "span", "E413", "size"),
        (Answer(415), "span", "E415", "use protobuf"),
        (Answer(418), "span", "E430", "receiver"),
        (Answer(422), "span", "E422", "receiver"),
        (Answer(429, headers={"Retry-After": "60"}), "span", "E429", "rate"),
        (Answer(500), "span", "E500", "receiver"),
        (Answer(503), "span", "E503", "receiver"),
        (Answer(200, headers=HTML, body=b"<html>Welcome"), "span", "E601", "path"),
        (Answer(200, headers={"Content-Type": "application/json"}, body=REJECTED), "partial success", "E600", "rejected"),
    ],
)  # fmt: skip
def test_an_answer_other_than_success_has_a_code(
    receiver: Receiver, answer: Answer, step: str, code: str, verdict: str
) -> None:
    """Each answer is named, with a cause and a cure; nothing is tried again."""
    receiver.answer = answer
    result = plain(receiver, headers={"Authorization": f"Bearer {KEY}"}).check()
    assert (step, code, verdict) == found(result)
    assert True is bool(result.failure and result.failure.cause and result.failure.fix)
    assert 1 == len(receiver.requests)


@pytest.mark.parametrize("status", [200, 202, 204])
def test_any_2xx_passes(receiver: Receiver, status: int) -> None:
    """Datadog answers 202."""
    receiver.answer = Answer(status)
    assert True is plain(receiver).check().passed


def test_protobuf_that_is_refused_is_to_be_json(receiver: Receiver) -> None:
    """The verdict names the other encoding."""
    receiver.answer = Answer(415)
    assert "use JSON" == plain(receiver, protocol="http/protobuf").check().verdict


# ---------------------------------------------------------------- known mistakes
@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/otlp"])
def test_a_missing_path_is_found_although_the_server_answers_200(receiver: Receiver, path: str) -> None:
    """A receiver that says 200 to every path has not shown that it takes traces here."""
    result = plain(receiver, path).check()
    assert ("span", "E110", "path") == found(result)
    assert True is (result.failure is not None and "/v1/traces" in result.failure.fix)


def test_a_base_that_takes_traces_itself_passes(receiver: Receiver) -> None:
    """Where `/v1/traces` answers 404 and the given URL 200, the given one is right."""
    receiver.answers = [Answer(200), Answer(404)]
    assert True is plain(receiver, "/").check().passed


def test_a_path_of_ones_own_passes_with_a_warning(receiver: Receiver) -> None:
    """An address that is no base is somebody's webhook: any 2xx passes, and a doubt is said."""
    result = plain(receiver, "/hooks/17").check()
    assert (True, "W110") == (result.passed, result.steps[-1].code)


def test_a_webhook_may_answer_400_to_a_test(receiver: Receiver) -> None:
    """Some webhooks answer 400 to an empty request, as OpenRouter's test allows; with /v1/traces a 400 is a failure."""
    receiver.answer = Answer(400)
    result = plain(receiver, "/hooks/17").check()
    assert (True, "W111") == (result.passed, result.steps[-1].code)
    assert {"resourceSpans": []} == receiver.requests[-1].json
    assert False is plain(receiver).check().passed


def test_a_webhook_that_reads_empty_requests_but_no_span_fails(receiver: Receiver) -> None:
    """A 400 to the span alone says that the span is the trouble."""
    receiver.answers = [Answer(400), Answer(200)]
    assert ("span", "E400", "receiver") == found(plain(receiver, "/hooks/17").check())


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: destinations.otlp("http://c:4317"), "E103"),
        (lambda: destinations.otlp("c:4318/v1/traces"), "E104"),
        (lambda: destinations.axiom(token="xaat-1\n", dataset="d"), "E105"),
        (lambda: destinations.axiom(token="Bearer xaat-1", dataset="d"), "E105"),
        (lambda: destinations.axiom(dataset="d"), "E101"),
        (lambda: destinations.axiom(token="env:NOT_THERE", dataset="d"), "E102"),
        (lambda: destinations.grafana_cloud(instance_id="1", api_key="k", base_url="https://g.example.com"), "E115"),
        (lambda: destinations.otlp("https://c/v1/traces", sampling_rate=7), "E100"),
    ],
)
def test_a_setting_that_cannot_be_used_has_a_code(make: Any, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a preset refuses is a failed test of its settings."""
    monkeypatch.delenv("AXIOM_TOKEN", raising=False)
    with pytest.raises(SettingsError) as caught:
        make()
    result = settings_failure("mine", caught.value)
    assert ("settings", code) == found(result)[:2]


@pytest.mark.parametrize(
    ("url", "headers", "code"),
    [
        ("https://otlp.arize.com/v1", {}, "E110"),
        ("https://otlp.eu-west-1a.arize.com", {}, "E110"),
        ("https://otlp.arize.com/v1/traces", {"arize-space-id": "my space"}, "E111"),
        ("https://api.axiom.co/v1/traces", {"Authorization": "Bearer x"}, "E112"),
        ("https://c/v1/traces", {"Authorization": "Bearer%20abc"}, "E113"),
        ("https://c/v1/traces", {"Authorization": "Basic%20abc%3D%3D"}, "E113"),
    ],
)
def test_a_known_mistake_is_recognised_before_anything_is_sent(url: str, headers: dict[str, str], code: str) -> None:
    """Arize's path and space, Axiom's dataset, headers that are percent-encoded."""
    assert [code] == [seen[0] for seen in known_mistakes.in_settings(url, headers)]


def test_arizes_space_name_fails_the_test_of_its_settings(receiver: Receiver) -> None:
    """With the name instead of the id Arize says 200 and keeps nothing: the test does not even ask it."""
    destination = destinations.arize(api_key=KEY, space_key="my-space", base_url=receiver.url)
    assert ("settings", "E111", "settings") == found(destination.check())
    assert [] == receiver.requests


@pytest.mark.parametrize(
    ("url", "headers", "part"),
    [
        ("https://otlp.arize.com/v1/traces", {"authorization": "k"}, "region='eu'"),
        ("https://otlp.eu-west-1a.arize.com/v1/traces", {"authorization": "k"}, "region='us'"),
        ("https://api.honeycomb.io/v1/traces", {"x-honeycomb-team": "k"}, "region='eu'"),
        ("https://api.axiom.co/v1/traces", {"Authorization": "k"}, "Authorization: Bearer"),
        ("https://x.grafana.net/otlp/v1/traces", {"Authorization": "Bearer k"}, "Authorization: Basic"),
        ("https://x.elastic.cloud/v1/traces", {"Authorization": "Bearer k"}, "Authorization: ApiKey"),
        ("https://www.comet.com/opik/v1/traces", {"Authorization": "Bearer k"}, "leave out the word 'Bearer'"),
        ("https://otlp.datadoghq.com/v1/traces", {"dd-api-key": "k"}, "site may be another"),
        ("https://c.example.com/v1/traces", {"Authorization": "k"}, "most receivers want 'Bearer"),
        ("https://c.example.com/v1/traces", {}, "no key is sent"),
    ],
)
def test_a_refused_key_is_looked_at(url: str, headers: dict[str, str], part: str) -> None:
    """Bearer or not, Basic, regions and sites."""
    assert True is (part in (known_mistakes.credentials_fix(url, headers) or ""))


# ---------------------------------------------------------------- the way there
def test_a_name_that_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The DNS does not know the host."""

    def unknown(*values: Any, **named: Any) -> Any:
        raise socket.gaierror("unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert ("DNS", "E201", "host") == found(destinations.otlp("https://x.example.com/v1/traces").check())


def test_a_port_where_nothing_listens() -> None:
    """The cure names the usual port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    result = destinations.otlp(f"http://127.0.0.1:{port}/v1/traces").check()
    assert ("TCP", "E202", "host") == found(result)
    assert True is (result.failure is not None and ":4318/v1/traces" in result.failure.fix)


def test_a_port_that_speaks_grpc() -> None:
    """A gRPC port breaks the connection: 4317 instead of 4318, on whatever port."""
    with faults.listening(faults.speaks_grpc) as port:
        result = destinations.otlp(f"http://127.0.0.1:{port}/v1/traces").check()
    assert ("span", "E209", "port") == found(result)


def test_a_receiver_that_never_answers() -> None:
    """The test ends when its time is over."""
    with faults.listening(faults.says_nothing) as port:
        result = destinations.otlp(f"http://127.0.0.1:{port}/v1/traces").check(timeout=0.3)
    assert ("span", "E210", "timeout") == found(result)


@pytest.mark.parametrize(
    ("name", "trusted", "expired", "expected"),
    [
        ("localhost", True, False, ("", None, "passed")),
        ("other.example.com", True, False, ("TLS", "E205", "TLS")),
        ("localhost", False, False, ("TLS", "E206", "TLS")),
        ("localhost", True, True, ("TLS", "E207", "TLS")),
    ],
)
def test_the_certificate_is_looked_at(
    tmp_path: Path, name: str, trusted: bool, expired: bool, expected: tuple[str, str | None, str]
) -> None:
    """Its name, who signed it, its dates."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    until = datetime.now(UTC) - timedelta(days=1) if expired else None
    issued = authority.issue_cert(name, not_after=until) if until else authority.issue_cert(name)
    settings = {"ca_file": str(tmp_path / "ca.pem")} if trusted else {}
    with faults.listening(faults.speaks_tls(issued)) as port:
        result = destinations.otlp(f"https://localhost:{port}/v1/traces", **settings).check()
    assert expected == found(result)


@pytest.mark.parametrize("known", [True, False, None])
def test_a_receiver_that_wants_the_clients_certificate(tmp_path: Path, known: bool | None) -> None:
    """One of its authority passes; none, and one of another authority, is named as what it is: no fault of a port."""
    authority, other = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    settings = {"ca_file": str(tmp_path / "ca.pem")}
    if known is not None:
        mine = (authority if known else other).issue_cert("client@example.com")
        mine.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "client.pem"))
        settings |= {"client_certificate": str(tmp_path / "client.pem"), "client_key": str(tmp_path / "client.pem")}
    with faults.listening(faults.speaks_tls(authority.issue_cert("localhost"), authority)) as port:
        result = destinations.otlp(f"https://localhost:{port}/v1/traces", **settings).check()  # type: ignore[arg-type]
    assert (("", None, "passed") if known else ("span", "E211", "TLS")) == found(result)


def test_https_to_a_port_without_tls(receiver: Receiver) -> None:
    """The scheme is the mistake."""
    result = destinations.otlp(receiver.url.replace("http://", "https://") + "/v1/traces").check()
    assert ("TLS", "E208", "TLS") == found(result)


def test_behind_a_proxy_the_way_there_is_the_proxys(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS, TCP and TLS are left out; the span goes through it."""
    monkeypatch.setenv("http_proxy", receiver.url)
    result = destinations.otlp("http://backend.example.com/v1/traces").check()
    assert ["settings", "proxy", "auth", "span", "partial success"] == [step.name for step in result.steps]
    assert "http://backend.example.com/v1/traces" == receiver.requests[0].path


# ---------------------------------------------------------------- other places, and secrets
def test_a_headers_function_is_asked_and_may_fail(receiver: Receiver) -> None:
    """A token that cannot be fetched is a failed setting."""

    def fetch() -> dict[str, str]:
        raise RuntimeError(KEY)

    assert True is plain(receiver, headers=lambda: {"Authorization": f"Bearer {KEY}"}).check().passed
    result = plain(receiver, headers=fetch).check()
    assert (("settings", "E106", "settings"), False) == (found(result), KEY in str(result))


def test_a_key_that_the_receiver_repeats_is_masked(receiver: Receiver) -> None:
    """Neither the value, nor the token alone, nor what Basic encodes is in the result."""
    destination = plain(receiver, headers={"Authorization": "Basic dXNlcjE6cGFzc3dvcmQx"})
    receiver.answer = Answer(
        401, body=b"Basic dXNlcjE6cGFzc3dvcmQx or dXNlcjE6cGFzc3dvcmQx or user1:password1 is wrong"
    )
    said = str(destination.check()) + str(destination.check().as_dict())
    assert [] == [secret for secret in ("dXNlcjE6cGFzc3dvcmQx", "user1", "password1") if secret in said]
    assert True is ("is wrong" in said)


def test_places_on_this_machine(tmp_path: Path) -> None:
    """A file must be writable and is left as it was; memory and console need nothing; an exporter is asked."""
    assert True is destinations.file(tmp_path / "deep" / "t.jsonl").check().passed
    assert False is (tmp_path / "deep" / "t.jsonl").exists()
    (tmp_path / "plain").write_text("")
    blocked = replace(destinations.file(tmp_path / "t.jsonl"))
    object.__setattr__(blocked.target, "path", tmp_path / "plain" / "t.jsonl")
    assert ("file", "E700", "file") == found(blocked.check())
    assert (True, True) == (destinations.memory().check().passed, destinations.console().check().passed)


@pytest.mark.parametrize("works", [True, False])
def test_an_sdk_exporter_is_given_one_span(works: bool) -> None:
    """What it reports is the result."""
    from opentelemetry.sdk.trace.export import SpanExportResult

    class Exporter:
        def export(self, spans: Any) -> Any:
            self.names = [span.name for span in spans]
            return SpanExportResult.SUCCESS if works else SpanExportResult.FAILURE

        def shutdown(self) -> None:
            pass

    exporter: Any = Exporter()
    result = destinations.sdk(exporter).check()
    assert (works, ["spancast-connection-test"]) == (result.passed, exporter.names)


@pytest.mark.parametrize("code", sorted(ERROR_CODES))
def test_every_fault_has_a_cause_and_a_cure(code: str) -> None:
    """One sentence each; a warning's verdict is `passed`."""
    fault = ERROR_CODES[code]
    assert True is bool(fault.cause and fault.fix and "\n" not in fault.cause + fault.fix)
    assert code.startswith("W") is (fault.verdict == "passed")


def test_the_privacy_mode_of_a_destination_holds_for_its_test(receiver: Receiver) -> None:
    """The test span passes through the same allow-list."""
    plain(receiver, privacy_mode=True).check()
    (span,) = receiver.json_spans()
    assert ["trace.metadata.connection_test"] == [pair["key"] for pair in span["attributes"]]
