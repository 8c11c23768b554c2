"""What OpenRouter says beside the answer stands on the model's span, under the names of the gateway's own Broadcast."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from examples.offline.servers import serving
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI
from langchain_openrouter import ChatOpenRouter
from llama_index.core.llms import ChatMessage
from llama_index.llms.openrouter import OpenRouter

import spancast
from spancast import destinations, llama_index, openrouter
from spancast.capture.gateway import gateway_facts
from spancast.langchain import SpancastCallbackHandler
from spancast.privacy.names import title

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # llama-index and the openai package
ROUTING = {
    "requested": "openai/gpt-4o",
    "strategy": "direct",
    "region": "iad",
    "summary": "available=1, selected=Azure",
    "attempt": 1,
    "is_byok": True,
    "endpoints": {
        "total": 2,
        "available": [
            {"provider": "OpenAI", "model": "openai/gpt-4o", "selected": False},
            {"provider": "Azure", "model": "openai/gpt-4o", "selected": True},
        ],
    },
}
USAGE = {
    "prompt_tokens": 12,
    "completion_tokens": 5,
    "total_tokens": 17,
    "cost": 0.00008,
    "is_byok": True,
    "cost_details": {
        "upstream_inference_cost": 0.0016,
        "upstream_inference_prompt_cost": 0.0006,
        "upstream_inference_completions_cost": 0.001,
    },
    "server_tool_use_details": {"tool_calls_executed": 2, "tool_calls_requested": 3},
}
WHO = {"openrouter.provider_name": "Azure", "openrouter.native_finish_reason": "end_turn"}
COST = {"openrouter_generation.upstream_inference_cost": 0.0016}
BILLED = {
    **COST,
    "openrouter_generation.is_byok": True,
    "openrouter_generation.server_tool_use_details.tool_calls_executed": 2,
    "openrouter_generation.server_tool_use_details.tool_calls_requested": 3,
}
ROUTED = {
    "openrouter.attempt": 1,
    "openrouter.region": "iad",
    "openrouter.requested": "openai/gpt-4o",
    "openrouter.strategy": "direct",
}


def _answer(path: str, headers: dict[str, str], raw: bytes) -> tuple[str, bytes]:
    body = json.loads(raw)
    about = {"id": "gen-1", "model": body["model"], "created": 1, "system_fingerprint": None, "provider": "Azure"}
    end = {"index": 0, "finish_reason": "stop", "native_finish_reason": "end_turn"}
    if not body.get("stream"):
        choice = {**end, "message": {"role": "assistant", "content": "Yes."}}
        whole = {
            **about,
            "object": "chat.completion",
            "choices": [choice],
            "usage": USAGE,
            "openrouter_metadata": ROUTING,
        }
        return "application/json", json.dumps(whole).encode()
    said = {"index": 0, "delta": {"role": "assistant", "content": "Yes."}, "finish_reason": None}
    chunks: list[dict[str, Any]] = [{"choices": [said]}, {"choices": [{**end, "delta": {}}], "usage": USAGE}]
    lines = [json.dumps({**about, "object": "chat.completion.chunk", **chunk}) for chunk in chunks]
    return "text/event-stream", "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Return the address of a gateway that says all that OpenRouter's may."""
    with serving(_answer) as address:
        yield f"{address}/api/v1"


def _chat_openrouter(url: str, stream: bool) -> None:
    model = ChatOpenRouter(model="openai/gpt-4o", api_key="none", base_url=url)  # type: ignore[arg-type]
    _ask(model, stream)


def _chat_openai(url: str, stream: bool) -> None:
    own = httpx.Client()  # LangChain shares one among models, which cannot be closed
    _ask(ChatOpenAI(model="openai/gpt-4o", api_key="none", base_url=url, stream_usage=True, http_client=own), stream)  # type: ignore[arg-type]


def _handed_on(url: str, stream: bool) -> None:
    """Ask a model whose answer has what langchain-openrouter hands on where its SDK lets it."""
    about = {"provider": "Azure", "native_finish_reason": "end_turn", "finish_reason": "stop"}
    billed = {"cost": USAGE["cost"], "cost_details": USAGE["cost_details"]}
    answer = AIMessage("Yes.", response_metadata={**about, **billed})
    _ask(GenericFakeChatModel(messages=iter([answer])), stream)


@contextmanager
def _closing(model: Any) -> Iterator[None]:
    """Close the model's HTTP clients at the end."""
    try:
        yield
    finally:
        for client in openrouter._clients(model, depth=4):
            if hasattr(client, "close"):
                client.close()


