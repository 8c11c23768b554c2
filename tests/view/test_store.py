"""The store: whole spans or an index beside a file, lists by filters, a bound, and what differs between two traces."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from spancast.view import files
from spancast.view.diff import diff_traces
from spancast.view.query import Filters, find_trace, list_traces, session_data, since, span_data
from spancast.view.read import read_request
from spancast.view.store import Store

from ..linear import MOST, growth
from .traces import chat_attributes, conversation, lines, request, span


@pytest.fixture
def store() -> Store:
    """Two conversations of one session and a failed call of another."""
    store = Store(None)
    store.add(list(read_request(conversation(1, "Where is 17?", "On its way."))))
    store.add(list(read_request(conversation(2, "And 18?", "Lost, sorry.", at=60))))
    failed = span(3, 301, "Refund", at=120, status={"code": 2, "message": "no money"}, attributes={"session.id": "s2"})
    store.add(list(read_request(request(failed))))
    return store


def names(store: Store, **filters: Any) -> list[str]:
    """Return the inputs, or names, of the traces that the filters let through."""
    return [row["input"] or row["name"] for row in list_traces(store, Filters(**filters))]


def test_a_list_has_the_newest_first_with_its_figures(store: Store) -> None:
    """What a person looks for: question, answer, duration, tokens, cost, session."""
    rows = list_traces(store, Filters())
    assert ["Refund", "Ask", "Ask"] == [row["name"] for row in rows]
    oldest = rows[-1]
    assert ("Where is 17?", "On its way.", 10, 5, 0.002, 3, "u1", "s1") == tuple(
        oldest[key]
        for key in ("input", "output", "input_tokens", "output_tokens", "cost", "spans", "user", "session_id")
    )
    assert 2.0 == pytest.approx(oldest["duration"])


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"session": "s1"}, ["And 18?", "Where is 17?"]),
        ({"error": True}, ["Refund"]),
        ({"name": "refu"}, ["Refund"]),
        ({"model": "GPT"}, ["And 18?", "Where is 17?"]),
        ({"slower": 1.5}, ["And 18?", "Where is 17?"]),
        ({"search": "lost sorr"}, ["And 18?"]),
        ({"search": '" OR 1 --'}, []),
        ({"user": "nobody"}, []),
        ({"name": "%"}, []),
    ],
)
def test_filters(store: Store, filters: dict[str, Any], expected: list[str]) -> None:
    """Each by itself; what a person types is never a pattern or a query language."""
    assert expected == names(store, **filters)


def test_a_trace_is_found_by_id_beginning_and_number(store: Store) -> None:
    """1 is the newest; what is ambiguous or unknown is nothing."""
    whole = f"{2:032x}"
    assert [whole, None, f"{3:032x}", None] == [find_trace(store, wanted) for wanted in (whole, "0000", "1", "99")]


def test_a_span_written_twice_counts_once(store: Store) -> None:
    """A retry of a sender does not double the figures."""
    store.add(list(read_request(conversation(1, "Where is 17?", "On its way."))))
    assert [3] == [row["spans"] for row in list_traces(store, Filters(search="where"))]


def test_a_session_is_its_traces_in_order(store: Store) -> None:
    """A conversation across traces."""
    assert ["Where is 17?", "And 18?"] == [row["input"] for row in session_data(store, "s1")["traces"]]


def test_the_gateways_span_of_a_call_counts_once() -> None:
    """The application and OpenRouter's Broadcast tell of the same tokens."""
    store = Store(None)
    inner = span(5, 502, "gateway", parent=501, attributes=chat_attributes("q", "a"))
    outer = span(5, 501, "chat", attributes=chat_attributes("q", "a"))
    store.add(list(read_request(request(outer, inner))))
    assert [(10, 0.002)] == [(row["input_tokens"], row["cost"]) for row in list_traces(store, Filters())]


def test_the_oldest_traces_go_when_the_bound_is_reached(tmp_path: Path) -> None:
    """And their texts with them."""
    store = Store(tmp_path / "s.db", max_bytes=400_000)
    for number in range(1, 200):
        store.add(list(read_request(conversation(number, "x" * 3000, "y" * 3000, at=number * 10))))
    assert True is (store.prune() > 0)
    rows = list_traces(store, Filters(), limit=1000)
    assert True is (0 < len(rows) < 199)
    assert f"{199:032x}" == rows[0]["trace_id"]
    assert 0o600 == os.stat(tmp_path / "s.db").st_mode & 0o777


