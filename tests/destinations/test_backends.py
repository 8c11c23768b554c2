"""Every preset in one table: URL, headers, resource, encoding, limits; and each sent through a recording receiver."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import spancast
from spancast import destinations
from spancast.destinations import PRESETS, Destination, SettingsError
from spancast.destinations.backends.langfuse import langfuse_gen_ai
from spancast.destinations.rendering import rendering_of
from spancast.record.cost import Cost
from spancast.record.operation import Generation, Kind, Operation
from spancast.record.usage import Usage

from ..receivers.recording import Receiver, recording_receiver

MB = 1_000_000
CLASSIC = "0123456789abcdef0123456789abcdef"
SPACE = "U3BhY2U6MTphYmM="
JSON, PROTOBUF = "http/json", "http/protobuf"


def basic(text: str) -> str:
    """Return `Basic` authentication."""
    return "Basic " + b64encode(text.encode()).decode()


# preset, arguments, URL, headers, protocol, convention, resource, largest request, longest attribute
TABLE: list[tuple[str, dict[str, Any], str, dict[str, str], str, str, dict[str, str], int, int]] = [
    ("arize", {"api_key": "k1", "space_key": SPACE, "model_id": "shop"}, "https://otlp.arize.com/v1/traces",
     {"authorization": "k1", "arize-api-key": "k1", "api_key": "k1", "arize-space-id": SPACE, "space_id": SPACE,
      "arize-interface": "otel"}, PROTOBUF, "openinference",
     {"openinference.project.name": "shop", "arize.project.name": "shop", "model_id": "shop"}, 4 * MB, 10 * MB),
    ("otlp", {"endpoint": "https://c.example.com/x"}, "https://c.example.com/x", {}, JSON, "gen_ai", {}, 4 * MB, 10 * MB),
    ("otlp_metrics", {"endpoint": "https://c.example.com/v1/metrics"}, "https://c.example.com/v1/metrics", {}, PROTOBUF,
     "gen_ai", {}, 4 * MB, 10 * MB),
    ("axiom", {"token": "xaat-1", "dataset": "ds"}, "https://api.axiom.co/v1/traces",
     {"Authorization": "Bearer xaat-1", "X-Axiom-Dataset": "ds"}, JSON, "gen_ai", {}, 4 * MB, MB),
    ("axiom", {"token": "xaat-1", "dataset": "ds", "base_url": "https://eu.example.com"},
     "https://eu.example.com/v1/traces", {"Authorization": "Bearer xaat-1", "X-Axiom-Dataset": "ds"}, JSON, "gen_ai", {},
     4 * MB, MB),
    ("jaeger", {}, "http://localhost:4318/v1/traces", {}, JSON, "gen_ai", {}, 4 * MB, 10 * MB),
    ("jaeger", {"endpoint": "http://jaeger:4318"}, "http://jaeger:4318/v1/traces", {}, JSON, "gen_ai", {}, 4 * MB, 10 * MB),
    ("tempo", {}, "http://localhost:4318/v1/traces", {}, JSON, "gen_ai", {}, 4 * MB, 2048),
    ("tempo", {"endpoint": "http://tempo:4318/", "tenant": "a", "max_attribute_bytes": 9000}, "http://tempo:4318/v1/traces",
     {"X-Scope-OrgID": "a"}, JSON, "gen_ai", {}, 4 * MB, 9000),
    ("grafana_cloud", {"instance_id": "12", "api_key": "glc_x"},
     "https://otlp-gateway-prod-us-west-0.grafana.net/otlp/v1/traces", {"Authorization": basic("12:glc_x")}, JSON, "gen_ai",
     {}, 4 * MB, 2048),
    ("grafana_cloud", {"instance_id": "12", "api_key": "glc_x", "zone": "prod-eu-west-2"},
     "https://otlp-gateway-prod-eu-west-2.grafana.net/otlp/v1/traces", {"Authorization": basic("12:glc_x")}, JSON, "gen_ai",
     {}, 4 * MB, 2048),
    ("grafana_cloud", {"instance_id": "12", "api_key": "glc_x", "base_url": "https://g.example.com/otlp"},
     "https://g.example.com/otlp/v1/traces", {"Authorization": basic("12:glc_x")}, JSON, "gen_ai", {}, 4 * MB, 2048),
    ("honeycomb", {"api_key": "hcaik_1"}, "https://api.honeycomb.io/v1/traces", {"x-honeycomb-team": "hcaik_1"}, JSON,
     "gen_ai", {}, 4 * MB, 65_535),
    ("honeycomb", {"api_key": "hcaik_1", "region": "eu"}, "https://api.eu1.honeycomb.io/v1/traces",
     {"x-honeycomb-team": "hcaik_1"}, JSON, "gen_ai", {}, 4 * MB, 65_535),
    ("honeycomb", {"api_key": CLASSIC, "dataset": "ds"}, "https://api.honeycomb.io/v1/traces",
     {"x-honeycomb-team": CLASSIC, "x-honeycomb-dataset": "ds"}, JSON, "gen_ai", {}, 4 * MB, 65_535),
    ("lightstep", {"access_token": "t"}, "https://ingest.lightstep.com:443/v1/traces", {"lightstep-access-token": "t"},
     JSON, "gen_ai", {}, 4 * MB, 10 * MB),
    ("lightstep", {"access_token": "t", "region": "eu", "legacy_path": True},
     "https://ingest.eu.lightstep.com:443/traces/otlp/v0.9", {"lightstep-access-token": "t"}, JSON, "gen_ai", {}, 4 * MB,
     10 * MB),
    ("phoenix", {}, "http://localhost:6006/v1/traces", {}, PROTOBUF, "openinference",
     {"openinference.project.name": "default"}, 4 * MB, 10 * MB),
    ("phoenix", {"endpoint": "https://app.phoenix.arize.com/s/me", "api_key": "k", "project_name": "shop"},
     "https://app.phoenix.arize.com/s/me/v1/traces", {"authorization": "Bearer k"}, PROTOBUF, "openinference",
     {"openinference.project.name": "shop"}, 4 * MB, 10 * MB),
    ("langfuse", {"public_key": "pk-1", "secret_key": "sk-1"}, "https://cloud.langfuse.com/api/public/otel/v1/traces",
     {"Authorization": basic("pk-1:sk-1"), "x-langfuse-ingestion-version": "4"}, JSON, "gen_ai", {}, 4 * MB, 10 * MB),
    ("langfuse", {"public_key": "pk-1", "secret_key": "sk-1", "region": "us"},
     "https://us.cloud.langfuse.com/api/public/otel/v1/traces",
     {"Authorization": basic("pk-1:sk-1"), "x-langfuse-ingestion-version": "4"}, JSON, "gen_ai", {}, 4 * MB, 10 * MB),
    ("langfuse", {"public_key": "pk-1", "secret_key": "sk-1", "base_url": "http://localhost:3000/api/public/otel"},
     "http://localhost:3000/api/public/otel/v1/traces",
     {"Authorization": basic("pk-1:sk-1"), "x-langfuse-ingestion-version": "4"}, JSON, "gen_ai", {}, 4 * MB, 10 * MB),
    ("langsmith", {"api_key": "lsv2", "project": "shop"}, "https://api.smith.langchain.com/otel/v1/traces",
     {"x-api-key": "lsv2", "Langsmith-Project": "shop"}, PROTOBUF, "openinference", {}, 4 * MB, 10 * MB),
    ("langsmith", {"api_key": "lsv2", "base_url": "https://ls.example.com/api/v1"},
     "https://ls.example.com/api/v1/otel/v1/traces", {"x-api-key": "lsv2", "Langsmith-Project": "default"}, PROTOBUF,
     "openinference", {}, 4 * MB, 10 * MB),
    ("datadog", {"api_key": "k"}, "https://otlp.datadoghq.com/v1/traces", {"dd-api-key": "k", "dd-otlp-source": "llmobs"},
     PROTOBUF, "gen_ai", {}, 3 * MB, 10 * MB),
    ("datadog", {"api_key": "k", "site": "us5.datadoghq.com", "llm_observability": False},
     "https://otlp.us5.datadoghq.com/v1/traces", {"dd-api-key": "k"}, PROTOBUF, "gen_ai", {}, 3 * MB, 10 * MB),
    ("new_relic", {"license_key": "k"}, "https://otlp.nr-data.net/v1/traces", {"api-key": "k"}, PROTOBUF, "gen_ai", {}, MB,
     4095),
    ("new_relic", {"license_key": "k", "region": "eu"}, "https://otlp.eu01.nr-data.net/v1/traces", {"api-key": "k"},
     PROTOBUF, "gen_ai", {}, MB, 4095),
    ("braintrust", {"api_key": "k", "project_name": "shop"}, "https://api.braintrust.dev/otel/v1/traces",
     {"Authorization": "Bearer k", "x-bt-parent": "project_name:shop"}, PROTOBUF, "gen_ai", {}, 4 * MB, 10 * MB),
    ("braintrust", {"api_key": "k", "project_id": "p1", "region": "eu"}, "https://api-eu.braintrust.dev/otel/v1/traces",
     {"Authorization": "Bearer k", "x-bt-parent": "project_id:p1"}, PROTOBUF, "gen_ai", {}, 4 * MB, 10 * MB),
    ("signoz", {"ingestion_key": "k"}, "https://ingest.us.signoz.cloud:443/v1/traces", {"signoz-ingestion-key": "k"}, JSON,
     "gen_ai", {}, 4 * MB, 10 * MB),
    ("signoz", {"base_url": "http://localhost:4318"}, "http://localhost:4318/v1/traces", {}, JSON, "gen_ai", {}, 4 * MB,
     10 * MB),
    ("dash0", {"auth_token": "auth_1", "dataset": "ds"}, "https://ingress.eu-west-1.aws.dash0.com/v1/traces",
     {"Authorization": "Bearer auth_1", "Dash0-Dataset": "ds"}, JSON, "gen_ai", {}, 4 * MB, 10 * MB),
    ("elastic", {"endpoint": "https://a.ingest.us.gcp.elastic.cloud:443", "api_key": "k=="},
     "https://a.ingest.us.gcp.elastic.cloud:443/v1/traces", {"Authorization": "ApiKey k=="}, PROTOBUF, "gen_ai", {}, 4 * MB,
     10 * MB),
    ("opik", {"api_key": "k", "workspace": "w", "project_name": "p"},
     "https://www.comet.com/opik/api/v1/private/otel/v1/traces",
     {"Authorization": "k", "Comet-Workspace": "w", "projectName": "p"}, PROTOBUF, "openinference", {}, 4 * MB, 10 * MB),
    ("opik", {"base_url": "http://localhost:5173"}, "http://localhost:5173/api/v1/private/otel/v1/traces", {}, PROTOBUF,
     "openinference", {}, 4 * MB, 10 * MB),
    ("weave", {"api_key": "k", "entity": "e", "project": "p"}, "https://trace.wandb.ai/otel/v1/traces",
     {"wandb-api-key": "k"}, PROTOBUF, "openinference", {"wandb.entity": "e", "wandb.project": "p"}, 4 * MB, 10 * MB),
    ("weave", {"api_key": "k", "entity": "e", "project": "p", "base_url": "https://me.wandb.io/traces"},
     "https://me.wandb.io/traces/otel/v1/traces", {"wandb-api-key": "k"}, PROTOBUF, "openinference",
     {"wandb.entity": "e", "wandb.project": "p"}, 4 * MB, 10 * MB),
    ("posthog", {"project_token": "phc_1"}, "https://us.i.posthog.com/i/v0/ai/otel", {"Authorization": "Bearer phc_1"},
     PROTOBUF, "gen_ai", {}, 4 * MB, 10 * MB),
    ("mlflow", {"base_url": "http://localhost:5000", "experiment_id": "7"}, "http://localhost:5000/v1/traces",
     {"x-mlflow-experiment-id": "7"}, PROTOBUF, "gen_ai", {}, 4 * MB, 10 * MB),
    ("sentry", {"dsn": "https://abc@o1.ingest.us.sentry.io/42"},
     "https://o1.ingest.us.sentry.io/api/42/integration/otlp/v1/traces", {"x-sentry-auth": "sentry sentry_key=abc"},
     PROTOBUF, "gen_ai", {}, 4 * MB, 10 * MB),
    ("logfire", {"token": "t", "region": "eu"}, "https://logfire-eu.pydantic.dev/v1/traces", {"Authorization": "t"}, JSON,
     "gen_ai", {}, 4 * MB, 10 * MB),
    ("traceloop", {"api_key": "k"}, "https://api.traceloop.com/v1/traces", {"Authorization": "Bearer k"}, PROTOBUF,
     "gen_ai", {}, 4 * MB, 10 * MB),
    ("laminar", {"api_key": "k"}, "https://api.lmnr.ai/v1/traces", {"Authorization": "Bearer k"}, JSON, "gen_ai", {},
     4 * MB, 10 * MB),
]  # fmt: skip
IDS = [f"{row[0]}-{index}" for index, row in enumerate(TABLE)]


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave every preset's variables out."""
    for preset in PRESETS.values():
        for names in preset.variables.values():
            for name in names:
                monkeypatch.delenv(name, raising=False)


