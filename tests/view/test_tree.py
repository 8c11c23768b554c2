"""The tree in the terminal."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from spancast.conventions import CONVENTIONS
from spancast.delivery.ledger import DeliveryReport, DestinationReport
from spancast.otlp.json import encode_request, encode_span
from spancast.record.cost import Cost
from spancast.record.operation import Agent, Failure, Generation, Kind, Operation, Retrieval, ToolUse
from spancast.record.usage import Usage
from spancast.view.read import ViewSpan, read_request, traces_of
from spancast.view.tree import delivery_line, trace_tree

SECOND = 10**9
TRACE = 0xABC


def drawn(spans: Sequence[ViewSpan], width: int = 120) -> list[str]:
    """Return the lines of the tree as a terminal of this width shows them, without colours."""
    out = io.StringIO()
    Console(file=out, width=width, highlight=False, no_color=True).print(trace_tree(spans))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def operation(
    kind: Kind, name: str, number: int, parent: int | None, start: float, end: float, **more: Any
) -> Operation:
    """Return an operation; times in seconds."""
    return Operation(
        kind=kind,
        name=name,
        trace_id=TRACE,
        span_id=number,
        parent_span_id=parent,
        start_ns=int(start * SECOND),
        end_ns=int(end * SECOND),
        user="u1",
        session_id="s1",
        **more,
    )


def example(convention: str) -> list[ViewSpan]:
    """Return a trace of an agent with a model, a failing tool and a retriever, read back from *convention*."""
    generation = Generation(
        request_model="gpt-4o",
        usage=Usage(input_tokens=1200, output_tokens=34, total_tokens=1234),
        cost=Cost(total=0.0123),
        time_to_first_token_ns=250_000_000,
    )
    failure = Failure(type="TimeoutError", message="the order service did not answer")
    operations = [
        operation(Kind.AGENT, "support", 1, None, 0, 3, detail=Agent(name="support")),
        operation(Kind.LLM, "ChatModel", 2, 1, 0.1, 1.6, detail=generation),
        operation(Kind.TOOL, "lookup", 3, 1, 1.7, 2.0, detail=ToolUse(name="lookup"), failure=failure),
        operation(Kind.CHAIN, "search", 4, 1, 2.1, 2.9),
        operation(Kind.RETRIEVER, "docs", 5, 4, 2.2, 2.25, detail=Retrieval(data_source="docs")),
        operation(Kind.CHAIN, "late", 6, 4, 2.3, 2.4, ending="cancelled"),
    ]
    spans = [encode_span(CONVENTIONS[convention](each)) for each in operations]
    (trace,) = traces_of(read_request(orjson.loads(encode_request({}, "s", "1", spans)))).values()
    return trace


def test_a_trace_in_openinference_is_drawn_as_a_tree() -> None:
    """Figures, lines, kinds, names, model, errors and endings, one line a span."""
    expected = [
        "trace 00000000000000000000000000000abc",
        "6 spans · 3.00 s · 1,234 tokens · $0.0123 · user u1 · session s1",
        "  time   first    tokens     cost  span",
        "3.00 s                             AGENT support",
        "1.50 s  250 ms  1,200→34  $0.0123  ├─ LLM ChatModel  gpt-4o",
        "300 ms                             ├─ ✗ TOOL lookup",
        "                                   │    TimeoutError: the order service did not answer",
        "800 ms                             └─ CHAIN search",
        " 50 ms                                ├─ RETRIEVER docs",
        "100 ms                                └─ CHAIN late  cancelled",
    ]
    assert expected == drawn(example("openinference"))


def test_a_trace_in_gen_ai_is_drawn_as_the_same_tree() -> None:
    """Only the names are those of the convention; the model is not said twice."""
    expected = [
        "3.00 s                             AGENT invoke_agent support",
        "1.50 s  250 ms  1,200→34  $0.0123  ├─ LLM chat gpt-4o",
        "300 ms                             ├─ ✗ TOOL execute_tool lookup",
        "                                   │    TimeoutError: the order service did not answer",
        "800 ms                             └─ CHAIN search",
        " 50 ms                                ├─ RETRIEVER retrieval docs",
        "100 ms                                └─ CHAIN late  cancelled",
    ]
    assert expected == drawn(example("gen_ai"))[3:]


def test_a_call_that_its_gateway_tells_again_counts_once() -> None:
    """OpenRouter's Broadcast puts its own generation, with the same tokens and cost, under the application's."""
    told = replace(view(2, 1), kind="LLM", input_tokens=12, output_tokens=5, cost=0.5)
    again = replace(told, span_id="3", parent_span_id=told.span_id)
    assert "3 spans · 2.00 s · 17 tokens · $0.5000" == drawn([view(1, None), told, again])[1]
    beside = replace(again, parent_span_id="1")
    assert "3 spans · 2.00 s · 34 tokens · $1.00" == drawn([view(1, None), told, beside])[1]


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """Long names are cut with an ellipsis, one line a span; times stay whole."""
    lines = drawn([view(1, None), view(2, 1, name="x" * 300), view(3, 2, name="名" * 100)], width)
    assert True is (max(map(cell_len, lines)) <= width)
    assert (3 + 3, 2) == (len(lines), sum(line.endswith("…") for line in lines))
    assert ["1.00 s"] * 3 == [line[:6] for line in lines[3:]]


@pytest.mark.parametrize("width", [80, 120])
def test_an_error_is_never_cut(width: int) -> None:
    """It takes as many lines as it needs, all of them beneath its span's name."""
    words = [f"word{number}" for number in range(60)]
    lines = drawn([view(1, None), view(2, 1, error=" ".join(words))], width)
    assert True is (max(map(cell_len, lines)) <= width)
    assert words == " ".join(lines[5:]).split()
    assert 1 == len({len(line) - len(line.lstrip()) for line in lines[5:]})


