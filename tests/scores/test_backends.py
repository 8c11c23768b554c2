"""Scores by the backends' own APIs: each request fits the documented schema, and goes the way of all that is sent."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import spancast
from spancast import Pipeline, destinations
from spancast.destinations import Destination

from ..receivers.ports import free_port
from ..receivers.score_apis import ScoreApis, score_apis

TRACE, SPAN = "4b" * 16, "7a" * 8
SPACE = "U3BhY2U6MTphYmM="
PROJECT = "7b0a1c4e-0000-4000-8000-000000000001"


@pytest.fixture
def apis() -> Iterator[ScoreApis]:
    """Return a running double."""
    with score_apis() as running:
        yield running


def backend(name: str, url: str, **more: Any) -> Destination:
    """Return a backend's destination at *url*."""
    made: dict[str, Destination] = {
        "phoenix": destinations.phoenix(url, api_key="secret-phoenix", **more),
        "langfuse": destinations.langfuse(public_key="pk-1", secret_key="sk-1", base_url=url, **more),
        "langsmith": destinations.langsmith(api_key="lsv2_secret", base_url=url, project="shop", **more),
        "arize": destinations.arize(
            api_key="secret-arize", space_key=SPACE, model_id="shop", base_url=url, api_url=url, **more
        ),
    }
    return made[name]


# ---------------------------------------------------------------- Phoenix
def test_phoenix_gets_annotations_of_spans_traces_and_sessions(apis: ScoreApis) -> None:
    """Three lists with all that was said, under the destination's own key, and nothing among the spans."""
    with Pipeline(backend("phoenix", apis.url)) as pipeline:
        spancast.score(
            "helpful",
            1,
            label="yes",
            explanation="Right.",
            identifier="u1",
            metadata={"a": 1},
            trace_id=TRACE,
            span_id=SPAN,
        )
        spancast.score("complete", 0.5, annotator="llm", trace_id=TRACE)
        spancast.score("solved", label="no", annotator="code", session_id="s9")
        assert True is pipeline.flush()
        report = pipeline.report()["phoenix"]

    result = {"score": 1.0, "label": "yes", "explanation": "Right."}
    (span,) = apis.bodies("/v1/span_annotations")[0]["data"]
    own = {"span_id": SPAN, "name": "helpful", "annotator_kind": "HUMAN", "identifier": "u1", "metadata": {"a": 1}}
    assert {**own, "result": result} == span
    (trace,) = apis.bodies("/v1/trace_annotations")[0]["data"]
    assert (TRACE, "LLM", {"score": 0.5}) == (trace["trace_id"], trace["annotator_kind"], trace["result"])
    (session,) = apis.bodies("/v1/session_annotations")[0]["data"]
    assert ("s9", "CODE", {"label": "no"}) == (session["session_id"], session["annotator_kind"], session["result"])
    assert {"Bearer secret-phoenix"} == {headers["authorization"] for _, headers, _ in apis.calls}
    assert ([], [], 0, 3, 3) == (
        apis.traces,
        apis.refused,
        report.recorded,
        report.scores.recorded,
        report.scores.delivered,
    )
    assert "phoenix: nothing recorded; scores: 3 delivered" == str(report)


def test_a_score_inside_an_open_span_is_an_annotation_too(apis: ScoreApis) -> None:
    """The span goes as ever; its judgement goes to the API, with the span's id."""
    with Pipeline(backend("phoenix", apis.url)) as pipeline:
        with spancast.trace(trace_name="Ask") as trace:
            spancast.score("grounded", 0.8)
        assert True is pipeline.flush()
        report = pipeline.report()["phoenix"]

    (span,) = apis.bodies("/v1/span_annotations")[0]["data"]
    assert (trace.span_id, "grounded") == (span["span_id"], span["name"])
    assert (1, 1, 1) == (len(apis.traces), report.delivered, report.scores.delivered)


