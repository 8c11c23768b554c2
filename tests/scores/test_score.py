"""What `spancast.score` records, for which target, and what it refuses."""

from __future__ import annotations

import json
import logging
import math
import subprocess
import sys
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from io import StringIO
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.runnables import RunnableLambda
from opentelemetry.sdk.trace import TracerProvider
from rich.console import Console

import spancast
from spancast import Pipeline, destinations
from spancast.conventions import gen_ai
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler
from spancast.record.operation import Generation, Kind, Operation, Score
from spancast.recording import guard
from spancast.scores.score import MAX_ON_A_SPAN
from spancast.testing import record
from spancast.view.content import content_of
from spancast.view.query import Filters, list_traces, session_data, trace_data
from spancast.view.read import read_lines
from spancast.view.store import Store
from spancast.view.tree import trace_tree

TRACE, SPAN = "4b" * 16, "7a" * 8
EVALUATION = "evaluations.0.evaluation."


def scores_of(destination: MemoryDestination) -> list[Any]:
    """Return the spans that carry a score."""
    return [span for span in destination.spans if span.kind is Kind.EVALUATOR]


def links_of(span: Any) -> list[tuple[str, str]]:
    """Return the ids that a span links to."""
    return [(link.trace_id, link.span_id) for link in span.links]


# ---------------------------------------------------------------- what is judged
def test_a_score_inside_a_trace_judges_the_open_span(pipeline: Pipeline, memory: MemoryDestination) -> None:
    """Without ids it stands on the span that is open, as the conventions ask; a second one beside it."""
    with pipeline, pipeline.trace(trace_name="Ask", session_id="s1", user="u1"):
        assert True is spancast.score("helpful", 0.5, label="so-so", explanation="It missed a part.", annotator="llm")
        assert True is spancast.score("short", True)

    (span,) = memory.spans
    assert ("Ask", "CHAIN", ()) == (span.name, span.kind, span.links)
    assert {
        "openinference.span.kind": "CHAIN",
        "session.id": "s1",
        "user.id": "u1",
        "evaluations.1.evaluation.name": "short",
        "evaluations.1.evaluation.score": 1.0,
        "evaluations.1.evaluation.annotator_kind": "HUMAN",
        EVALUATION + "name": "helpful",
        EVALUATION + "score": 0.5,
        EVALUATION + "label": "so-so",
        EVALUATION + "explanation": "It missed a part.",
        EVALUATION + "annotator_kind": "LLM",
    } == dict(span.attributes)


def test_more_scores_than_a_span_carries_go_by_themselves(pipeline: Pipeline, memory: MemoryDestination) -> None:
    """A loop that scores one open span for ever does not let it grow: what is beyond the bound is carried beside it."""
    with pipeline, pipeline.trace(trace_name="Ask") as trace:
        for number in range(MAX_ON_A_SPAN + 2):
            assert True is spancast.score(f"s{number}", 1)

    beside = scores_of(memory)
    assert [[(trace.trace_id, trace.span_id)]] * 2 == [links_of(span) for span in beside]
    (root,) = [span for span in memory.spans if span.kind is Kind.CHAIN]
    assert MAX_ON_A_SPAN == sum(name.endswith(".evaluation.name") for name in root.attributes)


def test_a_handle_judges_its_span_after_the_end(pipeline: Pipeline, memory: MemoryDestination) -> None:
    """`trace.score` works after the block, knows the session, and goes to the pipeline that recorded the trace."""
    with pipeline.trace(trace_name="Ask", session_id="s1") as trace:
        pass
    assert True is trace.score("helpful", True, identifier="u1", metadata={"button": "up"})
    pipeline.flush()

    (span,) = scores_of(memory)
    assert [(trace.trace_id, trace.span_id)] == links_of(span)
    assert (1.0, "HUMAN", "u1", {"button": "up"}, "s1") == (
        span.attributes[EVALUATION + "score"],
        span.attributes[EVALUATION + "annotator_kind"],
        span.attributes[EVALUATION + "identifier"],
        json.loads(span.attributes[EVALUATION + "metadata"]),
        span.attributes["session.id"],
    )