def made(preset: str, arguments: dict[str, Any]) -> Destination:
    """Return the destination of a row."""
    return PRESETS[preset].make(**arguments)


@pytest.mark.parametrize("row", TABLE, ids=IDS)
def test_a_preset_is_what_its_backend_documents(row: Any) -> None:
    """URL, headers, encoding, convention, resource and limits are those of the table."""
    preset, arguments, url, headers, protocol, convention, resource, largest, longest = row
    destination = made(preset, arguments)
    target: Any = destination.target
    assert (url, headers, protocol, convention, resource, largest, longest) == (
        target.url,
        dict(target.headers),
        target.protocol,
        destination.convention,
        dict(destination.resource),
        destination.max_request_bytes,
        destination.max_attribute_length,
    )


def redirected(destination: Destination, receiver: Receiver) -> Destination:
    """Return *destination* with the receiver in the place of its host."""
    target: Any = destination.target
    path = target.url.split("/", 3)[3]
    return replace(destination, target=replace(target, url=f"{receiver.url}/{path}"))


OF_SPANS = [row for row in TABLE if row[0] != "otlp_metrics"]  # tests/metrics has that one's


@pytest.mark.parametrize("row", OF_SPANS, ids=[f"{row[0]}-{index}" for index, row in enumerate(OF_SPANS)])
def test_a_preset_delivers_and_its_test_passes(row: Any) -> None:
    """Each preset sends a span that its encoding's reader reads, with its headers, to its path; `check` passes too."""
    preset, arguments, url, headers, protocol, _, resource, _, _ = row
    with recording_receiver() as receiver:
        destination = redirected(made(preset, arguments), receiver)
        with spancast.Pipeline(destination, service_name="shop") as pipeline:
            with spancast.trace(trace_name="hello", session_id="s1", user="u1", dataset="d"):
                pass
            assert True is pipeline.flush(10)
        result = destination.check()
        sent, tested = receiver.requests
        for request in (sent, tested):
            assert "/" + url.split("/", 3)[3] == request.path
            assert headers == {name: request.headers[name.lower()] for name in headers}
        assert "true" == tested.headers["x-test-connection"]
        assert (True, "passed") == (result.passed, result.verdict)
        if protocol == PROTOBUF:
            (held,) = sent.protobuf.resource_spans
            said = {pair.key: pair.value.string_value for pair in held.resource.attributes}
            names = [span.name for scope in held.scope_spans for span in scope.spans]
        else:
            (held,) = sent.json["resourceSpans"]
            said = {pair["key"]: pair["value"].get("stringValue") for pair in held["resource"]["attributes"]}
            names = [span["name"] for scope in held["scopeSpans"] for span in scope["spans"]]
        assert (["hello"], "shop") == (names, said["service.name"])
        assert resource == {name: said[name] for name in resource}


