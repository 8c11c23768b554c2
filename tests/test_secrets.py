"""Keys and tokens are in no repr, log at DEBUG, error, report, result, spool or saved file."""

from __future__ import annotations

import io
import logging
import os
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import spancast
from spancast import destinations
from spancast.config import rows, saved
from spancast.config.entries import Entry
from spancast.destinations import PRESETS, Destination, SettingsError
from spancast.destinations.registry import Preset

from .destinations.test_backends import TABLE
from .receivers.recording import Answer, Receiver, recording_receiver

SECRET = "s3cr3t-0123456789abcdefghij"
SPACE = "U3BhY2U6MTpzM2NyM3Q="


def with_secrets(preset: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return a row's arguments with the secret in each secret one."""
    known: Preset = PRESETS[preset]
    form = {"public_key": "pk-{}", "secret_key": "sk-{}", "dsn": "https://{}@o1.ingest.sentry.io/2"}
    return {
        name: form.get(name, "{}").format(SECRET) if name in known.secrets and name != "space_key" else value
        for name, value in arguments.items()
        if name != "dataset" or preset != "honeycomb"
    }


IDS = [f"{row[0]}-{index}" for index, row in enumerate(TABLE)]


def redirected(row: Any, receiver: Receiver) -> tuple[Destination, bytes]:
    """Return a row's destination with a secret in each secret argument, at the receiver; and what its headers hold."""
    made = PRESETS[row[0]].make(**with_secrets(row[0], row[1]), headers={"X-Extra-Token": SECRET})
    target: Any = made.target
    assert SECRET in " ".join(target.headers.values())
    url = f"{receiver.url}/{target.url.split('/', 3)[3]}"
    return replace(made, target=replace(target, url=url)), " ".join(target.headers.values()).encode()


@pytest.mark.parametrize("row", TABLE, ids=IDS)
def test_a_preset_shows_no_secret(row: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Made, shown, tested, used against a receiver that repeats every header: the secret is nowhere."""
    with caplog.at_level(logging.DEBUG), recording_receiver() as receiver:
        made, headers = redirected(row, receiver)
        receiver.answer = Answer(401, body=headers)
        result = made.check()
        with spancast.Pipeline(made, spool=False) as pipeline, spancast.trace(trace_name="a"):
            pass
        said = [repr(made), repr(made.target), str(result), repr(result), repr(result.as_dict()), repr(pipeline)]
        said += [str(pipeline.report()), repr(pipeline.report()), caplog.text]
        said += [repr(record.__dict__) for record in caplog.records]
    assert [] == [text for text in said if SECRET in text]


def parts_of(value: object, depth: int = 6) -> Iterator[object]:
    """Yield an object of spancast's and what it is made of."""
    if depth and type(value).__module__.startswith("spancast"):
        yield value
        names = {name for base in type(value).__mro__ for name in getattr(base, "__slots__", ())}
        for name in names | set(getattr(value, "__dict__", ())):
            yield from parts_of(getattr(value, name, None), depth - 1)


@pytest.mark.parametrize("row", TABLE, ids=IDS)
def test_no_part_of_a_destination_shows_a_secret(row: Any) -> None:
    """Its targets, the APIs of scores and metrics, its exporter: each may stand in a debugger or in an error report."""
    made = PRESETS[row[0]].make(**with_secrets(row[0], row[1]), headers={"X-Extra-Token": SECRET})
    wholes = (made, made.target.exporter(dict)) if made.sends_spans else (made,)
    shown = [repr(part) for whole in wholes for part in parts_of(whole)]
    assert not [text for text in shown if SECRET in text]


def test_an_entry_of_a_file_shows_no_arguments() -> None:
    """They may have keys in the clear."""
    assert SECRET not in repr(Entry(preset="otlp", arguments={"headers": {"a": SECRET}}, origin="x"))


KEYS = ["sk-proj-0123456789abcdefghij", "9f86d081884c7d659a2feaa0c55ad015", "hcaik_01hxy7v8qkz3m5n2p4r6s8t0"]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "make",
    [
        lambda key: destinations.otlp(key),
        lambda key: destinations.otlp("http://localhost:4318", timeout=key),
        lambda key: destinations.otlp("http://localhost:4318", ca_file=key),
        lambda key: destinations.otlp("http://localhost:4318", privacy_mode=key),
        lambda key: destinations.honeycomb(api_key="abcdefghijkl", region=key),
        lambda key: destinations.arize(api_key=f"env:{key}", space_key="s"),
        lambda key: destinations.arize(api_key=f"keyring:{key}", space_key="s"),
        lambda key: spancast.Pipeline(destinations.memory(), resource=f"a={key}"),
    ],
)
def test_a_key_in_the_place_of_another_value_is_not_repeated(make: Callable[[str], object], key: str) -> None:
    """Arguments are mixed up; the sentence still says which one cannot be used."""
    with pytest.raises(SettingsError) as caught:
        make(key)
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "sentence",
    [
        "SPANCAST_CONFIG='/home/u/project-20241128-somewhere-long/spancast.toml' is no file.",
        "endpoint='http://collector-1234-abcdefghijklmnop.svc:4318/x' has white space in it.",
        "api_key is missing: pass api_key= or set ARIZE_API_KEY.",
        "destinations.otlp() has no argument 'keep_costlier_thann': did you mean 'keep_costlier_than'?",
    ],
)
def test_what_a_sentence_is_about_stays_in_it(sentence: str) -> None:
    """Paths, hosts and names of arguments are no keys."""
    assert sentence == str(SettingsError(sentence))


