"""Reading OpenTelemetry's variables: pure functions from a mapping to settings."""

from __future__ import annotations

from typing import Any

import pytest
import trustme

from spancast import destinations
from spancast.destinations import SettingsError
from spancast.destinations.otel_env import otlp_environment
from spancast.recording import notice

PREFIX = "OTEL_EXPORTER_OTLP_"


def read(with_endpoint: bool = True, **variables: str) -> Any:
    """Return what the variables, written without their prefix, say."""
    return otlp_environment({PREFIX + name: value for name, value in variables.items()}, with_endpoint=with_endpoint)


@pytest.mark.parametrize(
    ("variables", "endpoint", "variable"),
    [
        ({"ENDPOINT": "http://c:4318"}, "http://c:4318/v1/traces", "ENDPOINT"),
        ({"ENDPOINT": "http://c:4318/"}, "http://c:4318/v1/traces", "ENDPOINT"),
        ({"ENDPOINT": "https://c/otlp"}, "https://c/otlp/v1/traces", "ENDPOINT"),
        ({"TRACES_ENDPOINT": "http://c:4318/v1/traces"}, "http://c:4318/v1/traces", "TRACES_ENDPOINT"),
        ({"TRACES_ENDPOINT": "http://c:4318"}, "http://c:4318", "TRACES_ENDPOINT"),
        ({"ENDPOINT": "http://a", "TRACES_ENDPOINT": "http://b/x"}, "http://b/x", "TRACES_ENDPOINT"),
        ({"ENDPOINT": "http://a", "TRACES_ENDPOINT": "  "}, "http://a/v1/traces", "ENDPOINT"),
        ({"ENDPOINT": " http://a "}, "http://a/v1/traces", "ENDPOINT"),
    ],
)
def test_the_general_endpoint_is_a_base_and_the_traces_endpoint_is_verbatim(
    variables: dict[str, str], endpoint: str, variable: str
) -> None:
    """`/v1/traces` is appended to the general one only; the one for traces wins."""
    found = read(**variables)
    assert (endpoint, PREFIX + variable) == (found.endpoint, found.endpoint_variable)


def test_without_variables_there_is_nothing() -> None:
    """No variable, no endpoint, no header, no keyword."""
    found = read()
    assert (None, None, {}) == (found.endpoint, found.headers, found.common)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization=Bearer%20abc", {"Authorization": "Bearer abc"}),
        ("a=1,b=2", {"a": "1", "b": "2"}),
        (" a = 1 , b = 2 ,", {"a": "1", "b": "2"}),
        ("Authorization=Basic%20dXNlcjpwYXNz==", {"Authorization": "Basic dXNlcjpwYXNz=="}),
        ("x=a%2Cb%3Dc", {"x": "a,b=c"}),
        ("x=", {"x": ""}),
    ],
)
def test_headers_are_pairs_with_percent_encoded_values(text: str, expected: dict[str, str]) -> None:
    """`k=v,k2=v2`, where `%20` is a space and only the first `=` separates."""
    assert expected == read(ENDPOINT="http://c", HEADERS=text).headers


def test_the_headers_for_traces_win_over_the_general_ones() -> None:
    """The two variables are not merged."""
    assert {"b": "2"} == read(ENDPOINT="http://c", HEADERS="a=1", TRACES_HEADERS="b=2").headers


def test_headers_are_not_read_for_an_endpoint_that_was_given() -> None:
    """A token for one receiver must not go to another."""
    assert None is read(with_endpoint=False, ENDPOINT="http://c", HEADERS="authorization=token").headers


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("sk-secret-token", "a part of 15 characters without '='"),
        ("a=1,sk-secret-token", "a part of 15 characters without '='"),
        ("a=x%0Ay", "['a'] has a line break"),
        ("bad name=sk-secret-token", "the name 'bad name'"),
        ("=sk-secret-token", "the name ''"),
    ],
)
def test_headers_that_cannot_be_used_name_the_variable_and_show_no_token(text: str, part: str) -> None:
    """The message says which variable and what is wrong, and leaves the value out."""
    with pytest.raises(SettingsError) as caught:
        read(ENDPOINT="http://c", HEADERS=text)
    said = str(caught.value)
    assert (True, True, False) == (said.startswith(PREFIX + "HEADERS"), part in said, "sk-secret" in said)


def test_the_other_variables_become_keywords(tmp_path: Any) -> None:
    """Timeout in seconds, compression, protocol and certificates."""
    pem = tmp_path / "ca.pem"
    authority = trustme.CA()
    pem.write_bytes(authority.issue_cert("localhost").private_key_and_cert_chain_pem.bytes())
    found = read(
        ENDPOINT="http://c",
        TIMEOUT="2.5",
        COMPRESSION="gzip",
        PROTOCOL="http/protobuf",
        CERTIFICATE=str(pem),
        CLIENT_CERTIFICATE=str(pem),
        CLIENT_KEY=str(pem),
    )
    expected = {
        "timeout": 2.5,
        "compression": "gzip",
        "protocol": "http/protobuf",
        "ca_file": str(pem),
        "client_certificate": str(pem),
        "client_key": str(pem),
    }
    assert expected == found.common


