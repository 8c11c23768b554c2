"""The instruments: names, units and buckets of the conventions, and what an operation of each kind counts."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics
from opentelemetry.util.genai import _instruments as deployed

from spancast.metrics import instruments
from spancast.metrics.aggregation import CARDINALITY_LIMIT, Aggregator, Origin
from spancast.metrics.collecting import metrics_of
from spancast.metrics.instruments import Instrument, Stream
from spancast.metrics.measuring import ATTRIBUTES, measured, naming
from spancast.record.cost import Cost
from spancast.record.operation import Agent, Embedding, Failure, Generation, Kind, Operation, Retrieval, ToolUse
from spancast.record.usage import Usage
from spancast.recording.trace_decision import TraceDecision

ALL = [each for each in vars(instruments).values() if isinstance(each, Instrument)]


def operation(kind: Kind, detail: Any = None, **more: Any) -> Operation:
    """Return an operation of two seconds."""
    fields = {"name": "name", "trace_id": 1, "span_id": 2, "start_ns": 1, "end_ns": 2_000_000_001, **more}
    return Operation(kind=kind, detail=detail, **fields)


MODEL_CALL = operation(
    Kind.LLM,
    Generation(
        provider="bedrock",
        request_model="asked",
        response_model="answered",
        usage=Usage(
            input_tokens=100, output_tokens=41, cache_read_tokens=60, cache_write_tokens=10, reasoning_tokens=20
        ),
        cost=Cost(total=0.25, source="estimate"),
        time_to_first_token_ns=400_000_000,
        stream=True,
    ),
    agent="planner",
)


def counted(what: Operation, *, latest: bool = False, keys: tuple[str, ...] = ()) -> dict[str, float]:
    """Return what an operation counts, by instrument and what tells its streams apart."""
    found = measured(what, keys, latest)
    if found is None:
        return {}
    return {
        "/".join((each.instrument.name, *[value for _, value in each.attributes])): value for each, value in found[1]
    }


def about(
    what: Operation, privacy_mode: bool = False, keys: tuple[str, ...] = (), redact: Any = None
) -> dict[str, Any]:
    """Return the attributes of what an operation counts."""
    found = measured(what, keys, False)
    assert found is not None
    return dict(naming(keys, privacy_mode, redact)(found[0]))


def test_deployed_names_units_and_buckets_are_those_of_opentelemetry() -> None:
    """Compared with the instrumentation that others have deployed."""

    class Meter:
        made: dict[str, tuple[str, tuple[float, ...]]] = {}

        def create_histogram(
            self, name: str, description: str, unit: str, explicit_bucket_boundaries_advisory: Any
        ) -> None:
            self.made[name] = (unit, tuple(map(float, explicit_bucket_boundaries_advisory)))

    deployed._Instruments(Meter())  # type: ignore[arg-type]
    own = {each.name: (each.unit, each.buckets) for each in ALL}
    chunks = gen_ai_metrics.GEN_AI_CLIENT_OPERATION_TIME_PER_OUTPUT_CHUNK  # the time of each chunk is not captured
    assert {name: made for name, made in Meter.made.items() if name != chunks} == {
        name: own.get(name) for name in Meter.made if name != chunks
    }


def test_a_model_call_under_deployed_names() -> None:
    """Input and output stand in one histogram by type; what is part of them stands beside it, so no sum counts it twice."""
    assert counted(MODEL_CALL) == {
        "gen_ai.client.operation.duration": 2.0,
        "gen_ai.client.operation.time_to_first_chunk": 0.4,
        "gen_ai.client.token.usage/input": 100,
        "gen_ai.client.token.usage/output": 41,
        "spancast.client.time_per_output_token": pytest.approx(0.04),
        "gen_ai.client.inference.usage.cache_read.input_tokens": 60,
        "gen_ai.client.inference.usage.cache_write.input_tokens": 10,
        "gen_ai.client.inference.usage.reasoning.output_tokens": 20,
        "gen_ai.client.operation.cost/USD/local": 0.25,
    }


def test_a_model_call_under_the_newest_names() -> None:
    """The successors: durations and tokens a kind of call, counters beside histograms."""
    assert counted(MODEL_CALL, latest=True) == {
        "gen_ai.client.inference.duration": 2.0,
        "gen_ai.client.inference.time_to_first_chunk": 0.4,
        "gen_ai.client.inference.operation.input_tokens": 100,
        "gen_ai.client.inference.operation.output_tokens": 41,
        "gen_ai.client.inference.usage.input_tokens": 100,
        "gen_ai.client.inference.usage.output_tokens": 41,
        "spancast.client.time_per_output_token": pytest.approx(0.04),
        "gen_ai.client.inference.usage.cache_read.input_tokens": 60,
        "gen_ai.client.inference.usage.cache_write.input_tokens": 10,
        "gen_ai.client.inference.usage.reasoning.output_tokens": 20,
        "gen_ai.client.operation.cost/USD/local": 0.25,
    }


@pytest.mark.parametrize(
    ("what", "name", "attributes"),
    [
        (
            operation(Kind.TOOL, ToolUse(name="search"), agent="planner"),
            "gen_ai.execute_tool.duration",
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "search",
                "gen_ai.agent.name": "planner",
            },
        ),
        (
            operation(Kind.AGENT, Agent(name="planner"), failure=Failure(type="E")),
            "gen_ai.invoke_agent.duration",
            {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner", "error.type": "E"},
        ),
        (
            operation(Kind.RETRIEVER, Retrieval()),
            "gen_ai.client.operation.duration",
            {"gen_ai.operation.name": "retrieval"},
        ),
        (
            operation(Kind.CHAIN),
            "gen_ai.invoke_workflow.duration",
            {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "name"},
        ),
    ],
)
def test_other_kinds_of_operation(what: Operation, name: str, attributes: dict[str, str]) -> None:
    """Tools, agents, retrievers and whole runs have a duration each, with what tells them apart."""
    assert ({name: 2.0}, attributes) == (counted(what), about(what))


def test_an_inner_chain_and_a_score_count_nothing() -> None:
    """What a framework runs between the calls is no call."""
    assert {} == counted(operation(Kind.CHAIN, parent_span_id=9))
    assert {} == counted(operation(Kind.EVALUATOR))


def test_embeddings() -> None:
    """Duration and input tokens, under both sets of names."""
    what = operation(Kind.EMBEDDING, Embedding(request_model="m", usage=Usage(input_tokens=7)))
    assert {"gen_ai.client.operation.duration": 2.0, "gen_ai.client.token.usage/input": 7} == counted(what)
    assert {
        "gen_ai.client.embeddings.duration": 2.0,
        "gen_ai.client.embeddings.operation.input_tokens": 7,
    } == counted(what, latest=True)


def test_a_models_attributes() -> None:
    """With the conventions' name of the provider."""
    assert {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "aws.bedrock",
        "gen_ai.request.model": "asked",
        "gen_ai.response.model": "answered",
        "gen_ai.agent.name": "planner",
    } == about(MODEL_CALL)


