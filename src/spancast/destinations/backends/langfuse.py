"""Langfuse: its preset, what it calls otherwise in gen_ai, and what only Langfuse knows."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from typing import TYPE_CHECKING

from ...conventions import CONVENTIONS, gen_ai
from ...conventions.outline import attribute
from ...conventions.span import AttributeValue, Span
from ...diagnostics.hints import Hints
from ...record.json import dumps
from ...record.operation import Generation, Operation, Score
from ...validation import SettingsError
from ..arguments import argument_or_env, choice_of, required_secret, traces_url
from ..destination import Destination
from ..factory import http_destination, keywords_checked
from ..registry import Preset

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords

_NAMES = {"span.input": "langfuse.observation.input", "span.output": "langfuse.observation.output"}


@keywords_checked
def langfuse(
    *,
    public_key: str | None = None,
    secret_key: str | None = None,
    region: str | None = None,
    base_url: str | None = None,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to Langfuse, in the cloud or of your own, in gen_ai as JSON.

    What it does differently (Langfuse's source):
    * every `gen_ai.usage.*` but `gen_ai.usage.cost` is counted as tokens, so `gen_ai.usage.*_cost` is never sent there:
      cost goes as `langfuse.observation.cost_details`, and cache writes under one of their two names only;
    * metadata is `langfuse.trace.metadata.*`, on every span; kinds come from `openinference.span.kind`; a chain's input
      and output are `langfuse.observation.input` and `.output`;
    * a span without a parent names its trace, so a score lies under the span that it judges;
    * `Basic` of public and secret key; `x-langfuse-ingestion-version: 4` shows traces immediately (above 4: 400);
    * a content type that it does not know is 400, not 415; above the plan's usage it answers 403.

    Args:
        public_key: `pk-lf-...`; else `LANGFUSE_PUBLIC_KEY`.
        secret_key: `sk-lf-...`; else `LANGFUSE_SECRET_KEY`.
        region: `eu` (default), `us`, `jp` or `hipaa`.
        base_url: A Langfuse of your own; else `LANGFUSE_BASE_URL`, `LANGFUSE_HOST`.
    """
    where = "Langfuse shows both keys under Settings, API Keys"
    public = required_secret(public_key, "public_key", where, "LANGFUSE_PUBLIC_KEY")
    private = required_secret(secret_key, "secret_key", where, "LANGFUSE_SECRET_KEY")
    if public.startswith("sk-") or private.startswith("pk-"):
        raise SettingsError(
            "public_key and secret_key are swapped: the public one begins with pk-, the secret one with sk-."
        )
    hosts = {"eu": "https://cloud.langfuse.com"}
    hosts.update({name: f"https://{name}.cloud.langfuse.com" for name in ("us", "jp", "hipaa")})
    if base_url is not None and region is not None:
        raise SettingsError(
            "base_url and region are both given: region chooses one of Langfuse's hosts, leave one out."
        )
    named = None if region is not None else argument_or_env(base_url, "base_url", "LANGFUSE_BASE_URL", "LANGFUSE_HOST")
    base = named or choice_of(region or "eu", "region", hosts)
    return http_destination(
        "langfuse",
        traces_url(base, "base_url", "/api/public/otel/v1/traces"),
        common,
        headers={
            "Authorization": f"Basic {b64encode(f'{public}:{private}'.encode()).decode()}",
            "x-langfuse-ingestion-version": "4",
        },
        render=lambda convention: langfuse_gen_ai if convention == "gen_ai" else CONVENTIONS[convention],
    )


def langfuse_gen_ai(operation: Operation) -> Span:
    """Return the span of *operation* in gen_ai, with what Langfuse calls otherwise."""
    span = gen_ai.render(operation, cost=False)
    attributes: dict[str, AttributeValue] = {"openinference.span.kind": operation.kind.value}
    for name, value in span.attributes.items():
        if name.startswith(("gen_ai.usage.cache_write", "trace.metadata.")):
            continue
        attributes[_NAMES.get(name, name)] = value
    for key, value in operation.metadata.items():
        attributes[f"langfuse.trace.metadata.{key}"] = attribute(value)
    cost = operation.detail.cost if isinstance(operation.detail, Generation) else None
    if cost is not None:
        amounts = {"input": cost.input, "output": cost.output, "total": cost.total}
        stated = {name: amount for name, amount in amounts.items() if amount is not None}
        attributes["langfuse.observation.cost_details"] = dumps(stated)
    parent = span.parent_span_id
    if parent is None and isinstance(operation.detail, Score) and operation.links:
        parent = operation.links[0].span_id  # a span without a parent would give its name to the whole trace
    return replace(span, attributes=attributes, parent_span_id=parent)


PRESET = Preset(
    make=langfuse,
    title="Langfuse",
    required=("public_key", "secret_key"),
    secrets=("public_key", "secret_key"),
    variables={
        "public_key": ("LANGFUSE_PUBLIC_KEY",),
        "secret_key": ("LANGFUSE_SECRET_KEY",),
        "base_url": ("LANGFUSE_BASE_URL", "LANGFUSE_HOST"),
    },
    plain_headers=("x-langfuse-ingestion-version",),
    hints=Hints(
        hosts=("langfuse.com",),
        authorization_scheme="Basic",
        base_paths=("/api/public/otel",),
        key_refused={"langfuse.com": "keys belong to one region: try region='us' or 'eu'"},
    ),
)