def _ask(model: Any, stream: bool) -> None:
    config = {"callbacks": [SpancastCallbackHandler()]}
    with _closing(model):
        list(model.stream("hi", config)) if stream else model.invoke("hi", config)


def _llama_index(url: str, stream: bool) -> None:
    llm = OpenRouter(model="openai/gpt-4o", api_key="none", api_base=url)
    llama_index.instrument()
    try:
        messages = [ChatMessage(role="user", content="hi")]
        with _closing(llm):
            list(llm.stream_chat(messages)) if stream else llm.chat(messages)
    finally:
        llama_index.uninstrument()


def _facts(ask: Callable[[str, bool], None], url: str, stream: bool, **more: Any) -> tuple[Any, Any]:
    ours = destinations.memory(name="ours", convention="openinference", **more)
    theirs = destinations.memory(name="theirs", convention="gen_ai", **more)
    with spancast.Pipeline(ours, theirs):
        ask(url, stream)
        spancast.flush()
    spans = [next(span for span in target.spans if span.kind == "LLM") for target in (ours, theirs)]
    found = [
        {
            key.removeprefix(prefix): value
            for key, value in span.attributes.items()
            if key.startswith(f"{prefix}openrouter")
        }
        for span, prefix in zip(spans, ("metadata.", "trace.metadata."), strict=True)
    ]
    assert found[0] == found[1]
    assert found[0].items() <= json.loads(spans[0].attributes.get("metadata", "{}")).items()
    return found[0], spans[1].attributes


@pytest.mark.parametrize(
    ("ask", "stream", "says"),
    [
        (_chat_openrouter, False, COST),  # its SDK (0.10) keeps only the fields that it knows
        (_chat_openrouter, True, COST),
        (_handed_on, False, {**WHO, **COST}),
        (_chat_openai, False, BILLED),
        (_chat_openai, True, {}),
        (_llama_index, False, {**WHO, **BILLED, **ROUTED}),
        (_llama_index, True, {**WHO, **BILLED}),
    ],
)
def test_what_the_integration_hands_on_is_read(ask: Any, stream: bool, says: dict[str, Any], url: str) -> None:
    """The provider behind the gateway, its own finish reason, billing, routing: as much as each integration keeps."""
    facts, attributes = _facts(ask, url, stream)
    assert says == facts
    assert ["stop"] == attributes["gen_ai.response.finish_reasons"]


def test_privacy_mode_lets_figures_and_names_leave(url: str) -> None:
    """They are no content: who served a request, and what it cost."""
    facts, _ = _facts(_llama_index, url, False, privacy_mode=True)
    assert {**WHO, **BILLED, **ROUTED} | {"openrouter.requested": facts["openrouter.requested"]} == facts


@pytest.mark.parametrize(
    ("provider", "leaves"),
    [("Google AI Studio", True), ("Amazon Bedrock", True), ("Z.AI", True), ("the patient Ada Smith", False)],
)
def test_a_provider_that_is_no_name_leaves_as_its_hash(provider: str, leaves: bool) -> None:
    """A gateway may say anything: in privacy mode only what looks like a provider's name leaves as it is."""
    assert leaves == (title(provider) == provider)


def test_times_where_an_integration_adds_them() -> None:
    """In milliseconds, as `GET /generation` names them."""
    told = {"native_finish_reason": "stop", "latency": 1250, "generation_time": 1200.5, "moderation_latency": 50}
    assert {
        "openrouter.native_finish_reason": "stop",
        "openrouter.latency_ms": 1250,
        "openrouter.generation_time_ms": 1200.5,
        "openrouter.moderation_latency_ms": 50,
    } == gateway_facts([told])


@pytest.mark.parametrize(
    "source",
    [
        {"provider": "x", "latency": 3, "finish_reason": "stop"},
        {"usage": {"prompt_tokens": 1}, "token_usage": None},
        {"usage": "is_byok"},
        {},
    ],
)
def test_nothing_of_another_providers_answer(source: dict[str, Any]) -> None:
    """A `provider` or a `latency` that is not the gateway's is none."""
    assert {} == gateway_facts([source])


@pytest.mark.parametrize(
    "odd",
    [
        {"provider": {"name": "x"}, "latency": float("nan"), "cost_details": [1], "native_finish_reason": 7},
        {"openrouter_metadata": {"endpoints": {"available": ["x", None, {"selected": True}]}, "region": []}},
        {"cost_details": {}, "usage": {"server_tool_use": {"a b": 1, 3: 4, "deep": {"x": 1}}, "is_byok": "yes"}},
    ],
)
def test_odd_shapes_say_nothing(odd: dict[str, Any]) -> None:
    """What is no name or no figure is passed over."""
    assert {} == gateway_facts([odd])