def test_every_preset_is_in_the_table_and_exported() -> None:
    """A preset that is added has a row here, and a name in `spancast.destinations`."""
    assert set(PRESETS) == {row[0] for row in TABLE}
    assert [] == [name for name in PRESETS if getattr(destinations, name) is not PRESETS[name].make]


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.required])
def test_a_missing_argument_is_named(name: str) -> None:
    """Without anything, a preset says what it needs."""
    with pytest.raises(SettingsError, match=f"^{PRESETS[name].required[0]} is missing: "):
        PRESETS[name].make()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: destinations.axiom(token="xaat-1 ", dataset="d"), "token has white space in it"),
        (lambda: destinations.axiom(token="Bearer xaat-1", dataset="d"), "token begins with 'Bearer'"),
        (lambda: destinations.axiom(token="xapt-1", dataset="d"), "personal token"),
        (lambda: destinations.axiom(token="xaat-1"), "dataset is missing"),
        (lambda: destinations.axiom(token="xaat-1", dataset="d\n"), "dataset has white space around it or a line break"),
        (lambda: destinations.jaeger("jaeger:4318"), "has no scheme"),
        (lambda: destinations.jaeger("http://jaeger:4317"), "gRPC port 4317"),
        (lambda: destinations.jaeger("http://jaeger:16686"), "Jaeger's page: traces go to port 4318"),
        (lambda: destinations.tempo("http://tempo:3200"), "Tempo's query API"),
        (lambda: destinations.grafana_cloud(instance_id="me", api_key="k"), "instance_id='me' is no number"),
        (
            lambda: destinations.grafana_cloud(instance_id="1", api_key="k", base_url="https://otlp-gateway-x.grafana.net"),
            "lacks /otlp, .* write https://otlp-gateway-x.grafana.net/otlp",
        ),
        (lambda: destinations.honeycomb(api_key=CLASSIC), "dataset is missing: a classic Honeycomb key"),
        (lambda: destinations.honeycomb(api_key="hcaik_1", dataset="d"), "is for classic Honeycomb keys"),
        (lambda: destinations.honeycomb(api_key="k", region="asia"), "region='asia' is not known: use 'us' or 'eu'"),
        (lambda: destinations.new_relic(license_key="NRAK-1"), "user key"),
        (lambda: destinations.langfuse(public_key="sk-1", secret_key="pk-1"), "are swapped"),
        (lambda: destinations.datadog(api_key="k", site="https://datadoghq.eu"), "no part of a host name"),
        (lambda: destinations.braintrust(api_key="k", project_id="a", project_name="b"), "exactly one of"),
        (lambda: destinations.elastic("https://e:9200", api_key="k"), "Elasticsearch itself"),
        (lambda: destinations.weave(api_key="k", entity="e"), "project is missing"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_right_is_refused_with_the_cure(make: Callable[[], Any], sentence: str) -> None:
    """Each sentence names the argument and what would be right."""
    with pytest.raises(SettingsError, match=sentence):
        make()


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_the_environment_stands_for_arguments(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every variable of the table is read by its preset."""
    row = next(row for row in TABLE if row[0] == name)
    variables = PRESETS[name].variables
    for argument, names in variables.items():
        if argument in row[1]:
            monkeypatch.setenv(names[0], row[1][argument])
    rest = {key: value for key, value in row[1].items() if key not in variables}
    assert row[2:4] == (made(name, rest).target.url, dict(made(name, rest).target.headers))  # type: ignore[attr-defined]


def test_langfuse_is_never_sent_a_cost_that_it_counts_as_tokens() -> None:
    """No `gen_ai.usage.*_cost`, and cache writes once: Langfuse sums every `gen_ai.usage.*` into tokens."""
    operation = Operation(
        kind=Kind.LLM,
        name="model",
        trace_id=1,
        span_id=2,
        start_ns=1,
        end_ns=2,
        metadata={"dataset": "d"},
        detail=Generation(
            request_model="m",
            usage=Usage(input_tokens=3, output_tokens=4, total_tokens=7, cache_write_tokens=2),
            cost=Cost(input=0.25, output=0.5, total=0.75),
        ),
    )
    attributes = langfuse_gen_ai(operation).attributes
    assert [] == [name for name in attributes if name.endswith("_cost") or name.startswith("trace.metadata.")]
    assert '{"input":0.25,"output":0.5,"total":0.75}' == attributes["langfuse.observation.cost_details"]
    assert ("d", "LLM") == (attributes["langfuse.trace.metadata.dataset"], attributes["openinference.span.kind"])
    assert 1 == len([name for name in attributes if "cache_" in name and "read" not in name])


def test_langfuse_in_privacy_mode_keeps_cost_and_metadata_and_no_content() -> None:
    """What Langfuse calls otherwise is judged by the same table."""
    destination = destinations.langfuse(public_key="pk-1", secret_key="sk-1", privacy_mode=True)
    operation = Operation(
        kind=Kind.CHAIN,
        name="c",
        trace_id=1,
        span_id=2,
        start_ns=1,
        end_ns=2,
        metadata={"a": "b"},
        input="x",
        output="y",
    )
    attributes = rendering_of(destination)(operation).attributes
    assert {"langfuse.trace.metadata.a": "b", "openinference.span.kind": "CHAIN"} == dict(attributes)


def test_an_attribute_is_cut_at_the_backends_limit() -> None:
    """Tempo gets 2,048 characters of JSON that can still be read, and a mark."""
    operation = Operation(
        kind=Kind.CHAIN, name="c", trace_id=1, span_id=2, start_ns=1, end_ns=2, input={"text": "x" * 5000}
    )
    attributes = rendering_of(destinations.tempo())(operation).attributes
    assert (True, True) == (len(str(attributes["span.input"])) <= 2048, attributes["span.input.truncated"])


@pytest.mark.parametrize("kind", ["env", "keyring"])
def test_a_reference_is_looked_up_when_the_destination_is_made(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`env:NAME` and `keyring:NAME` stand for values, in arguments and in headers, also behind a scheme."""
    import sys
    from types import SimpleNamespace

    monkeypatch.setenv("MY_TOKEN", "t-12345")
    keyring = SimpleNamespace(
        get_password=lambda service, name: "t-12345" if (service, name) == ("spancast", "MY_TOKEN") else None
    )
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    lightstep = destinations.lightstep(access_token=f"{kind}:MY_TOKEN")
    assert {"lightstep-access-token": "t-12345"} == dict(lightstep.target.headers)  # type: ignore[attr-defined]
    collector = destinations.otlp("https://c/v1/traces", headers={"Authorization": f"Bearer {kind}:MY_TOKEN"})
    assert {"Authorization": "Bearer t-12345"} == dict(collector.target.headers)  # type: ignore[attr-defined]
    with pytest.raises(SettingsError, match=f"access_token is {kind}:NOT_THERE"):
        destinations.lightstep(access_token=f"{kind}:NOT_THERE")


def test_a_reference_to_a_missing_variable_says_which() -> None:
    """The sentence names the argument, the variable, and what to do."""
    os.environ.pop("NOT_THERE", None)
    with pytest.raises(
        SettingsError, match=r"^headers\['Authorization'\] is env:NOT_THERE, and .* is not set: set NOT_THERE"
    ):
        destinations.otlp("https://c/v1/traces", headers={"Authorization": "Bearer env:NOT_THERE"})


@pytest.mark.parametrize(
    "dsn", ["abc", "https://o1.ingest.sentry.io/2", "https://k@o1.ingest.sentry.io", "ftp://k@h/1"]
)
def test_sentry_says_what_a_dsn_looks_like(dsn: str) -> None:
    """What is no DSN is one sentence, which does not show it: it has a key in it."""
    with pytest.raises(SettingsError, match=r"dsn is no DSN: it has the form https://KEY@"):
        destinations.sentry(dsn=dsn)


def test_sentry_gets_metadata_under_a_name_that_it_keeps() -> None:
    """It drops what begins with `trace.`."""
    made = destinations.sentry(dsn="https://k@o1.ingest.sentry.io/2")
    operation = Operation(
        kind=Kind.CHAIN, name="n", trace_id=1, span_id=2, start_ns=1, end_ns=2, metadata={"team": "a"}, tags=("t",)
    )
    names = set(rendering_of(made)(operation).attributes)
    assert {"metadata.team", "tags"} <= names
    assert not [name for name in names if name.startswith("trace.")]
