"""Reading spans back from OTLP JSON lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import spancast
from spancast import destinations
from spancast.record.cost import Cost
from spancast.record.operation import Generation, Kind, ToolUse
from spancast.record.usage import Usage
from spancast.recording.captured import Content
from spancast.view.read import read_lines, read_request, traces_of


def span(**changes: Any) -> dict[str, Any]:
    """Return one OTLP JSON span; attributes are given as plain values."""
    attributes = changes.pop("attributes", {})
    return {
        "traceId": "0" * 31 + "1",
        "spanId": "0" * 15 + "1",
        "name": "s",
        "startTimeUnixNano": "1000",
        "endTimeUnixNano": "3000",
        "attributes": [{"key": key, "value": value} for key, value in attributes.items()],
        "status": {},
        **changes,
    }


def request(*spans: Any) -> dict[str, Any]:
    """Return one TracesData object."""
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": list(spans)}]}]}


@pytest.mark.parametrize("convention", ["openinference", "gen_ai"])
def test_what_the_file_destination_wrote_is_read_in_either_convention(convention: str, tmp_path: Path) -> None:
    """Kinds, times, tokens, cost, model, user, session and errors come back the same from both."""
    path = tmp_path / "t.jsonl"
    generation = Generation(
        request_model="gpt-4o",
        usage=Usage(input_tokens=12, output_tokens=3, total_tokens=15),
        cost=Cost(input=0.001, output=0.002, total=0.003),
        time_to_first_token_ns=250_000_000,
        stream=True,
    )
    with (
        spancast.Pipeline(destinations.file(path, convention=convention)) as pipeline,
        spancast.trace(trace_name="root", user="u1", session_id="s1") as handle,
    ):
        for key, kind, detail, error in (
            ("llm", Kind.LLM, generation, None),
            ("tool", Kind.TOOL, ToolUse(name="search"), TimeoutError("too slow")),
        ):
            operation = pipeline.recorder.open(
                key, kind, key, translate=lambda _, detail=detail: Content(detail=detail)
            )
            pipeline.recorder.close(operation, error=error)
    llm, tool, root = read_lines(path)
    assert ("LLM", "TOOL", "CHAIN") == (llm.kind, tool.kind, root.kind)
    assert (12, 3, 0.003, 0.25, "gpt-4o") == (
        llm.input_tokens,
        llm.output_tokens,
        llm.cost,
        llm.first_token,
        llm.model,
    )
    assert ("TimeoutError: too slow", None) == (tool.error, llm.error)
    assert (handle.trace_id, handle.span_id, None) == (root.trace_id, root.span_id, root.parent_span_id)
    assert {handle.span_id} == {llm.parent_span_id, tool.parent_span_id}
    assert {("u1", "s1")} == {(each.user, each.session_id) for each in (llm, tool, root)}
    assert True is (root.start_ns <= llm.start_ns <= llm.end_ns <= root.end_ns)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"stringValue": "x"}, "x"),
        ({"boolValue": True}, True),
        ({"intValue": "9007199254740993"}, 9007199254740993),
        ({"intValue": 3}, 3),
        ({"doubleValue": 0.5}, 0.5),
        ({"doubleValue": "Infinity"}, float("inf")),
        ({"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "1"}]}}, ["a", 1]),
        ({"arrayValue": {}}, []),
        ({"kvlistValue": {"values": [{"key": "a", "value": {"boolValue": False}}]}}, {"a": False}),
        ({}, None),
    ],
)
def test_values_become_python_data(value: dict[str, Any], expected: Any) -> None:
    """All of OTLP's value forms are read; integers may stand as text."""
    (read,) = read_request(request(span(attributes={"k": value})))
    assert expected == read.attributes["k"]


