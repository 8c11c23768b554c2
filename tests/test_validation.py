"""What cannot be used is refused when it is given: one sentence with the name, the value and the cure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import spancast
from spancast import destinations, validation
from spancast.destinations import SettingsError

URL = "http://127.0.0.1:4318/v1/traces"
SECRET = "sk-" + "0123456789abcdef" * 4


def refusal(call: Callable[[], object]) -> str:
    """Return what the SettingsError that *call* raises says."""
    with pytest.raises(SettingsError) as caught:
        call()
    return str(caught.value)


# ---------------------------------------------------------------- URLs
@pytest.mark.parametrize(
    ("value", "parts"),
    [
        (None, ("endpoint is missing",)),
        ("", ("endpoint is ''", "give the URL")),
        ("   ", ("endpoint is '   '", "give the URL")),
        (4318, ("endpoint is 4318", "give the URL")),
        ("collector:4318/v1/traces", ("'collector:4318/v1/traces'", "no scheme", "https://collector:4318/v1/traces")),
        ("grpc://collector:4318", ("'grpc://collector:4318'", "the scheme 'grpc'", "use http:// or https://")),
        ("http://collector:4317", ("'http://collector:4317'", "gRPC port 4317", "http://collector:4318/v1/traces")),
        ("https://collector:4317/v1/traces", ("gRPC port 4317", "port 4318")),
        ("http://col lector:4318", ("white space", "remove it")),
        ("http://collector:4318\n", ("white space", "remove it")),
        ('"http://collector:4318"', ("quotes around it", "remove them")),
        ("http://collector:4318/\0", ("a character that no URL can have",)),
        ("http://caf\udce9:4318/", ("a character that no URL can have",)),
        ("http://:4318/v1/traces", ("names no host", "https://collector.example.com:4318/v1/traces")),
        ("http://collector:port/v1/traces", ("'http://collector:port/v1/traces'", "number from 1 to 65535")),
        ("http://collector:70000/v1/traces", ("number from 1 to 65535",)),
        ("http://[::1/v1/traces", ("'http://[::1/v1/traces'", "is no URL", "write it like")),
    ],
)
def test_a_url_that_cannot_be_posted_to_is_refused_with_its_cure(value: Any, parts: tuple[str, ...]) -> None:
    """The message names the argument, shows the URL, and says what to write instead."""
    said = refusal(lambda: destinations.otlp(value))
    assert [] == [part for part in parts if part not in said]
    assert True is said.startswith("endpoint")


@pytest.mark.parametrize(
    "value",
    [
        "https://user:hunter2@collector/v1/traces",
        "grpc://user:hunter2@collector",
        "user:hunter2@collector:4318",
        "https://user:hunter2@collector:4317/",
        "https://user:hunter2@coll ector/",
        "https://hunter2@collector/",
    ],
)
def test_a_password_in_a_url_is_refused_and_not_shown(value: str) -> None:
    """Whatever else is wrong with the URL, the credentials in it stay out of the message."""
    assert "endpoint has a user name or password inside the URL: put it into headers instead." == refusal(
        lambda: destinations.otlp(value)
    )


def test_an_at_sign_in_the_path_is_no_password() -> None:
    """Only the authority of a URL holds credentials."""
    assert "http://host/v1/@traces" == validation.url("http://host/v1/@traces", "endpoint")


@pytest.mark.parametrize("value", [f"http://c:4317/?key={SECRET}", f"c/v1?key={SECRET}", f"ftp://c/?key={SECRET}"])
def test_the_query_of_a_refused_url_is_not_shown(value: str) -> None:
    """A key may stand in the query: the message leaves it out."""
    assert False is (SECRET in refusal(lambda: destinations.otlp(value)))


def test_the_variable_is_named_when_the_url_came_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong variable is named as the user wrote it, not as our argument."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:4317")
    assert True is refusal(destinations.otlp).startswith("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT='http://127.0.0.1:4317'")


@pytest.mark.parametrize("value", ["http://127.0.0.1:4318", "https://host/v1/traces", "http://[::1]:4318/v1/traces"])
def test_a_good_url_is_used_as_it_is(value: str) -> None:
    """Nothing is appended, and nothing rewritten."""
    assert value == destinations.otlp(value).target.url


# ---------------------------------------------------------------- headers
@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ({"Authorization": "Bearer x\n"}, ("headers['Authorization']", "line break", "strip it")),
        ({"Authorization": "Bearer x\r\nHost: evil"}, ("headers['Authorization']", "line break")),
        ({"Authorization": "Bearer ключ"}, ("headers['Authorization']", "plain ASCII")),
        ({"Authorization": "a\x00b"}, ("headers['Authorization']", "plain ASCII")),
        ({"Authorization": 7}, ("headers['Authorization'] is 7", "values are text")),
        ({"Authorization": None}, ("headers['Authorization'] is missing", "values are text")),
        ({"My Header": "x"}, ("the name 'My Header'", "no spaces")),
        ({"": "x"}, ("the name ''", "letters, digits and dashes")),
        ({1: "x"}, ("the name 1", "letters, digits and dashes")),
        ("{not json", ("headers is text but no JSON object", '{"Authorization": "Bearer ..."}')),
        ("Authorization=Bearer x", ("headers is text but no JSON object",)),
        ('["a"]', ("headers is text but no JSON object",)),
        ('"sk-short"', ("headers is text but no JSON object",)),
        ('{"a": 1}', ("headers['a'] is 1", "values are text")),
        ([("a", "b")], ("headers is a list", "give a mapping")),
        (7, ("headers is 7", "give a mapping")),
    ],
)
def test_headers_that_http_cannot_carry_are_refused(value: Any, parts: tuple[str, ...]) -> None:
    """The message names the header and what is wrong with it."""
    said = refusal(lambda: destinations.otlp(URL, headers=value))
    assert [] == [part for part in parts if part not in said]


def test_headers_may_be_a_json_object_as_text() -> None:
    """OpenRouter's form takes headers as JSON text, so does `headers=`."""
    assert {"Authorization": "Bearer x"} == validation.headers('{"Authorization": "Bearer x"}')


