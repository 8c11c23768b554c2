"""What each provider's LangChain integration reports is read whole: thoughts, text, calls, counts, reason, model, id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import pytest
from langchain_core.tools import tool

import spancast
from spancast import destinations
from spancast.langchain import SpancastCallbackHandler

from . import wire
from .double import Double
from .reading import installed, said
from .wire import Expected, Wire

pytestmark = [  # of the providers' clients, whose connections end with the process
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
KEY = "test"


@dataclass(frozen=True)
class Provider:
    """An integration: its package, how its model is made for an address, what its API answers.

    Attributes:
        invoked, streamed: What the span says where it is less than the API does, because the integration drops it.
    """

    package: str
    model: Callable[[Any, str], Any]
    wire: Wire
    invoked: dict[str, Any] | None = None
    streamed: dict[str, Any] | None = None
    options: dict[str, Any] | None = None


def _bedrock(package: Any, url: str) -> Any:
    return package.ChatBedrockConverse(
        model="anthropic.claude-sonnet-4-5-v1:0",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=KEY,
        aws_secret_access_key=KEY,
    )


def _gemini(package: Any, url: str) -> Any:
    return package.ChatGoogleGenerativeAI(
        model="gemini-2.5-flash", google_api_key=KEY, base_url=url, include_thoughts=True
    )


XAI_USAGE = {
    "prompt_tokens": 10,
    "completion_tokens": 5,
    "total_tokens": 35,
    "prompt_tokens_details": {"cached_tokens": 4, "text_tokens": 10, "audio_tokens": 0, "image_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 20, "audio_tokens": 0},
}
PLAIN_USAGE = {"prompt_tokens": 12, "completion_tokens": 6, "total_tokens": 18}
PLAIN_COUNTS = (12, 6, 18, None, None, None)
OPENROUTER_USAGE = {**wire.OPENAI_USAGE, "cost": 0.0042, "cost_details": {"upstream_inference_cost": None}}
MISTRAL_CONTENT = [
    {"type": "thinking", "thinking": [{"type": "text", "text": wire.THOUGHT}]},
    {"type": "text", "text": wire.TEXT},
]

MADE_UP_ID = {"id": None}  # LangChain replaces the provider's id by one of its own where it streams
BEDROCK_MODEL = {"model": "anthropic.claude-sonnet-4-5-v1:0"}  # the integration repeats the one that was asked
GROQ = {"id": None, "service_tier": "on_demand"}  # the integration drops the id, and repeats the tier that was asked

PROVIDERS: dict[str, Provider] = {
    "openai chat": Provider(
        "langchain_openai",
        lambda package, url: package.ChatOpenAI(
            model="gpt-5", base_url=url, api_key=KEY, use_responses_api=False, stream_usage=True
        ),
        wire.chat(),
        streamed=MADE_UP_ID,
    ),
    "openai chat, flex": Provider(
        "langchain_openai",
        lambda package, url: package.ChatOpenAI(
            model="gpt-5", base_url=url, api_key=KEY, use_responses_api=False, stream_usage=True, service_tier="flex"
        ),
        wire.chat(service_tier="flex"),
        streamed=MADE_UP_ID,
    ),
    "openai responses": Provider(
        "langchain_openai",
        lambda package, url: package.ChatOpenAI(model="gpt-5", base_url=url, api_key=KEY, use_responses_api=True),
        wire.responses(),
    ),
    "openai responses, cut": Provider(
        "langchain_openai",
        lambda package, url: package.ChatOpenAI(model="gpt-5", base_url=url, api_key=KEY, use_responses_api=True),
        wire.responses("incomplete", "max_output_tokens"),
    ),
    "anthropic": Provider(
        "langchain_anthropic",
        lambda package, url: package.ChatAnthropic(model="claude-sonnet-5", base_url=url, api_key=KEY),
        wire.anthropic(),
        streamed=MADE_UP_ID,
    ),
    "gemini": Provider("langchain_google_genai", _gemini, wire.gemini()),
    "bedrock": Provider("langchain_aws", _bedrock, wire.converse(), invoked=BEDROCK_MODEL, streamed=BEDROCK_MODEL),
    "deepseek": Provider(
        "langchain_deepseek",
        lambda package, url: package.ChatDeepSeek(
            model="deepseek-reasoner", api_base=url, api_key=KEY, stream_usage=True
        ),
        wire.chat("reasoning_content", model="deepseek-reasoner"),
        streamed=MADE_UP_ID,
    ),
    "xai": Provider(
        "langchain_xai",
        lambda package, url: package.ChatXAI(model="grok-4", xai_api_base=url, api_key=KEY, stream_usage=True),
        wire.chat("reasoning_content", XAI_USAGE, (10, 25, 35, 4, None, 20), model="grok-4"),
        streamed=MADE_UP_ID,
    ),
    "openrouter": Provider(
        "langchain_openrouter",
        lambda package, url: package.ChatOpenRouter(model="openai/gpt-5", base_url=url, api_key=KEY),
        wire.chat("reasoning", OPENROUTER_USAGE, model="openai/gpt-5"),
    ),
    "ollama": Provider(
        "langchain_ollama",
        lambda package, url: package.ChatOllama(model="qwen3:8b", base_url=url, reasoning=True),
        wire.ollama(),
    ),
    "groq": Provider(
        "langchain_groq",
        lambda package, url: package.ChatGroq(model="qwen3-32b", base_url=url, api_key=KEY),
        wire.chat("reasoning", PLAIN_USAGE, PLAIN_COUNTS, model="qwen3-32b", counted_in="x_groq"),
        invoked=GROQ,
        streamed=GROQ,
    ),
    "mistral": Provider(
        "langchain_mistralai",
        lambda package, url: package.ChatMistralAI(model="magistral-medium", endpoint=url, api_key=KEY),
        wire.chat(
            None,
            PLAIN_USAGE,
            PLAIN_COUNTS,
            model="magistral-medium",
            content=MISTRAL_CONTENT,
            parts=Expected.parts,
            stream_extra={"content": MISTRAL_CONTENT[:1]},
            counted_in="last chunk",
            whole_calls=True,
        ),
        invoked={"id": None},
        streamed={"id": None},
    ),
}


ALWAYS_STREAMED = {"ollama"}


@tool
def look_up(order: int) -> str:
    """Look up an order."""
    return f"order {order}: shipped"


@pytest.mark.parametrize("way", ["invoke", "stream"])
@pytest.mark.parametrize("name", installed(PROVIDERS))
def test_an_answer_is_read_whole(name: str, way: str, api: Double) -> None:
    """Streamed and not, in both conventions: as the provider said it."""
    provider = PROVIDERS[name]
    package = import_module(provider.package)
    streamed = way == "stream"
    api.script = [provider.wire.stream if streamed else provider.wire.whole]
    openinference, gen_ai = destinations.memory(), destinations.memory(convention="gen_ai")
    with spancast.Pipeline(openinference, gen_ai, spool=False) as pipeline:
        config = {"callbacks": [SpancastCallbackHandler(pipeline=pipeline)]}
        model = provider.model(package, api.url).bind_tools([look_up])
        if streamed:
            for _ in model.stream("9.9 or 9.11?", config):
                pass
        else:
            model.invoke("9.9 or 9.11?", config)
        assert pipeline.flush(5)
        (span,), (other,) = gen_ai.spans, openinference.spans
        expected = replace(provider.wire.expected, **((provider.streamed if streamed else provider.invoked) or {}))
        seen, counts = said(span, other)
        assert expected == seen
        assert expected.counts == counts
        assert "look_up" in span.attributes["gen_ai.tool.definitions"]
        assert (streamed or name in ALWAYS_STREAMED) is ("gen_ai.response.time_to_first_chunk" in span.attributes)
