"""`convention="gen_ai@1.38"`: a convention as it was at one version, for backends whose dashboards know no later names.

A pinned version leaves out the attributes that came later; those that are ours or OpenRouter's stay. The tables are the
makers' own lists (tests/conventions/makers), as far as spancast writes the names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING

from .. import validation
from ..validation import SettingsError
from .span import AttributeValue, Span

if TYPE_CHECKING:
    from ..record.operation import Operation
    from . import Convention

# version -> the names that came with it; "newest" is what no release has yet
_GEN_AI: Mapping[str, tuple[str, ...]] = {
    "1.37": (),
    "1.38": (
        "gen_ai.embeddings.dimension.count",
        "gen_ai.evaluation.explanation",
        "gen_ai.evaluation.name",
        "gen_ai.evaluation.score.label",
        "gen_ai.evaluation.score.value",
        "gen_ai.tool.call.arguments",
        "gen_ai.tool.call.result",
        "gen_ai.tool.definitions",
    ),
    "1.39": ("gen_ai.prompt.name", "mcp.method.name", "mcp.protocol.version", "mcp.resource.uri", "mcp.session.id"),
    "1.40": (
        "gen_ai.agent.version",
        "gen_ai.retrieval.documents",
        "gen_ai.retrieval.query.text",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_read.input_tokens",
    ),
    "1.41": (
        "gen_ai.request.stream",
        "gen_ai.response.time_to_first_chunk",
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.workflow.name",
    ),
    "newest": (
        "gen_ai.conversation.compacted",
        "gen_ai.prompt.variable",
        "gen_ai.prompt.version",
        "gen_ai.request.reasoning.level",
        "gen_ai.retrieval.top_k",
        "gen_ai.usage.audio",
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.image",
        "gen_ai.usage.text",
        "gen_ai.usage.video",
    ),
}
_OPENINFERENCE: Mapping[str, tuple[str, ...]] = {
    "0.1.22": (),
    "0.1.23": ("completion.text", "prompt.text"),
    "0.1.24": (),
    "0.1.25": ("embedding.invocation_parameters",),
    "0.1.26": (),
    "0.1.27": ("tool.id",),
    "0.1.28": (),
    "0.1.29": ("llm.finish_reason",),
    "0.1.30": (
        "message_content.data",
        "message_content.encrypted_content",
        "message_content.id",
        "message_content.signature",
        "tool_call.reasoning_signature",
    ),
    "0.1.31": ("annotations", "evaluations"),
    "0.1.32": (),
    "newest": (
        "decision",
        "document.mime_type",
        "document.name",
        "document.url",
        "llm.request.model_name",
        "llm.response.model_name",
        "message_content.audio",
        "message_content.document",
        "message_content.video",
    ),
}
_TABLES: Mapping[str, Mapping[str, tuple[str, ...]]] = {"gen_ai": _GEN_AI, "openinference": _OPENINFERENCE}
_NEWEST = ("newest", "latest")
# kinds of OpenInference that one version does not know yet, and what stood for them
_KINDS = {"DECISION": "LLM"}


def versions_of(convention: str) -> list[str]:
    """Return the versions of a convention that can be pinned, the oldest first."""
    return [version for version in _TABLES[convention] if version != "newest"]


def checked(convention: object) -> str:
    """Return the name of a convention, perhaps with a version, in the form in which it is looked up.

    Raises:
        SettingsError: No such convention, or no such version of it.
    """
    base, at, version = convention.partition("@") if isinstance(convention, str) else ("", "", "")
    if base in _TABLES:
        known = versions_of(base)
        short = version.removeprefix("v")
        found = next((each for each in known if short == each or short.startswith(f"{each}.")), None)
        if not at or found is not None or version in _NEWEST:
            return f"{base}@{found}" if found is not None else base
        shown = repr(version) if len(version) <= _MAX_SHOWN else "that"
        raise SettingsError(
            f"convention is not known: {base} has no version {shown}; use {known[0]} to {known[-1]}, or newest."
        )
    return validation.choice(convention, "convention", tuple(_TABLES)[::-1])


_MAX_SHOWN = 12  # characters of a version that is shown in a message


def parsed(convention: str) -> tuple[str, str | None]:
    """Return the convention without its version, and the version where one is pinned that is not the newest."""
    base, _, version = convention.partition("@")
    return base, version or None


def at_version(render: Convention, convention: str) -> Convention:
    """Return *render*, or where *convention* pins a version, what leaves out the names that came later."""
    base, version = parsed(convention)
    if version is None:
        return render
    return partial(_render, inner=render, base=base, version=version)


def _render(operation: Operation, *, inner: Convention, base: str, version: str) -> Span:
    span = inner(operation)
    later = _later(base, version)
    kept = {name: value for name, value in span.attributes.items() if later.search(name) is None}
    if base == "openinference":
        kind = kept.get("openinference.span.kind")
        kept["openinference.span.kind"] = _KINDS.get(str(kind), kind)
    elif kept.get("gen_ai.operation.name") == "invoke_workflow" and "gen_ai.workflow.name" not in kept:
        del kept["gen_ai.operation.name"]  # it came with the workflow's name
    return replace(span, attributes=_with_older(kept, span.attributes))


# What stood for a name before it came, where that is no guess: the text of a retrieval, as OpenRouter sends any input.
_OLDER = {
    "gen_ai.retrieval.query.text": "span.input",
    "gen_ai.retrieval.documents": "span.output",
    "gen_ai.tool.call.arguments": "span.input",
    "gen_ai.tool.call.result": "span.output",
}


def _with_older(kept: dict[str, AttributeValue], before: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    for name, older in _OLDER.items():
        if name in before and name not in kept:
            kept.setdefault(older, before[name])
    return kept


@cache
def _later(base: str, version: str) -> re.Pattern[str]:
    """Return what finds a name that is later than *version*: whole, or a part of it between dots."""
    table = _TABLES[base]
    order = list(table)
    later = [name for each in order[order.index(version) + 1 :] for name in table[each]]
    return re.compile(r"(?:^|\.)(?:" + "|".join(map(re.escape, later)) + r")(?:\.|$)")
