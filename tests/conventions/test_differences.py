"""Where the conventions changed in 2026, a case each: the newest names, and old ones where a backend reads only those."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openinference.semconv import trace as semconv

from spancast.conventions import gen_ai, openinference
from spancast.conventions.openinference import PROVIDERS
from spancast.conventions.providers import system_of
from spancast.record.cost import Cost
from spancast.record.message import Message, Reasoning, ToolCall, ToolResult
from spancast.record.operation import (
    Agent,
    Document,
    Embedding,
    Generation,
    Kind,
    Reranking,
    Retrieval,
)
from spancast.record.prompt import PromptIdentity
from spancast.record.usage import Usage

from .operations import operation
from .test_makers import OPENINFERENCE


def generation(**changes: Any) -> Any:
    return operation(Kind.LLM, detail=Generation(request_model="m", **changes))


def parts(*given: Any) -> list[Any]:
    span = gen_ai.render(generation(output_messages=(Message(role="assistant", parts=given),)))
    return json.loads(str(span.attributes["gen_ai.output.messages"]))[0]["parts"]  # type: ignore[no-any-return]


# ------------------------------------------------------------------ gen_ai
@pytest.mark.parametrize(
    ("arguments", "nested"),
    [
        ({"q": 1}, {"type": "search", "q": 1}),
        ({"type": "open_page", "url": "u"}, {"type": "search", "arguments": {"type": "open_page", "url": "u"}}),
        ("text", {"type": "search", "arguments": "text"}),
        (None, {"type": "search"}),
    ],
)
def test_a_providers_tool_call_is_nested(arguments: Any, nested: Any) -> None:
    """`server_tool_call` is an object with the tool's `type`, in which nothing that was asked is lost."""
    (part,) = parts(ToolCall(name="search", arguments=arguments, id="s1", server=True))
    assert {"type": "server_tool_call", "id": "s1", "name": "search", "server_tool_call": nested} == part


@pytest.mark.parametrize(
    ("result", "nested"),
    [
        ({"type": "web", "n": 1}, {"type": "web", "n": 1}),
        ({"n": 1}, {"type": "tool_result", "n": 1}),
        ([1], {"type": "tool_result", "result": [1]}),
    ],
)
def test_a_providers_tool_result_is_nested(result: Any, nested: Any) -> None:
    """`server_tool_call_response` likewise."""
    (part,) = parts(ToolResult(result=result, id="s1", server=True))
    assert {"type": "server_tool_call_response", "id": "s1", "server_tool_call_response": nested} == part


def test_how_many_documents_is_a_retrievals_top_k() -> None:
    """`gen_ai.retrieval.top_k`; a reranker keeps the older name beside it, a retrieval never had one."""
    found = gen_ai.render(operation(Kind.RETRIEVER, detail=Retrieval(query="q", top_k=3))).attributes
    assert (3, None) == (found["gen_ai.retrieval.top_k"], found.get("gen_ai.request.top_k"))
    ranked = gen_ai.render(operation(Kind.RERANKER, detail=Reranking(query="q", top_k=2))).attributes
    assert (2, 2) == (ranked["gen_ai.retrieval.top_k"], ranked["gen_ai.request.top_k"])


def test_tokens_are_told_by_modality_and_cache() -> None:
    """Each count has its name; cache writes both."""
    usage = Usage(
        input_text_tokens=1,
        output_text_tokens=2,
        input_image_tokens=3,
        output_image_tokens=4,
        input_audio_tokens=5,
        output_audio_tokens=6,
        input_video_tokens=7,
        cached_text_tokens=8,
        cached_image_tokens=9,
        cached_audio_tokens=10,
        cache_write_tokens=11,
    )
    attributes = gen_ai.render(generation(usage=usage)).attributes
    prefix = "gen_ai.usage."
    assert {
        "text.input_tokens": 1,
        "text.output_tokens": 2,
        "image.input_tokens": 3,
        "image.output_tokens": 4,
        "audio.input_tokens": 5,
        "audio.output_tokens": 6,
        "video.input_tokens": 7,
        "text.cache_read.input_tokens": 8,
        "image.cache_read.input_tokens": 9,
        "audio.cache_read.input_tokens": 10,
        "cache_write.input_tokens": 11,
        "cache_creation.input_tokens": 11,
    } == {key.removeprefix(prefix): value for key, value in attributes.items() if key.startswith(prefix)}


