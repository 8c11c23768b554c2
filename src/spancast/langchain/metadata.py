"""A run's metadata and tags without what the frameworks put there for themselves: by exact names, never by a prefix."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ..capture.shapes import key_text
from ..capture.snapshot import plain_data
from ..record.json import JSON
from ..record.operation import NOTHING
from ..recording.field_names import count_as_short
from ..recording.fields import CONSUMED

# What LangChain, LangGraph, deepagents and LangSmith put into metadata (names found in their sources, versions of
# 2026-11). `ls_stop` and `ls_invocation_params` would carry content past privacy mode.
_LANGSMITH_KEYS = (
    *("ls_agent_purpose", "ls_agent_runtime", "ls_agent_runtime_version", "ls_agent_type"),
    *("ls_audio_attach_status", "ls_audio_recording_start_offset_ms", "ls_audio_recording_started_at"),
    *("ls_embedding_dimensions", "ls_embedding_model", "ls_embedding_provider", "ls_gateway_info"),
    *("ls_integration", "ls_integration_version", "ls_invocation_params", "ls_is_bound", "ls_max_tokens"),
    *("ls_message_view_exclude", "ls_method", "ls_modality", "ls_model_name", "ls_model_type"),
    *("ls_nest_under_parent", "ls_provider", "ls_retriever_name", "ls_run_depth", "ls_runner", "ls_stop"),
    *("ls_structured_output_format", "ls_subagent_id", "ls_temperature", "ls_trace_schema_version"),
    *("ls_tracing_sample_rate", "ls_vector_store_provider"),
)
_FRAMEWORK_KEYS = frozenset(
    {
        *CONSUMED,
        *_LANGSMITH_KEYS,
        *("lc_agent_name", "lc_gateway_metadata", "lc_internal_call", "lc_versions"),
        *("checkpoint_ns", "langgraph_auth_user", "langgraph_request_id", "revision_id"),
    }
)
# What LangChain says of an agent and of a retriever is of use on their own spans: OpenInference's tracer shows it there.
AGENT_KEYS = frozenset({"lc_agent_name", "ls_agent_type", "ls_integration"})
RETRIEVER_KEYS = frozenset(
    {"ls_retriever_name", "ls_vector_store_provider", "ls_embedding_provider", "ls_embedding_model"}
)
WITHIN = "within_agent"  # of snapshots: the name of the agent around, where `lc_agent_name` is another's
# What may be long: parameters of the model, and what the user's types are made of.
_LONG = frozenset({"ls_stop", "ls_invocation_params", "ls_structured_output_format", "lc_gateway_metadata"})
_GRAPH_KEYS = ("langgraph_step", "langgraph_node", "langgraph_triggers", "langgraph_path", "langgraph_checkpoint_ns")
count_as_short(
    {*_LANGSMITH_KEYS, "lc_agent_name", "lc_internal_call", "lc_versions", "checkpoint_ns", *_GRAPH_KEYS} - _LONG
)
_RESERVED = "__pregel_"  # LangGraph's own space of names
_LANGFUSE = "langfuse_prompt"
# Where LangChain's hub and Langfuse say which prompt a template is.
PROMPT_KEYS = ("lc_hub_owner", "lc_hub_repo", "lc_hub_commit_hash", _LANGFUSE)
_LANGFUSE_FIELDS = ("name", "version", "type", "labels", "is_fallback")

_RETRY = re.compile(r"retry:attempt:(\d+)")
_FRAMEWORK_TAGS = re.compile(
    r"(seq:step|retry:attempt|graph:step|condition):-?\d+|branch:(\d+|default)|(map:key|map:item|langsmith|langgraph):.*"
)


def prompt_identity(metadata: Mapping[str, Any]) -> dict[str, JSON]:
    """Return what *metadata* says about a prompt's identity, as plain data; empty where it says nothing."""
    found = {key: metadata[key] for key in PROMPT_KEYS if metadata.get(key) is not None}
    if _LANGFUSE in found:
        found[_LANGFUSE] = _langfuse_prompt(found[_LANGFUSE])
    return {key: plain_data(value) for key, value in found.items()}


def _langfuse_prompt(prompt: Any) -> Any:
    """Return the identity of Langfuse's prompt object, or of a mapping like it; its text is left out."""
    fields = prompt if type(prompt) is dict else getattr(prompt, "__dict__", None)
    if type(fields) is not dict:
        return prompt
    return {name: fields[name] for name in _LANGFUSE_FIELDS if fields.get(name) not in (None, False)}


def shown_metadata(mapping: Mapping[str, Any] | None, shown: frozenset[str] = frozenset()) -> Mapping[str, JSON]:
    """Return a run's metadata as plain data, with the frameworks' own keys that are *shown*."""
    if not mapping or (not shown and _FRAMEWORK_KEYS.issuperset(mapping)):  # of most model calls
        return NOTHING
    kept: dict[str, JSON] = {}
    for key, value in dict(mapping).items():  # the frameworks may still write to it: copied in one go
        if value is None:
            continue
        name = _shown_name(key) if type(key) is str else key_text(key)
        if name is None and key in shown:
            name = key
        if name is None:
            continue
        if name == "langgraph_path":
            kept[name] = _path(value)
        elif name == _LANGFUSE:
            kept[name] = plain_data(_langfuse_prompt(value))
        else:
            kept[name] = value if type(value) is str else plain_data(value)
    return kept or NOTHING


@lru_cache(maxsize=4096)
def _shown_name(key: str) -> str | None:
    """Return the name under which a key is shown; None for what frameworks put there."""
    return None if key in _FRAMEWORK_KEYS or key.startswith(_RESERVED) else key


def _path(value: object) -> str:
    """Write LangGraph's path, a tuple of mixed types, always as text: a column of changing type breaks dashboards."""
    plain = plain_data(value)
    return "/".join(map(str, plain)) if isinstance(plain, list) else str(plain)


NO_TAGS: tuple[tuple[str, ...], bool, int] = ((), False, 0)


@lru_cache(maxsize=1024)  # the frameworks' own tags repeat: 0.2 us instead of 1.5
def read_tags(tags: tuple[str, ...]) -> tuple[tuple[str, ...], bool, int]:
    """Return the user's own tags, whether the frameworks' say that this is a node, and which retry it is."""
    attempts = [int(match[1]) for tag in tags if (match := _RETRY.fullmatch(tag))]
    own = tuple(tag for tag in tags if not is_framework_tag(tag))
    return own, any(tag.startswith("graph:step:") for tag in tags), attempts[-1] if attempts else 0


@lru_cache(maxsize=4096)
def is_framework_tag(tag: str) -> bool:
    """Return whether a tag is one that LangChain or LangGraph put there."""
    return _FRAMEWORK_TAGS.fullmatch(tag) is not None
