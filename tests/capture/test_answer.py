"""A ModelAnswer says what the framework and the provider say, wherever they say it."""

from __future__ import annotations

from enum import Enum, StrEnum
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spancast.capture import answer as answers
from spancast.capture.answer import CACHED, ModelAnswer, is_handed_on, read_answer
from spancast.capture.facts import ChunkFacts, facts_in, merged
from spancast.capture.snapshot import plain_data
from spancast.record.cost import Cost
from spancast.record.message import Message, Text
from spancast.record.usage import Usage

ONE = [Message(role="assistant", parts=(Text("x"),))]


class Reason(StrEnum):
    STOP = "STOP"


class Number(Enum):
    MAX_TOKENS = 2


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"finish_reason": "stop"}, "stop"),
        ({"stop_reason": "end_turn"}, "end_turn"),
        ({"stopReason": "tool_use"}, "tool_use"),
        ({"done_reason": "length"}, "length"),
        ({"finish_reason": Reason.STOP}, "STOP"),
        ({"finish_reason": Number.MAX_TOKENS}, "MAX_TOKENS"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "max_output_tokens"),
        ({"status": "incomplete"}, "incomplete"),
        ({"status": "completed", "incomplete_details": None}, "completed"),
        (
            {"response": {"status": "incomplete", "incomplete_details": SimpleNamespace(reason="content_filter")}},
            "content_filter",
        ),
        ({"prompt_feedback": {"block_reason": Reason.STOP}}, "STOP"),
        ({"promptFeedback": {"blockReason": "SAFETY"}}, "SAFETY"),
        ({"status": "in_progress"}, None),
        ({"status": "anything"}, None),
        ({"finish_reason": None}, None),
        ({}, None),
    ],
)
def test_finish_reasons(facts: dict[str, Any], reason: str | None) -> None:
    """In the provider's own word, whichever field it stands in; a state that is no end is none."""
    answer = read_answer(ONE, [(facts,)], ())
    assert (() if reason is None else (reason,)) == answer.finish_reasons
    assert reason == answer.messages[0].finish_reason


def test_one_reason_for_each_choice() -> None:
    """A choice without a reason keeps its place; none at all where no choice has one."""
    facts = [({"finish_reason": "stop"},), ({},), ({"finish_reason": "length"},)]
    assert ("stop", "unknown", "length") == read_answer(ONE * 3, facts, ()).finish_reasons
    assert () == read_answer(ONE * 2, [({},), ({},)], ()).finish_reasons


USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
READ = Usage(input_tokens=9, output_tokens=3, total_tokens=12)


@pytest.mark.parametrize(
    "facts",
    [
        {"token_usage": USAGE},
        {"usage": USAGE},
        {"usage": SimpleNamespace(**USAGE)},
        {"response": {"usage": USAGE}},
        {"response": SimpleNamespace(usage=SimpleNamespace(**USAGE))},
        {"raw": {"usage": USAGE}},
        {"x_groq": {"usage": USAGE}},
        {"metadata": {"usage": {"inputTokens": 9, "outputTokens": 3, "totalTokens": 12}}},
        {"meta": {"tokens": {"input_tokens": 9, "output_tokens": 3}}},
        {"prompt_eval_count": 9, "eval_count": 3},
        {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 9, "outputTokenCount": 3}},
        {"usage": None, "token_usage": USAGE},
        {"token_count": {"input_tokens": 9.0, "output_tokens": 3.0}},
        {"tokenUsage": {"promptTokens": 9, "completionTokens": 3, "totalTokens": 12}},
        {"usage": {"prompt_tokens_count": 9, "completion_tokens_count": 3, "total_tokens_count": 12}},
        {"estimated_token_usage": USAGE},
    ],
)
def test_usage_wherever_it_stands(facts: dict[str, Any]) -> None:
    """At the top, one level down, as an object or a mapping."""
    assert READ == read_answer(ONE, [(facts,)], ()).usage
    assert READ == read_answer(ONE, [({},)], (facts,)).usage


def test_other_mappings_with_such_numbers_are_no_usage() -> None:
    """A name that says nothing of usage or tokens is none: limits and prices have input and output too."""
    assert read_answer(ONE, [({"limits": USAGE, "usage": "high", 7: USAGE},)], ()).usage is None  # type: ignore[dict-item]


