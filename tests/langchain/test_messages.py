"""LangChain's messages become Messages: every content block, tool calls, roles, in the forms in which users write them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

import spancast
from spancast.capture.snapshot import Snapshot
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler
from spancast.langchain.messages import SHAPES, MessageSnapshot, as_data, conversation_of, to_message
from spancast.record.message import (
    Media,
    Message,
    Other,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)


def held(value: Any) -> Any:
    """Return the snapshot that the callback takes."""
    return Snapshot(SHAPES).capture(value)


def message(value: Any) -> Message:
    return to_message(held(value))


@pytest.mark.parametrize(
    ("given", "role"),
    [
        (HumanMessage("x"), "user"),
        (AIMessage("x"), "assistant"),
        (AIMessageChunk("x"), "assistant"),
        (SystemMessage("x"), "system"),
        (ToolMessage("x", tool_call_id="c"), "tool"),
        (FunctionMessage("x", name="f"), "tool"),
        (ChatMessage("x", role="critic"), "critic"),
    ],
)
def test_roles(given: Any, role: str) -> None:
    """Roles are the field's standard ones; other roles stay as they are spelt."""
    assert (role, (Text("x"),)) == (message(given).role, message(given).parts)


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "text", "text": "hi"}, Text("hi")),
        ({"type": "reasoning", "reasoning": "hm"}, Reasoning("hm")),
        ({"type": "refusal", "refusal": "no"}, Refusal("no")),
        ({"type": "image", "url": "https://a/b.png"}, Media(modality="image", url="https://a/b.png")),
        (
            {"type": "image", "base64": "aGk=", "mime_type": "image/png"},
            Media(modality="image", mime_type="image/png", data="aGk="),
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
            Media(modality="image", mime_type="image/png", data="aGk="),
        ),
        (
            {"type": "audio", "base64": "aGk=", "mime_type": "audio/wav"},
            Media(modality="audio", mime_type="audio/wav", data="aGk="),
        ),
        ({"type": "video", "url": "https://a/b.mp4"}, Media(modality="video", url="https://a/b.mp4")),
        ({"type": "file", "file_id": "f-1"}, Media(modality="document", file_id="f-1")),
        (
            {"type": "server_tool_call", "name": "web_search", "args": {"q": "x"}, "id": "s1"},
            ToolCall(name="web_search", arguments={"q": "x"}, id="s1", server=True),
        ),
        (
            {"type": "server_tool_result", "tool_call_id": "s1", "output": ["a"], "status": "success"},
            ToolResult(result=["a"], id="s1", server=True),
        ),
        ({"type": "non_standard", "value": {"x": 1}}, Other({"x": 1})),
    ],
)
def test_content_blocks(block: dict[str, Any], part: Part) -> None:
    """Each of LangChain's content blocks is the part that it stands for."""
    assert (Text("see"), part) == message(AIMessage([{"type": "text", "text": "see"}, block])).parts


def test_text_and_blocks_mix() -> None:
    """A content list may hold plain strings; empty ones say nothing."""
    assert (Text("a"), Text("b")) == message(HumanMessage(["a", "", {"type": "text", "text": "b"}])).parts


def test_a_providers_own_blocks_are_understood() -> None:
    """Blocks in a provider's own form are read as LangChain itself reads them."""
    content: list[Any] = [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "hi"}]
    parts = message(AIMessage(content, response_metadata={"model_provider": "anthropic"})).parts
    assert (Reasoning("hm", "s"), Text("hi")) == parts