def test_figures_and_names_are_whole_at_80_columns() -> None:
    """An ordinary tree looks the same in a narrow terminal; only long errors take more lines."""
    wide, narrow = (drawn(example("gen_ai"), width) for width in (120, 80))
    assert [line for line in wide if "Timeout" not in line] == [
        line for line in narrow if "Timeout" not in line and line.strip() != "answer"
    ]


def test_names_of_deep_spans_have_room_too() -> None:
    """Beyond twelve levels the indentation is cut, not the name."""
    lines = drawn([view(number, number - 1 if number else None) for number in range(30)], 80)
    assert [f"└─ CHAIN n{number}" for number in range(1, 30)] == [line[line.index("└") :] for line in lines[4:]]


def view(number: int, parent: int | None, **changes: Any) -> ViewSpan:
    """Return one span as it is shown."""
    settings: dict[str, Any] = {
        "trace_id": "t",
        "span_id": str(number),
        "parent_span_id": None if parent is None else str(parent),
        "name": f"n{number}",
        "kind": "CHAIN",
        "start_ns": number * SECOND,
        "end_ns": (number + 1) * SECOND,
        "attributes": {},
    }
    return ViewSpan(**{**settings, **changes})


def titles(lines: Sequence[str]) -> list[str]:
    """Return the tree itself, without headline and figures."""
    return [line[line.index("s") + 1 :].strip() for line in lines[3:]]


def test_an_orphan_is_shown_beside_the_roots() -> None:
    """A span whose parent has not arrived is no reason to hide it."""
    assert ["CHAIN n1", "└─ CHAIN n2", "CHAIN n3", "└─ CHAIN n4"] == titles(
        drawn([view(1, None), view(2, 1), view(3, 99), view(4, 3)])
    )


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([view(1, 1)], ["CHAIN n1"]),
        ([view(1, 2), view(2, 1)], ["CHAIN n1", "└─ CHAIN n2"]),
        ([view(1, None), view(2, 3), view(3, 2)], ["CHAIN n1", "CHAIN n2", "└─ CHAIN n3"]),
    ],
)
def test_spans_that_are_each_others_parents_are_shown_once(spans: list[ViewSpan], expected: list[str]) -> None:
    """Wrong data neither hangs the view nor hides a span."""
    assert expected == titles(drawn(spans))


