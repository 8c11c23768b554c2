"""A Collector with TLS, certificates of clients and a token: who has all gets in, who has less reads what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from typer.testing import CliRunner

import spancast
from spancast import destinations
from spancast.cli import commands

from .applications import many
from .cache import needs
from .otelcol import Collector, running_collector
from .program import until
from .tiers import FILES, Tier, tier

pytestmark = needs("collector")
TOKEN = "token-of-the-tests-0123456789"
# without the extension that agents and gateways keep their queues in
_NO_QUEUE = "yaml:service::extensions: [health_check, bearertokenauth]"


@dataclass(frozen=True)
class Papers:
    """PEM files: an authority, a server's and a client's certificate with key, and a client's of another authority."""

    authority: Path
    server: Path
    client: Path
    stranger: Path

    @property
    def environ(self) -> Mapping[str, str]:
        """What `tls.yaml` and `token/gateway.yaml` read."""
        server = str(self.server)
        return {"TLS_CERT": server, "TLS_KEY": server, "TLS_CLIENT_CA": str(self.authority), "OTLP_TOKEN": TOKEN}


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    """Return certificates that were made now."""
    folder = tmp_path_factory.mktemp("papers")
    made = Papers(*(folder / f"{name}.pem" for name in ("authority", "server", "client", "stranger")))
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(made.authority))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(made.server))
    authority.issue_cert("agent@example.com").private_key_and_cert_chain_pem.write_to_path(str(made.client))
    trustme.CA().issue_cert("x@example.com").private_key_and_cert_chain_pem.write_to_path(str(made.stranger))
    return made