@pytest.mark.parametrize("row", [TABLE[0], TABLE[8]], ids=[IDS[0], IDS[8]])
def test_what_lies_on_disk_holds_no_secret(row: Any, tmp_path: Path) -> None:
    """The spool keeps spans and where they were meant for; keys are looked up again when they are sent."""
    with recording_receiver() as receiver:
        made, headers = redirected(row, receiver)
        receiver.answer = Answer(503, body=headers)
        with spancast.Pipeline(made, spool=tmp_path / "spool") as pipeline, spancast.trace(trace_name="a"):
            pass
        assert 1 == pipeline.report().destinations[0].spooled
    held = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert (True, []) == (len(held) > 0, [name for name, data in held.items() if SECRET.encode() in data])


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_refused_secret_is_not_repeated(name: str) -> None:
    """White space, line breaks and control characters in a key: the sentence and its traceback do not show the key."""
    for argument in PRESETS[name].secrets:
        for wrong in (f"{SECRET} {SECRET}", f"{SECRET}\n", f"Bearer {SECRET}", f"{SECRET}\x00", f"{SECRET}é"):
            given = {**dict.fromkeys(PRESETS[name].required, "x1"), argument: wrong}
            if name in ("arize",):
                given.setdefault("space_key", SPACE)
            with pytest.raises(SettingsError) as caught:
                PRESETS[name].make(**given)
            assert False is (SECRET in str(caught.value) + repr(caught.value))
            shown = "".join(traceback.format_exception_only(caught.type, caught.value))
            assert False is (SECRET in shown)


@pytest.mark.parametrize(
    "given",
    [
        {"endpoint": f"https://user:{SECRET}@c/v1/traces"},
        {"endpoint": f"ftp://c/v1/traces?key={SECRET}"},
        {"endpoint": "https://c/v1/traces", "headers": {"Authorization": f"Bearer {SECRET}\n"}},
        {"endpoint": "https://c/v1/traces", "headers": f"Authorization: {SECRET}"},
        {"endpoint": "https://c/v1/traces", "headers": [SECRET]},
    ],
)
def test_an_error_of_a_url_or_a_header_shows_no_secret(given: dict[str, Any]) -> None:
    """The sentence names the argument, not its value."""
    with pytest.raises(SettingsError) as caught:
        destinations.otlp(**given)
    assert False is (SECRET in str(caught.value))


def test_a_urls_query_is_not_shown() -> None:
    """A key in the query is neither in the repr nor in the result of a test."""
    made = destinations.otlp(f"http://127.0.0.1:9/v1/traces?key={SECRET}")
    assert False is (SECRET in repr(made) + str(made.check()) + made.target.describe())


def test_saved_files_and_settings_hold_references(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`env:` is saved as it is, and the table masks the values of secret variables."""
    monkeypatch.setenv("ARIZE_API_KEY", SECRET)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"Authorization={SECRET}")
    entry = Entry(preset="arize", arguments={"api_key": "env:ARIZE_API_KEY", "space_key": SPACE}, origin="")
    path = saved.save([entry], os.environ)
    made = saved.read(os.environ).entries[0].destination()
    said = [path.read_text(), repr(entry), repr(made), repr(list(rows.rows(os.environ, all=True)))]
    assert [] == [text for text in said if SECRET in text]
    assert SECRET == made.target.headers["authorization"]  # type: ignore[attr-defined]


def test_a_console_shows_no_header(capsys: pytest.CaptureFixture[str]) -> None:
    """Local places have no headers to show."""
    out = io.StringIO()
    with (
        spancast.Pipeline(destinations.console(out, headers={"Authorization": SECRET})),
        spancast.trace(trace_name="a"),
    ):
        pass
    assert False is (SECRET in out.getvalue() + "".join(capsys.readouterr()))


@pytest.mark.parametrize("variable", ["OTEL_PROPAGATORS", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME"])
def test_a_key_in_any_variable_is_not_listed(variable: str) -> None:
    """`spancast settings` and `spancast doctor` list what has no effect, too."""
    listed = "".join([repr(row) for row in rows.rows({variable: f"a={KEYS[0]}"})])
    assert variable in listed
    assert KEYS[0] not in listed


def test_what_a_shell_would_replace_is_refused() -> None:
    """`${NAME}` in a file would leave as it stands; the sentence says what to write."""
    headers = {"Authorization": "Bearer ${MY_TOKEN}"}
    with pytest.raises(SettingsError, match=r"write Bearer env:MY_TOKEN"):
        Entry(
            preset="otlp", arguments={"endpoint": "http://localhost:4318", "headers": headers}, origin="x"
        ).destination()