def test_the_last_trace_of_a_handler_is_judged(pipeline: Pipeline, memory: MemoryDestination) -> None:
    """`handler.last_trace.score(...)` judges the root of the run."""
    handler = SpancastCallbackHandler(pipeline=pipeline)
    with pipeline:
        RunnableLambda(lambda text: text).invoke("q", {"callbacks": [handler]})
        assert True is (handler.last_trace is not None and handler.last_trace.score("helpful", 0))

    root, span = memory.spans
    assert [(root.trace_id, root.span_id)] == links_of(span)
    assert 0.0 == span.attributes[EVALUATION + "score"]


def test_a_block_without_a_span_is_judged_by_its_run(pipeline: Pipeline, memory: MemoryDestination) -> None:
    """After the run, still inside `trace(session_id=...)`, the score judges the run that took the block's place."""
    handler = SpancastCallbackHandler(pipeline=pipeline)
    with pipeline, pipeline.trace(session_id="s1"):
        RunnableLambda(lambda text: text).invoke("q", {"callbacks": [handler]})
        assert True is spancast.score("helpful", 1)

    root, span = memory.spans
    assert [(root.trace_id, root.span_id)] == links_of(span)
    assert "s1" == span.attributes["session.id"]


def test_a_span_of_the_application_is_judged(pipeline: Pipeline, memory: MemoryDestination) -> None:
    """The current OpenTelemetry span, of ours or not, is what is judged."""
    with pipeline, TracerProvider().get_tracer("app").start_as_current_span("theirs") as theirs:
        assert True is spancast.score("helpful", 1)

    context = theirs.get_span_context()
    (span,) = scores_of(memory)
    assert [(f"{context.trace_id:032x}", f"{context.span_id:016x}")] == links_of(span)


@pytest.mark.parametrize("trace_id", [TRACE, TRACE.upper(), f" {TRACE} ", "4b4b4b4b-4b4b-4b4b-4b4b-4b4b4b4b4b4b"])
def test_ids_of_a_log_line_suffice(trace_id: str, pipeline: Pipeline, memory: MemoryDestination) -> None:
    """With the ids of a span the score lies in its trace and links to it; a UUID is a trace id too."""
    with pipeline:
        assert True is spancast.score("helpful", 1, trace_id=trace_id, span_id=SPAN, session_id="s1")

    (span,) = scores_of(memory)
    assert (TRACE, [(TRACE, SPAN)], "s1") == (span.trace_id, links_of(span), span.attributes["session.id"])
    assert 1.0 == span.attributes[EVALUATION + "score"]


def test_a_trace_id_alone_judges_the_trace(pipeline: Pipeline, memory: MemoryDestination) -> None:
    """The result stands under `trace.`; inside that trace the one link leads to its root."""
    with pipeline:
        spancast.score("complete", 1, trace_id=TRACE)
        with pipeline.trace(trace_name="Ask") as root, pipeline.trace(trace_name="inner"):
            spancast.score("complete", 1, trace_id=root.trace_id)

    elsewhere, here = scores_of(memory)
    assert (TRACE, []) == (elsewhere.trace_id, links_of(elsewhere))
    assert [(root.trace_id, root.span_id)] == links_of(here)
    for span in (elsewhere, here):
        assert 1.0 == span.attributes["trace.evaluations.0.evaluation.score"]
        assert EVALUATION + "name" not in span.attributes


def test_a_session_id_alone_judges_the_session(pipeline: Pipeline, memory: MemoryDestination) -> None:
    """The result stands under `session.`, with `session.id`, also where a trace is open."""
    with pipeline, pipeline.trace(trace_name="Ask") as trace:
        assert True is spancast.score("solved", 1, session_id="s9")

    (span,) = scores_of(memory)
    assert ("s9", "solved") == (
        span.attributes["session.id"],
        span.attributes["session.evaluations.0.evaluation.name"],
    )
    assert trace.trace_id != span.trace_id


def test_a_span_id_in_its_trace_needs_no_trace_id(pipeline: Pipeline, memory: MemoryDestination) -> None:
    """Inside a trace `span_id` alone names a span of it."""
    with pipeline, pipeline.trace(trace_name="Ask") as trace:
        assert True is spancast.score("helpful", 1, span_id=SPAN)

    assert [(trace.trace_id, SPAN)] == links_of(scores_of(memory)[0])