@pytest.mark.parametrize(
    ("status", "attributes", "expected"),
    [
        ({}, {}, None),
        ({"code": 1}, {}, None),
        ({"code": 2}, {}, "error"),
        ({"code": 2, "message": "bad"}, {}, "bad"),
        ({"code": "STATUS_CODE_ERROR", "message": "bad"}, {}, "bad"),
        ({"code": 2, "message": "bad"}, {"error.type": {"stringValue": "ValueError"}}, "ValueError: bad"),
        ({"code": 2}, {"error.type": {"stringValue": "ValueError"}}, "ValueError"),
    ],
)
def test_an_error_is_type_and_message(status: Any, attributes: Any, expected: str | None) -> None:
    """Only the status ERROR is one, as a number or, from other writers, by its name."""
    (read,) = read_request(request(span(status=status, attributes=attributes)))
    assert expected == read.error


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"openinference.span.kind": "RERANKER"}, "RERANKER"),
        ({"gen_ai.operation.name": "chat"}, "LLM"),
        ({"gen_ai.operation.name": "invoke_agent"}, "AGENT"),
        ({"gen_ai.operation.name": "execute_tool"}, "TOOL"),
        ({"gen_ai.operation.name": "retrieval"}, "RETRIEVER"),
        ({"gen_ai.operation.name": "something_new"}, "CHAIN"),
        ({}, "CHAIN"),
    ],
)
def test_the_kind_is_read_from_either_convention(attributes: dict[str, str], expected: str) -> None:
    """OpenInference says it, gen_ai's operations stand for it, anything else is a chain."""
    given = {key: {"stringValue": value} for key, value in attributes.items()}
    (read,) = read_request(request(span(attributes=given)))
    assert expected == read.kind


@pytest.mark.parametrize(
    "line",
    [
        "",
        "\n",
        "no json",
        '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"1"',
        "[]",
        "3",
        "null",
        '{"resourceSpans": 3}',
        '{"resourceMetrics": []}',
        '{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"without ids"}]}]}]}',
        "\x00\xff",
        '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"1","spanId":"1","attributes":[{"key":"k","value":'
        + '{"arrayValue":{"values":[' * 900
        + "]}}" * 900
        + "}]}]}]}]}",
    ],
)
def test_a_line_that_cannot_be_read_is_passed_over(line: str, tmp_path: Path) -> None:
    """A torn or foreign line costs itself only."""
    path = tmp_path / "t.jsonl"
    good = json.dumps(request(span(name="good")))
    path.write_bytes(f"{good}\n{line}\n{good}\n".encode("latin-1"))
    assert ["good", "good"] == [each.name for each in read_lines(path)]


def test_values_of_the_wrong_type_are_no_figures() -> None:
    """Text where a number belongs, or a number where text does, harms no view."""
    wrong = {
        "llm.token_count.prompt": {"stringValue": "many"},
        "llm.cost.total": {"boolValue": True},
        "user.id": {"intValue": "7"},
        "llm.model_name": {"arrayValue": {"values": [{"stringValue": "m"}]}},
    }
    (read,) = read_request(request(span(name=5, attributes=wrong)))
    assert ("5", None, None, "7", "['m']") == (read.name, read.input_tokens, read.cost, read.user, read.model)


def test_what_a_terminal_would_obey_is_taken_out() -> None:
    """Names and messages come from anywhere: no line breaks, no escape sequences."""
    hostile = "a\nb\x1b[31mred\x07"
    (read,) = read_request(request(span(name=hostile, status={"code": 2, "message": hostile})))
    assert ("a b [31mred", "a b [31mred") == (read.name, read.error)


def test_spans_are_grouped_by_trace_the_oldest_first() -> None:
    """Traces in the order of their first spans; spans in the order of their starts."""
    spans = [
        span(traceId="b", spanId="3", startTimeUnixNano="300"),
        span(traceId="a", spanId="2", startTimeUnixNano="200"),
        span(traceId="a", spanId="1", startTimeUnixNano="100"),
    ]
    traces = traces_of(read_request(request(*spans)))
    assert [("a", ["1", "2"]), ("b", ["3"])] == [(key, [each.span_id for each in held]) for key, held in traces.items()]


def test_a_span_that_was_written_twice_counts_once() -> None:
    """A delivery that was repeated doubles no tokens."""
    traces = traces_of([*read_request(request(span(), span())), *read_request(request(span()))])
    assert [1] == [len(held) for held in traces.values()]
