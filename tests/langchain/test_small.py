"""Small values are copied without a budget, and read like those that are copied with one; later changes are not seen."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompt_values import ChatPromptValue
from langgraph.types import Command, Send

import spancast
from spancast import destinations
from spancast.capture.snapshot import Snapshot
from spancast.langchain import SpancastCallbackHandler
from spancast.langchain.messages import SHAPES, as_data, conversation_of, turns_of
from spancast.langchain.small import copy_message, copy_small

from ..calls import python_calls

CALL: Any = {"name": "search", "args": {"query": "x"}, "id": "call_1", "type": "tool_call"}
texts = st.text(max_size=5)
messages = st.one_of(
    st.builds(HumanMessage, texts, id=texts),
    st.builds(SystemMessage, texts),
    st.builds(ToolMessage, texts, tool_call_id=texts, name=texts),
    st.builds(AIMessageChunk, texts),
    st.builds(AIMessage, texts, tool_calls=st.just([CALL]), additional_kwargs=st.just({"reasoning_content": "hm"})),
    st.builds(AIMessage, st.just([{"type": "text", "text": "x"}, "y"])),
)
scalars = st.one_of(texts, st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.just(2**80))
leaves = st.one_of(scalars, messages, st.lists(messages, max_size=12))
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=10),
        st.dictionaries(texts, inner, max_size=10),
        st.builds(lambda update: Command(update=update), st.dictionaries(texts, inner, max_size=3)),
        st.lists(messages, max_size=4).map(lambda found: ChatPromptValue(messages=found)),
    ),
    max_leaves=20,
)


@given(values)
def test_they_read_like_those_with_a_budget(value: Any) -> None:
    found = copy_small(value)
    if found is not None:
        captured = Snapshot(SHAPES).capture(value)
        assert as_data(captured) == as_data(found[0])
        assert conversation_of(captured) == conversation_of(found[0])
        assert [identity for identity, _ in turns_of(captured)] == [identity for identity, _ in turns_of(found[0])]


@pytest.mark.parametrize(
    "value",
    [
        {"messages": [HumanMessage("x"), AIMessage("", tool_calls=[CALL])], "step": 3, "done": None},
        [Command(update={"messages": [AIMessage("x")]})],
        [CALL],
        {"tool_call": CALL, "state": {"messages": [HumanMessage("x")]}},
        ChatPromptValue(messages=[SystemMessage("x")]),
        [],
    ],
)
def test_what_an_agent_passes_on_is_small(value: Any) -> None:
    assert copy_small(value) is not None


@pytest.mark.parametrize(
    "value",
    [
        [HumanMessage("x")] * 1000,
        {str(index): index for index in range(100)},
        [[[["x"]]]],
        {1: "x"},
        {"n": 2**80},
        {"object": object()},
        [Send("node", {})],
        Command(goto="node"),
        [HumanMessage("x"), object()],
    ],
)
def test_what_is_larger_or_of_other_classes_is_left_to_the_budget(value: Any) -> None:
    assert copy_small(value) is None


def test_nested_values_that_double_are_not_walked_through() -> None:
    """Of lists of the same conversation within each other only a few levels are looked at."""
    value: Any = [HumanMessage("x")] * 250
    for _ in range(40):
        value = [value, value]
    assert copy_small(value) is None


def test_what_changes_later_is_not_seen() -> None:
    """Neither a field of a message, nor a block of its content, nor an entry of the state or of its lists."""
    asked, answered = HumanMessage("asked"), AIMessage([{"type": "text", "text": "answered"}])
    state = {"messages": [asked, answered], "found": ["a"], "by": {"name": "n"}}
    found = copy_small(state)
    assert found is not None
    before = as_data(found[0])
    asked.content, answered.name = "changed", "changed"
    answered.content.append("more")  # type: ignore[union-attr]
    state["messages"].clear()  # type: ignore[attr-defined]
    state["found"].append("b")  # type: ignore[attr-defined]
    state["by"]["name"] = "changed"  # type: ignore[index,call-overload]
    state["more"] = "x"  # type: ignore[assignment]
    assert before == as_data(found[0])
    assert "changed" not in str(before)


def test_each_event_has_the_message_as_it_was() -> None:
    """The same message object in two states of a run, changed in between: each span shows what it was then."""
    memory = destinations.memory(convention="openinference")
    pipeline = spancast.Pipeline(memory)
    handler = SpancastCallbackHandler(pipeline=pipeline)
    message = AIMessage("first", tool_calls=[CALL])
    for content in ("first", "second"):
        message.content = content
        run = uuid4()
        handler.on_chain_start(None, {"messages": [message]}, run_id=run, name=content)
        message.content = "between"
        handler.on_chain_end({"messages": [message]}, run_id=run)
    pipeline.flush()
    shown = {span.name: span.attributes["input.value"] for span in memory.spans}
    for content in ("first", "second"):
        assert [content] == [other for other in ("first", "second", "between") if other in str(shown[content])]
    pipeline.shutdown()


def test_without_content_nothing_of_a_state_is_copied() -> None:
    memory = destinations.memory(convention="openinference", privacy_mode=True)
    pipeline = spancast.Pipeline(memory)
    handler = SpancastCallbackHandler(pipeline=pipeline)
    run = uuid4()
    handler.on_chain_start(None, {"messages": [HumanMessage("canary")]}, run_id=run, name="node")
    handler.on_chain_end({"messages": [AIMessage("canary", tool_calls=[CALL])]}, run_id=run)
    pipeline.shutdown()
    assert memory.spans
    assert "canary" not in str([span.attributes for span in memory.spans])


def test_sizes_count_texts_and_tool_calls() -> None:
    """At least what is kept alive, the second time as well; and another list of calls is measured anew."""
    long = {**CALL, "args": {"query": "x" * 50_000}}
    message = AIMessage("y" * 10_000, tool_calls=[long])
    assert 60_000 < copy_message(message)[1] < 70_000
    found = copy_small({"messages": [message]})
    assert found is not None
    assert 60_000 < found[1] < 70_000
    message.tool_calls = [CALL]
    assert copy_message(message)[1] < 15_000


def test_of_very_many_blocks_only_some_are_measured() -> None:
    """All of them are kept; their size is right where they are alike."""
    block = {"type": "text", "text": "x" * 100}
    states = {count: {"messages": [HumanMessage([block] * count)] * 3} for count in (1, 1_000, 30_000)}
    found = copy_small(states[30_000])
    assert found is not None
    (first, *_) = found[0]["messages"]  # type: ignore[index]
    assert 30_000 == len(first.data["content"])
    assert 9_000_000 < found[1] < 12_000_000
    many, few = (python_calls(partial(copy_small, states[count])) for count in (30_000, 1_000))
    assert many <= 3 * few