@pytest.fixture(scope="module")
def secured(papers: Papers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """Return a Collector that takes OTLP as `tls.yaml` and `token/gateway.yaml` say."""
    files = FILES / "tls.yaml", FILES / "token" / "gateway.yaml", _NO_QUEUE
    folder = tmp_path_factory.mktemp("secured")
    with running_collector(folder, *files, environ=papers.environ, scheme="https") as collector:
        yield collector


def settings(papers: Papers, *, client: str | None = "client", token: str | None = TOKEN) -> dict[str, object]:
    """Return the arguments of a destination: all that it wants, or less."""
    given: dict[str, object] = {"ca_file": str(papers.authority), "headers": {}}
    if client is not None:
        given |= dict.fromkeys(("client_certificate", "client_key"), str(getattr(papers, client)))
    if token is not None:
        given["headers"] = {"Authorization": f"Bearer {token}"}
    return given


@pytest.mark.parametrize("protocol", ["http/json", "http/protobuf"])
def test_who_has_all_of_it_gets_in(secured: Collector, papers: Papers, protocol: str) -> None:
    """The test of the connection passes, and spans arrive."""
    backend = destinations.otlp(secured.traces_url, name="secured", protocol=protocol, **settings(papers))  # type: ignore[arg-type]
    assert "passed" == backend.check().verdict
    with spancast.Pipeline(backend) as pipeline:
        (trace_id,) = many(traces=1, spans=5)
        assert True is pipeline.flush(30)
    assert 5 == len(secured.spans(trace_id, 5))


@pytest.mark.parametrize(
    ("less", "code", "fix"),
    [
        ({"client": None}, "E211", "client_certificate="),
        ({"client": "stranger"}, "E211", "client_certificate="),
        ({"token": None}, "E401", "no key is sent"),
        ({"token": "wrong-token-0123456789"}, "E401", "copy the key again"),
    ],
    ids=["no certificate", "a stranger's certificate", "no token", "a wrong token"],
)
def test_who_has_less_reads_what_is_missing(
    secured: Collector, papers: Papers, less: dict[str, str | None], code: str, fix: str
) -> None:
    """The test names cause and fix; no span is delivered, and the report's reason shows no key."""
    backend = destinations.otlp(secured.traces_url, name="secured", **settings(papers, **less))  # type: ignore[arg-type]
    result = backend.check()
    assert (code, True) == (result.code, result.failure is not None and fix in result.failure.fix), str(result)
    assert "wrong-token" not in str(result)
    with spancast.Pipeline(backend) as pipeline:
        many(traces=1, spans=3)
        assert False is pipeline.flush(3)
        report = pipeline.report()["secured"]
    assert (0, True) == (report.delivered, bool(report.last_error))
    assert "wrong-token" not in str(report)


def test_an_authority_that_is_not_known_and_a_scheme_without_tls(secured: Collector, papers: Papers) -> None:
    """`ca_file=` is named for the one, `https://` for the other."""
    without = {name: value for name, value in settings(papers).items() if name != "ca_file"}
    assert "E206" == destinations.otlp(secured.traces_url, **without).check().code  # type: ignore[arg-type]
    plain = destinations.otlp(secured.traces_url.replace("https://", "http://"), headers={}).check()
    assert ("E208", True) == (plain.code, plain.failure is not None and "https://" in plain.failure.fix)


def test_it_is_added_with_its_certificates_and_not_without(
    secured: Collector, papers: Papers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`spancast destinations add` saves what passed; `spancast doctor` tests it again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOKEN_HEADER", f"Bearer {TOKEN}")
    add = ["destinations", "add", "otlp", "--endpoint", secured.traces_url, "--name", "secured"]
    add += ["--ca-file", str(papers.authority), "--header", "Authorization=env:TOKEN_HEADER"]
    refused = CliRunner().invoke(commands(), add)
    assert (True, True) == (refused.exit_code != 0, "E211" in refused.output), refused.output
    client = str(papers.client)
    added = CliRunner().invoke(commands(), [*add, "--client-certificate", client, "--client-key", client])
    assert (0, True) == (added.exit_code, "saved in" in added.output), added.output
    checked = CliRunner().invoke(commands(), ["doctor"])
    assert (0, True, False) == (checked.exit_code, "HTTP 200" in checked.output, TOKEN in checked.output)


def test_agent_and_gateway_speak_tls_and_the_gateway_asks_for_the_token(papers: Papers, tmp_path: Path) -> None:
    """`to-gateway.yaml` with certificates and token; a wrong token loses what is sent, a wrong certificate does not."""
    (tmp_path / "backend").mkdir()
    client = {
        "GATEWAY_CA": str(papers.authority),
        "GATEWAY_CERT": str(papers.client),
        "GATEWAY_KEY": str(papers.client),
    }
    with running_collector(tmp_path / "backend") as backend:
        behind = {"JAEGER_ENDPOINT": backend.url, "DECISION_WAIT": "1s", "SHARE_OF_THE_REST": "100"}
        files = ["gateway.yaml", "tls.yaml", "token/gateway.yaml", "privacy.yaml", "exporters/jaeger.yaml"]
        gateway = tier(tmp_path / "gateway", files, {**papers.environ, **behind})
        files = ["agent.yaml", "to-gateway.yaml", "token/agent.yaml"]
        to_it = {**client, "GATEWAY_ENDPOINT": f"127.0.0.1:{gateway.grpc}"}
        agent = tier(tmp_path / "agent", files, {**to_it, "OTLP_TOKEN": TOKEN})
        wrong = tier(tmp_path / "wrong", files, {**to_it, "OTLP_TOKEN": "wrong"})
        papers_of_a_stranger = dict.fromkeys(("GATEWAY_CERT", "GATEWAY_KEY"), str(papers.stranger))
        stranger = tier(tmp_path / "stranger", files, {**to_it, **papers_of_a_stranger, "OTLP_TOKEN": TOKEN})
        with gateway.program, agent.program, wrong.program, stranger.program:
            for each in (agent, wrong, stranger):
                to_agent = destinations.otlp(f"http://127.0.0.1:{each.http}/v1/traces", name="agent")
                with spancast.Pipeline(to_agent) as pipeline:
                    (trace_id,) = many(traces=1, spans=4)
                    assert True is pipeline.flush(30)
                if each is agent:
                    assert 4 == len(backend.spans(trace_id, 4))

            def counted(of: Tier, counter: str) -> float:
                return sum(count for name, count in of.counters().items() if name.startswith(counter))

            failed = "otelcol_exporter_send_failed_spans"
            assert 4 == until(lambda: counted(wrong, failed), lambda count: count >= 4, 30)
            assert "Unauthenticated" in wrong.program.tail()
            assert True is ("certificate" in until(stranger.program.tail, lambda text: "certificate" in text, 30))
            assert 0 == counted(stranger, failed)
