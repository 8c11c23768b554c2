"""Messages in the form that people read."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from spancast.record.json import dumps
from spancast.record.message import (
    Media,
    Message,
    Other,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    conversation,
)


def test_a_plain_turn_is_role_and_content() -> None:
    """A turn of one text has that text as its content."""
    messages = (
        Message(role="system", parts=(Text("Be brief."),)),
        Message(role="user", parts=(Text("Hi"),), name="ann"),
    )

    assert [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "name": "ann", "content": "Hi"},
    ] == conversation(messages)


def test_a_turn_without_parts_has_empty_content() -> None:
    """A turn in which nothing was said has the empty text as its content."""
    assert [{"role": "assistant", "content": ""}] == conversation((Message(role="assistant"),))


def test_tool_calls_stand_beside_the_content() -> None:
    """The calls of a turn are a list of their own, and its text stays the content."""
    turn = Message(role="assistant", parts=(Text("Looking."), ToolCall(name="search", arguments={"q": 1}, id="c1")))

    assert [
        {
            "role": "assistant",
            "content": "Looking.",
            "tool_calls": [{"id": "c1", "name": "search", "arguments": {"q": 1}}],
        }
    ] == conversation((turn,))


def test_an_answer_of_a_tool_names_its_call() -> None:
    """A turn of role tool names the call that it answers."""
    turn = Message(role="tool", parts=(Text("42"),), tool_call_id="c1")

    assert [{"role": "tool", "tool_call_id": "c1", "content": "42"}] == conversation((turn,))


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (Reasoning("hm", signature="s"), {"type": "reasoning", "text": "hm", "signature": "s"}),
        (Reasoning("hm"), {"type": "reasoning", "text": "hm"}),
        (Refusal("no"), {"type": "refusal", "text": "no"}),
        (
            Media(modality="image", mime_type="image/png", url="https://example.com/a.png"),
            {"type": "media", "modality": "image", "mime_type": "image/png", "url": "https://example.com/a.png"},
        ),
        (Media(modality="document", file_id="f1"), {"type": "media", "modality": "document", "file_id": "f1"}),
        (
            ToolResult(result={"a": 1}, id="c1", server=True),
            {"type": "tool_result", "result": {"a": 1}, "id": "c1", "server": True},
        ),
        (Other({"type": "new", "x": 1}), {"type": "new", "x": 1}),
    ],
)
def test_every_other_part_is_an_object(part: Any, expected: dict[str, Any]) -> None:
    """A part that is no text is an object with its type, and absent fields are left out."""
    assert [{"role": "user", "content": [expected]}] == conversation((Message(role="user", parts=(part,)),))


@pytest.mark.parametrize("result", [0, 0.0, False, "", [], {}])
def test_an_empty_or_false_tool_result_is_a_result(result: Any) -> None:
    """A tool that gave back 0, False or an empty value gave back something: it is kept."""
    turn = Message(role="tool", parts=(ToolResult(result=result, id="c1"),))

    assert [{"role": "tool", "content": [{"type": "tool_result", "result": result, "id": "c1"}]}] == conversation(
        (turn,)
    )


def test_several_texts_stay_apart_and_in_order() -> None:
    """A turn of several parts keeps them in order, each as an object."""
    turn = Message(role="user", parts=(Text("a"), Media(modality="image", data="aGk="), Text("b")))

    assert [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "a"},
                {"type": "media", "modality": "image", "data": "aGk="},
                {"type": "text", "text": "b"},
            ],
        }
    ] == conversation((turn,))


def test_messages_are_frozen_and_travel() -> None:
    """A message cannot be changed, compares by value, and survives a way to another process."""
    turn = Message(role="user", parts=(Text("a"), ToolCall(name="f", arguments={})))

    with pytest.raises(AttributeError):
        turn.role = "x"  # type: ignore[misc]
    assert turn == pickle.loads(pickle.dumps(turn))
    assert dumps(conversation((turn,))) == dumps(conversation((pickle.loads(pickle.dumps(turn)),)))