@pytest.mark.parametrize(
    "value",
    [
        {"Authorization": SECRET + "\n"},
        {"Authorization": SECRET + "ключ"},
        {SECRET + " ": "x"},
        SECRET,
        f'"{SECRET}"',
        '"sk-short-secret"',
        [SECRET],
    ],
)
def test_no_message_about_headers_shows_a_secret(value: Any) -> None:
    """What stands in headers is mostly a key: messages leave values out."""
    said = refusal(lambda: destinations.otlp(URL, headers=value))
    assert False is (SECRET in said or "sk-short-secret" in said)


def test_no_message_about_a_key_shows_it() -> None:
    """A key with white space in it is refused without being shown."""
    said = refusal(lambda: destinations.arize(api_key=f"{SECRET} ", space_key="U3BhY2U6MTphYmM="))
    assert False is (SECRET in said)
    assert True is said.startswith("api_key has white space in it")


@pytest.mark.parametrize("value", ["sk-\0abc", "sk-caf\udce9", "sk-é"])
def test_a_key_that_no_header_can_carry(value: str) -> None:
    """The setting's name and where the right one is; never the value."""
    said = refusal(lambda: destinations.arize(api_key=value, space_key="s", model_id="m"))
    assert True is said.startswith("api_key has characters that HTTP headers cannot carry")
    assert value not in said


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ({"space_key": "s"}, ("api_key is missing", "ARIZE_API_KEY")),
        ({"api_key": "", "space_key": "s"}, ("api_key is missing", "ARIZE_API_KEY")),
        ({"api_key": "k"}, ("space_key is missing", "Space Settings", "ARIZE_SPACE_ID")),
        ({"api_key": 5, "space_key": "s"}, ("api_key is 5", "it is text")),
        ({"api_key": "k\n", "space_key": "s"}, ("api_key has white space", "copy it again")),
        ({"api_key": "ключ", "space_key": "s"}, ("api_key", "plain ASCII")),
        ({"api_key": "k", "space_key": "s", "space_id": "t"}, ("space_key and space_id mean the same",)),
        ({"api_key": "k", "space_key": "s", "model_id": "m", "project_name": "n"}, ("model_id and project_name",)),
        ({"api_key": "k", "space_key": "s", "model_id": 3}, ("model_id is 3", "'my-project'")),
        ({"api_key": "k", "space_key": "s", "region": "mars"}, ("region='mars'", "us, eu", "base_url=")),
        ({"api_key": "k", "space_key": "s", "region": "eu", "base_url": "https://h"}, ("base_url and region",)),
        ({"api_key": "k", "space_key": "s", "base_url": "localhost"}, ("base_url='localhost'", "no scheme")),
        ({"api_key": "k", "space_key": "s", "base_url": "grpc://h"}, ("base_url='grpc://h'", "'grpc'")),
        ({"api_key": "k", "space_key": "s", "base_url": ""}, ("base_url is ''",)),
    ],
)
def test_arguments_of_arize_that_cannot_be_used_are_refused(arguments: dict[str, Any], parts: tuple[str, ...]) -> None:
    """The message names the argument and where the right value is found."""
    said = refusal(lambda: destinations.arize(**arguments))
    assert [] == [part for part in parts if part not in said]


