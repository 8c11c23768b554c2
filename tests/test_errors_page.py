"""docs/connection-errors.md: what a person reads for every fault, made by real receivers. `UPDATE_GOLDENS=1` writes it."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from spancast import destinations
from spancast.destinations import SettingsError
from spancast.diagnostics.error_codes import ERROR_CODES
from spancast.diagnostics.result import settings_failure

from .receivers import faults
from .receivers.recording import Answer, recording_receiver

PAGE = Path(__file__).parents[1] / "docs" / "connection-errors.md"
HEAD = """# What `spancast doctor` says, and how to fix it

`spancast destinations add` and `spancast destinations test`, `spancast doctor` and `Destination.check()` test a
destination step by step and end at the first step that fails, with a code, a cause and a line that fixes it;
`spancast explain CODE` says more. This page is written by `tests/test_errors_page.py`: each text below is what a receiver
with that fault brought about.

"""
REJECTED = b'{"partialSuccess":{"rejectedSpans":"1","errorMessage":"quota of this month exceeded"}}'
BEARER = {"Authorization": "Bearer tok-0123456789"}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the machine's own proxy out."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def answers() -> Iterator[tuple[str, str]]:
    """Yield a title and what is read, for each answer of a receiver."""
    cases: list[tuple[str, str, dict[str, Any], Answer]] = [
        ("It works", "/v1/traces", {"headers": BEARER}, Answer(200)),
        ("The key is wrong", "/v1/traces", {"headers": BEARER}, Answer(401, body=b"invalid token tok-0123456789")),
        ("No key", "/v1/traces", {}, Answer(401)),
        ("A key without `Bearer`", "/v1/traces", {"headers": {"Authorization": "tok-0123456789"}}, Answer(401)),
        ("No right to write", "/v1/traces", {"headers": BEARER}, Answer(403)),
        ("The path is missing, and the server answers 200", "", {}, Answer(200)),
        ("The path is wrong", "/api/traces", {}, Answer(404)),
        ("The page's address", "/v1/traces", {}, Answer(405)),
        ("A page answers", "/v1/traces", {}, Answer(200, headers={"Content-Type": "text/html"}, body=b"<html>")),
        ("JSON is refused, as by Phoenix and Weave", "/v1/traces", {}, Answer(415)),
        ("The header is percent-encoded", "/v1/traces", {"headers": {"Authorization": "Bearer%20tok"}}, Answer(200)),
        ("The span is rejected, with 200", "/v1/traces", {},
         Answer(200, headers={"Content-Type": "application/json"}, body=REJECTED)),
        ("Too many requests", "/v1/traces", {}, Answer(429)),
        ("The receiver is failing", "/v1/traces", {}, Answer(500)),
        ("A webhook", "/hooks/17", {}, Answer(200)),
        ("A webhook that answers 400 to tests", "/hooks/17", {}, Answer(400)),
    ]  # fmt: skip
    with recording_receiver() as receiver:
        for title, path, given, answer in cases:
            receiver.answer = answer
            yield (
                title,
                str(destinations.otlp(receiver.url + path, name="collector", **{"headers": {}, **given}).check()),
            )
        name = destinations.arize(api_key="ak-1", space_key="my-space", base_url=receiver.url)
        yield "Arize's space name instead of its id", str(name.check())


def ways(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield a title and what is read, for each thing that is wrong on the way there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    yield "Nothing listens", str(destinations.otlp(f"http://127.0.0.1:{port}/v1/traces").check())
    with faults.listening(faults.speaks_grpc) as port:
        yield "A gRPC port", str(destinations.otlp(f"http://127.0.0.1:{port}/v1/traces").check())
    with faults.listening(faults.says_nothing) as port:
        yield "No answer", str(destinations.otlp(f"http://127.0.0.1:{port}/v1/traces").check(timeout=0.3))
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    with faults.listening(faults.speaks_tls(authority.issue_cert("other.example.com"))) as port:
        url = f"https://localhost:{port}/v1/traces"
        yield "The certificate is for another name", str(destinations.otlp(url, ca_file=str(folder / "ca.pem")).check())
        yield "The certificate's authority is unknown", str(destinations.otlp(url).check())
    issued = authority.issue_cert("localhost")
    with faults.listening(faults.speaks_tls(issued, authority)) as port:
        url = f"https://localhost:{port}/v1/traces"
        yield (
            "The receiver wants a certificate of yours",
            str(destinations.otlp(url, ca_file=folder / "ca.pem").check()),
        )


def settings() -> Iterator[tuple[str, str]]:
    """Yield a title and what is read, for settings that cannot be used."""
    makes: list[tuple[str, Any]] = [
        ("Port 4317", lambda: destinations.otlp("http://collector:4317")),
        ("No scheme", lambda: destinations.otlp("collector:4318/v1/traces")),
        ("A key with its line break", lambda: destinations.axiom(token="xaat-1\n", dataset="d")),
        ("Axiom without a dataset", lambda: destinations.axiom(token="xaat-1")),
        ("Grafana Cloud without /otlp", lambda: destinations.grafana_cloud(
            instance_id="1", api_key="glc_1", base_url="https://otlp-gateway-prod-eu-west-2.grafana.net")),
        ("A variable that is not set", lambda: destinations.lightstep(access_token="env:LIGHTSTEP_TOKEN")),
    ]  # fmt: skip
    for title, make in makes:
        with pytest.raises(SettingsError) as caught:
            make()
        yield title, str(settings_failure("mine", caught.value))


def stable(text: str) -> str:
    """Return *text* without what differs from run to run."""
    text = re.sub(r"(127\.0\.0\.1|localhost):\d+", r"\1:4318", text)
    text = re.sub(r"port (?!4317)\d+", "port 4318", text)
    text = re.sub(r" {2}\(\d+ ms\)", "  (… ms)", text)
    text = re.sub(r"(DNS +)\S.*?( {2}\()", r"\g<1>127.0.0.1\2", text)
    return re.sub(
        r"(✗ TLS +)(?!the ).*", r"\g<1>self-signed certificate in certificate chain", text
    )  # OpenSSL's own words


def page(folder: Path) -> str:
    """Return the page."""
    parts = [HEAD]
    for heading, cases in (("Settings", settings()), ("The way there", ways(folder)), ("The answer", answers())):
        parts.append(f"## {heading}\n\n")
        parts += [f"### {title}\n\n```text\n{stable(text)}\n```\n\n" for title, text in cases]
    parts.append("## All codes\n\n| code | verdict | cause | how to fix it |\n|---|---|---|---|\n")
    parts += [f"| {code} | {known.verdict} | {known.cause} | {known.fix} |\n" for code, known in ERROR_CODES.items()]
    return "".join(parts)


def test_the_page_shows_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each text of the docs is what the command says today."""
    for name in ("LIGHTSTEP_TOKEN", "AXIOM_DATASET"):
        monkeypatch.delenv(name, raising=False)
    said = page(tmp_path)
    if os.environ.get("UPDATE_GOLDENS"):
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(said)
    assert PAGE.read_text() == said
