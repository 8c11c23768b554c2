"""What OpenRouter's Broadcast documents reads as it says: its example requests as trees, its payloads as spans."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from rich.console import Console

import spancast
from spancast import destinations
from spancast.langchain import SpancastCallbackHandler
from spancast.view.content import content_of
from spancast.view.read import ViewSpan, read_lines, read_request
from spancast.view.show import span_content
from spancast.view.tree import trace_tree
from tests.goldens import check_data

from .traces import request, span

FOLDER = Path(__file__).with_name("broadcast")
EXAMPLES = json.loads((FOLDER / "examples.json").read_text())
PAGES = {
    f"{page}_{index}" if index else page: example
    for page, each in EXAMPLES["pages"].items()
    for index, example in enumerate(each["requests"])
}


def _traced(example: dict[str, Any], convention: str, folder: Path) -> list[ViewSpan]:
    """Run an application that says what the example request says, and read its file back."""
    path = folder / f"{convention}.jsonl"
    metadata = {key: example[key] for key in ("trace", "user", "session_id") if key in example}
    model = FakeListChatModel(responses=["Done."], metadata={"ls_model_name": example["model"]})
    target = destinations.file(str(path), convention=convention)
    with spancast.Pipeline(target):
        messages = [(message["role"], message["content"]) for message in example["messages"]]
        model.invoke(messages, {"callbacks": [SpancastCallbackHandler()], "metadata": metadata})
    return read_lines(path)


def _shown(spans: list[ViewSpan]) -> list[dict[str, Any]]:
    """Return what does not differ from run to run; an id that was not asked for is `any`."""
    names = {each.span_id: each.name for each in spans}
    return [
        {
            "name": each.name,
            "kind": each.kind,
            "under": names.get(each.parent_span_id or "", each.parent_span_id),
            "user": each.user,
            "session": each.session_id,
            "metadata": content_of(each.attributes).get("metadata"),
        }
        for each in spans
    ]


@pytest.mark.parametrize("page", PAGES)
def test_the_example_of_each_page_is_a_tree(page: str, tmp_path: Path) -> None:
    """The same `trace` object, user and session around the gateway make the tree that the page documents for it."""
    example = PAGES[page]
    ours, theirs = (_traced(example, convention, tmp_path) for convention in ("openinference", "gen_ai"))
    shown = _shown(ours)
    assert [{**each, "name": None, "under": None} for each in shown] == [
        {**each, "name": None, "under": None} for each in _shown(theirs)
    ]
    given = example.get("trace", {}).get("trace_id")
    written = {"trace_id": theirs[0].trace_id if given else "any", "spans": shown}
    check_data(FOLDER / "goldens" / f"{page}.json", written)


def test_the_names_stand_where_the_guide_draws_them(tmp_path: Path) -> None:
    """`trace_name` above `span_name` above `generation_name`, as the overview's picture has it."""
    spans = _traced(PAGES["overview_2"], "gen_ai", tmp_path)
    console = Console(width=100)
    with console.capture() as captured:
        console.print(trace_tree(spans))
    drawn = [line[line.index("ms") + 2 :].rstrip() for line in captured.get().splitlines()[3:]]
    assert [
        "  CHAIN Document Processing",
        "  └─ CHAIN Summarization Step",
        "     └─ LLM Generate Summary  openai/gpt-4o",
    ] == drawn


def test_the_documented_payload_is_read() -> None:
    """The webhook's example, whose ids are abridged: a model call with its tokens."""
    (read,) = read_request(EXAMPLES["payloads"][0])
    assert ("chat", "LLM", "openai/gpt-4", 100, 50) == (
        read.name,
        read.kind,
        read.model,
        read.input_tokens,
        read.output_tokens,
    )
    assert ("openrouter", 1.0) == (read.service, (read.end_ns - read.start_ns) / 1e9)


def test_a_payload_without_ids_costs_itself() -> None:
    """The webhook's second example shows attributes only: no span, no error."""
    assert [] == list(read_request(EXAMPLES["payloads"][1]))


def _broadcast(**more: Any) -> ViewSpan:
    attributes = {
        "gen_ai.request.model": "openai/gpt-4o",
        "gen_ai.response.finish_reason": "stop",
        "gen_ai.completion": '{"completion":"Yes.","reasoning":null,"toolCalls":[]}',
        "span.type": "GENERATION",
        "trace.metadata.environment": "production",
        "trace.metadata.openrouter.provider_name": "Azure",
        "trace.metadata.openrouter.provider_time_to_first_token_ms": 250,
        "trace.metadata.openrouter.inter_token_latency_ms": 12.5,
        "span.metadata.openrouter_generation.is_byok": True,
        "span.metadata.openrouter_generation.billed_service_tier": "priority",
        **more.pop("attributes", {}),
    }
    (read,) = read_request(request(span(1, 1, "LLM Generation", attributes=attributes, **more), service="openrouter"))
    return read


def test_what_the_gateway_says_of_itself_is_shown() -> None:
    """Latencies, the provider behind it and billing extras stand in the metadata; the first token in its column."""
    read = _broadcast()
    assert ("LLM", 0.25) == (read.kind, read.first_token)
    content = content_of(read.attributes)
    assert {
        "environment": "production",
        "openrouter.provider_name": "Azure",
        "openrouter.provider_time_to_first_token_ms": 250,
        "openrouter.inter_token_latency_ms": 12.5,
        "openrouter_generation.is_byok": True,
        "openrouter_generation.billed_service_tier": "priority",
    } == content["metadata"]
    assert "stop" == content["output_messages"][0]["finish_reason"]
    assert "truncated" not in content


def test_what_the_gateway_shortened_is_named() -> None:
    """By the mark beside each attribute; where only the event came, that something was."""
    marked = _broadcast(attributes={"span.input.truncated": True, "gen_ai.completion.truncated": True})
    assert ["span.input", "gen_ai.completion"] == content_of(marked.attributes)["truncated"]
    console = Console(width=100)
    with console.capture() as captured:
        console.print(span_content(marked, full=True))
    assert "cut  span.input, gen_ai.completion" in captured.get()
    event = {"name": "openrouter.trace_truncated", "timeUnixNano": "1", "attributes": []}
    told = _broadcast(events=[event])
    assert ["some attributes"] == content_of(told.attributes, told.events)["truncated"]


@pytest.mark.parametrize(
    "marker", [{"omitted_items": 12}, {"omitted_keys": 3}, {"reason": "too_large"}, {"reason": "unserializable"}]
)
def test_a_marker_inside_a_value_is_shown_as_it_is(marker: dict[str, Any]) -> None:
    """In a list of messages it stands where the left-out ones were."""
    messages = [
        {"role": "user", "content": "first"},
        {"openrouter_truncated": marker},
        {"role": "user", "content": "z"},
    ]
    read = _broadcast(attributes={"gen_ai.prompt": json.dumps({"messages": messages}), "gen_ai.prompt.truncated": True})
    content = content_of(read.attributes)
    assert [
        [{"type": "text", "text": "first"}],
        [{"type": "other", "data": {"openrouter_truncated": marker}}],
        [{"type": "text", "text": "z"}],
    ] == [message["parts"] for message in content["input_messages"]]


def test_how_much_of_a_value_is_here_is_shown() -> None:
    """The length before the cut is read from what spancast wrote beside it."""
    attributes = {"span.input": "x" * 2048, "span.input.truncated": True, "spancast.cut": '{"span.input":1000000}'}
    read = content_of(_broadcast(attributes=attributes).attributes)
    assert (["span.input"], {"span.input": {"shown": 2048, "of": 1_000_000}}) == (read["truncated"], read["cut"])