def test_a_name_that_phoenix_refuses_is_one_warning(apis: ScoreApis, caplog: pytest.LogCaptureFixture) -> None:
    """`note` is Phoenix's own: it is counted as dropped, said once, and costs no other score."""
    with Pipeline(backend("phoenix", apis.url)) as pipeline, caplog.at_level(logging.WARNING, "spancast"):
        for _ in range(2):
            spancast.score("note", 1, trace_id=TRACE, span_id=SPAN)
        spancast.score("helpful", 1, trace_id=TRACE, span_id=SPAN)
        assert False is pipeline.flush()
        scores = pipeline.report()["phoenix"].scores

    assert (3, 1, 2, {"kind of score not taken": 2}) == (
        scores.recorded,
        scores.delivered,
        scores.dropped,
        scores.reasons,
    )
    assert 1 == sum("cannot take a score" in message for message in caplog.messages)


# ---------------------------------------------------------------- Langfuse
def test_langfuse_gets_scores(apis: ScoreApis) -> None:
    """Numbers, categories and texts, on an observation, a trace and a session; the label of a number is metadata."""
    with Pipeline(backend("langfuse", apis.url)) as pipeline:
        spancast.score("helpful", 1, label="yes", explanation="Right.", identifier="u1", trace_id=TRACE, span_id=SPAN)
        spancast.score("tone", label="polite", trace_id=TRACE)
        spancast.score("why", explanation="x" * 600, session_id="s9")
        assert True is pipeline.flush()
        report = pipeline.report()["langfuse"]

    first, second, third = [score for body in apis.bodies("/api/public/scores") for score in body]
    assert (TRACE, SPAN, 1.0, "NUMERIC", "Right.") == (
        first["traceId"],
        first["observationId"],
        first["value"],
        first["dataType"],
        first["comment"],
    )
    assert {"annotator_kind": "HUMAN", "identifier": "u1", "label": "yes"} == first["metadata"]
    assert (TRACE, "polite", "CATEGORICAL") == (second["traceId"], second["value"], second["dataType"])
    assert ("s9", "TEXT", 500, 600) == (
        third["sessionId"],
        third["dataType"],
        len(third["value"]),
        len(third["comment"]),
    )
    assert ([], [], 3) == (apis.traces, apis.refused, report.scores.delivered)


def test_the_same_judge_replaces_a_score_at_langfuse(apis: ScoreApis) -> None:
    """With an identifier the id is the target's, the name's and the judge's; without one each score is its own."""
    with Pipeline(backend("langfuse", apis.url)):
        for value, identifier in ((1, "u1"), (0, "u1"), (1, "u2"), (1, None), (1, None)):
            spancast.score("helpful", value, identifier=identifier, trace_id=TRACE, span_id=SPAN)

    ids = [score["id"] for body in apis.bodies("/api/public/scores") for score in body]
    assert (ids[0], 4) == (ids[1], len(set(ids)))


def test_a_langfuse_that_takes_no_lists_gets_them_one_by_one(apis: ScoreApis) -> None:
    """A 400 to a list is not the end of it: an older Langfuse takes objects, and is sent no list again."""
    apis.takes_lists = False
    with Pipeline(backend("langfuse", apis.url)) as pipeline:
        for _ in range(2):
            spancast.score("helpful", 1, trace_id=TRACE, span_id=SPAN)
            assert True is pipeline.flush()
        assert 2 == pipeline.report()["langfuse"].scores.delivered
    assert [dict, dict] == [type(body) for body in apis.bodies("/api/public/scores")]


def test_what_langfuse_rejects_of_a_list_is_counted(apis: ScoreApis) -> None:
    """A 207 says how many; its words are in the report."""
    apis.partial = 1
    with Pipeline(backend("langfuse", apis.url)) as pipeline:
        for _ in range(3):
            spancast.score("helpful", 1, trace_id=TRACE, span_id=SPAN)
        assert False is pipeline.flush()
        report = pipeline.report()["langfuse"]
    assert (2, 1) == (report.scores.delivered, report.scores.rejected)
    assert "no such config" in str(report.last_error)


