"""TLS: files that cannot be used are a sentence when they are given; failed handshakes say why; renewed files are read."""

from __future__ import annotations

import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from spancast import destinations
from spancast.otlp.http import HttpExporter
from spancast.otlp.outcome import Outcome, Verdict
from spancast.otlp.tls import Tls, context_of, handshake_failed, why_unusable
from spancast.validation import SettingsError

from ..receivers import faults

PHRASE = serialization.BestAvailableEncryption(b"4711")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Return paths by name: an authority, a pair of a client, another pair, and what is none of these."""
    authority, other = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca"))
    for name, signer in (("client", authority), ("other", other)):
        issued = signer.issue_cert("client@example.com")
        issued.private_key_pem.write_to_path(str(tmp_path / f"{name}.key"))
        (tmp_path / name).write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
        issued.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / f"{name}.both"))
    key: Any = serialization.load_pem_private_key((tmp_path / "client.key").read_bytes(), None)
    locked = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, PHRASE)
    (tmp_path / "locked.key").write_bytes(locked)
    (tmp_path / "locked.both").write_bytes((tmp_path / "client").read_bytes() + locked)
    (tmp_path / "text").write_text("hello")
    (tmp_path / "empty").touch()
    (tmp_path / "half").write_text((tmp_path / "ca").read_text()[:400])
    (tmp_path / "der").write_bytes(ssl.PEM_cert_to_DER_cert((tmp_path / "ca").read_text()))
    return {path.name: str(path) for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        *[({"ca_file": name}, "holds no certificate") for name in ("text", "empty", "half", "der")],
        ({"client_key": "client.key"}, "has no certificate beside it"),
        ({"client_certificate": "client"}, "its private key in it"),
        ({"client_certificate": "client", "client_key": "client"}, "a key in PEM form"),
        ({"client_certificate": "client", "client_key": "text"}, "a key in PEM form"),
        ({"client_certificate": "client", "client_key": "other.key"}, "is not the key of"),
        ({"client_certificate": "client", "client_key": "locked.key"}, "pass phrase"),
        ({"client_certificate": "locked.both"}, "pass phrase"),
    ],
)
@pytest.mark.parametrize("protocol", ["http/json", "grpc"])
def test_files_that_cannot_be_used(
    files: dict[str, str], settings: dict[str, str], sentence: str, protocol: str
) -> None:
    """Which file, why, and what to give, before anything is sent; nobody is asked for a pass phrase."""
    given: dict[str, Any] = {name: files[value] for name, value in settings.items()}
    with pytest.raises(SettingsError, match=sentence) as raised:
        destinations.otlp("https://collector.example.com", protocol=protocol, **given)
    assert "E213" == raised.value.code
    assert all(path in str(raised.value) for path in list(given.values())[-1:])


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"ca_file": "ca"},
        {"client_certificate": "client", "client_key": "client.key"},
        {"client_certificate": "client.both"},
        {"client_certificate": "client.both", "client_key": "client.both"},
    ],
)
def test_files_that_can_be_used(files: dict[str, str], settings: dict[str, str]) -> None:
    """A bundle; a pair in one file or in two."""
    tls = Tls(**{name: files[value] for name, value in settings.items()})
    assert "" == why_unusable(tls)
    assert ssl.CERT_REQUIRED == context_of(tls).verify_mode


@pytest.mark.skipif(os.geteuid() == 0, reason="rights do not bind root")
def test_a_file_that_may_not_be_read(files: dict[str, str]) -> None:
    """The system's reason."""
    os.chmod(files["ca"], 0)
    assert "Permission denied" in why_unusable(Tls(ca_file=files["ca"]))


def test_the_platforms_pair_that_does_not_fit_is_left_out(
    files: dict[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning with the variables' names; and a certificate of the code never gets the platform's key."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", files["text"])
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", files["client"])
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CLIENT_KEY", files["other.key"])
    target: Any = destinations.otlp("https://collector.example.com/v1/traces").target
    assert Tls() == target.tls
    assert f"OTEL_EXPORTER_OTLP_CERTIFICATE={files['text']!r} holds no certificate" in caplog.text
    assert f"OTEL_EXPORTER_OTLP_CLIENT_KEY={files['other.key']!r} is not the key of" in caplog.text
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CLIENT_KEY", files["client.key"])
    target = destinations.otlp("https://collector.example.com/v1/traces", client_certificate=files["other.both"]).target
    assert Tls(client_certificate=files["other.both"]) == target.tls


# ---------------------------------------------------------------- handshakes
def outcome_of(port: int, **tls: str) -> Outcome:
    """Post to a port of this machine over TLS."""
    exporter = HttpExporter(
        f"https://localhost:{port}/v1/traces",
        headers={},
        protocol="http/json",
        compression=None,
        timeout=10.0,
        resource=dict,
        tls=Tls(**tls),
    )
    try:
        return exporter.post(b"{}", 10.0)
    finally:
        exporter.close()


def test_a_handshake_that_fails_says_why(tmp_path: Path) -> None:
    """The same codes as the test of a connection: another name, a date, an unknown authority."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca"))
    trusted, yesterday = str(tmp_path / "ca"), datetime.now(UTC) - timedelta(days=1)
    cases: list[tuple[Any, dict[str, str], str, str]] = [
        (authority.issue_cert("localhost"), {"ca_file": trusted}, "", ""),
        (authority.issue_cert("localhost"), {}, "E206", "was not accepted: "),
        (authority.issue_cert("other.example.com"), {"ca_file": trusted}, "E205", "is for another name"),
        (authority.issue_cert("localhost", not_after=yesterday), {"ca_file": trusted}, "E207", "has expired"),
    ]
    for issued, tls, code, words in cases:
        with faults.listening(faults.speaks_tls(issued)) as port:
            outcome = outcome_of(port, **tls)
        assert (Verdict.RETRY if code else Verdict.DELIVERED, code) == (outcome.verdict, outcome.code)
        assert words in outcome.message


def test_a_file_that_changes_while_the_application_runs(tmp_path: Path) -> None:
    """A renewed authority is read with the next connection; a file that is broken meanwhile is named."""
    former, later = trustme.CA(), trustme.CA()
    bundle = tmp_path / "ca"
    former.cert_pem.write_to_path(str(bundle))
    with faults.listening(faults.speaks_tls(later.issue_cert("localhost"))) as port:
        assert "E206" == outcome_of(port, ca_file=str(bundle)).code
        later.cert_pem.write_to_path(str(bundle))
        assert Verdict.DELIVERED is outcome_of(port, ca_file=str(bundle)).verdict
        bundle.write_text("half a fi")
        broken = outcome_of(port, ca_file=str(bundle))
    assert (Verdict.RETRY, "E213") == (broken.verdict, broken.code)
    assert "holds no certificate" in broken.message


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("[SSL: TLSV1_ALERT_PROTOCOL_VERSION] tlsv1 alert protocol version (_ssl.c:1016)", "E214"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1016)", "E208"),
        ("[SSL: SSLV3_ALERT_HANDSHAKE_FAILURE] sslv3 alert handshake failure (_ssl.c:1016)", "E208"),
        ("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required (_ssl.c:2580)", "E211"),
        ("EOF occurred in violation of protocol (_ssl.c:2406)", "E208"),
        ("[SSL" * 100_000, "E208"),
    ],
)
def test_what_openssl_says(words: str, code: str) -> None:
    """Its words are another sentence of ours, whatever they are."""
    found = handshake_failed(ssl.SSLError(words), "localhost")
    assert code == found.code
    assert len(found.message) < 200
