"""What a test reads of a span in both conventions, in the terms of `wire.Expected`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import pytest

from .wire import Expected

GEN_AI_COUNTS = (
    *("input_tokens", "output_tokens", "total_tokens"),
    *("cache_read.input_tokens", "cache_write.input_tokens", "reasoning.output_tokens"),
)
OPENINFERENCE_COUNTS = (
    *("prompt", "completion", "total"),
    *("prompt_details.cache_read", "prompt_details.cache_write", "completion_details.reasoning"),
)


def installed(providers: Mapping[str, Any]) -> list[Any]:
    """Return the providers' names as parameters, those whose package is not installed marked to be skipped."""
    return [
        pytest.param(
            name,
            marks=()
            if _has(provider.package)
            else pytest.mark.skip(reason=f"{provider.package} is of the dependency group `providers`"),
        )
        for name, provider in providers.items()
    ]


def _has(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ImportError:
        return False


def parts_in(text: str) -> list[tuple[Any, ...]]:
    """Return the parts of all messages, each as a tuple that says what it is."""
    return [_part(part) for message in json.loads(text) for part in message["parts"]]


def _part(part: Mapping[str, Any]) -> tuple[Any, ...]:
    kind = part["type"]
    if kind in ("text", "reasoning", "refusal"):
        return kind, part["content"]
    if kind == "tool_call":
        return kind, part["name"], part["arguments"]
    if kind == "server_tool_call":
        inner = part.get("server_tool_call", part)
        return kind, part["name"], inner.get("arguments")
    return (kind,)


def said(gen_ai: Any, openinference: Any) -> tuple[Expected, tuple[int | None, ...]]:
    """Return what the gen_ai span says, and the counts of the OpenInference span."""
    attributes = gen_ai.attributes
    reasons = attributes.get("gen_ai.response.finish_reasons") or ["none"]
    assert len(reasons) == 1
    expected = Expected(
        counts=tuple(attributes.get(f"gen_ai.usage.{name}") for name in GEN_AI_COUNTS),
        finish=reasons[0],
        model=attributes.get("gen_ai.response.model"),
        id=attributes.get("gen_ai.response.id"),
        parts=tuple(parts_in(attributes.get("gen_ai.output.messages", "[]"))),
        service_tier=attributes.get("openai.response.service_tier"),
    )
    counts = tuple(openinference.attributes.get(f"llm.token_count.{name}") for name in OPENINFERENCE_COUNTS)
    return expected, counts