@given(st.lists(st.one_of(st.none(), st.integers(0, 12)), min_size=1, max_size=12))
def test_every_span_is_shown_exactly_once(parents: list[int | None]) -> None:
    """Whatever the parents are: a tree, orphans, circles."""
    spans = [view(number, parent) for number, parent in enumerate(parents)]
    shown = [line.rpartition(" ")[2] for line in drawn(spans)[3:]]
    assert [span.name for span in spans] == sorted(shown, key=lambda name: int(name[1:]))


def test_children_stand_in_the_order_of_their_starts() -> None:
    """Not in the order in which they ended or arrived."""
    spans = [view(1, None), view(2, 1, start_ns=5), view(3, 1, start_ns=3), view(4, 1, start_ns=4)]
    assert ["CHAIN n1", "├─ CHAIN n3", "├─ CHAIN n4", "└─ CHAIN n2"] == titles(drawn(spans))


def test_a_deep_tree_needs_no_recursion() -> None:
    """Thousands of levels are drawn."""
    spans = [view(number, number - 1 if number else None) for number in range(3000)]
    assert 3000 + 3 == len(drawn(spans))


def test_markup_in_names_is_no_markup() -> None:
    """Square brackets are text."""
    assert ["CHAIN [bold]x[/bold]"] == titles(drawn([view(1, None, name="[bold]x[/bold]")]))


@pytest.mark.parametrize(
    ("cost", "shown"),
    [
        (0.0, "$0 "),
        (0.0123, "$0.0123 "),
        (0.00003, "$0.00003 "),
        (0.0000416, "$0.000042 "),
        (0.00009999, "$0.0001 "),
        (12.5, "$12.50 "),
    ],
)
def test_money_is_shown_with_what_matters(cost: float, shown: str) -> None:
    """Four places, and small amounts neither as nothing nor with an exponent."""
    assert shown in drawn([view(1, None, cost=cost)])[3]


def test_a_figure_that_no_span_has_takes_no_room() -> None:
    """Without models there is one column, and the headline counts no tokens; one is not `1 spans`."""
    expected = ["trace t", "1 span · 1.00 s", "  time  span", "1.00 s  CHAIN n1"]
    assert expected == drawn([view(1, None)])


def test_names_are_cut_last() -> None:
    """First what stands behind a name, then columns of figures, the least needed first; then the name."""
    figures = {"cost": 0.0123, "input_tokens": 1, "output_tokens": 2, "first_token": 0.25, "model": "a-model"}
    trace = [view(1, None, kind="LLM", name="a_name_of_thirty_characters_aa", **figures)]
    wide, behind, first, cost = (drawn(trace, width) for width in (120, 68, 60, 52))
    assert ("  time   first  tokens     cost  span", True) == (wide[-2], wide[-1].endswith("_aa  a-model"))
    assert ("  time   first  tokens     cost  span", True) == (behind[-2], "_aa" in behind[-1])
    assert ("  time  tokens     cost  span", True) == (first[-2], "_aa" in first[-1])
    assert ("  time  tokens  span", True) == (cost[-2], "_aa" in cost[-1])
    assert drawn(trace, 40)[-1].endswith("…")


def test_the_delivery_line_says_what_became_of_the_spans() -> None:
    """A tick where all that was chosen arrived, a cross where not."""
    report = DeliveryReport(
        (
            DestinationReport(name="file", recorded=5, delivered=5),
            DestinationReport(name="part", recorded=5, delivered=1, sampled_out=4),
            DestinationReport(name="bad", recorded=5, rejected=5, last_error="HTTP 401: no"),
        )
    )
    expected = "delivery: ✓ file: 5 delivered · ✓ part: 1 delivered, 4 sampled out · ✗ bad: 5 rejected (HTTP 401: no)"
    assert expected == delivery_line(report).plain