# ---------------------------------------------------------------- what cannot be used
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"trace_id": "order 17"}, "trace_id"),
        ({"trace_id": "0" * 32}, "trace_id"),
        ({"trace_id": 17}, "trace_id"),
        ({"trace_id": TRACE, "span_id": "7a"}, "span_id"),
        ({"trace_id": TRACE, "span_id": "0" * 16}, "span_id"),
        ({"span_id": SPAN}, "needs its `trace_id`"),
        ({"session_id": " "}, "session_id"),
        ({}, "no trace is open here"),
        ({"trace_id": TRACE, "value": None}, "no result"),
        ({"trace_id": TRACE, "value": math.nan}, "finite"),
        ({"trace_id": TRACE, "value": 10**400}, "finite"),
        ({"trace_id": TRACE, "value": [1]}, "`value` is of type list: give a number"),
        ({"trace_id": TRACE, "value": numpy.array([1, 2])}, "`value` is of type ndarray: give a number"),
        ({"trace_id": TRACE, "label": ["yes"]}, "`label` is of type list: give a text"),
        ({"trace_id": TRACE, "label": numpy.array(["yes"] * 2)}, "`label` is of type ndarray: give a text"),
        ({"trace_id": TRACE, "explanation": {}}, "`explanation` is of type dict: give a text"),
        ({"trace_id": TRACE, "name": None}, "`name` is None: give a text"),
        ({"trace_id": TRACE, "annotator": "robot"}, "annotator"),
        ({"trace_id": TRACE, "metadata": "up"}, "metadata"),
        ({"trace_id": TRACE, "name": ""}, "name"),
    ],
)
def test_what_cannot_be_used_is_one_warning(
    arguments: dict[str, Any],
    said: str,
    pipeline: Pipeline,
    memory: MemoryDestination,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """False, nothing recorded, and one sentence, however often."""
    call: dict[str, Any] = {"name": "helpful", "value": 1, **arguments}
    with pipeline, caplog.at_level(logging.WARNING, "spancast"):
        assert [False, False] == [spancast.score(**call), spancast.score(**call)]

    assert [] == memory.spans
    (message,) = caplog.messages
    assert said in message


class _Hostile:
    """An object whose every use fails."""

    def __float__(self) -> float:
        raise RuntimeError("no")


class _Grade(Enum):
    GOOD = "good"
    BAD = 0.25


JUNK = st.one_of(
    *(st.none(), st.text(), st.integers(), st.floats(), st.binary(), st.decimals(), st.datetimes(), st.uuids()),
    *(st.sampled_from(_Grade), st.builds(_Hostile), st.lists(st.integers()), st.complex_numbers(), st.fractions()),
    st.builds(numpy.float32, st.floats(width=32)),
    st.builds(numpy.array, st.lists(st.floats(), max_size=3)),
)


@given(JUNK)
def test_no_argument_raises(junk: Any) -> None:
    """Whatever stands in whichever place, the answer is True or False."""
    names = (
        "value",
        "label",
        "explanation",
        "annotator",
        "identifier",
        "metadata",
        "trace_id",
        "span_id",
        "session_id",
    )
    with Pipeline(destinations.memory()):
        for name in names:
            assert spancast.score("helpful", **{"label": "yes", "trace_id": TRACE, name: junk}) in (True, False)
        assert spancast.score(junk, 1, trace_id=TRACE) in (True, False)


def test_a_fault_of_ours_does_not_reach_the_caller(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """A score that fails inside is False."""
    monkeypatch.setattr(guard, "strict", False)
    monkeypatch.setattr(pipeline.recorder, "hand_over", None)
    with pipeline:
        assert False is spancast.score("helpful", 1, trace_id=TRACE)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        *((True, 1.0), (3, 3.0), (Decimal("0.5"), 0.5), (Fraction(1, 4), 0.25), (_Grade.BAD, 0.25)),
        *((numpy.float32(0.5), 0.5), (numpy.int64(3), 3.0), (numpy.bool_(True), 1.0), (numpy.array(0.5), 0.5)),
        (numpy.array([0.5]), 0.5),
    ],
)
def test_numbers_of_every_kind_are_floats(
    value: Any, number: float, pipeline: Pipeline, memory: MemoryDestination
) -> None:
    """One attribute has one type, whoever scores."""
    with pipeline:
        spancast.score("helpful", value, trace_id=TRACE, span_id=SPAN)

    found = scores_of(memory)[0].attributes[EVALUATION + "score"]
    assert (number, float) == (found, type(found))


