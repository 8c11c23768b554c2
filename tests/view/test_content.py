"""What a span shows is read alike from every convention and sender."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spancast.view.content import content_of

USER = {"role": "user", "parts": [{"type": "text", "text": "Where is 17?"}]}
CALL = {"type": "tool_call", "id": "c1", "name": "lookup", "arguments": {"order": 17}}
ANSWER = {"role": "assistant", "parts": [{"type": "text", "text": "On its way."}]}

GEN_AI = {
    "gen_ai.input.messages": orjson.dumps(
        [{"role": "user", "parts": [{"type": "text", "content": "Where is 17?"}]}]
    ).decode(),
    "gen_ai.output.messages": orjson.dumps(
        [{"role": "assistant", "parts": [{"type": "text", "content": "On its way."}]}]
    ).decode(),
}
OPENINFERENCE = {
    "llm.input_messages.0.message.role": "user",
    "llm.input_messages.0.message.content": "Where is 17?",
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.content": "On its way.",
}
OPENLLMETRY = {
    "gen_ai.prompt.0.role": "user",
    "gen_ai.prompt.0.content": "Where is 17?",
    "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.content": "On its way.",
}
BROADCAST = {
    "gen_ai.prompt": '{"messages":[{"role":"user","content":"Where is 17?"}]}',
    "gen_ai.completion": '{"completion":"On its way.","reasoning":null,"toolCalls":[]}',
}
STATE = {
    "input.value": '{"messages":[["human","Where is 17?"]]}',
    "output.value": '{"messages":[{"type":"human","content":"Where is 17?"},{"type":"ai","content":"On its way."}]}',
}


@pytest.mark.parametrize("attributes", [GEN_AI, OPENINFERENCE, OPENLLMETRY, BROADCAST, STATE])
def test_a_conversation_reads_alike_whoever_wrote_it(attributes: dict[str, Any]) -> None:
    """The GenAI conventions, OpenInference, OpenLLMetry, OpenRouter's Broadcast, and a graph's state."""
    content = content_of(attributes)
    assert ([USER], [ANSWER]) == (content["input_messages"], content["output_messages"])


@pytest.mark.parametrize(
    "attributes",
    [
        {
            "gen_ai.output.messages": orjson.dumps(
                [{"role": "assistant", "parts": [{**CALL, "type": "tool_call"}]}]
            ).decode()
        },
        {
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c1",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "lookup",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"order": 17}',
        },
        {
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.tool_calls.0.id": "c1",
            "gen_ai.completion.0.tool_calls.0.name": "lookup",
            "gen_ai.completion.0.tool_calls.0.arguments": '{"order": 17}',
        },
        {
            "gen_ai.completion": orjson.dumps(
                {
                    "completion": None,
                    "toolCalls": [{"id": "c1", "function": {"name": "lookup", "arguments": '{"order": 17}'}}],
                }
            ).decode()
        },
    ],
)
def test_tool_calls_read_alike(attributes: dict[str, Any]) -> None:
    """Name, arguments as data, and the id by which the result finds its call."""
    assert [{"role": "assistant", "parts": [CALL]}] == content_of(attributes)["output_messages"]


def test_reasoning_results_media_and_documents() -> None:
    """Each kind of part has one shape; documents keep score and metadata."""
    parts = [
        {"type": "reasoning", "content": "think"},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "AAAA"},
        {"type": "tool_call_response", "id": "c1", "response": {"ok": True}},
        {"type": "something new", "x": 1},
    ]
    content = content_of(
        {
            "gen_ai.input.messages": orjson.dumps([{"role": "user", "parts": parts}]).decode(),
            "retrieval.documents.0.document.id": "d1",
            "retrieval.documents.0.document.score": 0.5,
            "retrieval.documents.0.document.content": "text",
            "retrieval.documents.0.document.metadata": '{"page": 1}',
        }
    )
    assert [
        {"type": "reasoning", "text": "think"},
        {"type": "media", "modality": "image", "url": "data:image/png;base64,AAAA", "mime_type": "image/png"},
        {"type": "tool_result", "id": "c1", "result": {"ok": True}},
        {"type": "other", "data": {"type": "something new", "x": 1}},
    ] == content["input_messages"][0]["parts"]
    assert [{"id": "d1", "score": 0.5, "content": "text", "metadata": {"page": 1}}] == content["documents"]


def test_scores_are_shown() -> None:
    """OpenInference's evaluations and the GenAI event."""
    event = {
        "name": "gen_ai.evaluation.result",
        "attributes": {"gen_ai.evaluation.name": "helpful", "gen_ai.evaluation.score.value": 1.0},
    }
    content = content_of({"evaluations.0.evaluation.name": "correct", "evaluations.0.evaluation.score": 0.0}, [event])
    assert [{"name": "correct", "score": 0.0}, {"name": "helpful", "value": 1.0}] == content["scores"]


