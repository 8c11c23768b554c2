"""What each provider's LlamaIndex integration reports is read whole: thoughts, text, calls, counts, reason, model, id."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import pytest
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool

import spancast
from spancast import destinations, llama_index

from . import wire
from .double import Double
from .reading import installed, said
from .wire import Wire

pytestmark = [  # of the providers' clients, whose connections end with the process
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
KEY = "test"


@dataclass(frozen=True)
class Provider:
    """An integration: its package, how its model is made for an address, what its API answers.

    Attributes:
        chatted, streamed: What the span says where it is less than the API does, because the integration drops it.
    """

    package: str
    model: Callable[[Any, str], Any]
    wire: Wire
    chatted: dict[str, Any] | None = None
    streamed: dict[str, Any] | None = None


def _gemini(package: Any, url: str) -> Any:
    from google.genai import types

    with _no_request(package):
        return package.GoogleGenAI(model="gemini-2.5-flash", api_key=KEY, http_options=types.HttpOptions(base_url=url))


@contextmanager
def _no_request(package: Any) -> Iterator[None]:
    """Let a model be made that asks its provider about itself first."""
    import google.genai.models

    before = google.genai.models.Models.get
    google.genai.models.Models.get = lambda self, **_: type(
        "Model", (), {"input_token_limit": 1000, "output_token_limit": 500}
    )()  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        google.genai.models.Models.get = before  # type: ignore[method-assign]


NO_MODEL = {"model": None}  # the integration hands on the candidate alone

PROVIDERS: dict[str, Provider] = {
    "openai chat": Provider(
        "llama_index.llms.openai",
        lambda package, url: package.OpenAI(
            model="gpt-4o", api_base=url, api_key=KEY, additional_kwargs={"stream_options": {"include_usage": True}}
        ),
        wire.chat(model="gpt-4o-2024-08-06"),
    ),
    "openai responses": Provider(
        "llama_index.llms.openai",
        lambda package, url: package.OpenAIResponses(model="gpt-5", api_base=url, api_key=KEY),
        wire.responses(),
    ),
    "openai responses, cut": Provider(
        "llama_index.llms.openai",
        lambda package, url: package.OpenAIResponses(model="gpt-5", api_base=url, api_key=KEY),
        wire.responses("incomplete", "max_output_tokens"),
    ),
    "openrouter": Provider(
        "llama_index.llms.openrouter",
        lambda package, url: package.OpenRouter(
            model="openai/gpt-5", api_base=url, api_key=KEY, is_function_calling_model=True
        ),
        wire.chat("reasoning", {**wire.OPENAI_USAGE, "cost": 0.0042}, model="openai/gpt-5"),
    ),
    "deepseek": Provider(
        "llama_index.llms.openai_like",
        lambda package, url: package.OpenAILike(
            model="deepseek-reasoner", api_base=url, api_key=KEY, is_chat_model=True, is_function_calling_model=True
        ),
        wire.chat("reasoning_content", model="deepseek-reasoner"),
    ),
    "anthropic": Provider(
        "llama_index.llms.anthropic",
        lambda package, url: package.Anthropic(model="claude-sonnet-4-5", api_key=KEY, base_url=url),
        wire.anthropic(),
        streamed={"model": None, "id": None},  # the integration keeps the stream's first event to itself
    ),
    "gemini": Provider("llama_index.llms.google_genai", _gemini, wire.gemini(), chatted=NO_MODEL, streamed=NO_MODEL),
    "bedrock": Provider(
        "llama_index.llms.bedrock_converse",
        lambda package, url: package.BedrockConverse(
            model="anthropic.claude-sonnet-4-5-20250929-v1:0",
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=KEY,
            api_version=None,
            endpoint_url=url,
        ),
        wire.converse(),
        streamed={"finish": "none"},  # the integration keeps the event with the reason to itself
    ),
    "ollama": Provider(
        "llama_index.llms.ollama",
        lambda package, url: package.Ollama(
            model="qwen3:8b", base_url=url, thinking=True, request_timeout=5, context_window=9000
        ),
        wire.ollama(),
    ),
}


def look_up(order: int) -> str:
    """Look up an order."""
    return f"order {order}: shipped"


@pytest.mark.parametrize("way", ["chat", "stream"])
@pytest.mark.parametrize("name", installed(PROVIDERS))
def test_an_answer_is_read_whole(name: str, way: str, api: Double) -> None:
    """Streamed and not, in both conventions: as the provider said it."""
    provider = PROVIDERS[name]
    package = import_module(provider.package)
    streamed = way == "stream"
    api.script = [provider.wire.stream if streamed else provider.wire.whole]
    openinference, gen_ai = destinations.memory(), destinations.memory(convention="gen_ai")
    with spancast.Pipeline(openinference, gen_ai, spool=False) as pipeline:
        llama_index.instrument(pipeline=pipeline)
        try:
            model = provider.model(package, api.url)
            tools = [FunctionTool.from_defaults(look_up)]
            asked = ChatMessage(role="user", content="9.9 or 9.11?")
            if streamed:
                for _ in model.stream_chat_with_tools(tools, user_msg=asked):
                    pass
            else:
                model.chat_with_tools(tools, user_msg=asked)
            assert pipeline.flush(5)
        finally:
            llama_index.uninstrument()
        (span,) = [span for span in gen_ai.spans if span.kind.value == "LLM"]
        (other,) = [span for span in openinference.spans if span.kind.value == "LLM"]
        expected = replace(provider.wire.expected, **((provider.streamed if streamed else provider.chatted) or {}))
        seen, counts = said(span, other)
        assert expected == seen
        assert expected.counts == counts
        assert streamed is ("gen_ai.response.time_to_first_chunk" in span.attributes)