# ---------------------------------------------------------------- a file and its index
def test_a_file_is_indexed_once_and_then_what_was_appended(tmp_path: Path) -> None:
    """The index lies beside it, for its owner only; whole traces are read from the file's own lines."""
    path = tmp_path / "t.jsonl"
    path.write_bytes(lines(conversation(1, "one", "1"), conversation(2, "two", "2", at=10)))
    store = files.open_file(path)
    assert ["two", "one"] == names(store)
    store.close()
    with path.open("ab") as file:
        file.write(b"torn {\n" + lines(conversation(3, "three", "3", at=20)))
    store = files.open_file(path)
    assert ["three", "two", "one"] == names(store)
    spans = store.spans(f"{3:032x}")
    assert "three" == span_data(spans[0])["content"]["input"]
    assert 0o600 == os.stat(tmp_path / "t.jsonl.index").st_mode & 0o777


def test_another_file_under_the_same_name_is_indexed_anew(tmp_path: Path) -> None:
    """Shorter, or with another beginning."""
    path = tmp_path / "t.jsonl"
    path.write_bytes(lines(conversation(1, "one" * 2000, "1"), conversation(2, "two", "2", at=10)))
    files.open_file(path).close()
    path.write_bytes(lines(conversation(7, "seven", "7")))
    assert ["seven"] == names(files.open_file(path))


def test_a_line_that_is_still_being_written_is_read_when_it_is_whole(tmp_path: Path) -> None:
    """Half a line is no span, and no reason to lose it."""
    path = tmp_path / "t.jsonl"
    whole = lines(conversation(1, "one", "1"))
    path.write_bytes(whole[:100])
    store = files.open_file(path)
    assert [] == names(store)
    path.write_bytes(whole)
    files.update(store, path)
    assert ["one"] == names(store)


def test_a_search_reads_the_file_and_not_its_keys(tmp_path: Path) -> None:
    """Text in values, whatever its case; the name of an attribute is no content."""
    path = tmp_path / "t.jsonl"
    path.write_bytes(lines(conversation(1, 'Say "Grüße"', "1"), conversation(2, "two", "2", at=10)))
    assert [f"{1:032x}"] == files.search_lines(path, 'say "grüße"')
    assert [] == files.search_lines(path, "traceId")


def test_the_row_of_a_trace_does_not_depend_on_the_order_in_which_its_spans_arrive(store: Store) -> None:
    """Question and answer of the root's children are found, whether it arrives whole or from its leaves up."""
    store.clear()
    leaf = span(1, 3, "deep", parent=2, at=2, attributes=chat_attributes("deep question", "deep answer"))
    middle = span(1, 2, "call", parent=1, at=1, attributes=chat_attributes("Where is 17?", "On its way."))
    for number, groups in enumerate(([[span(1, 1, "root", lasts=9), middle, leaf]], [[leaf], [middle], [span(1, 1)]])):
        for group in groups:
            named = [{**each, "traceId": f"{number + 1:032x}"} for each in group]
            store.add(list(read_request(request(*named))))
    rows = list_traces(store, Filters())
    assert [("Where is 17?", "On its way.", 3)] * 2 == [(row["input"], row["output"], row["spans"]) for row in rows]


def test_a_trace_of_many_lines_is_indexed_in_linear_time(tmp_path: Path) -> None:
    """Its row is written once for each batch of lines, not once for each line."""

    def one_span_a_line(count: int) -> Path:
        path = tmp_path / f"{count}.jsonl"
        path.write_bytes(b"".join(orjson.dumps(request(span(7, number + 1))) + b"\n" for number in range(count)))
        return path

    def index(path: Path) -> None:
        store = Store(None, source=path)
        files.update(store, path)
        store.close()

    assert growth(index, one_span_a_line, 200) < MOST


# ---------------------------------------------------------------- differences
def test_what_differs_between_two_traces() -> None:
    """Calls that were added and removed, texts that changed, and the sums."""
    one = list(read_request(conversation(1, "Where is 17?", "On its way.")))
    other = list(read_request(conversation(2, "Where is 17?", "Lost.", at=5)))[:2]
    found = diff_traces(one, other)
    assert (False, ["execute_tool lookup"], []) == (
        found["equal"],
        [call["name"] for call in found["removed"]],
        found["added"],
    )
    assert {"output", "output_messages"} == {field for call in found["changed"] for field in call["fields"]}
    assert (1, 0) == (found["totals"]["before"]["tool_calls"], found["totals"]["after"]["tool_calls"])


def test_a_trace_does_not_differ_from_itself() -> None:
    """Whatever its ids and times are."""
    one = list(read_request(conversation(1, "q", "a")))
    other = list(read_request(conversation(2, "q", "a", at=99)))
    assert True is diff_traces(one, other)["equal"]


def test_times_that_people_write() -> None:
    """15m ago, a date; anything else is a sentence."""
    now = datetime(2026, 1, 2, tzinfo=UTC)
    assert int((now.timestamp() - 900) * 1e9) == since("15m", now)
    assert int(now.timestamp() * 1e9) == since("2026-01-02T00:00:00+00:00", now)
    with pytest.raises(ValueError, match="give 15m, 2h, 3d, or a date"):
        since("yesterday", now)