@given(
    st.dictionaries(
        st.one_of(
            st.sampled_from([*GEN_AI, *OPENINFERENCE, *OPENLLMETRY, *BROADCAST, *STATE, "metadata", "tag.tags"]),
            st.text(max_size=30),
        ),
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(),
            st.text(max_size=40),
            st.lists(st.text(max_size=5), max_size=3),
            st.sampled_from(["[", "{}", "[]", '[{"role":1}]', '{"messages":[1,[2],{"content":[{}]}]}', "[null]"]),
        ),
        max_size=12,
    )
)
def test_no_attributes_break_it(attributes: dict[str, Any]) -> None:
    """Traces come from anywhere."""
    assert True is isinstance(content_of(attributes), dict)


def test_many_flat_messages_take_time_that_grows_with_their_number() -> None:
    """Each attribute is looked at once: 20,000 of them are no trouble."""
    attributes = {f"llm.input_messages.{i}.message.content": "x" for i in range(20_000)}
    assert 2000 == len(content_of(attributes)["input_messages"])


@pytest.mark.parametrize(
    ("nested", "arguments"),
    [
        ({"type": "web_search", "query": "9.9"}, {"query": "9.9"}),
        ({"type": "web_search", "arguments": {"type": "search", "query": "9.9"}}, {"type": "search", "query": "9.9"}),
        ("torn", "torn"),
    ],
)
def test_a_tool_that_the_provider_runs_shows_what_it_was_asked_and_found(nested: Any, arguments: Any) -> None:
    """gen_ai nests both in an object with the tool's own `type`."""
    parts = [
        {"type": "server_tool_call", "id": "c1", "name": "web_search", "server_tool_call": nested},
        {"type": "server_tool_call_response", "id": "c1", "server_tool_call_response": {"type": "x", "result": [1]}},
    ]
    message = orjson.dumps([{"role": "assistant", "parts": parts}]).decode()
    shown = content_of({"gen_ai.output.messages": message})["output_messages"][0]["parts"]
    assert [arguments, [1]] == [shown[0]["arguments"], shown[1]["result"]]


def test_sources_of_an_answer_and_names_of_files_are_read() -> None:
    """Each provider calls them otherwise; a file's data stands under another name in the value of a chain."""
    citations = [
        {"type": "citation", "title": "Returns", "url": "https://shop/r"},
        {"type": "url_citation", "url_citation": {"title": "Gifts", "url": "https://shop/g"}},
        {"type": "char_location", "document_title": "Terms"},
        "https://shop/x",
        {"type": "citation", "title": "Returns", "url": "https://shop/r"},
        {"type": "none"},
    ]
    parts = [{"type": "text", "content": "It is free.", "citations": citations}]
    answer = content_of({"gen_ai.output.messages": orjson.dumps([{"role": "assistant", "parts": parts}]).decode()})
    (part,) = answer["output_messages"][0]["parts"]
    assert [("Returns", "https://shop/r"), ("Gifts", "https://shop/g"), ("Terms", ""), ("", "https://shop/x")] == [
        (source["title"], source["url"]) for source in part["sources"]
    ]
    file = {"type": "media", "modality": "document", "mime_type": "text/plain", "data": "aGk=", "name": "a.txt"}
    state = {"input.value": orjson.dumps({"messages": [{"role": "user", "content": [file]}]}).decode()}
    (part,) = content_of(state)["input_messages"][0]["parts"]
    assert ("a.txt", "data:text/plain;base64,aGk=") == (part["name"], part["url"])
    place = "llm.input_messages.0.message.contents.0.message_content"
    flat = {f"{place}.type": "document", f"{place}.document.document.name": "a.txt"}
    assert "a.txt" == content_of(flat)["input_messages"][0]["parts"][0]["name"]
