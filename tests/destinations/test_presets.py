"""What the presets send, seen by a receiver on loopback."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import trustme

import spancast
from spancast import destinations
from spancast.destinations import Destination, SettingsError
from spancast.destinations.backends.arize import arize_url
from spancast.record.operation import Kind
from spancast.recording.captured import Content

from ..receivers.recording import Received, Receiver, recording_receiver

SPACE = "U3BhY2U6MTphYmM="  # base64 of Space:1:abc
KEYS: Mapping[str, Any] = {"api_key": "ak-secret", "space_key": SPACE}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ARIZE_COLLECTOR_ENDPOINT", "ARIZE_SPACE_KEY", "OTEL_RESOURCE_ATTRIBUTES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with recording_receiver() as receiver:
        yield receiver


def send(*destinations: Destination, session_id: str = "s1", count: int = 1, **settings: Any) -> spancast.Pipeline:
    """Record *count* traces of a chain with content, deliver them, and return the pipeline."""
    with spancast.Pipeline(*destinations, **settings) as pipeline:
        for index in range(count):
            with spancast.trace(trace_name="report", session_id=session_id, user="u1", dataset="d"):
                work = pipeline.recorder.open(
                    f"work {index}",
                    Kind.TOOL,
                    "work",
                    translate=lambda _: Content(input="call 0123 456", output="done 0123 456"),
                )
                pipeline.recorder.close(work)
        assert True is pipeline.flush(10)
    return pipeline


def attributes_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return OTLP JSON attributes as a dict of plain values."""
    return {pair["key"]: next(iter(pair["value"].values()), None) for pair in item["attributes"]}


def protobuf_spans(receiver: Receiver) -> list[Any]:
    """Return all spans that came as protobuf."""
    return [
        span
        for request in receiver.requests
        for resource in request.protobuf.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def only(receiver: Receiver) -> Received:
    """Return the one request that came."""
    (request,) = receiver.requests
    return request


# ---------------------------------------------------------------- Arize: where
@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://otlp.example.com", "https://otlp.example.com/v1/traces"),
        ("https://otlp.example.com/", "https://otlp.example.com/v1/traces"),
        ("https://otlp.example.com/v1", "https://otlp.example.com/v1/traces"),
        ("https://otlp.example.com/v1/", "https://otlp.example.com/v1/traces"),
        ("https://otlp.example.com/v1/traces", "https://otlp.example.com/v1/traces"),
        ("https://otlp.example.com/v1/traces/", "https://otlp.example.com/v1/traces"),
        ("https://otlp.example.com:8443/proxy/arize", "https://otlp.example.com:8443/proxy/arize/v1/traces"),
        ("https://otlp.example.com/proxy/v1", "https://otlp.example.com/proxy/v1/traces"),
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
        ("otlp.example.com", "https://otlp.example.com/v1/traces"),
        ("otlp.example.com:8443/v1", "https://otlp.example.com:8443/v1/traces"),
        (None, "https://otlp.arize.com/v1/traces"),
    ],
)
def test_every_form_of_arizes_base_url_ends_at_v1_traces(base_url: str | None, expected: str) -> None:
    """Arize answers 200 on other paths and drops the spans, so the path is always completed."""
    assert expected == arize_url(base_url, None)


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us", "otlp.arize.com"),
        ("EU", "otlp.eu-west-1a.arize.com"),
        ("eu-west-1a", "otlp.eu-west-1a.arize.com"),
        ("ca", "otlp.ca-central-1a.arize.com"),
        ("us-east-1b", "otlp.us-east-1b.arize.com"),
    ],
)
def test_a_region_chooses_arizes_host(region: str, host: str) -> None:
    """Short and full names of regions are known."""
    assert f"https://{host}/v1/traces" == destinations.arize(**KEYS, region=region).target.url


def test_arizes_collector_variable_is_a_base_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """`ARIZE_COLLECTOR_ENDPOINT` is completed like `base_url`, and `base_url` wins over it."""
    monkeypatch.setenv("ARIZE_COLLECTOR_ENDPOINT", "https://private.example.com/v1")
    assert "https://private.example.com/v1/traces" == destinations.arize(**KEYS).target.url
    assert "https://h.example.com/v1/traces" == destinations.arize(**KEYS, base_url="https://h.example.com").target.url


