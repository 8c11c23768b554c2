"""Where a model's answer says what: one table of the providers' and frameworks' spellings, for both adapters.

A path goes into nested mappings (`"response.usage"`); of several paths the first that holds a value wins. The page
docs/reference/providers.md shows this table per provider, and tests/providers compares it with the real integrations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Paths = tuple[str, ...]

# ---------------------------------------------------------------- about an answer
FINISH_REASON: Final[Paths] = (
    "finish_reason",  # OpenAI, DeepSeek, Groq, Mistral, OpenRouter, xAI; Gemini in LangChain
    "stop_reason",  # Anthropic, watsonx
    "stopReason",  # Bedrock Converse
    "done_reason",  # Ollama
    "finishReason",  # Gemini's own JSON
    "incomplete_details.reason",  # OpenAI Responses, cut short
    "status",  # OpenAI Responses: completed, incomplete, failed, cancelled
    "messageStop.stopReason",  # Bedrock Converse, an event of its stream
    "delta.stop_reason",  # Anthropic, an event of its stream
    "response.incomplete_details.reason",  # OpenAI Responses, an event of its stream
    "response.status",
    "message.stop_reason",
    "prompt_feedback.block_reason",  # Gemini, which answers nothing to a prompt that it blocks
    "promptFeedback.blockReason",
)
# The words of `status` that say how an answer ended; others (`in_progress`, `queued`) do not.
ENDED: Final = frozenset({"completed", "incomplete", "failed", "cancelled"})

MODEL: Final[Paths] = (
    "model_name",
    "model",
    "model_version",
    "modelVersion",
    "model_id",
    "modelId",
    "response.model",
    "message.model",
)
ID: Final[Paths] = ("id", "response_id", "responseId", "response.id", "message.id", "generation_id")
# Ids that LangChain makes up where the provider gives none.
MADE_UP_IDS: Final = ("run-", "lc_run-", "lc_")
SERVICE_TIER: Final[Paths] = ("service_tier", "response.service_tier", "usage.service_tier", "serviceTier.type")

# Where a usage object stands; "" is the mapping itself.
USAGE: Final[Paths] = (
    "usage_metadata",
    "usage",
    "token_usage",
    "usageMetadata",
    "token_count",  # Cohere in LangChain
    "response.usage",  # OpenAI Responses, an event of its stream
    "x_groq.usage",  # Groq, the last chunk of a stream
    "metadata.usage",  # Bedrock Converse, an event of its stream
    "message.usage",  # Anthropic, the first event of a stream
    "meta.tokens",  # Cohere
    "meta.billed_units",
    "amazon-bedrock-invocationMetrics",
    "_raw_response.usage_metadata",  # Vertex AI in LlamaIndex
    "raw_response.usage",
    "",
)

# ---------------------------------------------------------------- in a usage object
COUNTS: Final[Mapping[str, Paths]] = {
    "input_tokens": (
        "input_tokens",
        "prompt_tokens",
        "inputTokens",
        "prompt_token_count",
        "promptTokenCount",
        "prompt_eval_count",
        "input_token_count",
        "inputTokenCount",
        "promptTokens",
        "prompt_tokens_count",  # SambaNova
    ),
    "output_tokens": (
        "output_tokens",
        "completion_tokens",
        "outputTokens",
        "candidates_token_count",
        "candidatesTokenCount",
        "response_token_count",
        "responseTokenCount",
        "eval_count",
        "generated_token_count",
        "outputTokenCount",
        "completionTokens",
        "completion_tokens_count",
    ),
    "total_tokens": ("total_tokens", "totalTokens", "total_token_count", "totalTokenCount", "total_tokens_count"),
    "cache_read_tokens": (
        "input_token_details.cache_read",
        "prompt_tokens_details.cached_tokens",
        "input_tokens_details.cached_tokens",
        "cache_read_input_tokens",
        "cacheReadInputTokens",
        "cacheReadInputTokenCount",
        "cached_content_token_count",
        "cachedContentTokenCount",
        "prompt_cache_hit_tokens",
        "cache_read_tokens",
        "cached_tokens",
    ),
    "cache_write_tokens": (
        "input_token_details.cache_creation",
        "input_token_details.cache_write",
        "prompt_tokens_details.cache_write_tokens",
        "prompt_tokens_details.cache_creation_tokens",
        "input_tokens_details.cache_write_tokens",
        "cache_creation_input_tokens",
        "cacheWriteInputTokens",
        "cacheWriteInputTokenCount",
        "cache_write_tokens",
    ),
    "reasoning_tokens": (
        "output_token_details.reasoning",
        "completion_tokens_details.reasoning_tokens",
        "output_tokens_details.reasoning_tokens",
        "output_tokens_details.thinking_tokens",
        "thoughts_token_count",
        "thoughtsTokenCount",
        "reasoning_tokens",
    ),
    "input_audio_tokens": (
        "input_token_details.audio",
        "prompt_tokens_details.audio_tokens",
        "input_tokens_details.audio_tokens",
        "prompt_tokens_details.AUDIO",
        "promptTokensDetails.AUDIO",
    ),
    "output_audio_tokens": (
        "output_token_details.audio",
        "completion_tokens_details.audio_tokens",
        "output_tokens_details.audio_tokens",
        "candidates_tokens_details.AUDIO",
        "candidatesTokensDetails.AUDIO",
    ),
    "input_text_tokens": (
        "input_token_details.text",
        "prompt_tokens_details.text_tokens",
        "input_tokens_details.text_tokens",
        "prompt_tokens_details.TEXT",
        "promptTokensDetails.TEXT",
    ),
    "input_image_tokens": (
        "input_token_details.image",
        "prompt_tokens_details.image_tokens",
        "input_tokens_details.image_tokens",
        "prompt_tokens_details.IMAGE",
        "promptTokensDetails.IMAGE",
    ),
    "output_text_tokens": (
        "output_token_details.text",
        "completion_tokens_details.text_tokens",
        "output_tokens_details.text_tokens",
        "candidates_tokens_details.TEXT",
        "candidatesTokensDetails.TEXT",
    ),
    "input_video_tokens": ("input_token_details.video", "prompt_tokens_details.VIDEO", "promptTokensDetails.VIDEO"),
    "cached_text_tokens": ("cache_tokens_details.TEXT", "cacheTokensDetails.TEXT"),
    "cached_image_tokens": ("cache_tokens_details.IMAGE", "cacheTokensDetails.IMAGE"),
    "cached_audio_tokens": ("cache_tokens_details.AUDIO", "cacheTokensDetails.AUDIO"),
    "output_image_tokens": (
        "output_token_details.image",
        "completion_tokens_details.image_tokens",
        "output_tokens_details.image_tokens",
        "candidates_tokens_details.IMAGE",
        "candidatesTokensDetails.IMAGE",
    ),
}
# LangChain's details of a call with a service tier: `flex_cache_read`, `priority_reasoning`, ...
TIERED: Final[Mapping[str, tuple[str, str]]] = {
    "cache_read_tokens": ("input_token_details", "_cache_read"),
    "cache_write_tokens": ("input_token_details", "_cache_creation"),
    "reasoning_tokens": ("output_token_details", "_reasoning"),
}
# Anthropic's cache writes by lifetime, which LangChain gives instead of a sum.
WRITES_BY_LIFETIME: Final[Paths] = (
    "input_token_details.ephemeral_5m_input_tokens",
    "input_token_details.ephemeral_1h_input_tokens",
)
# Gemini counts what its tools read apart from the prompt.
TOOL_INPUT: Final[Paths] = ("tool_use_prompt_token_count", "toolUsePromptTokenCount")
# Providers whose own shape counts the cached input apart from the input (Anthropic, Bedrock).
CACHE_APART: Final = frozenset(
    {
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "cacheReadInputTokens",
        "cacheWriteInputTokens",
        "cacheReadInputTokenCount",
        "cacheWriteInputTokenCount",
    }
)
# Providers whose own shape counts reasoning apart from the output (Gemini), unless the total says otherwise.
REASONING_APART: Final = frozenset({"thoughts_token_count", "thoughtsTokenCount"})

# ---------------------------------------------------------------- money, in US dollars
COST: Final[Paths] = (
    "cost.total_cost",  # Perplexity
    "cost",  # OpenRouter
    "total_cost",
    "response_cost",  # LiteLLM
)
INPUT_COST: Final[Paths] = ("cost_details.upstream_inference_prompt_cost", "cost.input_tokens_cost", "input_cost")
OUTPUT_COST: Final[Paths] = (
    "cost_details.upstream_inference_completions_cost",
    "cost.output_tokens_cost",
    "output_cost",
)


# What OpenRouter says besides the answer: who served it, why that stopped, times in milliseconds.
GATEWAY: Final[Paths] = (
    "provider",
    "native_finish_reason",
    "openrouter_metadata",
    "latency",
    "generation_time",
    "moderation_latency",
)


def first_names(*tables: Paths) -> frozenset[str]:
    """Return the first name of each path: all that has to be captured of an answer."""
    return frozenset(path.partition(".")[0] for table in tables for path in table if path)


# All that is read of what a provider says besides the answer; the rest (log probabilities, headers) may be long.
ABOUT: Final = (
    first_names(FINISH_REASON, MODEL, ID, SERVICE_TIER, USAGE, COST, INPUT_COST, OUTPUT_COST)
    | first_names(COUNTS["input_tokens"], COUNTS["output_tokens"], COUNTS["total_tokens"])
    | first_names(COUNTS["cache_read_tokens"], COUNTS["cache_write_tokens"], COUNTS["reasoning_tokens"])
    | first_names(GATEWAY)
)