@pytest.mark.parametrize(
    ("label", "text"),
    [
        *((_Grade.GOOD, "good"), (3, "3"), (True, "True"), (Decimal("0.5"), "0.5"), ("a" * 300, "a" * 256)),
        (numpy.str_("yes"), "yes"),
    ],
)
def test_labels_of_every_kind_are_texts(label: Any, text: str, pipeline: Pipeline, memory: MemoryDestination) -> None:
    """A category may be a member of an enum, a number, a scalar of numpy; as the value too, where it is a text."""
    with pipeline:
        assert spancast.score(
            "grade", label=label, trace_id=TRACE, metadata={"n": numpy.int64(3), "grade": _Grade.GOOD}
        )
        assert spancast.score("grade", _Grade.GOOD, trace_id=TRACE)

    first, second = (score.attributes for score in scores_of(memory))
    prefix = "trace." + EVALUATION
    assert (text, str) == (first[prefix + "label"], type(first[prefix + "label"]))
    assert {"n": 3, "grade": "good"} == json.loads(first[prefix + "metadata"])
    assert "good" == second[prefix + "label"]
    assert prefix + "score" not in second


@pytest.mark.parametrize("value", [math.nan, -math.inf, 10**400, Decimal("NaN"), numpy.float64("inf")])
def test_a_value_that_is_not_finite_is_left_out(
    value: Any, pipeline: Pipeline, memory: MemoryDestination, caplog: pytest.LogCaptureFixture
) -> None:
    """The rest of the score goes; one sentence, however often."""
    with pipeline, caplog.at_level(logging.WARNING, "spancast"):
        assert [True, True] == [spancast.score("grade", value, label="bad", trace_id=TRACE) for _ in range(2)]

    assert ["bad"] * 2 == [score.attributes["trace." + EVALUATION + "label"] for score in scores_of(memory)]
    assert not any("trace." + EVALUATION + "score" in score.attributes for score in scores_of(memory))
    (message,) = caplog.messages
    assert "it is left out; give a finite number" in message


def test_a_long_name_is_cut(pipeline: Pipeline, memory: MemoryDestination, caplog: pytest.LogCaptureFixture) -> None:
    """And one sentence says so."""
    with pipeline, caplog.at_level(logging.WARNING, "spancast"):
        assert True is spancast.score("n" * 1000, 1, trace_id=TRACE)

    assert "n" * 256 == scores_of(memory)[0].attributes["trace." + EVALUATION + "name"]
    assert ["`name` has 1000 characters: only the first 256 are sent."] == [text[-56:] for text in caplog.messages]


# ---------------------------------------------------------------- the way of spans
def test_in_privacy_mode_name_value_and_a_short_label_leave() -> None:
    """Explanation and metadata are content; a label that is a sentence becomes its hash."""
    private, whole = destinations.memory(privacy_mode=True), destinations.memory(name="whole")
    with Pipeline(private, whole):
        for label in ("thumbs-up", "Ada said no"):
            spancast.score(
                "helpful", 1, label=label, explanation="Ada", metadata={"who": "Ada"}, trace_id=TRACE, span_id=SPAN
            )

    first, second = private.spans
    assert "thumbs-up" == first.attributes[EVALUATION + "label"]
    assert second.attributes[EVALUATION + "label"].startswith("sha256:")
    assert [] == [span for span in private.spans if "Ada" in repr(span)]
    assert 2 == sum("Ada" in repr(span) for span in whole.spans)


def test_redact_sees_what_is_said() -> None:
    """A user's function has label, explanation and metadata before they leave; words of ours stay."""
    memory = destinations.memory(redact=lambda text: text.replace("Ada", "***").replace("human", "***"))
    with Pipeline(memory):
        spancast.score("helpful", label="Ada", explanation="Ada", metadata={"who": "Ada"}, trace_id=TRACE, span_id=SPAN)

    assert "Ada" not in repr(memory.spans[0].attributes)
    assert "HUMAN" == memory.spans[0].attributes[EVALUATION + "annotator_kind"]