# ---------------------------------------------------------------- the common keywords
@pytest.mark.parametrize(
    ("keyword", "value", "parts"),
    [
        ("sampling_rate", 0, ("sampling_rate=0 ", "0.0001 and 1", "leave the destination out")),
        ("sampling_rate", -1, ("sampling_rate=-1 ", "leave the destination out")),
        ("sampling_rate", 0.00001, ("sampling_rate=1e-05 ", "0.0001 and 1")),
        ("sampling_rate", 10, ("sampling_rate=10 ", "write 10 % as 0.1")),
        ("sampling_rate", "0.5", ("sampling_rate is '0.5'", "a share from 0.0001 to 1")),
        ("sampling_rate", True, ("sampling_rate is True", "a share from 0.0001 to 1")),
        ("sampling_rate", float("nan"), ("sampling_rate is nan", "a share from 0.0001 to 1")),
        ("sampling_rate", None, ("sampling_rate is missing", "a share from 0.0001 to 1")),
        ("privacy_mode", "false", ("privacy_mode is 'false'", "True or False")),
        ("privacy_mode", 1, ("privacy_mode is 1", "True or False")),
        ("privacy_mode", None, ("privacy_mode is missing", "True or False")),
        ("convention", "otel", ("convention='otel'", "'openinference' or 'gen_ai'")),
        ("protocol", "json", ("protocol='json'", "'http/json' or 'http/protobuf'")),
        ("compression", "deflate", ("compression='deflate'", "'gzip' or 'none'")),
        ("timeout", 0, ("timeout=0 ", "give seconds")),
        ("timeout", 10_000, ("timeout=10000 ", "give seconds")),
        ("timeout", "10", ("timeout is '10'", "a number of seconds")),
        ("timeout", float("inf"), ("timeout=inf ", "give seconds")),
        ("max_request_bytes", 999, ("max_request_bytes=999", "at least 1000")),
        ("max_request_bytes", 1e6, ("max_request_bytes=1000000.0", "a whole number")),
        ("max_request_bytes", True, ("max_request_bytes=True", "a whole number")),
        ("max_request_bytes", "4MB", ("max_request_bytes='4MB'", "a whole number")),
        ("redact", "phone", ("redact is 'phone'", "a function")),
        ("resource", ["a"], ("resource is a list", "deployment.environment")),
        ("resource", {1: "a"}, ("resource is a dict", "deployment.environment")),
        ("name", "", ("name is ''", "'collector'")),
        ("name", 3, ("name is 3", "'collector'")),
        ("ca_file", "/nowhere/ca.pem", ("ca_file='/nowhere/ca.pem'", "is no file", "PEM")),
        ("client_certificate", 3, ("client_certificate is 3", "PEM")),
        ("client_key", "", ("client_key=''", "is no file")),
    ],
)
def test_a_common_keyword_that_cannot_be_used_is_refused_by_every_preset(
    keyword: str, value: Any, parts: tuple[str, ...]
) -> None:
    """The message names the keyword, shows the value, and says what is right; all presets say the same."""
    presets: tuple[Callable[..., object], ...] = (
        lambda **common: destinations.otlp(URL, **common),
        lambda **common: destinations.arize(api_key="k", space_key="U3BhY2U6MTphYmM=", **common),
        destinations.memory,
        destinations.console,
        destinations.file,
    )
    said = {refusal(lambda preset=preset: preset(**{keyword: value})) for preset in presets}  # type: ignore[misc]
    assert 1 == len(said)
    assert [] == [part for part in parts if part not in min(said)]