def test_usage_of_choices_counts_once() -> None:
    """LangChain repeats the usage on each choice; its own reading comes before the provider's."""
    own = {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12}
    answer = read_answer(
        ONE * 2, [({"token_usage": {"prompt_tokens": 7, "completion_tokens": 7}},), ({},)], (), [own, own]
    )
    assert READ == answer.usage


@pytest.mark.parametrize(
    ("counted", "details"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 8}}, (8, None)),
        ({"prompt_tokens": 9, "completion_tokens": 3, "reasoning_tokens": 2}, (None, 2)),
        ({"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 8}}, (None, None)),
        ({"prompt_tokens": 9, "completion_tokens": 3}, (None, None)),
    ],
)
def test_details_that_the_framework_leaves_out(counted: dict[str, Any], details: tuple[int | None, int | None]) -> None:
    """Sums without details get those of the provider's own counts, where these come to the same sums."""
    own = {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12}
    usage = read_answer(ONE, [({},)], ({"token_usage": counted},), [own]).usage
    assert usage is not None
    assert (9, 3, *details) == (
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.reasoning_tokens,
    )


def test_a_cached_answer_used_nothing() -> None:
    """LangChain marks the usage of an answer from its cache with a total cost of 0: it is that of the first call."""
    answer = read_answer(
        ONE, [({"token_usage": USAGE},)], (), [{"input_tokens": 9, "output_tokens": 3, "total_cost": 0}]
    )
    assert (None, CACHED, True) == (answer.usage, answer.cost, answer.cached)


@pytest.mark.parametrize(
    ("facts", "cost"),
    [
        (
            {
                "cost": 0.5,
                "cost_details": {"upstream_inference_prompt_cost": 0.2, "upstream_inference_completions_cost": 0.3},
            },
            Cost(total=0.5, input=0.2, output=0.3),
        ),
        ({"token_usage": {**USAGE, "cost": 0.5}}, Cost(total=0.5)),
        ({"usage": SimpleNamespace(**USAGE, cost=0.5)}, Cost(total=0.5)),
        (
            {"usage": {**USAGE, "cost": {"total_cost": 0.5, "input_tokens_cost": 0.2, "output_tokens_cost": 0.3}}},
            Cost(total=0.5, input=0.2, output=0.3),
        ),
        ({"cost": 0}, Cost(total=0.0)),
        ({"cost": True}, None),
        ({"cost": float("nan")}, None),
        ({"cost": "0.5"}, None),
        ({}, None),
    ],
)
def test_what_was_billed(facts: dict[str, Any], cost: Cost | None) -> None:
    """OpenRouter's and Perplexity's shapes; what is no amount is none."""
    assert cost == read_answer(ONE, [(facts,)], ()).cost


def test_model_id_and_tier() -> None:
    """The provider's own; an id that LangChain made up is none."""
    answer = read_answer(ONE, [({"model_name": "m-1", "id": "resp_1", "service_tier": "flex"},)], ())
    assert ("m-1", "resp_1", "flex") == (answer.model, answer.id, answer.service_tier)
    assert "gen-1" == read_answer(ONE, [({},)], (), (), "gen-1").id
    assert None is read_answer(ONE, [({"id": "lc_run--1"},)], (), (), "run-1").id
    assert ("m-2", "resp_2") == (
        read_answer(ONE, [({"response": {"model": "m-2", "id": "resp_2"}},)], ()).model,
        read_answer(ONE, [({"response": {"id": "resp_2"}},)], ()).id,
    )