# ---------------------------------------------------------------- what may leave, and how much
def test_names_that_a_model_makes_up_do_not_leave() -> None:
    """A tool that the program does not have is `_OTHER` in any mode; in privacy mode what is no name is hashed."""
    made_up = operation(Kind.TOOL, ToolUse(name="my SSN is 078", declared=False))
    assert "_OTHER" == about(made_up)["gen_ai.tool.name"]
    secret = operation(
        Kind.LLM,
        Generation(request_model="tell me a secret", response_model="gpt-4o"),
        failure=Failure(type="Bad: a secret"),
    )
    private = about(secret, privacy_mode=True)
    assert "gpt-4o" == private["gen_ai.response.model"]
    assert not any("secret" in str(value) for value in private.values())


def test_metadata_only_by_its_listed_keys() -> None:
    """Scalars only, and cut; redacted like everything."""
    what = operation(Kind.CHAIN, metadata={"plan": "free", "mail": "a@example.com", "long": "x" * 500, "more": [1]})
    found = about(what, keys=("plan", "long", "more", "absent"))
    assert ("free", 128) == (found["plan"], len(found["long"]))
    assert not {"mail", "more", "absent"} & set(found)
    assert "[gone]" == about(what, keys=("mail",), redact=lambda text: "[gone]")["mail"]

    def broken(text: str) -> str:
        raise ValueError(text)

    assert {"gen_ai.operation.name": "invoke_workflow"} == about(what, keys=("mail",), redact=broken)


def test_a_thousand_models_and_more_stay_bounded() -> None:
    """Up to the SDK's own limit each is counted apart, the rest together under its overflow attribute; nothing is lost."""
    sums = Aggregator(naming((), False, None), 1)
    asked = 3 * CARDINALITY_LIMIT
    for number in range(asked):
        found = measured(
            operation(Kind.LLM, Generation(request_model=f"model-{number}", usage=Usage(input_tokens=2))), (), False
        )
        assert found is not None
        sums.add(*found)

    groups = sums.groups()
    assert (CARDINALITY_LIMIT + 1, asked - CARDINALITY_LIMIT) == (len(groups), sums.overflowed)
    assert {"otel.metric.overflow": True} == dict(next(group for group in groups if group.is_overflow).attributes)
    metrics = {metric.name: metric.data for metric in metrics_of(groups, 2)}
    points: Any = metrics["gen_ai.client.token.usage"].data_points
    assert (asked, 2 * asked) == (sum(point.count for point in points), sum(point.sum for point in points))


def test_bucket_bounds_are_inclusive() -> None:
    """As OpenTelemetry has it: a value on a bound belongs to the bucket below."""
    sums = Aggregator(naming((), False, None), 1)
    facts = ("workflow", "invoke_workflow", "w", None)
    stream = Stream(instruments.WORKFLOW_DURATION)
    for value in (1.0, 1.5, 5.0, 9999.0):
        sums.add(facts, [(stream, value)])
    series = sums.groups()[0].series[stream]
    assert ([1, 2, 0], 1) == (series.counts[:3], series.counts[-1])


def test_exemplars_are_of_traces_that_are_kept() -> None:
    """A trace that waits is none yet; once it is kept it is, and once it is not it never will be."""
    sums = Aggregator(naming((), False, None), 1)
    facts = ("workflow", "invoke_workflow", "w", None)
    stream = Stream(instruments.WORKFLOW_DURATION)
    kept, dropped = TraceDecision(1), TraceDecision(1)
    sums.add(facts, [(stream, 2.0)], Origin(1, 10, 11, dropped))
    sums.add(facts, [(stream, 20.0)], Origin(1, 20, 21, kept))
    sums.add(facts, [(stream, 200.0)], Origin(1, 30, 31))
    series = sums.groups()[0].series[stream]
    assert [30] == [each.origin.trace_id for each in series.take_exemplars()]
    kept.keep, dropped.keep = True, False
    assert [20] == [each.origin.trace_id for each in series.take_exemplars()]
    assert [] == series.take_exemplars()


def test_families_are_those_of_the_attributes() -> None:
    """Each begins with the operation's name."""
    assert {"gen_ai.operation.name"} == {names[0] for names in ATTRIBUTES.values()}