def test_tool_calls_stand_once() -> None:
    """A call that stands in the content as well as in `tool_calls` is one call."""
    content: list[Any] = [{"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}}]
    calls = [{"name": "f", "args": {"a": 1}, "id": "c1"}]
    assert (ToolCall(name="f", arguments={"a": 1}, id="c1"),) == message(AIMessage(content, tool_calls=calls)).parts


def test_a_call_that_could_not_be_read_keeps_its_text() -> None:
    """An invalid tool call has its raw arguments and says what is wrong."""
    invalid = [{"name": "f", "args": "{broken", "id": "c1", "error": "no JSON", "type": "invalid_tool_call"}]
    (part,) = message(AIMessage("", invalid_tool_calls=invalid)).parts  # type: ignore[arg-type]
    assert ToolCall(name="f", arguments="{broken", id="c1", error="no JSON") == part


def test_a_state_with_messages_is_a_conversation() -> None:
    """The forms in which users write messages are all understood; what is no conversation is none."""
    state = {"messages": [("user", "hi"), {"role": "assistant", "content": "yes"}, HumanMessage("more")]}
    assert ["user", "assistant", "user"] == [message.role for message in conversation_of(held(state))]
    assert () == conversation_of(held({"messages": [1, 2]}))
    assert () == conversation_of(held({"question": "x"}))
    assert () == conversation_of(held("text"))


def test_messages_inside_data_read_as_role_and_content() -> None:
    """In a chain's input and output a message is what a person reads, not LangChain's serialised form."""
    assert {"m": {"role": "user", "content": "hi"}} == as_data(held({"m": HumanMessage("hi", id="1")}))


def test_later_changes_to_a_message_are_not_seen() -> None:
    """Ids and names that LangGraph sets afterwards, and edited content, stay out of the snapshot."""
    given = AIMessage([{"type": "text", "text": "a"}])
    taken = held(given)
    given.name = "later"
    given.content = "other"
    assert Message(role="assistant", parts=(Text("a"),)) == to_message(taken)


@pytest.mark.parametrize("field", ["name", "tool_call_id"])
def test_a_message_that_is_known_by_no_text_is_read_all_the_same(field: str) -> None:
    """Set past pydantic: what cannot be looked up is read each time."""
    data = {"type": "ai", "content": "hello", field: ["no", "text"]}
    assert "hello" == to_message(MessageSnapshot(AIMessage, data)).parts[0].text  # type: ignore[union-attr]


def test_a_tools_description_of_a_class_of_its_own_costs_no_span(
    pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """A subclass of str whose length raises is text like any other."""

    class Unmeasured(str):
        def __len__(self) -> int:
            raise RuntimeError("no length")

    run, handler = uuid4(), SpancastCallbackHandler()
    handler.on_tool_start(
        {"name": "w", "description": Unmeasured("weather")}, "", run_id=run, inputs={}, tool_call_id="1"
    )
    handler.on_tool_end("sunny", run_id=run)
    assert ["weather"] == [span.attributes["tool.description"] for span in memory.spans]


def test_a_message_that_is_changed_between_two_calls_is_seen_as_it_was_in_each(
    pipeline: spancast.Pipeline, memory: MemoryDestination
) -> None:
    """In a long conversation too, whose texts are known from the call before: text, name, tool calls and blocks."""
    handler = SpancastCallbackHandler()
    asked: list[Any] = [kind(f"turn {index}") for index, kind in enumerate([HumanMessage, AIMessage] * 6)]

    def call() -> None:
        run_id = uuid4()
        handler.on_chat_model_start({"name": "Model"}, [asked], run_id=run_id)
        handler.on_llm_error(ValueError("no answer"), run_id=run_id)

    call()
    asked[0].content = "other words"
    asked[2].name = "Ada"
    asked[3].tool_calls = [{"name": "look", "args": {"at": 1}, "id": "c1", "type": "tool_call"}]
    asked[4].content = [{"type": "text", "text": "a block"}]
    call()
    asked[4].content.append({"type": "text", "text": "another block"})
    asked.append(HumanMessage("a new turn"))
    call()
    pipeline.flush()
    first, second, third = [dict(span.attributes) for span in memory.spans]
    place = "llm.input_messages.{}.message.{}".format
    assert ["turn 0", "other words", "other words"] == [each[place(0, "content")] for each in (first, second, third)]
    assert [None, "Ada", "Ada"] == [each.get(place(2, "name")) for each in (first, second, third)]
    called = place(3, "tool_calls.0.tool_call.function.name")
    assert [None, "look", "look"] == [each.get(called) for each in (first, second, third)]
    assert ["turn 4", "a block"] == [each[place(4, "content")] for each in (first, second)]
    assert ["a block", "another block"] == [
        third[place(4, f"contents.{index}.message_content.text")] for index in (0, 1)
    ]
    assert "a new turn" == third[place(12, "content")]
    assert place(12, "content") not in second