# ---------------------------------------------------------------- LangSmith
def test_langsmith_gets_feedback_on_runs(apis: ScoreApis) -> None:
    """The run's id is the span's; the project's id is asked for once; a trace means its root."""
    with Pipeline(backend("langsmith", apis.url)) as pipeline:
        spancast.score(
            "helpful", 0.123456, label="yes", explanation="Right.", metadata={"a": 1}, trace_id=TRACE, span_id=SPAN
        )
        with spancast.trace(trace_name="Ask") as root, spancast.trace(trace_name="inner"):
            spancast.score("complete", 1, annotator="llm", trace_id=root.trace_id)
        assert True is pipeline.flush()
        report = pipeline.report()["langsmith"]

    first, second = apis.bodies("/feedback")
    assert f"00000000-0000-0000-{SPAN[:4]}-{SPAN[4:]}" == first["run_id"]
    assert ("helpful", 0.1235, "yes", "Right.", {"a": 1}) == (
        first["key"],
        first["score"],
        first["value"],
        first["comment"],
        first["extra"],
    )
    assert (PROJECT, "api", "model") == (
        first["session_id"],
        first["feedback_source"]["type"],
        second["feedback_source"]["type"],
    )
    assert second["run_id"].replace("-", "").endswith(root.span_id)
    assert [("/sessions", ["shop"])] == [(path, query["name"]) for path, query in apis.asked]
    assert {"lsv2_secret"} == {headers["x-api-key"] for _, headers, _ in apis.calls}
    assert (2, []) == (report.scores.delivered, apis.refused)


def test_what_langsmith_has_no_feedback_on_is_said(apis: ScoreApis, caplog: pytest.LogCaptureFixture) -> None:
    """A session, and a trace whose root nobody named: two sentences, and two dropped."""
    with Pipeline(backend("langsmith", apis.url)) as pipeline, caplog.at_level(logging.WARNING, "spancast"):
        for _ in range(2):
            spancast.score("solved", 1, session_id="s9")
            spancast.score("complete", 1, trace_id=TRACE)
        pipeline.flush()
        assert 4 == pipeline.report()["langsmith"].scores.dropped
    assert 2 == sum("cannot take a score" in message for message in caplog.messages)


@pytest.mark.parametrize(("status", "delivered"), [(409, 1), (503, 1), (404, 1)])
def test_feedback_is_tried_again(status: int, delivered: int, apis: ScoreApis) -> None:
    """A run that is not stored yet (404), a server that fails (503); 409: an earlier try arrived."""
    apis.failing = [status]
    with Pipeline(backend("langsmith", apis.url)) as pipeline:
        spancast.score("helpful", 1, trace_id=TRACE, span_id=SPAN)
        assert True is pipeline.flush(20)
        assert delivered == pipeline.report()["langsmith"].scores.delivered
    assert (0 if status == 409 else 1) == len(apis.bodies("/feedback"))


# ---------------------------------------------------------------- Arize AX
def test_arize_gets_annotations_of_humans(apis: ScoreApis) -> None:
    """What a human says is an annotation; what a model says goes as an EVALUATOR span."""
    with Pipeline(backend("arize", apis.url)) as pipeline:
        spancast.score("helpful", 1, label="yes", explanation="Right.", trace_id=TRACE, span_id=SPAN)
        spancast.score("solved", 1, session_id="s9")
        spancast.score("grounded", 0.8, annotator="llm", trace_id=TRACE, span_id=SPAN)
        assert True is pipeline.flush()
        report = pipeline.report()["arize"]

    first, second = apis.bodies("/v2/spans/annotate")
    values = [{"name": "helpful", "score": 1.0, "label": "yes", "text": "Right."}]
    assert {
        "project_id": PROJECT,
        "granularity": "SPAN",
        "annotations": [{"record_id": SPAN, "values": values}],
    } == first
    assert ("SESSION", "s9") == (second["granularity"], second["annotations"][0]["record_id"])
    assert {"Bearer secret-arize"} == {headers["authorization"] for _, headers, _ in apis.calls}
    assert [("/v2/projects", ["shop"])] == [(path, query["name"]) for path, query in apis.asked]
    assert (1, 1, 3, []) == (len(apis.traces), report.recorded, report.scores.delivered, apis.refused)


def test_arize_elsewhere_gets_scores_as_spans() -> None:
    """A gateway of your own has no REST API of Arize's: `base_url` alone leads to spans; Arize's own hosts have one."""
    keys = {"api_key": "k", "space_key": SPACE}
    assert destinations.arize(**keys, base_url="https://gateway.example.com").scores is None
    own = destinations.arize(**keys, region="eu").scores
    assert "https://api.eu-west-1a.arize.com" == (own and own.describe())