def test_a_variable_for_traces_wins_over_the_general_one() -> None:
    """`OTEL_EXPORTER_OTLP_TRACES_*` comes before `OTEL_EXPORTER_OTLP_*`, one variable at a time."""
    found = read(TIMEOUT="1", TRACES_TIMEOUT="2", COMPRESSION="gzip", TRACES_COMPRESSION="none", PROTOCOL="http/json")
    assert {"timeout": 2.0, "compression": "none", "protocol": "http/json"} == found.common


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("TIMEOUT", "soon", "is no number"),
        ("TRACES_TIMEOUT", "0", "give seconds"),
        ("TIMEOUT", "nan", "is no number"),
        ("COMPRESSION", "deflate", "'gzip' or 'none'"),
        ("PROTOCOL", "http", "'http/json' or 'http/protobuf'"),
        ("PROTOCOL", "grpc", "most receivers of gRPC have an HTTP port beside it."),
        ("TRACES_PROTOCOL", "grpc", "Only destinations.otlp()"),
        ("CERTIFICATE", "/nowhere/ca.pem", "is no file"),
    ],
)
def test_a_value_that_cannot_be_used_is_ignored_with_a_warning(
    name: str, value: str, part: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A platform's variable never ends the application: the warning begins with its name, and the default counts."""
    notice.forget()
    found = read(**{"ENDPOINT": "http://c", name: value})
    assert ({}, "http://c/v1/traces") == (found.common, found.endpoint)
    assert f"ignored: {PREFIX}{name}" in caplog.text
    assert part in caplog.text


@pytest.mark.parametrize(("value", "part"), [("c:4318", "no scheme"), ("http://c:4317", "gRPC port 4317")])
def test_an_endpoint_that_cannot_be_used_is_an_error(value: str, part: str) -> None:
    """Without an endpoint there is no destination: whoever asks for it gets the sentence."""
    with pytest.raises(SettingsError, match=part) as caught:
        read(ENDPOINT=value)
    assert str(caught.value).startswith(PREFIX + "ENDPOINT")


@pytest.mark.parametrize(
    ("value", "seconds", "warned"),
    [("2.5", 2.5, False), ("10", 10.0, False), ("999", 999.0, False), ("1000", 1.0, True), ("10000", 10.0, True),
     ("86400000", 3600.0, True)],
)  # fmt: skip
def test_a_timeout_is_in_seconds_until_it_can_only_be_milliseconds(
    value: str, seconds: float, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """OpenTelemetry's Python SDK takes seconds, its specification and every other language milliseconds: both work."""
    notice.forget()
    assert {"timeout": seconds} == read(TIMEOUT=value).common
    assert warned is ("is taken as milliseconds" in caplog.text)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("COMPRESSION", "GZIP", {"compression": "gzip"}),
        ("COMPRESSION", "None", {"compression": "none"}),
        ("PROTOCOL", "HTTP/Protobuf", {"protocol": "http/protobuf"}),
    ],
)
def test_enumerations_are_read_in_any_case(name: str, value: str, expected: dict[str, str]) -> None:
    """As the specification of OpenTelemetry's variables wants it."""
    assert expected == read(**{name: value}).common


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("http://c:4318?key=1", "http://c:4318/v1/traces?key=1"),
        ("http://c/otlp/?key=1&b=2", "http://c/otlp/v1/traces?key=1&b=2"),
    ],
)
def test_the_path_of_a_base_comes_before_its_query(endpoint: str, expected: str) -> None:
    """A key in the query stays one."""
    assert expected == read(ENDPOINT=endpoint).endpoint


def test_grpc_is_no_fault_where_the_endpoint_was_given(caplog: pytest.LogCaptureFixture) -> None:
    """A host that sends gRPC elsewhere may still give us an HTTP endpoint of our own."""
    notice.forget()
    assert ({}, "") == (read(with_endpoint=False, PROTOCOL="grpc").common, caplog.text)


# ---------------------------------------------------------------- through the preset
def test_the_preset_takes_the_environment_where_nothing_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """`otlp()` alone is the environment's receiver; a keyword wins over its variable."""
    monkeypatch.setenv(PREFIX + "ENDPOINT", "http://c:4318")
    monkeypatch.setenv(PREFIX + "HEADERS", "x-token=abc")
    monkeypatch.setenv(PREFIX + "TIMEOUT", "3")
    monkeypatch.setenv(PREFIX + "PROTOCOL", "http/protobuf")
    target = destinations.otlp(timeout=4.0).target
    assert ("http://c:4318/v1/traces", {"x-token": "abc"}) == (target.url, target.headers)
    assert (4.0, "http/protobuf") == (target.timeout, target.protocol)


def test_the_environments_headers_do_not_go_to_an_endpoint_that_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """An explicit endpoint gets explicit headers only."""
    monkeypatch.setenv(PREFIX + "ENDPOINT", "http://c:4318")
    monkeypatch.setenv(PREFIX + "HEADERS", "x-token=abc")
    assert {} == destinations.otlp("http://other:4318/v1/traces").target.headers


def test_explicit_headers_replace_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arguments come before the environment, as a whole."""
    monkeypatch.setenv(PREFIX + "ENDPOINT", "http://c:4318")
    monkeypatch.setenv(PREFIX + "HEADERS", "x-token=abc")
    assert {"y": "1"} == destinations.otlp(headers={"y": "1"}).target.headers