def test_a_score_is_kept_where_its_trace_is() -> None:
    """The destination that samples a trace out samples its scores out: by the trace's id, from wherever they come."""
    memory = destinations.memory(sampling_rate=0.5)
    with Pipeline(memory) as pipeline:
        for number in range(1, 65):
            with pipeline.trace(trace_name="Ask", trace_id=f"{number:032x}") as trace:
                pass
            trace.score("by handle", 1)
            spancast.score("by id", 1, trace_id=trace.trace_id, span_id=trace.span_id)
        report = pipeline.report()

    traces = [span.trace_id for span in memory.spans if span.kind is Kind.CHAIN]
    assert True is (8 < len(traces) < 56)
    for name in ("by handle", "by id"):
        assert traces == [span.trace_id for span in memory.spans if span.name == name]
    assert 3 * 64 == report["memory"].recorded


def test_a_score_is_kept_where_its_session_is() -> None:
    """Where a trace has a session, that one decides: for a handle by itself, elsewhere if it is named."""
    memory = destinations.memory(sampling_rate=0.5)
    with Pipeline(memory) as pipeline:
        for number in range(64):
            with pipeline.trace(trace_name="Ask", session_id=f"s{number}") as trace:
                pass
            trace.score("by handle", 1)
            spancast.score("by id", 1, trace_id=trace.trace_id, session_id=f"s{number}")

    traces = [span.trace_id for span in memory.spans if span.kind is Kind.CHAIN]
    for name in ("by handle", "by id"):
        assert traces == [span.trace_id for span in memory.spans if span.name == name]


def test_nothing_is_sent_where_nothing_is_configured(pipeline: Pipeline, memory: MemoryDestination) -> None:
    """A pipeline that was switched off takes a score and records nothing."""
    with Pipeline.disabled():
        assert True is spancast.score("helpful", 1, trace_id=TRACE)
    assert [] == memory.spans


def test_gen_ai_has_its_names_and_its_event() -> None:
    """`gen_ai.evaluation.*` stands on the span and in the event; what the conventions lack, under our own names."""
    memory = destinations.memory(convention="gen_ai")
    with Pipeline(memory):
        spancast.score("helpful", 1, label="yes", explanation="Right.", metadata={"a": 1}, trace_id=TRACE, span_id=SPAN)

    (span,) = memory.spans
    (event,) = span.events
    assert "gen_ai.evaluation.result" == event.name
    result = {
        "gen_ai.evaluation.name": "helpful",
        "gen_ai.evaluation.score.value": 1.0,
        "gen_ai.evaluation.score.label": "yes",
        "gen_ai.evaluation.explanation": "Right.",
        "spancast.evaluation.annotator_kind": "HUMAN",
        "spancast.evaluation.scope": "span",
        "spancast.evaluation.metadata": '{"a":1}',
    }
    assert (result, result) == (dict(event.attributes), dict(span.attributes))


# ---------------------------------------------------------------- what a reader sees
@pytest.mark.parametrize("convention", ["openinference", "gen_ai"])
@pytest.mark.parametrize("private", [False, True])
def test_view_shows_scores(convention: str, private: bool, tmp_path: Path) -> None:
    """Name, value and label are read back once, of spans, traces and sessions; the tree shows them behind the name."""
    path = tmp_path / "traces.jsonl"
    with Pipeline(destinations.file(path, convention=convention, privacy_mode=private)):
        for target in ({"trace_id": TRACE, "span_id": SPAN}, {"trace_id": TRACE}, {"session_id": "s1"}):
            spancast.score("helpful", 0.5, label="so-so", **target)

    spans = read_lines(path)
    assert ["EVALUATOR"] * 3 == [span.kind for span in spans]
    for span in spans:
        (found,) = content_of(span.attributes, span.events)["scores"]
        assert ("helpful", 0.5, "so-so") == (found["name"], found.get("score", found.get("value")), found["label"])
    console = Console(width=100, record=True, file=StringIO())
    console.print(trace_tree(spans[:1]))
    assert "EVALUATOR helpful  0.5 so-so" in console.export_text()


