"""What strangers send, write or ask for ends neither the server nor a command, and costs no other span."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from spancast.view import files
from spancast.view.query import Filters, list_traces
from spancast.view.read import read_line
from spancast.view.serve import application
from spancast.view.store import Store

GOOD = {"traceId": "1" * 32, "spanId": "2" * 16, "name": "good", "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
DEEP: Any = reduce(lambda inner, _: {"values": [{"arrayValue": inner}]}, range(280), {"values": []})  # type: ignore[return-value]
ODD: dict[str, dict[str, Any]] = {
    "a number of 400 digits": {"attributes": [{"key": "a", "value": {"intValue": "9" * 400}}]},
    "a number of 300 digits, as a float": {"attributes": [{"key": "a", "value": {"intValue": 1e300}}]},
    "280 levels": {"attributes": [{"key": "a", "value": {"arrayValue": DEEP}}]},
    "an event far away": {"events": [{"name": "e", "timeUnixNano": 10**30}, 5, {"name": "f", "timeUnixNano": "x"}]},
    "links that are none": {"links": [{"traceId": 1}, 7]},
    "a text that is an object": {"attributes": [{"key": "llm.model_name", "value": {"stringValue": {"x": [1]}}}]},
    "a status that is a list": {"status": [1]},
    "a name of a million characters": {"name": "n" * 1_000_000},
}


def request(*spans: dict[str, Any]) -> bytes:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}).encode()


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_the_server_takes_what_can_be_taken(odd: dict[str, Any]) -> None:
    """An odd span costs itself at most: the request is answered, and the span beside it is there."""
    store = Store(None)
    client = TestClient(application(store), base_url="http://localhost")
    body = request({**GOOD, "spanId": "3" * 16, **odd}, GOOD)
    answer = client.post("/v1/traces", content=body, headers={"content-type": "application/json"})
    trace = client.get("/api/traces/" + "1" * 32).json()
    assert (200, True) == (answer.status_code, "good" in [span["name"] for span in trace["spans"]])


@pytest.mark.parametrize(
    "query",
    [
        *("before_ns=" + "9" * 30, "slower=nan", "slower=inf", "slower=1e300", "since=99999999w", "since=0001-01-01"),
        *("since=9999-12-31T23:59:59-23:00", "limit=" + "9" * 30, "search=%22", "search=%ED%A0%80", "name=%25%00"),
    ],
)
def test_any_filter_is_answered(query: str) -> None:
    """A filter that means nothing is a list or a sentence, never a fault of the server."""
    answer = TestClient(application(Store(None)), base_url="http://localhost").get(f"/api/traces?{query}")
    assert answer.status_code in (200, 400)


def test_an_event_that_is_none_costs_itself() -> None:
    """What can be read of a span's events is there."""
    events = [5, None, {"name": "e", "timeUnixNano": "7"}, {"name": "f", "timeUnixNano": "x"}]
    (span,) = read_line(request({**GOOD, "events": events}))
    assert [("e", 7)] == [(event["name"], event["time_ns"]) for event in span.events]


def indexed(folder: Path) -> Path:
    path = folder / "traces.jsonl"
    path.write_bytes(request(GOOD) + b"\n")
    files.open_file(path).close()
    return path


def names(path: Path) -> list[str]:
    store = files.open_file(path)
    found = [row["name"] for row in list_traces(store, Filters())]
    store.close()
    return found


@pytest.mark.parametrize("kind", ["bytes", "other tables", "views"])
def test_an_index_that_is_none_is_not_used(tmp_path: Path, kind: str) -> None:
    """A file in the place of the index that something else wrote: the traces are read without one."""
    path = indexed(tmp_path)
    index = path.with_name("traces.jsonl.index")
    for each in tmp_path.glob("*.index*"):
        each.unlink()
    if kind == "bytes":
        index.write_bytes(os.urandom(10_000))
    else:
        connection = sqlite3.connect(index)
        made = "VIEW {} AS SELECT 1 AS x" if kind == "views" else "TABLE {} (x)"
        for name in ("spans", "traces", "state", "texts"):
            connection.execute("CREATE " + made.format(name))
        connection.execute("PRAGMA user_version = 1")
        connection.close()
    assert ["good"] == names(path)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="takes the right to change a file's owner")
def test_an_index_of_another_user_is_not_used(tmp_path: Path) -> None:
    """It could say anything about the traces; and in a folder of another user none is made."""
    path = indexed(tmp_path)
    index = path.with_name("traces.jsonl.index")
    connection = sqlite3.connect(index)
    connection.execute("UPDATE traces SET name = 'planted'")
    connection.commit()
    connection.close()
    os.chown(index, 12345, 12345)
    assert ["good"] == names(path)
    index.unlink()
    os.chown(tmp_path, 12345, 12345)
    assert (["good"], False) == (names(path), index.exists())
