"""What stands beside a message's content, and messages as applications and servers write them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from spancast.capture.messages import begins_answer, calls_beside, loose_message, with_further
from spancast.record.message import Media, Message, Part, Reasoning, Refusal, Text, ToolCall, ToolResult


@pytest.mark.parametrize(
    ("further", "parts"),
    [
        ({"reasoning_content": "hm"}, [Reasoning("hm"), Text("x")]),  # DeepSeek, xAI, Ollama, Groq
        ({"reasoning": "hm"}, [Reasoning("hm"), Text("x")]),
        ({"reasoning": {"summary": [{"type": "summary_text", "text": "hm"}]}}, [Reasoning("hm"), Text("x")]),  # OpenAI
        (
            {
                "reasoning_details": [
                    {"type": "reasoning.text", "text": "h"},
                    {"type": "reasoning.text", "text": "m", "signature": "s"},
                ]
            },
            [Reasoning("hm", "s"), Text("x")],
        ),  # OpenRouter, streamed
        (
            {"reasoning_content": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]},
            [Reasoning("hm"), Text("x")],
        ),
        ({"refusal": "no"}, [Text("x"), Refusal("no")]),
        ({"refusal": None}, [Text("x")]),
        (
            {"audio": {"id": "a1", "data": "eHg=", "transcript": "hello"}},
            [Text("x"), Media(modality="audio", data="eHg=", transcript="hello")],
        ),
        ({"audio": {"id": "a1", "transcript": "hello"}}, [Text("x"), Text("hello")]),
        (
            {"executed_tools": [{"type": "search", "index": 0, "arguments": '{"q":1}', "output": "found"}]},
            [
                Text("x"),
                ToolCall(name="search", arguments={"q": 1}, id="0", server=True),
                ToolResult(result="found", id="0", server=True),
            ],
        ),  # Groq
        ({"parsed": {"a": 1}}, [Text("x")]),
    ],
)
def test_what_stands_beside_the_content(further: dict[str, Any], parts: list[Part]) -> None:
    """Thoughts come first, the rest last; what nobody reads adds nothing."""
    assert parts == with_further([Text("x")], further)


def test_what_the_content_has_is_not_added_again() -> None:
    """A thought or a refusal stands in both places with some integrations."""
    parts: list[Part] = [Reasoning("hm"), Refusal("no")]
    assert parts == with_further(list(parts), {"reasoning_content": "hm", "refusal": "no"})


def test_calls_in_openai_s_form() -> None:
    """Tool calls, and the older function call; arguments that are no JSON stay text."""
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    assert [ToolCall(name="f", arguments={"a": 1}, id="c1")] == list(calls_beside({"tool_calls": [call]}))
    assert [ToolCall(name="f", arguments="{a")] == list(
        calls_beside({"function_call": {"name": "f", "arguments": "{a"}})
    )
    assert [] == list(calls_beside({}))


USER = Message(role="user", parts=(Text("hi"),))


@pytest.mark.parametrize(
    "written",
    [
        "hi",
        ["user", "hi"],
        ["human", "hi"],
        {"role": "user", "content": "hi"},
        {"role": "human", "content": "hi"},
        {"type": "human", "content": "hi", "additional_kwargs": {}, "id": "1"},
        {"type": "human", "content": [{"type": "text", "text": "hi"}]},
        {"role": "user", "content": ["hi"]},
        {"type": "human", "data": {"content": "hi"}},
        {"type": "constructor", "id": ["langchain", "schema", "messages", "HumanMessage"], "kwargs": {"content": "hi"}},
    ],
)
def test_forms_of_a_question(written: Any) -> None:
    """A text alone, a pair, and the objects of LangGraph's server are the same message."""
    assert USER == loose_message(written)


def test_forms_of_an_answer() -> None:
    """Thought, calls and ids beside the content of a plain object are read as those of a message object."""
    call = {"id": "c1", "function": {"name": "f", "arguments": "{}"}}
    written = {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [call]}
    assert Message(
        role="assistant", parts=(Reasoning("hm"), ToolCall(name="f", arguments={}, id="c1"))
    ) == loose_message(written)
    answer = {"type": "tool", "content": "ok", "tool_call_id": "c1", "name": "f"}
    assert Message(role="tool", parts=(Text("ok"),), name="f", tool_call_id="c1") == loose_message(answer)


@pytest.mark.parametrize(
    "other",
    ["", 7, None, {}, {"content": "hi"}, {"role": "user"}, {"type": "image", "url": "u"}, ["a", "b", "c"], [1, "x"]],
)
def test_what_is_no_message(other: Any) -> None:
    """Objects without a role or content are none."""
    assert None is loose_message(other)


@pytest.mark.parametrize(
    ("fields", "begins"),
    [
        ({"content": ""}, False),
        ({"content": [], "additional_kwargs": {}}, False),
        ({"content": "9"}, True),
        ({"content": [{"type": "text", "text": ""}]}, False),
        ({"content": [{"type": "thinking", "thinking": "hm", "index": 0}]}, True),
        ({"content": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}]}, True),
        ({"content": "", "additional_kwargs": {"reasoning_content": "hm"}}, True),
        ({"content": "", "additional_kwargs": {"reasoning_content": ""}}, False),
        ({"content": "", "additional_kwargs": {"refusal": "no"}}, True),
        ({"content": "", "tool_call_chunks": [{"name": "f"}]}, True),
    ],
)
def test_the_first_piece_of_an_answer(fields: dict[str, Any], begins: bool) -> None:
    """The first thought, text or call begins an answer; a frame that says nothing does not."""
    assert begins is begins_answer(SimpleNamespace(message=SimpleNamespace(**fields)))
    assert False is begins_answer(None)


@pytest.mark.parametrize("name", ["annotations", "search_results", "citations"])
def test_citations_beside_the_content_belong_to_its_last_text(name: str) -> None:
    """As OpenAI's chat completions, OpenRouter, Perplexity and xAI give them; those in the content itself win."""
    cited = [{"url": "https://x"}]
    assert [Text("a"), Text("b", cited)] == with_further([Text("a"), Text("b")], {name: cited})
    own = [Text("a", [{"url": "https://own"}]), Text("b")]
    assert own == with_further(list(own), {name: cited})
    assert [Text("a")] == with_further([Text("a")], {name: []})