@pytest.mark.parametrize(
    ("parameters", "level"),
    [
        ({"reasoning_effort": "high"}, "high"),
        ({"reasoning": {"effort": "low", "summary": "auto"}}, "low"),
        ({"thinking_level": "medium"}, "medium"),
        ({"output_config": {"effort": "max"}}, "max"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, None),
        ({"reasoning": True}, None),
    ],
)
def test_how_hard_to_think_is_a_level(parameters: Any, level: str | None) -> None:
    """In whichever provider's spelling; a budget of tokens is no level."""
    assert level == gen_ai.render(generation(parameters=parameters)).attributes.get("gen_ai.request.reasoning.level")


def test_a_prompt_has_name_version_and_variables() -> None:
    """In either convention's names; the vendor and the address have one in OpenInference only."""
    detail: dict[str, Any] = {
        "prompt": PromptIdentity(name="triage", version="7", url="https://x", vendor="langfuse"),
        "prompt_variables": {"q": "why", "n": 3},
    }
    theirs, ours = gen_ai.render(generation(**detail)).attributes, openinference.render(generation(**detail)).attributes
    assert {
        "gen_ai.prompt.name": "triage",
        "gen_ai.prompt.version": "7",
        "gen_ai.prompt.variable.q": "why",
        "gen_ai.prompt.variable.n": "3",
    } == {key: value for key, value in theirs.items() if key.startswith("gen_ai.prompt.")}
    assert {
        "llm.prompt_template.version": "7",
        "llm.prompt_template.variables": '{"q":"why","n":3}',
        "prompt.id": "triage",
        "prompt.url": "https://x",
        "prompt.vendor": "langfuse",
    } == {key: value for key, value in ours.items() if key.startswith(("prompt.", "llm.prompt_template."))}


@pytest.mark.parametrize(
    ("endpoint", "address", "port"),
    [("api.example.com:8443", "api.example.com", 8443), ("api.example.com", "api.example.com", None)],
)
def test_the_server_that_was_asked(endpoint: str, address: str, port: int | None) -> None:
    """Host and port, where the application set one."""
    attributes = gen_ai.render(generation(endpoint=endpoint)).attributes
    assert (address, port) == (attributes["server.address"], attributes.get("server.port"))


def test_the_outermost_chain_is_a_workflow() -> None:
    """`invoke_workflow` as an attribute, INTERNAL, under its own name; a chain inside has no operation."""
    root = gen_ai.render(operation(Kind.CHAIN, name="LangGraph", workflow=True))
    assert ("LangGraph", 1) == (root.name, root.kind)
    assert ("invoke_workflow", "LangGraph") == tuple(
        root.attributes[f"gen_ai.{name}"] for name in ("operation.name", "workflow.name")
    )
    inside = gen_ai.render(operation(Kind.CHAIN, name="step"))
    assert ("step", None) == (inside.name, inside.attributes.get("gen_ai.operation.name"))


def test_an_embedding_counts_its_tokens() -> None:
    """In both conventions."""
    made = operation(Kind.EMBEDDING, detail=Embedding(request_model="e", usage=Usage(input_tokens=5, total_tokens=5)))
    assert 5 == gen_ai.render(made).attributes["gen_ai.usage.input_tokens"]
    assert 5 == openinference.render(made).attributes["llm.token_count.prompt"]


def test_finish_reasons_stand_on_the_span() -> None:
    """The place in the message is deprecated; both are written while backends read either."""
    message = Message(role="assistant", parts=(), finish_reason="stop")
    attributes = gen_ai.render(generation(output_messages=(message,), finish_reasons=("stop",))).attributes
    assert ["stop"] == attributes["gen_ai.response.finish_reasons"]


# ------------------------------------------------------------------ OpenInference
def test_a_decision_has_its_own_names_and_a_models() -> None:
    """`decision.*` as the package names it, and `llm.*` beside it, which Phoenix reads."""
    detail = Generation(
        operation="generate_content",
        provider="openai",
        request_model="judge",
        response_model="judge-1",
        usage=Usage(input_tokens=7, output_tokens=1),
    )
    attributes = openinference.render(operation(Kind.DECISION, detail=detail)).attributes
    assert "DECISION" == attributes["openinference.span.kind"]
    assert {
        "decision.model_name": "judge-1",
        "decision.request.model_name": "judge",
        "decision.response.model_name": "judge-1",
        "decision.provider": "openai",
        "decision.system": "openai",
        "decision.token_count.input": 7,
        "decision.token_count.output": 1,
    } == {key: value for key, value in attributes.items() if key.startswith("decision.")}
    assert ("judge-1", 7) == (attributes["llm.model_name"], attributes["llm.token_count.prompt"])


def test_the_kinds_are_the_packages() -> None:
    """All of ours are OpenInference's, DECISION and PROMPT among them."""
    theirs = {kind.value for kind in semconv.OpenInferenceSpanKindValues}
    assert {kind.value for kind in Kind} <= theirs
    assert {"DECISION", "PROMPT"} <= theirs


