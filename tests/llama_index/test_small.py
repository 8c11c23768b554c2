"""Small values are copied without a budget, and read like those that are copied with one; later changes are not seen."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.base.llms.types import (
    ChatMessage,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.base.response.schema import Response
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from llama_index.core.tools import ToolOutput
from workflows.events import StartEvent, StopEvent

from spancast.capture.snapshot import Snapshot
from spancast.llama_index.messages import SHAPES, as_data, to_messages
from spancast.llama_index.small import copy_conversation, copy_message, copy_small
from spancast.record.message import Text

from ..calls import python_calls

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
arguments = st.dictionaries(texts, st.one_of(texts, st.integers(-5, 5), st.lists(texts, max_size=3)), max_size=3)
further = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"tool_call_id": texts, "name": texts}),
    st.builds(lambda kw: {"tool_calls": [{"id": "c0", "name": "search", "kw": kw}]}, arguments),
    st.just({"reasoning_content": "hm"}),
    st.just({"object": object()}),
    st.just({"set": {"x"}}),
)
blocks = st.lists(
    st.one_of(
        st.builds(TextBlock, text=texts),
        st.builds(ThinkingBlock, content=texts),
        st.builds(ToolCallBlock, tool_call_id=texts, tool_name=texts, tool_kwargs=arguments),
        st.just(ImageBlock(image=b"x", image_mimetype="image/png")),
    ),
    max_size=3,
)
roles = st.sampled_from([MessageRole.USER, MessageRole.ASSISTANT, MessageRole.TOOL, MessageRole.SYSTEM])
messages = st.builds(
    lambda role, content, kwargs: ChatMessage(role=role, blocks=content, additional_kwargs=kwargs),
    roles,
    blocks,
    further,
)
nodes = st.builds(
    lambda text, metadata, score: NodeWithScore(node=TextNode(text=text, id_="n", metadata=metadata), score=score),
    texts,
    st.dictionaries(texts, texts, max_size=3),
    st.one_of(st.none(), st.floats(0, 1)),
)
leaves = st.one_of(
    texts,
    st.none(),
    st.integers(),
    messages,
    nodes,
    st.builds(QueryBundle, texts),
    st.builds(Response, texts),
    st.builds(lambda query: StartEvent(query=query), texts),
    st.builds(lambda result: StopEvent(result=result), st.one_of(texts, messages)),
    st.builds(lambda text: ToolOutput(content=text, tool_name="t", raw_input={}, raw_output=1), texts),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=9), st.dictionaries(texts, inner, max_size=9)),
    max_leaves=12,
)
CALLS = {"tool_calls": [{"id": "c0", "name": "search", "kw": {"query": "x"}}]}


@given(values)
def test_they_read_like_those_with_a_budget(value: Any) -> None:
    try:
        found = copy_small(value)
    except TypeError:  # an object among further arguments: the caller goes on with a Snapshot
        found = None
    if found is not None:
        captured = Snapshot(SHAPES).capture(value)
        assert as_data(captured) == as_data(found[0])
        assert to_messages(captured) == to_messages(found[0])


@given(st.lists(messages, max_size=5))
def test_a_models_input_reads_like_one_with_a_budget(asked: list[ChatMessage]) -> None:
    """Also where one of the messages is not small."""
    assert to_messages(Snapshot(SHAPES).capture(asked)) == to_messages(copy_conversation(list(asked))[0])


@pytest.mark.parametrize(
    "value",
    [
        [ChatMessage("x"), ChatMessage("", additional_kwargs=CALLS)],
        [ChatMessage(blocks=[ToolCallBlock(tool_name="t", tool_kwargs={"a": 1})])],
        [NodeWithScore(node=TextNode(text="x", metadata={"src": "f"}), score=0.5)] * 4,
        StartEvent(query="x"),
        {"query": "x", "a": 1},
    ],
)
def test_what_applications_pass_on_is_small(value: Any) -> None:
    assert copy_small(value) is not None


@pytest.mark.parametrize(
    "value",
    [
        [ChatMessage("x")] * 1000,
        [ChatMessage("x"), 1],
        [ChatMessage("x", additional_kwargs={"numbers": list(range(100_000))})],
        [ChatMessage("x", additional_kwargs={"text": "x" * 100_000})],
        [ChatMessage(blocks=[TextBlock(text="x")] * 9)],
        [ChatMessage(blocks=[ImageBlock(image=b"x", image_mimetype="image/png")])],
    ],
)
def test_what_is_larger_or_of_other_classes_is_left_to_the_budget(value: Any) -> None:
    assert copy_small(value) is None


def test_what_changes_later_is_not_seen() -> None:
    """Neither a text, nor the arguments of a call in a block, nor those beside the content; the next copy sees it."""
    call = ToolCallBlock(tool_name="t", tool_kwargs={"a": ["x"]})
    asked = [ChatMessage("asked", additional_kwargs={"tool_calls": [{"name": "s", "args": {"q": "x"}}]})]
    asked.append(ChatMessage(role="assistant", blocks=[call, TextBlock(text="t")]))
    asked.append(ChatMessage(role="assistant", blocks=[call, ImageBlock(image=b"x", image_mimetype="image/png")]))
    copied, _ = copy_conversation(list(asked))
    before = to_messages(copied)
    assert isinstance(call.tool_kwargs, dict)
    call.tool_kwargs["a"].append("y")
    asked[0].additional_kwargs["tool_calls"][0]["args"]["q"] = "changed"
    asked[0].blocks[0].text = "changed"  # type: ignore[union-attr]
    assert to_messages(copied) == before
    changed = to_messages(copy_conversation(list(asked))[0])
    assert [one == other for one, other in zip(before, changed)] == [False, False, False]


def test_a_message_that_was_small_and_grew_is_looked_at_anew() -> None:
    message = ChatMessage("x", additional_kwargs={"numbers": [1]})
    assert copy_small([message]) is not None
    message.additional_kwargs["numbers"].extend(range(100_000))
    copy_small([message])
    assert copy_small([message]) is None


def test_a_repeated_turn_takes_few_steps() -> None:
    """What was small in the call before is not looked through again."""
    asked = [ChatMessage("", additional_kwargs={"tool_calls": [{"id": f"c{index}"}]}) for index in range(50)]
    first = python_calls(lambda: copy_conversation(list(asked)))
    assert python_calls(lambda: copy_conversation(list(asked))) < first


def test_a_message_without_its_fields_is_a_message_without_content() -> None:
    broken = ChatMessage("x")
    broken.__dict__.clear()
    assert to_messages([copy_message(broken)[0]])[0].parts == ()


def test_of_very_many_blocks_the_first_and_the_last_are_kept() -> None:
    """What is left out is marked, and takes no steps."""
    few, many = [
        ChatMessage(blocks=[TextBlock(text=str(index)) for index in range(count)]) for count in (3_000, 30_000)
    ]
    parts = to_messages(copy_conversation([many])[0])[0].parts
    texts = [part.text for part in parts if isinstance(part, Text)]
    assert ("0", "29999", 2_001) == (texts[0], texts[-1], len(texts))
    assert any("28,000 more" in text for text in texts)
    assert python_calls(lambda: copy_conversation([few])) == python_calls(lambda: copy_conversation([many]))
