"""OpenInference's words for who made a model (`llm.system`) and who serves it (`llm.provider`)."""

from __future__ import annotations

import re
from functools import lru_cache

# llm.system names the model family's maker (the specification's list); of a provider that resells models the model's own
# name says whose it is.
_SYSTEMS = {
    "openai": "openai",
    "azure": "openai",
    "azure_openai": "openai",
    "anthropic": "anthropic",
    "cohere": "cohere",
    "mistralai": "mistralai",
    "mistral": "mistralai",
    "google_vertexai": "vertexai",
    "google_genai": "vertexai",
    "xai": "xai",
    "deepseek": "deepseek",
    "amazon_nova": "amazon",
    "meta": "meta",
    "ai21": "ai21",
}
# How the names of models begin where many makers' are sold: Bedrock's `anthropic.claude-...`, OpenRouter's `x-ai/grok-...`.
_MAKERS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "cohere": "cohere",
    "mistralai": "mistralai",
    "mistral": "mistralai",
    "google": "vertexai",
    "xai": "xai",
    "x-ai": "xai",
    "deepseek": "deepseek",
    "deepseek-ai": "deepseek",
    "amazon": "amazon",
    "meta": "meta",
    "meta-llama": "meta",
    "ai21": "ai21",
}
_REGION = re.compile(r"(us|eu|apac|jp|au|ca|us-gov|global)\.")  # of Bedrock's inference profiles


@lru_cache(maxsize=1024)
def system_of(provider: str | None, model: str | None) -> str | None:
    """Return the maker of a model in the specification's word; None where neither provider nor model name says it."""
    found = _SYSTEMS.get(provider or "")
    if found is not None or not model:
        return found
    name = model.removeprefix("~")
    region = _REGION.match(name)
    if region is not None:
        name = name[region.end() :]
    for separator in "/.":
        maker, _, rest = name.partition(separator)
        if rest and maker in _MAKERS:
            return _MAKERS[maker]
    return None


PROVIDERS = {
    "azure_openai": "azure",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "amazon_bedrock": "aws",
    "google_genai": "google",
    "google_vertexai": "google",
    "mistral": "mistralai",
}