def test_another_process_scores_with_an_id(tmp_path: Path) -> None:
    """A process that never saw the trace adds a score to it: both lie in one trace in the file."""
    path = tmp_path / "traces.jsonl"
    with Pipeline(destinations.file(path)) as pipeline, pipeline.trace(trace_name="Ask") as trace:
        pass
    program = (
        "import sys, spancast\n"
        "from spancast import destinations\n"
        "spancast.configure(destinations.file(sys.argv[1]))\n"
        "assert spancast.score('helpful', 1, trace_id=sys.argv[2], span_id=sys.argv[3])\n"
        "assert spancast.flush()\n"
    )
    subprocess.run([sys.executable, "-c", program, str(path), trace.trace_id, trace.span_id], check=True, timeout=60)

    asked, scored = read_lines(path)
    assert ("CHAIN", "EVALUATOR", trace.trace_id) == (asked.kind, scored.kind, scored.trace_id)


@pytest.mark.parametrize("private", [False, True])
def test_gen_ai_has_an_event_on_the_open_span(private: bool) -> None:
    """The event stands on the span that is judged, also in privacy mode, there without the explanation."""
    memory = destinations.memory(convention="gen_ai", privacy_mode=private)
    with Pipeline(memory), spancast.trace(trace_name="Ask"):
        spancast.score("grounded", 0.8, explanation="Cites both.", annotator="llm")

    (span,) = memory.spans
    (event,) = span.events
    assert ("gen_ai.evaluation.result", 0.8) == (event.name, event.attributes["gen_ai.evaluation.score.value"])
    assert private is ("gen_ai.evaluation.explanation" not in event.attributes)
    assert "gen_ai.evaluation.name" not in span.attributes


def test_the_event_names_the_answer_that_is_judged() -> None:
    """On a model call the event has the answer's id."""
    detail = Generation(response_id="chatcmpl-1")
    operation = Operation(
        kind=Kind.LLM,
        name="m",
        trace_id=1,
        span_id=2,
        start_ns=1,
        end_ns=2,
        detail=detail,
        scores=(Score(name="helpful", value=1.0),),
    )
    (event,) = gen_ai.render(operation).events
    assert "chatcmpl-1" == event.attributes["gen_ai.response.id"]


@pytest.mark.parametrize("convention", ["openinference", "gen_ai"])
def test_the_tree_shows_a_score_where_it_belongs(convention: str, tmp_path: Path) -> None:
    """One of an open span stands behind its name; one of later under it; that of a session is no trace of its own."""
    path = tmp_path / "traces.jsonl"
    with Pipeline(destinations.file(path, convention=convention)) as pipeline:
        with pipeline.trace(trace_name="Ask", session_id="s1") as trace, pipeline.trace(trace_name="Look up"):
            spancast.score("grounded", 0.8)
        trace.score("helpful", 1)
        spancast.score("solved", 1, session_id="s1")

    console = Console(width=100, record=True, file=StringIO())
    console.print(str(spancast.show(file=path)))
    shown = console.export_text()
    assert True is ("CHAIN Look up  grounded 0.8" in shown)
    assert True is ("EVALUATOR helpful  1" in shown and "solved" not in shown)
    store = Store(None)
    store.add(read_lines(path))
    assert ["Ask"] == [row["name"] for row in list_traces(store, Filters())]
    session = session_data(store, "s1")
    assert (["Ask"], ["solved"]) == ([row["name"] for row in session["traces"]], [s["name"] for s in session["scores"]])
    (helpful,) = [span for span in trace_data(store.spans(trace.trace_id))["spans"] if span["name"] == "helpful"]
    assert trace.span_id == helpful["parent_span_id"]


def test_a_score_of_a_session_is_not_the_newest_trace(pipeline: Pipeline, memory: MemoryDestination) -> None:
    """`show()` and the fixture `traces` mean the newest trace, whatever is judged later."""
    with record() as traces:
        with spancast.trace(trace_name="Ask"):
            pass
        spancast.score("solved", 1, session_id="s1")
        assert ("Ask", 1) == (traces.last.name, len(traces))
        shown = spancast.show()
    assert shown is not None
    assert "Ask" in str(shown)