def test_a_node_says_which_led_to_it() -> None:
    """`graph.node.parent_id`; a graph's first node has none."""
    attributes = openinference.render(operation(node="writer", node_parent="router")).attributes
    assert ("writer", "router") == (attributes["graph.node.id"], attributes["graph.node.parent_id"])
    assert "graph.node.parent_id" not in openinference.render(operation(node="writer")).attributes


def test_a_cost_has_its_details() -> None:
    """Parts add up to the side they are of."""
    cost = Cost(total=3.0, input=1.0, output=2.0, cache_read=0.25, cache_write=0.25, reasoning=0.5)
    attributes = openinference.render(generation(cost=cost)).attributes
    details = {key: value for key, value in attributes.items() if "_details" in key}
    assert {
        "llm.cost.prompt_details.cache_read": 0.25,
        "llm.cost.prompt_details.cache_write": 0.25,
        "llm.cost.prompt_details.input": 0.5,
        "llm.cost.completion_details.reasoning": 0.5,
        "llm.cost.completion_details.output": 1.5,
    } == details


def test_a_sealed_thought_keeps_what_the_provider_needs_again() -> None:
    """Signature, id, hidden data, encrypted content; and a tool call's signature."""
    thought = Reasoning("hm", signature="s", id="rs_1", data="d", encrypted="e")
    message = Message(role="assistant", parts=(thought, ToolCall(name="f", arguments={}, signature="seal")))
    attributes = openinference.render(generation(output_messages=(message,))).attributes
    prefix = "llm.output_messages.0.message."
    assert {
        "type": "reasoning",
        "text": "hm",
        "signature": "s",
        "id": "rs_1",
        "data": "d",
        "encrypted_content": "e",
    } == {
        key.removeprefix(f"{prefix}contents.0.message_content."): value
        for key, value in attributes.items()
        if key.startswith(f"{prefix}contents.0.")
    }
    assert "seal" == attributes[f"{prefix}tool_calls.0.tool_call.reasoning_signature"]


SYSTEMS = {
    ("openai", "gpt-5"): "openai",
    ("anthropic", "claude"): "anthropic",
    ("cohere", "command"): "cohere",
    ("mistralai", "m"): "mistralai",
    ("google_vertexai", "gemini"): "vertexai",
    ("xai", "grok-4"): "xai",
    ("deepseek", "deepseek-chat"): "deepseek",
    ("amazon_nova", "nova"): "amazon",
    ("meta", "llama"): "meta",
    ("ai21", "jamba"): "ai21",
    ("bedrock", "us.anthropic.claude-sonnet-4-5"): "anthropic",
    ("bedrock_converse", "amazon.nova-lite-v1:0"): "amazon",
    ("bedrock", "meta.llama3"): "meta",
    ("openrouter", "x-ai/grok-4"): "xai",
    ("openrouter", "meta-llama/llama-4"): "meta",
    ("openrouter", "qwen/qwen3"): None,
}


@pytest.mark.parametrize(("model", "system"), SYSTEMS.items())
def test_whose_model_it_is(model: tuple[str, str], system: str | None) -> None:
    """`llm.system` for each maker on the specification's list; where another sells it, the model's name says it."""
    assert system == system_of(*model)


def test_every_provider_of_ours_is_the_packages() -> None:
    """`llm.provider` has the package's value for what frameworks spell otherwise."""
    theirs = {provider.value for provider in semconv.OpenInferenceLLMProviderValues}
    assert set(PROVIDERS.values()) <= theirs


@pytest.mark.parametrize(
    ("kind", "detail"),
    [
        (Kind.RETRIEVER, Retrieval(query="q", documents=(Document(content="c"),))),
        (Kind.AGENT, Agent(name="planner")),
    ],
)
def test_metadata_is_one_json_text(kind: Kind, detail: Any) -> None:
    """On retriever and agent spans too, as OpenInference writes it; `metadata.<key>` stands beside it."""
    made = operation(kind, detail=detail, metadata={"ls_retriever_name": "db", "n": 1})
    attributes = openinference.render(made).attributes
    assert ('{"ls_retriever_name":"db","n":1}', "db", 1) == tuple(
        attributes[name] for name in ("metadata", "metadata.ls_retriever_name", "metadata.n")
    )


def test_the_list_of_openinferences_names_is_the_installed_packages() -> None:
    """A newer package with other names fails here: then the list is to be read again."""
    classes = [each for name, each in vars(semconv).items() if name.endswith("Attributes")]
    installed = {value for each in classes for key, value in vars(each).items() if key.isupper()}
    listed = {name for version in OPENINFERENCE["versions"].values() for name in version["added"]}
    assert set() == installed - listed - set(OPENINFERENCE.get("not_attributes", ()))
