"""Presets for backends made for model calls. Each opens with what its backend does differently.

Numbers are those of the source that each docstring names; what is unconfirmed says so.
"""

from __future__ import annotations

import os
from base64 import b64encode
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ..conventions import CONVENTIONS, Convention, gen_ai, openinference
from ..conventions.outline import attribute
from ..conventions.span import AttributeValue, Span
from ..record.json import dumps
from ..record.operation import Generation, Operation
from . import arguments
from .destination import Destination, http_destination
from .validation import SettingsError

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .destination import CommonKeywords


def _metadata_once(convention: str) -> Convention:
    """Return the convention without `metadata.<key>` beside `metadata`."""
    return partial(openinference.render, flat_metadata=False) if convention == "openinference" else gen_ai.render


def phoenix(
    endpoint: str | None = None,
    *,
    api_key: str | None = None,
    project_name: str | None = None,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to Phoenix, of your own or in its cloud, in OpenInference as protobuf.

    What it does differently (Phoenix's source; tried against Phoenix 20):
    * protobuf only, the content type compared exactly: JSON is answered with 415;
    * `Authorization: Bearer`, where Arize AX wants the key alone;
    * it answers before it stores: a trace is readable a second or two later; a full queue is 503, and sent again;
    * the project is a resource attribute; `metadata` is read as one JSON text, and `metadata.<key>` beside it would clash.

    Args:
        endpoint: Host or whole URL; else `PHOENIX_COLLECTOR_ENDPOINT`, else `http://localhost:6006`.
        api_key: Where authentication is on; else `PHOENIX_API_KEY`.
        project_name: Else `PHOENIX_PROJECT`, `PHOENIX_PROJECT_NAME`, else `default`.
    """
    base = arguments.either(endpoint, "endpoint", "PHOENIX_COLLECTOR_ENDPOINT") or "http://localhost:6006"
    name = arguments.either(project_name, "project_name", "PHOENIX_PROJECT", "PHOENIX_PROJECT_NAME") or "default"
    headers = {}
    if api_key is not None or os.environ.get("PHOENIX_API_KEY"):
        key = arguments.secret(api_key, "api_key", "Phoenix makes one under Settings, API Keys", "PHOENIX_API_KEY")
        headers["authorization"] = f"Bearer {key}"
    return http_destination(
        "phoenix",
        arguments.traces_url(base, "endpoint" if endpoint is not None else "PHOENIX_COLLECTOR_ENDPOINT"),
        common,
        convention="openinference",
        protocol="http/protobuf",
        headers=headers,
        render=_metadata_once,
        resource={"openinference.project.name": arguments.word(name, "project_name", "my-project")},
    )


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
    * `Basic` of public and secret key; `x-langfuse-ingestion-version: 4` shows traces at once (above 4: 400);
    * a content type that it does not know is 400, not 415; above the plan's usage it answers 403.

    Args:
        public_key: `pk-lf-...`; else `LANGFUSE_PUBLIC_KEY`.
        secret_key: `sk-lf-...`; else `LANGFUSE_SECRET_KEY`.
        region: `eu` (default), `us`, `jp` or `hipaa`.
        base_url: A Langfuse of your own; else `LANGFUSE_BASE_URL`, `LANGFUSE_HOST`.
    """
    where = "Langfuse shows both keys under Settings, API Keys"
    public = arguments.secret(public_key, "public_key", where, "LANGFUSE_PUBLIC_KEY")
    private = arguments.secret(secret_key, "secret_key", where, "LANGFUSE_SECRET_KEY")
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
    named = None if region is not None else arguments.either(base_url, "base_url", "LANGFUSE_BASE_URL", "LANGFUSE_HOST")
    base = named or arguments.one_of(region or "eu", "region", hosts)
    return http_destination(
        "langfuse",
        arguments.traces_url(base, "base_url", "/api/public/otel/v1/traces"),
        common,
        headers={
            "Authorization": f"Basic {b64encode(f'{public}:{private}'.encode()).decode()}",
            "x-langfuse-ingestion-version": "4",
        },
        render=lambda convention: langfuse_gen_ai if convention == "gen_ai" else CONVENTIONS[convention],
    )


_LANGFUSE_NAMES = {"span.input": "langfuse.observation.input", "span.output": "langfuse.observation.output"}


def langfuse_gen_ai(operation: Operation) -> Span:
    """Return the span of *operation* in gen_ai, with what Langfuse calls otherwise."""
    span = gen_ai.render(operation, cost=False)
    attributes: dict[str, AttributeValue] = {"openinference.span.kind": operation.kind.value}
    for name, value in span.attributes.items():
        if name.startswith(("gen_ai.usage.cache_write", "trace.metadata.")):
            continue
        attributes[_LANGFUSE_NAMES.get(name, name)] = value
    for key, value in operation.metadata.items():
        attributes[f"langfuse.trace.metadata.{key}"] = attribute(value)
    cost = operation.detail.cost if isinstance(operation.detail, Generation) else None
    if cost is not None:
        held = {"input": cost.input, "output": cost.output, "total": cost.total}
        known = {name: amount for name, amount in held.items() if amount is not None}
        attributes["langfuse.observation.cost_details"] = dumps(known)
    return replace(span, attributes=attributes)


def langsmith(
    *,
    api_key: str | None = None,
    project: str | None = None,
    region: str = "us",
    base_url: str | None = None,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to LangSmith, in OpenInference as protobuf.

    What it does differently (LangSmith's documentation of 2025-08):
    * `x-api-key`, and the project in `Langsmith-Project`;
    * the path is `/otel/v1/traces`, in a LangSmith of your own `/api/v1/otel/v1/traces`;
    * OpenInference's `metadata` is merged into the run's; gen_ai is read too;
    * with `LANGSMITH_OTEL_ENABLED` set LangSmith's own tracer sends the same runs: switch one off;
    * JSON and limits are unconfirmed, hence protobuf.

    Args:
        api_key: `lsv2_...`; else `LANGSMITH_API_KEY`.
        project: The project's name; else `LANGSMITH_PROJECT`, else `default`.
        region: `us` or `eu`.
        base_url: A LangSmith of your own, with its path: `https://langsmith.example.com/api/v1`; else `LANGSMITH_ENDPOINT`.
    """
    key = arguments.secret(api_key, "api_key", "LangSmith makes one under Settings, API Keys", "LANGSMITH_API_KEY")
    name = arguments.either(project, "project", "LANGSMITH_PROJECT") or "default"
    hosts = {"us": "https://api.smith.langchain.com", "eu": "https://eu.api.smith.langchain.com"}
    named = arguments.either(base_url, "base_url", "LANGSMITH_ENDPOINT")
    return http_destination(
        "langsmith",
        arguments.traces_url(named or arguments.one_of(region, "region", hosts), "base_url", "/otel/v1/traces"),
        common,
        convention="openinference",
        protocol="http/protobuf",
        headers={"x-api-key": key, "Langsmith-Project": arguments.word(name, "project", "my-project")},
        render=_metadata_once,
    )


def braintrust(
    *,
    api_key: str | None = None,
    project_name: str | None = None,
    project_id: str | None = None,
    experiment_id: str | None = None,
    region: str = "us",
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to Braintrust, in gen_ai as protobuf with gzip.

    What it does differently (Braintrust's page on limits):
    * Bearer, and the place in `x-bt-parent`: one of project name, project id, experiment id;
    * above 10 MB it answers 413; requests stay below 4 MB; its page advises protobuf and gzip.

    Args:
        api_key: `sk-...`; else `BRAINTRUST_API_KEY`.
        project_name: The project, by name.
        project_id: The project, by id.
        experiment_id: An experiment.
        region: `us` or `eu`.
    """
    key = arguments.secret(api_key, "api_key", "Braintrust makes one under Settings, API Keys", "BRAINTRUST_API_KEY")
    places = {"project_name": project_name, "project_id": project_id, "experiment_id": experiment_id}
    given = {name: value for name, value in places.items() if value is not None}
    if len(given) != 1:
        raise SettingsError(
            f"project_name is missing: Braintrust wants exactly one of {', '.join(places)}, and {len(given)} are given."
        )
    ((place, value),) = given.items()
    hosts = {"us": "https://api.braintrust.dev", "eu": "https://api-eu.braintrust.dev"}
    return http_destination(
        "braintrust",
        f"{arguments.one_of(region, 'region', hosts)}/otel/v1/traces",
        common,
        protocol="http/protobuf",
        compression="gzip",
        headers={
            "Authorization": f"Bearer {key}",
            "x-bt-parent": f"{place}:{arguments.word(value, place, 'my-project')}",
        },
    )


def opik(
    *,
    api_key: str | None = None,
    workspace: str | None = None,
    project_name: str | None = None,
    base_url: str | None = None,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to Comet Opik, in the cloud or of your own, in OpenInference as protobuf.

    What it does differently (Comet's OpenTelemetry pages):
    * `Authorization` is the key alone, no Bearer; the workspace in `Comet-Workspace`, the project in `projectName`;
    * an Opik of your own wants neither key nor workspace;
    * JSON and limits are not documented, hence protobuf.

    Args:
        api_key: Else `OPIK_API_KEY`. Not needed with *base_url*.
        workspace: Else `OPIK_WORKSPACE`. Not needed with *base_url*.
        project_name: Else `OPIK_PROJECT_NAME`.
        base_url: An Opik of your own, such as `http://localhost:5173`.
    """
    cloud = base_url is None
    headers = {}
    key = arguments.either(api_key, "api_key", "OPIK_API_KEY")
    if cloud or key is not None:
        headers["Authorization"] = arguments.secret(key, "api_key", "Comet shows it under API Keys", "OPIK_API_KEY")
    place = arguments.either(workspace, "workspace", "OPIK_WORKSPACE")
    if cloud or place is not None:
        why = "Comet's cloud wants the workspace's name"
        headers["Comet-Workspace"] = arguments.needed(place, "workspace", "my-workspace", why, "OPIK_WORKSPACE")
    if project := arguments.either(project_name, "project_name", "OPIK_PROJECT_NAME"):
        headers["projectName"] = arguments.word(project, "project_name", "my-project")
    path = "/opik/api/v1/private/otel/v1/traces" if cloud else "/api/v1/private/otel/v1/traces"
    return http_destination(
        "opik",
        arguments.traces_url(base_url or "https://www.comet.com", "base_url", path),
        common,
        convention="openinference",
        protocol="http/protobuf",
        headers=headers,
        render=_metadata_once,
    )


def weave(
    *,
    api_key: str | None = None,
    entity: str | None = None,
    project: str | None = None,
    base_url: str | None = None,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to W&B Weave, in OpenInference as protobuf.

    What it does differently (W&B's documentation):
    * protobuf only: JSON is refused;
    * the key in `wandb-api-key`; entity and project are resource attributes;
    * this endpoint feeds the views Traces and Threads; the view Agents has one of its own.

    Args:
        api_key: Else `WANDB_API_KEY`.
        entity: The team or user; else `WANDB_ENTITY`.
        project: The project's name; else `WANDB_PROJECT`.
        base_url: A dedicated host's, with its path: `https://example.wandb.io/traces`.
    """
    key = arguments.secret(api_key, "api_key", "W&B shows it under User Settings", "WANDB_API_KEY")
    why = "Weave files traces under entity and project"
    resource = {
        "wandb.entity": arguments.needed(entity, "entity", "my-team", why, "WANDB_ENTITY"),
        "wandb.project": arguments.needed(project, "project", "my-project", why, "WANDB_PROJECT"),
    }
    return http_destination(
        "weave",
        arguments.traces_url(base_url or "https://trace.wandb.ai", "base_url", "/otel/v1/traces"),
        common,
        convention="openinference",
        protocol="http/protobuf",
        headers={"wandb-api-key": key},
        render=_metadata_once,
        resource=resource,
    )