def test_an_unknown_keyword_is_refused_with_those_that_there_are() -> None:
    """A typing error in a keyword is no silent nothing."""
    said = refusal(lambda: destinations.otlp(URL, privacy=True))  # type: ignore[call-arg]
    assert True is said.startswith("destinations.otlp() has no argument 'privacy'")
    assert True is ("privacy_mode" in said)


@pytest.mark.parametrize(
    ("keyword", "value", "expected"),
    [
        ("sampling_rate", 0.0001, 0.0001),
        ("sampling_rate", 1, 1.0),
        ("privacy_mode", True, True),
        ("max_request_bytes", 1000, 1000),
        ("convention", "openinference", "openinference"),
        ("resource", {"a": 1}, {"a": 1}),
        ("name", "collector", "collector"),
    ],
)
def test_the_bounds_themselves_are_accepted(keyword: str, value: Any, expected: Any) -> None:
    """The smallest and the largest allowed value are allowed."""
    assert expected == getattr(destinations.otlp(URL, **{keyword: value}), keyword)


@pytest.mark.parametrize("value", [SECRET, {"k": SECRET}, [SECRET], object()])
@pytest.mark.parametrize("keyword", ["privacy_mode", "sampling_rate", "convention", "timeout", "max_request_bytes"])
def test_no_message_shows_a_long_value(keyword: str, value: Any) -> None:
    """A key that landed in the wrong argument is not printed into a log."""
    said = refusal(lambda: destinations.otlp(URL, **{keyword: value}))
    assert False is (SECRET in said)
    assert True is said.startswith(keyword)


@pytest.mark.parametrize("value", ["", 3, b"traces.jsonl", None])
def test_a_path_that_is_none_is_refused(value: Any) -> None:
    """A file needs a name."""
    assert True is refusal(lambda: destinations.file(value)).startswith("path is")


def test_a_folder_is_no_file(tmp_path: Any) -> None:
    """The message says to name a file in the folder."""
    assert True is ("is a folder: name a file in it" in refusal(lambda: destinations.file(tmp_path)))


def test_what_has_no_export_is_no_span_exporter() -> None:
    """The message names the class that was given."""
    said = refusal(lambda: destinations.sdk(object()))  # type: ignore[arg-type]
    assert "span_exporter is a object: give an OpenTelemetry SpanExporter, which has export()." == said


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        ({"service_name": ""}, "service_name is ''"),
        ({"service_name": 3}, "service_name is 3"),
        ({"resource": 3}, "resource is 3"),
        ({"max_queue_bytes": 10}, "max_queue_bytes=10"),
    ],
)
def test_arguments_of_a_pipeline_are_checked_too(arguments: dict[str, Any], start: str) -> None:
    """The pipeline's own arguments are refused in the same words."""
    assert True is refusal(lambda: spancast.Pipeline(destinations.memory(), **arguments)).startswith(start)


def test_a_settings_error_is_a_value_error() -> None:
    """Who catches ValueError catches ours."""
    assert (ValueError, SettingsError) == (SettingsError.__mro__[1], spancast.SettingsError)


@pytest.mark.parametrize("name", ["a\x1b[31m", "two\nlines", "n" * 201, "\u202egnp", ""])
def test_a_name_is_short_and_printable(name: str) -> None:
    """It stands in logs and reports, which a terminal shows."""
    said = refusal(lambda: destinations.otlp(URL, name=name))
    assert (True, True) == (said.startswith("name"), said.isprintable())


def test_an_error_is_printable_and_of_bounded_length() -> None:
    """Whatever value it quotes: of a file, a variable, an argument."""
    assert "a\\x1b[31mb\\u202e" == str(SettingsError("a\x1b[31mb\u202e"))
    assert 2100 > len(str(SettingsError("x" * 1_000_000)))


@pytest.mark.parametrize("name", ["Authorization: Bearer abc123", "abc123 x", "sk-abc123 "])
def test_a_header_that_was_pasted_whole_is_not_repeated(name: str) -> None:
    """What stands behind the name, or in its place, may be the key."""
    assert "abc123" not in refusal(lambda: destinations.otlp(URL, headers={name: ""}))