# ---------------------------------------------------------------- Arize: what
def test_arize_gets_its_keys_in_every_spelling(receiver: Receiver) -> None:
    """The headers are those of all of Arize's own senders, without `Bearer`."""
    send(destinations.arize(**KEYS, base_url=receiver.url))
    headers = only(receiver).headers
    expected = {
        "authorization": "ak-secret",
        "arize-api-key": "ak-secret",
        "api_key": "ak-secret",
        "arize-space-id": SPACE,
        "space_id": SPACE,
        "arize-interface": "otel",
        "content-type": "application/x-protobuf",
    }
    assert expected == {name: headers.get(name) for name in expected}
    assert "/v1/traces" == only(receiver).path


def test_arize_gets_the_project_on_the_resource_and_on_every_span(receiver: Receiver) -> None:
    """`model_id` is the project: three names on the resource, one on each span, in OpenInference."""
    send(destinations.arize(**KEYS, model_id="shop", base_url=receiver.url), count=2)
    (resource,) = [item.resource for item in only(receiver).protobuf.resource_spans]
    said = {pair.key: pair.value.string_value for pair in resource.attributes}
    names = ("openinference.project.name", "arize.project.name", "model_id")
    assert dict.fromkeys(names, "shop") == {name: said.get(name) for name in names}
    spans = [{pair.key: pair.value.string_value for pair in span.attributes} for span in protobuf_spans(receiver)]
    assert 4 == len(spans)
    assert {"shop"} == {span.get("arize.project.name") for span in spans}
    assert {"CHAIN", "TOOL"} == {span.get("openinference.span.kind") for span in spans}


def test_arizes_project_is_on_every_span_in_privacy_mode_too(receiver: Receiver) -> None:
    """Privacy mode takes the content out and leaves the project in."""
    send(destinations.arize(**KEYS, project_name="shop", base_url=receiver.url, privacy_mode=True))
    spans = [{pair.key for pair in span.attributes} for span in protobuf_spans(receiver)]
    assert [True, True] == ["arize.project.name" in span for span in spans]
    assert False is (b"0123 456" in only(receiver).body)


def test_both_spellings_of_arizes_arguments_mean_the_same() -> None:
    """OpenRouter's names and Arize's own lead to the same destination; said twice alike is no conflict."""
    one = destinations.arize(api_key="k", space_key=SPACE, model_id="shop")
    other = destinations.arize(api_key="k", space_id=SPACE, project_name="shop")
    both = destinations.arize(api_key="k", space_key=SPACE, space_id=SPACE, model_id="shop", project_name="shop")
    assert (one.target, one.resource) == (other.target, other.resource) == (both.target, both.resource)


def test_arize_reads_its_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """`ARIZE_API_KEY`, `ARIZE_SPACE_ID` and `ARIZE_PROJECT_NAME` stand in for the arguments."""
    monkeypatch.setenv("ARIZE_API_KEY", "from-env")
    monkeypatch.setenv("ARIZE_SPACE_ID", SPACE)
    monkeypatch.setenv("ARIZE_PROJECT_NAME", "env-project")
    destination = destinations.arize()
    assert ("from-env", SPACE) == (destination.target.headers["authorization"], destination.target.headers["space_id"])
    assert "env-project" == destination.resource["openinference.project.name"]
    assert "given" == destinations.arize(api_key="given").target.headers["authorization"]


def test_arizes_project_is_default_when_nothing_names_it() -> None:
    """Arize answers 500 without a project, so there is always one."""
    assert "default" == destinations.arize(**KEYS).resource["arize.project.name"]


def test_a_space_name_instead_of_the_id_warns_once(caplog: pytest.LogCaptureFixture) -> None:
    """Arize answers 200 to the space's name and stores nothing: that is said, once, without the value."""
    caplog.set_level(logging.WARNING, "spancast")
    destinations.arize(api_key="k", space_key="my-space-name")
    destinations.arize(api_key="k", space_key="my-space-name")
    (said,) = [record.getMessage() for record in caplog.records]
    assert True is ("copy the ID from Space Settings" in said)
    assert False is ("my-space-name" in said)


