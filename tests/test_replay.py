"""`spancast replay`, from outside."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

import spancast
from spancast import destinations

from .receivers.recording import Answer, Receiver, recording_receiver
from .shell import run_here


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that is failing."""
    with recording_receiver() as running:
        running.answer = Answer(503)
        yield running


def replay(receiver: Receiver, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `spancast replay` where the environment names *receiver*, unless said otherwise."""
    environ = {
        **os.environ,
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "COLUMNS": "100",
        "NO_COLOR": "1",
        **environment,
    }
    return run_here("replay", *arguments, cwd=Path.cwd(), environ=environ)


def leave(receiver: Receiver, count: int, **settings: Any) -> None:
    """Record spans that stay on disk."""
    target = destinations.otlp(f"{receiver.url}/v1/traces", **settings)
    with spancast.Pipeline(target) as pipeline:
        for _ in range(count):
            with spancast.trace(trace_name="a"):
                pass
        pipeline.shutdown(0.5)
    receiver.requests.clear()


def test_it_sends_what_was_kept_for_the_environments_destinations(receiver: Receiver) -> None:
    """A table with what became of the spans; afterwards nothing waits."""
    leave(receiver, 3)
    receiver.answer = Answer()
    done = replay(receiver)
    assert (0, "") == (done.returncode, done.stderr)
    assert ["otlp", "3", "0", "0", "0", "0"] == done.stdout.splitlines()[1].split()
    assert 3 == len(receiver.json_spans())
    again = replay(receiver)
    assert (0, True) == (again.returncode, again.stdout.startswith("nothing waits in "))


def test_json_is_for_scripts(receiver: Receiver) -> None:
    """One object on standard output, nothing else there."""
    leave(receiver, 2)
    receiver.answer = Answer()
    done = replay(receiver, "--json")
    expected = {
        "name": "otlp",
        "url": f"{receiver.url}/v1/traces",
        "delivered": 2,
        "rejected": 0,
        "lost": 0,
        "expired": 0,
        "waiting": 0,
        "error": None,
    }
    assert [expected] == orjson.loads(done.stdout)["destinations"]


def test_list_sends_nothing(receiver: Receiver) -> None:
    """To look first."""
    leave(receiver, 4)
    done = replay(receiver, "--list", "--json")
    (row,) = orjson.loads(done.stdout)["destinations"]
    assert (0, 4, 0, []) == (done.returncode, row["waiting"], row["delivered"], receiver.requests)


def test_a_receiver_that_still_fails_keeps_its_spans_on_disk(receiver: Receiver) -> None:
    """Exit status 1, the last error in plain words, and everything still there."""
    leave(receiver, 2)
    done = replay(receiver, "--json", "--timeout", "0.5")
    (row,) = orjson.loads(done.stdout)["destinations"]
    assert (1, 2, 0) == (done.returncode, row["waiting"], row["delivered"])
    assert "HTTP 503: the receiver is failing" == row["error"]
    assert True is (len(receiver.requests) >= 1)


def test_a_receiver_that_recovers_meanwhile_gets_them(receiver: Receiver) -> None:
    """Within the timeout it is tried again."""
    leave(receiver, 2)
    receiver.answers, receiver.answer = [Answer(503), Answer(502)], Answer()
    done = replay(receiver, "--json")
    (row,) = orjson.loads(done.stdout)["destinations"]
    assert (0, 2, 0) == (done.returncode, row["delivered"], row["waiting"])


def test_spans_are_not_sent_with_anothers_key(receiver: Receiver) -> None:
    """A destination of the environment with other headers is another one: its spans wait, and it says how to go on."""
    leave(receiver, 2, headers={"Authorization": "Bearer one"})
    receiver.answer = Answer()
    done = replay(receiver)
    assert (1, []) == (done.returncode, receiver.requests)
    assert True is ("no destination here sends there; name its URL with --endpoint" in done.stdout)


def test_an_endpoint_can_be_named(receiver: Receiver) -> None:
    """For destinations that stand in the code; a header's value may come from the environment."""
    leave(receiver, 2, headers={"Authorization": "Bearer one"}, name="audit")
    receiver.answer = Answer()
    done = replay(
        receiver,
        *("--endpoint", f"{receiver.url}/v1/traces", "--header", "Authorization=env:TOKEN", "--protocol", "http/json"),
        OTEL_EXPORTER_OTLP_ENDPOINT="",
        TOKEN="Bearer two",
    )
    assert (0, "") == (done.returncode, done.stderr)
    assert ["Bearer two"] == [request.headers["authorization"] for request in receiver.requests]


def test_one_destination_can_be_chosen(receiver: Receiver) -> None:
    """By its name."""
    leave(receiver, 1, name="one")
    leave(receiver, 1, name="two")
    receiver.answer = Answer()
    url = f"{receiver.url}/v1/traces"
    done = replay(receiver, "--endpoint", url, "--destination", "two", "--json")
    assert ["two"] == [row["name"] for row in orjson.loads(done.stdout)["destinations"]]
    assert 1 == len(receiver.json_spans())


@pytest.mark.parametrize(
    ("arguments", "environment", "part"),
    [
        (["--endpoint", "collector:4317"], {}, "has no scheme: write https://"),
        (
            ["--endpoint", "http://collector", "--header", "Authorization"],
            {},
            'has no value: write --header "Authorization=',
        ),
        (
            ["--endpoint", "http://collector", "--header", "A=env:NOT_THERE"],
            {},
            "env:NOT_THERE, and the environment variable NOT_THERE is not set",
        ),
        ([], {"SPANCAST_SPOOL": "off"}, "the spool is off"),
        (["--spool", __file__], {}, "is a file: give a folder"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(
    receiver: Receiver, arguments: list[str], environment: dict[str, str], part: str
) -> None:
    """Exit status 2 and no traceback."""
    done = replay(receiver, *arguments, **environment)
    assert (2, "", True) == (done.returncode, done.stdout, part in done.stderr)


def test_torn_lines_are_counted(receiver: Receiver, tmp_path: Path) -> None:
    """What is lost is said, the rest arrives."""
    leave(receiver, 3)
    (path,) = (tmp_path / "state" / "spool").glob("*/*.jsonl")
    path.write_bytes(path.read_bytes()[:-40])
    receiver.answer = Answer()
    done = replay(receiver, "--json")
    (row,) = orjson.loads(done.stdout)["destinations"]
    assert (1, 2, 1, 0) == (done.returncode, row["delivered"], row["lost"], row["waiting"])