# ---------------------------------------------------------------- chunks
def test_an_earlier_chunk_is_not_lost() -> None:
    """The reason comes before the usage, the id with the first event: all are there at the end."""
    chunks = ChunkFacts()
    raws = [
        {"message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 9, "output_tokens": 1}}},
        {"delta": {"text": "x"}},
        {"choices": [SimpleNamespace(finish_reason="stop")]},
        {"usage": {"input_tokens": 9, "output_tokens": 3}, "choices": []},
    ]
    for raw in raws:
        chunks.add(raw)
    answer = read_answer(ONE, [(chunks.read(raws[-1], plain_data),)], ())
    assert ("stop", "msg_1", "m") == (answer.finish_reasons[0], answer.id, answer.model)
    assert (9, 3) == (answer.usage.input_tokens, answer.usage.output_tokens) if answer.usage else False


@pytest.mark.parametrize("event", [dict, SimpleNamespace])
def test_a_chunk_inside_the_event_that_brought_it(event: Any) -> None:
    """Some clients hand on the server-sent event (Mistral's): what its data says is read; other `data` is none."""
    chunks = ChunkFacts()
    raws = [
        event(data=SimpleNamespace(id="c-1", model="m", choices=[SimpleNamespace(finish_reason=None)])),
        event(data={"choices": [{"finish_reason": "stop"}], "usage": USAGE}, event="completion"),
    ]
    for raw in raws:
        chunks.add(raw)
    answer = read_answer(ONE, [(chunks.read(raws[-1], plain_data),)], ())
    assert (("stop",), "c-1", "m", READ) == (answer.finish_reasons, answer.id, answer.model, answer.usage)
    assert {} == facts_in(event(data=[1], usage=None), plain_data)


def test_only_what_is_read_is_captured() -> None:
    """Neither content nor log probabilities of a raw answer are copied."""
    raw = {
        "id": "1",
        "choices": [{"message": {"content": "secret"}, "logprobs": [1], "finish_reason": "stop"}],
        "usage": USAGE,
        "output": "secret",
        "response": {"output": ["secret"], "usage": USAGE},
        "message": SimpleNamespace(content="secret"),
    }
    facts = facts_in(raw, plain_data)
    assert {"id": "1", "finish_reason": "stop", "usage": USAGE, "response": {"usage": USAGE}} == facts
    assert {"usage": {"a": 1, "b": 3, "c": 4}} == merged(
        {"usage": {"a": 1, "b": 2}}, {"usage": {"b": 3, "a": None, "c": 4}}
    )


# ---------------------------------------------------------------- a model around a model
def answer(given: int | None, made: int = 1, identity: str | None = None) -> ModelAnswer:
    usage = None if given is None else Usage(input_tokens=given, output_tokens=made, total_tokens=given + made)
    return ModelAnswer(usage=usage, id=identity)


class Beneath:
    def __init__(self, *arguments: Any) -> None:
        self.answer = answer(*arguments)

    def read(self) -> ModelAnswer:
        return self.answer


@pytest.mark.parametrize(
    ("outer", "inner", "handed_on"),
    [
        (answer(9), [Beneath(9)], True),
        (answer(9, 1, "a"), [Beneath(9, 1, "a")], True),
        (answer(9, 1, None), [Beneath(9, 1, "a")], True),
        (answer(9, 1, "b"), [Beneath(9, 1, "a")], False),
        (answer(9), [Beneath(8)], False),
        (answer(9), [Beneath(None), Beneath(9)], True),  # a fallback: the first one failed
        (answer(17, 2), [Beneath(9), Beneath(8)], True),  # a wrapper that adds up
        (answer(17, 3), [Beneath(9), Beneath(8)], False),
        (answer(None), [Beneath(9)], False),
        (answer(9), [], False),
    ],
)
def test_an_answer_that_is_handed_on(outer: ModelAnswer, inner: list[Any], handed_on: bool) -> None:
    """It is the inner call's when its counts are, unless the responses have different ids."""
    assert handed_on is is_handed_on(outer, inner)


_COUNT = st.sampled_from([None, 0, 3, 7, 1.5, "2"])
_USAGE = st.dictionaries(
    st.sampled_from(
        ["prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "output_tokens", "cost", "is_byok"]
    )
    | st.sampled_from(["cached_tokens", "cost_details"]),
    _COUNT | st.dictionaries(st.sampled_from(["upstream_inference_cost", "total_cost"]), _COUNT, max_size=1),
    max_size=4,
)
_SOURCE = st.dictionaries(
    st.sampled_from(["token_usage", "usage", "response", "cost", "total_cost", "response_cost"])
    | st.sampled_from(["native_finish_reason", "provider", "latency", "model_name", "model", "id"]),
    _USAGE | _COUNT,
    max_size=4,
)


@given(st.lists(_SOURCE, max_size=2), st.lists(_SOURCE, max_size=1), st.lists(_USAGE, max_size=1))
def test_a_plain_answer_is_read_as_by_the_long_way(own: list[Any], shared: list[Any], usages: list[Any]) -> None:
    """What says nothing but sums is not searched for prices, a gateway's words and details; they would not be there."""
    short = read_answer(ONE, [own], shared, usages)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answers, "_says_more", lambda source: True)
        assert read_answer(ONE, [own], shared, usages) == short