def test_a_right_space_id_warns_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The base64 of `Space:...` is what Arize shows."""
    destinations.arize(**KEYS)
    assert [] == caplog.records


# ---------------------------------------------------------------- otlp
def test_otlp_posts_json_in_gen_ai_to_the_url_as_given(receiver: Receiver) -> None:
    """Nothing is appended to the URL; the encoding is JSON and the convention gen_ai."""
    send(destinations.otlp(f"{receiver.url}/custom/path?x=1"))
    assert "/custom/path?x=1" == only(receiver).path
    assert "application/json" == only(receiver).headers["content-type"]
    root = next(span for span in receiver.json_spans() if span["name"] == "report")
    said = attributes_of(root)
    expected = {"session.id": "s1", "gen_ai.conversation.id": "s1", "user.id": "u1", "trace.metadata.dataset": "d"}
    assert expected == {name: said.get(name) for name in expected}


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer t0"},
        '{"Authorization": "Bearer t0"}',
        lambda: {"Authorization": "Bearer t0"},
    ],
    ids=["mapping", "json", "callable"],
)
def test_headers_arrive_in_each_of_their_three_forms(receiver: Receiver, headers: Any) -> None:
    """A mapping, the same as JSON text, and a callable that returns one."""
    send(destinations.otlp(receiver.url, headers=headers))
    assert "Bearer t0" == only(receiver).headers["authorization"]


def test_a_headers_callable_is_asked_for_every_request(receiver: Receiver) -> None:
    """A token that changes is fetched anew each time."""
    tokens = iter(["one", "two"])
    with spancast.Pipeline(destinations.otlp(receiver.url, headers=lambda: {"x-token": next(tokens)})) as pipeline:
        for name in ("a", "b"):
            with spancast.trace(trace_name=name):
                pass
            assert True is pipeline.flush(10)
    assert ["one", "two"] == [request.headers["x-token"] for request in receiver.requests]


@pytest.mark.parametrize("returned", [None, {"x": "a\nb"}, {"x": 3}, "text"])
def test_a_headers_callable_that_returns_nonsense_loses_nothing_at_once(receiver: Receiver, returned: Any) -> None:
    """What the callable returns is checked like any headers; the spans wait for a better answer."""
    answers: list[Any] = [returned, {"x-token": "good"}]
    with spancast.Pipeline(destinations.otlp(receiver.url, headers=lambda: answers.pop(0))) as pipeline:
        with spancast.trace(trace_name="a"):
            pass
        assert True is pipeline.flush(10)
    assert "good" == only(receiver).headers["x-token"]
    assert 1 == pipeline.report()["otlp"].delivered


@pytest.mark.parametrize("headers", [{"Authorization": "mine"}, lambda: {"AUTHORIZATION": "mine"}])
def test_a_users_header_replaces_the_presets_whatever_its_case(receiver: Receiver, headers: Any) -> None:
    """HTTP compares header names without regard to case: so is one header over another."""
    send(destinations.arize(**KEYS, base_url=receiver.url, headers=headers))
    assert ("mine", "ak-secret") == (only(receiver).headers["authorization"], only(receiver).headers["api_key"])


def test_gzip_compresses_what_is_large_enough(receiver: Receiver) -> None:
    """`compression="gzip"` is said in the header, and the body is whole."""
    send(destinations.otlp(receiver.url, compression="gzip"), count=20)
    assert "gzip" == only(receiver).headers["content-encoding"]
    assert 40 == len(receiver.json_spans())
    assert True is (len(only(receiver).raw) < len(only(receiver).body))


def test_protocol_and_convention_can_be_chosen(receiver: Receiver) -> None:
    """The same preset sends protobuf in OpenInference when asked to."""
    send(destinations.otlp(receiver.url, protocol="http/protobuf", convention="openinference"))
    names = {pair.key for span in protobuf_spans(receiver) for pair in span.attributes}
    assert True is ("openinference.span.kind" in names)
    assert False is ("gen_ai.operation.name" in names)


def test_the_resource_holds_what_the_pipeline_and_the_destination_say(receiver: Receiver) -> None:
    """The destination's own resource lies over the pipeline's, and service_name names the service."""
    send(
        destinations.otlp(receiver.url, resource={"team": "mine", "n": 3}),
        service_name="checkout",
        resource={"team": "all", "deployment.environment": "test"},
    )
    said = attributes_of(only(receiver).json["resourceSpans"][0]["resource"])
    expected = {"service.name": "checkout", "team": "mine", "n": "3", "deployment.environment": "test"}
    assert expected == {name: said.get(name) for name in expected}


def test_privacy_mode_lets_no_content_leave(receiver: Receiver) -> None:
    """Content stays at home; names, times, user, session and metadata go."""
    send(destinations.otlp(receiver.url, privacy_mode=True))
    assert False is (b"0123 456" in only(receiver).body)
    root = next(span for span in receiver.json_spans() if span["name"] == "report")
    assert ("s1", "d") == (attributes_of(root)["session.id"], attributes_of(root)["trace.metadata.dataset"])


def test_redact_is_applied_to_content(receiver: Receiver) -> None:
    """Every text of content goes through the function."""
    send(destinations.otlp(receiver.url, redact=lambda text: text.replace("0123 456", "[phone]")))
    assert (False, True) == (b"0123 456" in only(receiver).body, b"call [phone]" in only(receiver).body)


def test_a_redact_that_raises_costs_the_content_not_the_span(receiver: Receiver) -> None:
    """The span goes without content when the function fails."""

    def broken(text: str) -> str:
        raise RuntimeError(text)

    pipeline = send(destinations.otlp(receiver.url, redact=broken))
    assert 2 == pipeline.report()["otlp"].delivered
    assert False is (b"0123 456" in only(receiver).body)


def test_sampling_is_by_session_and_the_rest_is_counted(receiver: Receiver) -> None:
    """A session is in or out as a whole; what is out is counted as sampled out."""
    destination = destinations.otlp(receiver.url, sampling_rate=0.5)
    with spancast.Pipeline(destination) as pipeline:
        for _ in range(3):
            for session in range(40):
                with spancast.trace(trace_name="t", session_id=f"session {session}"):
                    pass
        assert True is pipeline.flush(10)
    sessions = [attributes_of(span)["session.id"] for span in receiver.json_spans()]
    assert {3} == {sessions.count(session) for session in sessions}
    report = pipeline.report()["otlp"]
    assert (120, len(sessions), 120 - len(sessions)) == (report.recorded, report.delivered, report.sampled_out)
    assert True is (0 < report.sampled_out < 120)


def test_one_run_reaches_two_destinations_in_two_conventions(receiver: Receiver) -> None:
    """Each destination gets the same spans, under its own convention, privacy and resource."""
    with recording_receiver() as other:
        send(
            destinations.arize(**KEYS, base_url=receiver.url),
            destinations.otlp(other.url, privacy_mode=True),
        )
        ids = {span["spanId"] for span in other.json_spans()}
        assert ids == {span.span_id.hex() for span in protobuf_spans(receiver)}
        assert (True, False) == (b"0123 456" in only(receiver).body, b"0123 456" in only(other).body)
        assert (True, False) == tuple(b"openinference.span.kind" in only(each).body for each in (receiver, other))
        assert (False, True) == tuple(b"gen_ai.operation.name" in only(each).body for each in (receiver, other))


def test_no_repr_shows_a_secret() -> None:
    """Neither a destination nor its target nor a pipeline prints headers or the URL's query."""
    arize = destinations.arize(api_key="ak-secret", space_key=SPACE)
    otlp = destinations.otlp("https://h.example.com/v1?key=sk-secret", headers={"Authorization": "Bearer sk-secret"})
    pipeline = spancast.Pipeline(arize, otlp)
    said = " ".join(map(repr, (arize, otlp, arize.target, otlp.target, pipeline, pipeline.report())))
    pipeline.shutdown()
    assert [False, False, False] == [secret in said for secret in ("ak-secret", SPACE, "sk-secret")]


def test_a_destinations_repr_says_what_it_is() -> None:
    """Name, place, convention, and what is not the default."""
    destination = destinations.otlp("https://h.example.com/v1", privacy_mode=True, sampling_rate=0.25, name="audit")
    assert "<Destination audit: https://h.example.com/v1 (gen_ai, privacy_mode=True, sampling_rate=0.25)>" == repr(
        destination
    )


def test_a_certificate_is_read_from_a_file_that_is_there(tmp_path: Any) -> None:
    """The TLS keywords take paths; a path that leads nowhere is refused when it is given."""
    ca = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(ca))
    assert str(ca) == destinations.otlp("https://h/v1/traces", ca_file=str(ca)).target.tls.ca_file
    with pytest.raises(SettingsError, match="is no file"):
        destinations.otlp("https://h/v1/traces", ca_file=str(tmp_path / "other.pem"))


def test_requests_are_json_objects_of_the_otlp_form(receiver: Receiver) -> None:
    """A request is one `resourceSpans` with one scope, named after us."""
    send(destinations.otlp(receiver.url))
    body = json.loads(only(receiver).body)
    (resource,) = body["resourceSpans"]
    (scope,) = resource["scopeSpans"]
    assert "spancast" == scope["scope"]["name"]
