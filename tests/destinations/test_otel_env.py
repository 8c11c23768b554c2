"""Reading OpenTelemetry's variables: pure functions from a mapping to settings."""

from __future__ import annotations

from typing import Any

import pytest

from spancast import destinations
from spancast.destinations import SettingsError
from spancast.destinations.otel_env import flag, number, otlp_environment, spancast_environment

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
    pem.write_text("")
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
        ("TIMEOUT", "soon", "give seconds"),
        ("TIMEOUT", "10000", "give seconds"),
        ("TRACES_TIMEOUT", "0", "give seconds"),
        ("TIMEOUT", "nan", "a number of seconds"),
        ("COMPRESSION", "deflate", "'gzip' or 'none'"),
        ("PROTOCOL", "http", "'http/json' or 'http/protobuf'"),
        ("PROTOCOL", "grpc", "spancast does not speak gRPC; every receiver of gRPC has an HTTP port beside it."),
        ("TRACES_PROTOCOL", "grpc", "does not speak gRPC"),
        ("ENDPOINT", "c:4318", "no scheme"),
        ("ENDPOINT", "http://c:4317", "gRPC port 4317"),
        ("CERTIFICATE", "/nowhere/ca.pem", "is no file"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(name: str, value: str, part: str) -> None:
    """The message begins with the variable as it is in the environment and says the cure."""
    with pytest.raises(SettingsError) as caught:
        read(**{"ENDPOINT": "http://c", name: value})
    said = str(caught.value)
    assert (True, True) == (said.startswith(PREFIX + name), part in said)


def test_grpc_is_no_fault_where_the_endpoint_was_given() -> None:
    """A host that sends gRPC elsewhere may still give us an HTTP endpoint of our own."""
    assert {} == read(with_endpoint=False, PROTOCOL="grpc").common


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


# ---------------------------------------------------------------- words
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *[(word, True) for word in ("true", "TRUE", "1", "yes", "on")],
        *[(word, False) for word in ("false", "0", "No", " off ", "")],
    ],
)
def test_a_variable_that_is_true_or_false_has_several_spellings(value: str, expected: bool) -> None:
    """The words that people write for yes and no."""
    assert expected is flag({"V": value}, "V")


def test_a_variable_that_is_not_set_says_nothing() -> None:
    """Not set is neither true nor false, and no number."""
    assert (None, None, None) == (flag({}, "V"), number({}, "V"), number({"V": " "}, "V"))


def test_another_word_is_refused() -> None:
    """A flag that cannot be read is no silent false."""
    with pytest.raises(SettingsError, match=r"V='maybe' is neither true nor false: write true or false."):
        flag({"V": "maybe"}, "V")


def test_spancast_variables_become_keywords() -> None:
    """`SPANCAST_PRIVACY_MODE` and `SPANCAST_SAMPLING_RATE` set what they say."""
    environ = {"SPANCAST_PRIVACY_MODE": "true", "SPANCAST_SAMPLING_RATE": "0.5"}
    assert {"privacy_mode": True, "sampling_rate": 0.5} == spancast_environment(environ)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SPANCAST_SAMPLING_RATE", "0"),
        ("SPANCAST_SAMPLING_RATE", "10"),
        ("SPANCAST_SAMPLING_RATE", "10%"),
        ("SPANCAST_SAMPLING_RATE", "nan"),
        ("SPANCAST_PRIVACY_MODE", "maybe"),
    ],
)
def test_a_spancast_variable_that_cannot_be_used_is_named(name: str, value: str) -> None:
    """The message begins with the variable's name."""
    with pytest.raises(SettingsError) as caught:
        spancast_environment({name: value})
    assert True is str(caught.value).startswith(name)