# ---------------------------------------------------------------- the way of spans
@pytest.mark.parametrize("name", ["phoenix", "langfuse", "langsmith", "arize"])
def test_in_privacy_mode_no_explanation_reaches_an_api(name: str, apis: ScoreApis) -> None:
    """Explanation and metadata are content, whichever way a score takes."""
    with Pipeline(backend(name, apis.url, privacy_mode=True)) as pipeline:
        spancast.score(
            "helpful", 1, label="Ada said no", explanation="Ada", metadata={"who": "Ada"}, trace_id=TRACE, span_id=SPAN
        )
        with spancast.trace(trace_name="Ask"):
            spancast.score("open", 1, explanation="Ada", metadata={"who": "Ada"})
        assert True is pipeline.flush()
        assert 2 == pipeline.report()[name].scores.delivered
    assert [] == [body for _, _, body in apis.calls if "Ada" in repr(body)]
    assert [] == [raw for raw in apis.traces if b"Ada" in raw]


def test_redact_sees_what_an_api_gets(apis: ScoreApis) -> None:
    """A user's function has seen each text."""
    with Pipeline(backend("phoenix", apis.url, redact=lambda text: text.replace("Ada", "***"))):
        spancast.score("helpful", 1, explanation="Ada", metadata={"who": "Ada"}, trace_id=TRACE, span_id=SPAN)
    assert ("Ada" in repr(apis.calls), "***" in repr(apis.calls)) == (False, True)


def test_a_refused_score_is_counted_with_its_reason(apis: ScoreApis) -> None:
    """A key without the right: rejected, and the destination's spans do not suffer."""
    apis.failing = [403]
    with Pipeline(backend("phoenix", apis.url)) as pipeline:
        with spancast.trace(trace_name="Ask"):
            pass
        spancast.score("helpful", 1, trace_id=TRACE, span_id=SPAN)
        assert False is pipeline.flush()
        report = pipeline.report()["phoenix"]
    assert (1, 1, {"HTTP 403": 1}) == (report.delivered, report.scores.rejected, report.scores.reasons)


def test_what_cannot_be_sent_is_kept_on_disk_and_sent_later(apis: ScoreApis, tmp_path: Path) -> None:
    """The spool keeps a score as it keeps spans; the next process with the same destination sends it."""
    port = free_port()
    dead = backend("phoenix", f"http://127.0.0.1:{port}")
    with Pipeline(dead, spool=str(tmp_path)) as pipeline:
        spancast.score("helpful", 1, explanation="Right.", trace_id=TRACE, span_id=SPAN)
        assert False is pipeline.shutdown(1)
        assert 1 == pipeline.report()["phoenix"].scores.spooled

    from spancast.delivery.replay import replay_all
    from spancast.delivery.spool import Spool
    from spancast.destinations.targets.scores import score_destination

    (folder,) = [path for path in tmp_path.iterdir() if path.is_dir() and list(path.glob("*.jsonl"))]
    alive = score_destination(backend("phoenix", apis.url))
    assert alive is not None
    assert 1 == replay_all(alive, Spool(folder), timeout=10, wait=1).delivered
    (span,) = apis.bodies("/v1/span_annotations")[0]["data"]
    assert (SPAN, "Right.") == (span["span_id"], span["result"]["explanation"])


def test_a_score_is_counted_where_it_is_a_part_of_a_span() -> None:
    """Beside spans: on an open span, by itself, and where its trace is sampled out."""
    memory, few = destinations.memory(), destinations.memory(name="few", sampling_rate=0.0001)
    with Pipeline(memory, few) as pipeline:
        with spancast.trace(trace_name="Ask", trace_id=TRACE) as trace:
            spancast.score("a", 1)
            spancast.score("b", 1)
        trace.score("c", 1)
        pipeline.flush()
        report = pipeline.report()
    whole, sampled = report["memory"], report["few"]
    assert (2, 3, 3) == (whole.recorded, whole.scores.recorded, whole.scores.delivered)
    assert (2, 3, 3) == (sampled.sampled_out, sampled.scores.recorded, sampled.scores.sampled_out)
    assert 3 == report.as_dict()["memory"]["scores"]["delivered"]
